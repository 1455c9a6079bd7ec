#include "abort_filter.hpp"
#include "batch_order.hpp"

#include <limits>

namespace cafka::protocol {

fetched_records::iterator::iterator(const fetched_records* all, std::size_t batch)
  : all_(all), batch_(batch) {
  if (batch_ < all_->batches_.size())
    at_ = all_->batches_[batch_].begin();
  skip_empty_batches();
}

void fetched_records::iterator::skip_empty_batches() {
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
  batch_order order;
  batch_reader in{std::move(raw), options};
  record_batch batch;
  error damage;
  bool any = false;
  std::size_t decompressed = 0;
  std::size_t position = 0;
  const auto note = [&](const batch_info& info) {
    position += info.wire_size;
    if (info.last_offset >= all.next_) {
      all.next_ = info.last_offset + 1;
      any = true;
    }
  };
  while (!damage && in.find(batch)) {
    const auto& info = batch.info();
    const auto dropped = filter.drops(info) && !info.control;
    if (dropped || info.last_offset < from) {
      damage = order.check(info);
      if (!damage)
        note(info);
      continue;
    }
    // The first one comes in any case, and none that brings too much.
    const auto room = decompressed == 0 ? std::numeric_limits<std::size_t>::max()
                                        : options.max_decompressed_in_all
        - std::min(options.max_decompressed_in_all, decompressed);
    if (info.compression != codec::none && room == 0)
      break;
    const auto opened = in.open(batch, room);
    if (opened != batch_reader::opening::opened)
      break;
    damage = order.check(info);
    if (damage)
      break;
    std::size_t wanted = 0;
    for (const auto& record : batch)
      wanted += record.offset >= from ? 1 : 0;
    damage = batch.error();
    if (damage)
      break;
    if (info.compression != codec::none) {
      decompressed += batch.payload().size();
      all.largest_ = std::max(all.largest_, batch.payload().size());
    }
    note(info);
    if (info.control) {
      filter.marker(batch);
    } else if (wanted > 0) {
      all.size_ += wanted;
      all.batches_.push_back(batch);
    }
  }
  if (!damage)
    damage = in.error();
  if (any) {
    all.raw_ = all.raw_.slice(0, position);
    return all;
  }
  if (damage)
    return damage;
  if (in.partial()) {
    return {error_code::message_too_large,
      "the batch at offset " + std::to_string(from.value())
        + (in.partial_size() > 0 ? " has " + std::to_string(in.partial_size()) + " bytes"
                                 : std::string{" does not fit"})
        + ", more than max_bytes allows"};
  }
  damage = order.nothing_behind(from);
  if (damage)
    return damage;
  return all;
}

} // namespace cafka::protocol
