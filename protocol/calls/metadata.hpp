#pragma once

#include "../schema/uuid.hpp"
#include "operation.hpp"

namespace cafka {

/// Asks which brokers lead which partitions. Kafka: MetadataRequest, key 3.
struct metadata {
  /// The topics wanted; nothing, and one whose name is empty, means all, an empty list
  /// none (brokers only).
  std::optional<name_list> topics = {};
  /// Whether the broker may create a topic that does not exist, if it is set up to.
  /// Brokers before 0.11 always may: they are asked for all topics.
  bool allow_auto_topic_creation = false;
  milliseconds deadline{0};
  std::optional<std::int16_t> api_version = {};
};

/// A broker of the cluster.
struct broker_info {
  /// The broker's number.
  broker_id id = -1;
  /// Where the broker listens.
  endpoint address = {};
  /// The broker's rack; nothing where it has none.
  std::optional<std::string> rack = {};
};

/// A partition, its leader and its replicas.
struct partition_info {
  /// The partition's number.
  partition_id id = {};
  /// `none`, or why the partition cannot be used now.
  error_code status = error_code::none;
  /// -1 while there is no leader.
  broker_id leader = -1;
  /// The leader's epoch; -1 where it is not known.
  leader_epoch epoch = -1;
  /// The brokers that hold a replica.
  std::vector<broker_id> replicas = {};
  /// The replicas that are in sync with the leader.
  std::vector<broker_id> in_sync_replicas = {};
  /// The replicas that cannot be used now.
  std::vector<broker_id> offline_replicas = {};
};

/// A topic and its partitions.
struct topic_info {
  /// The topic's name.
  std::string name = {};
  /// `none`, or why there are no partitions: `unknown_topic_or_partition`, ...
  error_code status = error_code::none;
  /// All zero where the broker does not say.
  protocol::uuid id = {};
  /// Whether Kafka keeps the topic for itself, such as `__consumer_offsets`.
  bool internal = false;
  /// Its partitions; empty where `status` is an error.
  std::vector<partition_info> partitions = {};
};

/// A cluster as one broker sees it.
struct cluster_metadata {
  /// The cluster's id; nothing where the broker does not say.
  std::optional<std::string> cluster_id = {};
  /// -1 where it is not known.
  broker_id controller = -1;
  /// The brokers.
  std::vector<broker_info> brokers = {};
  /// The topics that were asked about.
  std::vector<topic_info> topics = {};
};

CAFKA_INSPECT(metadata, topics, allow_auto_topic_creation, deadline, api_version)
CAFKA_INSPECT(broker_info, id, address, rack)
CAFKA_INSPECT(
  partition_info, id, status, leader, epoch, replicas, in_sync_replicas, offline_replicas)
CAFKA_INSPECT(topic_info, name, status, id, internal, partitions)
CAFKA_INSPECT(cluster_metadata, cluster_id, controller, brokers, topics)

template <>
struct operation<metadata> {
  using reply = cluster_metadata;
  static constexpr bool changes_something = false;
};

[[nodiscard]] std::unique_ptr<protocol::call> make_call(
  metadata asked, const call_context& around, reply_function<cluster_metadata> reply);

} // namespace cafka
