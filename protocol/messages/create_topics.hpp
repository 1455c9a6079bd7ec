#pragma once

#include "../schema/codec.hpp"
#include "../schema/uuid.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cafka::protocol {

struct create_topics_response;

/// The brokers that are to hold one partition; the first is to lead it.
struct creatable_replica_assignment {
  /// The partition's number.
  partition_id partition_index = 0;
  /// The brokers, the preferred leader first.
  std::vector<broker_id> broker_ids;

  friend bool operator==(
    const creatable_replica_assignment&, const creatable_replica_assignment&) = default;
};

/// A setting of the new topic.
struct creatable_topic_config {
  /// The setting's name.
  std::string name;
  /// Its value; null for the default.
  std::optional<std::string> value = std::string{};

  friend bool operator==(
    const creatable_topic_config&, const creatable_topic_config&) = default;
};

/// A topic to create.
struct creatable_topic {
  /// The topic's name.
  std::string name;
  /// -1 for the broker's default, or with assignments.
  std::int32_t num_partitions = 0;
  /// -1 for the broker's default, or with assignments.
  std::int16_t replication_factor = 0;
  /// The brokers of each partition; empty: the broker chooses.
  std::vector<creatable_replica_assignment> assignments;
  /// The topic's own settings.
  std::vector<creatable_topic_config> configs;

  friend bool operator==(const creatable_topic&, const creatable_topic&) = default;
};

/// Creates topics. Kafka: CreateTopicsRequest, key 19.
struct create_topics_request {
  static constexpr std::string_view name = "CreateTopicsRequest";
  static constexpr api_key key = api_key::create_topics;
  static constexpr version_range versions{0, 7};
  static constexpr std::int16_t flexible_since = 5;
  using response = create_topics_response;

  /// The topics to create.
  std::vector<creatable_topic> topics;
  /// How long the broker may take, in milliseconds.
  std::int32_t timeout_ms = 60000;
  /// Whether to check and create nothing.
  bool validate_only = false;

  friend bool operator==(
    const create_topics_request&, const create_topics_request&) = default;
};

/// A setting that is in force for the new topic.
struct creatable_topic_configs {
  /// The setting's name.
  std::string name;
  /// Its value; null where it is sensitive.
  std::optional<std::string> value = std::string{};
  /// Whether it cannot be changed.
  bool read_only = false;
  /// Where the value comes from, as Kafka's `ConfigSource` numbers it.
  std::int8_t config_source = -1;
  /// Whether the value is secret.
  bool is_sensitive = false;

  friend bool operator==(
    const creatable_topic_configs&, const creatable_topic_configs&) = default;
};

/// The outcome for one topic.
struct creatable_topic_result {
  /// The topic's name.
  std::string name;
  /// The topic's id; all zero where it is not known.
  uuid topic_id;
  /// `none`, or why it failed.
  protocol::error_code error_code = protocol::error_code::none;
  /// The broker's words for the error; null where it has none.
  std::optional<std::string> error_message = std::string{};
  /// `none`, or why the settings are not shown.
  protocol::error_code topic_config_error_code = protocol::error_code::none;
  /// How many partitions the topic has; -1 where the broker does not say.
  std::int32_t num_partitions = -1;
  /// How many replicas each partition has; -1 where the broker does not say.
  std::int16_t replication_factor = -1;
  /// The settings in force; null where they are not shown.
  std::optional<std::vector<creatable_topic_configs>> configs =
    std::vector<creatable_topic_configs>{};

  friend bool operator==(
    const creatable_topic_result&, const creatable_topic_result&) = default;
};

/// The outcome. Kafka: CreateTopicsResponse.
struct create_topics_response {
  static constexpr std::string_view name = "CreateTopicsResponse";
  static constexpr api_key key = api_key::create_topics;
  static constexpr version_range versions{0, 7};
  static constexpr std::int16_t flexible_since = 5;
  static constexpr std::int16_t client_throttles_since = 3;

  /// How long the broker wants the client to pause, for its quota.
  std::int32_t throttle_time_ms = 0;
  /// The result for each topic.
  std::vector<creatable_topic_result> topics;

  friend bool operator==(
    const create_topics_response&, const create_topics_response&) = default;
};

template <>
struct api_of<api_key::create_topics> {
  using request = create_topics_request;
};

} // namespace cafka::protocol
