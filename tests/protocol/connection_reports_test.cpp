#include <cafka/protocol/machines/connection_reports.hpp>
#include <cafka/protocol/machines/leader_moves.hpp>

#include <catch2/catch_test_macros.hpp>

using namespace cafka::protocol;
using namespace std::chrono_literals;

namespace {

struct bed {
  connection_reports reports;
  connection_reports::time_point now = connection_reports::time_point{} + 1h;

  bool failed(
    const std::string& why, const std::string& host = "b1", lane l = lane::normal) {
    return reports.failed(now, {host, 9092}, l, why);
  }

  /// How long trouble lasted that was told; nothing where nothing is to be told.
  std::optional<std::chrono::seconds> answered(
    const std::string& host = "b1", lane l = lane::normal) {
    const auto since = reports.answered(now, {host, 9092}, l);
    if (!since)
      return std::nullopt;
    return std::chrono::duration_cast<std::chrono::seconds>(now - *since);
  }
};

} // namespace

TEST_CASE("trouble with an address is told once, and once that it is over") {
  bed b;
  CHECK_FALSE(b.answered());
  CHECK(b.failed("refused"));
  CHECK(b.reports.any());
  for (int attempt = 0; attempt != 100; ++attempt) {
    b.now += 1s;
    CHECK_FALSE(b.failed("refused"));
  }
  CHECK(b.answered() == 100s);
  CHECK_FALSE(b.reports.any());
  CHECK_FALSE(b.answered());
  // Long after it is told again.
  b.now += connection_reports::quiet;
  CHECK(b.failed("refused"));
  CHECK(b.answered() == 0s);
}

TEST_CASE("each reason for the trouble is told once, and not without end") {
  bed b;
  CHECK(b.failed("lost"));
  CHECK(b.failed("refused"));
  CHECK_FALSE(b.failed("lost"));
  CHECK_FALSE(b.failed("refused"));
  int told = 0;
  for (int reason = 0; reason != 1'000; ++reason)
    told += b.failed("number " + std::to_string(reason)) ? 1 : 0;
  CHECK(told == 6);
}

TEST_CASE("addresses have their troubles apart") {
  bed b;
  CHECK(b.failed("refused", "b1"));
  CHECK(b.failed("refused", "b2"));
  b.now += 5s;
  CHECK(b.answered("b2") == 5s);
  CHECK(b.reports.any());
  CHECK(b.answered("b1") == 5s);
}

TEST_CASE("connections of other lanes that break with the first one are not told of") {
  bed b;
  CHECK(b.failed("lost"));
  CHECK_FALSE(b.failed("lost", "b1", lane::long_poll));
  CHECK_FALSE(b.failed("lost", "b1", lane::group));
  CHECK(b.answered() == 0s);
}

TEST_CASE("a lane that works does not end the trouble of another") {
  bed b;
  CHECK(b.failed("refused", "b1", lane::long_poll));
  for (int second = 0; second != 60; ++second) {
    b.now += 1s;
    CHECK_FALSE(b.answered("b1", lane::normal));
    CHECK_FALSE(b.failed("refused", "b1", lane::long_poll));
  }
  CHECK(b.answered("b1", lane::long_poll) == 60s);
}

TEST_CASE("trouble that comes and goes is told once in a while") {
  bed b;
  int told = 0;
  int over = 0;
  for (int second = 0; second != 100; ++second) {
    told += b.failed("lost") ? 1 : 0;
    over += b.answered() ? 1 : 0;
    b.now += 1s;
  }
  // Never quiet for long enough to be reports.
  CHECK(told == 1);
  CHECK(over == 1);
}

TEST_CASE("trouble that came back at once is told when it stays") {
  bed b;
  CHECK(b.failed("lost"));
  CHECK(b.answered());
  b.now += 1s;
  CHECK_FALSE(b.failed("lost"));
  // A new reason is told at any time.
  CHECK(b.failed("refused"));
  CHECK(b.answered() == 0s);
  b.now += 1s;
  CHECK_FALSE(b.failed("lost"));
  b.now += 5s;
  CHECK_FALSE(b.failed("lost"));
  b.now += 5s;
  CHECK(b.failed("lost"));
  CHECK_FALSE(b.failed("lost"));
  CHECK(b.answered() == 10s);
}

TEST_CASE("of very many addresses in trouble the first ones are told") {
  bed b;
  std::size_t told = 0;
  for (int host = 0; host != 20'000; ++host)
    told += b.failed("refused", "b" + std::to_string(host)) ? 1U : 0U;
  CHECK(told == connection_reports::most_told);
  CHECK_FALSE(b.answered("b19999"));
  // The places of those that are over are taken by others.
  CHECK(b.answered("b0") == 0s);
  CHECK_FALSE(b.failed("refused", "b19999"));
  b.now += connection_reports::quiet;
  CHECK(b.failed("refused", "b19999"));
}

TEST_CASE("a quota that makes the client pause is told when it begins and when it ends") {
  using enum connection_reports::quota_change;
  bed b;
  const auto paused = [&](
                        std::chrono::milliseconds time, const std::string& host = "b1") {
    return b.reports.paused(b.now, {host, 9092}, time);
  };
  CHECK(paused(0ms) == nothing);
  CHECK_FALSE(b.reports.any_pause());
  CHECK(paused(500ms) == begins);
  CHECK(b.reports.any_pause());
  CHECK(paused(20s, "b2") == begins);
  // A quota is used up and is free again from one answer to the next.
  for (int second = 0; second != 60; ++second) {
    b.now += 1s;
    CHECK(paused(second % 9 == 0 ? 500ms : 0ms) == nothing);
  }
  b.now += connection_reports::quiet;
  CHECK(paused(0ms) == ends);
  CHECK(paused(0ms) == nothing);
  CHECK(paused(0ms, "b2") == ends);
  CHECK_FALSE(b.reports.any_pause());
  CHECK(paused(1ms) == begins);
}

TEST_CASE("one line tells of all leaders that moved") {
  leader_moves moves;
  broker_id of_0 = leader_moves::never;
  broker_id of_1 = leader_moves::never;
  moves.note(of_0, -1, "t", 0);
  moves.note(of_0, 1, "t", 0);
  moves.note(of_1, 2, "t", 1);
  CHECK(moves.empty());
  moves.note(of_0, 1, "t", 0);
  CHECK(moves.empty());
  moves.note(of_0, 3, "t", 0);
  moves.note(of_1, -1, "t", 1);
  moves.note(of_1, -1, "t", 1);
  moves.note(of_1, 2, "t", 1);
  CHECK(moves.text()
    == "leader moved: t/0 from broker 1 to 3, t/1 from broker 2 to none, t/1 from none "
       "to "
       "2");
  for (int p = 0; p != 10; ++p) {
    broker_id told = 1;
    moves.note(told, 2, "many", p);
  }
  CHECK(moves.text()
    == "leader moved: t/0 from broker 1 to 3, t/1 from broker 2 to none, t/1 from none "
       "to "
       "2, many/0 from broker 1 to 2, many/1 from broker 1 to 2 and 8 more");
}
