#include "coordinator_lookup.hpp"

#include "../text.hpp"

#include <algorithm>

namespace cafka::protocol {

namespace {

/// From here on there are coordinators of other things than groups (KIP-98).
constexpr std::int16_t typed_since = 1;
/// From here on a request asks about several keys (KIP-699).
constexpr std::int16_t several_since = 4;

error refused(
  const coordinator_of& what, error_code code, const std::optional<std::string>& words) {
  auto detail = to_string(what);
  // Kafka repeats the code's own text, or says NONE.
  if (words && !words->empty())
    detail += ": " + shown(*words);
  return {code, std::move(detail)};
}

} // namespace

version_range lookup_versions(const coordinator_of& what) {
  auto versions = find_coordinator_request::versions;
  if (what.type != coordinator_type::group)
    versions.min = std::max(versions.min, typed_since);
  return versions;
}

find_coordinator_request lookup_request(
  const coordinator_of& what, std::int16_t version) {
  find_coordinator_request request;
  request.key_type = static_cast<std::int8_t>(what.type);
  if (version >= several_since)
    request.coordinator_keys.push_back(what.key);
  else
    request.coordinator_key = what.key;
  return request;
}

result<found_node> found_in(const coordinator_of& what, std::int16_t version,
  const find_coordinator_response& answer) {
  coordinator_endpoint found;
  if (version >= several_since) {
    const auto at =
      std::ranges::find(answer.coordinators, what.key, &coordinator_endpoint::key);
    if (at == answer.coordinators.end())
      return {error_code::malformed_response, "the answer leaves out " + to_string(what)};
    found = *at;
  } else {
    found.node_id = answer.node_id;
    found.host = answer.host;
    found.port = answer.port;
    found.error_code = answer.error_code;
    found.error_message = answer.error_message;
  }
  if (found.error_code != error_code::none)
    return refused(what, found.error_code, found.error_message);
  if (found.node_id.value() < 0)
    return refused(what, error_code::coordinator_not_available, "it has no number");
  auto address = told_endpoint(found.host, found.port);
  if (!address)
    return refused(what, error_code::coordinator_not_available, address.error().detail);
  return found_node{found.node_id, *std::move(address)};
}

} // namespace cafka::protocol
