#include <cafka/protocol/wire/writer.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <array>
#include <limits>
#include <utility>

using namespace cafka::protocol;

namespace {

std::vector<std::byte> bytes(std::initializer_list<int> values) {
  std::vector<std::byte> result;
  for (const int value : values)
    result.push_back(static_cast<std::byte>(value));
  return result;
}

std::vector<std::byte> many(std::size_t count, int value) {
  return std::vector<std::byte>(count, static_cast<std::byte>(value));
}

std::vector<std::byte> flat(const frame& f) {
  std::vector<std::byte> all;
  for (const auto& part : f.parts)
    all.insert(all.end(), part.view().begin(), part.view().end());
  return all;
}

} // namespace

TEST_CASE("fixed numbers travel in network order") {
  writer out;
  out.i8(-2);
  out.i16(0x0102);
  out.i32(0x01020304);
  out.i64(0x0102030405060708);
  out.u16(0xFFFE);
  out.u32(0xFFFFFFFE);
  out.f64(1.0);
  out.boolean(true);
  CHECK(out.bytes()
    == bytes({0xFE, 1, 2, 1, 2, 3, 4, 1, 2, 3, 4, 5, 6, 7, 8, 0xFF, 0xFE, 0xFF, 0xFF,
      0xFF, 0xFE, 0x3F, 0xF0, 0, 0, 0, 0, 0, 0, 1}));
  const auto written = out.bytes();
  reader in{byte_view{written}};
  CHECK(in.i8() == -2);
  CHECK(in.i16() == 0x0102);
  CHECK(in.i32() == 0x01020304);
  CHECK(in.i64() == 0x0102030405060708);
  CHECK(in.u16() == 0xFFFE);
  CHECK(in.u32() == 0xFFFFFFFE);
  CHECK(in.f64() == 1.0);
  CHECK(in.boolean());
  CHECK(in.ok());
  CHECK(in.remaining() == 0);
}

TEST_CASE("unsigned varints take one byte for each seven bits") {
  const auto [value, size] = GENERATE(std::pair{0U, 1U}, std::pair{127U, 1U},
    std::pair{128U, 2U}, std::pair{16383U, 2U}, std::pair{16384U, 3U},
    std::pair{2097151U, 3U}, std::pair{2097152U, 4U}, std::pair{268435455U, 4U},
    std::pair{268435456U, 5U}, std::pair{0xFFFFFFFFU, 5U});
  writer out;
  out.uvarint(value);
  CHECK(out.size() == size);
  const auto written = out.bytes();
  reader in{byte_view{written}};
  CHECK(in.uvarint() == value);
  CHECK(in.ok());
  CHECK(in.remaining() == 0);
}

TEST_CASE("signed varints keep small numbers of either sign short") {
  const auto [value, size] = GENERATE(std::pair{0, 1U}, std::pair{-1, 1U},
    std::pair{63, 1U}, std::pair{-64, 1U}, std::pair{64, 2U}, std::pair{-65, 2U},
    std::pair{std::numeric_limits<std::int32_t>::max(), 5U},
    std::pair{std::numeric_limits<std::int32_t>::min(), 5U});
  writer out;
  out.varint(value);
  CHECK(out.size() == size);
  const auto written = out.bytes();
  reader in{byte_view{written}};
  CHECK(in.varint() == value);
  CHECK(in.ok());
}

TEST_CASE("signed varlongs reach both ends of 64 bits") {
  const auto [value, size] = GENERATE(std::pair{std::int64_t{0}, 1U},
    std::pair{std::int64_t{-1}, 1U}, std::pair{std::int64_t{1} << 33, 5U},
    std::pair{std::numeric_limits<std::int64_t>::max(), 10U},
    std::pair{std::numeric_limits<std::int64_t>::min(), 10U});
  writer out;
  out.varlong(value);
  CHECK(out.size() == size);
  const auto written = out.bytes();
  reader in{byte_view{written}};
  CHECK(in.varlong() == value);
  CHECK(in.ok());
}

TEST_CASE("a varint with more bits than its type is refused") {
  const auto five = bytes({0xFF, 0xFF, 0xFF, 0xFF, 0x10});
  reader a{byte_view{five}};
  CHECK(a.uvarint() == 0);
  CHECK(a.error() == wire_error::bad_varint);
  const auto six = bytes({0x80, 0x80, 0x80, 0x80, 0x80, 0x01});
  reader b{byte_view{six}};
  CHECK(b.uvarint() == 0);
  CHECK(b.error() == wire_error::bad_varint);
  auto ten = many(9, 0xFF);
  ten.push_back(std::byte{0x02});
  reader c{byte_view{ten}};
  CHECK(c.varlong() == 0);
  CHECK(c.error() == wire_error::bad_varint);
}

