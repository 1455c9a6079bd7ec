#pragma once

#include "../schema/codec.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace cafka::protocol {

struct list_groups_response;

/// Asks a broker which groups it coordinates; others belong to other brokers. Kafka:
/// ListGroupsRequest, key 16.
struct list_groups_request {
  static constexpr std::string_view name = "ListGroupsRequest";
  static constexpr api_key key = api_key::list_groups;
  static constexpr version_range versions{0, 5};
  static constexpr std::int16_t flexible_since = 3;
  using response = list_groups_response;

  /// The states of the groups to list, in letters of either case, since version 4; none
  /// for all (KIP-518).
  std::vector<std::string> states_filter = {};
  /// The types of the groups to list, as "classic" and "consumer", since version 5; none
  /// for all (KIP-848).
  std::vector<std::string> types_filter = {};

  friend bool operator==(
    const list_groups_request&, const list_groups_request&) = default;
};

/// A group that the broker coordinates.
struct listed_group {
  /// The group's name.
  std::string group_id = {};
  /// "consumer" for consumers.
  std::string protocol_type = {};
  /// The group's state, as Stable; since version 4.
  std::string group_state = {};
  /// The group's type, as classic and consumer; since version 5.
  std::string group_type = {};

  friend bool operator==(const listed_group&, const listed_group&) = default;
};

/// The groups of one broker. Kafka: ListGroupsResponse.
struct list_groups_response {
  static constexpr std::string_view name = "ListGroupsResponse";
  static constexpr api_key key = api_key::list_groups;
  static constexpr version_range versions{0, 5};
  static constexpr std::int16_t flexible_since = 3;
  static constexpr std::int16_t client_throttles_since = 2;

  /// How long the broker wants the client to pause, for its quota.
  std::int32_t throttle_time_ms = 0;
  /// `none`, or why it failed.
  protocol::error_code error_code = protocol::error_code::none;
  /// The groups.
  std::vector<listed_group> groups = {};

  friend bool operator==(
    const list_groups_response&, const list_groups_response&) = default;
};

template <>
struct api_of<api_key::list_groups> {
  using request = list_groups_request;
};

} // namespace cafka::protocol
