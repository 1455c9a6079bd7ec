#include "fixture.hpp"
#include <cafka/protocol/messages/all.hpp>

using namespace fake_fixture;

namespace {

/// A producer with the transactional id "x", and what it asks. One broker coordinates and
/// leads all.
struct transactional : fixture {
  explicit transactional(std::int16_t transaction_version = 2)
    : fixture{options_with(transaction_version)}, tv2(transaction_version == 2) {
    cluster.create_topic("t", 2);
    const auto first = init();
    REQUIRE(first.error_code == error_code::none);
    become(first.producer_id, first.producer_epoch);
  }

  static cluster_options options_with(std::int16_t transaction_version) {
    cluster_options options;
    options.brokers = 1;
    options.transaction_version = transaction_version;
    return options;
  }

  void become(std::int64_t producer, std::int16_t its_epoch) {
    id = producer;
    epoch = its_epoch;
    sequence = 0;
  }

  init_producer_id_response init(std::int64_t producer = -1, std::int16_t its_epoch = -1,
    std::int32_t timeout_ms = 60'000) {
    return ask(init_producer_id_request{"x", timeout_ms, producer, its_epoch}, 5);
  }

  error_code add(std::int32_t partition = 0, std::string topic = "t") {
    add_partitions_to_txn_request request;
    request.v3_and_below_transactional_id = "x";
    request.v3_and_below_producer_id = id;
    request.v3_and_below_producer_epoch = epoch;
    request.v3_and_below_topics.push_back({std::move(topic), {partition}});
    const auto got = ask(request, 3);
    return got.results_by_topic_v3_and_below.at(0)
      .results_by_partition.at(0)
      .partition_error_code;
  }

  partition_produce_response produce(int count = 1, std::int16_t version = 0) {
    if (version == 0)
      version = tv2 ? 12 : 11;
    batch_builder builder;
    for (const auto& r : numbered(count))
      REQUIRE(builder.append(r, timestamp{1s}));
    seal_options how;
    how.producer_id = id;
    how.producer_epoch = epoch;
    how.base_sequence = sequence;
    how.transactional = true;
    auto request = producing(*builder.seal(how));
    request.transactional_id = "x";
    const auto got = only(ask(request, version));
    if (got.error_code == error_code::none)
      sequence += count;
    return got;
  }

  end_txn_response end(bool commit) {
    return ask(end_txn_request{"x", id, epoch, commit}, tv2 ? 5 : 4);
  }

  /// One whole transaction.
  void transaction(bool commit, int count = 1) {
    if (!tv2)
      REQUIRE(add() == error_code::none);
    REQUIRE(produce(count).error_code == error_code::none);
    const auto last = end(commit);
    REQUIRE(last.error_code == error_code::none);
    if (tv2)
      become(last.producer_id, last.producer_epoch);
  }

  error_code commit_offset(std::int64_t offset, const std::string& member = {}) {
    txn_offset_commit_request request;
    request.transactional_id = "x";
    request.group_id = "g";
    request.producer_id = id;
    request.producer_epoch = epoch;
    request.member_id = member;
    request.generation_id = member.empty() ? -1 : 1;
    request.topics.push_back({"t", {{0, offset, -1, ""}}});
    return ask(request, tv2 ? 5 : 4).topics.at(0).partitions.at(0).error_code;
  }

  offset_fetch_response_partition offset(bool stable) {
    offset_fetch_request request;
    request.group_id = "g";
    request.require_stable = stable;
    request.topics.emplace().push_back({"t", {0}});
    return ask(request, 7).topics.at(0).partitions.at(0);
  }

  fetch_partition_data committed(std::int64_t from = 0) {
    auto request = fetching(from);
    request.isolation_level = 1;
    return only(ask(request, 12));
  }

  std::int64_t last_stable() {
    auto request = listing(-1);
    request.isolation_level = 1;
    return only(ask(request, 7)).offset.value();
  }

  described_transaction described() {
    return ask(describe_transactions_request{{"x"}}, 0).transaction_states.at(0);
  }

  bool tv2;
  std::int64_t id = -1;
  std::int16_t epoch = -1;
  std::int32_t sequence = 0;
};

} // namespace

