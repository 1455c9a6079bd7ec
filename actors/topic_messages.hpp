#pragma once

#include "../base/inspect.hpp"

// The messages that make and remove topics; `interfaces.hpp` says what they have in
// common.

#include "types.hpp"

#include <algorithm>
#include <utility>

namespace cafka {

/// A topic to be made.
struct new_topic {
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
  std::vector<new_topic> topics = {};
  /// How long the broker may wait until the topics are there; zero means what the
  /// deadline leaves.
  milliseconds timeout{0};
  /// Only says what would become of them; Kafka 0.10.2 and later.
  bool validate_only = false;
  milliseconds deadline{0};
  std::optional<std::int16_t> api_version = {};
};

/// What became of one topic.
struct topic_result {
  std::string name = {};
  /// `none`, or why not: `topic_already_exists`, `unknown_topic_or_partition`, ...
  error_code status = error_code::none;
  /// The broker's own words; may be empty.
  std::string message = {};
};

/// A result for each topic that was asked for, in that order.
struct topic_results {
  std::vector<topic_result> topics = {};

  /// Whether it worked for every topic.
  [[nodiscard]] bool ok() const {
    return std::ranges::all_of(
      topics, [](const topic_result& t) { return t.status == error_code::none; });
  }
};

/// Removes topics, by way of the controller. Kafka: DeleteTopicsRequest, key 20.
struct delete_topics {
  name_list topics = {};
  /// How long the broker may wait until the topics are gone; zero means what the deadline
  /// leaves.
  milliseconds timeout{0};
  milliseconds deadline{0};
  std::optional<std::int16_t> api_version = {};
};

// -- inspection -------------------------------------------------------------------------

CAFKA_INSPECT(
  new_topic, name, partitions, replication_factor, replica_assignment, configs)
CAFKA_INSPECT(create_topics, topics, timeout, validate_only, deadline, api_version)
CAFKA_INSPECT(topic_result, name, status, message)
CAFKA_INSPECT(topic_results, topics)
CAFKA_INSPECT(delete_topics, topics, timeout, deadline, api_version)

} // namespace cafka
