#pragma once

#include "consumer_machine.hpp"

/// What the consumer machine keeps; of no concern to anybody else.
namespace cafka::protocol {

/// Between two questions about topics: about a leader, and about what was told unknown.
inline constexpr auto leader_pause = topic_directory::leader_pause;
inline constexpr auto unknown_pause = topic_directory::unknown_pause;

struct consumer_machine::topic_state {
  std::shared_ptr<const std::string> name;
  topic_directory::topic* known = nullptr;
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
  broker_id replica = -1; ///< That the leader named.
  time_point replica_until;
  broker_id home = -1; ///< Whom to ask: one of them.

  std::uint64_t request = 0; ///< In which it is under way; zero: in none.
  /// The request whose records for it are not read yet; zero: there are none.
  std::uint64_t reading = 0;
  std::size_t buffered = 0; ///< Bytes that the program has not taken.
  std::int32_t max_bytes = 0;

  time_point not_before = time_point::min();
  // Both since the last progress: only that takes them back.
  std::uint32_t attempts = 0; ///< Questions that led nowhere.
  std::uint32_t turns = 0;    ///< Answers that sent it elsewhere.
  std::uint32_t damages = 0;
  error_code reported = error_code::none;
  std::optional<time_point> unknown_since;
  std::optional<time_point> left_out_since;
  std::uint32_t left_out = 0; ///< Answers that had no room for it since then.

  time_point well_at; ///< When something last showed that it is read as it should be.
  bool stalled = false;
  error last_error; ///< Of the last question about it, since then.
};

struct consumer_machine::broker_state {
  std::vector<partition_state*> partitions; ///< Whose home it is.
  fetch_session session;
  std::uint64_t fetch = 0;   ///< The request under way; zero: none.
  std::uint64_t offsets = 0; ///< Likewise.
  std::size_t turn = 0;      ///< Where the next full fetch begins.
  /// So many partitions are asked for in a request of their own, each for one batch: an
  /// answer that cannot be had is then that partition's.
  std::size_t alone = 0;
  fetch_pace pace;
  time_point not_before = time_point::min();
  // Both since the last progress.
  std::uint32_t failures = 0;
  std::uint32_t hasty = 0; ///< Answers with nothing that did not wait for something.
  time_point throttled_until = time_point::min();
  error last_error;     ///< Of the last request, if that failed.
  bool strayed = false; ///< It was told that it answers what it was not asked.
};

struct consumer_machine::request_state {
  broker_id broker;
  bool fetch = true;
  bool filled = false;
  bool empty = false; ///< There was nothing to send after all.
  bool alone = false; ///< About one partition, for one batch of it.
  /// A partition that it asks for is not wanted of it any more.
  bool left = false;
  std::vector<std::uint32_t> slots;
  std::size_t reserved = 0;
  time_point opened_at;
  time_point filled_at;
  std::chrono::milliseconds wait{0}; ///< How long the broker may wait for records.
  time_point watch_at;               ///< When to ask who leads if it is still under way.
};

/// What holds for an answer to a fetch as a whole.
struct consumer_machine::answer_facts {
  std::uint64_t request = 0;
  broker_id from;
  bool must_name = false; ///< It names each partition that was asked for.
  bool rested = false;    ///< The broker has waited for records.
  bool filled = false;    ///< There may have been no room in it for more.
};

} // namespace cafka::protocol
