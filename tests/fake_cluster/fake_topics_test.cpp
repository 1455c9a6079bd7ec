#include "fixture.hpp"

using namespace fake_fixture;

namespace {

metadata_response_topic about(
  fixture& f, const metadata_request& request, std::int16_t version = 12) {
  const auto response = f.ask(request, version);
  REQUIRE(response.topics.size() == 1);
  return response.topics[0];
}

} // namespace

TEST_CASE("metadata names brokers, leaders, epochs and ids") {
  fixture f;
  f.cluster.create_topic("t", 2, 2);
  f.cluster.set_rack(1, "r");
  const auto r = f.ask(asking_about({"t"}), 12);
  REQUIRE(r.brokers.size() == 3);
  CHECK(r.brokers[0] == metadata_response_broker{1, "b1", 9092, "r"});
  CHECK(r.controller_id == broker_id{1});
  REQUIRE(r.topics.size() == 1);
  CHECK(r.topics[0].topic_id == f.cluster.topic_id("t"));
  REQUIRE(r.topics[0].partitions.size() == 2);
  const auto& p = r.topics[0].partitions[1];
  CHECK(p.leader_id == broker_id{2});
  CHECK(p.leader_epoch == leader_epoch{0});
  CHECK(p.replica_nodes == std::vector<broker_id>{2, 3});
  f.cluster.kill(2);
  const auto after = f.ask(asking_about({"t"}), 12);
  CHECK(after.brokers.size() == 2);
  const auto& q = after.topics[0].partitions[1];
  CHECK(q.leader_id == broker_id{3});
  CHECK(q.leader_epoch == leader_epoch{1});
  CHECK(q.isr_nodes == std::vector<broker_id>{3});
  CHECK(q.offline_replicas == std::vector<broker_id>{2});
  f.cluster.kill(3);
  const auto none = about(f, asking_about({"t"})).partitions[1];
  CHECK(none.error_code == error_code::leader_not_available);
  CHECK(none.leader_id == broker_id{-1});
  f.cluster.restart(2);
  CHECK(about(f, asking_about({"t"})).partitions[1].leader_id == broker_id{2});
}

TEST_CASE("an empty list asks for none, in version 0 for all, and null for all") {
  fixture f;
  f.cluster.create_topic("a");
  f.cluster.create_topic("b");
  CHECK(f.ask(asking_about({}, true), 1).topics.empty());
  CHECK(f.ask(asking_about({}, true), 0).topics.size() == 2);
  auto all = asking_about({}, true);
  all.topics.reset();
  CHECK(f.ask(all, 1).topics.size() == 2);
}

TEST_CASE("topics that are not there are told so, or made") {
  fixture f;
  auto request = asking_about({"u"});
  CHECK(about(f, request).error_code == error_code::unknown_topic_or_partition);
  CHECK(about(f, request).error_code == error_code::unknown_topic_or_partition);
  CHECK(about(f, asking_about({"no blanks"})).error_code
    == error_code::invalid_topic_exception);
  request.allow_auto_topic_creation = true;
  CHECK(about(f, request).error_code == error_code::unknown_topic_or_partition);
  CHECK(about(f, request).error_code == error_code::none);

  cluster_options old;
  old.kafka_version = {2, 8};
  fixture g{old};
  CHECK(about(g, asking_about({"u"}, true), 1).error_code
    == error_code::leader_not_available);
  CHECK(about(g, asking_about({"u"}, true), 1).error_code == error_code::none);
}

TEST_CASE("topics are found by their ids, and those made anew are others") {
  fixture f;
  f.cluster.create_topic("t");
  const auto id = f.cluster.topic_id("t");
  metadata_request by_id;
  by_id.topics->push_back({id, std::nullopt});
  CHECK(about(f, by_id).name == "t");
  f.cluster.append("t", 0, numbered(3));
  f.cluster.remake_topic("t");
  const auto gone = about(f, by_id);
  CHECK(gone.error_code == error_code::unknown_topic_id);
  CHECK_FALSE(gone.name);
  CHECK(gone.topic_id == id);
  CHECK(f.cluster.topic_id("t") != id);
  CHECK(f.cluster.log("t", 0).end() == log_offset{0});
}

TEST_CASE("topics are created and deleted, with an error for each") {
  fixture f;
  create_topics_request request;
  const auto add = [&](std::string name, std::int32_t partitions, std::int16_t replicas) {
    auto& t = request.topics.emplace_back();
    t.name = std::move(name);
    t.num_partitions = partitions;
    t.replication_factor = replicas;
  };
  add("a", 3, 2);
  add("b", -1, -1);
  add("c", 0, 1);
  add("d", 1, 4);
  add("e e", 1, 1);
  add("f", 1, 1);
  add("f", 1, 1);
  const auto made = f.ask(request, 7);
  const auto code = [&](const std::string& name) {
    for (const auto& t : made.topics) {
      if (t.name == name)
        return t.error_code;
    }
    return error_code::not_found;
  };
  CHECK(made.topics.size() == 6);
  CHECK(code("a") == error_code::none);
  CHECK(made.topics[0].num_partitions == 3);
  CHECK(made.topics[0].replication_factor == 2);
  CHECK(made.topics[0].topic_id == f.cluster.topic_id("a"));
  CHECK(code("b") == error_code::none);
  CHECK(code("c") == error_code::invalid_partitions);
  CHECK(code("d") == error_code::invalid_replication_factor);
  CHECK(code("e e") == error_code::invalid_topic_exception);
  CHECK(code("f") == error_code::invalid_request);
  CHECK(f.ask(request, 7).topics[0].error_code == error_code::topic_already_exists);

  delete_topics_request gone;
  gone.topics.push_back({"a", {}});
  gone.topics.push_back({std::nullopt, f.cluster.topic_id("b")});
  gone.topics.push_back({"c", {}});
  gone.topics.push_back({std::nullopt, f.cluster.topic_id("a")});
  const auto results = f.ask(gone, 6).responses;
  REQUIRE(results.size() == 4);
  CHECK(results[0].error_code == error_code::none);
  CHECK(results[1].name == "b");
  CHECK(results[2].error_code == error_code::unknown_topic_or_partition);
  CHECK(results[3].error_code == error_code::unknown_topic_id);
  CHECK(f.cluster.topic_id("b").is_zero());
}

