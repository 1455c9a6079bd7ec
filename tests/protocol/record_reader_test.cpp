#include "allocation_counter.hpp"
#include "record_fixture.hpp"
#include <cafka/protocol/records/checksum.hpp>
#include <cafka/protocol/wire/writer.hpp>

using namespace record_fixture;

namespace {

std::vector<std::int64_t> offsets(const reading& r) {
  std::vector<std::int64_t> result;
  for (const auto& x : r.records)
    result.push_back(x.offset);
  return result;
}

std::vector<record> contents(const reading& r) {
  std::vector<record> result;
  for (const auto& x : r.records)
    result.push_back(x.content);
  return result;
}

/// A v2 batch around `records`, with a checksum that fits whatever else is wrong.
shared_bytes batch_around(byte_view records, std::int32_t count,
  std::int32_t last_delta = 0, std::int16_t attributes = 0,
  std::int64_t base_offset = 0) {
  writer checked;
  checked.i16(attributes);
  checked.i32(last_delta);
  checked.i64(1000);
  checked.i64(1000);
  checked.i64(-1);
  checked.i16(-1);
  checked.i32(-1);
  checked.i32(count);
  checked.raw(records);
  const auto tail = checked.bytes();
  writer all;
  all.i64(base_offset);
  all.i32(static_cast<std::int32_t>(9 + tail.size()));
  all.i32(-1);
  all.i8(2);
  all.u32(crc32c(tail));
  all.raw(byte_view{tail});
  return shared_bytes::from(all.bytes());
}

/// A v0 or v1 message with a checksum that fits.
std::vector<std::byte> message(std::int8_t magic, std::int64_t offset,
  std::int8_t attributes, std::optional<std::string_view> value) {
  writer checked;
  checked.i8(magic);
  checked.i8(attributes);
  if (magic == 1)
    checked.i64(1000);
  checked.i32(-1);
  checked.i32(value ? static_cast<std::int32_t>(value->size()) : -1);
  checked.raw(value.value_or(""));
  const auto tail = checked.bytes();
  writer all;
  all.i64(offset);
  all.i32(static_cast<std::int32_t>(4 + tail.size()));
  all.u32(crc32(tail));
  all.raw(byte_view{tail});
  return all.bytes();
}

/// A wrapper around a set of messages.
shared_bytes wrapper(std::int8_t magic, std::int64_t offset,
  const std::vector<std::vector<std::byte>>& inner) {
  std::vector<std::byte> set;
  for (const auto& x : inner)
    set.insert(set.end(), x.begin(), x.end());
  byte_arena compressed;
  REQUIRE(compress(codec::gzip, set, compressed));
  return shared_bytes::from(message(magic, offset, 1, as_text(compressed.view())));
}

} // namespace

TEST_CASE("what Kafka writes is read in every format and codec", "[records]") {
  for (int magic = 0; magic <= 2; ++magic) {
    for (const auto c : codecs_of(magic)) {
      const auto name = "v" + std::to_string(magic) + "_" + std::string{to_string(c)};
      INFO(name);
      const auto r = read_all(vector_of(name));
      CHECK(r.ok());
      CHECK(!r.partial);
      CHECK(offsets(r) == std::vector<std::int64_t>{100, 101, 102});
      CHECK(contents(r) == vector_records(magic));
      const auto one_by_one = magic < 2 && c == codec::none;
      REQUIRE(r.batches.size() == (one_by_one ? 3 : 1));
      const auto& info = r.batches.back();
      CHECK(info.magic == magic);
      CHECK(info.compression == c);
      CHECK(info.last_offset == log_offset{102});
      CHECK(info.time_type
        == (magic == 0 ? timestamp_type::none : timestamp_type::create_time));
      CHECK(info.producer_id == -1);
      CHECK(!info.control);
      if (!one_by_one) {
        CHECK(info.base_offset == log_offset{100});
        CHECK(info.record_count == 3);
        CHECK(info.wire_size == vector_of(name).size());
        CHECK(info.max_timestamp == (magic == 0 ? no_timestamp : at(1600000000007)));
        CHECK(info.epoch == leader_epoch{magic == 2 ? 5 : -1});
      }
    }
  }
}

