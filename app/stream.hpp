#pragma once

#include "options.hpp"
#include "worker_ref.hpp"

#include <caf/fwd.hpp>

#include <cstddef>
#include <iterator>
#include <memory>
#include <optional>
#include <ranges>
#include <string>

namespace cafka {

/// Pins for what a stream asks; see `api_version` of a request.
struct stream_api_versions {
  /// The version of Fetch.
  std::optional<std::int16_t> fetch = {};
  /// The version of OffsetFetch.
  std::optional<std::int16_t> offset_fetch = {};
  /// The version of OffsetCommit.
  std::optional<std::int16_t> offset_commit = {};
};

/// How a stream reads. KafkaEx: the options of `stream/3`.
struct stream_options {
  /// Ends where the log does, instead of waiting for more.
  bool no_wait_at_logend = false;
  /// Whom it asks; by name it follows the worker through restarts.
  worker_ref worker = {};
  /// The group it starts and commits for; by default the worker's, if that one
  /// has a group.
  consumer_group_setting consumer_group = {};
  /// Where it starts: an offset, a time, or an end of the log as `start_at::latest()`.
  /// Nothing: where the group goes on. Without a group, or if that one has committed
  /// nothing, `auto_offset_reset` says; with `none`, it starts at the first record there
  /// is.
  std::optional<start_at> offset = {};
  /// Whether the offset behind the records that were handed over is committed for the
  /// group.
  bool auto_commit = true;
  /// Of the two about offsets, one that is left out follows the other; see `fetch`.
  stream_api_versions api_versions = {};
  /// How long the broker may wait for `min_bytes` at the log's end. Until then other
  /// fetches of the same worker wait behind it, if they are for the same broker.
  milliseconds wait_time{100};
  /// Bytes that must be there before the broker answers early.
  std::int32_t min_bytes = 1;
  /// Most bytes of a batch as it is stored; twice as many are in memory at most, one
  /// being read and one fetched ahead, and what they decompress to: see
  /// `fetch::max_bytes`. One record batch of Kafka's larger than that still comes, whole.
  std::int32_t max_bytes = protocol::defaults::max_bytes;
  /// As `fetch::max_decompressed_bytes`: more ends the stream.
  std::optional<std::uint64_t> max_decompressed_bytes = {};
  /// As `fetch::max_decompression_ratio`: more ends the stream.
  std::optional<std::uint64_t> max_decompression_ratio = {};
  /// What is read of transactions.
  isolation_level isolation = isolation_level::read_uncommitted;
  /// Where to start without an offset, see there, and where to go on when the offset is
  /// out of range; with `none` that is the end, an error. Nothing: the application's.
  std::optional<offset_reset> auto_offset_reset = {};
  /// How long each request may take, and how long a cluster or a worker may be away
  /// before that is the stream's end; zero means `request_timeout`. Waiting at the log's
  /// end has no deadline.
  milliseconds deadline{0};
};

class stream_starter;

/// A record of a stream: views that stay valid as long as it, or a copy of it, lives.
///
/// Copying one costs a reference count. `to_record` makes a copy that owns its bytes and
/// releases the batch around it.
struct stream_record : protocol::record_view {
  /// Keeps what the views point to.
  std::shared_ptr<const protocol::fetched_records> batch;
};

/// The records of one partition, in order, as a lazy range for `for` and `std::views`.
///
///     auto records = app.stream("foo", 0, {.no_wait_at_logend = true, .offset = 0});
///     for (const auto& r : records | std::views::take(2))
///       use(r.offset, r.value);
///     if (auto ended = records.outcome(); !ended)
///       complain(ended.error());
///
/// It is a view, a cheap handle that is copied freely. Every iteration starts again from
/// the same place, found out by the first one. Records are read in the thread that
/// iterates, which must not be an actor's; it blocks while it waits for them, at the
/// log's end forever unless `no_wait_at_logend` says otherwise or a thread calls
/// `cancel`. `take(n)` does not wait for a record behind the last one it takes.
///
/// An iteration does not throw: it ends, and `outcome` says why. An error that the
/// program does not ask about is logged when the last handle goes.
///
/// A record has been handed over when the iteration moves on from it: one that is left
/// with `break` within it has not. Commits, for a group, are behind a record that was
/// handed over, so each record is seen at least once; they are made by the application's
/// `auto_commit_interval` and `commit_threshold`, and at the end of the iteration, which
/// waits for it. A failed commit does not stop the records: it is tried again, and the
/// outcome tells if it has not worked in the end.
class stream : public std::ranges::view_base {
public:
  class iterator;

  /// Starts an iteration; nothing is asked before the first record is wanted.
  [[nodiscard]] iterator begin() const;
  [[nodiscard]] std::default_sentinel_t end() const { return {}; }

  /// How the last iteration ended: well, when it came to the log's end or was left before
  /// by its user, and everything is committed that should be.
  ///
  /// Errors: `closed` after `cancel` or the application's `stop`; `invalid_argument` and
  /// `invalid_group_id` for options that make no sense; what a fetch, `offset_fetch` or
  /// the last commit can end with, `offset_out_of_range` and `timed_out` for instance.
  [[nodiscard]] result<done> outcome() const;

  /// Ends every iteration of this stream and its copies, those to come included, soon and
  /// with the outcome `closed`; from any thread. What was handed over is still committed,
  /// which takes `deadline` at most.
  void cancel() const;

  /// The same records from another offset on, as a stream of its own.
  ///
  /// KafkaEx: `%{stream | fetch_request: %{stream.fetch_request | offset: n}}`.
  [[nodiscard]] stream from(log_offset offset) const;

  /// Where it starts; nothing before that is known.
  [[nodiscard]] std::optional<log_offset> start() const;

private:
  friend class application;
  class source;
  class iteration;

  stream(std::shared_ptr<stream_starter> starter, std::string topic,
    partition_id partition, stream_options options);
  explicit stream(std::shared_ptr<source> from) : source_(std::move(from)) {}

  std::shared_ptr<source> source_;
};

/// A place in one iteration, which its copies share; the last one that goes ends it.
class stream::iterator {
public:
  using value_type = stream_record;
  using difference_type = std::ptrdiff_t;
  using iterator_concept = std::input_iterator_tag;

  iterator() = default;

  /// Waits for the record; there must be one.
  const stream_record& operator*() const;
  const stream_record* operator->() const { return &**this; }

  /// Hands over the record and moves on, without waiting for the next one.
  iterator& operator++();
  void operator++(int) { ++*this; }

  /// Whether there is no other record; waits until that is known.
  friend bool operator==(const iterator& i, std::default_sentinel_t) {
    return i.at_end();
  }

private:
  friend class stream;

  explicit iterator(std::shared_ptr<iteration> of) : of_(std::move(of)) {}

  [[nodiscard]] bool at_end() const;

  std::shared_ptr<iteration> of_;
};

} // namespace cafka
