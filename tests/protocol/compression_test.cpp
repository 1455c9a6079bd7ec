#include "allocation_counter.hpp"
#include "record_fixture.hpp"
#include <cafka/protocol/records/checksum.hpp>

#include <lz4frame.h>
#include <snappy.h>

#include <array>
#include <random>

using namespace record_fixture;

namespace {

constexpr std::array all_codecs{
  codec::none, codec::gzip, codec::snappy, codec::lz4, codec::zstd};
constexpr std::size_t megabyte = 1024 * 1024;

std::string noise(std::size_t size) {
  std::mt19937 random{42};
  std::string result(size, '\0');
  for (auto& c : result)
    c = static_cast<char>(random());
  return result;
}

shared_bytes compressed(codec c, std::string_view text,
  std::optional<int> level = std::nullopt, lz4_header header = lz4_header::standard) {
  byte_arena out;
  REQUIRE(compress(c, as_bytes(text), out, level, header));
  return out.freeze();
}

error_code code_of(const result<shared_bytes>& r) {
  return r.error().code;
}

} // namespace

TEST_CASE("the checksums are those of the standards", "[records]") {
  // Both of "123456789" stand in the catalogues of CRCs; RFC 3720 has the zeros.
  CHECK(crc32c(as_bytes("123456789")) == 0xE3069283);
  CHECK(crc32(as_bytes("123456789")) == 0xCBF43926);
  CHECK(crc32c(as_bytes(std::string(32, '\0'))) == 0x8A9136AA);
  CHECK(crc32c({}) == 0);
  CHECK(crc32({}) == 0);
  CHECK(xxh32({}) == 0x02CC5D05);
  CHECK(xxh32(as_bytes("abc")) == 0x32D153FF);
  CHECK(xxh32(as_bytes("Nobody inspects the spammish repetition")) == 0xE2293B2F);
}

TEST_CASE("codecs have Kafka's names", "[records]") {
  for (const auto c : all_codecs)
    CHECK(codec_from_name(to_string(c)) == c);
  CHECK(!codec_from_name("brotli"));
  CHECK(to_string(static_cast<codec>(5)) == "unknown");
}

TEST_CASE("every codec gives back what it was given, at any size", "[records]") {
  for (const auto c : all_codecs) {
    for (const auto size :
      {0, 1, 15, 100, 32 * 1024, 32 * 1024 + 1, 64 * 1024, 65 * 1024, 3'000'000}) {
      for (const auto& text : {noise(static_cast<std::size_t>(size)),
             std::string(static_cast<std::size_t>(size), 'x')}) {
        INFO(to_string(c) << " " << size);
        const auto out = decompress(c, compressed(c, text).view(), text.size());
        REQUIRE(out);
        CHECK(out->text() == text);
      }
    }
  }
}

TEST_CASE("levels are taken within their range only", "[records]") {
  std::string text;
  for (int i = 0; i < 20000; ++i)
    text += std::to_string(i * i % 7919) + ",";
  for (const auto c : {codec::gzip, codec::lz4, codec::zstd}) {
    const auto levels = levels_of(c);
    REQUIRE(levels);
    const auto low = compressed(c, text, c == codec::zstd ? -5 : 1);
    const auto high = compressed(c, text, levels->highest);
    CHECK(high.size() < low.size());
    CHECK(decompress(c, low.view(), text.size())->text() == text);
    CHECK(decompress(c, high.view(), text.size())->text() == text);
    CHECK(compressed(c, text) == compressed(c, text, levels->preset));
    for (const auto level : {levels->lowest - 1, levels->highest + 1}) {
      byte_arena out;
      CHECK(compress(c, as_bytes(text), out, level).error().code
        == error_code::invalid_argument);
      CHECK(out.size() == 0);
    }
  }
  CHECK(!levels_of(codec::snappy));
  CHECK(compressed(codec::snappy, text, 99) == compressed(codec::snappy, text));
}

