#pragma once

#include "../defaults.hpp"
#include "../machines/partitioner.hpp"
#include "../machines/time_point.hpp"
#include "../words.hpp"

#include <cstddef>
#include <map>
#include <optional>
#include <string>

namespace cafka {

/// What a client adds to requests that leave it open.
struct call_defaults {
  milliseconds request_timeout = protocol::defaults::request_timeout;
  /// The group of requests that name none; nothing: no group.
  std::optional<std::string> consumer_group = {};
  /// Whether a produce to an unknown topic may create it.
  bool allow_auto_topic_creation = protocol::defaults::allow_auto_topic_creation;
  /// Chooses the partition of a produce that names none.
  protocol::partitioner partitioner = protocol::murmur2_partitioner;
  std::size_t max_decompressed_bytes = protocol::defaults::max_decompressed_bytes;
  std::size_t max_decompression_ratio = protocol::defaults::max_decompression_ratio;
  /// Timeouts of a group that was joined are forgotten when it has not been used for so
  /// long, and for longer than them.
  milliseconds group_idle = protocol::defaults::topic_idle;
};

/// The timeouts of the groups that were joined through a client: how long its later
/// requests may take.
class joined_groups {
public:
  struct timeouts {
    milliseconds rebalance{0};
    milliseconds session{0};
  };

  explicit joined_groups(milliseconds idle) : idle_(idle) {}

  void joined(protocol::time_point now, const std::string& group, timeouts what);

  /// Zero where the group was not joined here.
  [[nodiscard]] timeouts timeouts_of(protocol::time_point now, const std::string& group);

private:
  struct entry {
    timeouts what;
    protocol::time_point used;
  };

  void forget_idle(protocol::time_point now);

  milliseconds idle_;
  std::map<std::string, entry> groups_;
  // Looked through only when there are so many, so that joining stays cheap.
  std::size_t limit_ = 64;
};

/// What a request meets in its client.
struct call_context {
  const call_defaults& defaults;
  joined_groups& groups;
  protocol::time_point now;
  /// The time of records that have none.
  timestamp wall_clock;
  /// For the partitioner.
  std::uint32_t random = 0;
};

} // namespace cafka
