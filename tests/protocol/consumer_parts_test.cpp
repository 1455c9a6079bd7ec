#include "consumer_fixture.hpp"

using namespace consumer_fixture;

TEST_CASE("a share that is read in parts is not fetched again before its end") {
  reading f;
  f.begin();
  auto r = f.answer();
  f.part(r, 0, "records");
  const auto got = f.answered(f.fetch, r);
  REQUIRE(got.size() == 1);
  CHECK(f.m.wants(got[0]));
  f.turn();
  f.m.on_part_read(f.now, got[0], 0);
  CHECK_FALSE(f.m.has_effects());
  f.m.on_part_read(f.now, got[0], 100);
  f.turn();
  CHECK_FALSE(f.next<machine::send_fetch>());
  CHECK(f.m.wants_taking());
  f.m.on_taken(f.now, 0, f.generation, 100);
  f.turn();
  CHECK_FALSE(f.next<machine::send_fetch>());
  f.read(got[0], 8);
  f.turn();
  CHECK(f.next<machine::send_fetch>());
  CHECK_FALSE(f.m.wants(got[0]));
}

TEST_CASE("what lies there of a share's parts keeps its partition out of fetches") {
  consumer_machine_options options;
  reading f{options, 8'000};
  f.begin();
  auto r = f.answer();
  f.part(r, 0, "records");
  const auto got = f.answered(f.fetch, r);
  REQUIRE(got.size() == 1);
  f.m.on_part_read(f.now, got[0], 3'000);
  f.read(got[0], 8, 3'000);
  f.turn();
  CHECK_FALSE(f.next<machine::send_fetch>());
  f.m.on_taken(f.now, 0, f.generation, 3'000);
  f.turn();
  CHECK(f.next<machine::send_fetch>());
}

TEST_CASE("what was fetched is not read any more once its partition goes on elsewhere") {
  reading f;
  f.begin();
  auto r = f.answer();
  f.part(r, 0, "records");
  const auto got = f.answered(f.fetch, r);
  REQUIRE(got.size() == 1);
  f.assign(0, start_at::offset(70)); // As `seek` does.
  CHECK_FALSE(f.m.wants(got[0]));
  f.m.on_part_read(f.now, got[0], 100);
  f.read(got[0], 8);
  f.turn();
  const auto next = f.next<machine::send_fetch>();
  REQUIRE(next);
  CHECK(f.fill(*next).topics[0].partitions[0].fetch_offset == log_offset{70});
}
