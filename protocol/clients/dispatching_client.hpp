#pragma once

#include "../machines/dispatcher.hpp"

#include <span>
#include <utility>
#include <variant>

namespace cafka::protocol {

/// What the clients with connections have in common: a dispatcher, the events that are
/// for it, and its effects.
///
/// `Derived` has `after_event(now)`, which is called once after each event, and
/// `effects_`, a vector of variants that can hold the dispatcher's own. Calls that have
/// ended are finished here.
template <class Derived>
class dispatching_client {
public:
  dispatching_client(const dispatching_client&) = delete;
  dispatching_client& operator=(const dispatching_client&) = delete;

  /// A connection stands.
  void on_up(time_point now, connection_id id) {
    now_ = now;
    dispatcher_.on_up(now, id);
    derived().after_event(now);
  }
  /// Frames came, in order.
  void on_frames(time_point now, connection_id id, std::span<const shared_bytes> frames) {
    now_ = now;
    for (const auto& f : frames)
      dispatcher_.on_frame(now, id, f);
    derived().after_event(now);
  }
  /// Bytes come of a frame that is not whole yet, or, where both are zero, bytes leave.
  void on_progress(
    time_point now, connection_id id, std::size_t received, std::size_t expected) {
    now_ = now;
    dispatcher_.on_progress(now, id, received, expected);
    derived().after_event(now);
  }
  /// A connection is to be replaced once nothing is awaited on it.
  void on_outdated(time_point now, connection_id id) {
    now_ = now;
    dispatcher_.on_outdated(now, id);
    derived().after_event(now);
  }
  /// A connection ended, or could not be made.
  void on_down(time_point now, connection_id id, const error& why) {
    now_ = now;
    dispatcher_.on_down(now, id, why);
    derived().after_event(now);
  }
  /// A frame was not taken by its connection: it is full, or closed.
  void on_refused(time_point now, const send_frame& what, bool closed) {
    now_ = now;
    dispatcher_.on_refused(now, what, closed);
    derived().after_event(now);
  }
  /// All effects that were taken are carried out.
  void on_carried_out(time_point now) {
    if (!dispatcher_.waits_for_carrying_out())
      return;
    now_ = now;
    dispatcher_.on_carried_out(now);
    derived().after_event(now);
  }
  /// Credentials came that were asked for, or why there are none.
  void on_credentials(time_point now, connection_id id, result<sasl::login> with) {
    now_ = now;
    dispatcher_.on_credentials(now, id, std::move(with));
    derived().after_event(now);
  }
  /// The time that `next_time` named has come.
  void on_time(time_point now) {
    now_ = now;
    dispatcher_.on_time(now);
    derived().after_event(now);
  }

  /// How its connections are.
  [[nodiscard]] const dispatcher& connections() const { return dispatcher_; }

protected:
  explicit dispatching_client(const dispatcher_options& options) : dispatcher_(options) {}
  ~dispatching_client() = default;

  /// Finishes calls, which may lead to others, and passes on all other effects.
  void take_from_dispatcher() {
    while (dispatcher_.has_effects()) {
      for (auto& e : dispatcher_.take_effects())
        std::visit([this](auto& x) { this->take(x); }, e);
    }
  }

  dispatcher dispatcher_;
  /// Of the event at hand.
  time_point now_;

private:
  Derived& derived() { return static_cast<Derived&>(*this); }
  void take(call_outcome& ended) { ended.finish(); }
  template <class Effect>
  void take(Effect& x) {
    derived().effects_.emplace_back(std::move(x));
  }
};

} // namespace cafka::protocol
