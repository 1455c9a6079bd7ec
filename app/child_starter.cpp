#include <cafka/app/child_starter.hpp>
#include <cafka/supervision/caf_compat.hpp>

#include <caf/scoped_actor.hpp>
#include <caf/sec.hpp>

#include <memory>
#include <utility>

namespace cafka {

namespace {

/// As long as the supervisor has it, incarnations may follow.
class kept_by_supervisor {
public:
  explicit kept_by_supervisor(std::function<void()> given_up)
    : given_up_(std::move(given_up)) {}
  kept_by_supervisor(const kept_by_supervisor&) = delete;
  kept_by_supervisor& operator=(const kept_by_supervisor&) = delete;
  ~kept_by_supervisor() { given_up_(); }

private:
  const std::function<void()> given_up_;
};

} // namespace

error child_starter::start(const std::string& name,
  std::function<caf::strong_actor_ptr(caf::actor_system&)> spawn,
  std::function<void()> given_up) const {
  supervision::child_spec spec;
  spec.id = name;
  spec.name = name;
  spec.restart = supervision::restart_type::transient;
  spec.start = [spawn = std::move(spawn),
                 kept = std::make_shared<kept_by_supervisor>(std::move(given_up))](
                 caf::actor_system& system) -> supervision::start_result {
    return spawn(system);
  };
  error outcome{error_code::closed, "the application has ended"};
  if (const auto to = supervisor()) {
    caf::scoped_actor self{sys_};
    ask(self, to, patience, supervision::start_child{std::move(spec)})
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
