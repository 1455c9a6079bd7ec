#include <cafka/protocol/machines/fetch_pace.hpp>

#include <catch2/catch_test_macros.hpp>

using namespace cafka::protocol;
using namespace std::chrono_literals;

namespace {

/// An answer that was as large as it might be.
void answered(fetch_pace& p, std::size_t bytes, fetch_pace::duration took) {
  p.on_answer(bytes, bytes, took, 500ms, 1s);
}

} // namespace

TEST_CASE("on a fast way a few answers lead to as much as there is memory for") {
  fetch_pace p;
  int answers = 0;
  for (; p.limit() < 8 * 1024 * 1024; ++answers)
    answered(p, p.limit(), 1ms);
  CHECK(answers <= 2);
}

TEST_CASE("on a slow way as much is asked for as comes in the time for an answer") {
  fetch_pace p;
  for (int i = 0; i != 3; ++i)
    answered(p, p.limit(), std::chrono::milliseconds{1 + p.limit() / 200}); // 200 kB/s
  CHECK(p.limit() > 190'000);
  CHECK(p.limit() < 210'000);
  CHECK(p.bytes_per_second() > 190'000);
  SECTION("and less when it becomes slower") {
    answered(p, p.limit(), 10s);
    CHECK(p.limit() < 25'000);
  }
  SECTION("and more when it becomes faster") {
    answered(p, p.limit(), 10ms);
    CHECK(p.limit() > 3'000'000);
  }
  SECTION("and the same after answers with little, for which the broker waited") {
    p.on_answer(p.limit(), 100, 500ms, 500ms, 1s);
    p.on_answer(p.limit(), 0, 5s, 500ms, 1s);
    CHECK(p.limit() > 190'000);
  }
  SECTION("and less after an answer that was small, and slow nevertheless") {
    p.on_answer(p.limit(), 20'000, 10'500ms, 500ms, 1s);
    CHECK(p.limit() == 2'000);
  }
  SECTION("and not less because memory left room for little") {
    const auto before = p.limit();
    answered(p, 10'000, 1ms);
    CHECK(p.limit() >= before);
  }
}

TEST_CASE("a batch larger than was asked for shows the pace as well") {
  fetch_pace p;
  p.on_answer(p.limit(), 600'000, 20s, 500ms, 1s);
  CHECK(p.limit() == 30'000);
}

TEST_CASE("what was not answered is repeated smaller, down to a single byte") {
  fetch_pace p;
  for (int i = 0; i != 3; ++i)
    answered(p, p.limit(), 1ms);
  int smaller = 0;
  while (p.on_failure(8 * 1024 * 1024))
    REQUIRE(++smaller < 10);
  CHECK(smaller >= 3);
  CHECK(p.limit() == 1);
  answered(p, 1'000'000, 1s);
  CHECK(p.limit() == 1'000'000);
}
