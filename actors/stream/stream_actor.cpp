#include "stream_actor.hpp"

#include "../../supervision/alarm.hpp"
#include "../../supervision/caf_compat.hpp"

#include <caf/actor_system.hpp>
#include <caf/sec.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include <algorithm>
#include <utility>
#include <vector>

namespace cafka::actors {

namespace {

using protocol::stream_cursor;
using protocol::time_point;

using stream_impl =
  trapping_exits<stream_actor::extend<caf::result<void>(supervision::alarm_rings),
    caf::result<void>(stream_receiver_down)>>;

/// Beyond a request's deadline, for the worker's own answer that it has passed.
constexpr milliseconds grace{1'000};

/// The shell around a cursor: asks the worker what the cursor wants to know, hands over
/// and commits what it says.
class stream_state {
public:
  static inline const char* name = "cafka.stream";

  stream_state(stream_impl::pointer self, stream_settings settings,
    worker_finder find_worker, caf::strong_actor_ptr consumer)
    : self_(self),
      settings_(std::move(settings)),
      find_worker_(std::move(find_worker)),
      receiver_(std::move(consumer)),
      cursor_(settings_.cursor) {}

  stream_impl::behavior_type make_behavior() {
    trap_exit(self_, [this](caf::exit_msg& msg) { on_exit_message(msg); });
    watch(self_, receiver_, [](const caf::error&) { return stream_receiver_down{}; });
    return {
      [this](const stream_credit& msg) {
        if (msg.done_before)
          cursor_.acknowledge(now(), *msg.done_before);
        cursor_.grant(msg.batches);
        proceed();
      },
      [this](const stream_stop& msg) {
        auto promise = self_->make_response_promise<stream_end>();
        stops_.push_back(promise);
        if (msg.done_before)
          cursor_.acknowledge(now(), *msg.done_before);
        stop({error_code::closed, "the stream was stopped"});
        return promise;
      },
      [this](supervision::alarm_rings msg) {
        if (alarm_.rings(msg))
          proceed();
      },
      [this](stream_receiver_down) {
        receiver_ = nullptr;
        stop({error_code::closed, "the stream's consumer has ended"});
      },
      [this](caf::exit_msg& msg) { on_exit_message(msg); },
    };
  }

private:
  time_point now() const { return self_->clock().now(); }

  void on_exit_message(const caf::exit_msg& msg) {
    reason_ = msg.reason;
    stop({error_code::closed, "the application was stopped"});
  }

  void stop(error why) {
    cursor_.stop(now(), std::move(why));
    held_.reset();
    proceed();
  }

  /// Does what there is to do after any event.
  void proceed() {
    hand_over();
    if (const auto question = cursor_.next_question(now()))
      std::visit([this](const auto& q) { ask_worker_for(q); }, *question);
    if (const auto offset = cursor_.next_commit(now()))
      commit(*offset);
    if (cursor_.over() && !std::exchange(told_end_, true))
      tell(self_, receiver_, end());
    if (cursor_.finished()) {
      for (auto& promise : std::exchange(stops_, {}))
        promise.deliver(end());
      self_->quit(reason_);
      return;
    }
    schedule();
  }

  void hand_over() {
    while (held_ && cursor_.may_hand_over()) {
      cursor_.handed_over();
      tell(self_, receiver_, *std::exchange(held_, std::nullopt));
    }
  }

  [[nodiscard]] stream_end end() const {
    return {settings_.records.topic, settings_.records.partition, cursor_.start(),
      cursor_.outcome(), cursor_.committed(), cursor_.commit_error()};
  }

  void schedule() { alarm_.set<stream_impl>(self_, now(), cursor_.next_time()); }

  // -- the worker -----------------------------------------------------------------------

  /// How long the worker may be about a request. Its own end it tells in any case; with
  /// another node the connection may be lost.
  template <class Request>
  caf::timespan patience(const Request& request, const caf::strong_actor_ptr& worker) {
    if constexpr (std::is_same_v<Request, fetch>) {
      if (request.while_arriving && worker->node() == self_->node())
        return caf::infinite;
    }
    return request.deadline + grace;
  }

  /// Asks the worker; `on_reply` is told the answer, or why there is none.
  template <class Reply, class Request, class OnReply>
  void ask_worker(Request request, OnReply on_reply) {
    const auto worker = find_worker_(ended_);
    if (!worker) {
      on_reply(result<Reply>{worker.error()});
      return;
    }
    const auto asked = caf::actor_cast<caf::strong_actor_ptr>(*worker);
    ask(self_, *worker, patience(request, asked), std::move(request))
      .then(
        [this, on_reply](result<Reply>& reply) {
          on_reply(std::move(reply));
          proceed();
        },
        [this, on_reply, asked](const caf::error& e) {
          if (e != caf::sec::request_timeout)
            ended_ = asked;
          on_reply(
            result<Reply>{error{e == caf::sec::request_timeout ? error_code::timed_out
                                                               : error_code::worker_down,
              "the worker gave no answer: " + to_string(e)}});
          proceed();
        });
  }

  void ask_worker_for(const stream_cursor::ask_group& q) {
    get_status request;
    request.deadline = q.deadline;
    ask_worker<worker_status>(
      std::move(request), [this](const result<worker_status>& reply) {
        if (!reply)
          return cursor_.on_failure(now(), reply.error());
        settings_.group = reply->consumer_group.value_or("");
        cursor_.on_group(now(), !settings_.group.empty());
      });
  }

  void ask_worker_for(const stream_cursor::ask_committed& q) {
    offset_fetch request;
    request.group = settings_.group;
    request.topics.emplace().push_back(
      {settings_.records.topic, {settings_.records.partition}});
    request.deadline = q.deadline;
    request.api_version = settings_.offset_fetch_api_version;
    ask_worker<fetched_offsets>(
      std::move(request), [this](const result<fetched_offsets>& reply) {
        if (!reply)
          cursor_.on_failure(now(), reply.error());
        else if (reply->offsets.empty())
          cursor_.on_failure(now(),
            {error_code::malformed_response,
              "the broker does not say what the group has committed"});
        else
          cursor_.on_committed(now(), reply->offsets.front().offset);
      });
  }

  void ask_worker_for(const stream_cursor::ask_offset& q) {
    list_offsets request;
    request.topic = settings_.records.topic;
    request.partition = settings_.records.partition;
    request.time.value = q.time;
    request.isolation = settings_.records.isolation;
    request.deadline = q.deadline;
    ask_worker<listed_offset>(
      std::move(request), [this](const result<listed_offset>& reply) {
        if (reply)
          cursor_.on_offset(now(), reply->offset);
        else
          cursor_.on_failure(now(), reply.error());
      });
  }

  void ask_worker_for(const stream_cursor::ask_records& q) {
    auto request = settings_.records;
    request.offset = q.from;
    request.max_bytes = q.max_bytes;
    // A batch that takes longer than the deadline would never come otherwise.
    request.while_arriving = true;
    request.deadline = q.deadline + request.wait_time;
    ask_worker<fetched>(std::move(request), [this](result<fetched> reply) {
      if (reply)
        on_records(*std::move(reply));
      else
        cursor_.on_failure(now(), reply.error());
    });
  }

  void on_records(fetched got) {
    if (cursor_.over())
      return;
    const stream_cursor::records_answer answer{!got.records.empty(),
      got.records.next_offset(), got.high_watermark, got.last_stable_offset,
      got.records.wire_size()};
    cursor_.on_records(now(), answer);
    if (!answer.any)
      return;
    held_ = {std::move(got.topic), got.partition, cursor_.start().value_or(-1),
      cursor_.log_end(answer), std::move(got.records),
      cursor_.commits() ? settings_.group : std::string{}};
  }

  void commit(log_offset offset) {
    offset_commit request;
    request.group = settings_.group;
    auto& kept = request.offsets.emplace_back();
    kept.topic = settings_.records.topic;
    kept.partition = settings_.records.partition;
    kept.offset = offset;
    request.deadline = cursor_.commit_deadline(now());
    request.api_version = settings_.offset_commit_api_version;
    ask_worker<done>(std::move(request),
      [this](const result<done>& reply) { cursor_.on_commit(now(), reply.error()); });
  }

  stream_impl::pointer self_;
  stream_settings settings_;
  worker_finder find_worker_;
  // Null once it has ended.
  caf::strong_actor_ptr receiver_;
  stream_cursor cursor_;
  std::optional<stream_batch> held_;
  std::vector<caf::typed_response_promise<stream_end>> stops_;
  // The worker that was asked last and is no more.
  caf::strong_actor_ptr ended_;
  bool told_end_ = false;
  caf::error reason_;
  supervision::actor_alarm alarm_;
};

} // namespace

stream_actor spawn_stream(caf::actor_system& sys, stream_settings settings,
  worker_finder find_worker, caf::strong_actor_ptr consumer) {
  using stream = caf::stateful_actor<stream_state, stream_impl::impl>;
  return sys.spawn<stream>(
    std::move(settings), std::move(find_worker), std::move(consumer));
}

} // namespace cafka::actors
