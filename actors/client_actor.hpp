#pragma once

#include "../protocol/machines/effects.hpp"
#include "../protocol/machines/time_point.hpp"
#include "../supervision/alarm.hpp"
#include "../supervision/caf_compat.hpp"
#include "log_sink.hpp"
#include "sasl/credentials_came.hpp"
#include "sasl/credentials_source.hpp"
#include "sasl/login_metrics.hpp"
#include "transport/transport.hpp"

#include <caf/error.hpp>
#include <caf/sec.hpp>

#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace cafka::actors {

#ifdef CAF_ENABLE_EXCEPTIONS
/// Why an actor ends that has thrown.
caf::error reason_of(const std::exception_ptr& thrown);
#endif

/// The interface of a client's actor within: its own, and what its transports and its
/// alarm tell it.
template <class Interface, class... Own>
using client_interface = trapping_exits<
  typename Interface::template extend<Own..., caf::result<void>(transport_up),
    caf::result<void>(transport_frames), caf::result<void>(transport_progress),
    caf::result<void>(transport_outdated), caf::result<void>(transport_down),
    caf::result<void>(credentials_came), caf::result<void>(supervision::alarm_rings)>>;

/// Stands for no handler of an actor's own; `client_shell::behavior` begins with it.
struct own_handlers_t {};
inline constexpr own_handlers_t own_handlers{};

/// What a shell needs for its transports and its log.
struct shell_settings {
  std::shared_ptr<transport_factory> transports;
  transport_options transport = {};
  /// Null: nothing is logged.
  std::shared_ptr<log_sink> log = {};
  /// Null: there are no logins.
  std::shared_ptr<credentials_source> credentials = {};
  /// Whose lines these are: a literal, and the client's name.
  std::string_view component;
  std::string name;
};

/// The shell around a client of `protocol/clients/`: it brings events with the time,
/// carries out the effects, keeps the transports and their credit, sets one alarm, and
/// turns exit messages and exceptions into the actor's end. It decides nothing.
///
/// `Derived` adds the handlers of its own messages, and has:
///
/// - `act(effect&)` for each effect that is the client's own.
/// - `on_exit(reason)`: an exit message came; ends with `quit`.
/// - `before_event()`, called before a transport or the alarm tells the client anything;
///   `before_effects()` and `after_event_done()`, called around what is carried out.
template <class Derived, class Impl, class Client>
class client_shell {
public:
  client_shell(const client_shell&) = delete;
  client_shell& operator=(const client_shell&) = delete;

protected:
  using self_pointer = typename Impl::pointer;
  using effect = typename Client::effect;
  using time_point = protocol::time_point;

  template <class... Args>
  client_shell(self_pointer self, shell_settings settings, Args&&... args)
    : self_(self), settings_(std::move(settings)), client_(std::forward<Args>(args)...) {
    if (settings_.credentials != nullptr)
      logins_.emplace(self->home_system(), settings_.component);
  }

  ~client_shell() = default;

  /// The actor's behavior: its own handlers and the shell's.
  template <class... Handlers>
  typename Impl::behavior_type behavior(own_handlers_t, Handlers... own) {
    trap_exit(self_, [this](caf::exit_msg& msg) { derived().on_exit(msg.reason); });
#ifdef CAF_ENABLE_EXCEPTIONS
    // CAF's own handler prints on standard output, which belongs to the program; the
    // supervisor's event carries this.
    self_->set_exception_handler(
      [](std::exception_ptr& thrown) { return reason_of(thrown); });
#endif
    return {std::move(own)...,
      [this](transport_up msg) {
        derived().before_event();
        client_.on_up(now(), msg.id);
        after_event();
      },
      [this](const transport_frames& msg) { on_frames(msg); },
      [this](transport_progress msg) {
        derived().before_event();
        client_.on_progress(now(), msg.id, msg.received, msg.expected);
        after_event();
      },
      [this](transport_outdated msg) {
        derived().before_event();
        client_.on_outdated(now(), msg.id);
        after_event();
      },
      [this](const transport_down& msg) {
        derived().before_event();
        connections_.erase(msg.id);
        client_.on_down(now(), msg.id, msg.reason);
        after_event();
      },
      [this](const credentials_came& msg) {
        derived().before_event();
        client_.on_credentials(now(), msg.id, std::move(*msg.what));
        after_event();
      },
      [this](supervision::alarm_rings msg) {
        if (!alarm_.rings(msg))
          return;
        derived().before_event();
        client_.on_time(now());
        after_event();
      },
      [this](caf::exit_msg& msg) { derived().on_exit(msg.reason); }};
  }

