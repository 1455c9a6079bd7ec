#pragma once

#include "operation.hpp"

namespace cafka {

/// Asks about the cluster as a whole; Kafka 2.8 and later.
///
/// Kafka: DescribeClusterRequest, key 60 (KIP-700).
struct describe_cluster {
  /// Also what this client may do with the cluster.
  bool include_authorized_operations = false;
  /// Also brokers that the controller has fenced (KIP-1073); Kafka 4.0 and later.
  bool include_fenced_brokers = false;
  milliseconds deadline{0};
  std::optional<std::int16_t> api_version = {};
};

/// A broker of the cluster, as DescribeCluster names it.
struct described_broker {
  /// Its number.
  broker_id id = -1;
  /// Where the broker listens.
  endpoint address = {};
  /// The broker's rack; nothing where it has none.
  std::optional<std::string> rack = {};
  /// Whether the controller has fenced it.
  bool fenced = false;
};

/// The cluster as a whole.
struct described_cluster {
  /// The cluster's id.
  std::string cluster_id = {};
  /// -1 where it is not known; with KRaft any broker may be named, which forwards.
  broker_id controller = -1;
  /// The brokers.
  std::vector<described_broker> brokers = {};
  /// A bit for each operation of Kafka's `AclOperation`; nothing: not asked for.
  std::optional<std::int32_t> authorized_operations = {};
};

CAFKA_INSPECT(describe_cluster, include_authorized_operations, include_fenced_brokers,
  deadline, api_version)
CAFKA_INSPECT(described_broker, id, address, rack, fenced)
CAFKA_INSPECT(described_cluster, cluster_id, controller, brokers, authorized_operations)

template <>
struct operation<describe_cluster> {
  using reply = described_cluster;
  static constexpr bool changes_something = false;
};

[[nodiscard]] std::unique_ptr<protocol::call> make_call(describe_cluster asked,
  const call_context& around, reply_function<described_cluster> reply);

} // namespace cafka
