#include "tls_peer.hpp"
#include "transport_fixture.hpp"
#include <cafka/actors/transport/tls.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <array>
#include <atomic>
#include <cstring>
#include <netinet/in.h>
#include <poll.h>
#include <semaphore>
#include <sys/socket.h>

using namespace cafka::testing;
using cafka::ssl_options;
using cafka::actors::tls_context;
using cafka::protocol::byte_view;
using cafka::protocol::error_code;
using Catch::Matchers::ContainsSubstring;

namespace {

/// A CA, its file, and what trusts it.
struct trusted {
  authority ca{"cafka test CA"};
  scratch_folder files;
  std::string ca_file = files.write("ca.crt", ca.certificate());

  [[nodiscard]] ssl_options options() const { return {.cacertfile = ca_file}; }

  [[nodiscard]] transport_options transport(const ssl_options& ssl) const {
    auto made = tls_context::make(ssl);
    INFO(to_string(made.error()));
    REQUIRE(made);
    transport_options result;
    result.tls = *made;
    return result;
  }
  [[nodiscard]] transport_options transport() const { return transport(options()); }
};

/// Passes on what goes between this session and `real`: at most `most` bytes of those
/// that come from there, so many at a time, and the one at `lie` changed.
void relay(scripted_peer::session& client, const cafka::protocol::endpoint& real,
  std::size_t most, std::size_t at_a_time = 4096, std::size_t lie = SIZE_MAX) {
  const owned_fd server{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_port = htons(real.port);
  where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(
    ::connect(server.get(), reinterpret_cast<sockaddr*>(&where), sizeof where) == 0);
  bytes buffer(at_a_time);
  std::size_t passed = 0;
  while (passed < most) {
    std::array<pollfd, 2> fds{{{client.fd(), POLLIN, 0}, {server.get(), POLLIN, 0}}};
    if (::poll(fds.data(), fds.size(), 20'000) <= 0)
      return;
    if (fds[0].revents != 0) {
      const auto count = ::recv(client.fd(), buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (count <= 0
        || ::send(
             server.get(), buffer.data(), static_cast<std::size_t>(count), MSG_NOSIGNAL)
          != count)
        return;
    }
    if (fds[1].revents != 0) {
      const auto count = ::recv(server.get(), buffer.data(),
        std::min(buffer.size(), most - passed), MSG_DONTWAIT);
      if (count <= 0)
        return;
      const auto size = static_cast<std::size_t>(count);
      if (lie - passed < size)
        buffer[lie - passed] ^= std::byte{1};
      if (!client.send(byte_view{buffer}.first(size)))
        return;
      passed += size;
    }
  }
}

} // namespace

TEST_CASE("frames of every size go out and come back whole over TLS 1.2 and 1.3") {
  const int version = GENERATE(2, 3);
  trusted t;
  tls_peer peer{{.who = t.ca.issue(),
                  .min_version = version,
                  .max_version = version,
                  .socket = {.receive_buffer = 8192}},
    [&](tls_session& s) {
      CHECK(s.version() == (version == 2 ? "TLSv1.2" : "TLSv1.3"));
      tls_peer::echoes()(s);
    }};
  transport_fixture f;
  wired_owner l{f, peer.address(), t.transport()};
  REQUIRE(l.box->wait_up());
  const std::vector<std::size_t> sizes{0, 1, 3, 4, 16'379, 16'380, 16'381, 16'384, 65'532,
    65'536, 0, 0, 7, 10'000'000, 2, 3'000'000};
  std::vector<bytes> sent;
  for (const auto size : sizes) {
    sent.push_back(pattern(size, static_cast<std::uint32_t>(size)));
    CHECK(l.send(sent.back()) == transport::send_status::queued);
  }
  REQUIRE(l.box->wait_frames(sizes.size()));
  const auto got = l.box->frames();
  for (std::size_t i = 0; i != sizes.size(); ++i)
    CHECK(std::ranges::equal(got[i].view(), sent[i]));
  CHECK(l.box->in_order());
}

TEST_CASE("frames of several threads come back over TLS in each thread's order") {
  constexpr std::uint32_t threads = 4;
  constexpr std::uint32_t each = 2'000;
  trusted t;
  // Keys change meanwhile, now and then.
  tls_peer peer{{.who = t.ca.issue()}, [](tls_session& s) {
                  for (int i = 0; const auto frame = s.read_frame(); ++i) {
                    if (i % 500 == 0)
                      s.update_keys();
                    if (!s.send_frame(*frame))
                      return;
                  }
                }};
  transport_fixture f;
  wired_owner l{f, peer.address(), t.transport()};
  REQUIRE(l.box->wait_up());
  {
    std::vector<std::jthread> senders;
    for (std::uint32_t n = 0; n != threads; ++n)
      senders.emplace_back([&l, n] {
        for (std::uint32_t i = 0; i != each; ++i) {
          bytes payload(8 + i % 200 + (i % 100 == 0 ? 50'000 : 0));
          std::memcpy(payload.data(), &n, 4);
          std::memcpy(payload.data() + 4, &i, 4);
          l.send(payload);
        }
      });
  }
  REQUIRE(l.box->wait_frames(threads * each));
  std::vector<std::uint32_t> next(threads);
  bool ordered = true;
  for (const auto& frame : l.box->frames()) {
    std::uint32_t n = 0;
    std::uint32_t i = 0;
    std::memcpy(&n, frame.data(), 4);
    std::memcpy(&i, frame.data() + 4, 4);
    ordered = ordered && n < threads && next[n]++ == i;
  }
  CHECK(ordered);
  CHECK(l.box->in_order());
}

TEST_CASE("a frame of many small pieces arrives whole over TLS") {
  trusted t;
  tls_peer peer{{.who = t.ca.issue()}, tls_peer::echoes()};
  transport_fixture f;
  wired_owner l{f, peer.address(), t.transport()};
  REQUIRE(l.box->wait_up());
  const auto payload = pattern(9'000 * 7);
  cafka::protocol::frame frame;
  const auto all = framed(payload);
  frame.size = all.size();
  for (std::size_t i = 0; i < all.size(); i += 7) {
    frame.parts.push_back(cafka::protocol::shared_bytes::copy_of(
      byte_view{all}.subspan(i, std::min<std::size_t>(7, all.size() - i))));
    frame.parts.emplace_back(); // Nothing, which is a piece too.
  }
  CHECK(l.wire->send(std::move(frame)) == transport::send_status::queued);
  REQUIRE(l.box->wait_frames(1));
  CHECK(std::ranges::equal(l.box->frames()[0].view(), payload));
}

TEST_CASE("over TLS a full write queue says so, and keys may change while it is full") {
  const int version = GENERATE(2, 3);
  trusted t;
  std::binary_semaphore told{0};
  tls_peer peer{{.who = t.ca.issue(),
                  .min_version = version,
                  .max_version = version,
                  .socket = {.receive_buffer = 8192}},
    [&](tls_session& s) {
      // Our answer to these waits behind a record that does not fit the socket.
      if (version == 3)
        s.update_keys();
      s.send_frame(as_bytes("go"));
      s.under().wait_for_release();
      // And these are read while it waits.
      for (int i = 0; i != 3; ++i) {
        if (version == 3)
          s.update_keys();
        s.send_frame(as_bytes("on"));
      }
      static_cast<void>(told.try_acquire_for(20s));
      while (s.read_frame())
        s.send_frame({});
    }};
  transport_fixture f;
  auto options = t.transport();
  options.write_queue_limit = 1'000'000;
  wired_owner l{f, peer.address(), options};
  REQUIRE(l.box->wait_frames(1));
  const auto payload = pattern(50'000);
  std::size_t sent = 0;
  while (l.send(payload) == transport::send_status::queued)
    REQUIRE(++sent < 10'000);
  CHECK(l.send(payload) == transport::send_status::full);
  peer.peer().release();
  const auto all_told = l.box->wait_frames(4);
  told.release();
  REQUIRE(all_told);
  REQUIRE(l.box->wait_frames(4 + sent));
  CHECK(l.send(payload) == transport::send_status::queued);
  REQUIRE(l.box->wait_frames(5 + sent));
  const auto frames = peer.peer().frames();
  REQUIRE(frames.size() == sent + 1);
  CHECK(std::ranges::all_of(frames, [&](const bytes& got) { return got == payload; }));
}

TEST_CASE("over TLS nothing is read beyond the credit, and a grant resumes") {
  const std::size_t size = GENERATE(100u, 30'000u, 200'000u);
  constexpr std::size_t count = 100;
  trusted t;
  const auto payload = pattern(size);
  tls_peer peer{{.who = t.ca.issue()}, [&](tls_session& s) {
                  for (std::size_t i = 0; i != count; ++i)
                    s.send_frame(payload);
                  s.wait_until_closed();
                }};
  transport_fixture f;
  auto options = t.transport();
  options.read_credit = 10 * size;
  wired_owner l{f, peer.address(), options};
  for (std::size_t granted = 0; granted != count; ++granted) {
    const auto allowed = std::min(granted + 10, count);
    REQUIRE(l.box->wait_frames(allowed));
    CHECK(l.box->frame_count() == allowed);
    l.wire->grant(size);
  }
  CHECK(l.box->frame_count() == count);
}

TEST_CASE("a refused renegotiation does no harm") {
  trusted t;
  tls_peer peer{{.who = t.ca.issue(), .max_version = 2}, [](tls_session& s) {
                  s.read_frame();
                  s.ask_to_renegotiate();
                  s.send_frame(as_bytes("after"));
                  s.wait_until_closed();
                }};
  transport_fixture f;
  wired_owner l{f, peer.address(), t.transport()};
  REQUIRE(l.box->wait_up());
  l.send(as_bytes("before"));
  REQUIRE(l.box->wait_down());
  // OpenSSL's server does not go on after a refusal; no other handshake was made.
  CHECK(peer.peer().frames() == std::vector<bytes>{as_bytes("before")});
  CHECK((l.box->reason().code == error_code::disconnected
    || l.box->reason().code == error_code::tls_failed));
}

TEST_CASE("a peer that ends TLS, or is cut off, is told as gone, frames first") {
  const bool orderly = GENERATE(true, false);
  trusted t;
  tls_peer peer{{.who = t.ca.issue()}, [&](tls_session& s) {
                  s.send_frame(as_bytes("last words"));
                  if (orderly)
                    s.say_end();
                  s.under().close();
                }};
  transport_fixture f;
  wired_owner l{f, peer.address(), t.transport()};
  REQUIRE(l.box->wait_down());
  CHECK(l.box->reason().code == error_code::disconnected);
  CHECK(l.box->reason().detail == to_string(peer.address()) + ": closed by the peer");
  REQUIRE(l.box->frame_count() == 1);
  CHECK(l.box->frames()[0].text() == "last words");
  CHECK(l.box->in_order());
  CHECK(l.send({}) == transport::send_status::closed);
}

TEST_CASE("an end of TLS that waits behind frames without credit comes after them") {
  trusted t;
  tls_peer peer{{.who = t.ca.issue()}, [](tls_session& s) {
                  s.send_frame(pattern(1'000));
                  s.send_frame(pattern(2'000));
                  s.say_end();
                }};
  transport_fixture f;
  auto options = t.transport();
  options.read_credit = 1'000;
  wired_owner l{f, peer.address(), options};
  REQUIRE(l.box->wait_frames(1));
  CHECK(l.box->frame_count() == 1);
  l.wire->grant(1'000);
  REQUIRE(l.box->wait_frames(2));
  REQUIRE(l.box->wait_down());
  CHECK(l.box->reason().code == error_code::disconnected);
}

TEST_CASE("closing tells the peer that nothing more comes") {
  trusted t;
  std::atomic<bool> told{false};
  tls_peer peer{{.who = t.ca.issue()}, [&](tls_session& s) {
                  s.read_frame();
                  s.send_frame({});
                  s.wait_until_closed();
                  told = s.told_of_end();
                }};
  transport_fixture f;
  wired_owner l{f, peer.address(), t.transport()};
  REQUIRE(l.box->wait_up());
  l.send(as_bytes("hello"));
  REQUIRE(l.box->wait_frames(1));
  l.wire->close();
  CHECK(peer.peer().wait_for_sessions_ended());
  CHECK(told);
  CHECK(l.box->downs() == 0);
}

TEST_CASE("a peer that goes at any byte of the handshake is told as one that failed") {
  trusted t;
  tls_peer real{{.who = t.ca.issue()}, [](tls_session&) {}};
  transport_fixture f;
  std::size_t cut = 0;
  while (true) {
    INFO("after " << cut << " bytes");
    // In the middle, and lets so many bytes of the server's through.
    scripted_peer cutter{
      [&real, cut](scripted_peer::session& s) { relay(s, real.address(), cut); }};
    wired_owner l{f, cutter.address(), t.transport()};
    REQUIRE(l.box->wait_down());
    CHECK(l.box->downs() == 1);
    const auto reason = l.box->reason();
    if (reason.code == error_code::disconnected)
      break;
    CHECK(reason.code == error_code::tls_failed);
    CHECK_THAT(reason.detail,
      ContainsSubstring("by")
        && ContainsSubstring("peer during the TLS "
                             "handshake: see that it speaks TLS on this port"));
    cut += cut < 12 ? 1 : 61;
  }
  // The handshake has more bytes than that, and ends.
  CHECK(cut > 500);
  CHECK(cut < 5'000);
}

TEST_CASE("a peer that stops within the handshake ends by the timeout") {
  trusted t;
  scripted_peer peer{scripted_peer::silent()};
  transport_fixture f;
  auto options = t.transport();
  options.connect_timeout = 200ms;
  wired_owner l{f, peer.address(), options};
  REQUIRE(l.box->wait_down());
  CHECK(l.box->reason().code == error_code::timed_out);
  CHECK_THAT(l.box->reason().detail, ContainsSubstring("TLS handshake"));
  CHECK(l.box->messages() == 1);
}

TEST_CASE("a handshake that comes byte by byte succeeds") {
  const int version = GENERATE(2, 3);
  trusted t;
  tls_peer real{{.who = t.ca.issue(), .max_version = version}, tls_peer::echoes()};
  scripted_peer slow{
    [&](scripted_peer::session& s) { relay(s, real.address(), SIZE_MAX, 1); }};
  transport_fixture f;
  wired_owner l{f, slow.address(), t.transport()};
  REQUIRE(l.box->wait_up());
  l.send(pattern(2'000));
  REQUIRE(l.box->wait_frames(1));
  CHECK(std::ranges::equal(l.box->frames()[0].view(), pattern(2'000)));
}

TEST_CASE("a byte that was changed on the way ends the connection") {
  trusted t;
  tls_peer real{{.who = t.ca.issue()}, tls_peer::echoes()};
  scripted_peer liar{
    [&](scripted_peer::session& s) { relay(s, real.address(), SIZE_MAX, 4096, 40'000); }};
  transport_fixture f;
  wired_owner l{f, liar.address(), t.transport()};
  REQUIRE(l.box->wait_up());
  l.send(pattern(100'000));
  REQUIRE(l.box->wait_down());
  CHECK(l.box->reason().code == error_code::tls_failed);
  CHECK(l.box->frame_count() == 0);
}

TEST_CASE("a connection closed within its handshake says nothing") {
  trusted t;
  scripted_peer peer{scripted_peer::silent()};
  transport_fixture f;
  for (int round = 0; round != 20; ++round) {
    wired_owner l{f, peer.address(), t.transport()};
    if (round % 2 == 0)
      peer.wait_for_accepted(static_cast<std::size_t>(round) + 1);
    CHECK(l.send({}) == transport::send_status::closed);
    l.wire->close();
    CHECK(l.box->messages() == 0);
  }
  CHECK(peer.wait_for_sessions_ended());
}

TEST_CASE("a TLS connection closes under load from other threads") {
  trusted t;
  tls_peer peer{{.who = t.ca.issue()}, tls_peer::echoes()};
  transport_fixture f{2};
  const auto options = t.transport();
  for (int round = 0; round != 10; ++round) {
    wired_owner l{f, peer.address(), options};
    REQUIRE(l.box->wait_up());
    {
      std::vector<std::jthread> senders;
      for (int n = 0; n != 3; ++n)
        senders.emplace_back([&] {
          const auto payload = pattern(2'000);
          auto more = transport::send_status::queued;
          while (more != transport::send_status::closed) {
            more = l.send(payload);
            l.wire->grant(2'000);
          }
        });
      CHECK(l.box->wait_frames(100));
      l.wire->close();
    }
    CHECK(l.box->downs() == 0);
    CHECK(l.box->in_order());
  }
  CHECK(peer.peer().wait_for_sessions_ended());
}

TEST_CASE("stopping the factory ends TLS connections, and no descriptor stays open") {
  trusted t;
  const auto before = open_descriptors();
  {
    tls_peer peer{{.who = t.ca.issue()}, tls_peer::silent()};
    scripted_peer silent{scripted_peer::silent()};
    transport_fixture f;
    wired_owner up{f, peer.address(), t.transport()};
    wired_owner shaking{f, silent.address(), t.transport()};
    REQUIRE(up.box->wait_up());
    REQUIRE(silent.wait_for_accepted(1));
    f.factory.stop(5s);
    for (auto* l : {&up, &shaking}) {
      REQUIRE(l->box->wait_down());
      CHECK(l->box->reason().code == error_code::closed);
    }
    CHECK(peer.peer().wait_for_sessions_ended());
  }
  CHECK(open_descriptors() == before);
}

TEST_CASE("the name asked for is the broker's host, unless told; a number is none") {
  trusted t;
  std::mutex mutex;
  std::string asked = "-";
  tls_peer peer{{.who = t.ca.issue({.hosts = "DNS:localhost,DNS:*.example.com,"
                                             "IP:127.0.0.1"})},
    [&](tls_session& s) {
      {
        const std::lock_guard lock{mutex};
        asked = s.asked_name();
      }
      s.send_frame({});
      s.wait_until_closed();
    }};
  const auto asked_by = [&](
                          const cafka::protocol::endpoint& broker, ssl_options options) {
    transport_fixture f{
      1, [](const std::string&) { return std::vector<std::string>{"127.0.0.1"}; }};
    wired_owner l{f, broker, t.transport(options)};
    REQUIRE(l.box->wait_frames(1));
    const std::lock_guard lock{mutex};
    return asked;
  };
  CHECK(asked_by(peer.by_name(), t.options()) == "localhost");
  CHECK(asked_by({"kafka-1.example.com.", peer.peer().port()}, t.options())
    == "kafka-1.example.com");
  CHECK(asked_by(peer.address(), t.options()).empty());
  CHECK(asked_by({"[127.0.0.1]", peer.peer().port()}, t.options()).empty());
  auto named = t.options();
  named.server_name = "localhost";
  CHECK(asked_by({"elsewhere", peer.peer().port()}, named) == "localhost");
}

TEST_CASE("a client certificate is shown, its key in a file of its own or not, encrypted "
          "or not") {
  const int version = GENERATE(2, 3);
  trusted t;
  const authority between{"cafka test intermediate", t.ca};
  const auto client = between.issue({.name = "the client", .hosts = {}});
  std::mutex mutex;
  std::string seen;
  tls_peer peer{
    {.who = t.ca.issue(), .client_ca = t.ca.certificate(), .max_version = version},
    [&](tls_session& s) {
      {
        const std::lock_guard lock{mutex};
        seen = s.client_name();
      }
      s.send_frame({});
      s.wait_until_closed();
    }};
  auto options = t.options();
  SECTION("apart") {
    options.certfile = t.files.write("client.crt", client.certificate);
    options.keyfile = t.files.write("client.key", client.key);
  }
  SECTION("together") {
    options.certfile = t.files.write("client.pem", client.key + client.certificate);
  }
  SECTION("encrypted") {
    options.certfile = t.files.write("client.crt", client.certificate);
    options.keyfile = t.files.write("client.key", encrypted(client.key, "sesame"));
    options.password = "sesame";
  }
  transport_fixture f;
  wired_owner l{f, peer.address(), t.transport(options)};
  REQUIRE(l.box->wait_frames(1));
  const std::lock_guard lock{mutex};
  CHECK(seen == "the client");
}

TEST_CASE("certificates that were renewed are used by the next connection") {
  trusted t;
  const authority other{"another CA"};
  const auto first = t.ca.issue({.name = "first", .hosts = {}});
  const auto second = t.ca.issue({.name = "second", .hosts = {}});
  std::mutex mutex;
  std::vector<std::string> seen;
  tls_peer peer{
    {.who = t.ca.issue(), .client_ca = t.ca.certificate()}, [&](tls_session& s) {
      {
        const std::lock_guard lock{mutex};
        seen.push_back(s.client_name());
      }
      s.send_frame({});
      s.wait_until_closed();
    }};
  auto options = t.options();
  options.certfile = t.files.write("client.pem", first.certificate + first.key);
  const auto transport = t.transport(options);
  transport_fixture f;
  {
    wired_owner l{f, peer.address(), transport};
    REQUIRE(l.box->wait_frames(1));
  }
  t.files.write("client.pem", second.certificate + second.key);
  {
    wired_owner l{f, peer.address(), transport};
    REQUIRE(l.box->wait_frames(1));
  }
  {
    const std::lock_guard lock{mutex};
    CHECK(seen == std::vector<std::string>{"first", "second"});
  }
  // The broker moves to another CA: known once the file says so, and not before.
  peer.show(other.issue());
  {
    wired_owner l{f, peer.address(), transport};
    REQUIRE(l.box->wait_down());
    CHECK_THAT(l.box->reason().detail, ContainsSubstring("unknown CA (CN=another CA)"));
  }
  t.files.write("ca.crt", t.ca.certificate() + other.certificate());
  {
    wired_owner l{f, peer.address(), transport};
    REQUIRE(l.box->wait_frames(1));
  }
  t.files.write("client.pem", "");
  wired_owner l{f, peer.address(), transport};
  REQUIRE(l.box->wait_down());
  CHECK(l.box->reason().code == error_code::tls_failed);
  CHECK_THAT(l.box->reason().detail,
    ContainsSubstring("ssl_options.certfile = " + options.certfile)
      && ContainsSubstring("holds no certificate in PEM"));
}

TEST_CASE("a connection that is up is told once that its files were replaced") {
  trusted t;
  const auto first = t.ca.issue({.name = "first", .hosts = {}});
  const auto second = t.ca.issue({.name = "second", .hosts = {}});
  tls_peer peer{
    {.who = t.ca.issue(), .client_ca = t.ca.certificate()}, [&](tls_session& s) {
      while (const auto asked = s.read_frame())
        s.send_frame(*asked);
    }};
  auto options = t.options();
  options.certfile = t.files.write("client.pem", first.certificate + first.key);
  options.renewal_interval = 10ms;
  transport_fixture f;
  wired_owner l{f, peer.address(), t.transport(options)};
  auto goes_on = [&, count = std::size_t{0}]() mutable {
    REQUIRE(l.send(pattern(100)) == transport::send_status::queued);
    REQUIRE(l.box->wait_frames(++count));
  };
  REQUIRE(l.box->wait_up());
  // What cannot be used is no reason.
  t.files.write("client.pem", "");
  for (int i = 0; i != 20; ++i)
    goes_on();
  CHECK(l.box->outdated() == 0);
  t.files.write("client.pem", second.certificate + second.key);
  REQUIRE(l.box->wait_outdated());
  for (int i = 0; i != 20; ++i)
    goes_on();
  CHECK(l.box->outdated() == 1);
}
