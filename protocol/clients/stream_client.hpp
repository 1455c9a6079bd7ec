#pragma once

#include "../calls/fetch.hpp"
#include "../calls/list_offsets.hpp"
#include "../calls/offset_commit.hpp"
#include "../calls/offset_fetch.hpp"
#include "../machines/stream_cursor.hpp"
#include "status.hpp"
#include "stream_messages.hpp"

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace cafka::protocol {

/// What a stream reads, and how.
struct stream_client_options {
  /// What each fetch asks for; offset and deadline are the stream's.
  fetch records;
  /// The group that it starts and commits for; empty: none, or the worker's where the
  /// cursor asks for that.
  std::string group;
  /// Pins for what the group asks.
  std::optional<std::int16_t> offset_fetch_api_version;
  /// The version of OffsetCommit, likewise.
  std::optional<std::int16_t> offset_commit_api_version;
  /// Where it starts, how it goes on, what it commits.
  stream_cursor_options cursor;
};

/// A stream without its actor: a cursor, the requests that it makes of a worker, and the
/// batch that waits for credit.
///
/// Events go in with the time, effects come out. A request is for a worker; its reply, or
/// why there is none, is told with `on_reply`. One commit may be under way beside one
/// other request.
class stream_client {
public:
  /// It was stopped, and what its consumer is done with is committed: the stream's last
  /// effect.
  struct finished {
    stream_end end;
  };
  /// A request, something for its consumer, or its end.
  using effect = std::variant<get_status, offset_fetch, list_offsets, fetch,
    offset_commit, stream_batch, stream_end, finished>;

  explicit stream_client(stream_client_options options);
  stream_client(const stream_client&) = delete;
  stream_client& operator=(const stream_client&) = delete;

  /// Its consumer can take more, or is done with something.
  void on_credit(time_point now, const stream_credit& msg);
  /// Nothing more is handed over, for this reason; what is acknowledged is still
  /// committed.
  void stop(time_point now, error why, std::optional<log_offset> done_before = {});

  void on_reply(time_point now, const result<worker_status>& reply);
  void on_reply(time_point now, const result<fetched_offsets>& reply);
  void on_reply(time_point now, const result<listed_offset>& reply);
  void on_reply(time_point now, result<fetched> reply);
  /// Of a commit.
  void on_reply(time_point now, const result<done>& reply);

  void on_time(time_point now) { proceed(now); }
  [[nodiscard]] time_point next_time() const;

  [[nodiscard]] bool has_effects() const { return !effects_.empty(); }
  [[nodiscard]] std::vector<effect> take_effects() { return std::exchange(effects_, {}); }

private:
  void proceed(time_point now);
  void ask(const stream_cursor::ask_group& q);
  void ask(const stream_cursor::ask_committed& q);
  void ask(const stream_cursor::ask_offset& q);
  void ask(const stream_cursor::ask_records& q);
  void commit(time_point now, log_offset offset);
  [[nodiscard]] stream_end end() const;

  stream_client_options options_;
  stream_cursor cursor_;
  // Waits for credit.
  std::optional<stream_batch> held_;
  bool told_end_ = false;
  bool finished_ = false;
  std::vector<effect> effects_;
};

} // namespace cafka::protocol
