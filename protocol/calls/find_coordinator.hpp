#pragma once

#include "../machines/coordinator_of.hpp"
#include "operation.hpp"

namespace cafka {

using protocol::coordinator_type;

/// Asks which broker coordinates a group or a transactional id.
///
/// KafkaEx: `consumer_group_metadata/2`. Kafka: FindCoordinatorRequest, key 10.
struct find_coordinator {
  /// A group's name or a transactional id; empty: the worker's consumer group.
  std::string key = {};
  /// What `key` names: a group or a transactional id.
  coordinator_type type = coordinator_type::group;
  milliseconds deadline{0};
  std::optional<std::int16_t> api_version = {};
};

/// Where to ask about a group or a transactional id.
struct found_coordinator {
  /// The group or the transactional id.
  std::string key = {};
  /// The coordinator's number.
  broker_id id = -1;
  /// Where the coordinator listens.
  endpoint address = {};
};

CAFKA_INSPECT(find_coordinator, key, type, deadline, api_version)
CAFKA_INSPECT(found_coordinator, key, id, address)

template <>
struct operation<find_coordinator> {
  using reply = found_coordinator;
  static constexpr bool changes_something = false;
};

[[nodiscard]] std::unique_ptr<protocol::call> make_call(find_coordinator asked,
  const call_context& around, reply_function<found_coordinator> reply);

} // namespace cafka
