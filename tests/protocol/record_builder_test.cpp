#include "allocation_counter.hpp"
#include "record_fixture.hpp"

#include <catch2/generators/catch_generators.hpp>

#include <random>

using namespace record_fixture;

namespace {

/// Text that compresses somewhat, the same on every run.
std::string text_of(std::size_t size, unsigned seed) {
  std::mt19937 random{seed};
  std::string result;
  while (result.size() < size) {
    result += "word";
    result += static_cast<char>('a' + random() % 26);
    result += static_cast<char>('a' + random() % 26);
  }
  result.resize(size);
  return result;
}

std::vector<record> assorted_records(int magic) {
  std::vector<record> result;
  const std::vector<std::optional<std::string>> fields{
    std::nullopt, "", "x", text_of(63, 1), text_of(64, 2), text_of(9000, 3)};
  for (const auto& key : fields) {
    for (const auto& value : fields) {
      record x;
      x.key = key;
      x.value = value;
      if (magic > 0)
        x.time =
          at(1600000000000 + static_cast<std::int64_t>(result.size()) * 977 - 5000);
      if (magic == 2 && value) {
        for (std::size_t i = 0; i < result.size() % 4; ++i)
          x.headers.emplace_back("h" + std::to_string(i), i == 2 ? std::nullopt : key);
      }
      result.push_back(x);
    }
  }
  return result;
}

} // namespace

TEST_CASE("uncompressed sets are written as Kafka writes them", "[records]") {
  for (int magic = 0; magic <= 1; ++magic) {
    builder_options options;
    options.base_offset = 100;
    const auto name = "v" + std::to_string(magic) + "_none";
    const auto built = build(magic, vector_records(magic), options);
    REQUIRE(built);
    CHECK(*built == vector_of(name));
  }
  builder_options options;
  options.base_offset = 100;
  options.log_append_time = at(1700000000000);
  CHECK(*build(1, vector_records(1), options) == vector_of("v1_none_append_time"));
}

TEST_CASE("uncompressed batches are written as Kafka writes them", "[records]") {
  builder_options options;
  options.base_offset = 100;
  const auto sealed = [&](const seal_options& how) {
    batch_builder builder{options};
    for (const auto& x : vector_records(2))
      REQUIRE(builder.append(x, at(0)));
    const auto result = builder.seal(how);
    REQUIRE(result);
    return *result;
  };
  CHECK(sealed({.epoch = 5}) == vector_of("v2_none"));
  CHECK(sealed({.producer_id = 4711,
          .producer_epoch = 3,
          .base_sequence = 12,
          .transactional = true,
          .epoch = 5})
    == vector_of("v2_transactional"));
  options.log_append_time = at(1700000000000);
  CHECK(sealed({.epoch = 5}) == vector_of("v2_none_append_time"));
}

TEST_CASE("a control batch is written as Kafka writes it", "[records]") {
  builder_options options;
  options.base_offset = 200;
  batch_builder builder{options};
  REQUIRE(builder.append(as_bytes(std::string_view{"\0\0\0\1", 4}),
    as_bytes(std::string_view{"\0\0\0\0\0\x09", 6}), at(1600000000000)));
  const auto sealed = builder.seal({.producer_id = 4711,
    .producer_epoch = 3,
    .transactional = true,
    .control = true,
    .epoch = 5});
  REQUIRE(sealed);
  CHECK(*sealed == vector_of("v2_commit"));
}