TEST_CASE("before KRaft the controller alone makes and deletes topics") {
  cluster_options old;
  old.kafka_version = {2, 8};
  fixture f{old};
  create_topics_request request;
  request.topics.push_back({"a", 1, 1, {}, {}});
  CHECK(f.ask(request, 4, 2, 2).topics[0].error_code == error_code::not_controller);
  CHECK(f.ask(request, 4, 1, 1).topics[0].error_code == error_code::none);
}

TEST_CASE("offsets are committed and fetched by the group's coordinator") {
  fixture f;
  f.cluster.create_topic("t", 2);
  find_coordinator_request find;
  find.coordinator_keys = {"g"};
  const auto where = f.ask(find, 4).coordinators.at(0);
  REQUIRE(where.error_code == error_code::none);
  const auto at = where.node_id.value();
  CHECK(endpoint{where.host, static_cast<std::uint16_t>(where.port)}
    == f.cluster.address(at));
  offset_commit_request commit;
  commit.group_id = "g";
  auto& t = commit.topics.emplace_back();
  t.name = "t";
  t.partitions.push_back({0, 42, 3, -1, "note"});
  t.partitions.push_back({9, 42, -1, -1, ""});
  const auto done = f.ask(commit, 9, at, 10).topics[0].partitions;
  CHECK(done[0].error_code == error_code::none);
  CHECK(done[1].error_code == error_code::unknown_topic_or_partition);
  const auto other = at % 3 + 1;
  CHECK(f.ask(commit, 9, other, 11).topics[0].partitions[0].error_code
    == error_code::not_coordinator);
  commit.generation_id_or_member_epoch = 1;
  CHECK(f.ask(commit, 9, at, 10).topics[0].partitions[0].error_code
    == error_code::unknown_member_id);
  commit.group_id = "nobody";
  f.cluster.move_coordinator(0, "nobody", at);
  CHECK(f.ask(commit, 8, at, 10).topics[0].partitions[0].error_code
    == error_code::illegal_generation);
  CHECK(f.ask(commit, 9, at, 10).topics[0].partitions[0].error_code
    == error_code::group_id_not_found);

  offset_fetch_request fetch;
  fetch.groups.emplace_back().group_id = "g";
  fetch.groups[0].topics->push_back({"t", {}, {0, 1}});
  const auto known = f.ask(fetch, 9, at, 10).groups.at(0).topics.at(0).partitions;
  CHECK(known[0].committed_offset == log_offset{42});
  CHECK(known[0].committed_leader_epoch == leader_epoch{3});
  CHECK(known[0].metadata == "note");
  CHECK(known[1].committed_offset == log_offset{-1});
  CHECK(
    f.ask(fetch, 9, other, 11).groups.at(0).error_code == error_code::not_coordinator);
  offset_fetch_request all;
  all.group_id = "g";
  all.topics.reset();
  CHECK(f.ask(all, 7, at, 10).topics.at(0).partitions.size() == 1);
  f.cluster.move_coordinator(0, "g", other);
  CHECK(f.ask(all, 7, at, 10).error_code == error_code::not_coordinator);
  CHECK(f.ask(all, 7, other, 11).topics.size() == 1);
  f.cluster.move_coordinator(0, "g", -1);
  CHECK(f.ask(find, 4).coordinators.at(0).error_code
    == error_code::coordinator_not_available);
  find.coordinator_keys.clear();
  find.coordinator_key = "g";
  CHECK(f.ask(find, 3).error_code == error_code::coordinator_not_available);
}

TEST_CASE("each producer gets an id of its own, and a transactional one epochs") {
  fixture f;
  init_producer_id_request plain;
  plain.transactional_id.reset();
  const auto first = f.ask(plain, 4);
  CHECK(first.producer_epoch == 0);
  CHECK(f.ask(plain, 4).producer_id != first.producer_id);
  init_producer_id_request named;
  named.transactional_id = "x";
  named.transaction_timeout_ms = 1'000;
  f.cluster.move_coordinator(1, "x", 2);
  CHECK(f.ask(named, 4).error_code == error_code::not_coordinator);
  f.cluster.move_coordinator(1, "x", 1);
  const auto one = f.ask(named, 4);
  CHECK(one.producer_epoch == 0);
  const auto two = f.ask(named, 4);
  CHECK(two.producer_id == one.producer_id);
  CHECK(two.producer_epoch == 1);
  named.producer_id = one.producer_id;
  named.producer_epoch = 0;
  CHECK(f.ask(named, 4).error_code == error_code::producer_fenced);
  CHECK(f.ask(named, 3).error_code == error_code::invalid_producer_epoch);
  named.transactional_id = "";
  CHECK(f.ask(named, 4).error_code == error_code::invalid_request);
}