  /// To be called after whatever the client was told.
  void after_event() {
    carry_out();
    derived().after_event_done();
    if (logins_)
      logins_->update(client_.connections().logins_so_far());
    if (!ended_)
      alarm_.template set<Impl>(self_, now(), client_.next_time());
  }

  void carry_out() {
    while (client_.has_effects()) {
      derived().before_effects();
      doing_ = client_.take_effects();
      for (begun_ = 0; begun_ != doing_.size();)
        std::visit([this](auto& x) { this->carry_out(x); }, doing_[begun_++]);
      doing_.clear();
      begun_ = 0;
      client_.on_carried_out(now());
    }
  }

  /// Closes all connections, and ends the actor.
  void quit(const caf::error& reason) {
    ended_ = true;
    connections_.clear();
    self_->quit(reason);
  }

  /// What was taken of effects and not begun, after an exception; in order.
  template <class F>
  void each_not_begun(F f) {
    for (; begun_ != doing_.size(); ++begun_)
      f(doing_[begun_]);
  }

  [[nodiscard]] time_point now() const {
    return self_->clock().now();
  }
  [[nodiscard]] self_pointer self() const {
    return self_;
  }
  [[nodiscard]] Client& client() {
    return client_;
  }
  [[nodiscard]] const std::string& client_name() const {
    return settings_.name;
  }

private:
  Derived& derived() {
    return static_cast<Derived&>(*this);
  }

  void on_frames(const transport_frames& msg) {
    std::size_t bytes = 0;
    for (const auto& f : msg.frames)
      bytes += f.size();
    derived().before_event();
    client_.on_frames(now(), msg.id, msg.frames);
    // How much is held is for the client to limit: it asks for what may come.
    if (const auto found = connections_.find(msg.id); found != connections_.end())
      found->second->grant(bytes);
    after_event();
  }

  void carry_out(protocol::open_connection& x) {
    connections_[x.id] = settings_.transports->open(
      x.to, settings_.transport, caf::actor_cast<caf::weak_actor_ptr>(self_), x.id);
  }

  void carry_out(protocol::send_frame& x) {
    const auto found = connections_.find(x.id);
    const auto sent = found == connections_.end()
      ? transport::send_status::closed
      : found->second->send(std::move(x.bytes));
    if (sent != transport::send_status::queued)
      client_.on_refused(now(), x, sent == transport::send_status::closed);
  }

  void carry_out(protocol::close_connection& x) {
    connections_.erase(x.id);
  }

  void carry_out(protocol::ask_credentials& x) {
    // A client without a source has no mechanisms, and does not ask.
    settings_.credentials->ask(x,
      [self = caf::actor_cast<caf::weak_actor_ptr>(self_), id = x.id](
        credentials_source::found what) {
        post(self,
          credentials_came{
            id, std::make_shared<credentials_source::found>(std::move(what))});
      });
  }

  void carry_out(protocol::log_line& x) {
    if (settings_.log != nullptr)
      settings_.log->write(x.level, settings_.component, settings_.name, x.text);
  }

  template <class Effect>
  void carry_out(Effect& x) {
    derived().act(x);
  }

  self_pointer self_;
  const shell_settings settings_;
  std::unordered_map<connection_id, std::unique_ptr<transport>> connections_;
  Client client_;
  supervision::actor_alarm alarm_;
  std::optional<login_metrics> logins_;
  std::vector<effect> doing_;
  std::size_t begun_ = 0;
  bool ended_ = false;
};

} // namespace cafka::actors
