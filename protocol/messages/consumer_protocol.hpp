#pragma once

#include "../schema/codec.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cafka::protocol {

/// Some partitions of a topic.
struct consumer_topic_partitions {
  /// The topic's name.
  std::string topic;
  /// The partitions' numbers.
  std::vector<partition_id> partitions;

  friend bool operator==(
    const consumer_topic_partitions&, const consumer_topic_partitions&) = default;
};

/// What a consumer sends to the leader of its group as it joins. Kafka:
/// ConsumerProtocolSubscription.
struct consumer_subscription {
  static constexpr std::string_view name = "ConsumerProtocolSubscription";
  static constexpr version_range versions{0, 3};
  static constexpr std::int16_t flexible_since = never_flexible;

  /// The topics that the member wants to read.
  std::vector<std::string> topics = {};
  /// Whatever the assignor wants to know.
  std::optional<shared_bytes> user_data = {};
  /// What the member holds now, for cooperative assignors (KIP-429).
  std::vector<consumer_topic_partitions> owned_partitions = {};
  /// The generation in which it got them; -1 where that is not known.
  std::int32_t generation_id = -1;
  /// For assignors that know racks (KIP-881).
  std::optional<std::string> rack_id = {};

  friend bool operator==(
    const consumer_subscription&, const consumer_subscription&) = default;
};

/// What the leader of a group assigns to a consumer. Kafka: ConsumerProtocolAssignment.
struct consumer_assignment {
  static constexpr std::string_view name = "ConsumerProtocolAssignment";
  static constexpr version_range versions{0, 3};
  static constexpr std::int16_t flexible_since = never_flexible;

  /// The partitions that the member is to read.
  std::vector<consumer_topic_partitions> partitions = {};
  /// What the assignor tells the member besides.
  std::optional<shared_bytes> user_data = {};

  friend bool operator==(
    const consumer_assignment&, const consumer_assignment&) = default;
};

/// The bytes of `group_protocol::metadata`, in the oldest version that can express it
/// all, so that members of any age understand it.
///
/// Error `invalid_argument` for a topic's name beyond 32 KiB.
[[nodiscard]] result<std::string> to_metadata(const consumer_subscription& subscription);

/// The bytes of `group_protocol::metadata` in one version, without what it cannot
/// express.
///
/// Error `invalid_argument` for a topic's name beyond 32 KiB, `unsupported_version` for a
/// version that is not known.
[[nodiscard]] result<std::string> to_metadata(
  const consumer_subscription& subscription, std::int16_t version);

/// Reads the bytes of a member's metadata, of later versions as far as they are known.
///
/// Error `malformed_response`.
[[nodiscard]] result<consumer_subscription> subscription_from(std::string_view metadata);

/// The bytes of `member_assignment::assignment`.
[[nodiscard]] result<std::string> to_assignment(const consumer_assignment& assignment);

/// Reads the bytes of an assignment; none at all are an assignment of nothing.
///
/// Error `malformed_response`.
[[nodiscard]] result<consumer_assignment> assignment_from(std::string_view bytes);

} // namespace cafka::protocol
