#pragma once

/// The differences among CAF 0.18.7, 1.0, 1.1 and the development head, in one place.
/// Everything else in cafka is written once, against the functions below.

#include <caf/actor.hpp>
#include <caf/actor_cast.hpp>
#include <caf/actor_control_block.hpp>
#include <caf/actor_system.hpp>
#include <caf/delegated.hpp>
#include <caf/error.hpp>
#include <caf/exit_reason.hpp>
#include <caf/mailbox_element.hpp>
#include <caf/message.hpp>
#include <caf/message_id.hpp>
#include <caf/scheduled_actor.hpp>
#include <caf/send.hpp>
#include <caf/timespan.hpp>
#if __has_include(<caf/anon_mail.hpp>)
// CAF 1.0 and later: mail() and anon_mail().
#include <caf/anon_mail.hpp>
#define CAFKA_CAF_HAS_MAIL 1
#else
// CAF 0.18: send(), delayed_send(), request(), anon_send().
#define CAFKA_CAF_HAS_MAIL 0
#endif
#if __has_include(<caf/error_code_enum.hpp>)
#include <caf/error_code_enum.hpp>
#else
#include <caf/is_error_code_enum.hpp>
#endif
// Until the head gave the count of running actors to the system, the registry had it.
#include <caf/actor_registry.hpp>
#include <caf/result.hpp>
#include <caf/system_messages.hpp>

#include <concepts>
#include <cstddef>
#include <string>
#include <type_traits>
#include <utility>

namespace cafka {

namespace detail {

template <class Dest>
concept actor_ptr =
  std::same_as<Dest, caf::strong_actor_ptr> || std::same_as<Dest, caf::weak_actor_ptr>;

// A pointer knows no interface: it is spoken to as a dynamically typed actor.
template <class Dest>
decltype(auto) receiver(const Dest& dest) {
  if constexpr (std::is_same_v<Dest, caf::weak_actor_ptr>)
    return caf::actor_cast<caf::actor>(caf::actor_cast<caf::strong_actor_ptr>(dest));
  else if constexpr (std::is_same_v<Dest, caf::strong_actor_ptr>)
    return caf::actor_cast<caf::actor>(dest);
  else
    return (dest);
}

} // namespace detail

/// Sends a message from no actor: what the receiver answers is dropped.
///
/// `dest` is a typed or untyped handle, a `strong_actor_ptr` or a `weak_actor_ptr`; a
/// null or dead one drops the message. May be called from any thread.
template <class Dest, class... Ts>
void post(const Dest& dest, Ts&&... xs) {
  const auto& to = detail::receiver(dest);
#if CAFKA_CAF_HAS_MAIL
  caf::anon_mail(std::forward<Ts>(xs)...).send(to);
#else
  caf::anon_send(to, std::forward<Ts>(xs)...);
#endif
}

/// Sends a message from `self`, to any destination that `post` takes.
///
/// Handles are checked against their interface at compile time; pointers are not.
template <class Self, class Dest, class... Ts>
void tell(const Self& self, const Dest& dest, Ts&&... xs) {
  if constexpr (detail::actor_ptr<Dest>) {
    // CAF refuses to compile typed -> untyped, so the envelope is written by hand.
    auto to = caf::actor_cast<caf::strong_actor_ptr>(dest);
    if (to == nullptr)
      return;
    auto from = caf::actor_cast<caf::strong_actor_ptr>(self);
#if CAFKA_CAF_HAS_MAIL
    to->enqueue(caf::make_mailbox_element(std::move(from), caf::make_message_id(),
                  caf::make_message(std::forward<Ts>(xs)...)),
      self->context());
#else
    to->enqueue(std::move(from), caf::make_message_id(),
      caf::make_message(std::forward<Ts>(xs)...), self->context());
#endif
  } else {
#if CAFKA_CAF_HAS_MAIL
    self->mail(std::forward<Ts>(xs)...).send(dest);
#else
    self->send(dest, std::forward<Ts>(xs)...);
#endif
  }
}

/// Sends a message to a handle once `delay` has passed.
///
/// From no actor, so that a typed actor may address a timer to itself. The receiver is
/// kept alive until then, though not kept from ending.
template <class Self, class Dest, class... Ts>
void tell_after(const Self& self, const Dest& dest, caf::timespan delay, Ts&&... xs) {
  const auto& to = detail::receiver(dest);
#if CAFKA_CAF_HAS_MAIL
  static_cast<void>(self);
  caf::anon_mail(std::forward<Ts>(xs)...).delay(delay).send(to);
#else
  self->delayed_anon_send(to, delay, std::forward<Ts>(xs)...);
#endif
}

/// Sends a request and returns CAF's handle for the response (`.then`, `.await`, and
/// `.receive` when `self` blocks).
///
/// After `timeout` the response is `caf::sec::request_timeout`; `caf::infinite` waits for
/// ever. A null or dead destination is answered with an error at once.
template <class Self, class Dest, class... Ts>
auto ask(const Self& self, const Dest& dest, caf::timespan timeout, Ts&&... xs) {
  const auto& to = detail::receiver(dest);
#if CAFKA_CAF_HAS_MAIL
  return self->mail(std::forward<Ts>(xs)...).request(to, timeout);
#else
  return self->request(to, timeout, std::forward<Ts>(xs)...);
#endif
}

/// A message and the actor that waits for its answer, to be passed on by another actor.
struct envelope {
  /// The actor that sent the message.
  caf::strong_actor_ptr sender;
  /// The message's id, with its priority and kind.
  caf::message_id id;
  /// The message.
  caf::message content;

