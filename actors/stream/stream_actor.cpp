#include "stream_actor.hpp"

#include "../../supervision/alarm.hpp"
#include "../../supervision/caf_compat.hpp"

#include <caf/actor_system.hpp>
#include <caf/sec.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace cafka::actors {

namespace {

using protocol::stream_client;
using protocol::time_point;

using stream_impl =
  trapping_exits<stream_actor::extend<caf::result<void>(supervision::alarm_rings),
    caf::result<void>(stream_receiver_down)>>;

/// Beyond a request's deadline, for the worker's own answer that it has passed.
constexpr milliseconds grace{1'000};

/// The shell around a stream's client: carries its requests to the worker, and its
/// batches to its consumer.
class stream_state {
public:
  static inline const char* name = "cafka.stream";

  stream_state(stream_impl::pointer self, protocol::stream_client_options options,
    worker_finder find_worker, caf::strong_actor_ptr consumer)
    : self_(self),
      find_worker_(std::move(find_worker)),
      receiver_(std::move(consumer)),
      client_(std::move(options)) {}

  stream_impl::behavior_type make_behavior() {
    trap_exit(self_, [this](caf::exit_msg& msg) { on_exit_message(msg); });
    watch(self_, receiver_, [](const caf::error&) { return stream_receiver_down{}; });
    return {
      [this](const stream_credit& msg) {
        client_.on_credit(now(), msg);
        after_event();
      },
      [this](const stream_stop& msg) {
        auto promise = self_->make_response_promise<stream_end>();
        stops_.push_back(promise);
        client_.stop(
          now(), {error_code::closed, "the stream was stopped"}, msg.done_before);
        after_event();
        return promise;
      },
      [this](supervision::alarm_rings msg) {
        if (!alarm_.rings(msg))
          return;
        client_.on_time(now());
        after_event();
      },
      [this](stream_receiver_down) {
        receiver_ = nullptr;
        client_.stop(now(), {error_code::closed, "the stream's consumer has ended"});
        after_event();
      },
      [this](caf::exit_msg& msg) { on_exit_message(msg); },
    };
  }

private:
  time_point now() const { return self_->clock().now(); }

  void on_exit_message(const caf::exit_msg& msg) {
    reason_ = msg.reason;
    client_.stop(now(), {error_code::closed, "the application was stopped"});
    after_event();
  }

  void after_event() {
    while (client_.has_effects()) {
      for (auto& e : client_.take_effects())
        std::visit([this](auto& x) { act(x); }, e);
    }
    if (!ended_)
      alarm_.set<stream_impl>(self_, now(), client_.next_time());
  }

  // -- what the client wants done -------------------------------------------------------

  void act(stream_batch& x) { tell(self_, receiver_, std::move(x)); }
  void act(stream_end& x) { tell(self_, receiver_, std::move(x)); }
  void act(stream_client::finished& x) {
    for (auto& promise : std::exchange(stops_, {}))
      promise.deliver(x.end);
    ended_ = true;
    self_->quit(reason_);
  }

  template <class Request>
  void act(Request& request) {
    using reply = result<reply_of<Request>>;
    const auto worker = find_worker_(gone_);
    if (!worker) {
      client_.on_reply(now(), reply{worker.error()});
      return;
    }
    const auto asked = caf::actor_cast<caf::strong_actor_ptr>(*worker);
    const auto limit = limit_of(request, asked);
    ask(self_, *worker, limit, std::move(request))
      .then(
        [this](reply& answer) {
          client_.on_reply(now(), std::move(answer));
          after_event();
        },
        [this, asked](const caf::error& e) {
          const bool late = e == caf::sec::request_timeout;
          if (!late)
            gone_ = asked;
          client_.on_reply(now(),
            reply{error{late ? error_code::timed_out : error_code::worker_down,
              "the worker gave no answer: " + to_string(e)}});
          after_event();
        });
  }

  /// How long the worker may be about a request. It answers by the deadline in any case;
  /// with another node the connection may be lost.
  template <class Request>
  caf::timespan limit_of(const Request& request, const caf::strong_actor_ptr& worker) {
    if constexpr (std::is_same_v<Request, fetch>) {
      if (request.while_arriving && worker->node() == self_->node())
        return caf::infinite;
    }
    return request.deadline + grace;
  }

  stream_impl::pointer self_;
  const worker_finder find_worker_;
  // Null once it has ended.
  caf::strong_actor_ptr receiver_;
  stream_client client_;
  std::vector<caf::typed_response_promise<stream_end>> stops_;
  // The worker that was asked last and has ended.
  caf::strong_actor_ptr gone_;
  bool ended_ = false;
  caf::error reason_;
  supervision::actor_alarm alarm_;
};

} // namespace

stream_actor spawn_stream(caf::actor_system& sys, protocol::stream_client_options options,
  worker_finder find_worker, caf::strong_actor_ptr consumer) {
  using stream = caf::stateful_actor<stream_state, stream_impl::impl>;
  return sys.spawn<stream>(
    std::move(options), std::move(find_worker), std::move(consumer));
}

} // namespace cafka::actors
