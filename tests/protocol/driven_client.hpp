#pragma once

#include <cafka/protocol/machines/effects.hpp>
#include <cafka/protocol/machines/time_point.hpp>
#include <cafka/protocol/sasl/credentials.hpp>
#include <cafka/testing/model/virtual_network.hpp>

#include <algorithm>
#include <functional>
#include <utility>
#include <variant>

/// A whole client of `protocol/clients/` on a fake cluster, in virtual time: the test's
/// counterpart of the shell in `actors/`.
template <class Client>
class driven_client {
public:
  using effect = typename Client::effect;
  using time_point = cafka::protocol::time_point;

  template <class... Args>
  explicit driven_client(cafka::testing::fake_cluster& cluster, Args&&... args)
    : cluster_(cluster), network_(cluster), client_(std::forward<Args>(args)...) {}

  /// The client's own effects.
  std::function<void(effect&)> on_effect = [](effect&) {};
  /// What it logs in with, asked for each time.
  std::function<cafka::protocol::result<cafka::protocol::sasl::login>(
    const cafka::protocol::ask_credentials&)>
    credentials;

  [[nodiscard]] Client& client() { return client_; }
  [[nodiscard]] cafka::testing::virtual_network& network() { return network_; }
  [[nodiscard]] time_point now() const { return now_; }

  /// To be called after whatever the client was told.
  void carry_out() {
    while (client_.has_effects()) {
      for (auto& e : client_.take_effects())
        std::visit([&](auto& x) { act(e, x); }, e);
      client_.on_carried_out(now_);
    }
  }

  /// Lets the time go on until `done`, for so long at most; whether it came to that.
  bool run(time_point::duration at_most, const std::function<bool()>& done) {
    const auto end = now_ + at_most;
    carry_out();
    while (!done()) {
      const auto next = std::min(client_.next_time(), network_.next_time());
      if (next > end) {
        now_ = end;
        return false;
      }
      now_ = std::max(now_, next);
      for (auto& n : network_.on_time(now_)) {
        std::visit([&](auto& x) { hand_on(x); }, n);
        carry_out();
      }
      if (client_.next_time() <= now_) {
        client_.on_time(now_);
        carry_out();
      }
    }
    return true;
  }

private:
  void act(effect&, cafka::protocol::open_connection& x) {
    network_.connect(now_, x.id, x.to);
  }
  void act(effect&, cafka::protocol::send_frame& x) {
    network_.send(now_, x.id, x.bytes);
  }
  void act(effect&, cafka::protocol::close_connection& x) {
    network_.disconnect(now_, x.id);
  }
  void act(effect&, cafka::protocol::log_line&) {}
  void act(effect&, cafka::protocol::ask_credentials& x) {
    client_.on_credentials(now_, x.id, credentials(x));
  }
  template <class Own>
  void act(effect& e, Own&) {
    on_effect(e);
  }

  void hand_on(cafka::testing::virtual_network::came_up& x) {
    client_.on_up(now_, x.connection);
  }
  void hand_on(cafka::testing::virtual_network::came_frame& x) {
    client_.on_frames(now_, x.connection, {&x.frame, 1});
  }
  void hand_on(cafka::testing::virtual_network::went_down& x) {
    client_.on_down(now_, x.connection, x.why);
  }

  cafka::testing::fake_cluster& cluster_;
  cafka::testing::virtual_network network_;
  Client client_;
  time_point now_ = time_point{} + std::chrono::hours{1};
};
