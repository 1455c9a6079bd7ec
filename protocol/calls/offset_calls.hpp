#pragma once

// What the calls about a group's offsets have in common; for their sources alone.

#include "../text.hpp"
#include "coordinator_call.hpp"

namespace cafka::calls {

/// From here on topics go by their ids, which a coordinator's clients need not know; the
/// version before says the same by name.
constexpr std::int16_t last_offsets_by_name = 9;

inline protocol::version_range offsets_by_name(protocol::version_range versions) {
  versions.max = last_offsets_by_name;
  return versions;
}

/// An error has no more than so many bytes about single partitions.
constexpr std::size_t longest_detail = 2'000;

/// The place of a topic in a request that goes topic by topic.
template <class Topics>
auto& topic_in(Topics& topics, const std::string& name) {
  const auto found =
    std::ranges::find_if(topics, [&](const auto& t) { return t.name == name; });
  if (found != topics.end())
    return *found;
  auto& fresh = topics.emplace_back();
  fresh.name = name;
  return fresh;
}

/// Collects the results of partitions: the first error code, and each refused partition.
class refusals {
public:
  void add(const std::string& topic, partition_id p, error_code e) {
    if (e == error_code::none)
      return;
    if (!outcome_)
      outcome_.code = e;
    outcome_.detail += (outcome_.detail.empty() ? "" : ", ") + at(topic, p);
    if (e != outcome_.code)
      outcome_.detail += " (" + to_string(e) + ')';
    outcome_.detail = protocol::shown(outcome_.detail, longest_detail);
  }

  [[nodiscard]] error outcome(const std::string& group) const {
    if (!outcome_)
      return {};
    return {outcome_.code, "group " + group + ": " + outcome_.detail};
  }

private:
  error outcome_;
};

} // namespace cafka::calls