TEST_CASE("offsets keep the gaps that compaction leaves", "[records]") {
  for (const auto* name : {"v0_none_gaps", "v0_gzip_gaps", "v1_none_gaps", "v1_gzip_gaps",
         "v2_none_gaps", "v2_gzip_gaps"}) {
    INFO(name);
    const auto r = read_all(vector_of(name));
    CHECK(r.ok());
    CHECK(offsets(r) == std::vector<std::int64_t>{100, 103, 109});
    CHECK(r.batches.back().last_offset == log_offset{109});
  }
}

TEST_CASE("a v1 wrapper's offsets count back from its own", "[records]") {
  // The first two of five were compacted away.
  const auto r = read_all(wrapper(
    1, 44, {message(1, 2, 0, "c"), message(1, 3, 0, "d"), message(1, 4, 0, "e")}));
  CHECK(r.ok());
  CHECK(offsets(r) == std::vector<std::int64_t>{42, 43, 44});
  CHECK(r.batches.at(0).base_offset == log_offset{42});
  // A producer that had absolute offsets inside is read nevertheless.
  CHECK(
    offsets(read_all(wrapper(1, 44, {message(1, 43, 0, "d"), message(1, 44, 0, "e")})))
    == std::vector<std::int64_t>{43, 44});
}

TEST_CASE("the broker's time stands in for the producer's", "[records]") {
  for (const auto* name : {"v1_none_append_time", "v1_gzip_append_time",
         "v2_none_append_time", "v2_gzip_append_time"}) {
    INFO(name);
    const auto r = read_all(vector_of(name));
    CHECK(r.ok());
    REQUIRE(r.records.size() == 3);
    for (const auto& x : r.records) {
      CHECK(x.time_type == timestamp_type::log_append_time);
      CHECK(x.content.time == at(1700000000000));
    }
  }
}

TEST_CASE("a transactional batch names its producer", "[records]") {
  const auto r = read_all(vector_of("v2_transactional"));
  CHECK(r.ok());
  const auto& info = r.batches.at(0);
  CHECK(info.transactional);
  CHECK(!info.control);
  CHECK(info.producer_id == 4711);
  CHECK(info.producer_epoch == 3);
  CHECK(info.base_sequence == 12);
}

TEST_CASE("control batches tell how a transaction ended", "[records]") {
  for (const auto& [name, type] :
    {std::pair{"v2_commit", control_type::commit}, {"v2_abort", control_type::abort}}) {
    batch_reader reader{vector_of(name)};
    record_batch batch;
    REQUIRE(reader.next(batch));
    CHECK(batch.info().control);
    CHECK(batch.info().transactional);
    CHECK(batch.info().producer_id == 4711);
    REQUIRE(batch.begin() != batch.end());
    const auto marker = control_marker_of(*batch.begin());
    REQUIRE(marker);
    CHECK(*marker == control_marker{type, 9});
  }
  CHECK(control_marker_of({}).error().code == error_code::invalid_record);
  record_view without_epoch;
  without_epoch.key = as_bytes(std::string_view{"\0\0\0\1", 4});
  CHECK(control_marker_of(without_epoch).error().code == error_code::invalid_record);
}

TEST_CASE("a batch that compaction has emptied still moves the offset on", "[records]") {
  const auto r = read_all(vector_of("v2_empty"));
  CHECK(r.ok());
  CHECK(r.records.empty());
  CHECK(r.batches.at(0).base_offset == log_offset{300});
  CHECK(r.batches.at(0).last_offset == log_offset{309});
  // Emptied, but marked as compressed.
  const auto compressed = read_all(batch_around({}, 0, 3, 4));
  CHECK(compressed.ok());
  CHECK(compressed.batches.at(0).last_offset == log_offset{3});
}

