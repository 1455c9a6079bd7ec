#pragma once

#include "../endpoint.hpp"
#include "../schema/api_key.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>

namespace cafka::protocol {

/// What an answer says of the client's quota. Source: KIP-13, KIP-219.
struct throttle {
  /// How long the client is to pause, at most the client's `max_throttle`.
  std::chrono::milliseconds time{0};
  /// The same as the broker said it.
  std::int32_t told_ms = 0;
  /// Whether it is the client that pauses: since KIP-219 a broker answers at once and
  /// then reads nothing from the connection for so long. Otherwise the broker has paused
  /// before it answered.
  bool client_pauses = false;
};

/// What a broker's `throttle_time_ms` means for a client that pauses for `longest` at
/// most.
[[nodiscard]] throttle throttle_of(
  std::int32_t told_ms, std::chrono::milliseconds longest, bool client_pauses);

/// Remembers which brokers have throttled which requests, and until when.
///
/// A quota belongs to the broker and the client id, not to the connection: a new
/// connection to the same address is held back like the old one.
class quotas {
public:
  /// The time of a steady clock.
  using time_point = std::chrono::steady_clock::time_point;

  /// A pause that a broker has asked for.
  struct hold {
    /// When it is over.
    time_point until;
    /// What the broker's answer said.
    throttle what;
  };

  /// An answer from `broker` to a request of `key` has said `what`.
  void note(time_point now, const endpoint& broker, api_key key, const throttle& what);

  /// What holds back requests of `key` to `broker`; null when nothing does.
  [[nodiscard]] const hold* held(
    time_point now, const endpoint& broker, api_key key) const;

  /// Until when some requests to the broker are held back, the longest of several.
  [[nodiscard]] time_point held_until(const endpoint& broker) const;

  /// How long the broker has paused before its last answers, as it said itself: its next
  /// one may be as late.
  [[nodiscard]] std::chrono::milliseconds delay(const endpoint& broker) const;

private:
  template <class F>
  void each(const endpoint& broker, F f) const;

  std::map<std::pair<endpoint, api_key>, hold> holds_;
};

} // namespace cafka::protocol
