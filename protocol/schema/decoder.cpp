#include "decoder.hpp"

namespace cafka::protocol {

void decoder::get_uuid(uuid& x) {
  const auto bytes = c_.in.raw(x.bytes.size());
  if (c_.in.ok())
    std::memcpy(x.bytes.data(), bytes.data(), bytes.size());
}

void decoder::text(std::string& x, std::int32_t size) {
  const auto bytes = c_.in.raw(static_cast<std::size_t>(size));
  x = std::string_view{reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void decoder::bytes(shared_bytes& x, std::int32_t size) {
  x = c_.in.slice(static_cast<std::size_t>(size));
}

std::int32_t decoder::size_of_text(bool nullable) {
  const auto size = c_.flexible ? std::int64_t{c_.in.uvarint()} - 1 : c_.in.i16();
  if (size > std::numeric_limits<std::int16_t>::max())
    c_.in.fail(wire_error::bad_length);
  return checked(size, 1, nullable);
}

std::int32_t decoder::size_of(std::size_t least, bool nullable) {
  return checked(
    c_.flexible ? std::int64_t{c_.in.uvarint()} - 1 : c_.in.i32(), least, nullable);
}

std::int32_t decoder::checked(std::int64_t size, std::size_t least, bool nullable) {
  if (size < -1 || (size == -1 && !nullable))
    c_.in.fail(wire_error::negative_length);
  else if (size > std::numeric_limits<std::int32_t>::max()
    || (size > 0 && static_cast<std::size_t>(size) > c_.in.remaining() / least))
    c_.in.fail(wire_error::bad_length);
  return c_.in.ok() ? static_cast<std::int32_t>(size) : 0;
}

bool decoder::is_null_struct() {
  const auto marker = c_.in.i8();
  if (marker != -1 && marker != 1)
    c_.in.fail(wire_error::bad_value);
  return marker == -1;
}

std::int64_t decoder::next_tag(std::int64_t& last) {
  const std::int64_t tag = c_.in.uvarint();
  if (tag <= last)
    c_.in.fail(wire_error::bad_value);
  last = tag;
  return tag;
}

void decoder::finish_tagged(context& inner) {
  if (inner.in.ok() && inner.in.remaining() != 0)
    inner.in.fail(wire_error::trailing_bytes);
  if (!inner.in.ok()) {
    c_.in.fail(inner.in.error());
    c_.failed_field = inner.failed_field;
  }
}

} // namespace cafka::protocol
