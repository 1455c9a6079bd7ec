#pragma once

#include "fetched_records.hpp"

#include <algorithm>
#include <unordered_set>

namespace cafka::protocol {

/// Follows the transactions of a partition and tells which batches were aborted.
///
/// Source: KIP-98, "READ_COMMITTED": a producer's batches from the first offset of an
/// aborted transaction up to its abort marker.
class abort_filter {
public:
  explicit abort_filter(std::vector<aborted_span> aborted)
    : aborted_(std::move(aborted)) {
    std::ranges::sort(aborted_, {}, &aborted_span::first_offset);
  }

  /// To be asked once for each batch, in the order of the log.
  bool drops(const batch_info& batch) {
    while (next_ < aborted_.size() && aborted_[next_].first_offset <= batch.last_offset)
      open_.insert(aborted_[next_++].producer_id);
    return batch.transactional && open_.contains(batch.producer_id);
  }

  void marker(const record_batch& batch) {
    for (const auto& record : batch) {
      const auto what = control_marker_of(record);
      if (what && what->type == control_type::abort)
        open_.erase(batch.info().producer_id);
    }
  }

private:
  std::vector<aborted_span> aborted_;
  std::size_t next_ = 0;
  std::unordered_set<std::int64_t> open_;
};

} // namespace cafka::protocol