TEST_CASE("a varint that ends too soon is truncated") {
  const auto open = bytes({0x80, 0x80});
  reader in{byte_view{open}};
  CHECK(in.uvarint() == 0);
  CHECK(in.error() == wire_error::truncated);
}

TEST_CASE("the first error of a reader sticks") {
  const auto three = bytes({1, 2, 3});
  reader in{byte_view{three}};
  CHECK(in.i8() == 1);
  CHECK(in.i32() == 0);
  CHECK(in.error() == wire_error::truncated);
  CHECK(in.position() == 1);
  CHECK(in.remaining() == 0);
  CHECK(in.i8() == 0);
  CHECK(in.raw(1).empty());
  CHECK(in.slice(1).empty());
  CHECK(!in.sub(0).ok());
  in.fail(wire_error::bad_value);
  CHECK(in.error() == wire_error::truncated);
  CHECK(in.position() == 1);
}

TEST_CASE("a slice shares the buffer of a shared reader and copies from a plain one") {
  const auto owner = shared_bytes::from(many(10, 7));
  reader shared{owner};
  shared.skip(2);
  const auto view = shared.slice(3);
  CHECK(view.data() == owner.data() + 2);
  CHECK(view.size() == 3);
  reader plain{owner.view()};
  CHECK(plain.slice(3).data() != owner.data());
  CHECK(shared.slice(6).empty());
  CHECK(shared.error() == wire_error::truncated);
}

TEST_CASE("a reader on a part sees that part only") {
  const auto owner = shared_bytes::from(bytes({1, 2, 3, 4, 5}));
  reader in{owner};
  auto part = in.sub(3);
  CHECK(part.i8() == 1);
  CHECK(part.slice(2).data() == owner.data() + 1);
  CHECK(part.i8() == 0);
  CHECK(part.error() == wire_error::truncated);
  CHECK(in.i8() == 4);
  CHECK(in.ok());
}

TEST_CASE("large pieces are attached, small ones copied, and their order is kept") {
  const auto large = shared_bytes::from(many(2000, 9));
  const auto small = shared_bytes::from(many(5, 8));
  writer out;
  out.attach(large);
  out.i8(1);
  out.attach(small);
  out.attach(large);
  CHECK(out.size() == 4006);
  auto expected = many(2000, 9);
  expected.push_back(std::byte{1});
  expected.insert(expected.end(), 5, std::byte{8});
  expected.insert(expected.end(), 2000, std::byte{9});
  CHECK(out.bytes() == expected);
  const auto f = out.finish();
  CHECK(f.size == 4006);
  REQUIRE(f.parts.size() == 3);
  CHECK(f.parts[0].data() == large.data());
  CHECK(f.parts[2].data() == large.data());
  CHECK(flat(f) == expected);
  CHECK(out.size() == 0);
  CHECK(out.finish().parts.empty());
}

TEST_CASE("a writer takes over another's bytes, attached pieces and error") {
  const auto large = shared_bytes::from(many(2000, 9));
  writer inner;
  inner.i8(2);
  inner.attach(large);
  inner.i8(3);
  writer out;
  out.i8(1);
  out.attach(large);
  out.append(inner);
  out.i8(4);
  auto expected = bytes({1});
  expected.insert(expected.end(), 2000, std::byte{9});
  expected.push_back(std::byte{2});
  expected.insert(expected.end(), 2000, std::byte{9});
  expected.push_back(std::byte{3});
  expected.push_back(std::byte{4});
  CHECK(out.bytes() == expected);
  CHECK(out.size() == expected.size());
  const auto f = out.finish();
  CHECK(flat(f) == expected);
  inner.fail("no good");
  inner.fail("nor this");
  out.append(inner);
  CHECK(!out.ok());
  CHECK(out.error() == "no good");
}

TEST_CASE("four bytes can be filled in afterwards") {
  writer out;
  out.i32(0);
  out.attach(shared_bytes::from(many(2000, 9)));
  out.patch_i32(0, 0x01020304);
  CHECK(flat(out.finish()).at(3) == std::byte{4});
}

TEST_CASE("a slice is clamped to what it is cut from") {
  const auto whole = shared_bytes::copy_of(std::string_view{"hello"});
  CHECK(whole.slice(1, 3).text() == "ell");
  CHECK(whole.slice(3, 100).text() == "lo");
  CHECK(whole.slice(100, 1).empty());
  CHECK(whole.slice(1, 3) == shared_bytes::copy_of(std::string_view{"ell"}));
}
