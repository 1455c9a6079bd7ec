#pragma once

#include "operation.hpp"
#include "topic_results.hpp"

namespace cafka {

/// Removes topics, by way of the controller. Kafka: DeleteTopicsRequest, key 20.
struct delete_topics {
  /// The names of the topics to delete.
  name_list topics = {};
  /// How long the broker may wait until the topics are gone; zero means what the deadline
  /// leaves.
  milliseconds timeout{0};
  milliseconds deadline{0};
  std::optional<std::int16_t> api_version = {};
};

CAFKA_INSPECT(delete_topics, topics, timeout, deadline, api_version)

template <>
struct operation<delete_topics> {
  using reply = topic_results;
  static constexpr bool changes_something = true;
};

[[nodiscard]] std::unique_ptr<protocol::call> make_call(
  delete_topics asked, const call_context& around, reply_function<topic_results> reply);

} // namespace cafka
