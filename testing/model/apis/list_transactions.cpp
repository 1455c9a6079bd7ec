#include "../topic_pattern.hpp"
#include "api.hpp"

#include <algorithm>
#include <iterator>

// ListTransactions, versions 0 to 2 (KIP-664).
//
// A broker lists the transactional ids that it coordinates. States that do not exist are
// named in the answer, and match none. Since 1 by how long the transaction is open
// (KIP-994), since 2 by a regular expression, which else is INVALID_REGULAR_EXPRESSION
// (KIP-1152).

namespace cafka::testing {

using namespace protocol;

namespace {

constexpr std::int16_t duration_since = 1;
constexpr std::int16_t pattern_since = 2;
constexpr auto failed = &failed_with<list_transactions_response>;

bool is_state(const std::string& word) {
  constexpr std::string_view all[] = {"Empty", "Ongoing", "PrepareCommit", "PrepareAbort",
    "CompleteCommit", "CompleteAbort", "PrepareEpochFence", "Dead"};
  return std::ranges::find(all, word) != std::end(all);
}

template <class T>
bool passes(const std::vector<T>& filter, const auto& what) {
  return filter.empty() || std::ranges::find(filter, what) != filter.end();
}

} // namespace

outcome<list_transactions_response> handle(
  const request_context& c, const list_transactions_request& asked) {
  if (c.cluster.apart())
    return failed(error_code::coordinator_not_available);
  std::optional<topic_pattern> pattern;
  if (c.version >= pattern_since
    && !asked.transactional_id_pattern.value_or("").empty()) {
    pattern = topic_pattern::parse(*asked.transactional_id_pattern);
    if (!pattern)
      return failed(error_code::invalid_regular_expression);
  }
  list_transactions_response response;
  std::ranges::copy_if(asked.state_filters,
    std::back_inserter(response.unknown_state_filters),
    [](const auto& s) { return !is_state(s); });
  const std::chrono::milliseconds longer{
    c.version >= duration_since ? asked.duration_filter : std::int64_t{-1}};
  for (const auto& [id, t] : c.cluster.transactional_ids) {
    const auto open = t.open() || t.decided();
    if (may_coordinate_transaction(c, id) != error_code::none
      || !passes(asked.state_filters, std::string{t.state_name()})
      || !passes(asked.producer_id_filters, t.who().id)
      || (longer.count() >= 0 && open && c.now - t.began() <= longer)
      || (pattern && !pattern->matches(id)))
      continue;
    response.transaction_states.push_back({id, t.who().id, std::string{t.state_name()}});
  }
  return response;
}

list_transactions_response refuse(
  const list_transactions_request&, std::int16_t, error_code why) {
  return failed(why);
}

} // namespace cafka::testing
