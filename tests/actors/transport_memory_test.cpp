#include "transport_fixture.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <fstream>
#include <sys/resource.h>
#include <unistd.h>

// How a connection, and the others, behave when there is no memory.

using namespace cafka::testing;
using cafka::protocol::error_code;
using Catch::Matchers::ContainsSubstring;

// The sanitizers' own memory is none of the limit's business, and they end the process.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

namespace {

/// As long as it lives, the process gets so much more memory and not a byte beyond.
class memory_limit {
public:
  explicit memory_limit(std::size_t more) {
    ::getrlimit(RLIMIT_AS, &before_);
    std::size_t pages = 0;
    std::ifstream{"/proc/self/statm"} >> pages;
    auto limit = before_;
    limit.rlim_cur = pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) + more;
    ::setrlimit(RLIMIT_AS, &limit);
  }
  ~memory_limit() { ::setrlimit(RLIMIT_AS, &before_); }
  memory_limit(const memory_limit&) = delete;
  memory_limit& operator=(const memory_limit&) = delete;

private:
  rlimit before_{};
};

} // namespace

TEST_CASE("an answer that memory does not suffice for ends its connection alone") {
  const auto piece = pattern(1 << 20);
  scripted_peer peer{[&](scripted_peer::session& s) {
    if (s.read_frame()->size() == 1) {
      // 1,900,000,000 bytes, as far as they are taken.
      s.send(cafka::protocol::byte_view{
        bytes{std::byte{0x71}, std::byte{0x3f}, std::byte{0xb3}, std::byte{0x00}}});
      while (s.send(piece))
        ;
      return;
    }
    s.send_frame(as_bytes("fine"));
    s.wait_until_closed();
  }};
  transport_fixture f;
  wired_owner huge{f, peer.address()};
  wired_owner other{f, peer.address()};
  REQUIRE(huge.box->wait_up());
  REQUIRE(other.box->wait_up());
  bool down = false;
  {
    const memory_limit limit{96u << 20};
    huge.send(as_bytes("1"));
    down = huge.box->wait_down();
  }
  REQUIRE(down);
  CHECK(huge.box->reason().code == error_code::frame_too_large);
  CHECK_THAT(huge.box->reason().detail,
    ContainsSubstring("out of memory for an answer of 1900000000 bytes"));
  other.send(as_bytes("22"));
  CHECK(other.box->wait_frames(1));
  CHECK(other.box->downs() == 0);
}

#endif

TEST_CASE("what is announced and does not come costs nothing") {
  scripted_peer peer{[](scripted_peer::session& s) {
    // 2,000,000,000 bytes.
    s.send(cafka::protocol::byte_view{
      bytes{std::byte{0x77}, std::byte{0x35}, std::byte{0x94}, std::byte{0x00}}});
    s.wait_until_closed();
  }};
  const auto pages = [] {
    std::size_t all = 0;
    std::ifstream{"/proc/self/statm"} >> all;
    return all;
  };
  transport_fixture f;
  std::vector<std::unique_ptr<wired_owner>> owners;
  owners.push_back(std::make_unique<wired_owner>(f, peer.address()));
  REQUIRE(owners.front()->box->wait_up());
  const auto before = pages();
  for (int i = 0; i != 10; ++i) {
    transport_options how;
    how.progress_interval = 1ms;
    owners.push_back(std::make_unique<wired_owner>(f, peer.address(), how));
    REQUIRE(owners.back()->box->wait_up());
  }
  CHECK((pages() - before) * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE))
    < 1'000'000'000);
}

TEST_CASE("what does not begin as a broker's answer is told at once") {
  scripted_peer peer{[](scripted_peer::session& s) {
    s.send(as_bytes("HTTP/1.1 400 Bad Request\r\n\r\n"));
    s.wait_until_closed();
  }};
  transport_fixture f;
  wired_owner l{f, peer.address()};
  REQUIRE(l.box->wait_down());
  CHECK(l.box->reason().code == error_code::malformed_response);
  CHECK_THAT(l.box->reason().detail,
    ContainsSubstring("what answers there is no Kafka broker: it begins with \"HTTP\""));
}
