#include <cafka/supervision/place_index.hpp>

#include <catch2/catch_test_macros.hpp>

#include <map>
#include <random>
#include <string>
#include <vector>

using namespace cafka::supervision;

namespace {

constexpr auto nowhere = place_index::nowhere;

} // namespace

TEST_CASE("an index finds the places that were put into it, and no others") {
  place_index index;
  std::vector<std::string> names;
  const auto find = [&](const std::string& name) {
    return index.find(
      place_index::tag_of(name), [&](auto place) { return names[place] == name; });
  };
  CHECK(find("a") == nowhere);
  for (std::uint32_t i = 0; i < 1000; ++i) {
    names.push_back("name-" + std::to_string(i));
    index.insert(place_index::tag_of(names.back()), i);
  }
  CHECK(index.size() == 1000);
  for (std::uint32_t i = 0; i < 1000; ++i)
    CHECK(find(names[i]) == i);
  CHECK(find("name-1000") == nowhere);
  for (std::uint32_t i = 0; i < 1000; i += 2)
    CHECK(index.erase(place_index::tag_of(names[i]), i));
  CHECK_FALSE(index.erase(place_index::tag_of(names[0]), 0));
  for (std::uint32_t i = 0; i < 1000; ++i)
    CHECK(find(names[i]) == (i % 2 == 0 ? nowhere : i));
}

TEST_CASE("places with the same tag are told apart by what is there") {
  place_index index;
  for (std::uint32_t i = 0; i < 20; ++i)
    index.insert(7, i);
  for (std::uint32_t i = 0; i < 20; ++i)
    CHECK(index.find(7, [&](auto place) { return place == i; }) == i);
  CHECK(index.erase(7, 3));
  CHECK(index.find(7, [](auto place) { return place == 3; }) == nowhere);
  CHECK(index.find(7, [](auto place) { return place == 19; }) == 19);
}

TEST_CASE("an index agrees with a map through a random life") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    std::mt19937_64 random{seed};
    place_index index;
    std::map<std::uint64_t, std::uint32_t> expected;
    std::vector<std::uint64_t> keys(200);
    // Numbers in turn with gaps, as of actors.
    for (std::uint64_t number = 0; auto& key : keys)
      key = number += 1 + random() % 3;
    for (int step = 0; step < 2000; ++step) {
      // Tags that often agree, too.
      const auto at = static_cast<std::uint32_t>(random() % keys.size());
      const auto tag = seed % 2 == 0 ? place_index::tag_of(keys[at]) : at % 16;
      const auto is_it = [&](auto place) { return place == at; };
      const auto known = expected.contains(keys[at]);
      REQUIRE(index.find(tag, is_it) == (known ? at : nowhere));
      if (known) {
        REQUIRE(index.erase(tag, at));
        expected.erase(keys[at]);
      } else {
        index.insert(tag, at);
        expected.emplace(keys[at], at);
      }
      REQUIRE(index.size() == expected.size());
    }
  }
}