TEST_CASE("a delete horizon is told and times stay right", "[records]") {
  const auto r = read_all(vector_of("v2_delete_horizon"));
  CHECK(r.ok());
  CHECK(r.batches.at(0).delete_horizon == at(1650000000000));
  CHECK(contents(r) == vector_records(2));
}

TEST_CASE("formats may be mixed in one answer", "[records]") {
  const auto r = read_all(joined({vector_of("v0_lz4"), vector_of("v1_none"),
    vector_of("v2_zstd"), vector_of("v2_commit"), vector_of("v1_snappy")}));
  CHECK(r.ok());
  CHECK(r.batches.size() == 7);
  CHECK(r.records.size() == 13);
}

TEST_CASE("an incomplete batch at the end is ignored at every byte", "[records]") {
  const auto whole = vector_of("v1_gzip");
  for (const auto* name : {"v0_none", "v1_snappy", "v2_none", "v2_zstd"}) {
    const auto last = vector_of(name);
    const auto complete = read_all(joined({whole, last}));
    for (std::size_t size = 1; size < last.size(); ++size) {
      const auto r = read_all(joined({whole, last.slice(0, size)}));
      CHECK(r.ok());
      CHECK(r.records.size() >= 3);
      for (std::size_t i = 0; i < r.records.size(); ++i)
        CHECK(r.records[i] == complete.records.at(i));
      if (std::string_view{name}.starts_with("v2")
        || name == std::string_view{"v1_snappy"}) {
        CHECK(r.records.size() == 3);
        CHECK(r.partial);
        CHECK(r.partial_size == (size < 12 ? 0 : last.size()));
      }
    }
  }
  CHECK(!read_all({}).partial);
}

TEST_CASE(
  "a checksum that does not fit is an error unless it is not asked for", "[records]") {
  for (const auto* name : {"v0_none", "v1_none", "v2_none"}) {
    const auto bytes = vector_of(name);
    const auto damaged = changed(bytes, bytes.text().find("longer"), std::byte{1});
    CHECK(read_all(damaged).reader_error == error_code::corrupt_message);
    const auto unchecked = read_all(damaged, {.check_crcs = false});
    CHECK(unchecked.ok());
    CHECK(unchecked.records.size() == 3);
  }
  // The checksum of a message inside a wrapper counts too.
  auto inner = message(1, 0, 0, "value");
  inner.back() ^= std::byte{1};
  CHECK(read_all(wrapper(1, 0, {inner})).reader_error == error_code::corrupt_message);
  CHECK(read_all(wrapper(1, 0, {inner}), {.check_crcs = false}).ok());
}

TEST_CASE("batches before the damaged one are handed out", "[records]") {
  const auto good = vector_of("v2_lz4");
  const auto r = read_all(joined({good, changed(good, 70, std::byte{1}), good}));
  CHECK(r.records.size() == 3);
  CHECK(r.reader_error == error_code::corrupt_message);
}

TEST_CASE("formats and codecs that nobody has defined are refused", "[records]") {
  for (const auto magic : {3, 127, 128, 255}) {
    const auto r =
      read_all(changed(vector_of("v2_none"), 16, static_cast<std::byte>(2 ^ magic)));
    CHECK(r.reader_error == error_code::unsupported_for_message_format);
  }
  for (std::int16_t c = 5; c <= 7; ++c) {
    CHECK(read_all(batch_around({}, 1, 0, c)).reader_error
      == error_code::unsupported_compression_type);
    CHECK(read_all(shared_bytes::from(message(1, 0, static_cast<std::int8_t>(c), "x")))
            .reader_error
      == error_code::unsupported_compression_type);
  }
  // KIP-110 keeps zstd from the old formats.
  CHECK(read_all(shared_bytes::from(message(0, 0, 4, "x"))).reader_error
    == error_code::unsupported_compression_type);
}

