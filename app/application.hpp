#pragma once

#include <cafka/actors/producer.hpp>
#include <cafka/app/options.hpp>

#include <caf/fwd.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace cafka {

/// Which worker is asked: the default one, one by name, or one by handle.
///
/// A name follows the worker through restarts; a handle does not: once its worker has
/// ended, requests to it are answered with `worker_down`.
class worker_ref {
public:
  worker_ref() = default;
  worker_ref(const char* name) : name_(name) {}
  worker_ref(std::string name) : name_(std::move(name)) {}
  worker_ref(worker_actor handle) : handle_(std::move(handle)) {}

  /// Empty for the default worker and for a handle.
  [[nodiscard]] const std::string& name() const { return name_; }
  /// Null unless it was given.
  [[nodiscard]] const worker_actor& handle() const { return handle_; }

private:
  std::string name_;
  worker_actor handle_;
};

/// What the short form of `produce` can be told. KafkaEx: the options of `produce/4`.
struct produce_options {
  std::optional<std::string> key = {};
  std::vector<record::header> headers = {};
  std::optional<cafka::timestamp> timestamp = {};
  std::int16_t required_acks = -1;
  milliseconds timeout{0};
  codec compression = codec::none;
  milliseconds deadline{0};
  std::optional<std::int16_t> api_version = {};
  worker_ref worker = {};
};

/// A cafka application in an actor system: the root supervisor, its workers, and the
/// threads of their sockets. KafkaEx: the application callback and the module's
/// functions.
///
/// Every function may be called from any thread, blocks until its deadline at most, and
/// must not be called from an actor: an actor sends the same messages to `worker(name)`.
/// A deadline of zero means `request_timeout`.
class application {
public:
  /// Starts in `sys`, which must outlive it. Does not wait for any broker.
  ///
  /// Errors: `invalid_argument` for options that make no sense or when
  /// `cafka::init_global_meta_objects` was not called before `sys` was made.
  [[nodiscard]] static result<std::unique_ptr<application>> start(
    caf::actor_system& sys, application_options options = {});

  application(const application&) = delete;
  application& operator=(const application&) = delete;

  /// Stops, within `stop_timeout`.
  ~application();

  /// Ends the workers, the last started first, and then the sockets' threads. Callers
  /// that wait are answered with `closed`. Zero means `stop_timeout`; a second call does
  /// nothing.
  ///
  /// Error `timed_out` when something was still running at the deadline; it was killed.
  result<done> stop(milliseconds deadline = {});

  // -- workers
  // ------------------------------------------------------------------------------

  /// Starts a worker under the supervisor and waits until a broker has answered it.
  ///
  /// Errors: `already_started` when the name is taken; `invalid_argument`; `disconnected`
  /// when no broker answered by the deadline, with the reason of each; then there is no
  /// such worker.
  result<worker_actor> create_worker(
    const std::string& name, const worker_init& init = {}, milliseconds deadline = {});

  /// Ends a worker for good. Error `not_found` when there is none.
  result<done> stop_worker(const worker_ref& worker, milliseconds deadline = {});

  /// The current incarnation of a worker. Error `not_found` when there is none by that
  /// name, `worker_down` while it is being restarted.
  [[nodiscard]] result<worker_actor> worker(const worker_ref& which = {}) const;

  /// The names of all workers, sorted.
  [[nodiscard]] std::vector<std::string> workers() const;

  /// How a worker is.
  result<worker_status> status(const worker_ref& worker = {}, milliseconds deadline = {});

  // -- producers
  // ----------------------------------------------------------------------------

  /// Starts a producer under a supervisor, with connections of its own. Does not wait for
  /// any broker: records wait, by their deadlines.
  ///
  /// Errors: `already_started` when the name is taken; `invalid_argument`; `closed`.
  result<cafka::producer> producer(producer_options options);

  /// The producer of that name; with the options' defaults if there is none yet.
  result<cafka::producer> producer(const std::string& name);

  // -- Kafka
  // --------------------------------------------------------------------------------
  //
  // Errors, besides Kafka's own: `not_found` when there is no such worker, `worker_down`
  // when it ended while it was asked, `timed_out`, `outcome_unknown`, `closed`.

  /// KafkaEx: `produce/2`.
  result<produced> produce(const cafka::produce& request, const worker_ref& worker = {});

  /// One record. KafkaEx: `produce/4`.
  result<produced> produce(std::string topic, partition_id partition,
    std::optional<std::string> value, const produce_options& options = {});

  /// KafkaEx: `fetch/3`.
  result<fetched> fetch(const cafka::fetch& request, const worker_ref& worker = {});

  /// The first offset at or after a moment. KafkaEx: `offset/4`.
  result<listed_offset> offset(std::string topic, partition_id partition,
    offset_time time, const worker_ref& worker = {});
  result<listed_offset> offset(
    const list_offsets& request, const worker_ref& worker = {});

  /// The offset that the next record will have. KafkaEx: `latest_offset/3`.
  result<listed_offset> latest_offset(
    std::string topic, partition_id partition, const worker_ref& worker = {});

  /// The first offset still in the log. KafkaEx: `earliest_offset/3`.
  result<listed_offset> earliest_offset(
    std::string topic, partition_id partition, const worker_ref& worker = {});

  /// KafkaEx: `metadata/1`.
  result<cluster_metadata> metadata(
    const cafka::metadata& request = {}, const worker_ref& worker = {});

  /// KafkaEx: `api_versions/1`.
  result<supported_versions> api_versions(
    const cafka::api_versions& request = {}, const worker_ref& worker = {});

private:
  struct impl;

  explicit application(std::unique_ptr<impl> content);

  std::unique_ptr<impl> impl_;
};

} // namespace cafka
