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

struct api_version_range {
  protocol::api_key key{};
  std::int16_t min = 0;
  std::int16_t max = 0;
};

struct supported_versions {
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
