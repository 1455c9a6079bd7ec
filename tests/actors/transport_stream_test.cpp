#include "transport_fixture.hpp"

#include <caf/actor_companion.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <cstring>
#include <latch>

using namespace cafka::testing;
using cafka::protocol::byte_view;
using cafka::protocol::error_code;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("pipelined frames of several threads come back in each thread's order") {
  constexpr std::uint32_t threads = 4;
  constexpr std::uint32_t each = 5'000;
  scripted_peer peer{scripted_peer::echoes()};
  transport_fixture f;
  wired_owner l{f, peer.address()};
  REQUIRE(l.box->wait_up());
  {
    std::vector<std::jthread> senders;
    for (std::uint32_t t = 0; t != threads; ++t)
      senders.emplace_back([&l, t] {
        for (std::uint32_t i = 0; i != each; ++i) {
          bytes payload(8 + i % 200);
          std::memcpy(payload.data(), &t, 4);
          std::memcpy(payload.data() + 4, &i, 4);
          l.send(payload);
        }
      });
  }
  REQUIRE(l.box->wait_frames(threads * each));
  std::vector<std::uint32_t> next(threads);
  bool ordered = true;
  for (const auto& frame : l.box->frames()) {
    std::uint32_t t = 0;
    std::uint32_t i = 0;
    std::memcpy(&t, frame.data(), 4);
    std::memcpy(&i, frame.data() + 4, 4);
    ordered = ordered && t < threads && next[t]++ == i && frame.size() == 8 + i % 200;
  }
  CHECK(ordered);
  CHECK(l.box->in_order());
}

TEST_CASE("frames of every size go out and come back whole") {
  scripted_peer peer{scripted_peer::echoes()};
  transport_fixture f;
  wired_owner l{f, peer.address()};
  REQUIRE(l.box->wait_up());
  const std::vector<std::size_t> sizes{0, 1, 3, 4, 16'383, 16'384, 65'531, 65'532, 65'533,
    65'535, 65'536, 65'537, 0, 0, 7, 5'000'000, 2};
  std::vector<bytes> sent;
  for (const auto size : sizes) {
    sent.push_back(pattern(size, static_cast<std::uint32_t>(size)));
    CHECK(l.send(sent.back()) == transport::send_status::queued);
  }
  REQUIRE(l.box->wait_frames(sizes.size()));
  const auto got = l.box->frames();
  for (std::size_t i = 0; i != sizes.size(); ++i)
    CHECK(std::ranges::equal(got[i].view(), sent[i]));
}

TEST_CASE("a frame of more pieces than one gather write takes arrives whole") {
  scripted_peer peer{scripted_peer::echoes()};
  transport_fixture f;
  wired_owner l{f, peer.address()};
  REQUIRE(l.box->wait_up());
  const auto payload = pattern(3'000 * 7);
  cafka::protocol::frame frame;
  const auto all = framed(payload);
  frame.size = all.size();
  for (std::size_t i = 0; i < all.size(); i += 7)
    frame.parts.push_back(cafka::protocol::shared_bytes::copy_of(
      byte_view{all}.subspan(i, std::min<std::size_t>(7, all.size() - i))));
  CHECK(l.wire->send(std::move(frame)) == transport::send_status::queued);
  REQUIRE(l.box->wait_frames(1));
  CHECK(std::ranges::equal(l.box->frames()[0].view(), payload));
}

TEST_CASE("frames that come together are told together") {
  bytes all;
  for (int i = 0; i != 100; ++i) {
    const auto one = framed(as_bytes(std::to_string(i)));
    all.insert(all.end(), one.begin(), one.end());
  }
  scripted_peer peer{[&](scripted_peer::session& s) {
    s.send(all);
    s.wait_until_closed();
  }};
  transport_fixture f;
  wired_owner l{f, peer.address()};
  REQUIRE(l.box->wait_frames(100));
  CHECK(l.box->frames()[99].text() == "99");
  CHECK(l.box->frame_messages() < 10);
}

TEST_CASE("a stream that comes byte by byte gives the same frames") {
  const auto first = framed(as_bytes("first"));
  const auto second = framed({});
  const auto third = framed(pattern(300));
  scripted_peer peer{[&](scripted_peer::session& s) {
    s.send_byte_by_byte(first);
    s.send_byte_by_byte(second);
    s.send_byte_by_byte(third);
    s.wait_until_closed();
  }};
  transport_fixture f;
  wired_owner l{f, peer.address()};
  REQUIRE(l.box->wait_frames(3));
  const auto got = l.box->frames();
  CHECK(got[0].text() == "first");
  CHECK(got[1].empty());
  CHECK(std::ranges::equal(got[2].view(), pattern(300)));
}

TEST_CASE("a stream cut in two at every byte gives the same frames") {
  bytes stream;
  for (const auto* text : {"one", "", "three", "four and more"}) {
    const auto one = framed(as_bytes(text));
    stream.insert(stream.end(), one.begin(), one.end());
  }
  // The second half leaves only once the first has been answered for by a round trip.
  scripted_peer peer{[&](scripted_peer::session& s) {
    for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
      s.send(byte_view{stream}.first(cut));
      s.read_frame();
      s.send(byte_view{stream}.subspan(cut));
    }
    s.wait_until_closed();
  }};
  transport_fixture f;
  wired_owner l{f, peer.address()};
  REQUIRE(l.box->wait_up());
  std::vector<std::string> want;
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    std::size_t whole = 0;
    for (std::size_t at = 0, i = 0; i != 4; ++i, ++whole) {
      at += 4 + std::array<std::size_t, 4>{3, 0, 5, 13}[i];
      if (at > cut)
        break;
    }
    REQUIRE(l.box->wait_frames(4 * cut + whole));
    l.send({});
    for (const auto* text : {"one", "", "three", "four and more"})
      want.emplace_back(text);
  }
  REQUIRE(l.box->wait_frames(want.size()));
  const auto got = l.box->frames();
  bool same = true;
  for (std::size_t i = 0; i != want.size(); ++i)
    same = same && got[i].text() == want[i];
  CHECK(same);
}

