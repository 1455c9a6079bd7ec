#include "worker.hpp"

#include "../../protocol/clients/worker_client.hpp"
#include "../client_actor.hpp"
#include "../client_settings.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include <chrono>
#include <utility>

namespace cafka::actors {

namespace {

using protocol::worker_client;

using worker_impl = client_interface<worker_actor>;

protocol::worker_client_options settings_of(const connection_options& options) {
  protocol::worker_client_options result;
  result.name = options.name;
  result.cluster = dispatcher_options_of(options, "worker");
  result.cluster.metadata_max_age = options.metadata_max_age;
  result.cluster.unknown_topic_wait = options.unknown_topic_wait;
  result.cluster.coordinator_query_interval = options.coordinator_query_interval;
  result.cluster.initial_topics = options.initial_topics;
  result.cluster.max_pending = options.max_pending;
  auto& defaults = result.defaults;
  defaults.request_timeout = options.request_timeout;
  defaults.consumer_group = options.consumer_group;
  defaults.allow_auto_topic_creation = options.allow_auto_topic_creation;
  defaults.partitioner = options.partitioner;
  defaults.max_decompressed_bytes = options.max_decompressed_bytes;
  defaults.max_decompression_ratio = options.max_decompression_ratio;
  result.auto_offset_reset = options.auto_offset_reset;
  return result;
}

class worker_state : public client_shell<worker_state, worker_impl, worker_client> {
public:
  static inline const char* name = "cafka.worker";

  worker_state(worker_impl::pointer self, const connection_options& options,
    std::shared_ptr<transport_factory> transports)
    : client_shell(self,
      shell_settings_of(options, std::move(transports), "worker", options.name),
      settings_of(options)) {}

  worker_impl::behavior_type make_behavior() {
    client().start(now());
    after_event();
#define CAFKA_HANDLER(request, reply)                                                    \
  , [this](request& asked) { return submit<reply>(std::move(asked)); }
    return behavior(own_handlers CAFKA_OPERATIONS(CAFKA_HANDLER, CAFKA_HANDLER));
#undef CAFKA_HANDLER
  }

  void act(std::unique_ptr<protocol::ready_reply>& ready) {
    ready->deliver();
  }

  void on_exit(const caf::error& reason) {
    client().shut_down();
    carry_out();
    quit(reason);
  }

  void before_event() {
  }
  void before_effects() {
  }
  void after_event_done() {
  }

private:
  static timestamp wall_clock() {
    return std::chrono::floor<milliseconds>(std::chrono::system_clock::now());
  }

  template <class Reply, class Request>
  caf::typed_response_promise<result<Reply>> submit(Request asked) {
    auto promise = self()->template make_response_promise<result<Reply>>();
    client().submit({now(), wall_clock()}, std::move(asked),
      [promise](result<Reply> reply) mutable { promise.deliver(std::move(reply)); });
    after_event();
    return promise;
  }
};

} // namespace

worker_actor spawn_worker(caf::actor_system& sys, connection_options options,
  std::shared_ptr<transport_factory> transports) {
  using worker = caf::stateful_actor<worker_state, worker_impl::impl>;
  return sys.spawn<worker>(std::move(options), std::move(transports));
}

} // namespace cafka::actors