TEST_CASE("wrappers that hold what they must not are refused", "[records]") {
  const auto plain = message(1, 0, 0, "x");
  const auto code = [](
                      const shared_bytes& bytes) { return read_all(bytes).reader_error; };
  CHECK(code(wrapper(1, 0, {plain})) == error_code::none);
  // One wrapper inside another.
  const auto nested = wrapper(1, 0, {plain});
  CHECK(code(wrapper(1, 0, {{nested.view().begin(), nested.view().end()}}))
    == error_code::corrupt_message);
  CHECK(code(wrapper(1, 0, {message(0, 0, 0, "x")})) == error_code::corrupt_message);
  CHECK(code(wrapper(1, 0, {})) == error_code::corrupt_message);
  CHECK(code(wrapper(1, 0, {{plain.begin(), plain.end() - 1}}))
    == error_code::corrupt_message);
  CHECK(code(wrapper(1, 0, {message(1, -1, 0, "x")})) == error_code::corrupt_message);
  // More offsets inside than there are before the wrapper's own.
  CHECK(
    code(wrapper(1, 1, {plain, message(1, 2, 0, "x")})) == error_code::corrupt_message);
  // A v0 wrapper whose records are beyond its own offset, which would send a reader back.
  CHECK(code(wrapper(0, 46, {message(0, 46, 0, "x")})) == error_code::none);
  CHECK(code(wrapper(0, 46, {message(0, 100, 0, "x")})) == error_code::corrupt_message);
  CHECK(code(shared_bytes::from(message(1, 0, 1, std::nullopt)))
    == error_code::corrupt_message);
  CHECK(code(shared_bytes::from(message(1, 0, 1, "not gzip")))
    == error_code::corrupt_message);
}

TEST_CASE("headers of a batch that cannot be are refused", "[records]") {
  const auto code = [](
                      const shared_bytes& bytes) { return read_all(bytes).reader_error; };
  const std::array<std::byte, 7> record{
    std::byte{12}, {}, {}, {}, std::byte{1}, std::byte{1}, {}};
  CHECK(code(batch_around(record, 1)) == error_code::none);
  CHECK(code(batch_around(record, -1)) == error_code::corrupt_message);
  CHECK(code(batch_around(record, 2)) == error_code::corrupt_message);
  CHECK(code(batch_around(record, 0x7FFFFFFF)) == error_code::corrupt_message);
  CHECK(code(batch_around(record, 1, -1)) == error_code::corrupt_message);
  CHECK(code(batch_around(record, 1, 0, 0, -1)) == error_code::corrupt_message);
  CHECK(code(batch_around(record, 1, 1, 0, std::numeric_limits<std::int64_t>::max()))
    == error_code::corrupt_message);
  writer short_batch;
  short_batch.i64(0);
  short_batch.i32(48);
  short_batch.i32(-1);
  short_batch.i8(2);
  short_batch.raw(std::string(43, '\0'));
  CHECK(code(shared_bytes::from(short_batch.bytes())) == error_code::corrupt_message);
  for (const auto length : {-1, -2147483647, 0, 13}) {
    writer w;
    w.i64(0);
    w.i32(length);
    w.raw(std::string(100, '\0'));
    CHECK(code(shared_bytes::from(w.bytes())) == error_code::corrupt_message);
  }
}

