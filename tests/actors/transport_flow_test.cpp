#include "transport_fixture.hpp"
#include <cafka/supervision/caf_compat.hpp>

#include <caf/event_based_actor.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <atomic>
#include <latch>

using namespace cafka::testing;
using cafka::protocol::error_code;
using clock_type = std::chrono::steady_clock;

TEST_CASE("a full write queue says so, and takes frames again once the peer reads") {
  constexpr std::size_t limit = 1'000'000;
  std::atomic<std::size_t> read{0};
  scripted_peer peer{[&](scripted_peer::session& s) {
                       s.wait_for_release();
                       while (const auto frame = s.read_frame()) {
                         ++read;
                         s.send_frame({});
                       }
                     },
    {.receive_buffer = 8192}};
  transport_fixture f;
  wired_owner l{f, peer.address(), {.write_queue_limit = limit}};
  REQUIRE(l.box->wait_up());
  const auto payload = pattern(50'000);
  std::size_t sent = 0;
  while (l.send(payload) == transport::send_status::queued)
    REQUIRE(++sent < 10'000);
  CHECK(l.send(payload) == transport::send_status::full);
  peer.release();
  REQUIRE(l.box->wait_frames(sent));
  CHECK(l.send(payload) == transport::send_status::queued);
  REQUIRE(l.box->wait_frames(sent + 1));
  const auto frames = peer.frames();
  REQUIRE(frames.size() == sent + 1);
  CHECK(std::ranges::all_of(frames, [&](const bytes& got) { return got == payload; }));
}

TEST_CASE("a frame above the write queue's limit is taken when nothing waits") {
  scripted_peer peer{[](scripted_peer::session& s) {
                       s.wait_for_release();
                       while (s.read_frame())
                         s.send_frame({});
                     },
    {.receive_buffer = 8192}};
  transport_fixture f;
  wired_owner l{f, peer.address(), {.write_queue_limit = 1000}};
  REQUIRE(l.box->wait_up());
  const auto payload = pattern(20'000'000);
  CHECK(l.send(payload) == transport::send_status::queued);
  CHECK(l.send(pattern(1)) == transport::send_status::full);
  peer.release();
  REQUIRE(l.box->wait_frames(1));
  CHECK(peer.frames()[0] == payload);
}

TEST_CASE("nothing is read beyond the credit, and a grant resumes") {
  const std::size_t size = GENERATE(100u, 30'000u, 200'000u);
  constexpr std::size_t count = 200;
  const auto payload = pattern(size);
  scripted_peer peer{[&](scripted_peer::session& s) {
    for (std::size_t i = 0; i != count; ++i)
      s.send_frame(payload);
    // All frames are on their way or held back by now.
    s.wait_until_closed();
  }};
  transport_fixture f;
  wired_owner l{f, peer.address(), {.read_credit = 10 * size}};
  std::size_t granted = 0;
  while (granted != count) {
    const auto allowed = std::min(granted + 10, count);
    REQUIRE(l.box->wait_frames(allowed));
    CHECK(l.box->frame_count() == allowed);
    l.wire->grant(size);
    ++granted;
  }
  CHECK(l.box->frame_count() == count);
  CHECK(l.box->in_order());
}

TEST_CASE("a frame larger than the credit comes when no other is held") {
  scripted_peer peer{[&](scripted_peer::session& s) {
    s.send_frame(pattern(10));
    s.send_frame(pattern(100'000));
    s.send_frame(pattern(20));
    s.wait_until_closed();
  }};
  transport_fixture f;
  wired_owner l{f, peer.address(), {.read_credit = 1000}};
  REQUIRE(l.box->wait_frames(1));
  CHECK(l.box->frame_count() == 1);
  l.wire->grant(9);
  CHECK(l.box->frame_count() == 1);
  l.wire->grant(1);
  REQUIRE(l.box->wait_frames(2));
  CHECK(l.box->frames()[1].size() == 100'000);
  CHECK(l.box->frame_count() == 2);
  l.wire->grant(100'000);
  REQUIRE(l.box->wait_frames(3));
}

TEST_CASE("without credit the peer is stopped by its own full buffers") {
  std::atomic<std::size_t> written{0};
  std::latch stuck{1};
  scripted_peer peer{[&](scripted_peer::session& s) {
    const auto payload = pattern(100'000);
    // Far more than socket buffers hold.
    for (int i = 0; i != 1'000 && s.send_frame(payload); ++i)
      ++written;
  }};
  transport_fixture f;
  wired_owner l{f, peer.address(), {.read_credit = 1}};
  REQUIRE(l.box->wait_frames(1));
  CHECK(l.box->frame_count() == 1);
  CHECK(written < 1'000);
  // One by one, all of them come.
  for (std::size_t i = 1; i != 1'000; ++i) {
    l.wire->grant(100'000);
    REQUIRE(l.box->wait_frames(i + 1));
  }
  CHECK(l.box->frame_count() == 1'000);
}

TEST_CASE("no message is posted after close has returned") {
  scripted_peer peer{scripted_peer::echoes()};
  transport_fixture f{2};
  for (int round = 0; round != 200; ++round) {
    wired_owner l{f, peer.address()};
    REQUIRE(l.box->wait_up());
    for (int i = 0; i != 50; ++i)
      l.send(pattern(100));
    l.wire->close();
    // What was posted before arrives before this; nothing may follow it.
    cafka::post(l.owner, cafka::actors::transport_down{1, {}});
    REQUIRE(l.box->wait_down());
    CHECK(l.send(pattern(1)) == transport::send_status::closed);
    const auto box = l.box;
    l.wire.reset();
    CHECK(box->in_order());
    CHECK(box->downs() == 1);
  }
  CHECK(peer.wait_for_sessions_ended());
}

TEST_CASE("a connection closes under load from other threads") {
  const bool by_destructor = GENERATE(false, true);
  scripted_peer peer{scripted_peer::echoes()};
  transport_fixture f{2};
  for (int round = 0; round != 20; ++round) {
    wired_owner l{f, peer.address()};
    REQUIRE(l.box->wait_up());
    std::atomic<int> sent{0};
    {
      std::vector<std::jthread> senders;
      for (int t = 0; t != 3; ++t)
        senders.emplace_back([&] {
          const auto payload = pattern(2'000);
          for (auto more = transport::send_status::queued;
               more != transport::send_status::closed; ++sent) {
            more = l.send(payload);
            l.wire->grant(2'000);
          }
        });
      CHECK(l.box->wait_frames(100));
      l.wire->close();
    }
    if (by_destructor)
      l.wire.reset();
    CHECK(sent > 100);
    CHECK(l.box->downs() == 0);
    CHECK(l.box->in_order());
  }
  CHECK(peer.wait_for_sessions_ended());
}

TEST_CASE("a connection whose owner died closes at its next message") {
  // More than one: CAF may still hold the dead owner for a moment when the first comes.
  scripted_peer peer{[](scripted_peer::session& s) {
    s.read_frame();
    while (s.send_frame({}))
      ;
  }};
  transport_fixture f;
  wired_owner l{f, peer.address()};
  REQUIRE(l.box->wait_up());
  cafka::post_exit(l.owner, caf::exit_reason::kill);
  l.owner = nullptr;
  f.system.await_all_actors_done();
  l.send({});
  CHECK(peer.wait_for_sessions_ended());
}

TEST_CASE("an owner that dies with its connection leaves nothing open") {
  scripted_peer peer{scripted_peer::echoes()};
  transport_fixture f;
  for (int round = 0; round != 50; ++round) {
    auto box = std::make_shared<inbox>();
    auto owner = f.owner(box);
    auto wire =
      f.factory.open(peer.address(), {}, caf::actor_cast<caf::weak_actor_ptr>(owner), 1);
    REQUIRE(box->wait_up());
    wire->send(frame_of(pattern(100)));
    cafka::post_exit(owner, caf::exit_reason::kill);
    owner = nullptr;
    wire.reset();
  }
  CHECK(peer.wait_for_sessions_ended());
}

TEST_CASE("stopping the factory ends all connections and tells their owners") {
  scripted_peer peer{scripted_peer::silent()};
  unanswering_port hole;
  transport_fixture f{2};
  wired_owner up{f, peer.address()};
  wired_owner other{f, peer.address()};
  wired_owner connecting{f, hole.address()};
  REQUIRE(up.box->wait_up());
  REQUIRE(other.box->wait_up());
  f.factory.stop(5s);
  for (auto* l : {&up, &other, &connecting}) {
    REQUIRE(l->box->wait_down());
    CHECK(l->box->reason().code == error_code::closed);
    CHECK(l->box->in_order());
    CHECK(l->send({}) == transport::send_status::closed);
    l->wire->grant(1);
    l->wire->close();
  }
  CHECK(peer.wait_for_sessions_ended());
  wired_owner late{f, peer.address()};
  REQUIRE(late.box->wait_down());
  CHECK(late.box->reason().code == error_code::closed);
  CHECK(late.box->messages() == 1);
}

TEST_CASE("stopping does not wait longer than its deadline for a look-up") {
  auto give_up = std::make_shared<std::latch>(1);
  auto ended = std::make_shared<std::latch>(1);
  // One that has not begun is dropped.
  auto begun = std::make_shared<std::latch>(1);
  {
    transport_fixture f{1, [=](const std::string&) {
                          begun->count_down();
                          give_up->wait();
                          ended->count_down();
                          return std::vector<std::string>{"127.0.0.1"};
                        }};
    wired_owner l{f, {"broker", 9092}};
    begun->wait();
    const auto begin = clock_type::now();
    f.factory.stop(50ms);
    CHECK(clock_type::now() - begin < 5s);
    CHECK(l.box->wait_down());
    CHECK(l.box->messages() == 1);
  }
  give_up->count_down();
  ended->wait();
}

TEST_CASE("a connection may outlive its factory") {
  scripted_peer peer{scripted_peer::silent()};
  caf::actor_system_config config;
  auto f = std::make_unique<transport_fixture>();
  auto box = std::make_shared<inbox>();
  auto owner = f->owner(box);
  auto factory = std::make_unique<cafka::actors::asio_transport_factory>();
  auto wire =
    factory->open(peer.address(), {}, caf::actor_cast<caf::weak_actor_ptr>(owner), 1);
  REQUIRE(box->wait_up());
  factory.reset();
  CHECK(box->wait_down());
  CHECK(wire->send(frame_of({})) == transport::send_status::closed);
  wire.reset();
  cafka::post_exit(owner, caf::exit_reason::kill);
}

TEST_CASE("no descriptor stays open") {
  const auto before = open_descriptors();
  {
    scripted_peer peer{scripted_peer::echoes()};
    refusing_port refused;
    unanswering_port hole;
    transport_fixture f;
    for (int round = 0; round != 20; ++round) {
      wired_owner echo{f, peer.address()};
      wired_owner failed{f, refused.address()};
      wired_owner pending{f, hole.address()};
      wired_owner timed_out{f, hole.address(), {.connect_timeout = 1ms}};
      REQUIRE(echo.box->wait_up());
      echo.send(pattern(10));
      CHECK(echo.box->wait_frames(1));
      CHECK(failed.box->wait_down());
      CHECK(timed_out.box->wait_down());
    }
  }
  CHECK(open_descriptors() == before);
}

namespace {

struct last_word {
  explicit last_word(std::shared_ptr<std::latch> l) : gone(std::move(l)) {}
  ~last_word() { gone->count_down(); }
  std::shared_ptr<std::latch> gone;
};

struct everything {
  explicit everything(std::shared_ptr<std::latch> gone) : farewell(std::move(gone)) {}
  // Declared first, so that it speaks when all else is gone.
  last_word farewell;
  cafka::actors::asio_transport_factory factory;
  std::unique_ptr<transport> wire;
};

} // namespace

TEST_CASE("an owner may end in the I/O thread and take the factory with it") {
  scripted_peer peer{[](scripted_peer::session& s) {
    s.send_frame({});
    s.wait_until_closed();
  }};
  transport_fixture f;
  for (int round = 0; round != 20; ++round) {
    const auto gone = std::make_shared<std::latch>(1);
    auto all = std::make_shared<everything>(gone);
    const auto owner =
      f.system.spawn([all](caf::event_based_actor* self) -> caf::behavior {
        return {
          [](const cafka::actors::transport_up&) {},
          [self, all](const cafka::actors::transport_frames&) { self->quit(); },
          [](const cafka::actors::transport_down&) {},
        };
      });
    all->wire = all->factory.open(
      peer.address(), {}, caf::actor_cast<caf::weak_actor_ptr>(owner), 1);
    all.reset();
    // The handle stays: an actor that nobody knows would end for that.
    gone->wait();
  }
  CHECK(peer.wait_for_sessions_ended());
}
