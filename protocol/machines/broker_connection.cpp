#include "broker_connection.hpp"

#include "../messages/api_versions.hpp"
#include "../messages/heartbeat.hpp"
#include "../messages/list_offsets.hpp"
#include "../schema/header.hpp"

#include <algorithm>
#include <utility>

namespace cafka::protocol {

namespace {

/// How long a broker may say nothing to ApiVersions before it is tried with an older
/// request. One that is merely slow answers one small request more. A hang-up that comes
/// later is no answer to the request.
constexpr std::chrono::milliseconds silence{500};

/// Smaller requests are not what makes a broker close the connection.
constexpr std::size_t large_request = 64 * 1024;

/// The transport's words for an end in the middle of an answer.
constexpr std::string_view cut_short = "within a frame";

/// How long after a hang-up a connection may go on with what was found out before.
constexpr std::chrono::seconds doubt_lasts{10};

/// How long a release that rests on hang-ups is relied on, at first and at most. A broker
/// that is old indeed is asked each time by connections of its own.
constexpr std::chrono::seconds first_pause{1}, longest_pause{300};

/// Missing bytes of an answer that is not awaited, from which on a new connection is
/// cheaper.
constexpr std::size_t worth_reconnecting = 64 * 1024;

/// In 0.8.2 a Heartbeat is a draft that fails, whatever it says.
kafka_version release_by(const heartbeat_response& answer) {
  return answer.error_code == error_code::unknown_server_error ? kafka_version{0, 8, 2}
                                                               : kafka_version{0, 9, 0};
}

} // namespace

void broker_connection::set_address(endpoint address) {
  if (address != address_)
    next_ = approach::ask;
  if (login_)
    login_->set_address(address);
  address_ = std::move(address);
}

void broker_connection::move_to(time_point now, endpoint address) {
  if (state_ != state::down)
    static_cast<void>(closed({}));
  next_ = approach::ask;
  if (login_)
    login_->set_address(address);
  address_ = std::move(address);
  failures_ = 0;
  retry_at_ = now;
}

std::vector<call_id> broker_connection::awaited() const {
  std::vector<call_id> all;
  for (const auto& s : sent_) {
    if (s.call != 0)
      all.push_back(s.call);
  }
  return all;
}

void broker_connection::connecting(
  time_point now, std::uint64_t connection, std::optional<old_broker> old) {
  state_ = state::connecting;
  connection_ = connection;
  next_correlation_id_ = 1;
  heard_at_ = now;
  useful_ = false;
  ending_ = false;
  outdated_ = {};
  wants_login_ = false;
  if (login_)
    login_->on_connecting();
  // What was seen long ago may have been another broker.
  if (now - retry_at_ > doubt_lasts)
    next_ = approach::ask;
  approach_ = old ? approach::assume_old : next_;
  next_ = approach::ask;
  if (old || approach_ != approach::assume_old)
    old_ = old;
  if (old)
    pause_ = old->pause;
}

broker_connection::event broker_connection::connected(time_point now) {
  state_ = state::negotiating;
  if (told_)
    return use(now, *told_);
  switch (approach_) {
  case approach::ask: break;
  case approach::try_heartbeat: return try_heartbeat(now);
  case approach::try_list_offsets: return try_list_offsets(now);
  case approach::assume_old:
    if (old_->pause.count() > 0)
      old_->check_at = std::min(old_->check_at, now + old_->pause);
    return use(now, old_->release);
  }
  return ask(now, api_versions_request::versions.max);
}

broker_connection::event broker_connection::use(time_point now, kafka_version release) {
  versions_ = versions_of(release);
  features_ = {};
  return versions_known(now);
}

broker_connection::event broker_connection::ask(time_point now, std::int16_t version) {
  handshake_version_ = version;
  api_versions_request request;
  request.client_software_name = client_software_name;
  request.client_software_version = client_software_version;
  return send(now, request, version, asked_);
}

broker_connection::event broker_connection::try_heartbeat(time_point now) {
  tried_api_ = api_key::heartbeat;
  heartbeat_request request;
  request.generation_id = -1;
  return send(now, request, 0, tried_);
}

broker_connection::event broker_connection::try_list_offsets(time_point now) {
  tried_api_ = api_key::list_offsets;
  return send(now, list_offsets_request{}, 0, tried_);
}

/// The next connection goes by what hang-ups have shown.
void broker_connection::assume_old(kafka_version release) {
  pause_ = std::clamp(2 * pause_, first_pause, longest_pause);
  old_ = old_broker{release, pause_};
  next_ = approach::assume_old;
}

std::optional<time_point> broker_connection::check_at() const {
  const bool checked =
    up() && !retired_ && !outdated() && old_ && old_->check_at != time_point::max();
  return checked ? std::optional{old_->check_at} : std::nullopt;
}

std::optional<time_point> broker_connection::next_time() const {
  const auto check = check_at();
  if (const auto at = login_time())
    return check ? std::min(*at, *check) : *at;
  if (check)
    return check;
  // A broker that wants a login answers nothing else before it, and is 0.10 or later.
  const bool unanswered = state_ == state::negotiating && asked_ != 0 && !login_
    && handshake_version_ == api_versions_request::versions.max;
  if (!unanswered || tried_ != 0)
    return std::nullopt;
  return asked_at_ + silence;
}

broker_connection::event broker_connection::on_time(time_point now) {
  const auto next = next_time();
  if (!next || now < *next)
    return ignored{};
  if (const auto check = check_at(); check && *check <= now) {
    note_outdated("whether its broker is as old as it seemed is found out anew");
    return to_be_replaced{};
  }
  if (login_time())
    return on_login_time(now);
  return try_heartbeat(now);
}

void broker_connection::hung_up_when_up(error& why) {
  if (why.code != error_code::disconnected || sent_.empty())
    return;
  const auto size = std::ranges::max(sent_, {}, &sent_request::size).size;
  if (size >= large_request) {
    // About the same again: what comes back may be gathered anew.
    const auto before = std::exchange(hung_up_on_, size);
    if (before > 0 && size <= before + before / 8 && before <= size + size / 8)
      why.detail += " (it closed the connection after a request of "
        + std::to_string(size)
        + " bytes again: that may be more than its socket.request.max.bytes, which is "
          "104857600 unless it is set)";
  } else {
    wants_login_ = !login_ && !useful_ && !told_ && !old_ && !arriving_
      && why.detail.find(cut_short) == std::string::npos;
  }
}

void broker_connection::hung_up(time_point now, error& why) {
  if (up())
    hung_up_when_up(why);
  if (bare_exchange() && why.code == error_code::disconnected)
    why = login_->hung_up();
  else if (state_ == state::authenticating && why.code == error_code::disconnected)
    why.detail += " (before the login was done)";
  // A broker that wants a login says so at once.
  if (wants_login_ && now - sent_.front().sent_at > silence)
    wants_login_ = false;
  if (state_ != state::negotiating || now - asked_at_ > silence)
    return;
  const bool on_trial = asked_ == 0;
  if (on_trial && approach_ == approach::try_heartbeat) {
    next_ = approach::try_list_offsets;
  } else if (on_trial) {
    // TLS says for itself what it is about.
    if (why.code == error_code::disconnected)
      why.detail +=
        " (it closes the connection after every request: it may want TLS or a login)";
  } else if (handshake_version_ == api_versions_request::versions.max) {
    if (old_)
      assume_old(old_->release);
    else if (approach_ == approach::ask && !login_)
      next_ = approach::try_heartbeat;
    else if (approach_ == approach::ask && login_->suits_old_brokers()) {
      // Kafka 0.9 takes ApiVersions for a message of GSSAPI, and refuses it.
      assume_old({0, 9, 0});
    }
  }
}

void broker_connection::on_sent(time_point now, call_id call, const call::traits& what,
  std::int16_t version, std::size_t size) {
  const auto id = next_correlation_id_;
  next_correlation_id_ = id == INT32_MAX ? 1 : id + 1;
  used_at_ = now;
  if (what.answered)
    sent_.push_back({id, call, version, now, what.answer_timeout, size});
}

void broker_connection::withdraw(std::int32_t correlation_id) {
  std::erase_if(
    sent_, [&](const sent_request& s) { return s.correlation_id == correlation_id; });
}

broker_connection::event broker_connection::on_progress(
  time_point now, std::size_t received, std::size_t expected) {
  heard_at_ = now;
  if (received == 0)
    return ignored{};
  if (sent_.empty())
    return error{error_code::malformed_response,
      to_string(address_) + ": an answer of " + std::to_string(expected)
        + " bytes to no request of ours"};
  // A broker answers in order.
  arriving_ = {sent_.front().call, received, expected, now};
  return ignored{};
}

broker_connection::event broker_connection::received(
  time_point now, const shared_bytes& payload) {
  heard_at_ = now;
  arriving_.reset();
  if (bare_exchange() && !sent_.empty()) {
    sent_.clear();
    sasl_authenticate_response said;
    said.auth_bytes.value = payload;
    return login_goes_on(now, said);
  }
  const auto id = correlation_id_of(payload.view());
  const auto found = std::find_if(sent_.begin(), sent_.end(),
    [&](const sent_request& s) { return id && s.correlation_id == *id; });
  if (found == sent_.end()) {
    return error{error_code::malformed_response,
      to_string(address_) + ": an answer to no request of ours"
        + (id ? " (correlation id " + std::to_string(*id) + ')'
              : std::string{" (too short)"})};
  }
  // A broker answers a connection in order; an old one passes over ApiVersions.
  const bool passes_over = state_ == state::negotiating && *id == tried_;
  if (found != sent_.begin() && !passes_over) {
    return error{error_code::malformed_response,
      to_string(address_) + ": an answer out of turn (correlation id "
        + std::to_string(*id) + ", " + std::to_string(sent_.front().correlation_id)
        + " is due)"};
  }
  const auto request = *found;
  sent_.erase(found);
  if (login_id_ != 0 && request.correlation_id == login_id_)
    return login_answer(now, payload);
  if (request.call == 0 && request.correlation_id == tried_)
    return trial_answer(now, payload);
  if (state_ == state::negotiating)
    return versions_answer(now, payload);
  useful_ = true;
  used_at_ = now;
  if (request.size >= hung_up_on_)
    hung_up_on_ = 0;
  if (request.call == 0)
    return ignored{};
  return answer{request.call, request.version};
}

broker_connection::event broker_connection::trial_answer(
  time_point now, const shared_bytes& payload) {
  const auto tried = std::exchange(tried_, 0);
  // The broker was merely slow to answer ApiVersions, and has done so meanwhile, if only
  // to be asked in another version.
  if (state_ != state::negotiating || asked_ > tried)
    return ignored{};
  auto release = kafka_version{0, 8, 1};
  error wrong;
  if (tried_api_ == api_key::heartbeat) {
    const auto response = decode_response<heartbeat_response>(payload, 0);
    wrong = response.error();
    if (response)
      release = release_by(*response);
  } else {
    wrong = decode_response<list_offsets_response>(payload, 0).error();
  }
  if (wrong)
    return error{wrong.code, to_string(address_) + ": " + wrong.detail};
  if (asked_ == 0) {
    // A 0.9 would have said nothing to ApiVersions; this one may again.
    if (release < kafka_version{0, 9, 0})
      old_ = old_broker{release};
    else
      old_.reset();
    return ask(now, api_versions_request::versions.max);
  }
  old_ = old_broker{release};
  // It has passed over ApiVersions and will never answer that.
  std::erase_if(sent_, [&](const sent_request& s) { return s.correlation_id == asked_; });
  asked_ = 0;
  return use(now, release);
}

broker_connection::event broker_connection::versions_answer(
  time_point now, const shared_bytes& payload) {
  asked_ = 0;
  auto response = decode_response<api_versions_response>(payload, handshake_version_);
  reader head{payload.view()};
  head.skip(sizeof(std::int32_t));
  const auto code = error_code_from_wire(head.i16());
  if (code == error_code::unsupported_version && handshake_version_ > 0) {
    // A refusal in the version that was refused, as librdkafka's mock cluster sends it,
    // cannot be read: it leaves version 0.
    const std::int16_t offered = response ? fallback_version(*response) : 0;
    return ask(now,
      std::min<std::int16_t>(offered, static_cast<std::int16_t>(handshake_version_ - 1)));
  }
  if (!response) {
    auto e = response.error();
    e.detail = to_string(address_) + ": ApiVersions: " + e.detail;
    return e;
  }
  if (response->error_code != error_code::none)
    return error{response->error_code, to_string(address_) + ": ApiVersions"};
  old_.reset();
  pause_ = {};
  if (handshake_version_ >= api_versions_response::client_throttles_since)
    handshake_throttle_ = response->throttle_time_ms;
  versions_ = to_version_table(*response);
  features_ = {
    response->finalized_features_epoch, std::move(response->finalized_features)};
  return versions_known(now);
}

void broker_connection::abandon(call_id call, std::int32_t correlation_id) {
  // The ids only grow, until they begin anew.
  const auto found =
    std::ranges::lower_bound(sent_, correlation_id, {}, &sent_request::correlation_id);
  if (found != sent_.end() && found->call == call) {
    found->call = 0;
    return;
  }
  for (auto& s : sent_) {
    if (s.call == call)
      s.call = 0;
  }
}

bool broker_connection::clogged() const {
  const auto waited_for = [](const sent_request& s) { return s.call != 0; };
  // Those sent last are given up last.
  if (!takes_requests() || sent_.empty()
    || std::any_of(sent_.rbegin(), sent_.rend(), waited_for))
    return false;
  return lane_ == lane::long_poll
    || (arriving_ && arriving_->missing() >= worth_reconnecting);
}

std::optional<time_point> broker_connection::silent_until(
  std::chrono::milliseconds socket_timeout) const {
  if (sent_.empty())
    return std::nullopt;
  // The broker works on the oldest; those behind it cannot be answered earlier.
  const auto& oldest = sent_.front();
  return std::max({oldest.sent_at, heard_at_, muted_.until}) + oldest.answer_timeout
    + socket_timeout;
}

void broker_connection::let_go(time_point now) {
  closed({});
  retry_at_ = now;
}

std::vector<broker_connection::sent_request> broker_connection::closed(error why) {
  std::vector<sent_request> orphans{sent_.begin(), sent_.end()};
  sent_.clear();
  muted_ = {};
  handshake_throttle_ = 0;
  state_ = state::down;
  connection_ = 0;
  asked_ = 0;
  tried_ = 0;
  login_id_ = 0;
  session_over_ = false;
  if (login_)
    login_->on_down();
  arriving_.reset();
  last_error_ = std::move(why);
  return orphans;
}

} // namespace cafka::protocol
