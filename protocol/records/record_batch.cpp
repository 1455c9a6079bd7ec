#include "checksum.hpp"
#include "format.hpp"

namespace cafka::protocol {

namespace {

timestamp time_at(std::int64_t milliseconds) {
  return timestamp{std::chrono::milliseconds{milliseconds}};
}

/// As Kafka adds: times so far apart wrap around instead of failing.
std::int64_t wrapping_sum(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(
    static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}

/// Bytes behind their length, where -1 stands for null.
std::optional<byte_view> nullable(reader& in, std::int32_t length) {
  if (length < -1)
    in.fail(wire_error::negative_length);
  if (length < 0)
    return std::nullopt;
  return in.raw(static_cast<std::size_t>(length));
}

/// Walks the headers once, so that a later walk meets no error.
header_range read_headers(reader& in) {
  const auto count = in.varint();
  if (count == 0)
    return {};
  if (count < 0)
    in.fail(wire_error::negative_length);
  const auto all = reader{in}.raw(in.remaining());
  const auto before = in.remaining();
  for (std::int32_t i = 0; i < count && in.ok(); ++i) {
    const auto key_size = in.varint();
    if (key_size < 0)
      in.fail(wire_error::negative_length);
    in.skip(static_cast<std::size_t>(key_size));
    (void)nullable(in, in.varint());
  }
  if (!in.ok())
    return {};
  return {all.first(before - in.remaining()), count};
}

} // namespace

void detail::read_record(reader& in, const record_base& base, record_view& out) {
  const auto length = in.varint();
  const auto before = in.remaining();
  // A negative length becomes a huge one.
  if (static_cast<std::size_t>(length) > before)
    in.fail(wire_error::bad_length);
  in.skip(1); // attributes, of which none is defined
  const auto time_delta = in.varlong();
  const auto offset_delta = in.varint();
  std::int64_t offset = 0;
  if (__builtin_add_overflow(base.offset, offset_delta, &offset))
    in.fail(wire_error::bad_value);
  out.offset = offset;
  out.time_type = base.time_type;
  out.time = time_at(base.time_type == timestamp_type::log_append_time
      ? base.time
      : wrapping_sum(base.time, time_delta));
  out.key = nullable(in, in.varint());
  out.value = nullable(in, in.varint());
  out.headers = read_headers(in);
  if (in.ok() && before - in.remaining() != static_cast<std::size_t>(length))
    in.fail(wire_error::bad_length);
}

detail::message_view detail::read_message(reader& in) {
  message_view result;
  result.offset = in.i64();
  const auto length = in.i32();
  // A negative length becomes a huge one.
  if (static_cast<std::size_t>(length) > in.remaining())
    in.fail(wire_error::bad_length);
  const auto before = in.remaining();
  result.crc = in.u32();
  if (in.ok())
    result.checked = reader{in}.raw(static_cast<std::size_t>(length) - sizeof result.crc);
  result.magic = in.i8();
  if (result.magic < 0 || result.magic > 1)
    in.fail(wire_error::bad_value);
  result.attributes = in.i8();
  if (result.magic == 1)
    result.time = in.i64();
  result.key = nullable(in, in.i32());
  result.value = nullable(in, in.i32());
  if (in.ok() && before - in.remaining() != static_cast<std::size_t>(length))
    in.fail(wire_error::bad_length);
  return result;
}

record_iterator::record_iterator(const record_batch& batch)
  : batch_(&batch),
    in_(batch.payload_.view()),
    left_(batch.info_.record_count),
    before_(batch.info_.base_offset.value() - 1) {
  read();
}

void record_iterator::fail(std::string_view why) {
  batch_->record_error_ = why;
  batch_->record_error_at_ = in_.position();
  left_ = 0;
}

void record_iterator::read() {
  if (left_ == 0) {
    if (in_.remaining() != 0)
      fail(to_string(wire_error::trailing_bytes));
    return;
  }
  const auto& info = batch_->info_;
  if (info.magic == 2) {
    const auto logged = info.time_type == timestamp_type::log_append_time;
    const auto time = logged ? info.max_timestamp : info.base_timestamp;
    detail::read_record(in_,
      {info.base_offset.value(), time.time_since_epoch().count(), info.time_type},
      current_);
  } else {
    // Checked when the batch was opened, so nothing but the offset can be wrong.
    const auto message = detail::read_message(in_);
    std::int64_t offset = 0;
    if (__builtin_add_overflow(message.offset, batch_->offset_shift_, &offset))
      in_.fail(wire_error::bad_value);
    current_.offset = offset;
    current_.time_type = info.time_type;
    current_.time = info.time_type == timestamp_type::log_append_time
      ? info.max_timestamp
      : time_at(message.time);
    current_.key = message.key;
    current_.value = message.value;
  }
  if (!in_.ok())
    fail(to_string(in_.error()));
  else if (current_.offset <= before_ || current_.offset > info.last_offset)
    fail(detail::out_of_order);
  else
    before_ = current_.offset;
}

protocol::error record_batch::error() const {
  if (record_error_.empty())
    return {};
  return {error_code::invalid_record,
    "batch at offset " + std::to_string(info_.base_offset.value()) + ": "
      + std::string{record_error_} + " at byte " + std::to_string(record_error_at_)
      + " of its records"};
}

bool batch_reader::fail(
  const record_batch& batch, error_code code, std::string_view what) {
  error_ = {code,
    "batch at offset " + std::to_string(batch.info_.base_offset.value()) + ": "
      + std::string{what}};
  at_ = records_.size();
  return false;
}

bool batch_reader::advance(record_batch& batch) {
  batch = {};
  stored_ = {};
  reader in{records_.view().subspan(at_)};
  if (in.remaining() == 0)
    return false;
  const auto available = in.remaining();
  const auto offset = in.i64();
  const auto length = in.i32();
  if (!in.ok()) {
    partial_ = true;
    at_ = records_.size();
    return false;
  }
  batch.info_.base_offset = batch.info_.last_offset = offset;
  if (length < static_cast<std::int32_t>(detail::smallest_message(0)))
    return fail(batch, error_code::corrupt_message,
      "a length of " + std::to_string(length) + " bytes");
  const auto size = detail::entry_header_size + static_cast<std::size_t>(length);
  if (size > available) {
    partial_ = true;
    partial_size_ = size;
    at_ = records_.size();
    return false;
  }
  const auto bytes = records_.view().subspan(at_, size);
  const auto magic = std::to_integer<std::int8_t>(bytes[detail::v2::magic_at]);
  batch.info_.magic = magic;
  batch.info_.wire_size = size;
  if (magic < 0 || magic > 2)
    return fail(batch, error_code::unsupported_for_message_format,
      "message format " + std::to_string(magic));
  if (offset < 0)
    return fail(batch, error_code::corrupt_message, "a negative offset");
  if (!(magic == 2 ? read_v2(batch, bytes) : read_message(batch, bytes)))
    return false;
  at_ += size;
  return true;
}

bool batch_reader::read_v2(record_batch& batch, byte_view bytes) {
  using namespace detail;
  if (bytes.size() < v2::header_size)
    return fail(batch, error_code::corrupt_message, "shorter than its header");
  auto& info = batch.info_;
  reader in{bytes};
  in.skip(v2::epoch_at);
  info.epoch = in.i32();
  in.skip(1); // the magic, known already
  const auto crc = in.u32();
  if (options_.check_crcs && crc != crc32c(bytes.subspan(v2::attributes_at)))
    return fail(batch, error_code::corrupt_message, "its CRC-32C does not fit");
  const auto attributes = in.i16();
  const auto last_delta = in.i32();
  info.base_timestamp = time_at(in.i64());
  info.max_timestamp = time_at(in.i64());
  info.producer_id = in.i64();
  info.producer_epoch = in.i16();
  info.base_sequence = in.i32();
  info.record_count = in.i32();
  info.compression = static_cast<codec>(attributes & codec_mask);
  info.time_type = (attributes & log_append_time_bit) != 0
    ? timestamp_type::log_append_time
    : timestamp_type::create_time;
  info.transactional = (attributes & transactional_bit) != 0;
  info.control = (attributes & control_bit) != 0;
  if ((attributes & delete_horizon_bit) != 0)
    info.delete_horizon = info.base_timestamp;
  std::int64_t last = 0;
  if (last_delta < 0
    || __builtin_add_overflow(info.base_offset.value(), last_delta, &last))
    return fail(batch, error_code::corrupt_message, "its last offset is out of range");
  info.last_offset = last;
  if (info.record_count < 0)
    return fail(batch, error_code::corrupt_message, "a negative count of records");
  if (info.compression > codec::zstd)
    return fail(batch, error_code::unsupported_compression_type,
      "codec " + std::to_string(attributes & codec_mask));
  stored_ = records_.slice(at_ + v2::header_size, bytes.size() - v2::header_size);
  return true;
}

bool batch_reader::read_message(record_batch& batch, byte_view bytes) {
  auto& info = batch.info_;
  reader in{bytes};
  const auto message = detail::read_message(in);
  if (options_.check_crcs && !message.checked.empty()
    && message.crc != crc32(message.checked))
    return fail(batch, error_code::corrupt_message, "its CRC-32 does not fit");
  if (!in.ok())
    return fail(batch, error_code::corrupt_message, to_string(in.error()));
  info.compression = message.compression();
  info.time_type = message.time_type();
  info.base_timestamp = info.max_timestamp = time_at(message.time);
  if (info.compression == codec::none) {
    info.record_count = 1;
    stored_ = records_.slice(at_, bytes.size());
    return true;
  }
  if (info.compression >= codec::zstd)
    return fail(batch, error_code::unsupported_compression_type,
      "codec " + std::to_string(message.attributes & detail::codec_mask));
  if (!message.value)
    return fail(batch, error_code::corrupt_message, "a compressed message of null");
  const auto first = static_cast<std::size_t>(message.value->data() - bytes.data());
  stored_ = records_.slice(at_ + first, message.value->size());
  return true;
}

batch_reader::opening batch_reader::open(record_batch& batch, std::size_t room) {
  const auto& info = batch.info_;
  if (info.compression == codec::none) {
    batch.payload_ = std::move(stored_);
  } else if (info.magic == 2 && info.record_count == 0) {
    // All that compaction left is the header.
  } else if (const auto how = decompressed(batch, room); how != opening::opened) {
    return how;
  } else if (info.magic < 2) {
    return open_wrapper(batch) ? opening::opened : opening::failed;
  }
  if (info.magic == 2
    && static_cast<std::size_t>(info.record_count)
      > batch.payload_.size() / detail::v2::smallest_record) {
    fail(batch, error_code::corrupt_message, "more records than bytes for them");
    return opening::failed;
  }
  return opening::opened;
}

batch_reader::opening batch_reader::decompressed(record_batch& batch, std::size_t room) {
  const auto& info = batch.info_;
  const auto size = stored_.size();
  const auto ratio = options_.max_decompression_ratio;
  auto by_ratio = std::numeric_limits<std::size_t>::max();
  if (ratio > 0 && size <= by_ratio / ratio)
    by_ratio = std::max(size * ratio, read_options::ratio_floor);
  const auto most = std::min(options_.max_decompressed_bytes, by_ratio);
  // Before 0.10, v0 was all there was, but its checksum has travelled on in v1.
  const auto header = info.magic == 2 ? lz4_header::standard : lz4_header::with_magic;
  auto payload = decompress(
    info.compression, stored_.view(), {std::min(most, room), options_.stop}, header);
  if (payload) {
    stored_ = {};
    batch.payload_ = *std::move(payload);
    return opening::opened;
  }
  auto failure = payload.error();
  if (failure.code == error_code::queue_full) { // The system has no more memory.
    failure.code = error_code::batch_too_large;
  } else if (failure.code == error_code::batch_too_large) {
    if (room < most)
      return opening::no_room;
    failure.detail = "its " + std::to_string(size) + " bytes decompress to more than "
      + std::to_string(most)
      + (most == by_ratio
          ? ", over " + std::to_string(ratio) + " times as much (max_decompression_ratio)"
          : std::string{" bytes (max_decompressed_bytes)"})
      + "; its last offset is " + std::to_string(info.last_offset.value());
  }
  stored_ = {};
  fail(batch, failure.code, failure.detail);
  return opening::failed;
}

bool batch_reader::open_wrapper(record_batch& batch) {
  auto& info = batch.info_;
  std::int64_t first = -1;
  std::int64_t last = -1;
  reader in{batch.payload_.view()};
  while (in.remaining() != 0) {
    const auto message = detail::read_message(in);
    if (!in.ok())
      return fail(batch, error_code::corrupt_message, to_string(in.error()));
    if (message.magic != info.magic)
      return fail(batch, error_code::corrupt_message, "a mix of formats inside");
    if (message.compression() != codec::none)
      return fail(batch, error_code::corrupt_message, "compressed once more inside");
    if (options_.check_crcs && message.crc != crc32(message.checked))
      return fail(batch, error_code::corrupt_message, "a CRC-32 inside does not fit");
    if (message.offset < 0)
      return fail(batch, error_code::corrupt_message, "a negative offset inside");
    if (info.record_count > 0 && message.offset <= last)
      return fail(batch, error_code::corrupt_message, detail::out_of_order);
    if (info.record_count == 0) {
      first = message.offset;
      if (info.time_type == timestamp_type::create_time)
        info.base_timestamp = time_at(message.time);
    }
    last = message.offset;
    ++info.record_count;
  }
  if (info.record_count == 0)
    return fail(batch, error_code::corrupt_message, "nothing inside");
  // Of v1 the wrapper carries the offset of its last record, whatever compaction has
  // removed before it, and those inside count from the first. Source: KIP-31.
  if (info.magic == 1)
    batch.offset_shift_ = info.last_offset.value() - last;
  info.base_offset = first + batch.offset_shift_;
  if (first > last || info.base_offset < log_offset{0}
    || log_offset{last + batch.offset_shift_} > info.last_offset)
    return fail(batch, error_code::corrupt_message, "offsets inside are out of range");
  return true;
}

} // namespace cafka::protocol
