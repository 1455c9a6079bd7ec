#include "consumer_fixture.hpp"

#include <set>

using namespace consumer_fixture;

TEST_CASE("a consumer asks who leads, then fetches from there") {
  reading f;
  f.begin();
  CHECK(f.fetch.broker == broker_id{0});
  CHECK(f.fetch.by_id);
  REQUIRE(f.request.topics.size() == 1);
  CHECK(f.request.topics[0].topic_id == id_of(1));
  CHECK(f.request.topics[0].partitions[0].fetch_offset == log_offset{5});
  CHECK(f.request.max_wait_ms == 500);
  CHECK(f.request.session_epoch == 0);
  // One at a time.
  f.turn();
  CHECK_FALSE(f.next<machine::send_fetch>());
}

TEST_CASE("a consumer goes on behind what was read, while the program has not taken it") {
  reading f;
  f.begin();
  auto r = f.answer();
  f.part(r, 0, "records");
  const auto got = f.answered(f.fetch, r);
  REQUIRE(got.size() == 1);
  CHECK(got[0].from == log_offset{5});
  f.turn();
  CHECK_FALSE(f.next<machine::send_fetch>()); // Not before it was read.
  f.read(got[0], 15);
  f.turn();
  const auto next = f.next<machine::send_fetch>();
  REQUIRE(next);
  const auto request = f.fill(*next);
  CHECK(request.session_id == 9);
  CHECK(request.session_epoch == 1);
  CHECK(request.topics[0].partitions[0].fetch_offset == log_offset{15});
}

