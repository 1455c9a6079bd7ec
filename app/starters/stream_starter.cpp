#include "stream_starter.hpp"

#include "../../protocol/calls/group_fetch.hpp"
#include "../../protocol/names.hpp"

#include <caf/actor_system.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/sec.hpp>

#include <random>
#include <string_view>
#include <utility>

namespace cafka {

namespace {

/// What a stream gets for its last commit when the application stops.
constexpr milliseconds last_commit{2'000};

error wrong(std::string what) {
  return {error_code::invalid_argument, std::move(what)};
}

error check(
  const std::string& topic, partition_id partition, const stream_options& options) {
  if (auto bad = protocol::check_topic_name(topic))
    return bad;
  if (partition.value() < 0)
    return wrong(
      "partition " + std::to_string(partition.value()) + " of " + topic + " is negative");
  if (options.offset && !options.offset->is_moment() && options.offset->value() < 0)
    return wrong("offset " + std::to_string(options.offset->value()) + " is negative");
  if (options.max_bytes <= 0)
    return wrong("max_bytes is " + std::to_string(options.max_bytes)
      + " and must be more than zero");
  if (options.max_decompressed_bytes == 0)
    return wrong("max_decompressed_bytes must be more than zero");
  const auto not_negative = [](std::string_view name, std::int64_t value) {
    return value >= 0 ? error{}
                      : wrong(std::string{name} + " is " + std::to_string(value)
                        + " and must not be negative");
  };
  for (const auto& e : {not_negative("min_bytes", options.min_bytes),
         not_negative("wait_time", options.wait_time.count()),
         not_negative("deadline", options.deadline.count())}) {
    if (e)
      return e;
  }
  if (!options.consumer_group.empty() && !valid_consumer_group(options.consumer_group))
    return {error_code::invalid_group_id, "a consumer group needs a name"};
  if (auto wrong = check_pins(options.api_versions.fetch,
        options.api_versions.offset_fetch, options.api_versions.offset_commit))
    return wrong;
  return protocol::check_name(
    "group", options.consumer_group.name().value_or(std::string{}));
}

} // namespace

stream_starter::stream_starter(caf::actor_system& sys, const application_options& options,
  std::shared_ptr<supervision::registry> names,
  std::function<caf::strong_actor_ptr()> streams, std::function<error()> why_ended)
  : sys_(sys),
    options_(options),
    names_(std::move(names)),
    streams_(std::move(streams)),
    why_ended_(std::move(why_ended)) {
}

result<protocol::stream_client_options> stream_starter::settings(
  const std::string& topic, partition_id partition, const stream_options& options) const {
  if (auto e = check(topic, partition, options))
    return e;
  protocol::stream_client_options all;
  auto& fetch = all.records;
  fetch.topic = topic;
  fetch.partition = partition;
  // The broker would wait at the log's end, where such a stream has to go on.
  fetch.wait_time = options.no_wait_at_logend ? milliseconds{0} : options.wait_time;
  fetch.min_bytes = options.min_bytes;
  fetch.max_bytes = options.max_bytes;
  fetch.max_decompressed_bytes = options.max_decompressed_bytes;
  fetch.max_decompression_ratio = options.max_decompression_ratio;
  fetch.isolation = options.isolation;
  fetch.auto_commit = false;
  fetch.api_version = options.api_versions.fetch;
  all.group = options.consumer_group.name().value_or("");
  all.offset_fetch_api_version = options.api_versions.offset_fetch;
  all.offset_commit_api_version = options.api_versions.offset_commit;
  pair_pins(all.offset_fetch_api_version, all.offset_commit_api_version);
  auto& cursor = all.cursor;
  cursor.start = options.offset;
  const bool of_worker = options.consumer_group.empty();
  cursor.committed = of_worker || !all.group.empty();
  cursor.commits = cursor.committed && options.auto_commit;
  const bool needs_no_group = !cursor.commits && options.offset;
  cursor.asks_group = of_worker && !needs_no_group;
  cursor.reset =
    protocol::place_of(options.auto_offset_reset.value_or(options_.auto_offset_reset));
  cursor.no_wait_at_logend = options.no_wait_at_logend;
  // With no bytes to wait for, the broker answers at once because it is told to.
  cursor.wait_time = fetch.min_bytes > 0 ? fetch.wait_time : milliseconds{0};
  cursor.read_committed = options.isolation == isolation_level::read_committed;
  cursor.worker_returns = !options.worker.handle();
  cursor.deadline =
    options.deadline > milliseconds{0} ? options.deadline : options_.request_timeout;
  cursor.max_bytes = options.max_bytes;
  cursor.auto_commit_interval = options_.auto_commit_interval;
  cursor.commit_threshold = options_.commit_threshold;
  cursor.seed = std::random_device{}();
  return all;
}

actors::worker_finder stream_starter::finder(const worker_ref& worker) const {
  if (worker.handle()) {
    return [handle = worker.handle()](
             const caf::strong_actor_ptr& ended) -> result<worker_actor> {
      if (ended != nullptr)
        return error{error_code::worker_down, "the worker behind this handle has ended"};
      return handle;
    };
  }
  return
    [names = names_, why_ended = why_ended_, name = worker_name(options_, worker.name())](
      const caf::strong_actor_ptr& ended) -> result<worker_actor> {
      const auto found = names->look_up(name);
      if (found != nullptr && found != ended)
        return caf::actor_cast<worker_actor>(found);
      if (auto why = why_ended())
        return why;
      if (names->contains(name))
        return error{error_code::worker_down, name + " is being restarted"};
      return error{error_code::not_found, "no worker is named " + name};
    };
}

result<stream_actor> stream_starter::start(
  const protocol::stream_client_options& settings, const worker_ref& worker,
  const caf::strong_actor_ptr& consumer) {
  const auto closed = [this] {
    auto why = why_ended_();
    return why ? why : error{error_code::closed, "the application was stopped"};
  };
  const auto supervisor = streams_();
  if (supervisor == nullptr)
    return closed();
  supervision::child_spec spec;
  spec.id = settings.records.topic + '/'
    + std::to_string(settings.records.partition.value()) + '#' + std::to_string(++last_);
  // A stream that was read anew would begin where its consumer has long been.
  spec.restart = supervision::restart_type::temporary;
  spec.shutdown = supervision::shutdown::timeout(last_commit);
  spec.start = [settings, consumer, find = finder(worker)](
                 caf::actor_system& sys) -> supervision::start_result {
    return caf::actor_cast<caf::strong_actor_ptr>(
      actors::spawn_stream(sys, settings, find, consumer));
  };
  caf::scoped_actor self{sys_};
  result<stream_actor> started;
  ask(self, caf::actor_cast<supervision::supervisor_actor>(supervisor),
    options_.request_timeout, supervision::start_child{std::move(spec)})
    .receive(
      [&](const caf::strong_actor_ptr& handle) {
        started = caf::actor_cast<stream_actor>(handle);
      },
      [&](const caf::error& e) {
        if (why_ended_())
          started = closed();
        else if (e == caf::sec::request_timeout)
          started = error{error_code::timed_out, "the stream was not started in time"};
        else
          started = error{error_code::closed, to_string(e)};
      });
  return started;
}

} // namespace cafka
