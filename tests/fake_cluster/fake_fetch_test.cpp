#include "fixture.hpp"

using namespace fake_fixture;

namespace {

struct with_topic : fixture {
  explicit with_topic(std::int32_t partitions = 1) {
    cluster.create_topic("t", partitions);
    for (std::int32_t p = 1; p < partitions; ++p)
      cluster.move_leader("t", p, 1);
  }

  void append(int count, std::int32_t partition = 0) {
    cluster.append("t", partition, numbered(count, next));
    next += count;
  }
  int next = 0;
};

/// With a session, in version 12, which names topics.
fetch_request in_session(std::int32_t id, std::int32_t epoch) {
  fetch_request request;
  request.session_id = id;
  request.session_epoch = epoch;
  request.min_bytes = 0;
  return request;
}

} // namespace

TEST_CASE("a fetch brings what lies behind its offset") {
  with_topic f;
  f.append(3);
  f.append(3);
  const auto all = f.ask(fetching(0), 12);
  CHECK(values(*only(all).records).size() == 6);
  CHECK(only(all).high_watermark == log_offset{6});
  // A batch comes whole, also when its first records are not asked for.
  CHECK(values(*only(f.ask(fetching(4), 12)).records)
    == std::vector<std::string>{"3", "4", "5"});
  CHECK(only(f.ask(fetching(7), 12)).error_code == error_code::offset_out_of_range);
  f.cluster.trim("t", 0, 3);
  const auto before = only(f.ask(fetching(2), 12));
  CHECK(before.error_code == error_code::offset_out_of_range);
  CHECK(before.high_watermark == log_offset{-1});
}

TEST_CASE("a fetch waits for its bytes, and no longer than it says") {
  with_topic f;
  auto request = fetching(0);
  request.max_wait_ms = 500;
  SECTION("until there are some") {
    f.send(request, 12);
    CHECK(f.came[1].empty());
    CHECK(f.cluster.next_time() == f.now + 500ms);
    f.append(1);
    CHECK(f.cluster.next_time() <= f.now);
    f.pass(10ms);
    CHECK(values(*only(*f.answer<fetch_response>(12)).records).size() == 1);
  }
  SECTION("until the time is over") {
    f.send(request, 12);
    f.pass(499ms);
    CHECK(f.came[1].empty());
    f.pass(1ms);
    CHECK(only(*f.answer<fetch_response>(12)).records->empty());
  }
  SECTION("until there are enough") {
    request.min_bytes = 150;
    f.send(request, 12);
    f.append(1);
    f.pass(1ms);
    CHECK(f.came[1].empty());
    f.append(1);
    f.append(1);
    f.pass(1ms);
    CHECK(values(*only(*f.answer<fetch_response>(12)).records).size() == 3);
  }
  SECTION("until another broker leads, and it may not serve as a follower") {
    f.send(request, 10);
    f.cluster.move_leader("t", 0, 2);
    f.pass(1ms);
    CHECK(only(*f.answer<fetch_response>(10)).error_code
      == error_code::not_leader_or_follower);
  }
  SECTION("while the connection's next request waits for it") {
    f.send(request, 12);
    f.send(asking_about({"t"}), 9);
    CHECK(f.came[1].empty());
    f.pass(500ms);
    CHECK(f.came[1].size() == 2);
    CHECK(f.answer<fetch_response>(12));
    CHECK(f.answer<metadata_response>(9));
  }
}

TEST_CASE("a first batch that is too large comes whole, and others are cut") {
  with_topic f{2};
  f.append(10);
  f.append(10);
  f.append(10, 1);
  const auto size = f.cluster.log("t", 0).batches().at(0).size();
  auto request = fetching(0);
  request.max_bytes = 1;
  CHECK(only(f.ask(request, 12)).records->size() == size);
  request.max_bytes = 1'000'000;
  request.topics[0].partitions[0].partition_max_bytes =
    static_cast<std::int32_t>(size) + 5;
  CHECK(only(f.ask(request, 12)).records->size() == size + 5);
  // Of two partitions the second one is left out when it does not fit.
  request.topics[0].partitions.push_back(request.topics[0].partitions[0]);
  request.topics[0].partitions[1].partition = 1;
  request.max_bytes = static_cast<std::int32_t>(size) + 10;
  const auto both = f.ask(request, 12);
  CHECK(both.responses[0].partitions[0].records->size() == size + 5);
  CHECK(both.responses[0].partitions[1].records->empty());
}

