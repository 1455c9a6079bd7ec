#include <cafka/protocol/machines/cluster.hpp>

#include <catch2/catch_test_macros.hpp>

#include <utility>

using namespace cafka::protocol;
using leadership = cluster::leadership;

namespace {

struct part {
  std::int32_t index;
  std::int32_t leader;
  std::int32_t epoch = -1;
};

uuid id_of(std::uint8_t number) {
  uuid id;
  id.bytes[15] = number;
  return id;
}

metadata_response about(std::string topic, uuid id, const std::vector<part>& parts,
  error_code status = error_code::none) {
  metadata_response answer;
  auto& t = answer.topics.emplace_back();
  t.name = std::move(topic);
  t.topic_id = id;
  t.error_code = status;
  for (const auto& p : parts) {
    auto& out = t.partitions.emplace_back();
    out.partition_index = p.index;
    out.leader_id = p.leader;
    out.leader_epoch = p.epoch;
  }
  return answer;
}

metadata_response brokers(
  const std::vector<std::pair<std::int32_t, std::int32_t>>& ports, int controller) {
  metadata_response answer;
  answer.controller_id = controller;
  for (const auto& [id, port] : ports) {
    auto& b = answer.brokers.emplace_back();
    b.node_id = id;
    b.host = "host";
    b.port = port;
  }
  return answer;
}

std::int32_t leader(const cluster& known, const std::string& topic, int partition = 0) {
  return known.leader_of(topic, partition).leader.value();
}

} // namespace

TEST_CASE("a cluster knows nothing until it is told", "[machines]") {
  const cluster known;
  CHECK(known.leader_of("t", 0).state == leadership::unknown);
  CHECK(known.address_of(1) == nullptr);
  CHECK(known.controller() == broker_id{-1});
  CHECK(known.topic_id("t").is_zero());
}

TEST_CASE(
  "leaders are told from missing ones and from missing partitions", "[machines]") {
  cluster known;
  known.update(about("t", id_of(1), {{1, -1}, {0, 7}}), false);
  CHECK(known.leader_of("t", 0).state == leadership::led);
  CHECK(leader(known, "t") == 7);
  CHECK(known.leader_of("t", 1).state == leadership::no_leader);
  CHECK(known.leader_of("t", 2).state == leadership::no_such_partition);
  CHECK(known.leader_of("t", -1).state == leadership::no_such_partition);
  CHECK(known.topic_id("t") == id_of(1));
}

TEST_CASE("a refused topic says why", "[machines]") {
  cluster known;
  known.update(about("t", {}, {}, error_code::topic_authorization_failed), false);
  const auto view = known.leader_of("t", 0);
  CHECK(view.state == leadership::topic_refused);
  CHECK(view.why == error_code::topic_authorization_failed);
}

TEST_CASE("an older epoch never replaces a newer one of the same topic", "[machines]") {
  cluster known;
  known.update(about("t", id_of(1), {{0, 2, 5}, {1, 2, 5}}), false);
  known.update(about("t", id_of(1), {{0, 1, 4}, {1, 3, 6}}), false);
  CHECK(leader(known, "t", 0) == 2);
  CHECK(leader(known, "t", 1) == 3);
  known.update(about("t", id_of(1), {{0, 4, 5}}), false);
  CHECK(leader(known, "t", 0) == 4);
}

TEST_CASE(
  "an older epoch does not bring back a leader that was forgotten", "[machines]") {
  cluster known;
  known.update(about("t", id_of(1), {{0, 2, 5}}), false);
  known.forget_leader("t", 0);
  CHECK(known.leader_of("t", 0).state == leadership::no_leader);
  known.update(about("t", id_of(1), {{0, 1, 4}}), false);
  CHECK(known.leader_of("t", 0).state == leadership::no_leader);
  known.update(about("t", id_of(1), {{0, 3, 6}}), false);
  CHECK(leader(known, "t") == 3);
}

TEST_CASE("a topic that was recreated begins with a lower epoch", "[machines]") {
  cluster known;
  known.update(about("t", id_of(1), {{0, 2, 5}}), false);
  known.update(about("t", id_of(2), {{0, 1, 0}}), false);
  CHECK(leader(known, "t") == 1);
  CHECK(known.topic_id("t") == id_of(2));
}

TEST_CASE("an older epoch that five answers in a row have told for a minute is the truth",
  "[machines]") {
  // With ids as without: there it may be a topic made anew.
  for (const auto id : {id_of(1), uuid{}}) {
    cluster known;
    known.update(about("t", id, {{0, 2, 5}}), false);
    for (int i = 0; i != 4; ++i)
      known.update(about("t", id, {{0, 1, 0}}), false);
    CHECK(leader(known, "t") == 2);
    known.set_time(time_point{} + known_partition::time_to_go_back);
    known.update(about("t", id, {{0, 1, 0}}), false);
    CHECK(leader(known, "t") == 1);
  }
}