TEST_CASE("what lies there for the program holds a partition back, and not the others") {
  fixture f{{}, 8'000};
  f.assign(0, start_at::offset(0));
  f.assign(1, start_at::offset(0));
  f.metadata(2);
  auto fetch = f.next<machine::send_fetch>();
  REQUIRE(fetch);
  CHECK(f.fill(*fetch).topics[0].partitions.size() == 2);
  auto r = f.answer();
  f.part(r, 0, "many");
  f.part(r, 1, "few");
  const auto got = f.answered(*fetch, r);
  f.read(got[0], 100, 2'500);
  f.read(got[1], 10, 10);
  f.turn();
  CHECK(f.m.wants_taking());
  fetch = f.next<machine::send_fetch>();
  REQUIRE(fetch);
  const auto request = f.fill(*fetch);
  REQUIRE(request.topics.size() == 1);
  CHECK(request.topics[0].partitions.size() == 1);
  CHECK(request.forgotten_topics_data[0].partitions[0] == partition_id{0});
  // The other may be wanted again soon: the broker must not rest on this for long.
  CHECK(request.max_wait_ms < 100);
  f.m.on_taken(f.now, 0, 1, 2'500);
  static_cast<void>(f.answered(*fetch, f.answer()));
  f.turn();
  fetch = f.next<machine::send_fetch>();
  REQUIRE(fetch);
  CHECK(f.fill(*fetch).topics[0].partitions[0].partition == partition_id{0});
}

TEST_CASE("memory that the program holds stops fetches until it is released") {
  reading f{{}, 4'000};
  f.begin();
  CHECK(f.request.max_bytes == 1'000);
  f.budget.take(3'500);
  auto r = f.answer();
  f.part(r, 0, "records");
  const auto got = f.answered(f.fetch, r);
  f.read(got[0], 15);
  f.turn();
  CHECK_FALSE(f.next<machine::send_fetch>());
  CHECK(f.budget.room_wanted);
  f.budget.give_back(3'500);
  CHECK_FALSE(f.budget.room_wanted);
  f.m.on_time(f.now);
  f.turn();
  CHECK(f.next<machine::send_fetch>());
}

TEST_CASE("a request that waits for its connection has a time to look at it again") {
  fixture f;
  f.assign(0, start_at::offset(5));
  f.metadata(1);
  f.turn();
  REQUIRE(f.next<machine::send_fetch>());
  CHECK(f.m.next_time() > f.now);
  CHECK(f.m.next_time() <= f.now + 250ms);
}

TEST_CASE("requests to several brokers share the memory") {
  fixture f{{}, 80'000};
  for (std::uint32_t slot = 0; slot != 100; ++slot)
    f.assign(slot, start_at::offset(0));
  f.metadata(100, 4);
  std::int64_t sum = 0;
  for (int i = 0; i != 4; ++i) {
    const auto fetch = f.next<machine::send_fetch>();
    REQUIRE(fetch);
    sum += f.fill(*fetch).max_bytes;
  }
  CHECK(sum <= 80'000);
  CHECK(sum >= 20'000);
}

TEST_CASE("no broker waits for more than its answer may have") {
  consumer_machine_options o;
  o.fetch_min_bytes = 5'000;
  reading f{o};
  f.begin();
  CHECK(f.request.max_bytes == 1'000);
  CHECK(f.request.min_bytes == 1'000);
}

TEST_CASE("fetches that rest at brokers leave room for the others'") {
  fixture f{{}, 2'000};
  for (std::uint32_t slot = 0; slot != 8; ++slot)
    f.assign(slot, start_at::offset(0));
  f.metadata(8, 8);
  std::set<broker_id> asked;
  for (int i = 0; i != 8; ++i) {
    const auto fetch = f.next<machine::send_fetch>();
    REQUIRE(fetch);
    CHECK(f.fill(*fetch).max_bytes <= 250);
    asked.insert(fetch->broker);
    f.turn();
  }
  CHECK(asked.size() == 8);
}

TEST_CASE("a moment is looked up before a partition is read") {
  fixture f;
  f.assign(0, start_at::latest());
  f.metadata(1);
  CHECK_FALSE(f.next<machine::send_fetch>());
  const auto look = f.next<machine::send_list_offsets>();
  REQUIRE(look);
  const auto request = f.m.fill_offsets(f.now, look->request);
  REQUIRE(request);
  CHECK(request->topics[0].partitions[0].timestamp == -1);
  list_offsets_response r;
  auto& t = r.topics.emplace_back();
  t.name = "t";
  auto& x = t.partitions.emplace_back();
  SECTION("found") {
    x.offset = 42;
    f.m.on_offsets(f.now, look->request, r);
    f.turn();
    const auto told = f.next<machine::positioned>();
    REQUIRE(told);
    CHECK(told->where == start_at::offset(42));
    const auto fetch = f.next<machine::send_fetch>();
    REQUIRE(fetch);
    CHECK(f.fill(*fetch).topics[0].partitions[0].fetch_offset == log_offset{42});
  }
  SECTION("tried again after an error") {
    x.error_code = error_code::not_leader_or_follower;
    f.m.on_offsets(f.now, look->request, r);
    f.later(200ms);
    CHECK(f.next<machine::send_list_offsets>());
    CHECK(f.next<machine::ask_metadata>());
  }
  SECTION("forgotten when the program seeks meanwhile") {
    f.assign(0, start_at::offset(3));
    x.offset = 42;
    f.m.on_offsets(f.now, look->request, r);
    f.turn();
    CHECK_FALSE(f.next<machine::positioned>());
    const auto fetch = f.next<machine::send_fetch>();
    REQUIRE(fetch);
    CHECK(f.fill(*fetch).topics[0].partitions[0].fetch_offset == log_offset{3});
  }
}

TEST_CASE("a time after the last record means the end of the log") {
  fixture f;
  f.assign(0, start_at::time(timestamp{9h}));
  f.metadata(1);
  const auto answer = [&](std::int64_t offset) {
    const auto look = f.next<machine::send_list_offsets>();
    REQUIRE(look);
    const auto asked = f.m.fill_offsets(f.now, look->request);
    REQUIRE(asked);
    list_offsets_response r;
    auto& t = r.topics.emplace_back();
    t.name = "t";
    t.partitions.emplace_back().offset = offset;
    f.m.on_offsets(f.now, look->request, r);
    f.turn();
    return asked->topics[0].partitions[0].timestamp;
  };
  const auto time = std::chrono::milliseconds{9h}.count();
  CHECK(answer(-1) == time);
  CHECK(answer(20) == -1);
  CHECK_FALSE(f.next<machine::positioned>());
  SECTION("where there still is none") {
    CHECK(answer(-1) == time);
    CHECK(f.next<machine::positioned>()->where == start_at::offset(20));
  }
  SECTION("and not the end as it was behind one that came meanwhile") {
    CHECK(answer(19) == time);
    CHECK(f.next<machine::positioned>()->where == start_at::offset(19));
  }
}

TEST_CASE(
  "a paused partition is in no fetch, and one that is taken away in none either") {
  reading f;
  f.begin();
  f.m.set(f.now, 0, {++f.generation, topic_t, 0, start_at::offset(5), true});
  auto r = f.answer();
  f.part(r, 0, "records");
  CHECK(f.answered(f.fetch, r).empty());
  f.later(10s);
  CHECK_FALSE(f.next<machine::send_fetch>());
  f.m.set(f.now, 0, {++f.generation, topic_t, 0, start_at::offset(5), false});
  f.turn();
  const auto fetch = f.next<machine::send_fetch>();
  REQUIRE(fetch);
  f.m.remove(f.now, 0);
  CHECK_FALSE(f.m.fill(f.now, fetch->request, 17));
  f.m.on_failure(f.now, fetch->request, {error_code::not_found, ""});
  f.actions.clear();
  f.later(60s);
  CHECK(f.actions.empty());
}

TEST_CASE("brokers of old are asked without sessions and ids") {
  reading f;
  f.assign(0, start_at::offset(5));
  f.metadata(1, 1, 0);
  const auto fetch = f.next<machine::send_fetch>();
  REQUIRE(fetch);
  CHECK_FALSE(fetch->by_id);
  const auto request = f.fill(*fetch, 4);
  CHECK(request.session_epoch == -1);
  CHECK(request.topics[0].topic == "t");
}
