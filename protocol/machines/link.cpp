#include <cafka/protocol/machines/link.hpp>
#include <cafka/protocol/messages/api_versions.hpp>
#include <cafka/protocol/schema/header.hpp>

#include <algorithm>

namespace cafka::protocol {

void link::connecting(time_point now, std::uint64_t connection) {
  state_ = state::connecting;
  connection_ = connection;
  next_correlation_id_ = 1;
  heard_at_ = now;
  useful_ = false;
}

result<frame> link::connected(time_point now) {
  state_ = state::negotiating;
  return handshake(now, api_versions_request::versions.max);
}

result<frame> link::handshake(time_point now, std::int16_t version) {
  handshake_version_ = version;
  api_versions_request request;
  request.client_software_name = client_software_name;
  request.client_software_version = client_software_version;
  const auto id = next_correlation_id_++;
  sent_.push_back({id, 0, version, now, std::chrono::milliseconds{0}});
  return encode_request(request, version, id, client_id_);
}

void link::sent(
  time_point now, call_id call, const call::traits& what, std::int16_t version) {
  const auto id = next_correlation_id_;
  next_correlation_id_ = id == INT32_MAX ? 1 : id + 1;
  if (what.answered)
    sent_.push_back({id, call, version, now, what.patience});
}

link::event link::received(time_point now, const shared_bytes& payload) {
  heard_at_ = now;
  const auto id = correlation_id_of(payload.view());
  // A broker answers a connection in order; looking further costs nothing when it does.
  const auto found = std::find_if(sent_.begin(), sent_.end(),
    [&](const sent_request& s) { return id && s.correlation_id == *id; });
  if (found == sent_.end()) {
    return error{error_code::malformed_response,
      to_string(address_) + ": an answer to no request of ours"
        + (id ? " (correlation id " + std::to_string(*id) + ')'
              : std::string{" (too short)"})};
  }
  const auto request = *found;
  sent_.erase(found);
  if (state_ == state::negotiating)
    return handshake_answer(now, payload);
  useful_ = true;
  if (request.call == 0)
    return ignored{};
  return answer{request.call, request.version};
}

link::event link::handshake_answer(time_point now, const shared_bytes& payload) {
  const auto response =
    decode_response<api_versions_response>(payload, handshake_version_);
  reader head{payload.view()};
  head.skip(sizeof(std::int32_t));
  const auto code = error_code_from_wire(head.i16());
  if (code == error_code::unsupported_version && handshake_version_ > 0) {
    // A refusal in the version that was refused, as librdkafka's mock cluster sends it,
    // cannot be read: it leaves version 0.
    const std::int16_t offered = response ? fallback_version(*response) : 0;
    auto again = handshake(now,
      std::min<std::int16_t>(offered, static_cast<std::int16_t>(handshake_version_ - 1)));
    if (!again)
      return again.error();
    return reply{*std::move(again)};
  }
  if (!response) {
    auto e = response.error();
    e.detail = to_string(address_) + ": ApiVersions: " + e.detail;
    return e;
  }
  if (response->error_code != error_code::none)
    return error{response->error_code, to_string(address_) + ": ApiVersions"};
  versions_ = to_version_table(*response);
  state_ = state::up;
  last_error_ = {};
  return ready{};
}

void link::abandon(call_id call) {
  for (auto& s : sent_) {
    if (s.call == call)
      s.call = 0;
  }
}

std::optional<time_point> link::silent_until(
  std::chrono::milliseconds socket_timeout) const {
  if (sent_.empty())
    return std::nullopt;
  // The broker works on the oldest; those behind it cannot be answered earlier.
  const auto& oldest = sent_.front();
  return std::max(oldest.sent_at, heard_at_) + oldest.patience + socket_timeout;
}

std::vector<link::sent_request> link::closed(error why) {
  std::vector<sent_request> orphans{sent_.begin(), sent_.end()};
  sent_.clear();
  state_ = state::down;
  connection_ = 0;
  useful_ = false;
  last_error_ = std::move(why);
  return orphans;
}

} // namespace cafka::protocol
