#pragma once

#include "../../protocol/schema/kafka_version.hpp"
#include "../../protocol/types.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace cafka::testing {

/// How the brokers of a cluster for tests want clients to log in. All of their listeners
/// do.
struct cluster_sasl {
  /// Kafka: `sasl.enabled.mechanisms`; PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512 are there.
  /// Empty: there are no logins.
  std::vector<std::string> mechanisms = {};
  /// Passwords by name.
  std::map<std::string, std::string> users = {};
  /// Kafka: `connections.max.reauth.ms`, how long a login holds; zero, or before 2.2:
  /// without end.
  std::chrono::milliseconds session_lifetime{0};
  /// Kafka: `connection.failed.authentication.delay.ms`, when a refusal leaves.
  std::chrono::milliseconds failure_delay{100};
  /// How often SCRAM hashes a password.
  std::int32_t scram_iterations = 4'096;
};

/// How a cluster for tests is set up. What is named after a setting of Kafka's has its
/// meaning, and its default unless another is said.
struct cluster_options {
  /// How many brokers there are, with numbers from `first_broker` on.
  std::int32_t brokers = 3;
  /// The number of the first broker. Without a port it is at `b1:9092`, the next at
  /// `b2:9092`.
  std::int32_t first_broker = 1;
  /// The release of Kafka that brokers are, from 0.8.2 on: the versions of each API that
  /// they know, and what differed.
  protocol::kafka_version kafka_version{4, 3};
  /// Kafka: `num.partitions`, of topics that come without a number.
  std::int32_t partitions = 1;
  /// Kafka: `default.replication.factor`; zero: as many as there are brokers.
  std::int16_t replication_factor = 0;
  /// Kafka: `auto.create.topics.enable`.
  bool auto_create_topics = true;
  /// Kafka: `message.max.bytes`, unless a topic has a `max.message.bytes`.
  std::int32_t max_message_bytes = 1'048'588;
  /// Kafka: `fetch.max.bytes`, the largest answer of a broker to a Fetch.
  std::int32_t fetch_max_bytes = 57'671'680;
  /// Kafka: `offset.metadata.max.bytes`.
  std::int32_t offset_metadata_max_bytes = 4'096;
  /// Kafka: `group.initial.rebalance.delay.ms`, how long the first members of a group
  /// wait for more; Kafka's own default is 3 s.
  std::chrono::milliseconds group_initial_rebalance_delay{0};
  /// Kafka: `group.consumer.session.timeout.ms`, when a member of the consumer protocol
  /// (KIP-848) is thrown out that does not beat.
  std::chrono::milliseconds group_consumer_session_timeout{45'000};
  /// Kafka: `group.consumer.heartbeat.interval.ms`, how often such members are told to
  /// beat.
  std::chrono::milliseconds group_consumer_heartbeat_interval{5'000};
  /// Kafka: `group.consumer.assignment.interval.ms`, how long after one assignment of
  /// such a group the next one comes at the earliest; Kafka's own default is 1 s,
  /// since 4.3.
  std::chrono::milliseconds group_consumer_assignment_interval{0};
  /// Kafka: `group.consumer.max.size`, how many members such a group may have.
  std::int32_t group_consumer_max_size = INT32_MAX;
  /// Kafka: `transaction.max.timeout.ms`, how long a producer may want a transaction to
  /// stay open.
  std::chrono::milliseconds transaction_max_timeout{900'000};
  /// Kafka: the feature `transaction.version` in force, 0, 1 or 2; with 2 producers have
  /// a new epoch after each transaction (KIP-890). Nothing: that of the release, 2 from
  /// 4.0 on and 0 before. Releases before 4.0 know no 2.
  std::optional<std::int16_t> transaction_version = {};
  /// How clients log in; by default they do not.
  cluster_sasl sasl = {};
  /// What brokers call the cluster.
  std::string cluster_id = "fake-cluster-of-cafka0";
  /// The time of day when the cluster's clock is at zero. Nothing: the clock of a
  /// `testing::cluster` then shows the present when it first has a request; a model
  /// without a clock begins on 2023-11-14 at 22:13:20.
  std::optional<protocol::timestamp> epoch = {};
  /// The ids of topics follow from it.
  std::uint32_t seed = 1;
};

} // namespace cafka::testing
