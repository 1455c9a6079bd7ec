#include "transport_fixture.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <atomic>
#include <latch>
#include <stdexcept>

using namespace cafka::testing;
using cafka::actors::lookup_threads;
using cafka::actors::numeric_address;
using cafka::actors::system_resolver;
using cafka::protocol::error_code;
using Catch::Matchers::ContainsSubstring;
using clock_type = std::chrono::steady_clock;
using addresses = std::vector<std::string>;

namespace {

/// Counts what it is told, for a test to wait on.
struct tally {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<lookup_threads::found> told;

  std::function<void(const lookup_threads::found&)> note() {
    return [this](const lookup_threads::found& f) {
      const std::lock_guard lock{mutex};
      told.push_back(f);
      changed.notify_all();
    };
  }

  bool wait(std::size_t count) {
    std::unique_lock lock{mutex};
    return changed.wait_for(lock, 20s, [&] { return told.size() >= count; });
  }
};

} // namespace

TEST_CASE("a few threads look up many names") {
  std::atomic<int> at_once{0};
  std::atomic<int> most{0};
  const auto resolve = [&](const std::string& host) {
    const int now = ++at_once;
    int before = most;
    while (before < now && !most.compare_exchange_weak(before, now))
      ;
    std::this_thread::yield();
    --at_once;
    return addresses{host};
  };
  tally t;
  lookup_threads threads{{.working = 3}};
  for (int i = 0; i != 500; ++i)
    CHECK_FALSE(threads.look_up(
      "host" + std::to_string(i), resolve, clock_type::now() + 20s, t.note()));
  CHECK(t.wait(500));
  CHECK(most <= 3);
  threads.wait(clock_type::now() + 20s);
}

TEST_CASE("look-ups of one host are one, and its result is told to all") {
  std::latch let_go{1};
  std::atomic<int> calls{0};
  const auto resolve = [&](const std::string&) {
    ++calls;
    let_go.wait();
    return addresses{"127.0.0.1"};
  };
  tally t;
  lookup_threads threads;
  for (int i = 0; i != 20; ++i)
    CHECK_FALSE(threads.look_up("kafka", resolve, clock_type::now() + 20s, t.note()));
  let_go.count_down();
  CHECK(t.wait(20));
  CHECK(calls == 1);
  threads.wait(clock_type::now() + 20s);
}

TEST_CASE("look-ups that hang do not keep the others waiting for ever") {
  std::latch let_go{1};
  const auto resolve = [&](const std::string& host) {
    if (host.starts_with("hangs"))
      let_go.wait();
    return addresses{"127.0.0.1"};
  };
  tally hung;
  tally t;
  lookup_threads threads{{.working = 2, .all = 4, .slow = 1ms}};
  for (int i = 0; i != 2; ++i)
    CHECK_FALSE(threads.look_up(
      "hangs" + std::to_string(i), resolve, clock_type::now() + 20s, hung.note()));
  // A caller is told by its own deadline meanwhile, and asks again.
  while (t.told.empty()) {
    CHECK_FALSE(threads.look_up("quick", resolve, clock_type::now() + 20s, t.note()));
    std::this_thread::sleep_for(2ms);
    const std::lock_guard lock{t.mutex};
    if (!t.told.empty())
      break;
  }
  CHECK(hung.told.empty());
  let_go.count_down();
  CHECK(hung.wait(2));
  threads.wait(clock_type::now() + 20s);
}

TEST_CASE("what nobody waits for any more is not looked up") {
  std::latch let_go{1};
  std::atomic<int> late{0};
  const auto resolve = [&](const std::string& host) {
    if (host == "first")
      let_go.wait();
    else if (host == "late")
      ++late;
    return addresses{"127.0.0.1"};
  };
  tally t;
  lookup_threads threads{{.working = 1}};
  const auto soon = clock_type::now() + 20s;
  CHECK_FALSE(threads.look_up("first", resolve, soon, t.note()));
  CHECK_FALSE(threads.look_up("late", resolve, clock_type::now(), t.note()));
  CHECK_FALSE(threads.look_up("last", resolve, soon, t.note()));
  let_go.count_down();
  CHECK(t.wait(2));
  CHECK(late == 0);
  threads.wait(clock_type::now() + 20s);
}

TEST_CASE("a resolver that throws fails that look-up alone") {
  transport_fixture f{1, [](const std::string& host) -> addresses {
                        if (host == "broken")
                          throw std::bad_alloc{};
                        return {"127.0.0.1"};
                      }};
  scripted_peer peer{scripted_peer::silent()};
  wired_owner broken{f, {"broken", peer.port()}};
  wired_owner fine{f, {"fine", peer.port()}};
  REQUIRE(broken.box->wait_down());
  CHECK(broken.box->reason().code == error_code::connection_failed);
  CHECK(fine.box->wait_up());
}

TEST_CASE("a host name with a zero byte is looked up nowhere") {
  const std::string host{"127.0.0.1\0.example.com", 21};
  CHECK_FALSE(numeric_address(host, 9092));
  CHECK(system_resolver(host).error().code == error_code::invalid_argument);
  CHECK(
    cafka::protocol::parse_endpoint(host).error().code == error_code::invalid_argument);
  std::atomic<int> calls{0};
  transport_fixture f{1, [&](const std::string&) {
                        ++calls;
                        return addresses{"127.0.0.1"};
                      }};
  wired_owner l{f, {host, 9092}};
  REQUIRE(l.box->wait_down());
  CHECK(l.box->reason().code == error_code::invalid_argument);
  CHECK(calls == 0);
}
