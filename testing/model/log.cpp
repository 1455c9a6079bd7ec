#include "log.hpp"

#include "../../protocol/records/checksum.hpp"
#include "../../protocol/records/format.hpp"

#include <algorithm>

namespace cafka::testing {

using namespace protocol;

namespace {

template <class T>
void put_big(std::vector<std::byte>& out, std::size_t at, T value) {
  for (std::size_t i = 0; i != sizeof(T); ++i)
    out[at + i] = static_cast<std::byte>(
      static_cast<std::uint64_t>(value) >> (8 * (sizeof(T) - 1 - i)));
}

/// Where in a batch of format 2 its highest time stands.
constexpr std::size_t max_time_at = 35;

template <class Use>
void for_each_batch(const shared_bytes& bytes, Use use) {
  batch_reader in{bytes};
  record_batch batch;
  while (in.next(batch))
    use(batch);
}

} // namespace

log_offset fake_log::last_stable() const {
  auto stable = end_;
  for (const auto& [producer, first] : open_)
    stable = std::min(stable, first);
  return stable;
}

log_offset fake_log::open_since(std::int64_t producer_id) const {
  const auto found = open_.find(producer_id);
  return found == open_.end() ? log_offset{-1} : found->second;
}

log_offset fake_log::append(const shared_bytes& batch, const batch_info& info,
  leader_epoch epoch, std::optional<timestamp> append_time) {
  std::vector<std::byte> copy{batch.view().begin(), batch.view().end()};
  const auto base = end_;
  put_big(copy, 0, base.value());
  put_big(copy, detail::v2::epoch_at, epoch.value());
  if (append_time) {
    const auto attributes =
      detail::load_big<std::int16_t>(copy.data() + detail::v2::attributes_at)
      | detail::log_append_time_bit;
    put_big(copy, detail::v2::attributes_at, static_cast<std::int16_t>(attributes));
    put_big(copy, max_time_at, std::int64_t{append_time->time_since_epoch().count()});
    put_big(copy, detail::v2::crc_at,
      crc32c(byte_view{copy}.subspan(detail::v2::attributes_at)));
  }
  stored one;
  one.first = base;
  one.last = base + (info.last_offset - info.base_offset);
  one.epoch = epoch;
  one.max_time = append_time.value_or(info.max_timestamp);
  one.bytes = shared_bytes::from(std::move(copy));
  end_ = one.last + 1;
  note_transaction(info, one);
  batches_.push_back(std::move(one));
  return base;
}

void fake_log::note_transaction(const batch_info& info, const stored& batch) {
  if (!info.transactional)
    return;
  if (!info.control) {
    open_.try_emplace(info.producer_id, batch.first);
    return;
  }
  const auto found = open_.find(info.producer_id);
  if (found == open_.end())
    return;
  for_each_batch(batch.bytes, [&](const record_batch& marker) {
    for (const auto& r : marker) {
      const auto said = control_marker_of(r);
      if (said && said->type == control_type::abort)
        aborted_.push_back({info.producer_id, found->second, batch.last});
    }
  });
  open_.erase(found);
}

void fake_log::follow_transactions() {
  open_.clear();
  aborted_.clear();
  for (const auto& batch : batches_)
    for_each_batch(batch.bytes,
      [&](const record_batch& whole) { note_transaction(whole.info(), batch); });
}

std::vector<fake_log::stored>::const_iterator fake_log::holding(log_offset offset) const {
  return std::ranges::lower_bound(batches_, offset, {}, &stored::last);
}

fake_log::read_bytes fake_log::read(
  log_offset from, log_offset until, std::size_t limit, bool whole_first) const {
  read_bytes out;
  auto at = holding(from);
  if (at == batches_.end() || at->first >= until)
    return out;
  if (at->bytes.size() > limit) {
    if (whole_first)
      limit = at->bytes.size();
    else
      out.first_incomplete = true;
  }
  for (; at != batches_.end() && at->first < until && out.bytes.size() < limit; ++at) {
    const auto some = std::min(at->bytes.size(), limit - out.bytes.size());
    const auto view = at->bytes.view().first(some);
    out.bytes.insert(out.bytes.end(), view.begin(), view.end());
  }
  return out;
}

std::size_t fake_log::bytes_between(
  log_offset from, log_offset until, std::size_t limit) const {
  std::size_t sum = 0;
  for (auto at = holding(from); at != batches_.end() && at->first < until && sum < limit;
       ++at)
    sum += at->bytes.size();
  return std::min(sum, limit);
}

std::vector<fake_log::aborted> fake_log::aborted_between(
  log_offset from, log_offset until) const {
  std::vector<aborted> found;
  for (const auto& a : aborted_) {
    if (a.last >= from && a.first < until)
      found.push_back(a);
  }
  return found;
}

std::optional<fake_log::found_time> fake_log::find(timestamp time) const {
  for (const auto& batch : batches_) {
    if (batch.max_time < time)
      continue;
    std::optional<found_time> found;
    for_each_batch(batch.bytes, [&](const record_batch& whole) {
      for (const auto& r : whole) {
        if (!found && r.time >= time && r.offset >= start_)
          found = {r.offset, r.time, batch.epoch};
      }
    });
    if (found)
      return found;
  }
  return std::nullopt;
}

std::optional<fake_log::found_time> fake_log::find_latest_time() const {
  std::optional<found_time> found;
  for (const auto& batch : batches_) {
    if (found && batch.max_time <= found->time)
      continue;
    for_each_batch(batch.bytes, [&](const record_batch& whole) {
      for (const auto& r : whole) {
        if (!found || r.time > found->time)
          found = {r.offset, r.time, batch.epoch};
      }
    });
  }
  return found;
}

fake_log::epoch_end fake_log::end_of(leader_epoch epoch, leader_epoch current) const {
  if (epoch == current)
    return {epoch, end_};
  epoch_end found;
  for (const auto& batch : batches_) {
    if (batch.epoch > epoch) {
      found.end = found.epoch == leader_epoch{-1} ? log_offset{-1} : batch.first;
      return found;
    }
    found = {batch.epoch, batch.last + 1};
  }
  if (found.epoch != leader_epoch{-1} || epoch > current)
    found.end = epoch > current ? log_offset{-1} : end_;
  if (epoch > current)
    found.epoch = -1;
  return found;
}

leader_epoch fake_log::epoch_at(log_offset offset) const {
  const auto at = holding(offset);
  if (at != batches_.end() && at->first <= offset)
    return at->epoch;
  // Of the end: the epoch of what was written last.
  return offset == end_ && !batches_.empty() ? batches_.back().epoch : leader_epoch{-1};
}

void fake_log::truncate(log_offset end) {
  while (!batches_.empty() && batches_.back().last >= end)
    batches_.pop_back();
  // A batch goes as a whole, so that the log may end before `end`.
  end_ = batches_.empty() ? start_ : batches_.back().last + 1;
  follow_transactions();
}

void fake_log::trim(log_offset start) {
  start_ = std::clamp(start, start_, end_);
  const auto kept = holding(start_);
  batches_.erase(batches_.begin(), batches_.begin() + (kept - batches_.cbegin()));
}

void fake_log::skip(log_offset offset) {
  batches_.clear();
  open_.clear();
  aborted_.clear();
  start_ = end_ = offset;
}

std::vector<logged_record> fake_log::records() const {
  std::vector<logged_record> all;
  for (const auto& batch : batches_) {
    for_each_batch(batch.bytes, [&](const record_batch& whole) {
      if (whole.info().control)
        return;
      for (const auto& r : whole) {
        if (r.offset >= start_)
          all.push_back({r.offset, to_record(r)});
      }
    });
  }
  return all;
}

std::vector<shared_bytes> fake_log::batches() const {
  std::vector<shared_bytes> all;
  all.reserve(batches_.size());
  for (const auto& batch : batches_)
    all.push_back(batch.bytes);
  return all;
}

shared_bytes transaction_marker(
  std::int64_t producer_id, std::int16_t producer_epoch, bool commit, timestamp time) {
  // Version 0 of both: what it is, then who wrote it.
  const std::array<std::byte, 4> key{
    std::byte{0}, std::byte{0}, std::byte{0}, commit ? std::byte{1} : std::byte{0}};
  const std::array<std::byte, 6> value{};
  batch_builder builder;
  static_cast<void>(builder.append(byte_view{key}, byte_view{value}, time));
  seal_options how;
  how.producer_id = producer_id;
  how.producer_epoch = producer_epoch;
  how.transactional = how.control = true;
  return *builder.seal(how);
}

shared_bytes batch_of(
  const std::vector<record>& records, timestamp now, codec compression) {
  builder_options options;
  options.compression = compression;
  options.initial_capacity = 512;
  options.max_size = std::numeric_limits<std::int32_t>::max();
  batch_builder builder{options};
  for (const auto& r : records)
    static_cast<void>(builder.append(r, now));
  return *builder.seal();
}

shared_bytes as_message_set(const shared_bytes& bytes, std::int8_t magic) {
  std::vector<std::byte> all;
  for_each_batch(bytes, [&](const record_batch& batch) {
    if (batch.info().control)
      return;
    builder_options options;
    options.compression = batch.info().compression;
    if (options.compression == codec::zstd)
      options.compression = codec::none;
    options.base_offset = batch.info().base_offset;
    options.max_size = std::numeric_limits<std::int32_t>::max();
    if (batch.info().time_type == timestamp_type::log_append_time)
      options.log_append_time = batch.info().max_timestamp;
    message_set_builder builder{magic, options};
    for (const auto& r : batch)
      static_cast<void>(builder.append(r.key, r.value, r.time));
    if (builder.empty())
      return;
    const auto set = *builder.seal();
    all.insert(all.end(), set.view().begin(), set.view().end());
  });
  return shared_bytes::from(std::move(all));
}

} // namespace cafka::testing
