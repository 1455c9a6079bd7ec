#include "consumer_fixture.hpp"

#include <catch2/generators/catch_generators.hpp>

// What a broker says is checked against what it was asked, and against what is known.

using namespace consumer_fixture;

TEST_CASE("an answer about what was not asked is ignored, and told once") {
  const std::string what =
    GENERATE("the same partition twice", "another partition", "another topic");
  INFO(what);
  reading f;
  f.begin();
  auto fetch = f.fetch;
  std::size_t told = 0;
  for (int i = 0; i != 3; ++i) {
    auto r = f.answer();
    f.part(r, 0, "records");
    if (what == "another topic")
      r.responses.emplace_back().topic_id = id_of(7);
    f.part(r, what == "another partition" ? INT32_MAX : 0, "others");
    const auto got = f.answered(fetch, r);
    REQUIRE(got.size() == 1);
    CHECK(got[0].records.text() == "records");
    f.read(got[0], 10 + i);
    f.turn();
    while (const auto lie = f.next<machine::stray>()) {
      ++told;
      CHECK(lie->why.code == error_code::malformed_response);
      CHECK(lie->why.detail.find("broker 0 answers what it was not asked") == 0);
      CHECK((lie->topic != nullptr) == (what != "another topic"));
    }
    fetch = *f.next<machine::send_fetch>();
    f.fill(fetch);
  }
  CHECK(told == 1);
}

TEST_CASE("an answer about what was asked and is not wanted any more is no lie") {
  const std::string what = GENERATE("taken away", "sought", "moved", "recreated");
  INFO(what);
  fixture f;
  f.assign(0, start_at::offset(5));
  f.assign(1, start_at::offset(5));
  f.metadata(2);
  const auto fetch = f.next<machine::send_fetch>();
  REQUIRE(fetch);
  f.fill(*fetch);
  if (what == "taken away")
    f.m.remove(f.now, 1);
  else if (what == "sought")
    f.assign(1, start_at::offset(9));
  else {
    f.later(31s);
    if (what == "moved")
      f.metadata(2, 2);
    else
      f.metadata(2, 1, 2);
  }
  f.actions.clear();
  auto r = f.answer();
  f.part(r, 0, "records");
  f.part(r, 1, "records");
  CHECK(f.answered(*fetch, r).size() == (what == "recreated" ? 0 : 1));
  f.turn();
  CHECK_FALSE(f.next<machine::stray>());
}

TEST_CASE("offsets that were not asked for are ignored, and told") {
  fixture f;
  f.assign(0, start_at::latest());
  f.metadata(1);
  const auto look = f.next<machine::send_list_offsets>();
  REQUIRE(look);
  REQUIRE(f.m.fill_offsets(f.now, look->request));
  list_offsets_response r;
  auto& t = r.topics.emplace_back();
  t.name = *topic_t;
  for (const auto p : {0, 7}) {
    auto& x = t.partitions.emplace_back();
    x.partition_index = p;
    x.offset = 42;
  }
  f.m.on_offsets(f.now, look->request, r);
  f.turn();
  CHECK(f.next<machine::positioned>()->where == start_at::offset(42));
  CHECK(f.next<machine::stray>());
}

TEST_CASE("records that end before they begin are damage, and reading never goes back") {
  reading f;
  f.begin();
  std::size_t told = 0;
  for (int i = 0; i != 30; ++i) {
    auto r = f.answer();
    f.part(r, 0, "records");
    for (const auto& got : f.answered(f.fetch, r))
      CHECK_FALSE(f.m.on_read(f.now, got, 3, 10, {}));
    f.later(1s);
    while (const auto report = f.next<machine::report>()) {
      ++told;
      CHECK(report->halted);
      CHECK(report->offset == log_offset{5});
      CHECK(report->why.code == error_code::corrupt_message);
    }
    if (const auto again = f.next<machine::send_fetch>()) {
      f.fetch = *again;
      f.fill(f.fetch);
    }
    CHECK(f.m.view(f.now)[0].next == log_offset{5});
  }
  CHECK(told == 1);
}

TEST_CASE("what was fetched of a topic before it was recreated is not read afterwards") {
  consumer_machine_options o;
  o.reset = start_at::earliest();
  reading f{o};
  f.begin();
  auto r = f.answer();
  f.part(r, 0, "old");
  const auto old = f.answered(f.fetch, r);
  REQUIRE(old.size() == 1);
  f.later(31s);
  f.metadata(1, 1, 2);
  const auto look = f.next<machine::send_list_offsets>();
  REQUIRE(look);
  REQUIRE(f.m.fill_offsets(f.now, look->request));
  list_offsets_response begins;
  auto& t = begins.topics.emplace_back();
  t.name = *topic_t;
  t.partitions.emplace_back().offset = 0;
  f.m.on_offsets(f.now, look->request, begins);
  f.turn();
  const auto fetch = f.next<machine::send_fetch>();
  REQUIRE(fetch);
  f.fill(*fetch);
  fetch_response fresh;
  fresh.session_id = 10;
  fresh.responses.emplace_back().topic_id = id_of(2);
  f.part(fresh, 0, "new");
  const auto got = f.answered(*fetch, fresh);
  REQUIRE(got.size() == 1);
  CHECK_FALSE(f.m.on_read(f.now, old[0], 100, 3, {}));
  CHECK(f.m.on_read(f.now, got[0], 4, 3, {}));
  f.turn();
  const auto next = f.next<machine::send_fetch>();
  REQUIRE(next);
  CHECK(f.fill(*next).topics[0].partitions[0].fetch_offset == log_offset{4});
}

TEST_CASE("topics and partitions that nobody asked for change nothing") {
  reading f;
  f.begin();
  f.later(31s);
  REQUIRE(f.next<machine::ask_metadata>());
  metadata_response r;
  auto& other = r.topics.emplace_back();
  other.name = std::string{"other"};
  other.partitions.resize(1'000);
  auto& t = r.topics.emplace_back();
  t.name = *topic_t;
  t.topic_id = id_of(1);
  for (const auto p : {INT32_MAX, -1, 0}) {
    auto& x = t.partitions.emplace_back();
    x.partition_index = p;
    x.leader_epoch = 0;
  }
  f.m.on_metadata(f.now, r);
  f.turn();
  CHECK_FALSE(f.next<machine::report>());
  CHECK(f.m.view(f.now).size() == 1);
  CHECK(f.m.view(f.now)[0].leader == broker_id{0});
}

TEST_CASE("a topic's partitions are found in metadata however many there are") {
  constexpr int many = 5'000;
  fixture f;
  for (std::uint32_t p = 0; p != many; ++p)
    f.m.set(f.now, p,
      {++f.generation, topic_t, static_cast<std::int32_t>(p), start_at::offset(0),
        false});
  f.turn();
  REQUIRE(f.next<machine::ask_metadata>());
  metadata_response r;
  auto& t = r.topics.emplace_back();
  t.name = *topic_t;
  t.topic_id = id_of(1);
  // Not where they would be if they were sorted and whole.
  for (int p = -7; p != 200'000; ++p) {
    auto& x = t.partitions.emplace_back();
    x.partition_index = p;
    x.leader_id = p % 3;
    x.leader_epoch = 0;
  }
  f.m.on_metadata(f.now, r);
  for (const auto& p : f.m.view(f.now))
    REQUIRE(p.leader.value() == p.partition.value() % 3);
}
