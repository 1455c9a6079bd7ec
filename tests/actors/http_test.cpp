#include "http_peer.hpp"
#include "tls_peer.hpp"
#include <cafka/actors/transport/tls.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <atomic>
#include <thread>

using namespace cafka::testing;
using cafka::ssl_options;
using cafka::actors::asio_transport_factory;
using cafka::actors::http_options;
using cafka::actors::tls_context;
using cafka::protocol::error_code;
using cafka::protocol::secret;
using cafka::protocol::sasl::http_request;
using cafka::protocol::sasl::http_response;
using Catch::Matchers::ContainsSubstring;
using namespace std::chrono_literals;

namespace {

using outcome = cafka::protocol::result<http_response>;

http_request request_to(const cafka::protocol::endpoint& where, bool tls = false) {
  http_request r;
  r.to = {tls, where, "/token?x=1"};
  r.headers = {{"Accept", "application/json"}};
  r.authorization = "Basic aGlkZGVu";
  r.body = "grant_type=client_credentials";
  return r;
}

outcome ask(const http_request& r, const http_options& how = {}) {
  asio_transport_factory io;
  awaited<outcome> result;
  io.post_http(r, how, result.taker());
  return result.get();
}

/// What the request meets that asks a peer with this script.
outcome asked(scripted_peer::script script, const http_options& how = {}) {
  scripted_peer peer{std::move(script)};
  return ask(request_to(peer.address()), how);
}

/// A script that reads the request and sends this.
scripted_peer::script says(const std::string& text) {
  return [text](scripted_peer::session& s) {
    read_http(s);
    s.send(as_bytes(text));
    s.close();
  };
}

} // namespace

TEST_CASE("a POST is sent whole, and its answer comes back", "[http]") {
  std::promise<std::string> got;
  scripted_peer peer{[&](scripted_peer::session& s) {
    got.set_value(read_http(s));
    s.send(as_bytes(http_answer(400, R"({"error":"invalid_client"})")));
    s.wait_until_closed(); // It closes without being asked to.
  }};
  const auto answer = ask(request_to(peer.address()));
  INFO(to_string(answer.error()));
  REQUIRE(answer);
  CHECK(answer->status == 400);
  CHECK(answer->body.reveal() == R"({"error":"invalid_client"})");
  CHECK(got.get_future().get()
    == "POST /token?x=1 HTTP/1.1\r\nHost: " + to_string(peer.address())
      + "\r\nUser-Agent: cafka\r\nAccept: application/json\r\n"
        "Authorization: Basic aGlkZGVu\r\nContent-Length: 29\r\nConnection: close\r\n\r\n"
        "grant_type=client_credentials");
  CHECK(peer.wait_for_sessions_ended());
}

TEST_CASE("answers come in all the forms that HTTP has", "[http]") {
  const std::string start = "HTTP/1.1 200 OK\r\n";
  const auto text = GENERATE_COPY(start + "Content-Length: 5\r\n\r\nhello",
    start
      + "Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nA: b\r\n\r\n",
    start + "\r\nhello", // Up to the end of the connection.
    "HTTP/1.0 200 OK\r\n\r\nhello",
    "HTTP/1.1 100 Continue\r\n\r\n" + start + "Content-Length: 5\r\n\r\nhello",
    "HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 100 C\r\n\r\n" + start
      + "content-length: 5\r\n\r\nhellothere");
  CAPTURE(text);
  const bool in_bits = GENERATE(false, true);
  const auto answer = asked([&](scripted_peer::session& s) {
    read_http(s);
    if (in_bits)
      s.send_byte_by_byte(as_bytes(text));
    else
      s.send(as_bytes(text));
    s.close();
  });
  INFO(to_string(answer.error()));
  REQUIRE(answer);
  CHECK(answer->status == 200);
  CHECK(answer->body.reveal() == "hello");
}

TEST_CASE("an answer without a body, and a redirect, are answers like others", "[http]") {
  const auto none = asked(says("HTTP/1.1 204 None\r\n\r\n"));
  REQUIRE(none);
  CHECK(none->status == 204);
  CHECK(none->body.empty());
  std::atomic<int> connections = 0;
  const auto redirect = asked([&](scripted_peer::session& s) {
    ++connections;
    says("HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n")(s);
  });
  REQUIRE(redirect);
  CHECK(redirect->status == 302);
  CHECK(redirect->location == "/other");
  CHECK(connections == 1);
}

