#include <cafka/protocol/machines/accumulator.hpp>
#include <cafka/protocol/records/record_batch.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

using namespace cafka::protocol;
using namespace std::string_literals;
using namespace std::string_view_literals;

namespace {

/// The records that come out of a producer's batches when these went in.
class written {
public:
  written() { REQUIRE(batches_.set_partitions(batches_.topic("t"), 1).empty()); }

  void add(const outgoing_record& r) {
    REQUIRE(batches_.append("t", r, timestamp{}, nullptr).status == error_code::none);
  }

  [[nodiscard]] record_batch batch() {
    auto* const buffers = accumulator::partition_of(batches_.topic("t"), 0);
    REQUIRE(buffers != nullptr);
    auto filled = batches_.take(*buffers, true);
    REQUIRE(filled);
    batch_reader in{*filled->builder.seal()};
    record_batch result;
    REQUIRE(in.next(result));
    return result;
  }

private:
  accumulator batches_{{}};
};

} // namespace

TEST_CASE("a record is written from text of any kind, and from bytes", "[records]") {
  const auto owned = "owned"s;
  const std::vector<std::byte> bytes{std::byte{'o'}, std::byte{'k'}};
  const std::vector<header_view> headers{
    {"literal", "one"}, {"string", owned}, {"bytes", bytes}, {"null", {}}};
  written w;
  w.add({.key = "k", .value = "a literal", .headers = headers});
  w.add({.key = owned, .value = "a view"sv});
  w.add({.value = bytes});
  w.add({.key = byte_view{bytes}, .value = ""});
  w.add({.key = "k"});

  const auto batch = w.batch();
  std::vector<record> records;
  for (const auto& r : batch)
    records.push_back(r.copy());
  for (auto& r : records)
    r.time.reset();
  CHECK(records
    == std::vector<record>{
      {.key = "k",
        .value = "a literal",
        .headers = {{"literal", "one"}, {"string", "owned"}, {"bytes", "ok"},
          {"null", std::nullopt}}},
      {.key = "owned", .value = "a view"},
      {.value = "ok"},
      {.key = "ok", .value = ""},
      {.key = "k"},
    });
}

TEST_CASE("text with a zero byte is written whole", "[records]") {
  written w;
  w.add({.value = "a\0b"s});
  CHECK(w.batch().begin()->text() == "a\0b"sv);
}

TEST_CASE("a record is read as text, and null reads as empty", "[records]") {
  const std::vector<header_view> headers{{"h", "text"}, {"null", {}}};
  written w;
  w.add({.key = "key", .value = "value", .headers = headers});
  w.add({});

  const auto batch = w.batch();
  auto at = batch.begin();
  CHECK(at->key_text() == "key");
  CHECK(at->text() == "value");
  auto header = at->headers.begin();
  CHECK(header->text() == "text");
  ++header;
  CHECK(header->text().empty());
  CHECK_FALSE(header->value);
  const auto kept = at->copy();
  ++at;
  CHECK(at->key_text().empty());
  CHECK(at->text().empty());
  CHECK_FALSE(at->value);

  CHECK(kept.key_text() == "key");
  CHECK(kept.text() == "value");
  CHECK(record{}.key_text().empty());
  CHECK(record{}.text().empty());
}

TEST_CASE("text of a record is a view: it is not copied", "[records]") {
  written w;
  w.add({.key = "key", .value = "value"});
  const auto batch = w.batch();
  const auto bytes = batch.payload().text();
  const auto within = [&](std::string_view text) {
    return text.data() >= bytes.data()
      && text.data() + text.size() <= bytes.data() + bytes.size();
  };
  CHECK(within(batch.begin()->key_text()));
  CHECK(within(batch.begin()->text()));
}
