#pragma once

#include "caf_compat.hpp"

#include <caf/actor_config.hpp>
#include <caf/actor_system.hpp>
#include <caf/blocking_actor.hpp>
#include <caf/scoped_actor.hpp>
#if __has_include(<caf/execution_unit.hpp>)
#include <caf/execution_unit.hpp>
#include <caf/mailbox_element.hpp>
#include <caf/resumable.hpp>
#include <caf/scheduler/abstract_coordinator.hpp>
#define CAFKA_CAF_HAS_EXECUTION_UNIT 1
#else
#define CAFKA_CAF_HAS_EXECUTION_UNIT 0
#endif

#include <chrono>
#include <cstddef>
#include <type_traits>
#include <utility>

/// An idle actor handles a message in the thread that sends it: no other thread must wake
/// up for it, which on two cores saves about ten microseconds. An actor that is busy, and
/// all other actors that this one talks to, run where they always do, in the scheduler.
///
/// For actors whose handlers are short and never block. Where CAF has no execution units
/// (1.1 and later) everything goes through the scheduler.
namespace cafka::supervision {

#if CAFKA_CAF_HAS_EXECUTION_UNIT

namespace detail {

class here final : public caf::execution_unit {
public:
  explicit here(caf::actor_system& sys) : execution_unit(&sys) {}

  /// The first actor that becomes ready is kept for `run`.
  void exec_later(caf::resumable* ready) override {
    if (first_ && kept_ == nullptr)
      kept_ = ready;
    else
      system().scheduler().enqueue(ready);
  }

  void run() {
    first_ = false;
    auto* job = std::exchange(kept_, nullptr);
    if (job == nullptr)
      return;
    // A few messages at most: the thread has something else to do.
    constexpr std::size_t max_messages = 8;
    switch (job->resume(this, max_messages)) {
    case caf::resumable::resume_later: system().scheduler().enqueue(job); break;
    case caf::resumable::awaiting_message:
    case caf::resumable::done:
    case caf::resumable::shutdown_execution_unit: intrusive_ptr_release(job); break;
    }
  }

private:
  bool first_ = true;
  caf::resumable* kept_ = nullptr;
};

} // namespace detail

/// A message sent from no actor, which its receiver, if it is idle, handles in `run`.
///
/// Two steps, so that a lock which the receiver may want can be let go between them.
class sent_here {
public:
  template <class Message>
  sent_here(const caf::strong_actor_ptr& dest, Message&& message)
    : unit_(*dest->home_system) {
    dest->enqueue(caf::make_mailbox_element(
                    nullptr, caf::make_message_id(), {}, std::forward<Message>(message)),
      &unit_);
  }

  /// Must follow.
  void run() { unit_.run(); }

private:
  detail::here unit_;
};

/// Spawns an actor from a function, as `sys.spawn` does, and has it make its behavior in
/// this thread: when this returns, it has begun. OTP: a process whose `init` is done.
///
/// For functions that return soon. One that throws has ended its actor by then.
template <class F, class... Ts>
auto spawn_here(caf::actor_system& sys, F function, Ts&&... xs) {
  detail::here unit{sys};
  caf::actor_config config{&unit};
  auto handle =
    sys.spawn_functor(std::true_type{}, config, function, std::forward<Ts>(xs)...);
  unit.run();
  return handle;
}

/// `ask` by a thread that will wait for the answer, in this thread if `dest` is idle.
///
/// Without a timeout, which would wake CAF's clock: see `answer_within`.
template <class Handle, class Message>
auto ask_here(caf::scoped_actor& self, const Handle& dest, Message&& message) {
  detail::here unit{self.home_system()};
  auto* before = self->context();
  self->context(&unit);
  auto response = ask(self, dest, caf::infinite, std::forward<Message>(message));
  self->context(before);
  unit.run();
  return response;
}

#else

class sent_here {
public:
  template <class Message>
  sent_here(const caf::strong_actor_ptr& dest, Message&& message) {
    post(dest, std::forward<Message>(message));
  }

  void run() {}
};

template <class F, class... Ts>
auto spawn_here(caf::actor_system& sys, F function, Ts&&... xs) {
  return sys.spawn(std::move(function), std::forward<Ts>(xs)...);
}

template <class Handle, class Message>
auto ask_here(caf::scoped_actor& self, const Handle& dest, Message&& message) {
  return ask(self, dest, caf::infinite, std::forward<Message>(message));
}

#endif

/// Blocks until something has arrived for `self`, for `timeout` at most; says whether.
inline bool answer_within(caf::scoped_actor& self, caf::timespan timeout) {
  using clock = caf::blocking_actor::timeout_type::clock;
  return self->await_data(
    clock::now() + std::chrono::duration_cast<clock::duration>(timeout));
}

} // namespace cafka::supervision
