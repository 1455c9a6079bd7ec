#pragma once

#include "hostile_cluster.hpp"
#include <cafka/actors/consumer/consumer.hpp>

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

// The table of lies, and what must be done about each.

namespace cafka::testing {

inline constexpr std::size_t megabyte = 1024 * 1024;

using lies = hostile_cluster::lies;
using codes = std::set<error_code>;

/// What a client must do about a lie.
struct must {
  /// One of these errors must be told of partition 0; `none`: its records come, or its
  /// record is written. Empty: that does not matter.
  codes told = {};
  /// What the error's text must have in it.
  std::string text = {};
  /// So many records of partition 0, if `none` may be told.
  std::size_t records = static_cast<std::size_t>(hostile_cluster::records);
  /// Whether partition 1 is read and written as if nothing was; not for lies about what
  /// both need.
  bool others = true;
  /// Bytes of memory beyond what there was before; zero: they are not looked at.
  std::size_t memory = 0;
  /// Whether nothing may come of partition 0.
  bool nothing = false;
};

struct lie {
  std::string name;
  lies how;
  std::optional<must> consumer = {};
  std::optional<must> producer = {};
  std::optional<must> worker = {};
  /// What is special about the consumer.
  std::function<void(consumer_options&)> reads = {};
  /// What the worker is asked for: to produce, or to fetch.
  bool worker_produces = false;
};

/// Lies about records; what they cost in memory is looked at, so they come one by one.
[[nodiscard]] std::vector<lie> lies_about_records();

/// All other lies.
[[nodiscard]] std::vector<lie> other_lies();

} // namespace cafka::testing
