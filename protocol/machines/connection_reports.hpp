#pragma once

#include "../result.hpp"
#include "call.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace cafka::protocol {

/// Decides what of the connections' troubles is new, so that each is told once: not once
/// per attempt, and not once for each of the connections to the same broker.
///
/// An address is in trouble from the first failure on until a connection of the same lane
/// has an answer; each reason is told once meanwhile. Trouble that comes and goes is told
/// at most once in `quiet`. Of more than `most_told` addresses the first ones are told.
class connection_reports {
public:
  using time_point = std::chrono::steady_clock::time_point;

  static constexpr std::chrono::seconds quiet{10};
  static constexpr std::size_t most_told = 16;

  /// A connection could not be made, or was lost; whether that is new.
  [[nodiscard]] bool failed(
    time_point now, const endpoint& to, lane l, const std::string& why);

  /// A request was answered: since when the address had been in trouble that was told.
  [[nodiscard]] std::optional<time_point> answered(
    time_point now, const endpoint& by, lane l);

  /// Whether any address is in trouble; without any, `answered` says nothing.
  [[nodiscard]] bool any() const { return open_ > 0; }

  enum class quota_change : std::uint8_t { nothing, begins, ends };

  /// An answer has said how long a quota of the broker makes the client pause, zero for
  /// not at all; what of that is new. It ends when no answer has said so for `quiet`.
  [[nodiscard]] quota_change paused(
    time_point now, const endpoint& by, std::chrono::milliseconds time);

  /// Whether any broker makes the client pause; without any, a pause of zero is not
  /// reported.
  [[nodiscard]] bool any_pause() const { return !pauses_.empty(); }

private:
  /// Most reasons that are told of one address.
  static constexpr std::size_t most_reasons = 8;

  struct trouble {
    bool open = false;
    bool told = false;      ///< Since `since`.
    std::uint8_t lanes = 0; ///< Which of them failed, a bit each.
    time_point since;
    time_point over; ///< When it ended last.
    std::vector<std::string> reasons;
  };

  trouble* find_or_make(time_point now, const endpoint& to);

  std::map<endpoint, trouble> troubles_;
  std::size_t open_ = 0;
  std::map<endpoint, time_point> pauses_; // Until when the last pause counts as reported.
};

} // namespace cafka::protocol
