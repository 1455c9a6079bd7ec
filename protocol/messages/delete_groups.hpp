#pragma once

#include "../schema/codec.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cafka::protocol {

struct delete_groups_response;

/// Deletes groups without members, with their offsets, at their coordinator. Kafka:
/// DeleteGroupsRequest, key 42 (KIP-229).
struct delete_groups_request {
  static constexpr std::string_view name = "DeleteGroupsRequest";
  static constexpr api_key key = api_key::delete_groups;
  static constexpr version_range versions{0, 3};
  static constexpr std::int16_t flexible_since = 2;
  using response = delete_groups_response;

  /// The groups' names.
  std::vector<std::string> groups_names = {};

  friend bool operator==(
    const delete_groups_request&, const delete_groups_request&) = default;
};

/// What became of one group.
struct deletable_group_result {
  /// The group's name.
  std::string group_id = {};
  /// `none`, or why it failed.
  protocol::error_code error_code = protocol::error_code::none;
  /// The broker's words for the error, since version 3; null where it has none.
  std::optional<std::string> error_message = {};

  friend bool operator==(
    const deletable_group_result&, const deletable_group_result&) = default;
};

/// The outcome. Kafka: DeleteGroupsResponse.
struct delete_groups_response {
  static constexpr std::string_view name = "DeleteGroupsResponse";
  static constexpr api_key key = api_key::delete_groups;
  static constexpr version_range versions{0, 3};
  static constexpr std::int16_t flexible_since = 2;
  static constexpr std::int16_t client_throttles_since = 1;

  /// How long the broker wants the client to pause, for its quota.
  std::int32_t throttle_time_ms = 0;
  /// The result for each group.
  std::vector<deletable_group_result> results = {};

  friend bool operator==(
    const delete_groups_response&, const delete_groups_response&) = default;
};

template <>
struct api_of<api_key::delete_groups> {
  using request = delete_groups_request;
};

} // namespace cafka::protocol
