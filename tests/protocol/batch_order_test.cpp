#include "record_fixture.hpp"
#include <cafka/protocol/records/fetched_records.hpp>
#include <cafka/protocol/records/record_run.hpp>

#include <catch2/generators/catch_generators.hpp>

// Whatever a broker says, a reader gets each offset once, in order, or is told.

using namespace record_fixture;

namespace {

using offsets = std::vector<std::int64_t>;

constexpr read_options unchecked{.check_crcs = false};

/// A batch of `count` records from `base` on, with values of one byte.
shared_bytes batch(std::int64_t base, int count, codec c = codec::none) {
  builder_options options;
  options.base_offset = base;
  options.compression = c;
  batch_builder builder{options};
  for (int i = 0; i < count; ++i)
    REQUIRE(builder.append(std::nullopt, as_bytes("x"), at(1)));
  return *builder.seal();
}

shared_bytes with_byte(const shared_bytes& bytes, std::size_t position, int value) {
  std::vector<std::byte> copy{bytes.view().begin(), bytes.view().end()};
  copy[position] = static_cast<std::byte>(value);
  return shared_bytes::from(std::move(copy));
}

/// The same batch, which says that its last record has another offset.
shared_bytes with_last_delta(const shared_bytes& bytes, std::int32_t delta) {
  auto result = bytes;
  for (std::size_t i = 0; i != 4; ++i)
    result = with_byte(result, 23 + i,
      static_cast<int>(static_cast<std::uint32_t>(delta) >> (24 - 8 * i) & 0xFF));
  return result;
}

/// The same batch, whose record `i` says that it has another offset.
shared_bytes with_delta(const shared_bytes& bytes, std::size_t i, int delta) {
  constexpr std::size_t header = 61;
  constexpr std::size_t record = 8;
  return with_byte(
    bytes, header + record * i + 3, delta < 0 ? -2 * delta - 1 : 2 * delta);
}

/// What reading and walking bring.
struct seen_offsets {
  offsets all;
  std::int64_t next = -1;
  error failed;
  std::size_t damages = 0;
};

seen_offsets by_run(const shared_bytes& bytes, std::int64_t from) {
  seen_offsets result;
  record_run run;
  run.when_damaged([&](std::int32_t, const error& e) {
    ++result.damages;
    CHECK(e.code == error_code::invalid_record);
    CHECK(e.detail.find("batch at offset ") != std::string::npos);
  });
  result.failed = run.read(bytes, from, {}, unchecked);
  for (const auto& r : run)
    result.all.push_back(r.offset.value());
  result.next = run.next_offset().value();
  return result;
}

seen_offsets by_fetch(const shared_bytes& bytes, std::int64_t from) {
  seen_offsets result;
  const auto got = fetched_records::read(bytes, from, {}, unchecked);
  if (!got) {
    result.failed = got.error();
    result.next = from;
    return result;
  }
  for (const auto& r : *got)
    result.all.push_back(r.offset.value());
  result.next = got->next_offset().value();
  return result;
}

} // namespace

TEST_CASE(
  "batches that overlap or go back end the reading, and are an error then", "[records]") {
  const auto read = GENERATE(by_run, by_fetch);
  const auto c = GENERATE(codec::none, codec::lz4);
  const auto good = batch(10, 5, c);
  for (const auto& bad : {batch(14, 5, c), batch(10, 5, c), batch(0, 5, c),
         batch(12, 1, c), batch(0, 30, c)}) {
    const auto all = joined({good, bad, batch(30, 2, c)});
    const auto got = read(all, 10);
    CHECK(got.failed.code == error_code::none);
    CHECK(got.all == offsets{10, 11, 12, 13, 14});
    CHECK(got.next == 15);
    CHECK(got.damages == 0);
    // Asked for what lies behind the good one, the broker says the same again.
    const auto again = read(all, 15);
    INFO(again.failed.detail);
    CHECK(again.failed.code == error_code::corrupt_message);
    CHECK(again.failed.detail.find("is not behind") != std::string::npos);
    CHECK(again.failed.detail.find("offset 14") != std::string::npos);
    CHECK(again.all.empty());
    CHECK(again.next == 15);
  }
}

