#pragma once

#include "../actors/consumer/consumer.hpp"
#include "../actors/group/consumer_group.hpp"
#include "../actors/producer/producer.hpp"
#include "../supervision/tree.hpp"
#include "application_messages.hpp"
#include "options.hpp"
#include "stream.hpp"
#include "worker_ref.hpp"

#include <caf/fwd.hpp>

#include <concepts>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace cafka {

struct application_core;

/// For `create_worker`: a worker without a name, known by its handle alone.
struct no_name_t {};
/// The only `no_name_t`.
inline constexpr no_name_t no_name{};

/// The options of the short form of `produce`. KafkaEx: the options of `produce/4`.
struct produce_options {
  /// The record's key; nothing: none.
  std::optional<std::string> key = {};
  /// The record's headers.
  std::vector<record::header> headers = {};
  /// The record's time; nothing: the present.
  std::optional<cafka::timestamp> timestamp = {};
  /// As `produce::required_acks`.
  std::int16_t required_acks = -1;
  /// As `produce::timeout`.
  milliseconds timeout{0};
  /// As `produce::compression`.
  codec compression = codec::none;
  milliseconds deadline{0};
  std::optional<std::int16_t> api_version = {};
  /// The worker that is asked; empty: the default worker.
  worker_ref worker = {};
};

/// A cafka application in an actor system: the root supervisor, its workers, and the
/// threads of their sockets. KafkaEx: the application callback and the module's
/// functions.
///
/// Every function may be called from any thread, blocks until its deadline at most, and
/// must not be called from an actor: an actor sends the same messages to `worker(name)`
/// or `worker_by_name(name)`, and asks `actor()` to start and end workers.
/// A deadline of zero means `request_timeout`.
class application {
public:
  /// Starts in `sys`, which must outlive it. Does not wait for any broker.
  ///
  /// Errors: `invalid_argument` for options that make no sense, `ssl_options` whose files
  /// cannot be used among them, or when
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

  // -- workers --------------------------------------------------------------------------

  /// Starts a worker under the supervisor and waits until a broker has answered it, or,
  /// with `init.wait = false`, does not wait.
  ///
  /// With a `deadline` it waits that long for a broker that may come up. Without one it
  /// waits for `request_timeout` at most, and gives up earlier once each address has
  /// failed in a way that waiting does not help: the connection or its TLS was refused,
  /// or the name cannot be resolved. It never waits for brokers that want a login or
  /// refuse it.
  ///
  /// Errors: `already_started` when the name is taken; `invalid_argument`, also for files
  /// that `ssl_options` names and that cannot be used; `disconnected` when no broker
  /// answered, with the reason of each, or why their login failed, `illegal_sasl_state`
  /// where one is missing; then there is no such worker.
  result<worker_actor> create_worker(
    const std::string& name, const worker_init& init = {}, milliseconds deadline = {});

  /// The same for a worker without a name: it is restarted like others, but its
  /// next incarnation cannot be found. KafkaEx: `create_worker(:no_name)`.
  result<worker_actor> create_worker(
    no_name_t, const worker_init& init = {}, milliseconds deadline = {});

  /// Starts a worker outside the supervision tree, linked to an actor: when one of the
  /// two ends, the other gets an exit message. It has no name, and is not restarted.
  ///
  /// Errors: as of `create_worker`. KafkaEx: `start_link_worker/2`.
  result<worker_actor> start_link_worker(const caf::strong_actor_ptr& owner,
    const worker_init& init = {}, milliseconds deadline = {});

  /// The settings that a worker started with `init` gets: its own, and the application's
  /// where it says nothing. `create_worker` does this itself.
  ///
  /// Errors: `invalid_group_id` for a consumer group that cannot be one,
  /// `invalid_argument`. KafkaEx: `build_worker_options/1`.
  [[nodiscard]] result<worker_init> build_worker_options(const worker_init& init) const;

  /// The consumer group of a worker; nothing when it belongs to none.
  ///
  /// KafkaEx: `consumer_group/1`.
  result<std::optional<std::string>> consumer_group(
    const worker_ref& worker = {}, milliseconds deadline = {});

  /// Ends a worker for good. Error `not_found` when there is none.
  result<done> stop_worker(const worker_ref& worker, milliseconds deadline = {});

  /// The current incarnation of a worker. Error `not_found` when there is none by that
  /// name, `worker_down` while it is being restarted.
  [[nodiscard]] result<worker_actor> worker(const worker_ref& which = {}) const;

