#include <cafka/protocol/machines/backoff.hpp>

#include <catch2/catch_test_macros.hpp>

#include <random>

using namespace cafka::protocol;
using std::chrono::milliseconds;

namespace {

std::minstd_rand random_source{7};

} // namespace

TEST_CASE("without jitter a backoff doubles up to its maximum", "[machines]") {
  const backoff_options options{milliseconds{50}, milliseconds{1'000}, 0};
  const int expected[] = {50, 100, 200, 400, 800, 1'000, 1'000};
  std::uint32_t failures = 0;
  for (const auto wait : expected)
    CHECK(backoff(options, ++failures, random_source) == milliseconds{wait});
  CHECK(backoff(options, 4'000'000'000, random_source) == milliseconds{1'000});
}

TEST_CASE("jitter spreads a backoff over its whole range and no further", "[machines]") {
  const backoff_options options{milliseconds{100}, milliseconds{1'000}, 0.2};
  auto least = milliseconds::max();
  auto most = milliseconds::zero();
  for (int i = 0; i < 2'000; ++i) {
    const auto wait = backoff(options, 2, random_source);
    least = std::min(least, wait);
    most = std::max(most, wait);
  }
  CHECK(least >= milliseconds{160});
  CHECK(least < milliseconds{165});
  CHECK(most <= milliseconds{240});
  CHECK(most > milliseconds{235});
}

TEST_CASE("a backoff is never nothing, even where it is set to zero", "[machines]") {
  const backoff_options zero{milliseconds{0}, milliseconds{0}, 0.2};
  const backoff_options small{milliseconds{1}, milliseconds{1}, 1.0};
  for (int i = 0; i < 200; ++i) {
    CHECK(backoff(zero, 1, random_source) >= milliseconds{1});
    CHECK(backoff(small, 1, random_source) >= milliseconds{1});
  }
}

TEST_CASE("an initial backoff above the maximum is cut to it", "[machines]") {
  const backoff_options options{milliseconds{500}, milliseconds{100}, 0};
  CHECK(backoff(options, 1, random_source) == milliseconds{100});
}

TEST_CASE(
  "a backoff follows from its generator alone, with any standard library", "[machines]") {
  const backoff_options options{milliseconds{1'000}, milliseconds{1'000}, 0.2};
  std::minstd_rand generator{1};
  CHECK(backoff(options, 1, generator) == milliseconds{800});
  CHECK(backoff(options, 1, generator) == milliseconds{834});
  CHECK(backoff(options, 1, generator) == milliseconds{1'041});
}