TEST_CASE("an answer about all topics forgets those it does not name", "[machines]") {
  cluster known;
  known.update(about("a", id_of(1), {{0, 1, 5}}), false);
  known.update(about("b", id_of(2), {{0, 1, 5}}), false);
  CHECK(known.leader_of("a", 0).state == leadership::led);
  known.update(about("b", id_of(2), {{0, 3, 4}}), true);
  CHECK(known.leader_of("a", 0).state == leadership::unknown);
  // What is named again still keeps its newer epoch.
  CHECK(leader(known, "b") == 1);
}

TEST_CASE(
  "partition numbers that cannot be are ignored and cost no memory", "[machines]") {
  cluster known;
  auto answer = about("t", id_of(1), {{-5, 1}, {INT32_MIN, 1}, {INT32_MAX, 2}, {0, 3}});
  for (int i = 0; i < 1'000; ++i) {
    auto more = about("t" + std::to_string(i), id_of(1), {{INT32_MAX, 1}});
    answer.topics.push_back(more.topics.front());
  }
  known.update(answer, false);
  CHECK(leader(known, "t") == 3);
  CHECK(known.leader_of("t", -5).state == leadership::no_such_partition);
  CHECK(known.leader_of("t", 1).state == leadership::no_such_partition);
  known.forget_leader("t", -5);
  known.forget_leader("t", 1);
  known.forget_leader("no such topic", 0);
  CHECK(leader(known, "t") == 3);
}

TEST_CASE("a topic without a name is passed over", "[machines]") {
  cluster known;
  auto answer = about("t", id_of(1), {{0, 1}});
  answer.topics.front().name.reset();
  known.update(answer, false);
  CHECK(known.leader_of("t", 0).state == leadership::unknown);
  CHECK(known.leader_of("", 0).state == leadership::unknown);
}

TEST_CASE("brokers are replaced as a whole, but never by none", "[machines]") {
  cluster known;
  known.update(brokers({{1, 9091}, {2, 9092}}, 2), false);
  REQUIRE(known.address_of(2) != nullptr);
  CHECK(*known.address_of(2) == endpoint{"host", 9092});
  CHECK(known.controller() == broker_id{2});
  known.update(brokers({}, -1), false);
  CHECK(known.brokers().size() == 2);
  known.update(brokers({{3, 9093}, {4, 0}, {5, 65536}, {6, -1}}, 3), false);
  CHECK(known.brokers().size() == 1);
  CHECK(known.address_of(3) != nullptr);
}

TEST_CASE("a topic's partitions are counted", "[machines]") {
  cluster known;
  CHECK(known.partition_count("t") == 0);
  known.update(about("t", id_of(1), {{0, 1}, {1, -1}, {2, 2}}), false);
  CHECK(known.partition_count("t") == 3);
  known.update(about("t", id_of(1), {}, error_code::topic_authorization_failed), false);
  CHECK(known.partition_count("t") == 0);
}

TEST_CASE("a topic that is forgotten is not known, others are", "[machines]") {
  cluster known;
  known.update(about("t", id_of(1), {{0, 1}}), false);
  known.update(about("u", id_of(2), {{0, 2}}), false);
  known.forget_topic("t");
  known.forget_topic("v");
  CHECK(known.leader_of("t", 0).state == leadership::unknown);
  CHECK(leader(known, "u") == 2);
}

TEST_CASE("groups and transactions have coordinators of their own", "[machines]") {
  const coordinator_of group{coordinator_type::group, "x"};
  const coordinator_of transaction{coordinator_type::transaction, "x"};
  cluster known;
  CHECK(known.coordinator(group) == broker_id{-1});
  known.learn_coordinator(group, 1, {"host", 9091});
  known.learn_coordinator(transaction, 2, {"host", 9092});
  CHECK(known.coordinator(group) == broker_id{1});
  CHECK(known.coordinator(transaction) == broker_id{2});
  known.forget_coordinator(group);
  CHECK(known.coordinator(group) == broker_id{-1});
  CHECK(known.coordinator(transaction) == broker_id{2});
  known.learn_coordinator(group, 2, {"host", 9092});
  known.forget_coordinators_at(1);
  CHECK(known.coordinator(group) == broker_id{2});
  known.forget_coordinators_at(2);
  CHECK(known.coordinator(group) == broker_id{-1});
  CHECK(known.coordinator(transaction) == broker_id{-1});
}

