#include "api.hpp"

// DescribeTransactions, version 0 (KIP-664).
//
// TRANSACTIONAL_ID_NOT_FOUND for an id that is not known, INVALID_REQUEST for an empty
// one. The partitions are those of the open transaction, and while it ends those without
// a marker; what it has of groups is not told.

namespace cafka::testing {

using namespace protocol;

namespace {

described_transaction failed(const std::string& id, error_code why) {
  described_transaction out;
  out.transactional_id = id;
  out.error_code = why;
  return out;
}

described_transaction described(const request_context& c, const std::string& id) {
  if (const auto why = may_coordinate_transaction(c, id); why != error_code::none)
    return failed(id, why);
  const auto found = c.cluster.transactional_ids.find(id);
  if (found == c.cluster.transactional_ids.end())
    return failed(id, error_code::transactional_id_not_found);
  const auto& t = found->second;
  described_transaction out;
  out.transactional_id = id;
  out.transaction_state = t.state_name();
  out.transaction_timeout_ms = static_cast<std::int32_t>(t.timeout().count());
  out.transaction_start_time_ms = t.open() || t.decided()
    ? c.cluster.time_of_day(t.began()).time_since_epoch().count()
    : -1;
  out.producer_id = t.who().id;
  out.producer_epoch = t.who().epoch;
  for (const auto& [topic, partition] : t.partitions) {
    if (out.topics.empty() || out.topics.back().topic != topic)
      out.topics.push_back({topic, {}});
    out.topics.back().partitions.emplace_back(partition);
  }
  return out;
}

} // namespace

outcome<describe_transactions_response> handle(
  const request_context& c, const describe_transactions_request& asked) {
  describe_transactions_response response;
  for (const auto& id : asked.transactional_ids)
    response.transaction_states.push_back(described(c, id));
  return response;
}

describe_transactions_response refuse(
  const describe_transactions_request& asked, std::int16_t, error_code why) {
  describe_transactions_response response;
  for (const auto& id : asked.transactional_ids)
    response.transaction_states.push_back(failed(id, why));
  return response;
}

} // namespace cafka::testing
