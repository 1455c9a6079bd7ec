#include "api.hpp"

#include <algorithm>
#include <functional>

// AddPartitionsToTxn, versions 0 to 5.
//
// Clients use 0 to 3, each for one transaction, whose errors are those of its partitions;
// brokers use 4 and 5, for several. Where a partition does not exist it is
// UNKNOWN_TOPIC_OR_PARTITION, and the others are OPERATION_NOT_ATTEMPTED.
// INVALID_PRODUCER_ID_MAPPING for an id that is not known or another producer's,
// PRODUCER_FENCED for another epoch (before 2 INVALID_PRODUCER_EPOCH),
// CONCURRENT_TRANSACTIONS while the last transaction is not complete. What is only
// verified and not part of the transaction is TRANSACTION_ABORTABLE, in 4
// INVALID_TXN_STATE.

namespace cafka::testing {

using namespace protocol;

namespace {

constexpr std::int16_t fenced_since = 2;
constexpr std::int16_t several_since = 4;
constexpr std::int16_t abortable_since = 5;

using topics = std::vector<add_partitions_to_txn_topic>;
using results = std::vector<add_partitions_to_txn_topic_result>;

results for_each(const topics& asked,
  const std::function<error_code(const std::string&, partition_id)>& say) {
  results all;
  for (const auto& t : asked) {
    auto& out = all.emplace_back();
    out.name = t.name;
    for (const auto p : t.partitions)
      out.results_by_partition.push_back({p, say(t.name, p)});
  }
  return all;
}

results all_with(const topics& asked, error_code why) {
  return for_each(asked, [why](const auto&, partition_id) { return why; });
}

error_code may_add(
  const request_context& c, const std::string& id, transactional_id::producer who) {
  if (const auto why = may_coordinate_transaction(c, id); why != error_code::none)
    return why;
  const auto found = c.cluster.transactional_ids.find(id);
  return found == c.cluster.transactional_ids.end()
    ? error_code::invalid_producer_id_mapping
    : found->second.may_add(who);
}

results add(const request_context& c, const std::string& id,
  transactional_id::producer who, const topics& asked, bool verify) {
  const auto exists = [&](const std::string& topic, partition_id p) {
    return fake_state::find(c.cluster.find(topic), p) != nullptr;
  };
  auto all = true;
  for (const auto& t : asked)
    all =
      all && std::ranges::all_of(t.partitions, [&](auto p) { return exists(t.name, p); });
  if (!all)
    return for_each(asked, [&](const auto& topic, partition_id p) {
      return exists(topic, p) ? error_code::operation_not_attempted
                              : error_code::unknown_topic_or_partition;
    });
  if (const auto why = may_add(c, id, who); why != error_code::none)
    return all_with(asked, fenced_in(why, c.version >= fenced_since));
  auto& t = c.cluster.transactional_ids.at(id);
  return for_each(asked, [&](const auto& topic, partition_id p) {
    if (!verify)
      t.add(c.now, topic, p.value());
    if (t.has(topic, p.value()))
      return error_code::none;
    return c.version >= abortable_since ? error_code::transaction_abortable
                                        : error_code::invalid_txn_state;
  });
}

} // namespace

outcome<add_partitions_to_txn_response> handle(
  const request_context& c, const add_partitions_to_txn_request& asked) {
  add_partitions_to_txn_response response;
  for (const auto& t : asked.transactions)
    response.results_by_transaction.push_back({t.transactional_id,
      add(c, t.transactional_id, {t.producer_id, t.producer_epoch}, t.topics,
        t.verify_only)});
  if (c.version < several_since)
    response.results_by_topic_v3_and_below = add(c, asked.v3_and_below_transactional_id,
      {asked.v3_and_below_producer_id, asked.v3_and_below_producer_epoch},
      asked.v3_and_below_topics, false);
  return response;
}

add_partitions_to_txn_response refuse(
  const add_partitions_to_txn_request& asked, std::int16_t version, error_code why) {
  add_partitions_to_txn_response response;
  if (version >= several_since)
    response.error_code = why;
  else
    response.results_by_topic_v3_and_below = all_with(asked.v3_and_below_topics, why);
  return response;
}

} // namespace cafka::testing