TEST_CASE("an answer that is not whole is an error", "[http]") {
  const auto text = GENERATE(as<std::string>{}, "", "HTTP/1.1 200 OK\r\nContent-Le",
    "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    "HTTP/1.1 100 Continue\r\n\r\n");
  CAPTURE(text);
  const auto answer = asked(says(text));
  REQUIRE_FALSE(answer);
  CHECK(answer.error().code == error_code::disconnected);
  const bool begun = text.starts_with("HTTP/1.1 200");
  CHECK_THAT(answer.error().detail,
    ContainsSubstring(begun ? "/token: closed by the peer within its answer"
                            : "/token: closed by the peer before any answer"));
}

TEST_CASE("an answer that never comes is given up at the deadline", "[http]") {
  http_options how;
  how.timeout = 100ms;
  const bool begins = GENERATE(false, true);
  const auto answer = asked(
    [begins](scripted_peer::session& s) {
      if (begins)
        s.send(as_bytes("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhe"));
      s.wait_until_closed();
    },
    how);
  REQUIRE_FALSE(answer);
  CHECK(answer.error().code == error_code::timed_out);
  CHECK_THAT(answer.error().detail, ContainsSubstring("/token: no answer within 100 ms"));
}

TEST_CASE("an answer that drips is given up at the deadline too", "[http]") {
  http_options how;
  how.timeout = 200ms;
  const auto answer = asked(
    [](scripted_peer::session& s) {
      s.send(as_bytes("HTTP/1.1 200 OK\r\nX: "));
      while (s.send(as_bytes("x")))
        std::this_thread::sleep_for(1ms); // The server's pace, not the test's.
    },
    how);
  REQUIRE_FALSE(answer);
  CHECK(answer.error().code == error_code::timed_out);
}

TEST_CASE("an answer that is too large is refused", "[http]") {
  http_options how;
  how.largest_body = 1'000;
  SECTION("as it says") {
    const auto answer =
      asked(says("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n"), how);
    REQUIRE_FALSE(answer);
    CHECK(answer.error().code == error_code::frame_too_large);
    CHECK_THAT(
      answer.error().detail, ContainsSubstring("its answer is larger than 1000 bytes"));
  }
  SECTION("as it comes") {
    const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    const auto endless = GENERATE_COPY(chunked, std::string{"HTTP/1.1 200 OK\r\n\r\n"});
    const auto answer = asked(
      [&](scripted_peer::session& s) {
        s.send(as_bytes(endless));
        const std::string chunk = "100\r\n" + std::string(256, 'x') + "\r\n";
        while (s.send(as_bytes(chunk)))
          ;
      },
      how);
    REQUIRE_FALSE(answer);
    CHECK(answer.error().code == error_code::frame_too_large);
  }
  SECTION("a thousand bytes are not") {
    const auto answer = asked(says(http_answer(200, std::string(1'000, 'x'))), how);
    INFO(to_string(answer.error()));
    CHECK(answer);
  }
  SECTION("in its header") {
    const auto answer = asked([](scripted_peer::session& s) {
      s.send(as_bytes("HTTP/1.1 200 OK\r\n"));
      while (s.send(as_bytes("X-More: " + std::string(1'000, 'x') + "\r\n")))
        ;
    });
    REQUIRE_FALSE(answer);
    CHECK(answer.error().code == error_code::malformed_response);
    CHECK_THAT(
      answer.error().detail, ContainsSubstring("header of its answer is larger"));
  }
}

TEST_CASE("what is not HTTP is said to be so", "[http]") {
  const auto text = GENERATE(as<std::string>{}, "SSH-2.0-OpenSSH_9.2\r\n",
    std::string("\x15\x03\x01\x00\x02\x02\x46", 7), "HTTP/1.1 OK\r\n\r\n");
  const auto answer = asked(says(text));
  REQUIRE_FALSE(answer);
  CHECK(answer.error().code == error_code::malformed_response);
  CHECK_THAT(answer.error().detail, ContainsSubstring("what it answers is not HTTP"));
  CHECK_THAT(answer.error().detail, ContainsSubstring("the URL begins with https://"));
}

TEST_CASE("a server that answers before it has read everything is heard", "[http]") {
  scripted_peer peer{[](scripted_peer::session& s) {
    s.send(as_bytes(http_answer(413, "too much")));
    s.wait_until_closed();
  }};
  auto r = request_to(peer.address());
  r.body = std::string(4 << 20, 'x');
  const auto answer = ask(r);
  INFO(to_string(answer.error()));
  REQUIRE(answer);
  CHECK(answer->status == 413);
}

TEST_CASE("no connection is an error with the address and the reason", "[http]") {
  const refusing_port port;
  const auto answer = ask(request_to(port.address()));
  REQUIRE_FALSE(answer);
  CHECK(answer.error().code == error_code::connection_failed);
  CHECK(answer.error().detail
    == "http://" + to_string(port.address()) + "/token: connection refused");
}

TEST_CASE("addresses of a name are tried one after the other", "[http]") {
  scripted_peer peer{says(http_answer(200, "hello"))};
  const cafka::actors::resolver two = [](const std::string&) {
    return cafka::protocol::result<std::vector<std::string>>{
      std::vector<std::string>{"127.0.0.2", "127.0.0.1"}};
  };
  asio_transport_factory io{1, two};
  awaited<outcome> result;
  io.post_http(request_to({"login.example", peer.port()}), {}, result.taker());
  const auto answer = result.get();
  INFO(to_string(answer.error()));
  REQUIRE(answer);
  CHECK(answer->body.reveal() == "hello");
}

TEST_CASE("I/O threads that stop end requests, and take no more", "[http]") {
  scripted_peer peer{scripted_peer::silent()};
  asio_transport_factory io;
  awaited<outcome> under_way;
  io.post_http(request_to(peer.address()), {}, under_way.taker());
  REQUIRE(peer.wait_for_accepted(1));
  io.stop(1s);
  CHECK(under_way.get().error().code == error_code::closed);
  awaited<outcome> later;
  io.post_http(request_to(peer.address()), {}, later.taker());
  CHECK(later.get().error().code == error_code::closed);
  CHECK_FALSE(io.run([] {}));
}

TEST_CASE("over TLS a POST is sent and answered", "[http][tls]") {
  const authority ca{"cafka test CA"};
  const scratch_folder files;
  const auto made =
    tls_context::make({.cacertfile = files.write("ca.crt", ca.certificate())});
  REQUIRE(made);
  http_options how;
  how.tls = *made;
  std::promise<std::string> got;
  std::promise<std::string> asked_for;
  SECTION("of whatever size") {
    const std::string body(GENERATE(5u, 700'000u), 'y');
    tls_peer peer{{ca.issue()}, [&](tls_session& s) {
                    asked_for.set_value(s.asked_name());
                    got.set_value(read_http(s));
                    s.send(as_bytes(http_answer(200, body)));
                    s.wait_until_closed();
                  }};
    auto r = request_to(peer.by_name(), true);
    r.body = std::string(100'000, 'x');
    const auto answer = ask(r, how);
    INFO(to_string(answer.error()));
    REQUIRE(answer);
    CHECK(answer->body.reveal() == body);
    CHECK(got.get_future().get().ends_with(r.body.reveal()));
    CHECK(asked_for.get_future().get() == "localhost");
  }
  SECTION("an end within the answer is an error") {
    tls_peer peer{{ca.issue()}, [](tls_session& s) {
                    read_http(s);
                    s.send(as_bytes("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello"));
                    s.say_end();
                  }};
    const auto answer = ask(request_to(peer.by_name(), true), how);
    REQUIRE_FALSE(answer);
    CHECK(answer.error().code == error_code::disconnected);
    CHECK_THAT(answer.error().detail,
      ContainsSubstring("/token: closed by the peer within its answer"));
  }
  SECTION("not with another host's certificate") {
    tls_peer peer{
      {ca.issue({.name = "x", .hosts = "DNS:other.example"})}, tls_peer::silent()};
    const auto answer = ask(request_to(peer.by_name(), true), how);
    REQUIRE_FALSE(answer);
    CHECK(answer.error().code == error_code::tls_failed);
    CHECK_THAT(answer.error().detail,
      ContainsSubstring("its certificate is for other.example and not for localhost: "
                        "name the server as the certificate does, or set server_name"));
  }
  SECTION("not with one that nobody vouches for") {
    const authority other{"another CA"};
    tls_peer peer{{other.issue()}, tls_peer::silent()};
    const auto answer = ask(request_to(peer.by_name(), true), how);
    REQUIRE_FALSE(answer);
    CHECK(answer.error().code == error_code::tls_failed);
    CHECK_THAT(answer.error().detail, ContainsSubstring("is signed by an unknown CA"));
  }
  SECTION("not with a port that does not speak it") {
    scripted_peer peer{[](scripted_peer::session& s) {
      s.send(as_bytes("HTTP/1.1 400 Bad Request\r\n\r\n"));
      s.wait_until_closed();
    }};
    const auto answer = ask(request_to(peer.address(), true), how);
    REQUIRE_FALSE(answer);
    CHECK(answer.error().code == error_code::tls_failed);
    CHECK_THAT(answer.error().detail, ContainsSubstring("its URL begins with http://"));
  }
}
