#pragma once

#include "operation.hpp"
#include "topic_results.hpp"

#include <utility>

namespace cafka {

/// A topic to be made.
struct new_topic {
  /// The topic's name.
  std::string name = {};
  /// -1: the broker's default (Kafka 2.4 and later), or what `replica_assignment` says.
  std::int32_t partitions = -1;
  /// -1: likewise.
  std::int16_t replication_factor = -1;
  /// Which brokers hold partition 0, 1, ..., the first of each preferred as its leader;
  /// empty: the broker chooses.
  std::vector<std::vector<broker_id>> replica_assignment = {};
  /// Settings of the topic, as `retention.ms`; without a value: the default.
  std::vector<std::pair<std::string, std::optional<std::string>>> configs = {};
};

/// Makes topics, by way of the controller. Kafka: CreateTopicsRequest, key 19.
struct create_topics {
  /// The topics to create.
  std::vector<new_topic> topics = {};
  /// How long the broker may wait until the topics are there; zero means what the
  /// deadline leaves.
  milliseconds timeout{0};
  /// Only says what the result would be; Kafka 0.10.2 and later.
  bool validate_only = false;
  milliseconds deadline{0};
  std::optional<std::int16_t> api_version = {};
};

CAFKA_INSPECT(
  new_topic, name, partitions, replication_factor, replica_assignment, configs)
CAFKA_INSPECT(create_topics, topics, timeout, validate_only, deadline, api_version)

template <>
struct operation<create_topics> {
  using reply = topic_results;
  static constexpr bool changes_something = true;
};

[[nodiscard]] std::unique_ptr<protocol::call> make_call(
  create_topics asked, const call_context& around, reply_function<topic_results> reply);

} // namespace cafka
