#pragma once

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

template <class Inspector>
bool inspect(Inspector& f, new_topic& x) {
  return f.object(x).fields(f.field("name", x.name), f.field("partitions", x.partitions),
    f.field("replication_factor", x.replication_factor),
    f.field("replica_assignment", x.replica_assignment), f.field("configs", x.configs));
}

template <class Inspector>
bool inspect(Inspector& f, create_topics& x) {
  return f.object(x).fields(f.field("topics", x.topics), f.field("timeout", x.timeout),
    f.field("validate_only", x.validate_only), f.field("deadline", x.deadline),
    f.field("api_version", x.api_version));
}

template <class Inspector>
bool inspect(Inspector& f, topic_result& x) {
  return f.object(x).fields(
    f.field("name", x.name), f.field("status", x.status), f.field("message", x.message));
}

template <class Inspector>
bool inspect(Inspector& f, topic_results& x) {
  return f.object(x).fields(f.field("topics", x.topics));
}

template <class Inspector>
bool inspect(Inspector& f, delete_topics& x) {
  return f.object(x).fields(f.field("topics", x.topics), f.field("timeout", x.timeout),
    f.field("deadline", x.deadline), f.field("api_version", x.api_version));
}

} // namespace cafka
