#include "application_actor.hpp"

#include "../supervision/caf_compat.hpp"
#include "application_core.hpp"

#include <caf/actor_system.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace cafka {

namespace {

using std::chrono::steady_clock;
using self_pointer = application_actor::pointer;

using core_pointer = std::shared_ptr<application_core>;

error ended() {
  return {error_code::closed, "the application has ended"};
}

/// One `start_worker` on its way.
struct start {
  self_pointer self;
  core_pointer core;
  application_core::prepared_worker what;
  bool wait = true;
  /// Whether the program has told how long.
  bool chosen = false;
  steady_clock::time_point until;
  caf::typed_response_promise<result<worker_actor>> answer;

  [[nodiscard]] milliseconds left() const { return application_core::left_until(until); }
};

/// A worker that no broker has answered does not stay.
void give_up(const std::shared_ptr<start>& s, const worker_actor& worker, error why) {
  const auto respond = [s, why] { s->answer.deliver(result<worker_actor>{why}); };
  if (auto request = s->core->termination_of(worker))
    ask(s->self, s->core->workers(), s->core->options.stop_timeout, *std::move(request))
      .then(respond, [respond](const caf::error&) { respond(); });
  else
    respond();
}

void wait_for_broker(const std::shared_ptr<start>& s, const worker_actor& worker) {
  ask(s->self, worker, s->left() + application_core::grace,
    application_core::connection_question(s->until, s->chosen))
    .then(
      [=](const result<worker_status>& told) {
        if (told)
          s->answer.deliver(result<worker_actor>{worker});
        else
          give_up(s, worker, told.error());
      },
      [=](const caf::error& e) {
        give_up(s, worker, {error_code::worker_down, to_string(e)});
      });
}

application_actor::behavior_type behavior(
  self_pointer self, const std::weak_ptr<application_core>& weak) {
  return {
    [=](start_worker& request) -> caf::result<result<worker_actor>> {
      auto core = weak.lock();
      if (core == nullptr)
        return result<worker_actor>{ended()};
      auto prepared = core->prepare_worker(request.name, request.init);
      if (!prepared)
        return result<worker_actor>{prepared.error()};
      const auto within = core->time_for(request.deadline);
      const auto to = core->workers();
      auto answer = self->make_response_promise<result<worker_actor>>();
      const auto s = std::make_shared<start>(
        start{self, std::move(core), *std::move(prepared), request.init.wait,
          request.deadline > milliseconds{0}, steady_clock::now() + within, answer});
      ask(self, to, within, supervision::start_child{s->what.spec})
        .then(
          [s](const caf::strong_actor_ptr& child) {
            const auto worker = s->core->take_started(s->what, child);
            if (s->wait)
              wait_for_broker(s, worker);
            else
              s->answer.deliver(result<worker_actor>{worker});
          },
          [s](const caf::error& e) {
            s->answer.deliver(result<worker_actor>{s->core->not_started(s->what, e)});
          });
      return answer;
    },
    [=](stop_worker& request) -> caf::result<result<done>> {
      const auto core = weak.lock();
      if (core == nullptr)
        return result<done>{ended()};
      auto termination = core->termination_of(request.worker);
      if (!termination)
        return result<done>{
          core->not_stopped(request.worker, {error_code::not_found, {}})};
      auto answer = self->make_response_promise<result<done>>();
      ask(
        self, core->workers(), core->time_for(request.deadline), *std::move(termination))
        .then([answer]() mutable { answer.deliver(result<done>{done{}}); },
          [answer, core, worker = request.worker](const caf::error& e) mutable {
            answer.deliver(result<done>{core->not_stopped(worker, core->outcome_of(e))});
          });
      return answer;
    },
  };
}

} // namespace

application_actor spawn_application_actor(
  caf::actor_system& sys, std::weak_ptr<application_core> core) {
  return sys.spawn(
    [weak = std::move(core)](self_pointer self) { return behavior(self, weak); });
}

} // namespace cafka