TEST_CASE("a transaction is read when it is committed, and has a marker") {
  for (const std::int16_t version : {0, 2}) {
    transactional f{version};
    if (version == 0)
      REQUIRE(f.add() == error_code::none);
    REQUIRE(f.produce(3).error_code == error_code::none);
    CHECK(f.last_stable() == 0);
    CHECK(values(*f.committed().records).empty());
    CHECK(f.described().transaction_state == "Ongoing");
    CHECK(f.described().topics.size() == 1);
    CHECK(f.end(true).error_code == error_code::none);
    CHECK(f.last_stable() == 4);
    const auto read = f.committed();
    CHECK(read.last_stable_offset == log_offset{4});
    CHECK(read.aborted_transactions->empty());
    CHECK(f.described().transaction_state == "CompleteCommit");
    CHECK(f.described().topics.empty());
    CHECK(f.described().transaction_start_time_ms == -1);
  }
}

TEST_CASE("readers of committed records are told of an aborted transaction") {
  for (const std::int16_t version : {0, 2}) {
    transactional f{version};
    const auto first = f.id;
    f.transaction(false, 2);
    const auto read = f.committed();
    REQUIRE(read.aborted_transactions->size() == 1);
    CHECK(read.aborted_transactions->at(0).producer_id == first);
    CHECK(read.aborted_transactions->at(0).first_offset == log_offset{0});
    f.transaction(true, 2);
    CHECK(f.last_stable() == 6);
  }
}

TEST_CASE("with transaction.version 2 each end brings the next epoch, else none does") {
  transactional two{2};
  CHECK(two.epoch == 0);
  two.transaction(true);
  CHECK(two.epoch == 1);
  two.transaction(false);
  CHECK(two.epoch == 2);
  transactional none{0};
  none.transaction(true);
  none.transaction(true);
  CHECK(none.described().producer_epoch == 0);
}

TEST_CASE("the same end once more is no error, another one is") {
  transactional two{2};
  REQUIRE(two.produce().error_code == error_code::none);
  const auto once = two.end(true);
  CHECK(two.end(true) == once);
  CHECK(two.end(false).error_code == error_code::invalid_txn_state);
  transactional none{0};
  none.transaction(true);
  CHECK(none.end(true).error_code == error_code::none);
  CHECK(none.end(false).error_code == error_code::invalid_txn_state);
}

TEST_CASE("an empty transaction cannot be committed, and aborted since version 5 alone") {
  transactional two{2};
  CHECK(two.end(true).error_code == error_code::invalid_txn_state);
  CHECK(two.end(false).error_code == error_code::none);
  transactional none{0};
  CHECK(none.end(true).error_code == error_code::invalid_txn_state);
  CHECK(none.end(false).error_code == error_code::invalid_txn_state);
}

TEST_CASE("behind the last epoch there is another producer id") {
  transactional f{2};
  // Each empty abort takes one epoch.
  while (f.epoch < 32'766) {
    const auto next = f.end(false);
    REQUIRE(next.error_code == error_code::none);
    f.become(next.producer_id, next.producer_epoch);
  }
  const auto old = f.id;
  f.transaction(true);
  CHECK(f.id != old);
  CHECK(f.epoch == 0);
  f.transaction(true);
  CHECK(f.last_stable() == 4);
}

TEST_CASE("a second producer of an id waits for the abort and fences the first") {
  for (const std::int16_t version : {0, 2}) {
    transactional f{version};
    if (version == 0)
      REQUIRE(f.add() == error_code::none);
    REQUIRE(f.produce().error_code == error_code::none);
    CHECK(f.init().error_code == error_code::concurrent_transactions);
    const auto second = f.init();
    CHECK(second.error_code == error_code::none);
    CHECK(second.producer_id == f.id);
    CHECK(second.producer_epoch == 2);
    CHECK(f.produce().error_code == error_code::invalid_producer_epoch);
    CHECK(f.end(true).error_code == error_code::producer_fenced);
    CHECK(f.init(f.id, f.epoch).error_code == error_code::producer_fenced);
    CHECK(f.last_stable() == 2);
  }
}

