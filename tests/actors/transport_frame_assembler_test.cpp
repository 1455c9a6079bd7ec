#include "scripted_peer.hpp"
#include <cafka/actors/transport/frame_assembler.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>

using cafka::actors::frame_assembler;
using cafka::protocol::byte_view;
using cafka::protocol::shared_bytes;
using cafka::testing::bytes;
using cafka::testing::framed;
using step = frame_assembler::step;

namespace {

constexpr auto always = [](std::size_t) { return true; };

/// Feeds `stream` in pieces of at most `piece` bytes; the frames, and the last step.
struct fed {
  std::vector<shared_bytes> frames;
  step last = step::more;
};

template <class Admit>
fed feed(frame_assembler& a, byte_view stream, std::size_t piece, Admit&& admit) {
  fed result;
  while (true) {
    shared_bytes frame;
    while ((result.last = a.next(frame, admit)) == step::frame)
      result.frames.push_back(frame);
    if (result.last != step::more || stream.empty())
      return result;
    const auto space = a.space();
    REQUIRE_FALSE(space.empty());
    const auto count = std::min({piece, space.size(), stream.size()});
    std::memcpy(space.data(), stream.data(), count);
    a.filled(count);
    stream = stream.subspan(count);
  }
}

bytes prefix(std::uint32_t size) {
  bytes result;
  for (int shift = 24; shift >= 0; shift -= 8)
    result.push_back(static_cast<std::byte>(size >> shift));
  return result;
}

} // namespace

TEST_CASE("frames of every size come out of pieces of every size") {
  const std::size_t piece = GENERATE(1u, 3u, 4u, 5u, 1000u, 16'388u, 65'536u, 1u << 20);
  std::vector<bytes> sent;
  bytes stream;
  for (const std::size_t size : {0u, 1u, 3u, 4u, 100u, 16'383u, 16'384u, 16'385u, 65'531u,
         65'532u, 65'533u, 65'536u, 70'000u, 2u, 0u, 0u, 200'000u, 7u}) {
    bytes payload(size);
    for (std::size_t i = 0; i != size; ++i)
      payload[i] = static_cast<std::byte>(i * 31 + size);
    const auto f = framed(payload);
    stream.insert(stream.end(), f.begin(), f.end());
    sent.push_back(std::move(payload));
  }
  frame_assembler a{1 << 20};
  const auto got = feed(a, stream, piece, always);
  CHECK(got.last == step::more);
  CHECK_FALSE(a.within_frame());
  REQUIRE(got.frames.size() == sent.size());
  for (std::size_t i = 0; i != sent.size(); ++i)
    CHECK(std::ranges::equal(got.frames[i].view(), sent[i]));
}

TEST_CASE(
  "a length below zero or above the limit is refused before anything is admitted") {
  const std::uint32_t size = GENERATE(101u, 0x7fffffffu, 0x80000000u, 0xffffffffu);
  bool asked = false;
  frame_assembler a{100};
  const auto got = feed(a, prefix(size), 4, [&](std::size_t) {
    asked = true;
    return true;
  });
  CHECK(got.last == step::bad_length);
  CHECK(a.length() == static_cast<std::int32_t>(size));
  CHECK_FALSE(asked);
}

TEST_CASE("a frame of the very limit is taken") {
  frame_assembler a{100};
  const auto got = feed(a, framed(bytes(100)), 7, always);
  REQUIRE(got.frames.size() == 1);
  CHECK(got.frames[0].size() == 100);
}

TEST_CASE("a frame is admitted once, and one refused is asked for again") {
  const std::size_t size = GENERATE(0u, 10u, 20'000u, 100'000u);
  std::vector<std::size_t> asked;
  bool agree = false;
  const auto admit = [&](std::size_t n) {
    asked.push_back(n);
    return agree;
  };
  const auto stream = framed(bytes(size));
  frame_assembler a{1 << 20};
  CHECK(feed(a, byte_view{stream}.first(4), 1, admit).last == step::not_admitted);
  CHECK(feed(a, {}, 1, admit).last == step::not_admitted);
  agree = true;
  const auto got = feed(a, byte_view{stream}.subspan(4), 3, admit);
  REQUIRE(got.frames.size() == 1);
  CHECK(got.frames[0].size() == size);
  CHECK(asked == std::vector{size, size, size});
}

TEST_CASE("the end of the stream within a frame is seen at every byte") {
  const auto stream = framed(bytes(20'000));
  for (std::size_t cut = 0; cut < stream.size(); cut += cut < 10 ? 1 : 997) {
    frame_assembler a{1 << 20};
    feed(a, byte_view{stream}.first(cut), 4096, always);
    CHECK(a.within_frame() == (cut != 0));
  }
}

TEST_CASE("memory is taken for what has come, not for what was announced") {
  frame_assembler a{INT32_MAX};
  CHECK(feed(a, prefix(99'999'999), 1'000, always).last == step::more);
  CHECK(a.space().size() <= frame_assembler::trusted);
  // As much again as there is, each time it is full.
  std::size_t have = 0;
  for (int i = 0; i != 4; ++i) {
    const auto space = a.space();
    CHECK(space.size() <= std::max(have, frame_assembler::trusted));
    have += space.size();
    a.filled(space.size());
    shared_bytes frame;
    CHECK(a.next(frame, always) == step::more);
  }
}

TEST_CASE("a frame whose buffer has grown is whole, and the next one has room at once") {
  constexpr std::size_t size = 5'000'000;
  bytes payload(size);
  for (std::size_t i = 0; i != size; ++i)
    payload[i] = static_cast<std::byte>(i * 31 + i / 251);
  frame_assembler a{INT32_MAX};
  for (int round = 0; round != 2; ++round) {
    const auto result = feed(a, framed(payload), 300'000, always);
    REQUIRE(result.frames.size() == 1);
    CHECK(std::ranges::equal(result.frames[0].view(), payload));
  }
  CHECK(feed(a, prefix(size), 1'000, always).last == step::more);
  CHECK(a.space().size() == size);
}
