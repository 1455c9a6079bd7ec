#include "fixture.hpp"

// What brokers say that is not so.

using namespace fake_fixture;

TEST_CASE("an answer may leave out what was asked about, once it was done") {
  fixture f;
  f.cluster.create_topic("t");
  f.cluster.lie(answer_lie::left_out, 2);
  CHECK(f.ask(producing(batch_of(numbered(1), {})), 9).responses.empty());
  CHECK(f.cluster.log("t", 0).end() == log_offset{1});
  // It cannot be told of metadata.
  CHECK(f.ask(asking_about({"t"}), 9).topics.size() == 1);
  CHECK(f.ask(fetching(0), 12).responses.empty());
  CHECK(f.ask(fetching(0), 12).responses.size() == 1);
  CHECK(f.cluster.lies_told() == 2);
}

TEST_CASE("an answer may name another leader, or another replica") {
  fixture f;
  f.cluster.create_topic("t");
  f.cluster.append("t", 0, numbered(1));
  f.cluster.lie(answer_lie::other_leader);
  const auto refused = only(f.ask(fetching(0), 12));
  CHECK(refused.error_code == error_code::not_leader_or_follower);
  CHECK(refused.records->size() == 0);
  f.cluster.lie(answer_lie::closer_replica);
  const auto sent_away = only(f.ask(fetching(0), 12));
  CHECK(sent_away.error_code == error_code::none);
  CHECK(sent_away.preferred_read_replica == broker_id{2});
  CHECK(sent_away.records->size() == 0);
  CHECK(values(*only(f.ask(fetching(0), 12)).records).size() == 1);
}

TEST_CASE("metadata may confuse the brokers' addresses") {
  fixture f;
  f.cluster.lie(answer_lie::wrong_addresses);
  const auto told = f.ask(asking_about({}), 9);
  REQUIRE(told.brokers.size() == 3);
  CHECK(told.brokers[0].node_id == broker_id{1});
  CHECK(told.brokers[0].host == "b2");
  CHECK(told.brokers[2].host == "b1");
  CHECK(f.ask(asking_about({}), 9).brokers[0].host == "b1");
}

TEST_CASE("an answer may have another number, or half of its bytes") {
  fixture f;
  f.send(asking_about({}), 9);
  const auto honest = f.came[1].front();
  f.came.clear();
  f.cluster.lie(answer_lie::other_number);
  f.send(asking_about({}), 9);
  REQUIRE(f.came[1].size() == 1);
  CHECK(f.came[1][0].size() == honest.size());
  reader in{f.came[1][0]};
  CHECK(in.i32() != f.correlation);
  f.came.clear();
  f.cluster.lie(answer_lie::cut_short);
  f.send(asking_about({}), 9);
  REQUIRE(f.came[1].size() == 1);
  CHECK(f.came[1][0].size() < honest.size());
  reader rest{f.came[1][0]};
  CHECK(rest.i32() == f.correlation);
  f.came.clear();
  f.cluster.lie(answer_lie::cut_short, 3);
  f.cluster.be_well();
  f.send(asking_about({}), 9);
  CHECK(f.came[1][0].size() == honest.size());
}

TEST_CASE("records may be damaged, or come twice") {
  fixture f;
  f.cluster.create_topic("t");
  f.cluster.append("t", 0, numbered(3));
  const auto honest = *only(f.ask(fetching(0), 12)).records;

  f.cluster.lie(answer_lie::damaged_records);
  const auto damaged = *only(f.ask(fetching(0), 12)).records;
  CHECK(damaged.size() == honest.size());
  batch_reader broken{damaged};
  record_batch batch;
  CHECK_FALSE(broken.next(batch));
  CHECK(broken.error().code == error_code::corrupt_message);

  f.cluster.lie(answer_lie::twice_batches);
  const auto twice = values(*only(f.ask(fetching(0), 12)).records);
  CHECK(twice.size() == 6);

  f.cluster.lie(answer_lie::twice_topics);
  const auto both = f.ask(fetching(0), 12);
  REQUIRE(both.responses.size() == 2);
  CHECK(both.responses[0] == both.responses[1]);

  // There is nothing to lie about.
  f.cluster.lie(answer_lie::damaged_records);
  CHECK(only(f.ask(fetching(3), 12)).records->size() == 0);
  CHECK(f.cluster.lies_told() == 3);
}
