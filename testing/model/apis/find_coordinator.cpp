#include "api.hpp"

// FindCoordinator, versions 0 to 6.
//
// 0 finds the coordinators of groups alone, 1 those of transactional ids too; since 4 a
// request asks for several keys and each has its own error (KIP-699); 6 adds share
// groups, whose keys are `group:topic id:partition`. A type that the version does not
// have is INVALID_REQUEST. COORDINATOR_NOT_AVAILABLE where no broker can be one.

namespace cafka::testing {

using namespace protocol;

namespace {

constexpr std::int16_t several_since = 4;
constexpr std::int16_t share_since = 6;

find_coordinator_response failed(
  const find_coordinator_request& asked, std::int16_t version, error_code why) {
  find_coordinator_response response;
  if (version < several_since) {
    response.error_code = why;
    response.node_id = -1;
    response.port = -1;
    return response;
  }
  for (const auto& key : asked.coordinator_keys)
    response.coordinators.push_back({key, -1, {}, -1, why, std::string{text(why)}});
  return response;
}

} // namespace

outcome<find_coordinator_response> handle(
  const request_context& c, const find_coordinator_request& asked) {
  const auto most = c.version >= share_since ? 2 : 1;
  if (asked.key_type < 0 || asked.key_type > most)
    return failed(asked, c.version, error_code::invalid_request);
  const auto find = [&](const std::string& key) {
    coordinator_endpoint x;
    x.key = key;
    const auto id = c.cluster.coordinator(asked.key_type, key);
    if (id < 0) {
      x.port = -1;
      x.node_id = -1;
      x.error_code = error_code::coordinator_not_available;
      x.error_message = std::string{text(x.error_code)};
      return x;
    }
    const auto& b = c.cluster.brokers.at(id);
    x.node_id = id;
    x.host = b.address.host;
    x.port = b.address.port;
    return x;
  };
  find_coordinator_response response;
  if (c.version >= several_since) {
    for (const auto& key : asked.coordinator_keys)
      response.coordinators.push_back(find(key));
    return response;
  }
  const auto found = find(asked.coordinator_key);
  response.error_code = found.error_code;
  response.error_message = found.error_message;
  response.node_id = found.node_id;
  response.host = found.host;
  response.port = found.port;
  return response;
}

find_coordinator_response refuse(
  const find_coordinator_request& asked, std::int16_t version, error_code why) {
  return failed(asked, version, why);
}

} // namespace cafka::testing