TEST_CASE("an answer that lies before what was asked for is an error", "[records]") {
  const auto read = GENERATE(by_run, by_fetch);
  const auto got = read(joined({batch(0, 5), batch(5, 5)}), 20);
  CHECK(got.failed.code == error_code::corrupt_message);
  INFO(got.failed.detail);
  CHECK(got.failed.detail.find("offset 20 was asked for") != std::string::npos);
  CHECK(got.all.empty());
}

TEST_CASE(
  "a batch that begins before what was asked for, and gaps, are no error", "[records]") {
  const auto read = GENERATE(by_run, by_fetch);
  const auto got =
    read(joined({batch(5, 5), with_last_delta(batch(20, 2), 9), batch(30, 1)}), 8);
  CHECK(got.failed.code == error_code::none);
  CHECK(got.all == offsets{8, 9, 20, 21, 30});
  CHECK(got.next == 31);
  CHECK(got.damages == 0);
  // Compaction leaves gaps between records and batches without any.
  const auto gaps = with_delta(with_last_delta(batch(40, 2), 7), 1, 5);
  const auto compacted = read(joined({batch(5, 1), gaps}), 0);
  CHECK(compacted.failed.code == error_code::none);
  CHECK(compacted.all == offsets{5, 40, 45});
  CHECK(compacted.next == 48);
}

TEST_CASE(
  "records that a batch's last offset denies are left out, and it is told", "[records]") {
  const auto lying = with_last_delta(batch(10, 5), 2);
  const auto run = by_run(joined({lying, batch(13, 2)}), 10);
  CHECK(run.failed.code == error_code::none);
  CHECK(run.all == offsets{10, 11, 12, 13, 14});
  CHECK(run.damages == 1);
  CHECK(run.next == 15);
  const auto first = by_fetch(joined({batch(5, 5), lying, batch(13, 2)}), 5);
  CHECK(first.all == offsets{5, 6, 7, 8, 9});
  CHECK(first.next == 10);
  CHECK(by_fetch(lying, 10).failed.code == error_code::invalid_record);
  for (const auto read : {by_run, by_fetch})
    CHECK(read(with_last_delta(batch(10, 5), -1), 10).failed.code
      == error_code::corrupt_message);
}

TEST_CASE("records whose offsets do not rise are left out, and it is told", "[records]") {
  for (const int delta : {-1, 0, 1, 2, 60}) {
    INFO(delta);
    const auto lying = with_delta(batch(10, 5), 3, delta);
    const auto run = by_run(joined({lying, batch(15, 1)}), 10);
    CHECK(run.failed.code == error_code::none);
    CHECK(run.all == offsets{10, 11, 12, 15});
    CHECK(run.damages == 1);
    CHECK(by_fetch(lying, 10).failed.code == error_code::invalid_record);
  }
  const auto before = with_delta(batch(10, 5), 0, -3);
  CHECK(by_run(before, 0).all.empty());
  CHECK(by_run(before, 0).damages == 1);
}

TEST_CASE("message sets of old are held to the same order", "[records]") {
  const auto read = GENERATE(by_run, by_fetch);
  const auto message = [](std::int64_t offset, int magic) {
    builder_options options;
    const auto one = *build(magic,
      {{.value = "x", .time = magic > 0 ? std::optional{at(1)} : std::nullopt}}, options);
    return with_byte(one, 7, static_cast<int>(offset));
  };
  for (const auto magic : {0, 1}) {
    const auto got = read(joined({message(3, magic), message(5, magic), message(5, magic),
                            message(6, magic)}),
      2);
    CHECK(got.all == offsets{3, 5});
    CHECK(got.next == 6);
    const auto back = read(joined({message(3, magic), message(2, magic)}), 0);
    CHECK(back.all == offsets{3});
    CHECK(back.next == 4);
  }
}
