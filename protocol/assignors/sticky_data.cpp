#include "sticky_data.hpp"

#include "../wire/reader.hpp"
#include "../wire/writer.hpp"

#include <algorithm>

namespace cafka::protocol {

namespace {

std::string text_of(const writer& out) {
  return std::string{shared_bytes::from(out.bytes()).text()};
}

/// The next `count` pieces of some bytes each.
byte_view sized(reader& in, std::int32_t count, std::size_t width) {
  if (count < 0)
    in.fail(wire_error::negative_length);
  return in.raw(static_cast<std::size_t>(std::max(count, 0)) * width);
}

} // namespace

std::string sticky_user_data(const member_claim& claim) {
  writer out;
  out.i32(static_cast<std::int32_t>(claim.owned.size()));
  for (const auto& t : claim.owned) {
    out.i16(static_cast<std::int16_t>(t.topic.size()));
    out.raw(t.topic);
    out.i32(static_cast<std::int32_t>(t.partitions.size()));
    for (const auto p : t.partitions)
      out.i32(p.value());
  }
  out.i32(claim.generation);
  return text_of(out);
}

std::string cooperative_user_data(const member_claim& claim) {
  writer out;
  out.i32(claim.generation);
  return text_of(out);
}

std::int32_t read_sticky_data(byte_view bytes, const sticky_data_visitor& visit) {
  constexpr std::size_t width = sizeof(std::int32_t);
  std::int32_t generation = -1;
  // All of it is read before any of it is told: the generation stands at the end, and
  // half a claim is none.
  for (const auto telling : {false, true}) {
    reader in{bytes};
    const auto topics = in.i32();
    if (topics < 0)
      in.fail(wire_error::negative_length);
    for (std::int32_t i = 0; i != topics && in.ok(); ++i) {
      const auto name = sized(in, in.i16(), 1);
      const auto numbers = sized(in, in.i32(), width);
      if (in.ok() && telling)
        visit(
          generation, {reinterpret_cast<const char*>(name.data()), name.size()}, numbers);
    }
    if (!in.ok())
      return -1;
    if (in.remaining() >= width)
      generation = in.i32();
  }
  return generation;
}

std::int32_t read_cooperative_data(byte_view bytes) {
  reader in{bytes};
  if (bytes.size() == sizeof(std::int32_t))
    return in.i32();
  return read_sticky_data(bytes, [](std::int32_t, std::string_view, byte_view) {});
}

} // namespace cafka::protocol