TEST_CASE("readers of old get message sets, cut where their limit is") {
  cluster_options options;
  options.kafka_version = {2, 8};
  fixture f{options};
  f.cluster.create_topic("t");
  f.cluster.append("t", 0, numbered(4));
  for (const std::int16_t version : {0, 1, 2, 3}) {
    const auto records = *only(f.ask(fetching(0), version)).records;
    CHECK(values(records) == std::vector<std::string>{"0", "1", "2", "3"});
    batch_reader in{records};
    record_batch first;
    REQUIRE(in.next(first));
    CHECK(first.info().magic == (version >= 2 ? 1 : 0));
    auto little = fetching(0);
    little.topics[0].partitions[0].partition_max_bytes = 10;
    CHECK(only(f.ask(little, version)).records->size()
      == (version == 3 ? records.size() : 10));
  }
}

TEST_CASE("no two brokers give out the same session") {
  // A client that is led to another broker by a wrong address must not go on with a
  // stranger's session there.
  with_topic f;
  f.append(1);
  auto request = fetching(0);
  request.session_epoch = 0;
  const auto one = f.ask(request, 12).session_id;
  REQUIRE(one != 0);
  f.cluster.move_leader("t", 0, 2);
  const auto other = f.ask(request, 12, 2, 2).session_id;
  REQUIRE(other != 0);
  CHECK(other != one);
  CHECK(f.ask(in_session(one, 1), 12, 2, 2).error_code
    == error_code::fetch_session_id_not_found);
}

TEST_CASE("a session's answers bring what is new") {
  with_topic f{2};
  f.append(1);
  auto request = fetching(0);
  request.topics[0].partitions.push_back(request.topics[0].partitions[0]);
  request.topics[0].partitions[1].partition = 1;
  request.session_epoch = 0;
  const auto first = f.ask(request, 12);
  const auto id = first.session_id;
  REQUIRE(id != 0);
  CHECK(first.responses[0].partitions.size() == 2);
  // The client has not read on: the records once more, and of the other partition
  // nothing.
  auto next = f.ask(in_session(id, 1), 12);
  CHECK(next.session_id == id);
  CHECK(only(next).partition_index == partition_id{0});
  auto on = in_session(id, 2);
  on.topics = fetching(1).topics;
  CHECK(f.ask(on, 12).responses.empty());
  f.append(1, 1);
  CHECK(only(f.ask(in_session(id, 3), 12)).partition_index == partition_id{1});
  auto without = in_session(id, 4);
  without.forgotten_topics_data = {{"t", {}, {1}}};
  CHECK(f.ask(without, 12).responses.empty());
  SECTION("whose epochs go up one by one") {
    CHECK(
      f.ask(in_session(id, 4), 12).error_code == error_code::invalid_fetch_session_epoch);
    CHECK(f.ask(in_session(id, 5), 12).error_code == error_code::none);
  }
  SECTION("that ends when a fetch without one names it") {
    CHECK(f.ask(in_session(id, -1), 12).error_code == error_code::none);
    CHECK(
      f.ask(in_session(id, 5), 12).error_code == error_code::fetch_session_id_not_found);
  }
  SECTION("that ends with the broker") {
    f.cluster.kill(1);
    f.cluster.restart(1);
    CHECK(
      f.ask(in_session(id, 5), 12).error_code == error_code::fetch_session_id_not_found);
  }
  SECTION("that has no topic ids, or has them") {
    CHECK(f.ask(in_session(id, 5), 13).error_code
      == error_code::fetch_session_topic_id_error);
  }
  SECTION("which tell of an error, and that it is over") {
    f.cluster.move_leader("t", 0, 2);
    // Since 11 a follower would serve.
    CHECK(only(f.ask(in_session(id, 5), 10)).error_code
      == error_code::not_leader_or_follower);
    f.cluster.move_leader("t", 0, 1);
    CHECK(only(f.ask(in_session(id, 6), 12)).error_code == error_code::none);
    CHECK(f.ask(in_session(id, 7), 12).responses.empty());
  }
}

TEST_CASE("an epoch that is over is fenced, and one to come is not known") {
  with_topic f;
  f.cluster.set_epoch("t", 0, 5);
  auto request = fetching(0);
  const auto code = [&](std::int32_t epoch, std::int16_t version = 17) {
    auto& p = request.topics[0].partitions[0];
    p.current_leader_epoch = epoch;
    request.topics[0].topic_id = f.cluster.topic_id("t");
    return only(f.ask(request, version)).error_code;
  };
  CHECK(code(-1) == error_code::none);
  CHECK(code(4) == error_code::fenced_leader_epoch);
  CHECK(code(5) == error_code::none);
  CHECK(code(6) == error_code::unknown_leader_epoch);
  auto offsets = listing(-1);
  offsets.topics[0].partitions[0].current_leader_epoch = 4;
  CHECK(only(f.ask(offsets, 4)).error_code == error_code::fenced_leader_epoch);
}

