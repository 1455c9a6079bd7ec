#include "record_fixture.hpp"
#include <cafka/protocol/records/fetched_records.hpp>

#include <string>
#include <vector>

using namespace cafka::protocol;
using namespace record_fixture;

namespace {

using offsets = std::vector<std::int64_t>;

/// A batch of `count` records from `base` on; their values are their offsets.
shared_bytes batch(
  std::int64_t base, int count, builder_options options = {}, seal_options seal = {}) {
  options.base_offset = base;
  batch_builder builder{options};
  for (int i = 0; i < count; ++i) {
    const auto value = std::to_string(base + i);
    REQUIRE(builder.append(std::nullopt, as_bytes(value), at(1)));
  }
  auto sealed = builder.seal(seal);
  REQUIRE(sealed);
  return *sealed;
}

shared_bytes transactional(std::int64_t base, int count, std::int64_t producer) {
  return batch(base, count, {},
    {.producer_id = producer,
      .producer_epoch = 0,
      .base_sequence = 0,
      .transactional = true});
}

shared_bytes marker(std::int64_t offset, std::int64_t producer, control_type type) {
  builder_options options;
  options.base_offset = offset;
  batch_builder builder{options};
  const std::string key{'\0', '\0', '\0', static_cast<char>(type)};
  const std::string value(6, '\0');
  REQUIRE(builder.append(as_bytes(key), as_bytes(value), at(1)));
  auto sealed = builder.seal({.producer_id = producer,
    .producer_epoch = 0,
    .base_sequence = -1,
    .transactional = true,
    .control = true});
  REQUIRE(sealed);
  return *sealed;
}

offsets walk(const fetched_records& records) {
  offsets seen;
  for (const auto& r : records) {
    seen.push_back(r.offset.value());
    CHECK(as_text(*r.value) == std::to_string(r.offset.value()));
  }
  CHECK(seen.size() == records.size());
  CHECK(records.empty() == seen.empty());
  return seen;
}

shared_bytes damaged(const shared_bytes& bytes) {
  return changed(bytes, bytes.size() - 1, std::byte{1});
}

} // namespace

TEST_CASE("an empty fetch has no records and goes on where it began", "[records]") {
  const auto read = fetched_records::read({}, 42);
  REQUIRE(read);
  CHECK(walk(*read).empty());
  CHECK(read->next_offset() == log_offset{42});
  CHECK(walk(fetched_records{}).empty());
}

TEST_CASE("the records of all batches are one range", "[records]") {
  const auto read =
    fetched_records::read(joined({batch(5, 2), batch(7, 1), batch(10, 2)}), 5);
  REQUIRE(read);
  CHECK(walk(*read) == offsets{5, 6, 7, 10, 11});
  CHECK(read->next_offset() == log_offset{12});
  CHECK(read->batches().size() == 3);
}

TEST_CASE("records before the offset asked for are left out", "[records]") {
  for (const auto c : codecs_of(2)) {
    builder_options options;
    options.compression = c;
    const auto bytes = joined({batch(5, 3, options), batch(8, 2, options)});
    for (std::int64_t from = 5; from <= 9; ++from) {
      const auto read = fetched_records::read(bytes, from);
      REQUIRE(read);
      offsets expected;
      for (auto o = from; o <= 9; ++o)
        expected.push_back(o);
      CHECK(walk(*read) == expected);
      CHECK(read->next_offset() == log_offset{10});
    }
  }
}

TEST_CASE("a whole batch before the offset asked for does not count", "[records]") {
  const auto old = batch(5, 3);
  const auto read = fetched_records::read(joined({old, batch(8, 1)}), 8);
  REQUIRE(read);
  CHECK(walk(*read) == offsets{8});
  CHECK(read->batches().size() == 1);
  // Nothing else would be the same again and again.
  CHECK(fetched_records::read(old, 8).error().code == error_code::corrupt_message);
}

TEST_CASE("message sets of old are walked like batches", "[records]") {
  for (const int magic : {0, 1}) {
    for (const auto c : {codec::none, codec::gzip}) {
      std::vector<record> content;
      for (int i = 0; i < 3; ++i)
        content.push_back(
          {.key = {}, .value = std::to_string(i), .headers = {}, .time = at(1)});
      builder_options options;
      options.compression = c;
      const auto bytes = build(magic, content, options);
      REQUIRE(bytes);
      const auto read = fetched_records::read(*bytes, 1);
      REQUIRE(read);
      CHECK(walk(*read) == offsets{1, 2});
      CHECK(read->next_offset() == log_offset{3});
    }
  }
}

TEST_CASE("control batches are passed over and moved past", "[records]") {
  const auto read = fetched_records::read(
    joined({transactional(0, 2, 9), marker(2, 9, control_type::commit)}), 0);
  REQUIRE(read);
  CHECK(walk(*read) == offsets{0, 1});
  CHECK(read->next_offset() == log_offset{3});
}