TEST_CASE(
  "a coordinator that the metadata leaves out is found nevertheless", "[machines]") {
  const coordinator_of group{coordinator_type::group, "x"};
  cluster known;
  known.update(brokers({{1, 9091}}, 1), false);
  known.learn_coordinator(group, 7, {"elsewhere", 7});
  REQUIRE(known.address_of(7) != nullptr);
  CHECK(*known.address_of(7) == endpoint{"elsewhere", 7});
  known.update(brokers({{1, 9091}}, 1), false);
  CHECK(known.address_of(7) != nullptr);
  // One that it has listens where it was said last.
  known.learn_coordinator(group, 1, {"moved", 1});
  CHECK(*known.address_of(1) == endpoint{"moved", 1});
  CHECK(known.address_of(7) == nullptr);
}

TEST_CASE("a partition that is told twice counts once", "[machines]") {
  metadata_response answer;
  auto& t = answer.topics.emplace_back();
  t.name = "t";
  for (const auto index : {0, 1, 1, 0, INT32_MAX}) {
    auto& p = t.partitions.emplace_back();
    p.partition_index = index;
    p.leader_id = 1;
  }
  cluster known;
  known.update(answer, false);
  CHECK(known.partition_count("t") == 3);
}

TEST_CASE("topics that nobody asked for are not kept", "[machines]") {
  metadata_response answer;
  for (const auto* name : {"c", "a", "b"})
    answer.topics.emplace_back().name = name;
  answer.topics.emplace_back().name.reset();
  keep_asked(answer, {"b", "c", "d"});
  REQUIRE(answer.topics.size() == 2);
  CHECK(answer.topics[0].name == "c");
  CHECK(answer.topics[1].name == "b");
}

TEST_CASE("a broker has one address, by the newest word of metadata or about a "
          "coordinator",
  "[machines]") {
  const coordinator_of one{coordinator_type::group, "one"};
  const coordinator_of two{coordinator_type::group, "two"};
  cluster known;
  known.learn_coordinator(one, 7, {"old", 7});
  known.learn_coordinator(two, 7, {"new", 7});
  REQUIRE(known.address_of(7) != nullptr);
  CHECK(*known.address_of(7) == endpoint{"new", 7});
  auto seen = known.addresses();
  known.update(brokers({{7, 1}}, 7), false);
  CHECK(*known.address_of(7) == endpoint{"host", 1});
  CHECK(known.addresses() != std::exchange(seen, known.addresses()));
  // The same again is nothing new.
  known.update(brokers({{7, 1}}, 7), false);
  CHECK(known.addresses() == seen);
  // When the metadata has it no more, what was said before that does not come back.
  known.update(brokers({{8, 2}}, 8), false);
  CHECK(known.address_of(7) == nullptr);
  CHECK(known.addresses() != seen);
}

TEST_CASE("the address of a coordinator that the metadata leaves out goes with the last "
          "group of it",
  "[machines]") {
  const coordinator_of one{coordinator_type::group, "one"};
  const coordinator_of two{coordinator_type::group, "two"};
  cluster known;
  known.learn_coordinator(one, 7, {"host", 7});
  known.learn_coordinator(two, 7, {"host", 7});
  known.forget_coordinator(one);
  CHECK(known.address_of(7) != nullptr);
  known.forget_coordinator(two);
  CHECK(known.address_of(7) == nullptr);
}

TEST_CASE(
  "an address that cannot be one is not taken, and it is said why", "[machines]") {
  cluster known;
  auto answer = brokers({{1, 9092}, {2, 0}, {3, 65'536 + 9092}, {4, 9092}, {5, 9092}}, 1);
  answer.brokers[3].host = std::string{"host\0evil", 9};
  answer.brokers[4].host = std::string(256, 'h');
  known.update(answer, false);
  CHECK(known.address_of(1) != nullptr);
  CHECK(known.why_no_address(1).empty());
  for (const auto id : {2, 3, 4, 5}) {
    CHECK(known.address_of(id) == nullptr);
    CHECK_FALSE(known.why_no_address(id).empty());
  }
  CHECK(known.why_no_address(3) == "its port is 74628");
  CHECK(known.why_no_address(4) == "its host has a control character");
}

TEST_CASE("the features in force are those of the newest epoch that a broker has told",
  "[machines]") {
  cluster known;
  CHECK(known.features().version_of("transaction.version") == 0);
  known.learn_features({4, {{"transaction.version", 2, 1}, {"group.version", 1, 1}}});
  CHECK(known.features().version_of("transaction.version") == 2);
  // A broker that lags behind, and one that is too old to say.
  known.learn_features({3, {{"transaction.version", 1, 1}}});
  known.learn_features({});
  CHECK(known.features().version_of("transaction.version") == 2);
  CHECK(known.features().version_of("share.version") == 0);
  known.learn_features({5, {{"transaction.version", 1, 1}}});
  CHECK(known.features().version_of("transaction.version") == 1);
}
