// Any bytes as the records of a Fetch response. What can be read is built again, and then
// reads the same.
//
// The first byte chooses: bit 0 checks checksums, bits 1 to 3 are the codec to build
// with.
#include "fuzz_require.hpp"
#include <cafka/protocol/records/batch_builder.hpp>
#include <cafka/protocol/records/record_batch.hpp>

using namespace cafka::protocol;

namespace {

constexpr std::size_t most_decompressed = 1024 * 1024;

std::vector<record> records_of(const record_batch& batch) {
  std::vector<record> result;
  for (const auto& x : batch)
    result.push_back(to_record(x));
  return result;
}

result<shared_bytes> rebuilt(const record_batch& batch, const builder_options& options) {
  const auto magic = batch.info().magic;
  if (magic == 2) {
    batch_builder builder{options};
    for (const auto& x : batch)
      require(builder.append(x), "a record that was read fits into a batch");
    return builder.seal();
  }
  message_set_builder builder{magic, options};
  for (const auto& x : batch)
    require(builder.append(x.key, x.value, x.time), "a message that was read fits");
  return builder.seal();
}

void check_rebuilding(const record_batch& batch, codec compression) {
  const auto expected = records_of(batch);
  if (expected.empty())
    return;
  builder_options options;
  options.compression = compression;
  options.initial_capacity = 0;
  options.max_size = 64 * most_decompressed;
  const auto bytes = rebuilt(batch, options);
  const auto magic = batch.info().magic;
  if (compression > codec::zstd || (magic < 2 && compression == codec::zstd)) {
    require(!bytes, "an impossible codec is refused");
    return;
  }
  require(bytes.has_value(), "what was read can be built");
  batch_reader reader{*bytes};
  record_batch again;
  std::size_t count = 0;
  while (reader.next(again)) {
    for (const auto& x : again) {
      require(
        x.offset == log_offset{static_cast<std::int64_t>(count)}, "offsets count up");
      require(count < expected.size() && to_record(x) == expected[count],
        "the records are equal");
      ++count;
    }
    require_none(again.error(), "what was built is well-formed");
  }
  require_none(reader.error(), "what was built is read");
  require(count == expected.size(), "no record is lost");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0)
    return 0;
  const auto choice = data[0];
  // A buffer of its own, so that reading past the end is seen.
  const auto bytes =
    shared_bytes::copy_of(std::as_bytes(std::span{data, size}).subspan(1));
  batch_reader reader{bytes,
    {.check_crcs = (choice & 1) != 0, .max_decompressed_bytes = most_decompressed}};
  record_batch batch;
  std::size_t wire_size = 0;
  while (reader.next(batch)) {
    const auto& info = batch.info();
    wire_size += info.wire_size;
    require(info.base_offset <= info.last_offset, "a batch does not run backwards");
    require(batch.payload().size() <= std::max(most_decompressed, bytes.size()),
      "the limit is kept");
    std::int32_t walked = 0;
    for (const auto& x : batch) {
      ++walked;
      std::ptrdiff_t headers = 0;
      for ([[maybe_unused]] const auto& header : x.headers)
        ++headers;
      require(
        x.headers.size() == static_cast<std::size_t>(headers), "headers are all there");
      (void)control_marker_of(x);
    }
    if (batch.error().code == error_code::none) {
      require(walked == info.record_count, "records are all there");
      check_rebuilding(batch, static_cast<codec>((choice >> 1) & 7));
    }
  }
  require(wire_size <= bytes.size(), "no byte is read twice");
  require(!reader.next(batch), "the end is the end");
  return 0;
}
