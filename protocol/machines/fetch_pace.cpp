#include "fetch_pace.hpp"

#include <algorithm>

namespace cafka::protocol {

namespace {

constexpr std::size_t step = 16;
constexpr std::size_t largest = std::size_t{1} << 30;
/// Below it an answer says more about the broker than about the way.
constexpr std::size_t telling = 4 * 1024;
/// Below it a question is as good as one for a single batch.
constexpr std::size_t smallest = 1024;

} // namespace

void fetch_pace::on_answer(std::size_t asked, std::size_t got, duration took,
  duration wait, duration answer_time) {
  using seconds = std::chrono::duration<double>;
  // There was no more room in it, so the broker had no reason to wait.
  const auto filled = got >= std::max<std::size_t>(asked / 2, 1);
  const auto spent = filled ? took : took - wait;
  if (!filled && (got < telling || spent < answer_time))
    return;
  const auto in_seconds = std::max(seconds{spent}.count(), 1e-6);
  const auto pace = static_cast<double>(got) / in_seconds;
  const auto suits = static_cast<std::size_t>(
    std::min(pace * seconds{answer_time}.count(), static_cast<double>(largest)));
  pace_ = static_cast<std::size_t>(std::min(pace, 1e15));
  if (suits <= limit_)
    limit_ = std::max<std::size_t>(suits, 1);
  else if (filled)
    limit_ =
      std::max(limit_, std::min(suits, step * std::min(std::max(asked, got), largest)));
}

bool fetch_pace::on_failure(std::size_t asked) {
  const auto before = std::min(std::max<std::size_t>(asked, 1), limit_);
  limit_ = before / step < smallest ? 1 : before / step;
  return before > 1;
}

} // namespace cafka::protocol
