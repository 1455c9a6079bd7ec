#include <cafka/protocol/records/abort_filter.hpp>
#include <cafka/protocol/records/format.hpp>
#include <cafka/protocol/records/record_run.hpp>

#include <limits>
#include <utility>

namespace cafka::protocol {

record_run::iterator::iterator(const record_run& run) : run_(&run) {
  next_part();
}

void record_run::iterator::damaged(wire_error why, std::size_t at) {
  if (!run_->on_damage_)
    return;
  const auto& p = run_->parts_[part_ - 1];
  run_->on_damage_(left_,
    {error_code::invalid_record,
      "batch at offset " + std::to_string(p.base_offset) + ": "
        + std::string{to_string(why)} + " at byte " + std::to_string(at)
        + " of its records"});
}

bool record_run::iterator::read_any() {
  const auto& p = run_->parts_[part_ - 1];
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
  if (in.ok()) {
    at_ = end_ - in.remaining();
    return true;
  }
  damaged(in.error(), p.size - static_cast<std::size_t>(end_ - at_) + in.position());
  at_ = end_;
  return false;
}

void record_run::iterator::next_part() {
  while (true) {
    left_ = 0;
    if (at_ != end_)
      damaged(wire_error::trailing_bytes,
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
    own_times_ = p.time_type != timestamp_type::log_append_time;
    // Deltas of a plain record have at most 28 bits.
    constexpr auto far = std::numeric_limits<std::int64_t>::max() / 2;
    plain_ =
      p.magic == 2 && p.base_offset < far && p.base_time < far && p.base_time > -far;
    current_ = {};
    current_.time_type = p.time_type;
    for (left_ = p.count; left_ > 0 && read(); --left_) {
      if (current_.offset >= run_->from_)
        return;
    }
  }
}

void record_run::add(const record_batch& batch, log_offset from) {
  const auto& info = batch.info();
  if (info.record_count == 0)
    return;
  std::size_t wanted = static_cast<std::size_t>(info.record_count);
  // Only a batch that begins before `from` is walked to know.
  if (info.base_offset < from) {
    wanted = 0;
    for (const auto& record : batch)
      wanted += record.offset >= from ? 1 : 0;
    if (wanted == 0 && batch.error().code == error_code::none)
      return;
    wanted = std::max<std::size_t>(wanted, 1); // The damage is to be met.
  }
  size_ += wanted;
  const auto logged = info.time_type == timestamp_type::log_append_time;
  const auto time = logged ? info.max_timestamp : info.base_timestamp;
  const auto view = batch.payload().view();
  parts_.push_back(
    {view.data(), view.size(), info.base_offset.value(), time.time_since_epoch().count(),
      batch.offset_shift_, info.record_count, info.magic, info.time_type});
  if (info.compression != codec::none) {
    kept_.push_back(batch.payload());
    decompressed_ += view.size();
  }
}

error record_run::read(const shared_bytes& raw, log_offset from,
  std::vector<aborted_span> aborted, read_options options) {
  from_ = next_ = from;
  abort_filter filter{std::move(aborted)};
  batch_reader in{raw, options};
  record_batch batch;
  error damage;
  bool any = false;
  const auto note = [&](const batch_info& info) {
    if (info.last_offset >= next_) {
      next_ = info.last_offset + 1;
      any = true;
    }
  };
  const auto wanted = [&](const batch_info& info) {
    if (info.last_offset.value() == std::numeric_limits<std::int64_t>::max())
      return true; // Refused below.
    const auto dropped = filter.drops(info);
    if (info.control)
      return true;
    if (dropped || info.last_offset < from) {
      note(info);
      return false;
    }
    return true;
  };
  while (in.next(batch, wanted)) {
    const auto& info = batch.info();
    if (info.last_offset.value() == std::numeric_limits<std::int64_t>::max()) {
      damage = {error_code::corrupt_message, "no offset can follow the batch's last one"};
      break;
    }
    if (info.control)
      filter.marker(batch);
    else
      add(batch, from);
    note(info);
  }
  if (damage.code == error_code::none)
    damage = in.error();
  if (any)
    return {};
  if (damage.code == error_code::none && in.partial())
    damage = {error_code::message_too_large,
      "the batch at offset " + std::to_string(from.value())
        + (in.partial_size() > 0 ? " has " + std::to_string(in.partial_size()) + " bytes"
                                 : std::string{" does not fit"})
        + ", more than the fetch allows"};
  return damage;
}

} // namespace cafka::protocol
