#pragma once

#include "record_vectors.hpp"
#include <cafka/protocol/records/batch_builder.hpp>
#include <cafka/protocol/records/record_batch.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

namespace record_fixture {

using namespace cafka::protocol;

constexpr timestamp at(std::int64_t milliseconds) {
  return timestamp{std::chrono::milliseconds{milliseconds}};
}

/// The bytes of one of Kafka's vectors, by its name.
inline shared_bytes vector_of(std::string_view name) {
  for (const auto& vector : record_vectors) {
    if (vector.name != name)
      continue;
    std::vector<std::byte> bytes;
    for (std::size_t i = 0; i < vector.hex.size(); i += 2)
      bytes.push_back(static_cast<std::byte>(
        std::stoi(std::string{vector.hex.substr(i, 2)}, nullptr, 16)));
    return shared_bytes::from(std::move(bytes));
  }
  FAIL("no vector " << name);
  return {};
}

/// A record with what a `record` leaves behind.
struct seen {
  std::int64_t offset;
  timestamp_type time_type;
  record content;

  friend bool operator==(const seen&, const seen&) = default;
};

/// All that a reader makes of some bytes.
struct reading {
  std::vector<batch_info> batches;
  std::vector<seen> records;
  error_code reader_error = error_code::none;
  error_code record_error = error_code::none;
  bool partial = false;
  std::size_t partial_size = 0;

  [[nodiscard]] bool ok() const {
    return reader_error == error_code::none && record_error == error_code::none;
  }
};

inline reading read_all(const shared_bytes& bytes, read_options options = {}) {
  reading result;
  batch_reader reader{bytes, options};
  record_batch batch;
  while (reader.next(batch)) {
    result.batches.push_back(batch.info());
    for (const auto& x : batch)
      result.records.push_back({x.offset.value(), x.time_type, to_record(x)});
    if (batch.error().code != error_code::none)
      result.record_error = batch.error().code;
  }
  result.reader_error = reader.error().code;
  result.partial = reader.partial();
  result.partial_size = reader.partial_size();
  return result;
}

/// What the vectors hold, in a format that has headers and times or has not.
inline std::vector<record> vector_records(int magic) {
  std::vector<record> result(3);
  result[0] = {.key = "k1", .value = "v1", .headers = {}, .time = at(1600000000000)};
  if (magic == 2)
    result[0].headers = {{"h1", "x"}, {"h2", std::nullopt}, {"h1", ""}};
  result[1] = {.key = std::nullopt,
    .value = "a longer value, a longer value, a longer value",
    .headers = {},
    .time = at(1600000000007)};
  result[2] = {
    .key = "", .value = std::nullopt, .headers = {}, .time = at(1599999999990)};
  if (magic == 0) {
    for (auto& x : result)
      x.time.reset();
  }
  return result;
}

inline std::optional<byte_view> view(const std::optional<std::string>& text) {
  return text ? std::optional{as_bytes(*text)} : std::nullopt;
}

/// The records in the format `magic`, sealed without producer.
inline result<shared_bytes> build(
  int magic, const std::vector<record>& records, builder_options options) {
  if (magic == 2) {
    batch_builder builder{options};
    for (const auto& x : records)
      REQUIRE(builder.append(x, at(0)));
    return builder.seal();
  }
  message_set_builder builder{static_cast<std::int8_t>(magic), options};
  for (const auto& x : records)
    REQUIRE(builder.append(view(x.key), view(x.value), x.time.value_or(at(0))));
  return builder.seal();
}

inline std::vector<codec> codecs_of(int magic) {
  std::vector<codec> result{codec::none, codec::gzip, codec::snappy, codec::lz4};
  if (magic == 2)
    result.push_back(codec::zstd);
  return result;
}

inline shared_bytes joined(std::initializer_list<shared_bytes> parts) {
  std::vector<std::byte> all;
  for (const auto& part : parts)
    all.insert(all.end(), part.view().begin(), part.view().end());
  return shared_bytes::from(std::move(all));
}

inline shared_bytes changed(
  const shared_bytes& bytes, std::size_t position, std::byte mask) {
  std::vector<std::byte> copy{bytes.view().begin(), bytes.view().end()};
  copy[position] ^= mask;
  return shared_bytes::from(std::move(copy));
}

} // namespace record_fixture
