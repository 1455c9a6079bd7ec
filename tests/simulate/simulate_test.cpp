// The short form of `make simulate`.
#include "simulation.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <string>
#include <vector>

using namespace cafka::simulate;
using namespace std::chrono_literals;

namespace {

/// A seed that has found a fault, and how much of its life it takes.
struct finder {
  std::uint64_t seed = 0;
  int edition = 0;
  duration length{}; ///< Zero: all of it.
};

/// Each fault is mended: 41 and 405, records that waited for their topic got more time;
/// 319, a batch was taken for written because the one behind it was, by a leader that
/// knew neither; 354, a reader went back to a leader of old that reached no controller;
/// 53354, a broker to which connections were cut was taken for one of 0.8 ever after;
/// 100090, what followed from the answer of a broker that was apart came after all was
/// well; 1000325, a coordinator that no metadata has was looked for without a pause;
/// 1002899, a log that had lost its end knew of a producer less than what was left;
/// 1005351, a clock that jumped woke one that stood still; 2000724 and 2002226, a member
/// that was thrown out was thought to know it; 2001012, what an eager member had given up
/// was never released; 4001433, a worker that nobody wanted anything from did not
/// connect; 4003696, a member took a broker for one that knows no groups; 4009045, a log
/// that had lost all of a producer took a later batch first.
const std::vector<finder> that_found_something{{41, 1}, {319, 1}, {354, 1}, {405, 1},
  {53354, 2, 1s}, {100090, 2, 1s}, {1000325, 3, 1s}, {1002899, 3, 1s}, {1005351, 3, 1s},
  {2000724, 3, 1s}, {2001012, 3, 1s}, {2002226, 3, 1s}, {4001433, 3, 1s},
  {4003696, 3, 1s}, {4009045, 3, 1s}, {5004071, 3, 1s}};

void keeps_its_promises(
  std::uint64_t seed, int edition = latest_edition, duration length = {}) {
  const auto one = simulate({.seed = seed, .edition = edition, .length = length});
  INFO("cafka-simulate --seed " << seed << " --edition " << edition
                                << " --trace tells its story");
  if (one.broken)
    FAIL_CHECK("seed " << seed << ": " << *one.broken);
}

/// How many of some seeds notice it, and what the first said.
std::pair<int, std::string> noticed(defect wrong) {
  int all = 0;
  std::string first;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const auto one = simulate({.seed = seed, .wrong = wrong});
    if (!one.broken)
      continue;
    if (all++ == 0)
      first = *one.broken;
  }
  return {all, first};
}

} // namespace

TEST_CASE("whole clients keep their promises, whatever happens to them", "[simulate]") {
  for (std::uint64_t seed = 1; seed <= 100; ++seed)
    keeps_its_promises(
      seed, latest_edition, 20s); // One time of faults, and one of recovery.
}

TEST_CASE(
  "where nothing fails, members of groups come and go and lose nothing", "[simulate]") {
  // 214: what it had given up in order it was told to have lost.
  for (std::uint64_t seed = 205; seed <= 214; ++seed) {
    const auto one = simulate({.seed = seed, .length = 60s, .calm = true});
    INFO("cafka-simulate --seed " << seed << " --seconds 60 --calm --trace");
    if (one.broken)
      FAIL_CHECK("seed " << seed << ": " << *one.broken);
  }
}

TEST_CASE("what seeds have found stays mended", "[simulate]") {
  for (const auto& [seed, edition, length] : that_found_something)
    keeps_its_promises(seed, edition, length);
}

TEST_CASE("a seed has one story", "[simulate]") {
  for (const std::uint64_t seed : {7, 8, 9}) {
    std::vector<std::string> first;
    std::vector<std::string> second;
    const auto one =
      simulate({.seed = seed, .length = 2min, .story = [&](const std::string& line) {
                  first.push_back(line);
                }});
    const auto other =
      simulate({.seed = seed, .length = 2min, .story = [&](const std::string& line) {
                  second.push_back(line);
                }});
    CHECK(first.size() > 100);
    CHECK(first == second);
    // Whether it is told changes nothing.
    CHECK(simulate({.seed = seed, .length = 2min}).steps == one.steps);
    CHECK(other.lasted == one.lasted);
  }
}

TEST_CASE("a batch that is not handed out, or twice, is noticed", "[simulate]") {
  const auto [drops, why] = noticed(defect::drops);
  INFO(why);
  CHECK(drops >= 18);
  CHECK(why.find(" is next") != std::string::npos);
  const auto [doubles, words] = noticed(defect::doubles);
  INFO(words);
  CHECK(doubles >= 18);
  CHECK(words.find(" is next") != std::string::npos);
}