  /// A handle for actors that follows a name through restarts: what is sent to it goes to
  /// the worker of that name, and waits while that one is being restarted. Empty: the
  /// default worker.
  ///
  /// A request's `deadline` begins once a worker has it; its CAF timeout counts from the
  /// start. CAF answers `request_receiver_down` for one that reached a worker in the
  /// moment of its death, `supervision::errc::not_found` is the answer while no worker
  /// has the name. The handle ends with the application. Error `closed`.
  [[nodiscard]] result<worker_actor> worker_by_name(const std::string& name = {});

  /// The actor that starts and ends workers for actors, which must not block: see
  /// `start_worker` and `stop_worker`. It ends with the application.
  [[nodiscard]] application_actor actor() const;

  /// The names of all workers, sorted.
  [[nodiscard]] std::vector<std::string> workers() const;

  /// How a worker is.
  result<worker_status> status(const worker_ref& worker = {}, milliseconds deadline = {});

  /// The supervisors and workers as they are now. `to_string` draws them.
  ///
  /// Errors: `closed` when all has ended; `timed_out`.
  result<supervision::tree_node> tree(milliseconds deadline = {}) const;

  // -- producers ------------------------------------------------------------------------

  /// Starts a producer under a supervisor, with connections of its own. Does not wait for
  /// any broker: records wait, by their deadlines.
  ///
  /// Errors: `already_started` when the name is taken; `invalid_argument`; `closed`.
  result<cafka::producer> producer(producer_options options);

  /// The producer of that name. If there is none yet it is started, with what
  /// `application_options::producers` says of that name, and otherwise with the defaults.
  template <std::convertible_to<std::string> Name>
  result<cafka::producer> producer(const Name& name) {
    return producer_named(name);
  }

  // -- consumers ------------------------------------------------------------------------

  /// Starts a consumer under a supervisor, with connections of its own. Does not wait for
  /// any broker, and reads nothing before `assign`.
  ///
  /// Errors: `already_started` when the name is taken; `invalid_argument`; `closed`.
  result<cafka::consumer> consumer(consumer_options options = {});

  /// The consumer of that name. If there is none yet it is started, with what
  /// `application_options::consumers` says of that name, and otherwise with the defaults.
  template <std::convertible_to<std::string> Name>
  result<cafka::consumer> consumer(const Name& name) {
    return consumer_named(name);
  }

  // -- consumer groups ------------------------------------------------------------------

  /// Starts a member of a group, and a supervised handler for each partition that the
  /// group gives it; see `handler_factory` and docs/groups.md. Does not wait for any
  /// broker. From a plain thread: `consumer`, with `consumer_options::group`.
  ///
  /// Errors: `already_started` when the name is taken; `invalid_argument`; `closed`.
  /// KafkaEx: `ConsumerGroup.start_link/4`.
  result<cafka::consumer_group> consumer_group(
    consumer_group_options options, handler_factory make);

  // -- Kafka ----------------------------------------------------------------------------
  //
  // Errors, besides Kafka's own: `not_found` when there is no such worker, `worker_down`
  // when it ended while it was asked, `timed_out`, `outcome_unknown`, `closed`.

  /// Asks a worker for any operation of `protocol/calls/`, and blocks for the reply. The
  /// functions below are this by everyday names.
  template <class Request>
    requires requires {
      typename operation<Request>::reply;
    }
  result<reply_of<Request>> call(const Request& request, const worker_ref& worker = {});

  /// The same for a message of Kafka's protocol that has no operation, in the version
  /// agreed on or pinned. Error codes within the answer are the caller's to read.
  template <protocol::request_message Request>
  result<typename Request::response> call(
    Request request, const raw_options& options = {}, const worker_ref& worker = {}) {
    raw_request raw;
    raw.what = std::make_shared<raw_exchange_of<Request>>(std::move(request));
    raw.options = options;
    raw.deadline = options.deadline;
    return call(raw, worker).transform([](const raw_response& got) {
      return *std::static_pointer_cast<const typename Request::response>(got.what);
    });
  }

  /// KafkaEx: `produce/2`.
  result<produced> produce(const cafka::produce& request, const worker_ref& worker = {}) {
    return call(request, worker);
  }

  /// One record. KafkaEx: `produce/4`.
  result<produced> produce(std::string topic, std::optional<partition_id> partition,
    std::optional<std::string> value, const produce_options& options = {});

