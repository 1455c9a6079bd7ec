#include "api.hpp"

// EndTxn, versions 0 to 5.
//
// INVALID_PRODUCER_ID_MAPPING for an id that is not known or another producer's,
// PRODUCER_FENCED for another epoch (before 2 INVALID_PRODUCER_EPOCH), INVALID_TXN_STATE
// where no transaction is open or the last one ended the other way. The same request once
// more is no error; while markers cannot be written, CONCURRENT_TRANSACTIONS. Since 5 the
// producer has another epoch afterwards, and behind the last one another id, and may
// abort what is empty (KIP-890).

namespace cafka::testing {

using namespace protocol;

namespace {

constexpr std::int16_t fenced_since = 2;
constexpr std::int16_t bumps_since = 5;

} // namespace

outcome<end_txn_response> handle(const request_context& c, const end_txn_request& asked) {
  const auto failed = &failed_with<end_txn_response>;
  const auto& id = asked.transactional_id;
  if (const auto why = may_coordinate_transaction(c, id); why != error_code::none)
    return failed(why);
  const auto found = c.cluster.transactional_ids.find(id);
  if (found == c.cluster.transactional_ids.end())
    return failed(error_code::invalid_producer_id_mapping);
  auto& t = found->second;
  const auto why = t.end({asked.producer_id, asked.producer_epoch}, asked.committed,
    c.cluster.next_producer_id, c.version >= bumps_since);
  if (why != error_code::none)
    return failed(fenced_in(why, c.version >= fenced_since));
  if (t.decided())
    c.cluster.write_markers(c.now, t);
  end_txn_response response;
  if (c.version >= bumps_since) {
    response.producer_id = t.who().id;
    response.producer_epoch = t.who().epoch;
  }
  return response;
}

end_txn_response refuse(const end_txn_request&, std::int16_t, error_code why) {
  return failed_with<end_txn_response>(why);
}

} // namespace cafka::testing
