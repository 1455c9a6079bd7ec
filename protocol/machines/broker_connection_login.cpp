#include "broker_connection.hpp"

#include <algorithm>
#include <utility>

// The login on a connection.

namespace cafka::protocol {

namespace {

/// A token without a header, as brokers before 1.0 have it: its length, and itself.
frame bare_frame(std::string_view token) {
  writer out;
  out.i32(static_cast<std::int32_t>(token.size()));
  out.raw(token);
  return out.finish();
}

} // namespace

bool broker_connection::bare_exchange() const {
  return login_ && login_->bare()
    && login_->current() == connection_login::phase::exchange;
}

broker_connection::event broker_connection::versions_known(time_point now) {
  if (!login_)
    return made_up();
  state_ = state::authenticating;
  if (auto wrong = login_->begin(now, versions_))
    return wrong;
  return credentials_wanted{login_->mechanism(), login_->refused()};
}

broker_connection::event broker_connection::made_up(std::optional<frame> last) {
  state_ = state::up;
  used_at_ = heard_at_;
  last_error_ = {};
  return ready{std::move(last)};
}

broker_connection::event broker_connection::on_credentials(
  time_point now, result<sasl::login> with, double share) {
  if (!login_ || login_->current() != connection_login::phase::credentials)
    return ignored{};
  if (auto wrong = login_->on_credentials(std::move(with), share)) {
    if (state_ != state::up)
      return wrong;
    login_->put_off(now);
    return renewal_put_off{std::move(wrong)};
  }
  if (state_ == state::up)
    state_ = state::reauthenticating;
  if (login_->current() == connection_login::phase::exchange)
    return send_first_message(now);
  return send(now, login_->handshake(), login_->handshake_version(), login_id_);
}

broker_connection::event broker_connection::send_first_message(time_point now) {
  const auto token = login_->first_message();
  if (!token)
    return token.error();
  return send_token(now, *token);
}

broker_connection::event broker_connection::send_token(
  time_point now, const secret& token) {
  const auto done = login_->on_sent(now);
  if (done)
    return made_up(bare_frame(token.reveal()));
  if (login_->bare()) {
    sent_.push_back({0, 0, 0, now, std::chrono::milliseconds{0}, 0});
    return reply{bare_frame(token.reveal())};
  }
  sasl_authenticate_request request;
  request.auth_bytes.value = shared_bytes::copy_of(token.reveal());
  return send(now, request, login_->authenticate_version(), login_id_);
}

broker_connection::event broker_connection::login_answer(
  time_point now, const shared_bytes& payload) {
  login_id_ = 0;
  const auto unreadable = [&](const error& why) {
    return error{why.code, to_string(address_) + ": login: " + why.detail};
  };
  if (login_->current() == connection_login::phase::exchange) {
    const auto said = decode_response<sasl_authenticate_response>(
      payload, login_->authenticate_version());
    if (!said)
      return unreadable(said.error());
    return login_goes_on(now, *said);
  }
  const auto said =
    decode_response<sasl_handshake_response>(payload, login_->handshake_version());
  if (!said)
    return unreadable(said.error());
  if (auto wrong = login_->on_handshake(*said))
    return wrong;
  return send_first_message(now);
}

broker_connection::event broker_connection::login_goes_on(
  time_point now, const sasl_authenticate_response& said) {
  const auto next = login_->on_answer(now, said);
  if (!next)
    return next.error();
  if (*next)
    return send_token(now, **next);
  if (state_ == state::authenticating)
    return made_up();
  state_ = state::up;
  session_over_ = false;
  return renewed{};
}

std::string broker_connection::login_stage() const {
  if (state_ != state::authenticating)
    return {};
  auto text = "the login at " + to_string(address_) + " by "
    + std::string{to_string(login_->mechanism())};
  return text
    + (login_->current() == connection_login::phase::credentials
        ? " waits for credentials"
        : " is under way");
}

// -- how it is renewed ------------------------------------------------------------------

std::optional<time_point> broker_connection::renewal_at() const {
  // What rests at the broker is answered before it reads on.
  std::chrono::milliseconds longest{0};
  if (lane_ == lane::long_poll || lane_ == lane::resting) {
    for (const auto& s : sent_)
      longest = std::max(longest, s.answer_timeout);
  }
  return login_->renewal_at(longest);
}

std::optional<time_point> broker_connection::login_time() const {
  if (!login_ || retired_)
    return std::nullopt;
  const bool waits = login_->current() == connection_login::phase::credentials;
  if (state_ == state::authenticating && waits)
    return login_->credentials_due();
  if (state_ != state::up)
    return std::nullopt;
  auto next = waits ? std::optional{login_->credentials_due()} : renewal_at();
  // Without a session that ends there is no renewal.
  const auto ends = login_->session_ends();
  if (ends && !session_over_)
    next = next ? std::min(*next, *ends) : *ends;
  else if (session_over_ && sent_.empty() && login_->lacks_credentials())
    next = *ends;
  return next;
}

broker_connection::event broker_connection::on_login_time(time_point now) {
  const auto waits = login_->current() == connection_login::phase::credentials;
  if (state_ == state::authenticating)
    return on_credentials(now,
      error{error_code::credentials_unavailable,
        "none came in " + std::to_string(login_->credentials_wait.count()) + " s"},
      0);
  if (const auto ends = login_->session_ends(); ends && *ends <= now) {
    // The broker would close the connection at the next request.
    session_over_ = true;
    if (sent_.empty() && login_->lacks_credentials())
      return error{error_code::credentials_unavailable,
        to_string(address_)
          + ": the session has ended, and there were no credentials to renew it with"};
  }
  if (waits && login_->credentials_due() <= now) {
    return on_credentials(
      now, error{error_code::credentials_unavailable, "none came in time"}, 0);
  }
  if (const auto at = renewal_at(); at && *at <= now) {
    login_->begin_renewal(now);
    return credentials_wanted{login_->mechanism(), login_->refused()};
  }
  return ignored{};
}

} // namespace cafka::protocol