TEST_CASE("malformed records end the walk and leave an error", "[records]") {
  const auto code = [](std::initializer_list<int> bytes, std::int32_t count = 1,
                      std::int64_t base_offset = 0) {
    std::vector<std::byte> records;
    for (const auto b : bytes)
      records.push_back(static_cast<std::byte>(b));
    const auto r = read_all(batch_around(records, count, 0, 0, base_offset));
    CHECK(r.reader_error == error_code::none);
    return r.record_error;
  };
  constexpr auto bad = error_code::invalid_record;
  CHECK(code({12, 0, 0, 0, 1, 1, 0}) == error_code::none);
  // Its length: too long, too short, negative.
  CHECK(code({14, 0, 0, 0, 1, 1, 0}) == bad);
  CHECK(code({10, 0, 0, 0, 1, 1, 0}) == bad);
  CHECK(code({1, 0, 0, 0, 1, 1, 0}) == bad);
  // The key's and the value's lengths.
  CHECK(code({12, 0, 0, 0, 3, 1, 0}) == bad);
  CHECK(code({12, 0, 0, 0, 100, 1, 0}) == bad);
  CHECK(code({12, 0, 0, 0, 1, 3, 0}) == bad);
  CHECK(code({12, 0, 0, 0, 1, 100, 0}) == bad);
  // Headers: more than bytes for them, a negative count, a key of null, a bad value.
  CHECK(code({12, 0, 0, 0, 1, 1, 2}) == bad);
  CHECK(code({12, 0, 0, 0, 1, 1, 1}) == bad);
  CHECK(code({16, 0, 0, 0, 1, 1, 2, 0, 1}) == error_code::none);
  CHECK(code({16, 0, 0, 0, 1, 1, 2, 1, 1}) == bad);
  CHECK(code({16, 0, 0, 0, 1, 1, 2, 0, 3}) == bad);
  CHECK(code({16, 0, 0, 0, 1, 1, 2, 0, 2}) == bad);
  // A varint that never ends, bytes behind the last record, an offset beyond all.
  CHECK(code({12, 0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255}) == bad);
  CHECK(code({12, 0, 0, 0, 1, 1, 0, 0}) == bad);
  CHECK(code({12, 0, 0, 2, 1, 1, 0}, 1, std::numeric_limits<std::int64_t>::max()) == bad);
  // What came before is handed out.
  const std::array<std::byte, 14> second_bad{
    std::byte{12}, {}, {}, {}, std::byte{1}, std::byte{1}, {}, std::byte{99}};
  const auto r = read_all(batch_around(second_bad, 2));
  CHECK(r.records.size() == 1);
  CHECK(r.record_error == bad);
}

TEST_CASE("batches that are not wanted are not decompressed", "[records]") {
  // Its CRC fits, but its records are no zstd.
  const auto undecodable = batch_around(as_bytes("no zstd"), 1, 0, 4, 50);
  const auto bytes = joined({undecodable, vector_of("v2_zstd")});
  CHECK(read_all(bytes).reader_error == error_code::corrupt_message);
  batch_reader reader{bytes};
  record_batch batch;
  REQUIRE(reader.next(
    batch, [](const batch_info& info) { return info.last_offset >= log_offset{100}; }));
  CHECK(batch.info().base_offset == log_offset{100});
  CHECK(!reader.next(batch));
  CHECK(reader.error().code == error_code::none);
}

TEST_CASE("walking the records allocates nothing", "[records]") {
  for (int magic = 0; magic <= 2; ++magic) {
    for (const auto c : codecs_of(magic)) {
      const auto bytes =
        vector_of("v" + std::to_string(magic) + "_" + std::string{to_string(c)});
      batch_reader reader{bytes};
      record_batch batch;
      while (reader.next(batch)) {
        std::size_t seen_bytes = 0;
        std::size_t walked = 0;
        const allocation_counter allocations;
        for (const auto& x : batch) {
          ++walked;
          seen_bytes += x.value ? x.value->size() : 0;
          for (const auto& header : x.headers)
            seen_bytes += header.key.size();
        }
        CHECK(allocations.count() == 0);
        CHECK(walked == static_cast<std::size_t>(batch.info().record_count));
        CHECK(seen_bytes <= 64);
      }
    }
  }
}

TEST_CASE("an uncompressed batch is read where it lies", "[records]") {
  const auto bytes = vector_of("v2_none");
  batch_reader reader{bytes};
  record_batch batch;
  const allocation_counter allocations;
  const auto found = reader.next(batch);
  CHECK(allocations.count() == 0);
  REQUIRE(found);
  CHECK(batch.payload().data() == bytes.data() + 61);
}

TEST_CASE("a view outlives the reader as long as the payload is held", "[records]") {
  shared_bytes payload;
  byte_view value;
  {
    batch_reader reader{vector_of("v2_gzip")};
    record_batch batch;
    REQUIRE(reader.next(batch));
    payload = batch.payload();
    value = batch.begin()->value.value();
  }
  CHECK(as_text(value) == "v1");
}
