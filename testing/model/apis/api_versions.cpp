#include "api.hpp"

#include <algorithm>

// ApiVersions, versions 0 to 4.
//
// A version that the broker does not know is answered in version 0 with
// UNSUPPORTED_VERSION (KIP-511), which the connection's part does, for there is nothing
// to decode. Since 3 the client says what it is; a name that is empty or has other
// letters than Kafka allows is INVALID_REQUEST. Of the features since 3 there is
// transaction.version alone, from 3.9 on; that the broker supports it from version 0 on
// is said in 4 alone (KIP-1022), and one that is in force is above 0.

namespace cafka::testing {

using namespace protocol;

namespace {

/// Letters and digits, and between them dots and dashes.
bool legal(const std::string& word) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  return !word.empty() && letter(word.front()) && letter(word.back())
    && std::ranges::all_of(
      word, [&](char c) { return letter(c) || c == '.' || c == '-'; });
}

} // namespace

outcome<api_versions_response> handle(
  const request_context& c, const api_versions_request& asked) {
  api_versions_response response;
  if (c.version >= 3
    && (!legal(asked.client_software_name) || !legal(asked.client_software_version))) {
    response.error_code = error_code::invalid_request;
    return response;
  }
  for (const auto& api : c.broker.versions.entries())
    response.api_keys.push_back(
      {static_cast<std::int16_t>(api.key), api.versions.min, api.versions.max});
  constexpr kafka_version first_with_features{3, 9};
  if (c.version < 3 || c.broker.release < first_with_features)
    return response;
  const auto in_force = c.cluster.transaction_version();
  constexpr std::int16_t names_zero_since = 4;
  if (c.version >= names_zero_since)
    response.supported_features.push_back({"transaction.version", 0,
      static_cast<std::int16_t>(c.broker.release >= kafka_version{4, 0} ? 2 : 1)});
  response.finalized_features_epoch = 1;
  if (in_force > 0)
    response.finalized_features.push_back({"transaction.version", in_force, in_force});
  return response;
}

api_versions_response refuse(const api_versions_request&, std::int16_t, error_code why) {
  api_versions_response response;
  response.error_code = why;
  return response;
}

} // namespace cafka::testing
