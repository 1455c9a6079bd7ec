#pragma once

#include <chrono>
#include <cstddef>

namespace cafka::protocol {

/// How many bytes a broker is asked for at a time, by the pace at which its answers came.
///
/// An answer shall take about `answer_time`, so that it is whole long before anybody
/// gives it up. The first question is small and its answer shows the pace; after that the
/// size follows the pace, up to sixteen times as much with each answer. A question that
/// was not answered is repeated with a sixteenth, down to one byte, for which a broker
/// still sends one whole batch.
class fetch_pace {
public:
  using duration = std::chrono::steady_clock::duration;

  /// What the first question asks for.
  static constexpr std::size_t first = 64 * 1024;

  /// Most bytes to ask for; at least one.
  [[nodiscard]] std::size_t limit() const { return limit_; }
  /// Bytes per second of the last answer that showed it; zero: none has.
  [[nodiscard]] std::size_t bytes_per_second() const { return pace_; }

  /// `asked` bytes were asked for, `got` came after `took`; of that, the broker may have
  /// waited `wait` for records.
  void on_answer(std::size_t asked, std::size_t got, duration took, duration wait,
    duration answer_time);

  /// A question for `asked` bytes was not answered, or not whole. False: no smaller one
  /// is left.
  bool on_failure(std::size_t asked);

private:
  std::size_t limit_ = first;
  std::size_t pace_ = 0;
};

} // namespace cafka::protocol