TEST_CASE("compressing appends to what is there", "[records]") {
  for (const auto c : all_codecs) {
    byte_arena out;
    REQUIRE(compress(codec::none, as_bytes("front"), out));
    REQUIRE(compress(c, as_bytes("behind"), out));
    const auto all = out.freeze();
    CHECK(all.slice(0, 5).text() == "front");
    CHECK(decompress(c, all.slice(5, all.size()).view(), 100)->text() == "behind");
  }
}

TEST_CASE("output beyond the limit is refused, output at the limit is not", "[records]") {
  for (const auto c : all_codecs) {
    for (const std::size_t size : {1, 600, 100'000}) {
      INFO(to_string(c) << " " << size);
      const auto bytes = compressed(c, std::string(size, 'x'));
      CHECK(decompress(c, bytes.view(), size));
      CHECK(
        code_of(decompress(c, bytes.view(), size - 1)) == error_code::batch_too_large);
      CHECK(code_of(decompress(c, bytes.view(), 0)) == error_code::batch_too_large);
    }
  }
}

TEST_CASE("a bomb takes no more memory than the limit allows", "[records]") {
  const std::string zeros(64 * megabyte, '\0');
  for (const auto c : {codec::gzip, codec::snappy, codec::lz4, codec::zstd}) {
    INFO(to_string(c));
    const auto bytes = compressed(c, zeros);
    const allocation_counter allocations;
    CHECK(
      code_of(decompress(c, bytes.view(), 2 * megabyte)) == error_code::batch_too_large);
    // Twice the limit for a buffer that doubles, and as much again for its forerunners.
    CHECK(allocations.bytes() < 17 * megabyte);
  }
}

TEST_CASE("a claimed size alone takes no memory", "[records]") {
  // Raw snappy that claims 512 MiB, a zstd frame that claims 64 MiB; both hold nothing.
  const std::array<unsigned char, 6> snappy_claim{0x80, 0x80, 0x80, 0x80, 0x02, 0x00};
  const std::array<unsigned char, 14> zstd_claim{
    0x28, 0xB5, 0x2F, 0xFD, 0xA0, 0, 0, 0, 4, 1, 0, 0};
  const allocation_counter allocations;
  CHECK(
    code_of(decompress(codec::snappy, std::as_bytes(std::span{snappy_claim}), 1 << 30))
    == error_code::corrupt_message);
  CHECK(code_of(decompress(codec::zstd, std::as_bytes(std::span{zstd_claim}), 1 << 30))
    == error_code::corrupt_message);
  CHECK(allocations.bytes() < megabyte);
}

TEST_CASE("truncated and lengthened input is refused", "[records]") {
  for (const auto c : {codec::gzip, codec::snappy, codec::lz4, codec::zstd}) {
    const auto text = noise(500) + std::string(500, 'x');
    const auto bytes = compressed(c, text);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      const auto out = decompress(c, bytes.view().first(size), megabyte);
      INFO(to_string(c) << " " << size);
      // A cut between two of snappy-java's blocks, or before any zstd frame, shows only
      // in the records that are then missing.
      if (out)
        CHECK(out->size() < text.size());
      else
        CHECK(code_of(out) == error_code::corrupt_message);
    }
    std::string longer{bytes.text()};
    longer += "tail";
    CHECK(
      code_of(decompress(c, as_bytes(longer), megabyte)) == error_code::corrupt_message);
  }
}

