#pragma once

#include "world.hpp"
#include <cafka/protocol/machines/dispatcher.hpp>

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

namespace cafka::simulate {

/// What every client of a world is set up with.
struct client_settings {
  protocol::dispatcher_options cluster;
  duration connect_timeout = std::chrono::seconds{10};
  /// How long a message takes from one actor to the other, at most.
  duration mailbox = std::chrono::microseconds{200};
};

/// The shell around a client, as `actors/client_shell` is: it brings events with the time
/// of its own clock, carries out the effects, and sets one alarm. It can crash between
/// any two effects, stand still, and find that its clock has jumped.
///
/// `Derived` has `act(effect&)` for each effect that is the client's own,
/// `before_event()`, `after_event_done()`, `on_crash(begin, end of effects not begun)`
/// and `restart()`.
template <class Derived, class Client>
class shell : public actor {
public:
  shell(world& w, std::string name, const client_settings& settings)
    : actor(w, std::move(name)), settings_(settings) {}

  [[nodiscard]] time_point next_alarm() const override { return alarm_; }
  void on_alarm() override {
    turn([this](Client& c) { c.on_time(client_now()); });
  }
  void jump(duration by) override {
    ahead_ += by;
    note_resumed();
    // An actor that stands still does not wake earlier when its clock jumps.
    if (alarm_ != time_point::max())
      alarm_ = std::max({world_.now, stalled_until_, alarm_ - by});
    world_.story.tell(world_.now, name(), "has a clock that jumps by",
      std::chrono::duration_cast<std::chrono::milliseconds>(by).count(), "ms");
  }
  void stall(duration by) override {
    stalled_until_ = std::max(stalled_until_, world_.now + by);
    note_resumed();
    if (alarm_ != time_point::max())
      alarm_ = std::max(alarm_, stalled_until_);
    world_.story.tell(world_.now, name(), "stands still for",
      std::chrono::duration_cast<std::chrono::milliseconds>(by).count(), "ms");
  }
  [[nodiscard]] time_point stalled_until() const override { return stalled_until_; }
  void calm() override { crashes_in_.reset(); }
  void crash() override {
    if (client_)
      crashes_in_ = random_.below(4);
  }

protected:
  using effect = typename Client::effect;

  /// A client begins its life; a former one is gone.
  template <class... Args>
  void make(Args&&... args) {
    client_.emplace(std::forward<Args>(args)...);
    ++incarnation_;
    note_resumed();
  }
  [[nodiscard]] bool lives() const { return client_.has_value(); }
  [[nodiscard]] Client& client() { return *client_; }
  /// The time of its own clock.
  [[nodiscard]] time_point client_now() const { return world_.now + ahead_; }
  /// Something due at a time may come so late, by its clock.
  [[nodiscard]] time_point latest(time_point due) const {
    constexpr auto slack = std::chrono::milliseconds{20};
    return std::max(due, resumed_at_) + slack;
  }

  /// A message to this incarnation; messages are taken in their order.
  void post(std::function<void()> what) {
    mailbox_.push_back({incarnation_, std::move(what)});
    last_post_ =
      std::max(last_post_, world_.now + random_.between({}, settings_.mailbox));
    plan_next(last_post_);
  }

  /// An event for the client, and what follows.
  template <class Event>
  void turn(Event event) {
    if (!client_)
      return;
    try {
      derived().before_event();
      event(*client_);
      carry_out();
      derived().after_event_done();
    } catch (const crashed&) {
      end_of_crash();
    }
    set_alarm();
  }

  void carry_out() {
    while (client_->has_effects()) {
      doing_ = client_->take_effects();
      for (begun_ = 0; begun_ != doing_.size();) {
        if (crashes_in_ && (*crashes_in_)-- == 0)
          throw crashed{};
        std::visit([this](auto& x) { this->carry_out(x); }, doing_[begun_++]);
      }
      doing_.clear();
      begun_ = 0;
      client_->on_carried_out(client_now());
    }
  }

  /// Ends all connections and the client.
  void end_client() {
    for (const auto& [id, line] : lines_)
      world_.net.close(line);
    lines_.clear();
    client_.reset();
    doing_.clear();
    begun_ = 0;
    crashes_in_.reset();
    alarm_ = time_point::max();
  }

  const client_settings settings_;
  std::uint64_t incarnation_ = 0;

private:
  struct crashed {};

