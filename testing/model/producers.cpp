#include "producers.hpp"

#include <limits>

namespace cafka::testing {

using namespace protocol;

namespace {

constexpr kafka_version first_without_duplicates{2, 0};
constexpr kafka_version first_with_any_sequence{2, 5};
constexpr std::size_t most_recent = 5;
constexpr std::int32_t last_of_all = std::numeric_limits<std::int32_t>::max();

/// Sequences start over at 0 behind the largest number.
std::int32_t sequence_behind(std::int32_t first, std::int32_t count) {
  const auto sum = std::int64_t{first} + count;
  return static_cast<std::int32_t>(sum > last_of_all ? sum - last_of_all - 1 : sum);
}

std::int32_t last_sequence(const batch_info& batch) {
  return sequence_behind(batch.base_sequence, batch.record_count - 1);
}

} // namespace

producer_table::verdict producer_table::check(
  const batch_info& batch, kafka_version release, bool from_zero) const {
  const auto any_sequence = release >= first_with_any_sequence;
  const auto found = known_.find(batch.producer_id);
  if (found == known_.end()) {
    if (batch.base_sequence == 0 || (any_sequence && !from_zero))
      return {};
    return {from_zero ? error_code::out_of_order_sequence_number
                      : error_code::unknown_producer_id};
  }
  const auto& epoch = found->second.epoch;
  const auto& recent = found->second.recent;
  if (batch.producer_epoch < epoch)
    return {error_code::invalid_producer_epoch};
  if (batch.producer_epoch > epoch) {
    if (batch.base_sequence != 0)
      return {error_code::out_of_order_sequence_number};
    return {};
  }
  const auto last = last_sequence(batch);
  for (const auto& w : recent) {
    if (w.first == batch.base_sequence && w.last == last)
      return {error_code::none, w.offset, w.time};
  }
  if (recent.empty()) {
    if (batch.base_sequence == 0)
      return {};
    return {any_sequence ? error_code::out_of_order_sequence_number
                         : error_code::unknown_producer_id};
  }
  if (release < first_without_duplicates && last < recent.front().first)
    return {error_code::duplicate_sequence_number};
  if (batch.base_sequence != sequence_behind(recent.back().last, 1))
    return {error_code::out_of_order_sequence_number};
  return {};
}

void producer_table::note(const batch_info& batch, log_offset offset, timestamp time) {
  auto& known = known_[batch.producer_id];
  auto& recent = known.recent;
  if (known.epoch != batch.producer_epoch)
    recent.clear();
  known.epoch = batch.producer_epoch;
  known.last_time = time;
  if (batch.control) {
    known.marked = true;
    return;
  }
  recent.push_back({batch.base_sequence, last_sequence(batch), offset, time});
  if (recent.size() > most_recent)
    recent.pop_front();
}

std::vector<producer_table::described> producer_table::all() const {
  std::vector<described> out;
  for (const auto& [id, known] : known_)
    out.push_back({id, known.epoch, known.recent.empty() ? -1 : known.recent.back().last,
      known.last_time, known.marked ? 0 : -1});
  return out;
}

std::int16_t producer_table::epoch_of(std::int64_t id) const {
  const auto found = known_.find(id);
  return found == known_.end() ? std::int16_t{-1} : found->second.epoch;
}

void producer_table::keep_last() {
  for (auto& [id, known] : known_) {
    while (known.recent.size() > 1)
      known.recent.pop_front();
  }
}

void producer_table::forget_batches() {
  for (auto& [id, known] : known_)
    known.recent.clear();
}

void producer_table::truncate(log_offset end, const std::vector<shared_bytes>& left) {
  std::size_t without = 0;
  for (auto& [id, known] : known_) {
    auto& recent = known.recent;
    while (!recent.empty() && recent.back().offset >= end)
      recent.pop_back();
    without += recent.empty() ? 1 : 0;
  }
  for (auto at = left.rbegin(); at != left.rend() && without > 0; ++at) {
    batch_reader in{*at};
    record_batch batch;
    if (!in.find(batch))
      continue;
    const auto& info = batch.info();
    const auto found = known_.find(info.producer_id);
    if (info.control || found == known_.end() || !found->second.recent.empty())
      continue;
    note(info, info.base_offset, info.max_timestamp);
    --without;
  }
  std::erase_if(known_, [](const auto& k) { return k.second.recent.empty(); });
}

} // namespace cafka::testing