TEST_CASE("a reader that has read what is gone is told where it diverges") {
  with_topic f;
  f.append(5);
  f.cluster.truncate("t", 0, 0);
  f.append(2);
  f.cluster.move_leader("t", 0, 1);
  f.append(2);
  auto request = fetching(5);
  request.topics[0].topic_id = f.cluster.topic_id("t");
  request.topics[0].partitions[0].last_fetched_epoch = 0;
  const auto x = only(f.ask(request, 17));
  CHECK(x.error_code == error_code::none);
  CHECK(x.diverging_epoch == epoch_end_offset{0, 2});
  CHECK(x.records->empty());
}

TEST_CASE("readers of committed records wait for open transactions and learn of aborts") {
  with_topic f;
  batch_builder builder;
  REQUIRE(builder.append(a_record("open"), {}));
  seal_options how;
  how.producer_id = 7;
  how.producer_epoch = 0;
  how.base_sequence = 0;
  how.transactional = true;
  f.append(1);
  f.cluster.append_batch("t", 0, *builder.seal(how));
  f.append(1);
  auto request = fetching(0);
  request.isolation_level = 1;
  auto before = only(f.ask(request, 12));
  CHECK(before.high_watermark == log_offset{3});
  CHECK(before.last_stable_offset == log_offset{1});
  CHECK(values(*before.records).size() == 1);
  auto offsets = listing(-1);
  offsets.isolation_level = 1;
  CHECK(only(f.ask(offsets, 5)).offset == log_offset{1});
  f.cluster.append_batch("t", 0, transaction_marker(7, 0, false, {}));
  const auto after = only(f.ask(request, 12));
  CHECK(after.last_stable_offset == log_offset{4});
  CHECK(after.aborted_transactions == std::vector<aborted_transaction>{{7, 1}});
  request.isolation_level = 0;
  CHECK_FALSE(only(f.ask(request, 12)).aborted_transactions);
}

TEST_CASE("a replica in the reader's rack is named, and serves") {
  with_topic f;
  f.append(4);
  f.append(4);
  f.cluster.set_rack(1, "far");
  f.cluster.set_rack(2, "near", 4);
  auto request = fetching(0);
  request.rack_id = "near";
  const auto first = only(f.ask(request, 12));
  CHECK(first.preferred_read_replica == broker_id{2});
  CHECK(first.records->empty());
  const auto second = only(f.ask(request, 12, 2, 2));
  CHECK(second.high_watermark == log_offset{4});
  CHECK(values(*second.records).size() == 4);
}

TEST_CASE("offsets are listed by their times") {
  with_topic f;
  std::vector<record> records = numbered(3);
  for (std::size_t i = 0; i != records.size(); ++i)
    records[i].time = timestamp{milliseconds{100 * static_cast<std::int64_t>(i + 1)}};
  f.cluster.append("t", 0, records);
  const auto at = [&](std::int64_t time, std::int16_t version = 11) {
    const auto x = only(f.ask(listing(time), version));
    CHECK(x.error_code == error_code::none);
    return std::pair{x.offset.value(), x.timestamp};
  };
  using found = std::pair<std::int64_t, std::int64_t>;
  CHECK(at(-1) == found{3, -1});
  CHECK(at(-2) == found{0, -1});
  CHECK(at(-3) == found{2, 300});
  CHECK(at(0) == found{0, 100});
  CHECK(at(150) == found{1, 200});
  CHECK(at(200, 1) == found{1, 200});
  CHECK(at(301) == found{-1, -1});
  CHECK(only(f.ask(listing(-3), 6)).error_code == error_code::unsupported_version);
  CHECK(
    only(f.ask(listing(-1, 1), 6)).error_code == error_code::unknown_topic_or_partition);
  cluster_options old;
  old.kafka_version = {2, 8};
  fixture g{old};
  g.cluster.create_topic("t");
  g.cluster.append("t", 0, numbered(3));
  auto several = listing(-1);
  several.topics[0].partitions[0].max_num_offsets = 5;
  CHECK(only(g.ask(several, 0)).old_style_offsets == std::vector<log_offset>{3, 0});
}
