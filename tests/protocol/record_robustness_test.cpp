#include "record_fixture.hpp"

#include <random>

using namespace record_fixture;

TEST_CASE("every flipped bit is caught by a checksum or does no harm", "[records]") {
  for (const auto& vector : record_vectors) {
    const auto bytes = vector_of(vector.name);
    const auto expected = read_all(bytes);
    const auto v2 = vector.name.starts_with("v2");
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      for (unsigned bit = 0; bit < 8; ++bit) {
        const auto damaged = changed(bytes, i, static_cast<std::byte>(1U << bit));
        const auto r = read_all(damaged);
        // Of a batch the checksum covers all but offset, length, epoch and format; where
        // the length grows, the batch is an incomplete one.
        if (v2 && i >= 17) {
          INFO(vector.name << " " << i);
          CHECK(r.reader_error == error_code::corrupt_message);
        }
        if (r.ok() && r.records.size() == expected.records.size()) {
          for (std::size_t k = 0; k < r.records.size(); ++k)
            CHECK(r.records[k].content == expected.records[k].content);
        }
        (void)read_all(damaged, {.check_crcs = false, .max_decompressed_bytes = 100'000});
      }
    }
  }
}

TEST_CASE("no batch cut at any byte is taken for a whole one", "[records]") {
  for (const auto& vector : record_vectors) {
    const auto bytes = vector_of(vector.name);
    const auto expected = read_all(bytes);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      const auto r = read_all(bytes.slice(0, size));
      CHECK(r.ok());
      CHECK(r.batches.size() < expected.batches.size());
    }
  }
}

TEST_CASE("noise behind a plausible header does no harm", "[records]") {
  std::mt19937_64 random{7};
  for (int round = 0; round < 20'000; ++round) {
    std::vector<std::byte> bytes(12 + random() % 200);
    for (auto& b : bytes)
      b = static_cast<std::byte>(random());
    for (std::size_t i = 0; i < 12; ++i)
      bytes[i] = {};
    bytes[11] = static_cast<std::byte>(bytes.size() - 12);
    if (bytes.size() > 30) {
      bytes[16] = static_cast<std::byte>(round % 3);
      bytes[17] = static_cast<std::byte>(random() % 5);
    }
    if (bytes.size() > 61) {
      // A v2 header that could be, so that the records are reached.
      for (std::size_t i = 21; i < 27; ++i)
        bytes[i] = {};
      bytes[22] = static_cast<std::byte>(random() % 5);
      for (std::size_t i = 57; i < 60; ++i)
        bytes[i] = {};
      bytes[60] = static_cast<std::byte>(random() % 8);
    }
    const auto r = read_all(shared_bytes::from(std::move(bytes)),
      {.check_crcs = false, .max_decompressed_bytes = 100'000});
    CHECK(r.batches.size() <= 1);
  }
}
