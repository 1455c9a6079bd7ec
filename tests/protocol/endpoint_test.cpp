#include <cafka/protocol/endpoint.hpp>

#include <catch2/catch_test_macros.hpp>

using namespace cafka::protocol;

TEST_CASE("endpoints are read with and without a port", "[endpoint]") {
  const struct {
    std::string_view text;
    endpoint expected;
  } table[] = {
    {"localhost", {"localhost", 9092}},
    {"kafka-1.example.org:19092", {"kafka-1.example.org", 19092}},
    {"10.0.0.1:1", {"10.0.0.1", 1}},
    {"10.0.0.1:65535", {"10.0.0.1", 65535}},
    {" \tbroker:9093\r\n", {"broker", 9093}},
    {"[::1]:9094", {"::1", 9094}},
    {"[fe80::1%eth0]", {"fe80::1%eth0", 9092}},
  };
  for (const auto& row : table) {
    INFO(row.text);
    const auto parsed = parse_endpoint(row.text);
    REQUIRE(parsed);
    CHECK(*parsed == row.expected);
  }
}

TEST_CASE("a wrong endpoint is refused with its text and the reason", "[endpoint]") {
  const struct {
    std::string_view text;
    std::string_view reason;
  } table[] = {
    {"", "the host is missing"},
    {"   ", "the host is missing"},
    {":9092", "the host is missing"},
    {"[]:9092", "the host is missing"},
    {"host:", "the port must be a number"},
    {"host:0", "the port must be a number"},
    {"host:65536", "the port must be a number"},
    {"host:99999999999999999999", "the port must be a number"},
    {"host:-1", "the port must be a number"},
    {"host:+1", "the port must be a number"},
    {"host:90x", "the port must be a number"},
    {"[::1]:", "the port must be a number"},
    {"::1", "goes in brackets"},
    {"a:1:2", "goes in brackets"},
    {"[::1", "not closed"},
    {"[::1]9092", "only a port may follow"},
    {"two words", "no spaces or slashes"},
    {"host: 9092", "no spaces or slashes"},
    {"kafka://host:9092", "no spaces or slashes"},
  };
  for (const auto& row : table) {
    INFO(row.text);
    const auto parsed = parse_endpoint(row.text);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().code == error_code::invalid_argument);
    INFO(parsed.error().detail);
    CHECK(parsed.error().detail.find(row.reason) != std::string::npos);
  }
  CHECK(parse_endpoint(" host:x ").error().detail.starts_with("broker \"host:x\": "));
}

TEST_CASE("a list of endpoints keeps its order and allows spaces", "[endpoint]") {
  const auto all = parse_endpoints("b:2, a:1 ,[::1]:3");
  REQUIRE(all);
  CHECK(*all == std::vector<endpoint>{{"b", 2}, {"a", 1}, {"::1", 3}});
}

TEST_CASE("a list with an empty or wrong item is refused as a whole", "[endpoint]") {
  for (const auto* text : {"", ",", "a,", ",a", "a,,b", "a:1,b:x"}) {
    INFO(text);
    CHECK(parse_endpoints(text).error().code == error_code::invalid_argument);
  }
}

TEST_CASE("an endpoint reads back as it was printed", "[endpoint]") {
  for (const auto& e : {endpoint{"a", 1}, endpoint{"::1", 9092}, endpoint{"1.2.3.4", 5}})
    CHECK(*parse_endpoint(to_string(e)) == e);
  CHECK(to_string(endpoint{"::1", 9092}) == "[::1]:9092");
}
