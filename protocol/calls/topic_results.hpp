#pragma once

#include "../words.hpp"

#include <algorithm>

namespace cafka {

/// The result for one topic.
struct topic_result {
  /// The topic's name.
  std::string name = {};
  /// `none`, or why not: `topic_already_exists`, `unknown_topic_or_partition`, ...
  error_code status = error_code::none;
  /// The broker's own words; may be empty.
  std::string message = {};
};

/// A result for each topic that was asked for, in that order.
struct topic_results {
  /// One for each topic.
  std::vector<topic_result> topics = {};

  /// Whether it worked for every topic.
  [[nodiscard]] bool ok() const {
    return std::ranges::all_of(
      topics, [](const topic_result& t) { return t.status == error_code::none; });
  }
};

CAFKA_INSPECT(topic_result, name, status, message)
CAFKA_INSPECT(topic_results, topics)

} // namespace cafka
