#include <cafka/protocol/schema/kafka_version.hpp>

#include <catch2/catch_test_macros.hpp>

using namespace cafka::protocol;

TEST_CASE("a release of Kafka is read with as many numbers as people give it") {
  CHECK(*parse_kafka_version("0.8.2.2") == kafka_version{0, 8, 2});
  CHECK(*parse_kafka_version("0.8.2") == kafka_version{0, 8, 2});
  CHECK(*parse_kafka_version("0.9") == kafka_version{0, 9, 0});
  CHECK(*parse_kafka_version("0.10") == kafka_version{0, 10, 0});
  CHECK(*parse_kafka_version("0.10.2.1") == kafka_version{0, 10, 2});
  CHECK(*parse_kafka_version("2.8.2") == kafka_version{2, 8});
  CHECK(*parse_kafka_version("4.3") == kafka_version{4, 3});
  CHECK(to_string(*parse_kafka_version("0.10.2.1")) == "0.10.2");
  CHECK(to_string(*parse_kafka_version("2.8.2")) == "2.8");
}

TEST_CASE("what is no release of Kafka is refused by name") {
  for (const std::string text : {"", "4", "0", "0.7.2", "0.8.3", "0.10.3", "0.12", "1.2",
         "2.9", "4.3.0.0", "4.4", "0.9.", ".9", "0.9.0.1.2", "0.9.0.1.", "v2.8", "2.8 ",
         " 2.8", "2,8", "-1.0", "0.9.x", "2.8.300", "0.8.2.2-cp", "256.8", "kayrock"}) {
    INFO('"' << text << '"');
    const auto read = parse_kafka_version(text);
    REQUIRE_FALSE(read);
    CHECK(read.error()
      == error{error_code::invalid_argument,
        '"' + text
          + "\" is no release of Kafka's from 0.8.0 to 4.3, such as 0.9.0.1 or 2.8"});
  }
}

TEST_CASE("releases are in the order in which they came") {
  CHECK(kafka_version{0, 8, 2} < kafka_version{0, 9, 0});
  CHECK(kafka_version{0, 9, 0} < kafka_version{0, 10, 0});
  CHECK(kafka_version{0, 11, 0} < kafka_version{1, 0});
  CHECK(kafka_version{2, 8} < kafka_version{3, 0});
}

// What these say of 0.8 no jar says: the client of 0.8.2 drafts group APIs that its
// broker does not have, and 0.8.1 and 0.8.0 have no such client. The schema check
// compares the later ones with Kafka's jars.
TEST_CASE("brokers of 0.8 know what they did of these APIs") {
  using entry = version_table::entry;
  const std::vector<entry> data{{api_key::produce, {0, 0}}, {api_key::fetch, {0, 0}},
    {api_key::list_offsets, {0, 0}}, {api_key::metadata, {0, 0}}};
  CHECK(versions_of({0, 8, 0}).entries() == data);
  auto offsets = data;
  offsets.push_back({api_key::offset_commit, {0, 0}});
  offsets.push_back({api_key::offset_fetch, {0, 0}});
  CHECK(versions_of({0, 8, 1}).entries() == offsets);
  auto coordinated = data;
  coordinated.push_back({api_key::offset_commit, {0, 1}});
  coordinated.push_back({api_key::offset_fetch, {0, 1}});
  coordinated.push_back({api_key::find_coordinator, {0, 0}});
  CHECK(versions_of({0, 8, 2}).entries() == coordinated);
}

TEST_CASE("the versions that Kafka 4.0 dropped are not in its table") {
  CHECK(versions_of({3, 9}).find(api_key::produce) == version_range{0, 11});
  CHECK(versions_of({4, 0}).find(api_key::produce) == version_range{3, 12});
  CHECK(versions_of({4, 3}).find(api_key::fetch) == version_range{4, 18});
}

TEST_CASE("what a version takes is known by the release that brought it") {
  CHECK(first_release_with(api_key::produce, 3) == kafka_version{0, 11, 0});
  CHECK(first_release_with(api_key::create_topics, 0) == kafka_version{0, 10, 1});
  CHECK(first_release_with(api_key::join_group, 0) == kafka_version{0, 9, 0});
  CHECK_FALSE(first_release_with(api_key::produce, 99));
  CHECK_FALSE(first_release_with(api_key::produce, -1));
  CHECK_FALSE(first_release_with(api_key::vote, 0));
}
