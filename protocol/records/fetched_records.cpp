#include <cafka/protocol/records/abort_filter.hpp>

#include <limits>

namespace cafka::protocol {

fetched_records::iterator::iterator(const fetched_records* all, std::size_t batch)
  : all_(all), batch_(batch) {
  if (batch_ < all_->batches_.size())
    at_ = all_->batches_[batch_].begin();
  settle();
}

void fetched_records::iterator::settle() {
  while (batch_ < all_->batches_.size()) {
    const auto end = all_->batches_[batch_].end();
    while (at_ != end && at_->offset < all_->from_)
      ++at_;
    if (at_ != end)
      return;
    ++batch_;
    at_ =
      batch_ < all_->batches_.size() ? all_->batches_[batch_].begin() : record_iterator{};
  }
}

result<fetched_records> fetched_records::read(shared_bytes raw, log_offset from,
  std::vector<aborted_span> aborted, read_options options) {
  fetched_records all;
  all.raw_ = raw;
  all.from_ = from;
  all.next_ = from;
  all.aborted_ = aborted;
  abort_filter filter{std::move(aborted)};
  batch_reader in{std::move(raw), options};
  record_batch batch;
  error damage;
  bool any = false;
  while (in.next(batch)) {
    std::size_t wanted = 0;
    for (const auto& record : batch)
      wanted += record.offset >= from ? 1 : 0;
    damage = batch.error();
    const auto& info = batch.info();
    if (damage.code == error_code::none
      && info.last_offset.value() == std::numeric_limits<std::int64_t>::max())
      damage = {error_code::corrupt_message, "no offset can follow the batch's last one"};
    if (damage.code != error_code::none)
      break;
    if (info.last_offset >= all.next_) {
      all.next_ = info.last_offset + 1;
      any = true;
    }
    if (filter.drops(info) && !info.control)
      continue;
    if (info.control) {
      filter.marker(batch);
      continue;
    }
    if (wanted > 0) {
      all.size_ += wanted;
      all.batches_.push_back(batch);
    }
  }
  if (damage.code == error_code::none)
    damage = in.error();
  if (damage.code != error_code::none && !any)
    return damage;
  if (!any && in.partial()) {
    return {error_code::message_too_large,
      "the batch at offset " + std::to_string(from.value())
        + (in.partial_size() > 0 ? " has " + std::to_string(in.partial_size()) + " bytes"
                                 : std::string{" does not fit"})
        + ", more than max_bytes allows"};
  }
  return all;
}

} // namespace cafka::protocol
