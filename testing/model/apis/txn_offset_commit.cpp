#include "api.hpp"

// TxnOffsetCommit, versions 0 to 5.
//
// The group's coordinator is asked. The offsets are pending until the transaction is
// decided. Since 3.6 the group has to be part of the transaction, else
// INVALID_TXN_STATE, since 4 TRANSACTION_ABORTABLE; in 5, with transaction.version 2, it
// becomes part of it. Since 3 a member is checked as by OffsetCommit, but for an epoch
// that is over, which is ILLEGAL_GENERATION; without a member it is taken (KIP-447). A
// producer that is fenced is INVALID_PRODUCER_EPOCH.

namespace cafka::testing {

using namespace protocol;

namespace {

constexpr std::int16_t abortable_since = 4;
constexpr std::int16_t adds_since = 5;
constexpr kafka_version first_that_verifies{3, 6};
constexpr kafka_version old_epochs_since{4, 3};
/// The version of OffsetCommit whose checks of members these are.
constexpr std::int16_t as_commit = 9;

error_code may_commit(const request_context& c, const txn_offset_commit_request& asked) {
  if (asked.generation_id < 0 && asked.member_id.empty())
    return error_code::none;
  if (const auto* consumers = c.cluster.consumers_of(asked.group_id)) {
    group_places places;
    for (const auto& t : asked.topics) {
      const auto* topic = c.cluster.find(t.name);
      for (const auto& p : t.partitions) {
        if (topic != nullptr)
          places.insert({topic->id, p.partition_index.value()});
      }
    }
    const auto why = consumers->may_commit(as_commit, asked.generation_id,
      asked.member_id, places, c.broker.release >= old_epochs_since);
    return why == error_code::stale_member_epoch ? error_code::illegal_generation : why;
  }
  if (auto* members = c.cluster.group(asked.group_id))
    return members->may_commit(
      c.now, asked.generation_id, asked.member_id, asked.group_instance_id);
  return c.cluster.groups.contains(asked.group_id) ? error_code::unknown_member_id
                                                   : error_code::illegal_generation;
}

error_code may_join(const request_context& c, const txn_offset_commit_request& asked) {
  if (c.broker.release < first_that_verifies)
    return error_code::none;
  const auto adds = c.version >= adds_since && c.cluster.transaction_version() >= 2;
  const auto why = c.cluster.admit(c.now, asked.transactional_id,
    {asked.producer_id, asked.producer_epoch}, asked.group_id, std::nullopt, adds);
  return why == error_code::transaction_abortable && c.version < abortable_since
    ? error_code::invalid_txn_state
    : why;
}

} // namespace

outcome<txn_offset_commit_response> handle(
  const request_context& c, const txn_offset_commit_request& asked) {
  if (const auto why = may_coordinate(c, asked.group_id); why != error_code::none)
    return refuse(asked, c.version, why);
  if (const auto why = may_join(c, asked); why != error_code::none)
    return refuse(asked, c.version, why);
  if (const auto why = may_commit(c, asked); why != error_code::none)
    return refuse(asked, c.version, why);
  txn_offset_commit_response response;
  const auto longest =
    static_cast<std::size_t>(c.cluster.options.offset_metadata_max_bytes);
  for (const auto& t : asked.topics) {
    auto& out = response.topics.emplace_back();
    out.name = t.name;
    for (const auto& p : t.partitions) {
      auto& x = out.partitions.emplace_back();
      x.partition_index = p.partition_index;
      if (fake_state::find(c.cluster.find(t.name), p.partition_index) == nullptr)
        x.error_code = error_code::unknown_topic_or_partition;
      else if (p.committed_metadata && p.committed_metadata->size() > longest)
        x.error_code = error_code::offset_metadata_too_large;
      else
        c.cluster.pending_offsets[asked.group_id][asked.producer_id][{
          t.name, p.partition_index.value()}] = {p.committed_offset,
          p.committed_leader_epoch, p.committed_metadata.value_or("")};
    }
  }
  return response;
}

txn_offset_commit_response refuse(
  const txn_offset_commit_request& asked, std::int16_t, error_code why) {
  txn_offset_commit_response response;
  for (const auto& t : asked.topics) {
    auto& out = response.topics.emplace_back();
    out.name = t.name;
    for (const auto& p : t.partitions)
      out.partitions.push_back({p.partition_index, why});
  }
  return response;
}

} // namespace cafka::testing
