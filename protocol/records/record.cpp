#include "record.hpp"

namespace cafka::protocol {

void header_range::iterator::read() {
  if (left_ <= 0)
    return;
  const auto key_size = in_.varint();
  const auto key = in_.raw(static_cast<std::size_t>(key_size));
  current_.key = as_text(key);
  const auto value_size = in_.varint();
  current_.value.reset();
  if (value_size >= 0)
    current_.value = in_.raw(static_cast<std::size_t>(value_size));
  // Cannot be, as the record was checked, but must not run on if it were.
  if (!in_.ok())
    left_ = 0;
}

record to_record(const record_view& from) {
  const auto text = [](const std::optional<byte_view>& bytes) {
    return bytes ? std::optional{std::string{as_text(*bytes)}} : std::nullopt;
  };
  record result;
  result.key = text(from.key);
  result.value = text(from.value);
  result.headers.reserve(from.headers.size());
  for (const auto& header : from.headers)
    result.headers.emplace_back(std::string{header.key}, text(header.value));
  if (from.time_type != timestamp_type::none)
    result.time = from.time;
  return result;
}

record record_view::copy() const {
  return to_record(*this);
}

result<control_marker> control_marker_of(const record_view& from) {
  reader key{from.key.value_or(byte_view{})};
  const auto version = key.i16();
  control_marker marker;
  marker.type = static_cast<control_type>(key.i16());
  if (!key.ok() || version < 0)
    return {error_code::invalid_record, "a control record without a type"};
  if (marker.type == control_type::abort || marker.type == control_type::commit) {
    reader value{from.value.value_or(byte_view{})};
    value.skip(2);
    marker.coordinator_epoch = value.i32();
    if (!value.ok())
      return {error_code::invalid_record, "an end of a transaction without an epoch"};
  }
  return marker;
}

} // namespace cafka::protocol
