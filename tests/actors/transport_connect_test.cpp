#include "transport_fixture.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <latch>

using namespace cafka::testing;
using cafka::protocol::endpoint;
using cafka::protocol::error_code;
using Catch::Matchers::ContainsSubstring;
using clock_type = std::chrono::steady_clock;
using addresses = std::vector<std::string>;

TEST_CASE("a connection is up once the peer accepts, by number and by name") {
  const std::string host = GENERATE("127.0.0.1", "localhost", "[127.0.0.1]");
  scripted_peer peer{scripted_peer::silent()};
  transport_fixture f;
  wired_owner l{f, {host, peer.port()}};
  CHECK(l.box->wait_up());
  CHECK(peer.wait_for_accepted(1));
}

TEST_CASE("an IPv6 address may stand in brackets") {
  const std::string host = GENERATE("::1", "[::1]");
  scripted_peer peer{scripted_peer::echoes(), {.address = "::1"}};
  transport_fixture f;
  wired_owner l{f, {host, peer.port()}};
  REQUIRE(l.box->wait_up());
  CHECK(l.send(as_bytes("six")) == transport::send_status::queued);
  CHECK(l.box->wait_frames(1));
}

TEST_CASE("a refused connection is down with host, port and cause") {
  refusing_port port;
  transport_fixture f;
  wired_owner l{f, port.address()};
  REQUIRE(l.box->wait_down());
  CHECK(l.box->reason().code == error_code::connection_failed);
  CHECK(l.box->reason().detail == to_string(port.address()) + ": connection refused");
  CHECK(l.box->messages() == 1);
}

TEST_CASE("a name that does not resolve is down with the resolver's words") {
  transport_fixture f;
  // RFC 2606 keeps this name from ever existing.
  wired_owner l{f, {"no-such-broker.invalid", 9092}};
  REQUIRE(l.box->wait_down());
  CHECK(l.box->reason().code == error_code::connection_failed);
  CHECK_THAT(l.box->reason().detail, ContainsSubstring("no-such-broker.invalid:9092: "));
  CHECK(l.box->messages() == 1);
}

TEST_CASE("a name without an address is down") {
  transport_fixture f{1, [](const std::string&) { return addresses{}; }};
  wired_owner l{f, {"broker", 9092}};
  REQUIRE(l.box->wait_down());
  CHECK(l.box->reason().code == error_code::connection_failed);
}

TEST_CASE("nothing is sent before the connection is up") {
  unanswering_port port;
  transport_fixture f;
  wired_owner l{f, port.address()};
  CHECK(l.send(as_bytes("early")) == transport::send_status::closed);
}

TEST_CASE("a connection that nobody answers ends by the timeout") {
  unanswering_port port;
  transport_fixture f;
  const auto begin = clock_type::now();
  wired_owner l{f, port.address(), {.connect_timeout = 300ms}};
  REQUIRE(l.box->wait_down());
  CHECK(clock_type::now() - begin >= 300ms);
  CHECK(clock_type::now() - begin < 5s);
  CHECK(l.box->reason().code == error_code::timed_out);
  CHECK_THAT(l.box->reason().detail, ContainsSubstring(to_string(port.address())));
}

TEST_CASE("the next address is tried when one refuses") {
  scripted_peer peer{scripted_peer::silent()};
  transport_fixture f{1, [](const std::string&) {
                        return addresses{"127.0.0.2", "::1", "127.0.0.1"};
                      }};
  wired_owner l{f, {"broker", peer.port()}};
  CHECK(l.box->wait_up());
}

TEST_CASE("an address that swallows everything leaves time for the next") {
  scripted_peer peer{scripted_peer::silent()};
  unanswering_port hole{"127.0.0.2", peer.port()};
  transport_fixture f{1, [](const std::string&) {
                        return addresses{"127.0.0.2", "127.0.0.1"};
                      }};
  wired_owner l{f, {"broker", peer.port()}, {.connect_timeout = 2s}};
  CHECK(l.box->wait_up());
}

TEST_CASE("when all addresses fail, each is reported") {
  refusing_port port;
  const auto number = port.address().port;
  transport_fixture f{1, [](const std::string&) {
                        return addresses{"127.0.0.1", "127.0.0.2"};
                      }};
  wired_owner l{f, {"broker", number}};
  REQUIRE(l.box->wait_down());
  CHECK(l.box->reason().code == error_code::connection_failed);
  CHECK(l.box->reason().detail
    == "broker:" + std::to_string(number)
      + ": 127.0.0.1: connection refused, 127.0.0.2: connection refused");
}

TEST_CASE("a name that takes too long to resolve ends by the timeout") {
  std::latch give_up{1};
  transport_fixture f{1, [&](const std::string&) {
                        give_up.wait();
                        return addresses{"127.0.0.1"};
                      }};
  wired_owner l{f, {"broker", 9092}, {.connect_timeout = 50ms}};
  const auto down = l.box->wait_down();
  give_up.count_down();
  REQUIRE(down);
  CHECK(l.box->reason().code == error_code::timed_out);
  f.factory.stop(20s);
  CHECK(l.box->messages() == 1);
}

TEST_CASE("a look-up does not hold up another connection") {
  std::latch give_up{1};
  scripted_peer peer{scripted_peer::silent()};
  transport_fixture f{1, [&](const std::string& host) {
                        if (host == "slow")
                          give_up.wait();
                        return addresses{"127.0.0.1"};
                      }};
  wired_owner slow{f, {"slow", peer.port()}};
  wired_owner quick{f, {"quick", peer.port()}};
  const auto up = quick.box->wait_up();
  give_up.count_down();
  CHECK(up);
  CHECK(slow.box->wait_up());
}

TEST_CASE("a connection closed while it is being made says nothing") {
  const bool by_name = GENERATE(false, true);
  std::latch closed{1};
  unanswering_port port;
  transport_fixture f{1, [&](const std::string&) {
                        closed.wait();
                        return addresses{"127.0.0.1"};
                      }};
  wired_owner l{
    f, {by_name ? "broker" : "127.0.0.1", port.address().port}, {.connect_timeout = 1s}};
  l.wire->close();
  closed.count_down();
  f.factory.stop(20s);
  CHECK(l.box->messages() == 0);
}
