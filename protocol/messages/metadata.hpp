#pragma once

#include "../schema/codec.hpp"
#include "../schema/uuid.hpp"

#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cafka::protocol {

struct metadata_response;

/// A topic to ask about: by name, or by id since version 12.
struct metadata_request_topic {
  /// The topic's id; all zero where it is not known.
  uuid topic_id;
  /// The topic's name; null where it is named by id.
  std::optional<std::string> name = std::string{};

  friend bool operator==(
    const metadata_request_topic&, const metadata_request_topic&) = default;
};

/// Asks which brokers there are and which of them lead which partitions. Kafka:
/// MetadataRequest, key 3.
struct metadata_request {
  static constexpr std::string_view name = "MetadataRequest";
  static constexpr api_key key = api_key::metadata;
  static constexpr version_range versions{0, 13};
  static constexpr std::int16_t flexible_since = 9;
  using response = metadata_response;

  /// Empty asks for none, null for all; in version 0 empty asks for all.
  std::optional<std::vector<metadata_request_topic>> topics =
    std::vector<metadata_request_topic>{};
  /// Whether the broker may create a topic that it does not have.
  bool allow_auto_topic_creation = true;
  /// Whether to say which operations on the cluster are allowed, versions 8 to 10.
  bool include_cluster_authorized_operations = false;
  /// Whether to say which operations on each topic are allowed.
  bool include_topic_authorized_operations = false;

  friend bool operator==(const metadata_request&, const metadata_request&) = default;
};

/// Where a broker listens.
struct metadata_response_broker {
  /// The broker's number.
  broker_id node_id = 0;
  /// The host's name or address.
  std::string host;
  /// The port.
  std::int32_t port = 0;
  /// Null where the broker has none.
  std::optional<std::string> rack;

  friend bool operator==(
    const metadata_response_broker&, const metadata_response_broker&) = default;
};

/// A partition, its leader and its replicas.
struct metadata_response_partition {
  /// `none`, or why it failed.
  protocol::error_code error_code = protocol::error_code::none;
  /// The partition's number.
  partition_id partition_index = 0;
  /// The leader; -1 where there is none.
  broker_id leader_id = 0;
  /// The leader's epoch; -1 where the broker does not say.
  protocol::leader_epoch leader_epoch = -1;
  /// The brokers that hold a replica.
  std::vector<broker_id> replica_nodes;
  /// The replicas that are in sync with the leader.
  std::vector<broker_id> isr_nodes;
  /// The replicas that cannot be used now.
  std::vector<broker_id> offline_replicas;

  friend bool operator==(
    const metadata_response_partition&, const metadata_response_partition&) = default;
};

/// A topic and its partitions.
struct metadata_response_topic {
  /// `none`, or why it failed.
  protocol::error_code error_code = protocol::error_code::none;
  /// The topic's name; null where it was asked about by an id that is not known.
  std::optional<std::string> name = std::string{};
  /// The topic's id; all zero where it is not known.
  uuid topic_id;
  /// Whether Kafka keeps the topic for itself, such as `__consumer_offsets`.
  bool is_internal = false;
  /// The topic's partitions.
  std::vector<metadata_response_partition> partitions;
  /// A bit for each operation that is allowed; the least number where it was not
  /// asked for.
  std::int32_t topic_authorized_operations = std::numeric_limits<std::int32_t>::min();

  friend bool operator==(
    const metadata_response_topic&, const metadata_response_topic&) = default;
};

/// Brokers, topics and the leaders of partitions. Kafka: MetadataResponse.
struct metadata_response {
  static constexpr std::string_view name = "MetadataResponse";
  static constexpr api_key key = api_key::metadata;
  static constexpr version_range versions{0, 13};
  static constexpr std::int16_t flexible_since = 9;
  static constexpr std::int16_t client_throttles_since = 6;

  /// How long the broker wants the client to pause, for its quota.
  std::int32_t throttle_time_ms = 0;
  /// The brokers of the cluster.
  std::vector<metadata_response_broker> brokers;
  /// Null where it is not known.
  std::optional<std::string> cluster_id;
  /// The controller; -1 where there is none or it is not known.
  broker_id controller_id = -1;
  /// The topics that were asked about.
  std::vector<metadata_response_topic> topics;
  /// A bit for each operation that is allowed; the least number where it was not
  /// asked for.
  std::int32_t cluster_authorized_operations = std::numeric_limits<std::int32_t>::min();
  /// `none`, or why it failed; since version 13.
  protocol::error_code error_code = protocol::error_code::none;

  friend bool operator==(const metadata_response&, const metadata_response&) = default;
};

template <>
struct api_of<api_key::metadata> {
  using request = metadata_request;
};

} // namespace cafka::protocol
