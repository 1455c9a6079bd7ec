#include "format.hpp"
#include "run_reader.hpp"

#include <limits>
#include <utility>

namespace cafka::protocol {

record_run::iterator::iterator(const record_run& run) : run_(&run) {
  next_part();
}

void record_run::iterator::damaged(std::string_view why, std::size_t at) {
  if (!run_->on_damage_)
    return;
  const auto& p = run_->parts_[part_ - 1];
  run_->on_damage_(left_,
    {error_code::invalid_record,
      "batch at offset " + std::to_string(p.base_offset) + ": " + std::string{why}
        + " at byte " + std::to_string(at) + " of its records"});
}

bool record_run::iterator::read_any() {
  const auto& p = run_->parts_[part_ - 1];
  const auto before = current_.offset;
  reader in{byte_view{at_, end_}};
  if (p.magic == 2) {
    detail::read_record(in, {base_offset_, base_time_, p.time_type}, current_);
  } else {
    // Checked when the batch was opened, so nothing but the offset can be wrong.
    const auto message = detail::read_message(in);
    std::int64_t offset = 0;
    if (__builtin_add_overflow(message.offset, p.offset_shift, &offset))
      in.fail(wire_error::bad_value);
    current_.offset = offset;
    current_.time = timestamp{std::chrono::milliseconds{
      p.time_type == timestamp_type::log_append_time ? base_time_ : message.time}};
    current_.key = message.key;
    current_.value = message.value;
  }
  const auto in_order =
    current_.offset > before && current_.offset <= log_offset{last_offset_};
  if (in.ok() && in_order) {
    gaps_ -= std::min(gaps_, static_cast<std::uint64_t>(current_.offset - before - 1));
    at_ = end_ - in.remaining();
    return true;
  }
  damaged(in.ok() ? detail::out_of_order : to_string(in.error()),
    p.size - static_cast<std::size_t>(end_ - at_) + in.position());
  at_ = end_;
  return false;
}

void record_run::iterator::next_part() {
  while (true) {
    left_ = 0;
    if (at_ != end_)
      damaged(to_string(wire_error::trailing_bytes),
        run_->parts_[part_ - 1].size - static_cast<std::size_t>(end_ - at_));
    if (part_ == run_->parts_.size()) {
      at_ = end_;
      return;
    }
    const auto& p = run_->parts_[part_++];
    at_ = p.bytes;
    end_ = p.bytes + p.size;
    base_offset_ = p.base_offset;
    base_time_ = p.base_time;
    last_offset_ = p.last_offset;
    own_times_ = p.time_type != timestamp_type::log_append_time;
    // Deltas of a plain record have at most 28 bits.
    constexpr auto far = std::numeric_limits<std::int64_t>::max() / 2;
    const auto span = p.last_offset - p.base_offset + 1;
    gaps_ = static_cast<std::uint64_t>(std::max<std::int64_t>(span - p.count, 0));
    plain_ = p.magic == 2 && span >= p.count && p.base_offset < far && p.base_time < far
      && p.base_time > -far;
    current_ = {};
    current_.offset = p.base_offset - 1;
    current_.time_type = p.time_type;
    for (left_ = p.count; left_ > 0 && read(); --left_) {
      if (current_.offset >= run_->from_)
        return;
    }
  }
}

void record_run::add(const record_batch& batch) {
  const auto& info = batch.info();
  if (info.record_count == 0)
    return;
  std::size_t wanted = static_cast<std::size_t>(info.record_count);
  // Only a batch that begins before `from` is walked to know.
  if (info.base_offset < from_) {
    wanted = 0;
    for (const auto& record : batch)
      wanted += record.offset >= from_ ? 1 : 0;
    if (wanted == 0 && !batch.error())
      return;
    wanted = std::max<std::size_t>(wanted, 1); // The damage is to be met.
  }
  size_ += wanted;
  epoch_ = info.epoch;
  const auto logged = info.time_type == timestamp_type::log_append_time;
  const auto time = logged ? info.max_timestamp : info.base_timestamp;
  const auto view = batch.payload().view();
  parts_.push_back({view.data(), view.size(), info.base_offset.value(),
    info.last_offset.value(), time.time_since_epoch().count(), batch.offset_shift_,
    info.record_count, info.magic, info.time_type});
  if (info.compression != codec::none) {
    kept_.push_back(batch.payload());
    decompressed_ += view.size();
  }
}

void record_run::view_part(const record_run& whole, log_offset from, std::size_t most) {
  parts_.clear();
  size_ = 0;
  epoch_ = whole.epoch_;
  from_ = std::max(whole.from_, from);
  next_ = whole.next_;
  for (const auto& p : whole.parts_) {
    if (log_offset{p.last_offset} < from_)
      continue;
    if (size_ == most) {
      next_ = log_offset{p.base_offset};
      return;
    }
    const auto left = most - size_;
    const auto count = static_cast<std::size_t>(p.count);
    parts_.push_back(p);
    if (log_offset{p.base_offset} >= from_ && count <= left) {
      size_ += count;
      continue;
    }
    // Where its records lie is known only by walking.
    iterator at;
    at.run_ = this;
    at.part_ = parts_.size() - 1;
    at.next_part();
    std::size_t wanted = 0;
    for (; at.left_ > 0; ++at) {
      if (++wanted < left)
        continue;
      auto& cut = parts_.back();
      cut.size = static_cast<std::size_t>(at.at_ - cut.bytes);
      cut.count -= at.left_ - 1;
      next_ = at->offset + 1;
      break;
    }
    size_ += wanted;
    if (wanted == 0)
      parts_.pop_back();
    if (wanted == left && next_ <= log_offset{p.last_offset})
      return;
    next_ = whole.next_;
  }
}

error record_run::read(const shared_bytes& raw, log_offset from,
  std::vector<aborted_span> aborted, read_options options) {
  run_reader in{raw, from, std::move(aborted), options};
  static_cast<void>(in.read(*this, run_reader::allowance{}));
  return in.outcome();
}

} // namespace cafka::protocol
