#include "kafka_version.hpp"

namespace cafka::protocol {

error check_pin(api_key key, version_range ours, std::optional<std::int16_t> pinned,
  std::string_view who_needs) {
  if (!pinned || ours.contains(*pinned))
    return {};
  auto detail = name(key) + " v" + std::to_string(*pinned) + ": ";
  detail += who_needs.empty() ? "cafka knows" : who_needs;
  return {error_code::unsupported_api_version, detail + ' ' + to_string(ours)};
}

version_table::version_table(std::vector<entry> entries) {
  std::ranges::stable_sort(entries, {}, &entry::key);
  for (const auto& next : entries) {
    if (!entries_.empty() && entries_.back().key == next.key)
      entries_.back() = next;
    else
      entries_.push_back(next);
  }
}

std::optional<version_range> version_table::find(api_key key) const {
  const auto found = std::ranges::lower_bound(entries_, key, {}, &entry::key);
  if (found == entries_.end() || found->key != key)
    return std::nullopt;
  return found->versions;
}

result<std::int16_t> version_table::choose(api_key key, version_range ours,
  std::optional<std::int16_t> pinned, std::string_view who_needs) const {
  const auto theirs = find(key);
  const auto shared = theirs ? common(*theirs, ours) : version_range{0, -1};
  if (pinned ? shared.contains(*pinned) : !shared.empty())
    return pinned.value_or(shared.max);
  auto detail = name(key);
  if (pinned)
    detail += " v" + std::to_string(*pinned);
  detail += theirs ? ": the broker knows " + to_string(*theirs)
                   : std::string{": the broker does not have this API"};
  detail += ", ";
  detail += who_needs.empty() ? "cafka knows" : who_needs;
  detail += ' ' + to_string(ours);
  const auto wanted = pinned.value_or(ours.min);
  if (const auto since = first_release_with(key, wanted);
      since && (!theirs || theirs->max < wanted))
    detail += " (Kafka " + to_string(*since) + " and later)";
  return {error_code::unsupported_api_version, std::move(detail)};
}

} // namespace cafka::protocol
