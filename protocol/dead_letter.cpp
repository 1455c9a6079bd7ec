#include "dead_letter.hpp"

#include <type_traits>
#include <utility>

namespace cafka::protocol {

namespace {

/// As Java's ByteBuffer writes it.
template <class Int>
std::string big_endian(Int value) {
  std::string bytes(sizeof value, '\0');
  auto rest = static_cast<std::make_unsigned_t<Int>>(value);
  for (auto at = bytes.rbegin(); at != bytes.rend(); ++at) {
    *at = static_cast<char>(rest & 0xFF);
    rest = static_cast<decltype(rest)>(rest >> 7 >> 1);
  }
  return bytes;
}

std::string java_name(timestamp_type t) {
  switch (t) {
  case timestamp_type::create_time: return "CREATE_TIME";
  case timestamp_type::log_append_time: return "LOG_APPEND_TIME";
  case timestamp_type::none: break;
  }
  return "NO_TIMESTAMP_TYPE";
}

} // namespace

std::string_view to_string(dead_letter_headers h) {
  switch (h) {
  case dead_letter_headers::spring: return "spring";
  case dead_letter_headers::connect: return "connect";
  case dead_letter_headers::streams: return "streams";
  }
  return "unknown";
}

std::vector<record::header> headers_of(
  const dead_letter_origin& from, dead_letter_headers names) {
  const auto partition = from.which.partition.value();
  const auto offset = from.offset.value();
  const auto code = to_string(from.why.code);
  if (names == dead_letter_headers::spring)
    return {{"kafka_dlt-original-topic", from.which.topic},
      {"kafka_dlt-original-partition", big_endian(std::int32_t{partition})},
      {"kafka_dlt-original-offset", big_endian(std::int64_t{offset})},
      {"kafka_dlt-original-timestamp",
        big_endian(std::int64_t{from.time.time_since_epoch().count()})},
      {"kafka_dlt-original-timestamp-type", java_name(from.time_type)},
      {"kafka_dlt-original-consumer-group", from.group},
      {"kafka_dlt-exception-fqcn", code},
      {"kafka_dlt-exception-message", from.why.detail},
      {"retry_topic-attempts", big_endian(static_cast<std::int32_t>(from.attempts))}};
  const std::string prefix =
    names == dead_letter_headers::connect ? "__connect.errors." : "__streams.errors.";
  std::vector<record::header> all{{prefix + "topic", from.which.topic},
    {prefix + "partition", std::to_string(partition)},
    {prefix + "offset", std::to_string(offset)}};
  if (names == dead_letter_headers::connect) {
    all.emplace_back(prefix + "connector.name", from.group);
    all.emplace_back(prefix + "exception.class.name", code);
    all.emplace_back(prefix + "exception.message", from.why.detail);
  } else {
    all.emplace_back(prefix + "exception", code);
    all.emplace_back(prefix + "message", from.why.detail);
  }
  return all;
}

} // namespace cafka::protocol
