#pragma once

#include "../../protocol/failure_policy.hpp"
#include "handler.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace cafka {

using protocol::dead_letter_headers;
using protocol::failure_policy;

/// How the handlers of a group's member behave; see docs/groups.md.
struct consumer_group_options {
  /// The group's name.
  std::string group = {};
  /// The topics that it reads.
  std::vector<std::string> topics = {};
  /// And all topics whose whole name this expression matches, but for Kafka's own; empty:
  /// no others.
  std::string pattern = {};
  /// Unique among the application's consumers; empty: the group's name.
  std::string name = {};
  /// How it is a member. `max_poll_interval` is only the time that a rebalance waits for
  /// handlers: they may work as long as they want.
  group_options membership = {};
  /// How it reads. `name`, `group`, `membership` and `deliver_to` are not used.
  consumer_options reading = {};

  /// How often a record is given to its handler before `on_failure` says what becomes of
  /// it; zero: without end, as KafkaEx.
  std::uint32_t max_attempts = protocol::defaults::max_attempts;
  /// The wait before the second attempt; it doubles with each.
  milliseconds retry_backoff = protocol::defaults::attempt_backoff;
  /// The longest wait before another attempt.
  milliseconds retry_backoff_max = protocol::defaults::attempt_backoff_max;
  /// What becomes of a record that could not be handled.
  failure_policy on_failure = failure_policy::pause;
  /// With `failure_policy::dead_letter`: the topic that such records are written to;
  /// empty: the record's topic with `-dlt` behind it, as in Spring.
  std::string dead_letter_topic = {};
  /// The names of the headers that say where a dead letter comes from.
  dead_letter_headers letter_headers = dead_letter_headers::spring;
  /// Batches that a handler may have answered with `later` and not acknowledged; from 1.
  std::size_t max_unacknowledged = protocol::defaults::max_unacknowledged;
  /// Whether each handler has a thread of its own, so that it may block.
  bool detached = false;
  /// Whether handlers that are actors get `partition_revoked`, which they must answer,
  /// and `partition_lost`.
  bool tell_handlers = false;
  /// A handler that crashes more often than `max_restarts` times in `max_seconds` is
  /// started again only after a back-off.
  std::uint64_t max_restarts = 3;
  /// The window in which restarts are counted.
  std::chrono::seconds max_seconds{5};
  /// How long a handler may take to end.
  milliseconds shutdown{5'000};
  /// Called with each event of the membership, in an actor: must neither block nor throw.
  std::function<void(const group_event&)> on_event = {};
};

/// What is wrong with the options: `invalid_argument` names the option, its value and
/// what is allowed.
[[nodiscard]] error check(const consumer_group_options& options);

/// How the handler of a partition is.
struct handler_status {
  /// The topic's name.
  std::string topic = {};
  /// The partition's number.
  partition_id partition = {};
  /// `starting`, `idle`, `handling`, `committing`, `unacknowledged`, `backing_off`,
  /// `dead_lettering`, `paused` or `giving_up`.
  std::string state = {};
  /// Since it is in that state.
  milliseconds since{0};
  /// The first record that is not handled; -1: it has been given none yet.
  log_offset offset = -1;
  /// How often that one was tried in vain.
  std::uint32_t attempts = 0;
  /// Why the last attempt has failed; or what keeps the partition from being read.
  error last_error = {};
  /// How often its handler was started again.
  std::uint64_t restarts = 0;
};

/// How the member of a group and its handlers are.
struct group_status {
  /// As a member.
  member_status member = {};
  /// One for each partition that it has, sorted.
  std::vector<handler_status> handlers = {};
};

/// A handle for a member of a group whose records supervised handlers handle; from any
/// thread. Copying one costs a reference count. KafkaEx: a `ConsumerGroup`.
class consumer_group {
public:
  consumer_group() = default;
  /// Made by `application::consumer_group`.
  consumer_group(cafka::consumer reader, std::shared_ptr<actors::handlers_core> core)
    : reader_(std::move(reader)), core_(std::move(core)) {}

  /// Whether there is a member behind it.
  explicit operator bool() const { return core_ != nullptr; }

  /// Its name.
  [[nodiscard]] const std::string& name() const { return reader_.name(); }

  // Functions with a deadline block until it at most, and are not to be called from an
  // actor; zero is `reading.request_timeout`. Errors: `closed`, `timed_out`, and those
  // named.

  /// How it is, and what its handlers do.
  [[nodiscard]] result<group_status> status(milliseconds deadline = {}) const;
  /// How it is a member, and whom it waits for.
  [[nodiscard]] result<member_status> membership(milliseconds deadline = {}) const {
    return reader_.membership(deadline);
  }
  /// The partitions that it has, sorted.
  [[nodiscard]] std::vector<topic_partition> assignment() const {
    return reader_.assignment();
  }
  /// The handler's actor; null while there is none. KafkaEx: `consumer_pids/1`.
  [[nodiscard]] caf::actor handler(
    const std::string& topic, partition_id partition, milliseconds deadline = {}) const;

  /// Commits what handlers have acknowledged. Kafka's errors.
  result<done> commit(milliseconds deadline = {}) const {
    return reader_.commit(deadline);
  }
  /// Has the group share out its partitions anew (KIP-568).
  result<done> rejoin(std::string reason) const {
    return reader_.rejoin(std::move(reason));
  }
  /// Handlers get nothing of these until they are resumed. Error `not_found`.
  result<done> pause(const std::vector<topic_partition>& partitions) const {
    return reader_.pause(partitions);
  }
  /// They go on, also those that are paused at a record that could not be handled.
  result<done> resume(const std::vector<topic_partition>& partitions) const;
  /// The handler goes on at another place. Error `not_found`.
  result<done> seek(
    const std::string& topic, partition_id partition, start_at where) const {
    return reader_.seek(topic, partition, where);
  }

  /// Ends it: handlers finish what they have, it is committed, and the member leaves. At
  /// the deadline what is not finished is another member's. Error `timed_out`: it ends
  /// later.
  result<done> close(milliseconds deadline = {}) const;

private:
  cafka::consumer reader_;
  std::shared_ptr<actors::handlers_core> core_;
};

// -- inspection -------------------------------------------------------------------------

CAFKA_INSPECT(
  handler_status, topic, partition, state, since, offset, attempts, last_error, restarts)
CAFKA_INSPECT(group_status, member, handlers)

} // namespace cafka