  void note_resumed() {
    resumed_at_ = std::max({resumed_at_, client_now(), stalled_until_ + ahead_});
  }
  Derived& derived() { return static_cast<Derived&>(*this); }

  void end_of_crash() {
    world_.story.tell(world_.now, name(), "crashes");
    std::vector<effect> left;
    for (; begun_ != doing_.size(); ++begun_)
      left.push_back(std::move(doing_[begun_]));
    derived().on_crash(left);
    end_client();
    world_.later(
      random_.between(std::chrono::milliseconds{1}, std::chrono::milliseconds{50}),
      [this] { derived().restart(); });
  }

  /// Takes one message at that time; if the client is stalled then, when the stall ends.
  void plan_next(time_point when) {
    world_.plan.at(when, [this] {
      if (world_.now < stalled_until_)
        return plan_next(stalled_until_);
      auto first = std::move(mailbox_.front());
      mailbox_.pop_front();
      if (client_ && first.to == incarnation_)
        first.what();
    });
  }

  void set_alarm() {
    alarm_ = time_point::max();
    if (!client_)
      return;
    const auto next = client_->next_time();
    if (next == time_point::max())
      return;
    const auto due = next <= client_now() ? world_.now : next - ahead_;
    // The scheduler is never early, and sometimes late.
    const auto late =
      random_.between(std::chrono::microseconds{1}, std::chrono::microseconds{300});
    alarm_ = std::max(due + late, stalled_until_);
  }

  void carry_out(protocol::open_connection& x) {
    world_.count_connection(*this);
    lines_[x.id] = world_.net.connect(number(), name(), x.to, settings_.connect_timeout,
      [this, id = x.id, now = incarnation_](network::event e) {
        if (now == incarnation_)
          post([this, id, e = std::move(e)]() mutable {
            turn([&](Client& c) { tell(c, id, e); });
          });
      });
  }
  void carry_out(protocol::send_frame& x) {
    world_.count_request(*this);
    const auto found = lines_.find(x.id);
    const auto sent = found == lines_.end() ? network::sent::closed
                                            : world_.net.send(found->second, x.bytes);
    if (sent != network::sent::queued)
      client_->on_refused(client_now(), x, sent == network::sent::closed);
  }
  void carry_out(protocol::close_connection& x) {
    if (const auto found = lines_.find(x.id); found != lines_.end()) {
      world_.net.close(found->second);
      lines_.erase(found);
    }
  }
  void carry_out(protocol::ask_credentials& x) {
    constexpr auto longest = std::chrono::milliseconds{50};
    world_.later(random_.between({}, longest), [this, id = x.id, to = incarnation_] {
      if (to == incarnation_)
        post([this, id] {
          turn(
            [&](Client& c) { c.on_credentials(client_now(), id, world_.credentials()); });
        });
    });
  }
  void carry_out(protocol::log_line& x) {
    world_.story.tell(world_.now, name(), "says:", x.text);
  }
  template <class Effect>
  void carry_out(Effect& x) {
    derived().act(x);
  }

  void tell(Client& c, protocol::connection_id id, network::event& e) {
    const auto now = client_now();
    if (!lines_.contains(id))
      return; // It was closed meanwhile.
    if (std::holds_alternative<network::came_up>(e)) {
      c.on_up(now, id);
    } else if (auto* frame = std::get_if<network::came_frame>(&e)) {
      c.on_frames(now, id, {&frame->frame, 1});
    } else if (const auto* some = std::get_if<network::came_progress>(&e)) {
      c.on_progress(now, id, some->received, some->expected);
    } else if (std::holds_alternative<network::came_outdated>(e)) {
      c.on_outdated(now, id);
    } else {
      lines_.erase(id);
      c.on_down(now, id, std::get<network::went_down>(e).why);
    }
  }

  std::optional<Client> client_;
  std::map<protocol::connection_id, network::number> lines_;
  duration ahead_{};
  time_point resumed_at_ = time_point{};
  time_point stalled_until_ = time_point{};
  struct message {
    std::uint64_t to = 0;
    std::function<void()> what;
  };
  std::deque<message> mailbox_;
  time_point last_post_ = time_point{};
  time_point alarm_ = time_point::max();
  std::vector<effect> doing_;
  std::size_t begun_ = 0;
  std::optional<std::uint64_t> crashes_in_;
};

} // namespace cafka::simulate
