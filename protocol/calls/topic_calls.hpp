#pragma once

// What the calls have in common that make and remove topics; for their sources alone.

#include "../text.hpp"
#include "operation_call.hpp"
#include "topic_results.hpp"

namespace cafka::calls {

/// How long the broker may wait; zero means as long as the deadline leaves.
inline milliseconds timeout_of(milliseconds timeout, milliseconds deadline) {
  return timeout > milliseconds{0} ? timeout : deadline;
}

/// Not to be sent again after a lost answer: the answer to the second would be about what
/// the first has done.
inline void to_controller(traits& to, milliseconds timeout, milliseconds deadline) {
  to.where = protocol::controller_broker{};
  // The broker waits until the topics are there, or gone.
  to.lane = protocol::lane::resting;
  to.answer_timeout = timeout_of(timeout, deadline);
  to.repeatable = false;
}

/// Puts the broker's results in the order of the questions. An error only when the broker
/// was not the controller, and nothing has happened.
template <class Results>
error take_results(
  const std::vector<std::string>& asked, const Results& results, topic_results& out) {
  out.topics.clear();
  std::size_t elsewhere = 0;
  for (const auto& name : asked) {
    const auto found = std::ranges::find_if(
      results, [&](const auto& r) { return std::optional<std::string>{r.name} == name; });
    auto& result = out.topics.emplace_back();
    result.name = name;
    if (found == results.end()) {
      result.status = error_code::outcome_unknown;
      result.message = "the answer leaves it out";
      continue;
    }
    result.status = found->error_code;
    if constexpr (requires { found->error_message; })
      result.message = protocol::shown(found->error_message.value_or(""));
    if (!is_kafkas(result.status)) {
      result.message = to_string(error{result.status, result.message});
      result.status = error_code::outcome_unknown;
    }
    elsewhere += result.status == error_code::not_controller ? 1 : 0;
  }
  if (elsewhere == asked.size())
    return {error_code::not_controller, out.topics.front().message};
  return {};
}

inline void forget_changed(const topic_results& results, cluster& known) {
  for (const auto& t : results.topics) {
    if (t.status == error_code::none)
      known.forget_topic(t.name);
  }
}

} // namespace cafka::calls
