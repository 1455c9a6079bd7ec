#pragma once

#include <cafka/protocol/machines/consumer_machine.hpp>

/// What the consumer machine keeps; of no concern to anybody else.
namespace cafka::protocol {

/// Between two questions about topics: about a leader, and about what was told unknown.
inline constexpr std::chrono::milliseconds leader_pause{100};
inline constexpr std::chrono::milliseconds unknown_pause{1'000};

struct consumer_machine::topic_state {
  std::shared_ptr<const std::string> name;
  uuid id;
  /// The id it had before: a broker that still says so is behind.
  uuid former;
  std::vector<partition_state*> partitions; ///< By number.
};

struct consumer_machine::partition_state {
  std::uint32_t slot = 0;
  std::uint64_t generation = 0;
  topic_state* topic = nullptr;
  partition_id id;
  bool paused = false;
  bool halted = false;

  /// Whether `start` is still to be looked up; if not, it is read from `next` on.
  bool starting = false;
  start_at start;
  /// A time that no record was as late as, and where the log ended then.
  std::optional<start_at> late;
  log_offset late_end = -1;
  log_offset next = -1;
  /// Where the log ends for this reader, as last heard.
  log_offset log_end = -1;

  broker_id leader = -1;
  leader_epoch epoch = -1;
  std::uint32_t rewinds = 0; ///< Answers in a row with an earlier epoch.
  broker_id replica = -1;    ///< That the leader named.
  time_point replica_until;
  broker_id home = -1; ///< Whom to ask: one of them.

  std::uint64_t request = 0; ///< In which it is under way; zero: in none.
  std::uint64_t reading = 0; ///< What was fetched and is not read yet; zero: nothing.
  std::size_t lying = 0;     ///< Bytes that the program has not taken.
  std::int32_t max_bytes = 0;

  time_point not_before = time_point::min();
  std::uint32_t attempts = 0;
  std::uint32_t damages = 0;
  error_code reported = error_code::none;
  std::optional<time_point> unknown_since;
  std::optional<time_point> left_out_since;
};

struct consumer_machine::broker_state {
  std::vector<partition_state*> partitions; ///< Whose home it is.
  fetch_session session;
  std::uint64_t fetch = 0;   ///< The request under way; zero: none.
  std::uint64_t offsets = 0; ///< Likewise.
  std::size_t turn = 0;      ///< Where the next full fetch begins.
  time_point not_before = time_point::min();
  std::uint32_t failures = 0;
};

struct consumer_machine::request_state {
  broker_id broker;
  bool fetch = true;
  bool filled = false;
  bool empty = false; ///< There was nothing to send after all.
  std::vector<std::uint32_t> slots;
  std::size_t reserved = 0;
  time_point opened_at;
  time_point watch_at; ///< When to ask who leads if it is still under way.
};

} // namespace cafka::protocol
