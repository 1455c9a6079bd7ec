#include "transport_fixture.hpp"
#include <cafka/supervision/caf_compat.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>
#include <poll.h>
#include <sys/socket.h>

using namespace cafka::testing;
using cafka::actors::transport_progress;

namespace {

/// What has arrived of a frame with the piece of this number, its length left out.
std::size_t end_of(std::size_t i, std::size_t piece) {
  return (i + 1) * piece - sizeof(std::int32_t);
}

/// `count` pieces of one frame that never gets whole, the next when the owner was told of
/// the last.
scripted_peer::script dribble(
  std::size_t size, std::size_t piece, std::size_t count, std::shared_ptr<inbox> box) {
  return [=](scripted_peer::session& s) {
    auto rest = framed(pattern(size));
    for (std::size_t i = 0; i != count; ++i) {
      s.send(cafka::protocol::byte_view{rest}.subspan(i * piece, piece));
      if (!box->wait_received(end_of(i, piece)))
        return;
    }
    s.wait_until_closed();
  };
}

} // namespace

TEST_CASE("while a frame arrives its owner is told how much of it has") {
  // One that is copied together, and one that has a buffer of its own.
  const std::size_t size = GENERATE(10'000, 1'000'000);
  const auto box = std::make_shared<inbox>();
  scripted_peer peer{dribble(size, size / 10, 4, box)};
  transport_fixture f;
  const auto owner = f.owner(box);
  const auto wire = f.factory.open(peer.address(), {.progress_interval = 10ms},
    caf::actor_cast<caf::weak_actor_ptr>(owner), 1);
  const auto piece = size / 10;
  REQUIRE(box->wait_received(end_of(3, piece)));
  const auto all = box->progress();
  // A slow machine may read a piece in two goes; the owner is told of its end all the
  // same.
  for (std::size_t i = 0; i != 4; ++i) {
    CHECK(std::ranges::count(all, end_of(i, piece), &transport_progress::received) == 1);
    CHECK(all[i].expected == size);
  }
  CHECK(std::ranges::is_sorted(all, {}, &transport_progress::received));
  CHECK(box->frame_count() == 0);
  cafka::post_exit(owner, caf::exit_reason::user_shutdown);
}

TEST_CASE("a frame that is quick is not told of piece by piece") {
  scripted_peer peer{[](scripted_peer::session& s) {
    for (int i = 0; i != 20; ++i)
      s.send_frame(pattern(300'000));
    s.wait_until_closed();
  }};
  transport_fixture f;
  wired_owner l{f, peer.address(), {.progress_interval = 60s}};
  REQUIRE(l.box->wait_up());
  for (std::size_t i = 1; i != 21; ++i) {
    REQUIRE(l.box->wait_frames(i));
    l.wire->grant(300'000);
  }
  CHECK(l.box->progress().empty());
}

TEST_CASE("while a request leaves its owner is told so, and no longer") {
  constexpr std::size_t size = 8u << 20;
  std::atomic<std::size_t> read{0};
  scripted_peer peer{[&](scripted_peer::session& s) {
                       // As slow as the owner hears of it.
                       bytes piece(1 << 20);
                       while (read < size + 4 && s.ready(POLLIN)) {
                         const auto count = ::recv(s.fd(), piece.data(), piece.size(), 0);
                         if (count <= 0)
                           return;
                         read += static_cast<std::size_t>(count);
                         std::this_thread::yield();
                       }
                       s.wait_until_closed();
                     },
    {.receive_buffer = 4'096}};
  transport_fixture f;
  wired_owner l{f, peer.address(), {.progress_interval = 1ms}};
  REQUIRE(l.box->wait_up());
  CHECK(l.send(pattern(size)) == transport::send_status::queued);
  CHECK(l.box->wait_progress(2));
  const auto all = l.box->progress();
  CHECK(std::ranges::all_of(
    all, [](const transport_progress& p) { return p.received == 0 && p.expected == 0; }));
}

TEST_CASE("a peer that takes nothing is not told of as if it did") {
  scripted_peer peer{
    [](scripted_peer::session& s) { s.wait_for_release(); }, {.receive_buffer = 4'096}};
  transport_fixture f;
  wired_owner l{f, peer.address(), {.progress_interval = 1ms}};
  REQUIRE(l.box->wait_up());
  CHECK(l.send(pattern(32u << 20)) == transport::send_status::queued);
  // Buffers on the way fill up first.
  std::size_t before = 0;
  do {
    before = l.box->progress().size();
    std::this_thread::sleep_for(50ms);
  } while (l.box->progress().size() != before);
  CHECK(before < 100);
  peer.release();
}
