#include <cafka/protocol/messages/consumer_protocol.hpp>

#include <catch2/catch_test_macros.hpp>

using namespace cafka::protocol;

TEST_CASE("a subscription is told in the oldest version that can tell it") {
  consumer_subscription s{.topics = {"a", "b"}};
  const auto version_of = [](const consumer_subscription& x) {
    return static_cast<int>(to_metadata(x)->at(1));
  };
  CHECK(*to_metadata({.topics = {"t"}})
    == std::string("\0\0\0\0\0\1\0\1t\xff\xff\xff\xff", 13));
  CHECK(version_of(s) == 0);
  s.owned_partitions = {{"a", {0, 3}}};
  CHECK(version_of(s) == 1);
  s.generation_id = 7;
  CHECK(version_of(s) == 2);
  s.rack_id.emplace("r");
  CHECK(version_of(s) == 3);
  s.user_data = shared_bytes::copy_of("mine");
  CHECK(*subscription_from(*to_metadata(s)) == s);
}

TEST_CASE("an assignment is written and read, and no bytes are no partitions") {
  const consumer_assignment a{.partitions = {{"t", {0, 1}}, {"u", {5}}}};
  CHECK(*assignment_from(*to_assignment(a)) == a);
  CHECK(assignment_from("")->partitions.empty());
}

TEST_CASE("a version of the future is read as far as it is known") {
  auto bytes = *to_metadata({.topics = {"t"}, .rack_id = "r"});
  bytes[1] = 9;
  bytes += "more";
  CHECK(subscription_from(bytes)->rack_id == "r");
  CHECK(subscription_from(bytes)->topics == std::vector<std::string>{"t"});
}

TEST_CASE("bytes that are cut off or make no sense are malformed") {
  const auto whole = *to_metadata({.topics = {"t", "u"}, .rack_id = "r"});
  for (std::size_t n = 0; n != whole.size(); ++n)
    CHECK(subscription_from(whole.substr(0, n)).error().code
      == error_code::malformed_response);
  CHECK(assignment_from("\xff\xff").error().code == error_code::malformed_response);
  const std::string too_long(40'000, 'x');
  CHECK(to_metadata({.topics = {too_long}}).error().code == error_code::invalid_argument);
}