TEST_CASE("every codec and format gives back what it was given", "[records]") {
  for (int magic = 0; magic <= 2; ++magic) {
    for (const auto c : codecs_of(magic)) {
      INFO("v" << magic << " " << to_string(c));
      const auto records = assorted_records(magic);
      builder_options options;
      options.compression = c;
      options.base_offset = 7'000'000'000;
      options.initial_capacity = 0;
      const auto built = build(magic, records, options);
      REQUIRE(built);
      const auto r = read_all(*built);
      CHECK(r.ok());
      REQUIRE(r.records.size() == records.size());
      for (std::size_t i = 0; i < records.size(); ++i) {
        CHECK(r.records[i].offset == 7'000'000'000 + static_cast<std::int64_t>(i));
        CHECK(r.records[i].content == records[i]);
      }
      if (c != codec::none) {
        auto plain = options;
        plain.compression = codec::none;
        CHECK(built->size() < build(magic, records, plain)->size());
      }
    }
  }
}

TEST_CASE("the broker's time survives every codec", "[records]") {
  for (int magic = 1; magic <= 2; ++magic) {
    for (const auto c : codecs_of(magic)) {
      builder_options options;
      options.compression = c;
      options.log_append_time = at(1234567);
      const auto r = read_all(*build(magic, vector_records(magic), options));
      CHECK(r.ok());
      REQUIRE(r.records.size() == 3);
      for (const auto& x : r.records) {
        CHECK(x.content.time == at(1234567));
        CHECK(x.time_type == timestamp_type::log_append_time);
      }
    }
  }
}

TEST_CASE("records of a megabyte pass", "[records]") {
  for (int magic = 0; magic <= 2; ++magic) {
    for (const auto c : codecs_of(magic)) {
      builder_options options;
      options.compression = c;
      std::vector<record> records(1);
      records[0].value = text_of(1024 * 1024, 5);
      if (magic > 0)
        records[0].time = at(1);
      const auto r = read_all(*build(magic, records, options));
      CHECK(r.ok());
      REQUIRE(r.records.size() == 1);
      CHECK(r.records[0].content == records[0]);
    }
  }
}

TEST_CASE("times far apart come back", "[records]") {
  using limits = std::numeric_limits<std::int64_t>;
  const std::vector<std::int64_t> times{0, -1, limits::max(), limits::min(), 1};
  std::vector<record> records;
  for (const auto t : times)
    records.push_back({.key = {}, .value = {}, .headers = {}, .time = at(t)});
  const auto r = read_all(*build(2, records, {}));
  CHECK(r.ok());
  REQUIRE(r.records.size() == times.size());
  for (std::size_t i = 0; i < times.size(); ++i)
    CHECK(r.records[i].content.time == at(times[i]));
  CHECK(r.batches[0].max_timestamp == at(limits::max()));
}

TEST_CASE("a record without a time gets the present", "[records]") {
  batch_builder builder;
  REQUIRE(builder.append(record{}, at(77)));
  CHECK(read_all(*builder.seal()).records.at(0).content.time == at(77));
}

TEST_CASE("a batch takes records until it is full, and its first whatever its size",
  "[records]") {
  builder_options options;
  options.max_size = 1000;
  const record small{.key = {}, .value = text_of(100, 1), .headers = {}, .time = {}};
  batch_builder builder{options};
  while (builder.append(small, at(0))) {
  }
  CHECK(builder.size() <= 1000);
  CHECK(builder.size() > 850);
  const auto count = builder.count();
  const auto r = read_all(*builder.seal());
  CHECK(r.records.size() == static_cast<std::size_t>(count));

  CHECK(builder.empty());
  CHECK(builder.size() == 0);
  const record large{.key = {}, .value = text_of(5000, 1), .headers = {}, .time = {}};
  CHECK(builder.append(large, at(0)));
  CHECK(!builder.append(small, at(0)));
  CHECK(read_all(*builder.seal()).records.size() == 1);

  message_set_builder set{1, options};
  CHECK(set.append(view(large.key), view(large.value), at(0)));
  CHECK(!set.append(view(small.key), view(small.value), at(0)));
  CHECK(read_all(*set.seal()).records.size() == 1);
}

TEST_CASE("records pass from one batch to another as they are", "[records]") {
  const auto original = vector_of("v2_zstd");
  batch_reader reader{original};
  record_batch batch;
  REQUIRE(reader.next(batch));
  builder_options options;
  options.base_offset = 100;
  batch_builder builder{options};
  for (const auto& x : batch)
    REQUIRE(builder.append(x));
  CHECK(*builder.seal({.epoch = 5}) == vector_of("v2_none"));
}

TEST_CASE("appending allocates nothing while the buffer has room", "[records]") {
  builder_options options;
  options.initial_capacity = 64 * 1024;
  batch_builder builder{options};
  const auto value = text_of(100, 1);
  const std::array<header_view, 2> headers{
    header_view{"trace", as_bytes("1234")}, header_view{"none", std::nullopt}};
  const allocation_counter allocations;
  for (int i = 0; i < 400; ++i)
    REQUIRE(builder.append(as_bytes("key"), as_bytes(value), at(i), headers));
  // The buffer, and whatever the assertions above take, which is nothing.
  CHECK(allocations.count() == 1);
  const auto before = allocations.count();
  const auto sealed = builder.seal();
  CHECK(allocations.count() == before);
  CHECK(sealed);
}

TEST_CASE("builders refuse what the formats cannot hold", "[records]") {
  CHECK(batch_builder{}.seal().error().code == error_code::invalid_argument);
  CHECK(message_set_builder{1}.seal().error().code == error_code::invalid_argument);
  message_set_builder neither{2};
  CHECK(neither.append(std::nullopt, std::nullopt, at(0)));
  CHECK(neither.seal().error().code == error_code::invalid_argument);
  builder_options options;
  options.compression = codec::zstd;
  CHECK(build(1, vector_records(1), options).error().code
    == error_code::unsupported_compression_type);
  options.level = 23;
  CHECK(
    build(2, vector_records(2), options).error().code == error_code::invalid_argument);
}
