#pragma once

#include "../schema/api_key.hpp"
#include "operation.hpp"

namespace cafka {

/// Asks what a broker can do. Kafka: ApiVersionsRequest, key 18.
struct api_versions {
  /// Which broker; nothing means any.
  std::optional<broker_id> broker = {};
  milliseconds deadline{0};
  std::optional<std::int16_t> api_version = {};
};

/// One API and the versions of it that both cafka and the broker know.
struct api_version_range {
  /// The API.
  protocol::api_key key{};
  /// The lowest version.
  std::int16_t min = 0;
  /// The highest version.
  std::int16_t max = 0;
};

/// The APIs of a broker.
struct supported_versions {
  /// One entry for each API.
  std::vector<api_version_range> apis = {};
};

CAFKA_INSPECT(api_versions, broker, deadline, api_version)
CAFKA_INSPECT(api_version_range, key, min, max)
CAFKA_INSPECT(supported_versions, apis)

template <>
struct operation<api_versions> {
  using reply = supported_versions;
  static constexpr bool changes_something = false;
};

[[nodiscard]] std::unique_ptr<protocol::call> make_call(api_versions asked,
  const call_context& around, reply_function<supported_versions> reply);

} // namespace cafka
