#include <cafka/protocol/dead_letter.hpp>

#include <catch2/catch_test_macros.hpp>

#include <map>

using namespace cafka::protocol;

TEST_CASE("a dead letter's headers say where it comes from, by the names of Spring, "
          "Connect or Streams") {
  dead_letter_origin from;
  from.group = "billing";
  from.which = {"orders", partition_id{258}};
  from.offset = log_offset{0x0102030405060708};
  from.time = timestamp{std::chrono::milliseconds{-2}};
  from.time_type = timestamp_type::log_append_time;
  from.attempts = 3;
  from.why = {error_code::worker_down, "no such customer"};
  const auto headers = [&](dead_letter_headers names) {
    std::map<std::string, std::string> all;
    for (const auto& [key, value] : headers_of(from, names))
      all[key] = value.value();
    return all;
  };
  auto spring = headers(dead_letter_headers::spring);
  CHECK(spring["kafka_dlt-original-topic"] == "orders");
  CHECK(spring["kafka_dlt-original-partition"] == std::string("\0\0\1\2", 4));
  CHECK(spring["kafka_dlt-original-offset"] == "\1\2\3\4\5\6\7\x08");
  CHECK(spring["kafka_dlt-original-timestamp"] == "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFE");
  CHECK(spring["kafka_dlt-original-timestamp-type"] == "LOG_APPEND_TIME");
  CHECK(spring["kafka_dlt-original-consumer-group"] == "billing");
  CHECK(spring["kafka_dlt-exception-fqcn"] == "WORKER_DOWN");
  CHECK(spring["kafka_dlt-exception-message"] == "no such customer");
  CHECK(spring["retry_topic-attempts"] == std::string("\0\0\0\3", 4));
  auto connect = headers(dead_letter_headers::connect);
  CHECK(connect["__connect.errors.topic"] == "orders");
  CHECK(connect["__connect.errors.partition"] == "258");
  CHECK(connect["__connect.errors.offset"] == "72623859790382856");
  CHECK(connect["__connect.errors.exception.message"] == "no such customer");
  auto streams = headers(dead_letter_headers::streams);
  CHECK(streams["__streams.errors.topic"] == "orders");
  CHECK(streams["__streams.errors.partition"] == "258");
  CHECK(streams["__streams.errors.exception"] == "WORKER_DOWN");
  CHECK(streams["__streams.errors.message"] == "no such customer");
}
