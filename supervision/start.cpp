#include "start.hpp"

#include "../base/thrown_by.hpp"
#include "caf_compat.hpp"
#include "errors.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/spawn_options.hpp>

#include <atomic>
#include <string>

namespace cafka::supervision {

using detail::start_failed;

caf::error detail::start_failed(std::string why) {
  return caf::make_error(errc::start_failed, std::move(why));
}

class start_later::state {
public:
  explicit state(receiver to) : to_(std::move(to)) {}

  state(const state&) = delete;
  state& operator=(const state&) = delete;

  ~state() { tell(start_failed("the starter gave up without a reason")); }

  void tell(start_result how) {
    if (!told_.exchange(true))
      to_(std::move(how));
  }

private:
  receiver to_;
  std::atomic<bool> told_ = false;
};

start_later::start_later(receiver to) : state_(std::make_shared<state>(std::move(to))) {
}

void start_later::started() const {
  if (state_ != nullptr)
    state_->tell(starting{});
}

void start_later::started(caf::strong_actor_ptr child) const {
  if (state_ != nullptr)
    state_->tell(std::move(child));
}

void start_later::failed(caf::error why) const {
  if (state_ != nullptr)
    state_->tell(std::move(why));
}

void start_later::ignored() const {
  if (state_ != nullptr)
    state_->tell(ignore{});
}

start_result call_start(const start_function& start, const start_context& context) {
  start_result result;
  if (auto thrown = thrown_by([&] { result = start(context); }))
    return start_failed(std::move(*thrown));
  if (auto* child = std::get_if<caf::strong_actor_ptr>(&result);
      child != nullptr && *child == nullptr)
    return start_failed("no actor was started");
  return result;
}

start_function start_elsewhere(start_function slow) {
  return [slow = std::move(slow)](const start_context& context) -> start_result {
    context.system().spawn<caf::detached>(
      [slow, arguments = context.arguments(), later = context.later()](
        caf::event_based_actor* self) {
        auto result = call_start(slow, {self->system(), arguments});
        if (auto* child = std::get_if<caf::strong_actor_ptr>(&result))
          later.started(std::move(*child));
        else if (auto* error = std::get_if<caf::error>(&result))
          later.failed(std::move(*error));
        else if (std::holds_alternative<ignore>(result))
          later.ignored();
        else
          later.failed(start_failed(
            "a start function of start_elsewhere must not return `starting`"));
      });
    return starting{};
  };
}

} // namespace cafka::supervision
