#include "child_starter.hpp"

#include "../../supervision/alone.hpp"
#include "../../supervision/caf_compat.hpp"

#include <caf/scoped_actor.hpp>
#include <caf/sec.hpp>

#include <mutex>
#include <utility>

namespace cafka {

namespace {

/// As long as a supervisor has it, incarnations may follow.
class kept_by_supervisor {
public:
  explicit kept_by_supervisor(child_starter::given_up_function given_up)
    : given_up_(std::move(given_up)) {}
  kept_by_supervisor(const kept_by_supervisor&) = delete;
  kept_by_supervisor& operator=(const kept_by_supervisor&) = delete;
  ~kept_by_supervisor() {
    if (given_up_)
      given_up_({error_code::closed, std::move(why_)});
  }

  void escalated(const supervision::supervision_event& event) {
    const std::lock_guard guard{mutex_};
    why_ = "it crashed more often than allowed (" + to_string(event) + ')';
  }

private:
  const child_starter::given_up_function given_up_;
  std::mutex mutex_;
  std::string why_ = "its supervisor has ended";
};

} // namespace

supervision::child_spec child_starter::spec(const std::string& name,
  supervision::start_function start, given_up_function given_up,
  const std::string& registered, companions beside) const {
  const auto kept = std::make_shared<kept_by_supervisor>(std::move(given_up));
  supervision::child_spec child;
  child.id = name;
  child.name = registered;
  child.restart_delay = rules_.restart_delay;
  child.start = std::move(start);
  supervision::supervisor_options own;
  own.name = "cafka." + rules_.under + '.' + name;
  own.intensity = rules_.intensity;
  own.names = beside.names != nullptr ? std::move(beside.names) : rules_.names;
  own.children = std::move(beside.children);
  own.observer = [kept, observer = rules_.observer](
                   const supervision::supervision_event& event) {
    if (event.kind == supervision::event_kind::escalated)
      kept->escalated(event);
    if (observer)
      observer(event);
  };
  auto result = supervision::alone(std::move(child), std::move(own));
  result.name = name;
  return result;
}

error child_starter::start(const std::string& name, spawn_function spawn,
  given_up_function given_up, companions beside) const {
  error outcome{error_code::closed, "the application has ended"};
  if (const auto to = supervisor()) {
    auto child = spec(
      name,
      [spawn = std::move(spawn)](
        caf::actor_system& system) -> supervision::start_result { return spawn(system); },
      std::move(given_up), {}, std::move(beside));
    caf::scoped_actor self{sys_};
    ask(self, to, default_deadline, supervision::start_child{std::move(child)})
      .receive([&](const caf::strong_actor_ptr&) { outcome = {}; },
        [&](caf::error& e) {
          outcome = {e == supervision::errc::already_started ? error_code::already_started
                                                             : error_code::closed,
            to_string(e)};
        });
  }
  return outcome;
}

bool child_starter::end(const std::string& name, milliseconds deadline) const {
  const auto to = supervisor();
  if (!to)
    return true;
  bool ended = true;
  caf::scoped_actor self{sys_};
  // One that the application's end has ended already is not there any more.
  ask(self, to, deadline, supervision::terminate_child{.name = name})
    .receive([] {}, [&](const caf::error& e) { ended = e != caf::sec::request_timeout; });
  return ended;
}

} // namespace cafka