TEST_CASE("a peer that goes within a frame, at any byte, is told as gone, frames first") {
  const bool with_reset = GENERATE(false, true);
  const auto whole = framed(as_bytes("whole"));
  auto stream = whole;
  const auto cut_one = framed(pattern(20));
  stream.insert(stream.end(), cut_one.begin(), cut_one.end());
  scripted_peer peer{[&](scripted_peer::session& s) {
    const auto cut = s.number();
    s.send(byte_view{stream}.first(cut));
    if (with_reset) {
      // A reset may overtake what was sent before it, so the other side speaks first.
      s.read_frame();
      s.reset();
    }
  }};
  transport_fixture f;
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    wired_owner l{f, peer.address()};
    const std::size_t frames = cut < whole.size() ? 0 : cut < stream.size() ? 1 : 2;
    REQUIRE(l.box->wait_up());
    REQUIRE(l.box->wait_frames(frames));
    if (with_reset)
      l.send(as_bytes("go"));
    REQUIRE(l.box->wait_down());
    CHECK(l.box->reason().code == error_code::disconnected);
    CHECK_THAT(
      l.box->reason().detail, ContainsSubstring(to_string(peer.address()) + ": "));
    if (!with_reset) {
      const bool within = cut != 0 && cut != whole.size() && cut != stream.size();
      CHECK(l.box->reason().detail.ends_with("within a frame") == within);
    }
    CHECK(l.box->frame_count() == frames);
    CHECK(l.box->downs() == 1);
    CHECK(l.box->in_order());
    CHECK(l.send(as_bytes("late")) == transport::send_status::closed);
  }
}

TEST_CASE("a large frame that breaks off is told as gone") {
  const std::size_t sent = GENERATE(10u, 20'000u, 70'000u, 999'999u);
  const auto stream = framed(pattern(1'000'000));
  scripted_peer peer{
    [&](scripted_peer::session& s) { s.send(byte_view{stream}.first(sent)); }};
  transport_fixture f;
  wired_owner l{f, peer.address()};
  REQUIRE(l.box->wait_down());
  CHECK(l.box->reason().code == error_code::disconnected);
  CHECK(l.box->frame_count() == 0);
}

TEST_CASE("what the peer said before it went is delivered though sending fails") {
  std::latch io_thread_held{1};
  std::latch let_go{1};
  std::latch peer_gone{1};
  scripted_peer peer{[&](scripted_peer::session& s) {
    if (s.number() != 0) {
      s.wait_until_closed();
      return;
    }
    s.wait_for_release();
    s.send_frame(as_bytes("last words"));
    s.reset();
    peer_gone.count_down();
  }};
  transport_fixture f;
  wired_owner l{f, peer.address()};
  REQUIRE(l.box->wait_up());
  // What comes for this actor is taken in the thread that brings it: the I/O thread
  // stands still, and has not read the last words when sending fails.
  const auto holder = f.system.spawn<caf::actor_companion>();
  caf::actor_cast<caf::actor_companion*>(holder)->on_enqueue(
    [&](const caf::mailbox_element_ptr&) {
      io_thread_held.count_down();
      let_go.wait();
    });
  const auto other =
    f.factory.open(peer.address(), {}, caf::actor_cast<caf::weak_actor_ptr>(holder), 2);
  io_thread_held.wait();
  peer.release();
  peer_gone.wait();
  CHECK(l.send(pattern(10)) == transport::send_status::closed);
  let_go.count_down();
  REQUIRE(l.box->wait_down());
  CHECK(l.box->reason().code == error_code::disconnected);
  REQUIRE(l.box->frame_count() == 1);
  CHECK(l.box->frames()[0].text() == "last words");
  CHECK(l.box->in_order());
}

TEST_CASE("a length below zero or above the limit ends the connection") {
  const std::uint32_t size = GENERATE(1001u, 0x7fffffffu, 0x80000000u, 0xffffffffu);
  bytes prefix;
  for (int shift = 24; shift >= 0; shift -= 8)
    prefix.push_back(static_cast<std::byte>(size >> shift));
  scripted_peer peer{[&](scripted_peer::session& s) {
    s.send_frame(bytes(1000));
    s.send(prefix);
    s.wait_until_closed();
  }};
  transport_fixture f;
  wired_owner l{f, peer.address(), {.receive_message_max_bytes = 1000}};
  REQUIRE(l.box->wait_down());
  const bool negative = static_cast<std::int32_t>(size) < 0;
  CHECK(l.box->reason().code
    == (negative ? error_code::malformed_response : error_code::frame_too_large));
  CHECK_THAT(l.box->reason().detail,
    ContainsSubstring(std::to_string(static_cast<std::int32_t>(size))));
  CHECK((negative
    || l.box->reason().detail.find("receive_message_max_bytes is 1000")
      != std::string::npos));
  CHECK(l.box->frame_count() == 1);
  CHECK(peer.wait_for_sessions_ended());
}
