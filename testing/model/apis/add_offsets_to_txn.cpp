#include "api.hpp"

// AddOffsetsToTxn, versions 0 to 4.
//
// The transaction's coordinator is asked, not the group's. Errors are those of
// AddPartitionsToTxn. Since 2 PRODUCER_FENCED in place of INVALID_PRODUCER_EPOCH.

namespace cafka::testing {

using namespace protocol;

namespace {

constexpr std::int16_t fenced_since = 2;

} // namespace

outcome<add_offsets_to_txn_response> handle(
  const request_context& c, const add_offsets_to_txn_request& asked) {
  const auto failed = &failed_with<add_offsets_to_txn_response>;
  const auto& id = asked.transactional_id;
  if (const auto why = may_coordinate_transaction(c, id); why != error_code::none)
    return failed(why);
  const auto found = c.cluster.transactional_ids.find(id);
  if (found == c.cluster.transactional_ids.end())
    return failed(error_code::invalid_producer_id_mapping);
  const auto why = found->second.may_add({asked.producer_id, asked.producer_epoch});
  if (why != error_code::none)
    return failed(fenced_in(why, c.version >= fenced_since));
  found->second.add(c.now, asked.group_id);
  return add_offsets_to_txn_response{};
}

add_offsets_to_txn_response refuse(
  const add_offsets_to_txn_request&, std::int16_t, error_code why) {
  return failed_with<add_offsets_to_txn_response>(why);
}

} // namespace cafka::testing