TEST_CASE("a fetch of control batches alone moves on", "[records]") {
  const auto read = fetched_records::read(marker(2, 9, control_type::commit), 2);
  REQUIRE(read);
  CHECK(read->empty());
  CHECK(read->next_offset() == log_offset{3});
}

TEST_CASE("an aborted transaction ends at its own producer's marker", "[records]") {
  const auto bytes = joined({
    transactional(0, 2, 9),             // aborted
    batch(2, 1),                        // in no transaction
    transactional(3, 1, 8),             // of another producer
    transactional(4, 1, 9),             // still aborted
    marker(5, 8, control_type::commit), // the other's end
    transactional(6, 1, 9),             // still aborted
    marker(7, 9, control_type::abort),
    transactional(8, 1, 9), // the next transaction, committed
    marker(9, 9, control_type::commit), transactional(10, 1, 8), // aborted
  });
  const auto committed = fetched_records::read(bytes, 0, {{8, 10}, {9, 0}});
  REQUIRE(committed);
  CHECK(walk(*committed) == offsets{2, 3, 8});
  CHECK(committed->next_offset() == log_offset{11});
  const auto all = fetched_records::read(bytes, 0);
  REQUIRE(all);
  CHECK(walk(*all) == offsets{0, 1, 2, 3, 4, 6, 8, 10});
}

TEST_CASE("a transaction aborted before the fetch began is left out too", "[records]") {
  const auto read = fetched_records::read(
    joined({transactional(5, 2, 9), marker(7, 9, control_type::abort), batch(8, 1)}), 6,
    {{9, 1}});
  REQUIRE(read);
  CHECK(walk(*read) == offsets{8});
}

TEST_CASE("a damaged second batch delivers the first, then is an error", "[records]") {
  const auto bytes = joined({batch(0, 2), damaged(batch(2, 2)), batch(4, 1)});
  const auto read = fetched_records::read(bytes, 0);
  REQUIRE(read);
  CHECK(walk(*read) == offsets{0, 1});
  REQUIRE(read->next_offset() == log_offset{2});
  // A broker that keeps old batches in the answer must not hide the damage.
  CHECK(fetched_records::read(bytes, 2).error().code == error_code::corrupt_message);
}

TEST_CASE("a damaged first batch is an error", "[records]") {
  const auto read = fetched_records::read(joined({damaged(batch(0, 2)), batch(2, 1)}), 0);
  CHECK(read.error().code == error_code::corrupt_message);
}

TEST_CASE("a batch after which no offset is left is damaged", "[records]") {
  const auto read = fetched_records::read(batch(INT64_MAX, 1), 0);
  CHECK(read.error().code == error_code::corrupt_message);
  CHECK(fetched_records::read(batch(INT64_MAX - 1, 1), 0));
}

TEST_CASE(
  "damage behind control batches does not stop the reader before it", "[records]") {
  const auto read = fetched_records::read(
    joined({marker(0, 9, control_type::commit), damaged(batch(1, 1))}), 0);
  REQUIRE(read);
  CHECK(read->empty());
  CHECK(read->next_offset() == log_offset{1});
}

TEST_CASE("a batch cut off behind whole ones is left for the next fetch", "[records]") {
  const auto second = batch(2, 2);
  for (std::size_t cut = 1; cut < second.size(); ++cut) {
    const auto read =
      fetched_records::read(joined({batch(0, 2), second.slice(0, cut)}), 0);
    REQUIRE(read);
    CHECK(read->size() == 2);
    CHECK(read->next_offset() == log_offset{2});
  }
}

TEST_CASE(
  "a batch cut off with nothing before it is too large for the fetch", "[records]") {
  const auto whole = batch(3, 20);
  for (const auto size : {std::size_t{1}, std::size_t{17}, whole.size() - 1}) {
    const auto read = fetched_records::read(whole.slice(0, size), 3);
    REQUIRE_FALSE(read);
    CHECK(read.error().code == error_code::message_too_large);
  }
  const auto read = fetched_records::read(whole.slice(0, 100), 3);
  INFO(read.error().detail);
  CHECK(read.error().detail.find("offset 3 has " + std::to_string(whole.size()))
    != std::string::npos);
  // Nor do records that were read before make room for it.
  CHECK(fetched_records::read(joined({batch(0, 3), whole.slice(0, 100)}), 3).error().code
    == error_code::message_too_large);
}

TEST_CASE("copies of fetched records outlive the original", "[records]") {
  fetched_records copy;
  {
    auto read = fetched_records::read(joined({batch(0, 2), batch(2, 1)}), 1);
    REQUIRE(read);
    copy = *read;
  }
  CHECK(walk(copy) == offsets{1, 2});
}