TEST_CASE("a transaction times out; with transaction.version 2 its producer goes on") {
  transactional two{2};
  REQUIRE(two.produce().error_code == error_code::none);
  two.pass(60s);
  CHECK(two.described().transaction_state == "CompleteAbort");
  CHECK(two.produce().error_code == error_code::invalid_producer_epoch);
  CHECK(two.init(two.id, two.epoch).producer_epoch == 1);
  CHECK(two.init(two.id, two.epoch).producer_epoch == 1);
  transactional ends{2};
  REQUIRE(ends.produce().error_code == error_code::none);
  ends.pass(60s);
  CHECK(ends.end(true).error_code == error_code::invalid_txn_state);
  const auto ended = ends.end(false);
  CHECK(ended.error_code == error_code::none);
  CHECK(ended.producer_epoch == 1);
  ends.become(ended.producer_id, ended.producer_epoch);
  ends.transaction(true);

  transactional none{0};
  REQUIRE(none.add() == error_code::none);
  REQUIRE(none.produce().error_code == error_code::none);
  none.pass(60s);
  CHECK(none.end(false).error_code == error_code::producer_fenced);
  CHECK(none.init(none.id, none.epoch).error_code == error_code::producer_fenced);
}

TEST_CASE("a producer goes on with the epoch that it names, and a retry gets the same") {
  transactional f{2};
  CHECK(f.init(f.id, 0).producer_epoch == 1);
  CHECK(f.init(f.id, 0).producer_epoch == 1);
  CHECK(f.init(f.id, 1).producer_epoch == 2);
  CHECK(f.init(f.id, 0).error_code == error_code::producer_fenced);
  CHECK(f.init(f.id + 1, 2).error_code == error_code::producer_fenced);
  CHECK(f.init(-1, -1, 900'001).error_code == error_code::invalid_transaction_timeout);
}

TEST_CASE("a batch outside of the transaction is refused") {
  transactional none{0};
  CHECK(none.produce(1, 10).error_code == error_code::invalid_txn_state);
  CHECK(none.produce(1, 11).error_code == error_code::transaction_abortable);
  CHECK(none.add(0, "nowhere") == error_code::unknown_topic_or_partition);
  CHECK(none.add(1) == error_code::none);
  CHECK(none.produce().error_code == error_code::transaction_abortable);
  ++none.id;
  CHECK(none.add() == error_code::invalid_producer_id_mapping);
  --none.id;
  ++none.epoch;
  CHECK(none.add() == error_code::producer_fenced);
}

TEST_CASE("offsets of a transaction are there when it is committed") {
  for (const std::int16_t version : {0, 2}) {
    transactional f{version};
    if (version == 0) {
      CHECK(f.commit_offset(5) == error_code::transaction_abortable);
      CHECK(f.ask(add_offsets_to_txn_request{"x", f.id, f.epoch, "g"}, 4).error_code
        == error_code::none);
    }
    CHECK(f.commit_offset(5) == error_code::none);
    CHECK(f.offset(false).committed_offset == log_offset{-1});
    CHECK(f.offset(true).error_code == error_code::unstable_offset_commit);
    const auto ended = f.end(true);
    CHECK(ended.error_code == error_code::none);
    CHECK(f.offset(true).committed_offset == log_offset{5});
    if (version == 2)
      f.become(ended.producer_id, ended.producer_epoch);
    else
      f.ask(add_offsets_to_txn_request{"x", f.id, f.epoch, "g"}, 4);
    CHECK(f.commit_offset(9) == error_code::none);
    CHECK(f.end(false).error_code == error_code::none);
    CHECK(f.offset(true).committed_offset == log_offset{5});
    CHECK(f.offset(true).error_code == error_code::none);
  }
}

TEST_CASE("offsets of a member that is not in the group are refused") {
  transactional f{2};
  CHECK(f.commit_offset(1) == error_code::none);
  CHECK(f.end(true).error_code == error_code::none);
  f.become(f.id, 1);
  CHECK(f.commit_offset(2, "gone") == error_code::unknown_member_id);
  CHECK(f.end(false).error_code == error_code::none);
  CHECK(f.offset(true).committed_offset == log_offset{1});
}

TEST_CASE("transactions are listed by state, producer, time and name") {
  transactional f{2};
  REQUIRE(f.produce().error_code == error_code::none);
  f.pass(10s);
  const auto listed = [&](list_transactions_request asked) {
    return f.ask(asked, 2).transaction_states.size();
  };
  CHECK(listed({}) == 1);
  CHECK(listed({{"Ongoing"}, {}, -1, {}}) == 1);
  CHECK(listed({{"Empty"}, {}, -1, {}}) == 0);
  CHECK(listed({{}, {f.id}, 9'000, "x.*"}) == 1);
  CHECK(listed({{}, {f.id + 1}, -1, {}}) == 0);
  CHECK(listed({{}, {}, 11'000, {}}) == 0);
  CHECK(listed({{}, {}, -1, "y.*"}) == 0);
  const auto unknown = f.ask(list_transactions_request{{"Waiting"}, {}, -1, {}}, 2);
  CHECK(unknown.unknown_state_filters == std::vector<std::string>{"Waiting"});
  CHECK(unknown.transaction_states.empty());
  CHECK(f.ask(list_transactions_request{{}, {}, -1, "("}, 2).error_code
    == error_code::invalid_regular_expression);
  CHECK(f.ask(describe_transactions_request{{"y"}}, 0).transaction_states.at(0).error_code
    == error_code::transactional_id_not_found);
}

TEST_CASE("a hanging transaction is found, and an administrator's marker ends it") {
  transactional f{0};
  REQUIRE(f.add() == error_code::none);
  REQUIRE(f.produce(2).error_code == error_code::none);
  const auto producers = [&] {
    return f.ask(describe_producers_request{{{"t", {0, 7}}}}, 0).topics.at(0).partitions;
  };
  const auto open = producers();
  CHECK(open.at(1).error_code == error_code::unknown_topic_or_partition);
  REQUIRE(open.at(0).active_producers.size() == 1);
  CHECK(open.at(0).active_producers[0].current_txn_start_offset == log_offset{0});
  CHECK(open.at(0).active_producers[0].last_sequence == 1);
  CHECK(open.at(0).active_producers[0].coordinator_epoch == -1);
  write_txn_markers_request request;
  request.markers.push_back({f.id, f.epoch, false, {{"t", {0}}}, -1, 0});
  CHECK(f.ask(request, 1).markers.at(0).topics.at(0).partitions.at(0).error_code
    == error_code::none);
  CHECK(producers().at(0).active_producers[0].current_txn_start_offset == log_offset{-1});
  CHECK(f.last_stable() == 3);
  request.markers[0].producer_epoch = -1;
  CHECK(f.ask(request, 1).markers.at(0).topics.at(0).partitions.at(0).error_code
    == error_code::invalid_producer_epoch);
}

TEST_CASE("the feature in force is told, and is that of the release by default") {
  const auto in_force = [](kafka_version release, std::optional<std::int16_t> chosen) {
    cluster_options options;
    options.kafka_version = release;
    options.transaction_version = chosen;
    fixture f{options};
    const auto got = f.ask(api_versions_request{"test", "1"}, 3);
    return got.finalized_features.empty() ? 0
                                          : got.finalized_features[0].max_version_level;
  };
  CHECK(in_force({4, 3}, {}) == 2);
  CHECK(in_force({4, 3}, 0) == 0);
  CHECK(in_force({4, 3}, 1) == 1);
  CHECK(in_force({3, 9}, {}) == 0);
  CHECK(in_force({3, 9}, 2) == 1);
}

TEST_CASE("a decided transaction waits for the leader of each partition") {
  transactional f{2};
  f.cluster.create_topic("far", 1);
  REQUIRE(f.produce().error_code == error_code::none);
  f.cluster.move_leader("t", 0, -1);
  const auto ended = f.end(true);
  CHECK(ended.error_code == error_code::none);
  CHECK(f.described().transaction_state == "PrepareCommit");
  CHECK(f.init().error_code == error_code::concurrent_transactions);
  f.become(ended.producer_id, ended.producer_epoch);
  f.cluster.move_leader("t", 0, 1);
  f.pass(1ms);
  CHECK(f.described().transaction_state == "CompleteCommit");
  CHECK(f.last_stable() == 2);
}

TEST_CASE(
  "a transaction of the second generation begins each partition with sequence 0") {
  for (const std::int16_t version : {0, 2}) {
    transactional f{version};
    if (version == 0)
      REQUIRE(f.add() == error_code::none);
    f.sequence = 3;
    CHECK(f.produce().error_code
      == (f.tv2 ? error_code::out_of_order_sequence_number : error_code::none));
  }
}
