#pragma once

#include "../schema/codec.hpp"
#include "../schema/uuid.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cafka::protocol {

struct delete_topics_response;

/// A topic to delete, by name or by id, since version 6.
struct delete_topic_state {
  /// The topic's name; null where it is named by id.
  std::optional<std::string> name;
  /// The topic's id; all zero where it is named by its name.
  uuid topic_id;

  friend bool operator==(const delete_topic_state&, const delete_topic_state&) = default;
};

/// Deletes topics. Kafka: DeleteTopicsRequest, key 20.
struct delete_topics_request {
  static constexpr std::string_view name = "DeleteTopicsRequest";
  static constexpr api_key key = api_key::delete_topics;
  static constexpr version_range versions{0, 6};
  static constexpr std::int16_t flexible_since = 4;
  using response = delete_topics_response;

  /// The topics to delete, since version 6.
  std::vector<delete_topic_state> topics;
  /// The topics to delete, up to version 5.
  std::vector<std::string> topic_names;
  /// How long the broker may take, in milliseconds.
  std::int32_t timeout_ms = 0;

  friend bool operator==(
    const delete_topics_request&, const delete_topics_request&) = default;
};

/// The outcome for one topic.
struct deletable_topic_result {
  /// The topic's name; null where the client may not see it.
  std::optional<std::string> name = std::string{};
  /// The topic's id; all zero where it is not known.
  uuid topic_id;
  /// `none`, or why it failed.
  protocol::error_code error_code = protocol::error_code::none;
  /// The broker's words for the error; null where it has none.
  std::optional<std::string> error_message;

  friend bool operator==(
    const deletable_topic_result&, const deletable_topic_result&) = default;
};

/// The outcome. Kafka: DeleteTopicsResponse.
struct delete_topics_response {
  static constexpr std::string_view name = "DeleteTopicsResponse";
  static constexpr api_key key = api_key::delete_topics;
  static constexpr version_range versions{0, 6};
  static constexpr std::int16_t flexible_since = 4;
  static constexpr std::int16_t client_throttles_since = 2;

  /// How long the broker wants the client to pause, for its quota.
  std::int32_t throttle_time_ms = 0;
  /// The result for each topic.
  std::vector<deletable_topic_result> responses;

  friend bool operator==(
    const delete_topics_response&, const delete_topics_response&) = default;
};

template <>
struct api_of<api_key::delete_topics> {
  using request = delete_topics_request;
};

} // namespace cafka::protocol
