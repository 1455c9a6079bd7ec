#include "encoder.hpp"

namespace cafka::protocol {

void encoder::put_text(std::string_view name, std::string_view text) {
  // Kafka allows no longer one, although the compact form could carry it.
  if (text.size() > std::numeric_limits<std::int16_t>::max()) {
    out_.fail(std::string{name} + " is longer than 32767 bytes");
    return;
  }
  if (flexible_)
    out_.uvarint(static_cast<std::uint32_t>(text.size()) + 1);
  else
    out_.i16(static_cast<std::int16_t>(text.size()));
  out_.raw(text);
}

void encoder::put_bytes(std::string_view name, const shared_bytes& bytes) {
  put_size(name, bytes.size());
  out_.attach(bytes);
}

void encoder::put_size(std::string_view name, std::size_t size) {
  if (size >= static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())) {
    out_.fail(std::string{name} + " is too long for Kafka's protocol");
    return;
  }
  if (flexible_)
    out_.uvarint(static_cast<std::uint32_t>(size) + 1);
  else
    out_.i32(static_cast<std::int32_t>(size));
}

void encoder::put_null_text() {
  if (flexible_)
    out_.uvarint(0);
  else
    out_.i16(-1);
}

void encoder::put_null() {
  if (flexible_)
    out_.uvarint(0);
  else
    out_.i32(-1);
}

void encoder::finish() {
  if (!flexible_)
    return;
  std::ranges::sort(tagged_, {}, &tagged_field::tag);
  out_.uvarint(static_cast<std::uint32_t>(tagged_.size()));
  for (const auto& field : tagged_) {
    out_.uvarint(static_cast<std::uint32_t>(field.tag));
    out_.uvarint(static_cast<std::uint32_t>(field.content.size()));
    out_.append(field.content);
  }
}

void encoder::fail_absent(std::string_view name) {
  out_.fail(std::string{name} + " is set, and version " + std::to_string(version_)
    + " does not have it");
}

void encoder::fail_null(std::string_view name) {
  out_.fail(
    std::string{name} + " must not be null in version " + std::to_string(version_));
}

} // namespace cafka::protocol
