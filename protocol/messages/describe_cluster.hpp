#pragma once

#include "../schema/codec.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cafka::protocol {

struct describe_cluster_response;

/// Asks about the cluster as a whole. Kafka: DescribeClusterRequest, key 60 (KIP-700).
struct describe_cluster_request {
  static constexpr std::string_view name = "DescribeClusterRequest";
  static constexpr api_key key = api_key::describe_cluster;
  static constexpr version_range versions{0, 2};
  static constexpr std::int16_t flexible_since = 0;
  using response = describe_cluster_response;

  /// Whether to say which operations on the cluster are allowed.
  bool include_cluster_authorized_operations = false;
  /// 1: brokers; 2: controllers (KIP-919).
  std::int8_t endpoint_type = 1;
  /// Brokers that the controller has fenced, too (KIP-1073).
  bool include_fenced_brokers = false;

  friend bool operator==(
    const describe_cluster_request&, const describe_cluster_request&) = default;
};

/// A broker of the cluster.
struct describe_cluster_broker {
  /// The broker's number.
  protocol::broker_id broker_id = 0;
  /// The host's name or address.
  std::string host;
  /// The port.
  std::int32_t port = 0;
  /// The broker's rack; null where it has none.
  std::optional<std::string> rack;
  /// Whether the controller has fenced it; since version 2.
  bool is_fenced = false;

  friend bool operator==(
    const describe_cluster_broker&, const describe_cluster_broker&) = default;
};

/// The cluster. Kafka: DescribeClusterResponse.
struct describe_cluster_response {
  static constexpr std::string_view name = "DescribeClusterResponse";
  static constexpr api_key key = api_key::describe_cluster;
  static constexpr version_range versions{0, 2};
  static constexpr std::int16_t flexible_since = 0;
  static constexpr std::int16_t client_throttles_since = 0;

  /// How long the broker wants the client to pause, for its quota.
  std::int32_t throttle_time_ms = 0;
  /// `none`, or why it failed.
  protocol::error_code error_code = protocol::error_code::none;
  /// The broker's words for the error; null where it has none.
  std::optional<std::string> error_message;
  /// 1: the brokers; 2: the controllers.
  std::int8_t endpoint_type = 1;
  /// The cluster's id.
  std::string cluster_id;
  /// The controller; -1 where it is not known.
  protocol::broker_id controller_id = -1;
  /// The brokers.
  std::vector<describe_cluster_broker> brokers;
  /// A bit for each operation of Kafka's `AclOperation`; INT32_MIN: not asked for.
  std::int32_t cluster_authorized_operations = INT32_MIN;

  friend bool operator==(
    const describe_cluster_response&, const describe_cluster_response&) = default;
};

template <>
struct api_of<api_key::describe_cluster> {
  using request = describe_cluster_request;
};

} // namespace cafka::protocol