  /// KafkaEx: `fetch/3`.
  result<fetched> fetch(const cafka::fetch& request, const worker_ref& worker = {}) {
    return call(request, worker);
  }
  /// The same, with the rest as `{.offset = 5, .wait_time = 1s}`.
  result<fetched> fetch(std::string topic, partition_id partition,
    cafka::fetch options = {}, const worker_ref& worker = {});

  /// The first offset at or after a moment; the log's end where no record is that late.
  ///
  /// KafkaEx: `offset/4`.
  result<listed_offset> offset(std::string topic, partition_id partition,
    offset_time time, const worker_ref& worker = {});
  /// The same as Kafka has it: no offset where no record is that late.
  result<listed_offset> offset(
    const list_offsets& request, const worker_ref& worker = {}) {
    return call(request, worker);
  }

  /// The offset that the next record will have. KafkaEx: `latest_offset/3`.
  result<listed_offset> latest_offset(
    std::string topic, partition_id partition, const worker_ref& worker = {});

  /// The first offset still in the log. KafkaEx: `earliest_offset/3`.
  result<listed_offset> earliest_offset(
    std::string topic, partition_id partition, const worker_ref& worker = {});

  // -- streams --------------------------------------------------------------------------

  /// The records of a partition as a range; see there. Asks nothing yet.
  ///
  /// KafkaEx: `stream/3`.
  [[nodiscard]] cafka::stream stream(
    std::string topic, partition_id partition, stream_options options = {});

  /// The same for an actor, which gets `stream_batch` and `stream_end` as messages, by
  /// the credit that it grants the stream; `stream_messages.hpp` has all of them.
  ///
  /// Errors: `invalid_argument`, `invalid_group_id`, `closed`.
  result<stream_actor> stream_to(caf::strong_actor_ptr consumer, std::string topic,
    partition_id partition, const stream_options& options = {});

  // -- the cluster ----------------------------------------------------------------------

  /// KafkaEx: `metadata/1`.
  result<cluster_metadata> metadata(
    const cafka::metadata& request = {}, const worker_ref& worker = {}) {
    return call(request, worker);
  }

  /// KafkaEx: `api_versions/1`.
  result<supported_versions> api_versions(
    const cafka::api_versions& request = {}, const worker_ref& worker = {}) {
    return call(request, worker);
  }

  /// The cluster as a whole; Kafka 2.8 and later.
  result<described_cluster> describe_cluster(
    const cafka::describe_cluster& request = {}, const worker_ref& worker = {}) {
    return call(request, worker);
  }

  /// KafkaEx: `create_topics/2`.
  result<topic_results> create_topics(
    const cafka::create_topics& request, const worker_ref& worker = {}) {
    return call(request, worker);
  }

  /// KafkaEx: `delete_topics/2`.
  result<topic_results> delete_topics(
    const cafka::delete_topics& request, const worker_ref& worker = {}) {
    return call(request, worker);
  }

  // -- consumer groups, call by call ----------------------------------------------------

  /// KafkaEx: `offset_commit/2`.
  result<done> offset_commit(
    const cafka::offset_commit& request, const worker_ref& worker = {}) {
    return call(request, worker);
  }

  /// KafkaEx: `offset_fetch/2`.
  result<fetched_offsets> offset_fetch(
    const cafka::offset_fetch& request, const worker_ref& worker = {}) {
    return call(request, worker);
  }

  /// Which broker coordinates a group. KafkaEx: `consumer_group_metadata/2`.
  result<found_coordinator> consumer_group_metadata(
    const cafka::find_coordinator& request = {}, const worker_ref& worker = {}) {
    return call(request, worker);
  }

  /// KafkaEx: `join_group/2`.
  result<joined_group> join_group(
    const cafka::join_group& request, const worker_ref& worker = {}) {
    return call(request, worker);
  }

  /// KafkaEx: `sync_group/2`.
  result<synced_group> sync_group(
    const cafka::sync_group& request, const worker_ref& worker = {}) {
    return call(request, worker);
  }

  /// KafkaEx: `heartbeat/2`.
  result<done> heartbeat(const cafka::heartbeat& request, const worker_ref& worker = {}) {
    return call(request, worker);
  }

  /// KafkaEx: `leave_group/2`.
  result<left_group> leave_group(
    const cafka::leave_group& request, const worker_ref& worker = {}) {
    return call(request, worker);
  }

private:
  result<cafka::producer> producer_named(const std::string& name);
  result<cafka::consumer> consumer_named(const std::string& name);

  explicit application(std::shared_ptr<application_core> core);

  std::shared_ptr<application_core> core_;
};

} // namespace cafka
