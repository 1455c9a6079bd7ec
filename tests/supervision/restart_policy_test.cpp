#include <cafka/supervision/restart_policy.hpp>

#include <catch2/catch_test_macros.hpp>

using namespace cafka::supervision;
using namespace std::chrono_literals;

namespace {

constexpr restart_policy::time_point start{1000s};

} // namespace

TEST_CASE("the restart type and the way a child ended decide whether it is restarted") {
  using enum restart_type;
  using enum exit_class;
  using enum restart_action;
  struct row {
    restart_type type;
    exit_class how;
    restart_action action;
  };
  const row rows[] = {
    {permanent, normal, restart},
    {permanent, shutdown, restart},
    {permanent, killed, restart},
    {permanent, error, restart},
    {transient, normal, remove},
    {transient, shutdown, remove},
    {transient, killed, restart},
    {transient, error, restart},
    {temporary, normal, remove},
    {temporary, shutdown, remove},
    {temporary, killed, remove},
    {temporary, error, remove},
  };
  for (const auto& r : rows) {
    INFO(to_string(r.type) << " child, ended " << to_string(r.how));
    restart_policy policy{{}};
    CHECK(policy.on_exit(r.type, r.how, start) == r.action);
    CHECK(policy.restarts(start) == (r.action == restart ? 1 : 0));
  }
}

TEST_CASE("as many restarts as allowed happen and one more escalates") {
  for (std::size_t n : {1, 3, 10}) {
    restart_policy policy{{.max_restarts = n, .max_seconds = 60s}};
    for (std::size_t i = 1; i <= n; ++i) {
      CHECK(policy.on_exit(restart_type::permanent, exit_class::error, start)
        == restart_action::restart);
      CHECK(policy.restarts(start) == i);
    }
    CHECK(policy.on_exit(restart_type::permanent, exit_class::error, start)
      == restart_action::escalate);
    CHECK(policy.restarts(start) == n + 1);
  }
}

TEST_CASE("with no restart allowed the first failure escalates") {
  restart_policy policy{{.max_restarts = 0}};
  CHECK(policy.on_exit(restart_type::temporary, exit_class::error, start)
    == restart_action::remove);
  CHECK(policy.on_exit(restart_type::transient, exit_class::error, start)
    == restart_action::escalate);
}

TEST_CASE("a restart counts until it is older than the window, and on its edge still") {
  const restart_intensity one{.max_restarts = 1, .max_seconds = 5s};
  SECTION("exactly as old as the window") {
    restart_policy policy{one};
    policy.on_exit(restart_type::permanent, exit_class::error, start);
    CHECK(policy.on_exit(restart_type::permanent, exit_class::error, start + 5s)
      == restart_action::escalate);
  }
  SECTION("a nanosecond older") {
    restart_policy policy{one};
    policy.on_exit(restart_type::permanent, exit_class::error, start);
    CHECK(policy.on_exit(restart_type::permanent, exit_class::error, start + 5s + 1ns)
      == restart_action::restart);
    CHECK(policy.restarts(start + 5s + 1ns) == 1);
  }
}

TEST_CASE("the window slides: only the restarts that left it are forgotten") {
  restart_policy policy{{.max_restarts = 2, .max_seconds = 10s}};
  auto fail = [&](std::chrono::seconds at) {
    return policy.on_exit(restart_type::permanent, exit_class::killed, start + at);
  };
  CHECK(fail(0s) == restart_action::restart);
  CHECK(fail(8s) == restart_action::restart);
  CHECK(fail(11s) == restart_action::restart); // the first has left
  CHECK(policy.restarts(start + 11s) == 2);
  CHECK(fail(18s) == restart_action::escalate); // 8, 11, 18
}

TEST_CASE("a restart that failed counts like any other") {
  restart_policy policy{{.max_restarts = 2}};
  CHECK(policy.on_exit(restart_type::transient, exit_class::error, start)
    == restart_action::restart);
  CHECK(policy.on_retry(start) == restart_action::restart);
  CHECK(policy.on_retry(start) == restart_action::escalate);
}

TEST_CASE("children that are not restarted do not use up the intensity") {
  restart_policy policy{{.max_restarts = 1}};
  for (int i = 0; i < 100; ++i)
    policy.on_exit(restart_type::temporary, exit_class::error, start);
  CHECK(policy.restarts(start) == 0);
  CHECK(policy.on_exit(restart_type::permanent, exit_class::error, start)
    == restart_action::restart);
}

TEST_CASE("a look at the restarts sees the window as it is then") {
  restart_policy policy{{.max_restarts = 3, .max_seconds = 10s}};
  CHECK(policy.restarts(start) == 0);
  for (const auto at : {0s, 0s, 4s})
    policy.on_exit(restart_type::permanent, exit_class::error, start + at);
  CHECK(policy.restarts(start + 4s) == 3);
  CHECK(policy.restarts(start + 10s) == 3);
  CHECK(policy.restarts(start + 10s + 1ns) == 1);
  CHECK(policy.restarts(start + 15s) == 0);
}

TEST_CASE("the longest window there is forgets nothing") {
  restart_policy policy{{.max_restarts = 1, .max_seconds = std::chrono::seconds::max()}};
  CHECK(policy.on_exit(restart_type::permanent, exit_class::error, start)
    == restart_action::restart);
  const auto later = start + std::chrono::hours{24 * 365 * 100};
  CHECK(policy.restarts(later) == 1);
  CHECK(policy.on_exit(restart_type::permanent, exit_class::error, later)
    == restart_action::escalate);
}
