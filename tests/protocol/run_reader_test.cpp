#include "record_fixture.hpp"
#include <cafka/protocol/records/fetched_records.hpp>
#include <cafka/protocol/records/run_reader.hpp>

#include <catch2/generators/catch_generators.hpp>

#include <atomic>

using namespace record_fixture;

namespace {

constexpr std::size_t megabyte = 1024 * 1024;
using state = run_reader::state;

/// A batch of one record, a value of `size` bytes that are all alike, at offset `base`.
shared_bytes dense(std::int64_t base, std::size_t size, codec c = codec::zstd) {
  builder_options options;
  options.compression = c;
  options.base_offset = base;
  options.max_size = INT32_MAX;
  batch_builder builder{options};
  REQUIRE(builder.append(std::nullopt, as_bytes(std::string(size, 'x')), at(1)));
  return *builder.seal();
}

/// Batches with offsets from 0 on, each as large.
shared_bytes several(int count, std::size_t size, codec c = codec::zstd) {
  shared_bytes all;
  for (int i = 0; i != count; ++i)
    all = joined({all, dense(i, size, c)});
  return all;
}

std::size_t walked(const record_run& run) {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& r : run)
    ++count;
  return count;
}

bool mentions(const error& e, std::string_view text) {
  return e.detail.find(text) != std::string::npos;
}

} // namespace

TEST_CASE("what is compressed is decompressed as far as there is room", "[records]") {
  const auto c = GENERATE(codec::gzip, codec::snappy, codec::lz4, codec::zstd);
  INFO(to_string(c));
  const auto bytes = several(5, megabyte, c);
  run_reader in{bytes, 0, {}, {}};
  record_run first;
  CHECK(in.read(first, {.room = 5 * megabyte / 2, .one_anyhow = false}) == state::waits);
  CHECK(walked(first) == 2);
  CHECK(first.decompressed() < 5 * megabyte / 2);
  CHECK(first.next_offset() == log_offset{2});
  CHECK(in.next_offset() == log_offset{2});
  // It needs more than was left over when it was tried.
  record_run none;
  CHECK(in.read(none, {.room = megabyte / 2, .one_anyhow = false}) == state::waits);
  CHECK(none.empty());
  record_run second;
  CHECK(in.read(second, {.room = 3 * megabyte / 2, .one_anyhow = false}) == state::waits);
  CHECK(walked(second) == 1);
  record_run third;
  CHECK(in.read(third, {}) == state::done);
  CHECK(walked(third) == 2);
  CHECK(third.next_offset() == log_offset{5});
  CHECK(in.position() == bytes.size());
  CHECK(in.outcome().code == error_code::none);
}

TEST_CASE("one batch comes although there is no room, and only one", "[records]") {
  const auto bytes = several(3, megabyte);
  run_reader in{bytes, 0, {}, {}};
  for (std::int64_t i = 1; i <= 3; ++i) {
    record_run run;
    const auto how = in.read(run, {.room = 0, .one_anyhow = true});
    CHECK(how == (i < 3 ? state::waits : state::done));
    CHECK(walked(run) == 1);
    CHECK(run.next_offset() == log_offset{i});
  }
}

TEST_CASE(
  "a batch that room was too little for is tried again with twice as much", "[records]") {
  const auto bytes = several(1, 8 * megabyte);
  run_reader in{bytes, 0, {}, {}};
  const auto try_with = [&](std::size_t room) {
    record_run run;
    const auto how = in.read(run, {.room = room, .one_anyhow = false});
    return how == state::done && walked(run) == 1;
  };
  CHECK_FALSE(try_with(5 * megabyte));
  CHECK_FALSE(try_with(9 * megabyte)); // Enough, but who knows.
  CHECK(try_with(10 * megabyte));
}

TEST_CASE("a reader that has read its share goes on later", "[records]") {
  const auto bytes = joined({several(3, megabyte), dense(3, 10, codec::none)});
  run_reader in{bytes, 0, {}, {}};
  std::size_t runs = 0;
  std::size_t records = 0;
  auto how = state::more;
  while (how == state::more) {
    record_run run;
    how = in.read(run, {.enough = megabyte / 2});
    records += walked(run);
    ++runs;
  }
  CHECK(how == state::done);
  CHECK(records == 4);
  CHECK(runs == 3);
}