TEST_CASE("no flipped bit does harm", "[records]") {
  for (const auto c : {codec::gzip, codec::snappy, codec::lz4, codec::zstd}) {
    const auto bytes = compressed(c, noise(50) + std::string(300, 'x'));
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      for (unsigned bit = 0; bit < 8; ++bit) {
        const auto out = decompress(
          c, changed(bytes, i, static_cast<std::byte>(1U << bit)).view(), 10'000);
        CHECK((!out || out->size() <= 10'000));
      }
    }
  }
}

TEST_CASE("unknown codecs are refused", "[records]") {
  byte_arena out;
  CHECK(compress(static_cast<codec>(5), {}, out).error().code
    == error_code::unsupported_compression_type);
  CHECK(code_of(decompress(static_cast<codec>(7), {}, 10))
    == error_code::unsupported_compression_type);
}

TEST_CASE("snappy is read raw and framed, and written framed", "[records]") {
  const auto text = noise(100) + std::string(100'000, 'x');
  std::string raw;
  snappy::Compress(text.data(), text.size(), &raw);
  CHECK(decompress(codec::snappy, as_bytes(raw), megabyte)->text() == text);
  const auto framed = compressed(codec::snappy, text);
  CHECK(framed.text().starts_with(std::string_view{"\x82SNAPPY\0\0\0\0\1\0\0\0\1", 16}));
  // Streams one behind the other, each with its header.
  const auto twice = joined({framed, framed});
  CHECK(decompress(codec::snappy, twice.view(), megabyte)->text() == text + text);
  // A version that nobody has defined.
  CHECK(
    code_of(decompress(codec::snappy, changed(framed, 15, std::byte{2}).view(), megabyte))
    == error_code::corrupt_message);
}

TEST_CASE("gzip is read over several members", "[records]") {
  const auto bytes =
    joined({compressed(codec::gzip, "one "), compressed(codec::gzip, "two")});
  CHECK(decompress(codec::gzip, bytes.view(), 100)->text() == "one two");
}

TEST_CASE("LZ4's old checksum is read where it may be, and written for v0", "[records]") {
  const auto text = noise(10) + std::string(1000, 'x');
  const auto standard = compressed(codec::lz4, text);
  const auto old = compressed(codec::lz4, text, std::nullopt, lz4_header::with_magic);
  CHECK(standard != old);
  const auto size = text.size();
  CHECK(decompress(codec::lz4, standard.view(), size)->text() == text);
  CHECK(decompress(codec::lz4, standard.view(), size, lz4_header::with_magic)->text()
    == text);
  CHECK(decompress(codec::lz4, old.view(), size, lz4_header::with_magic)->text() == text);
  CHECK(code_of(decompress(codec::lz4, old.view(), size)) == error_code::corrupt_message);
  // Neither one nor the other.
  const auto wrong = changed(old, 6, std::byte{0x55});
  CHECK(code_of(decompress(codec::lz4, wrong.view(), size, lz4_header::with_magic))
    == error_code::corrupt_message);

  builder_options options;
  options.compression = codec::lz4;
  const auto header_of = [&](int magic) {
    const auto set = *build(magic, vector_records(magic), options);
    const auto position = set.text().find("\x04\x22\x4D\x18");
    REQUIRE(position != std::string_view::npos);
    return std::string{set.text().substr(position, 7)};
  };
  // As in what Kafka itself writes: flags 60, block size 40, checksum.
  CHECK(header_of(0) == "\x04\x22\x4D\x18\x60\x40\x1A");
  CHECK(header_of(1) == "\x04\x22\x4D\x18\x60\x40\x82");
  CHECK(header_of(2) == "\x04\x22\x4D\x18\x60\x40\x82");
}

TEST_CASE("what a damaged frame leaves behind does not spoil the next one", "[records]") {
  // Most frames name no content size; this one does, and ends before it is reached.
  const std::string_view text = "a text that is long enough to be cut off";
  LZ4F_preferences_t preferences{};
  preferences.frameInfo.contentSize = text.size();
  std::vector<std::byte> sized(LZ4F_compressFrameBound(text.size(), &preferences));
  sized.resize(LZ4F_compressFrame(
    sized.data(), sized.size(), text.data(), text.size(), &preferences));
  REQUIRE(decompress(codec::lz4, sized, 1'000));
  const auto whole = compressed(codec::lz4, text);
  for (std::size_t size = 0; size != sized.size(); ++size) {
    CAPTURE(size);
    REQUIRE_FALSE(decompress(codec::lz4, std::span{sized}.first(size), 1'000));
    const auto next = decompress(codec::lz4, whole.view(), 1'000);
    REQUIRE(next);
    CHECK(next->text() == text);
  }
}