  /// Passes it on: the receiver answers the sender itself. A null or dead one has CAF
  /// answer a request with an error.
  void send(const caf::strong_actor_ptr& dest) && {
    put(dest, std::move(sender), id, std::move(content));
  }

  /// Answers a request with an error, from no actor; other messages are dropped.
  void refuse(caf::error why) && {
    if (id.is_request())
      put(sender, nullptr, id.response_id(), caf::make_message(std::move(why)));
  }

private:
  static void put(const caf::strong_actor_ptr& dest, caf::strong_actor_ptr from,
    caf::message_id id, caf::message content) {
    if (dest == nullptr)
      return;
#if CAFKA_CAF_HAS_MAIL
    dest->enqueue(
      caf::make_mailbox_element(std::move(from), id, std::move(content)), nullptr);
#else
    dest->enqueue(std::move(from), id, std::move(content), nullptr);
#endif
  }
};

/// Hands every message that `self`'s behavior does not know to `handler`, as an envelope;
/// the sender is answered by the actor that the envelope goes to.
template <class Self, class F>
void pass_on(const Self& self, F handler) {
  // CAF 1.1 recommends a handler for `message`, which CAF 0.18 does not have.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  self->set_default_handler(
    [handler](caf::scheduled_actor* me, caf::message& content) -> caf::skippable_result {
      auto* current = me->current_mailbox_element();
      handler(envelope{current->sender, current->mid, std::move(content)});
      return caf::delegated<caf::message>{};
    });
#pragma GCC diagnostic pop
}

/// The elements of both; CAF 0.18 itself concatenates no empty messages.
inline caf::message concat(const caf::message& front, const caf::message& back) {
  if (front.empty())
    return back;
  return back.empty() ? front : caf::message::concat(front, back);
}

/// Sends an exit message from no actor: `exit_reason::kill` always ends the receiver, any
/// other reason ends it unless it traps exits. A null or dead receiver drops it.
template <class Dest>
void post_exit(const Dest& dest, caf::error reason) {
  const auto to = caf::actor_cast<caf::strong_actor_ptr>(dest);
  post(to, caf::exit_msg{caf::actor_cast<caf::actor_addr>(to), std::move(reason)});
}

/// Sends an exit message with this reason, from no actor.
template <class Dest>
void post_exit(const Dest& dest, caf::exit_reason reason) {
  caf::anon_send_exit(detail::receiver(dest), reason);
}

/// Posts `make_message_of(reason)` to `self` when `watched` ends, at once if it has
/// ended.
///
/// `make_message_of` takes a `const caf::error&` and returns one message value; it runs
/// in the thread of the ending actor, so it must only capture values. `self` is held
/// weakly.
template <class Self, class Handle, class F>
void watch(const Self& self, const Handle& watched, F make_message_of) {
  auto watched_ptr = caf::actor_cast<caf::strong_actor_ptr>(watched);
  auto self_ptr = caf::actor_cast<caf::strong_actor_ptr>(self);
  watched_ptr->get()->attach_functor(
    [weak_self = caf::actor_cast<caf::weak_actor_ptr>(self_ptr),
      make = std::move(make_message_of)](
      const caf::error& reason) { post(weak_self, make(reason)); });
}

/// The interface `Handle` for a typed actor that also handles `caf::exit_msg&`, other
/// than `kill`, in its behavior instead of ending on it; it must call `trap_exit` as
/// well.
#if CAFKA_CAF_HAS_MAIL
template <class Handle>
using trapping_exits = Handle;
#else
template <class Handle>
using trapping_exits = typename Handle::template extend<caf::result<void>(caf::exit_msg)>;
#endif

/// Lets `self` handle exit messages: 0.18 hands them to `handler` and never to the
/// behavior, later versions to the behavior alone.
template <class Self, class F>
void trap_exit([[maybe_unused]] const Self& self, [[maybe_unused]] F handler) {
#if !CAFKA_CAF_HAS_MAIL
  self->set_exit_handler(std::move(handler));
#endif
}

/// How many actors run in `sys`, by CAF's own count.
template <class System>
std::size_t running_actors(const System& sys) {
  if constexpr (requires { sys.running_actors_count(); })
    return sys.running_actors_count();
  else
    return const_cast<System&>(sys).registry().running();
}

} // namespace cafka
