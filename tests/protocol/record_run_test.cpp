#include "allocation_counter.hpp"
#include "record_fixture.hpp"
#include <cafka/protocol/records/batch_order.hpp>
#include <cafka/protocol/records/record_run.hpp>

#include <catch2/generators/catch_generators.hpp>

#include <algorithm>
#include <random>

using namespace record_fixture;

namespace {

/// A batch of `count` records from `base` on; their values are their offsets.
shared_bytes numbered(
  std::int64_t base, int count, builder_options options = {}, seal_options seal = {}) {
  options.base_offset = base;
  batch_builder builder{options};
  for (int i = 0; i < count; ++i) {
    const auto value = std::to_string(base + i);
    REQUIRE(builder.append(std::nullopt, as_bytes(value), at(1'000 + i)));
  }
  return *builder.seal(seal);
}

std::vector<seen> walk(const record_run& run) {
  std::vector<seen> all;
  for (const auto& x : run)
    all.push_back({x.offset.value(), x.time_type, x.copy()});
  return all;
}

/// What a run makes of bytes, and what it was told of damage.
struct run_reading {
  std::vector<seen> records;
  error failed;
  std::size_t damages = 0;
};

run_reading run_over(const shared_bytes& bytes, read_options options = {}) {
  run_reading result;
  record_run run;
  run.when_damaged([&](std::int32_t, const error&) { ++result.damages; });
  result.failed = run.read(bytes, 0, {}, options);
  result.records = walk(run);
  return result;
}

} // namespace

TEST_CASE("a run sees of Kafka's own batches what the batch reader sees", "[records]") {
  for (const auto& vector : record_vectors) {
    INFO(vector.name);
    const auto bytes = vector_of(vector.name);
    const auto expected = read_all(bytes);
    const auto r = run_over(bytes);
    CHECK(r.failed.code == error_code::none);
    CHECK(r.damages == 0);
    if (expected.batches.front().control) {
      CHECK(r.records.empty());
      continue;
    }
    REQUIRE(r.records.size() == expected.records.size());
    for (std::size_t i = 0; i != r.records.size(); ++i)
      CHECK(r.records[i] == expected.records[i]);
  }
}

TEST_CASE(
  "records of every shape are the same by the short way and the long", "[records]") {
  std::mt19937_64 random{5};
  const auto size = [&] {
    constexpr std::array sizes{0, 1, 7, 63, 64, 65, 100, 8'191, 8'192, 1 << 20, 1 << 21};
    return static_cast<std::size_t>(sizes[random() % sizes.size()] + random() % 2);
  };
  for (int round = 0; round != 60; ++round) {
    std::vector<record> records;
    for (int i = 0; i != 20; ++i) {
      record r;
      if (random() % 2 == 0)
        r.key = std::string(size() % 9'000, 'k');
      if (random() % 4 != 0)
        r.value = std::string(i == 7 ? size() : size() % 9'000, 'v');
      if (random() % 5 == 0)
        r.headers = {{"h", "x"}, {"", std::nullopt}};
      r.time = at(static_cast<std::int64_t>(random() % (1ULL << (random() % 62))));
      records.push_back(std::move(r));
    }
    builder_options options;
    options.max_size = INT32_MAX;
    const auto bytes = *build(2, records, options);
    const auto r = run_over(bytes);
    REQUIRE(r.records.size() == records.size());
    for (std::size_t i = 0; i != records.size(); ++i) {
      CHECK(r.records[i].content == records[i]);
      CHECK(r.records[i].offset == static_cast<std::int64_t>(i));
    }
    CHECK(r.damages == 0);
  }
}

TEST_CASE(
  "a run goes through batches of any format and codec, from its offset on", "[records]") {
  for (const auto magic : {0, 1, 2}) {
    for (const auto c : codecs_of(magic)) {
      INFO("v" << magic << ' ' << static_cast<int>(c));
      builder_options options;
      options.compression = c;
      std::vector<record> records;
      for (int i = 0; i != 50; ++i)
        records.push_back({.value = std::to_string(i), .time = at(5)});
      const auto one = *build(magic, records, options);
      record_run run;
      CHECK(run.read(one, 0, {}, {}).code == error_code::none);
      CHECK(walk(run).size() == 50);
      CHECK(run.size() == 50);
      CHECK((run.decompressed() > 0) == (c != codec::none));
    }
  }
  const auto all = joined({numbered(5, 3), numbered(8, 2), numbered(20, 3)});
  record_run run;
  CHECK(run.read(all, 7, {}, {}).code == error_code::none);
  const auto seen = walk(run);
  REQUIRE(seen.size() == 6);
  CHECK(run.size() == 6);
  CHECK(seen.front().offset == 7);
  CHECK(seen.back().offset == 22);
  CHECK(run.next_offset() == log_offset{23});
}

TEST_CASE("a run leaves out what was aborted, and what is control", "[records]") {
  const seal_options by_7{
    .producer_id = 7, .producer_epoch = 0, .base_sequence = 0, .transactional = true};
  auto marker = by_7;
  marker.control = true;
  builder_options options;
  options.base_offset = 4;
  batch_builder abort{options};
  const std::string key(4, '\0');
  REQUIRE(
    abort.append(as_bytes(key), as_bytes(std::string_view{"\0\0\0\0\0\0", 6}), at(1)));
  const auto all = joined({numbered(0, 2, {}, by_7), numbered(2, 2), *abort.seal(marker),
    numbered(5, 1, {}, by_7)});
  record_run run;
  CHECK(run.read(all, 0, {{7, 0}}, {}).code == error_code::none);
  const auto seen = walk(run);
  REQUIRE(seen.size() == 3);
  CHECK(seen[0].offset == 2);
  CHECK(seen[2].offset == 5);
  record_run aborted;
  CHECK(aborted.read(numbered(0, 2, {}, by_7), 0, {{7, 0}}, {}).code == error_code::none);
  CHECK(aborted.empty());
  CHECK(aborted.next_offset() == log_offset{2});
}

TEST_CASE("damage is an error if nothing came before it, and left for later if something "
          "did",
  "[records]") {
  const auto bad = changed(numbered(3, 3), 70, std::byte{1});
  record_run first;
  CHECK(first.read(bad, 3, {}, {}).code == error_code::corrupt_message);
  CHECK(first.next_offset() == log_offset{3});
  record_run second;
  CHECK(second.read(joined({numbered(0, 3), bad}), 0, {}, {}).code == error_code::none);
  CHECK(second.next_offset() == log_offset{3});
  record_run cut;
  const auto whole = numbered(0, 3);
  CHECK(cut.read(whole.slice(0, whole.size() - 1), 0, {}, {}).code
    == error_code::message_too_large);
}

TEST_CASE(
  "a malformed record ends its batch, is told, and the walk goes on", "[records]") {
  auto bad = numbered(3, 30);
  bad = changed(bad, 61 + 40, std::byte{0x7f});
  record_run run;
  std::int32_t left_out = 0;
  std::string why;
  run.when_damaged([&](std::int32_t n, const error& e) {
    left_out += n;
    why = e.detail;
  });
  const auto all = joined({numbered(0, 3), bad, numbered(33, 2)});
  REQUIRE(run.read(all, 0, {}, {.check_crcs = false}).code == error_code::none);
  const auto seen = walk(run);
  CHECK(left_out > 0);
  CHECK(why.find("batch at offset 3") != std::string::npos);
  CHECK(seen.size() + static_cast<std::size_t>(left_out) == 35);
  CHECK(seen.back().offset == 34);
}

TEST_CASE("whatever is damaged, a run reads no byte that is not there", "[records]") {
  for (const auto& vector : record_vectors) {
    const auto bytes = vector_of(vector.name);
    const auto expected = read_all(bytes);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      for (unsigned bit = 0; bit < 8; ++bit) {
        // In a buffer of its own size, for the sanitizers.
        const auto damaged = changed(bytes, i, static_cast<std::byte>(1U << bit));
        const auto r = run_over(damaged);
        if (r.failed.code == error_code::none && r.damages == 0
          && r.records.size() == expected.records.size()) {
          for (std::size_t k = 0; k < r.records.size(); ++k)
            CHECK(r.records[k].content == expected.records[k].content);
        }
        const auto unchecked =
          run_over(damaged, {.check_crcs = false, .max_decompressed_bytes = 100'000});
        const auto same =
          read_all(damaged, {.check_crcs = false, .max_decompressed_bytes = 100'000});
        // Batches that go back are a run's business alone.
        batch_order order;
        const auto all = std::ranges::none_of(same.batches, [&](const batch_info& b) {
          return b.control || order.check(b).code != error_code::none;
        });
        if (unchecked.failed.code == error_code::none && same.ok() && all)
          CHECK(unchecked.records.size() == same.records.size());
      }
    }
  }
}

TEST_CASE("noise in a batch without a checksum does no harm to a run", "[records]") {
  std::mt19937_64 random{11};
  std::size_t damages = 0;
  for (int round = 0; round < 20'000; ++round) {
    auto bytes = numbered(0, 1 + static_cast<int>(random() % 20));
    std::vector<std::byte> copy{bytes.view().begin(), bytes.view().end()};
    for (auto hits = random() % 4 + 1; hits-- > 0;)
      copy[61 + random() % (copy.size() - 61)] = static_cast<std::byte>(random());
    damages +=
      run_over(shared_bytes::from(std::move(copy)), {.check_crcs = false}).damages;
  }
  CHECK(damages > 1'000);
}

TEST_CASE("a part of a run has its records from an offset on, and no more than asked for",
  "[records]") {
  builder_options how;
  how.compression = GENERATE(codec::none, codec::lz4);
  const auto bytes =
    joined({numbered(100, 40, how), numbered(150, 1, how), numbered(151, 30, how)});
  record_run whole;
  REQUIRE(whole.read(bytes, 103, {}, {}).code == error_code::none);
  const auto records = walk(whole);
  REQUIRE(records.size() == 68);
  for (std::int64_t from = 95; from <= 185; ++from) {
    for (const std::size_t most : {1, 2, 5, 36, 37, 38, 60, 1'000}) {
      INFO(from << ", " << most);
      record_run part;
      part.view_part(whole, log_offset{from}, most);
      std::vector<seen> expected;
      for (const auto& r : records) {
        if (r.offset >= from && expected.size() < most)
          expected.push_back(r);
      }
      const auto got = walk(part);
      CHECK(part.size() == got.size());
      REQUIRE(got.size() == expected.size());
      for (std::size_t i = 0; i != got.size(); ++i)
        CHECK(got[i].offset == expected[i].offset);
      // What follows begins there.
      record_run rest;
      rest.view_part(whole, part.next_offset(), 1'000);
      const auto left =
        std::ranges::count_if(records, [&](const auto& r) { return r.offset >= from; });
      CHECK(rest.size() == static_cast<std::size_t>(left) - got.size());
      if (rest.empty())
        CHECK(part.next_offset() == whole.next_offset());
    }
  }
}

TEST_CASE("walking a run takes no allocation, however many records it has", "[records]") {
  const auto few = numbered(0, 10);
  const auto many = numbered(0, 10'000);
  const auto cost = [](const shared_bytes& bytes) {
    const allocation_counter counter;
    record_run run;
    CHECK(run.read(bytes, 0, {}, {}).code == error_code::none);
    std::size_t count = 0;
    for (const auto& r : run)
      count += r.value->size();
    CHECK(count > 0);
    return counter.count();
  };
  CHECK(cost(many) == cost(few));
}