TEST_CASE("what is not compressed needs no room", "[records]") {
  const auto bytes = several(3, 1'000, codec::none);
  run_reader in{bytes, 0, {}, {}};
  record_run run;
  CHECK(in.read(run, {.room = 0, .one_anyhow = false, .enough = 0}) == state::done);
  CHECK(walked(run) == 3);
}

TEST_CASE("a batch that decompresses to more than is allowed is an error that names the "
          "option",
  "[records]") {
  const auto bytes = joined({dense(0, 10), dense(1, 2 * megabyte), dense(2, 10)});
  const read_options options{.max_decompressed_bytes = megabyte};
  record_run before;
  CHECK(before.read(bytes, 0, {}, options).code == error_code::none);
  CHECK(before.next_offset() == log_offset{1});
  record_run at_it;
  const auto why = at_it.read(bytes, 1, {}, options);
  CHECK(why.code == error_code::batch_too_large);
  INFO(why.detail);
  CHECK(mentions(why, "batch at offset 1"));
  CHECK(mentions(why, "1048576 bytes (max_decompressed_bytes)"));
  CHECK(mentions(why, "its last offset is 1"));
  CHECK(fetched_records::read(bytes, 1, {}, options).error().code
    == error_code::batch_too_large);
  record_run behind;
  CHECK(behind.read(dense(2, 10), 2, {}, options).code == error_code::none);
}

TEST_CASE("a ratio beyond all reason is an error from 16 MiB on, and one that passes is "
          "not",
  "[records]") {
  read_options options{.max_decompression_ratio = 1'000};
  record_run small;
  CHECK(small.read(dense(0, 15 * megabyte), 0, {}, options).code == error_code::none);
  record_run large;
  const auto why = large.read(dense(0, 20 * megabyte), 0, {}, options);
  CHECK(why.code == error_code::batch_too_large);
  INFO(why.detail);
  CHECK(mentions(why, "over 1000 times as much (max_decompression_ratio)"));
  options.max_decompression_ratio = 0;
  record_run any;
  CHECK(any.read(dense(0, 20 * megabyte), 0, {}, options).code == error_code::none);
}

TEST_CASE(
  "decompressing in pieces yields what decompressing at one go does", "[records]") {
  // Above 16 MiB; zstd's level 20 wants too large a window for pieces.
  std::string part;
  for (int i = 0; part.size() < 100'000; ++i)
    part += std::to_string(i * 7'919) + ' ';
  std::string text;
  while (text.size() < 20 * megabyte)
    text += part;
  for (const auto c : {codec::gzip, codec::snappy, codec::lz4, codec::zstd}) {
    for (const auto high : {false, true}) {
      if (high && c != codec::zstd)
        continue;
      byte_arena out;
      REQUIRE(compress(c, as_bytes(text), out,
        high                 ? std::optional{20}
          : c == codec::gzip ? std::optional{1}
                             : std::nullopt));
      const auto bytes = out.freeze();
      INFO(to_string(c));
      const auto all = decompress(c, bytes.view(), text.size());
      REQUIRE(all);
      CHECK((all->text() == text));
      CHECK(decompress(c, bytes.view(), text.size() - 1).error().code
        == error_code::batch_too_large);
      CHECK(decompress(c, bytes.view().first(bytes.size() - 9), text.size()).error().code
        == error_code::corrupt_message);
    }
  }
}

TEST_CASE("decompressing ends when the records are not wanted any more", "[records]") {
  const std::atomic<bool> stop = true;
  const auto c = GENERATE(codec::gzip, codec::snappy, codec::lz4, codec::zstd);
  INFO(to_string(c));
  const auto bytes = dense(0, 32 * megabyte, c);
  record_run run;
  CHECK(run.read(bytes, 0, {}, {.max_decompression_ratio = 0, .stop = &stop}).code
    == error_code::closed);
}

TEST_CASE("what a fetch may not decompress is left for the next one", "[records]") {
  const auto bytes = several(5, megabyte);
  read_options options;
  options.max_decompressed_in_all = 5 * megabyte / 2;
  std::int64_t from = 0;
  std::vector<std::size_t> sizes;
  while (from < 5) {
    const auto got = fetched_records::read(bytes, from, {}, options);
    REQUIRE(got);
    REQUIRE(got->next_offset() > log_offset{from});
    sizes.push_back(got->size());
    for (const auto& r : *got)
      CHECK(r.offset == log_offset{from++});
    CHECK(got->next_offset() == log_offset{from});
  }
  CHECK(sizes == std::vector<std::size_t>{2, 2, 1});
  // One comes in any case.
  options.max_decompressed_in_all = 1;
  CHECK(fetched_records::read(bytes, 3, {}, options)->size() == 1);
}
