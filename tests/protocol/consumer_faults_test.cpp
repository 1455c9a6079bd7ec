#include "consumer_fixture.hpp"

#include <catch2/generators/catch_generators.hpp>

#include <algorithm>
#include <variant>

using namespace consumer_fixture;

TEST_CASE("an offset out of range follows the reset policy") {
  const auto refuse = [](reading& f) {
    f.begin();
    auto r = f.answer();
    f.part(r, 0).error_code = error_code::offset_out_of_range;
    static_cast<void>(f.answered(f.fetch, r));
    f.turn();
  };
  SECTION("none: halted, and told") {
    reading f;
    refuse(f);
    const auto told = f.next<machine::report>();
    REQUIRE(told);
    CHECK(told->halted);
    CHECK(told->why.code == error_code::offset_out_of_range);
    CHECK(told->offset == log_offset{5});
    f.later(10s);
    CHECK_FALSE(f.next<machine::send_fetch>());
    f.assign(0, start_at::offset(1)); // As `seek` does.
    CHECK(f.next<machine::send_fetch>());
  }
  SECTION("earliest") {
    consumer_machine_options o;
    o.reset = start_at::earliest();
    reading f{o};
    refuse(f);
    CHECK_FALSE(f.next<machine::report>());
    const auto look = f.next<machine::send_list_offsets>();
    REQUIRE(look);
    CHECK(
      f.m.fill_offsets(f.now, look->request)->topics[0].partitions[0].timestamp == -2);
  }
}

TEST_CASE("a partition whose leader moved is fetched from the new one at once") {
  reading f;
  f.begin();
  auto r = f.answer();
  SECTION("as the old one says (KIP-951)") {
    auto& x = f.part(r, 0);
    x.error_code = error_code::not_leader_or_follower;
    x.current_leader = {2, 7};
    static_cast<void>(f.answered(f.fetch, r));
    f.turn();
    const auto fetch = f.next<machine::send_fetch>();
    REQUIRE(fetch);
    CHECK(fetch->broker == broker_id{2});
    CHECK(f.fill(*fetch).topics[0].partitions[0].current_leader_epoch == leader_epoch{7});
  }
  SECTION("as the metadata says, though the old one has not answered") {
    f.later(1'600ms); // The wait, and what is beyond.
    REQUIRE(f.actions.size() == 1);
    metadata_response m;
    REQUIRE(f.next<machine::ask_metadata>());
    auto& t = m.topics.emplace_back();
    t.name = "t";
    t.topic_id = id_of(1);
    auto& p = t.partitions.emplace_back();
    p.leader_id = 1;
    p.leader_epoch = 1;
    f.m.on_metadata(f.now, m);
    f.turn();
    const auto fetch = f.next<machine::send_fetch>();
    REQUIRE(fetch);
    CHECK(fetch->broker == broker_id{1});
    CHECK(f.fill(*fetch).topics[0].partitions[0].fetch_offset == log_offset{5});
    // The old one's answer comes after all: it is ignored.
    f.part(r, 0, "records");
    CHECK(f.answered(f.fetch, r).empty());
  }
}

TEST_CASE("a replica close by is asked while it does its work (KIP-392)") {
  consumer_machine_options o;
  o.client_rack = "near";
  reading f{o};
  f.begin();
  CHECK(f.request.rack_id == "near");
  auto r = f.answer();
  f.part(r, 0).preferred_read_replica = 4;
  static_cast<void>(f.answered(f.fetch, r));
  f.turn();
  auto fetch = f.next<machine::send_fetch>();
  REQUIRE(fetch);
  CHECK(fetch->broker == broker_id{4});
  SECTION("not when it cannot be reached, which may take a moment") {
    f.later(900ms);
    CHECK_FALSE(f.next<machine::send_fetch>());
    f.later(300ms);
    fetch = f.next<machine::send_fetch>();
    REQUIRE(fetch);
    CHECK(fetch->broker == broker_id{0});
    return;
  }
  static_cast<void>(f.fill(*fetch));
  SECTION("not when it fails") {
    f.m.on_failure(f.now, fetch->request, {error_code::disconnected, ""});
    f.turn();
    fetch = f.next<machine::send_fetch>();
    REQUIRE(fetch);
    CHECK(fetch->broker == broker_id{0});
  }
  SECTION("not when it is behind") {
    auto refused = f.answer(11);
    f.part(refused, 0).error_code = error_code::offset_out_of_range;
    static_cast<void>(f.answered(*fetch, refused));
    f.turn();
    fetch = f.next<machine::send_fetch>();
    REQUIRE(fetch);
    CHECK(fetch->broker == broker_id{0});
    CHECK(f.fill(*fetch).rack_id.empty());
    CHECK_FALSE(f.next<machine::send_list_offsets>());
  }
  SECTION("not when it says nothing") {
    // Its metadata is as before, and the leader would name it again.
    f.later(1'600ms);
    fetch = f.next<machine::send_fetch>();
    REQUIRE(fetch);
    CHECK(fetch->broker == broker_id{0});
    CHECK(f.fill(*fetch).rack_id.empty());
    static_cast<void>(f.answered(*fetch, f.answer(12)));
    f.later(5s);
    fetch = f.next<machine::send_fetch>();
    REQUIRE(fetch);
    CHECK(f.fill(*fetch).rack_id == "near");
  }
  SECTION("not for ever") {
    auto records = f.answer(11);
    f.part(records, 0, "x");
    const auto got = f.answered(*fetch, records);
    REQUIRE(got.size() == 1);
    f.read(got[0], 9);
    f.later(301s);
    fetch = f.next<machine::send_fetch>();
    REQUIRE(fetch);
    CHECK(fetch->broker == broker_id{0});
  }
}

TEST_CASE("a replica that was named before it failed is not asked afterwards") {
  consumer_machine_options o;
  o.client_rack = "near";
  fixture f{o};
  f.assign(0, start_at::offset(0));
  f.assign(1, start_at::offset(0));
  f.metadata(2, 2);
  const auto first = f.next<machine::send_fetch>();
  const auto second = f.next<machine::send_fetch>();
  REQUIRE(second);
  static_cast<void>(f.fill(*first));
  static_cast<void>(f.fill(*second));
  const auto name_replica = [&](const machine::send_fetch& s, int p) {
    auto r = f.answer();
    f.part(r, p).preferred_read_replica = 4;
    static_cast<void>(f.answered(s, r));
    f.turn();
    return f.next<machine::send_fetch>();
  };
  const auto near = name_replica(*first, 0);
  REQUIRE(near);
  CHECK(near->broker == broker_id{4});
  f.m.on_failure(f.now, near->request, {error_code::disconnected, ""});
  f.turn();
  CHECK(f.next<machine::send_fetch>()->broker == broker_id{0});
  const auto again = name_replica(*second, 1);
  REQUIRE(again);
  CHECK(again->broker == broker_id{1});
  CHECK(f.fill(*again).rack_id.empty());
}

TEST_CASE("a topic that was recreated is read from its beginning") {
  for (const auto resets : {true, false}) {
    consumer_machine_options o;
    if (resets)
      o.reset = start_at::latest();
    reading f{o};
    f.begin();
    auto r = f.answer();
    f.part(r, 0).error_code = error_code::unknown_topic_id;
    static_cast<void>(f.answered(f.fetch, r));
    f.later(200ms);
    f.metadata(1, 1, 2);
    if (resets) {
      const auto look = f.next<machine::send_list_offsets>();
      REQUIRE(look);
      CHECK(
        f.m.fill_offsets(f.now, look->request)->topics[0].partitions[0].timestamp == -2);
    } else {
      const auto told = f.next<machine::report>();
      REQUIRE(told);
      CHECK(told->halted);
    }
  }
}

TEST_CASE("a topic that was deleted and created again is noticed by paused and halted "
          "partitions") {
  consumer_machine_options o;
  o.reset = start_at::latest();
  reading f{o};
  f.begin();
  if (GENERATE(true, false)) {
    f.m.set(f.now, 0, {++f.generation, topic_t, 0, start_at::offset(5), true});
  } else {
    for (int i = 0; i != 3; ++i) {
      auto r = f.answer();
      f.part(r, 0, "damaged");
      const auto got = f.answered(f.fetch, r);
      REQUIRE(got.size() == 1);
      f.m.on_read(f.now, got[0], 5, 0, {error_code::corrupt_message, "crc"});
      f.later(1s);
      if (const auto again = f.next<machine::send_fetch>()) {
        f.fetch = *again;
        static_cast<void>(f.fill(f.fetch));
      }
    }
    REQUIRE(f.next<machine::report>());
  }
  f.later(31s);
  f.metadata(1, 1, 2);
  const auto told = f.next<machine::positioned>();
  REQUIRE(told);
  CHECK(told->where == start_at::earliest());
  CHECK_FALSE(f.next<machine::send_fetch>());
  CHECK_FALSE(f.next<machine::send_list_offsets>());
}

TEST_CASE("a topic that was recreated on brokers without ids has lower epochs") {
  reading f;
  f.assign(0, start_at::offset(5));
  f.metadata(1, 1, 0, 7);
  for (int i = 0; i != 20; ++i) {
    if (const auto fetch = f.next<machine::send_fetch>()) {
      const auto epoch = f.fill(*fetch, 12).topics[0].partitions[0].current_leader_epoch;
      fetch_response r;
      r.responses.emplace_back().topic = "t";
      if (epoch == leader_epoch{0}) {
        CHECK(i > 4); // One answer of old says nothing.
        return;
      }
      f.part(r, 0).error_code = error_code::unknown_leader_epoch;
      static_cast<void>(f.answered(*fetch, r));
    }
    f.later(1s);
    if (!f.actions.empty() && std::holds_alternative<machine::ask_metadata>(f.actions[0]))
      f.metadata(1, 1, 0, 0);
  }
  FAIL("the old epoch was never given up");
}

TEST_CASE("an answer that leads nowhere is not asked for again at once") {
  reading f;
  f.begin();
  auto r = f.answer();
  f.part(r, 0, "of no use");
  const auto got = f.answered(f.fetch, r);
  REQUIRE(got.size() == 1);
  f.read(got[0], 5, 0);
  f.turn();
  CHECK_FALSE(f.next<machine::send_fetch>());
  f.later(100ms);
  CHECK(f.next<machine::send_fetch>());
}

TEST_CASE("a broker too old for what is wanted is told, once for each partition") {
  fixture f;
  f.assign(0, start_at::offset(5));
  f.assign(1, start_at::latest());
  f.metadata(2);
  std::size_t told = 0;
  for (int i = 0; i != 5; ++i) {
    const error why{error_code::unsupported_api_version, "read_committed needs 4"};
    if (const auto fetch = f.next<machine::send_fetch>())
      f.m.on_failure(f.now, fetch->request, why);
    if (const auto look = f.next<machine::send_list_offsets>())
      f.m.on_failure(f.now, look->request, why);
    f.later(2s);
    while (const auto report = f.next<machine::report>()) {
      ++told;
      CHECK_FALSE(report->halted);
      CHECK(report->why.code == error_code::unsupported_api_version);
    }
    if (f.next<machine::ask_metadata>())
      f.m.on_metadata_failed(f.now, {});
  }
  CHECK(told == 2);
}

TEST_CASE("brokers that cannot be reached are reported, once, and looked for") {
  fixture f;
  f.assign(0, start_at::offset(5));
  const error why{error_code::timed_out, "no broker can be reached"};
  std::size_t told = 0;
  std::size_t asked = 0;
  const auto began = f.now;
  while (f.now - began < 30s) {
    if (const auto ask = f.next<machine::ask_metadata>()) {
      ++asked;
      CHECK(ask->answer_timeout >= 1s);
      f.m.on_metadata_failed(f.now, why);
    }
    f.later(200ms);
    if (const auto report = f.next<machine::report>()) {
      ++told;
      CHECK(f.now - began >= 10s);
      CHECK(f.now - began < 13s);
      CHECK(report->why.detail == why.detail);
      CHECK_FALSE(report->halted);
    }
  }
  CHECK(told == 1);
  CHECK(asked > 20);
  const auto asks = [&] {
    return std::ranges::any_of(f.actions,
      [](const auto& a) { return std::holds_alternative<machine::ask_metadata>(a); });
  };
  for (int i = 0; i != 10 && !asks(); ++i)
    f.later(200ms);
  f.metadata(1);
  CHECK(f.next<machine::send_fetch>());
}

TEST_CASE("questions about topics that were not answered in time are given more") {
  fixture f;
  f.assign(0, start_at::offset(5));
  std::vector<std::chrono::milliseconds> all;
  for (int i = 0; i != 7; ++i) {
    const auto ask = f.next<machine::ask_metadata>();
    REQUIRE(ask);
    CHECK(ask->in_turn == (i % 2 == 1));
    all.push_back(ask->answer_timeout);
    f.m.on_metadata_failed(f.now, {error_code::timed_out, ""});
    f.later(2s);
  }
  CHECK(all == std::vector<std::chrono::milliseconds>{1s, 1s, 2s, 1s, 4s, 1s, 4s});
}

TEST_CASE("who leads is asked several times a second while a broker hangs") {
  reading f;
  f.begin();
  f.later(1'500ms);
  f.metadata(1);
  std::size_t asked = 0;
  for (int i = 0; i != 100; ++i) {
    f.later(10ms);
    if (!f.actions.empty()) {
      ++asked;
      f.metadata(1);
    }
  }
  CHECK(asked >= 3);
  CHECK(asked <= 10);
}

TEST_CASE("a partition that is not there is told once, and read when it appears") {
  fixture f;
  f.assign(3, start_at::offset(0));
  f.metadata(2);
  CHECK_FALSE(f.next<machine::report>());
  std::size_t told = 0;
  for (int i = 0; i != 100; ++i) {
    f.later(100ms);
    if (!f.actions.empty() && std::holds_alternative<machine::ask_metadata>(f.actions[0]))
      f.metadata(2);
    if (const auto report = f.next<machine::report>()) {
      ++told;
      CHECK(report->why.code == error_code::unknown_topic_or_partition);
      CHECK_FALSE(report->halted);
    }
  }
  CHECK(told == 1);
  f.later(1s);
  f.metadata(4);
  CHECK(f.next<machine::send_fetch>());
}

TEST_CASE("a damaged batch is fetched again, then told, and others go on") {
  fixture f;
  f.assign(0, start_at::offset(5));
  f.assign(1, start_at::offset(5));
  f.metadata(2);
  std::size_t told = 0;
  for (int i = 0; i != 20; ++i) {
    if (const auto fetch = f.next<machine::send_fetch>()) {
      static_cast<void>(f.fill(*fetch));
      auto r = f.answer();
      f.part(r, 0, "damaged");
      f.part(r, 1, "well");
      for (const auto& got : f.answered(*fetch, r)) {
        if (got.slot == 0)
          f.m.on_read(f.now, got, 5, 0, {error_code::corrupt_message, "crc"});
        else
          f.read(got, 5 + i, 0);
      }
    }
    f.later(1'500ms);
    if (const auto report = f.next<machine::report>()) {
      ++told;
      CHECK(report->slot == 0);
      CHECK(report->halted);
    }
    if (f.next<machine::ask_metadata>())
      f.m.on_metadata_failed(f.now, {});
  }
  CHECK(told == 1);
}

TEST_CASE("a session that lost track of a partition is begun anew") {
  reading f;
  f.begin();
  auto r = f.answer();
  f.part(r, 0); // Records to come, as its end says.
  static_cast<void>(f.answered(f.fetch, r));
  for (int i = 0; i != 7; ++i) {
    f.later(1s);
    const auto fetch = f.next<machine::send_fetch>();
    REQUIRE(fetch);
    const auto request = f.fill(*fetch);
    if (i == 6)
      CHECK(request.session_epoch == 0);
    else
      CHECK((request.session_epoch > 0 || i == 5));
    fetch_response silent;
    silent.session_id = 9;
    static_cast<void>(f.answered(*fetch, silent));
    if (request.session_epoch == 0)
      break;
  }
  CHECK(f.m.totals().sessions >= 2);
}

TEST_CASE("a refusal is told once and tried again; a throttle is respected") {
  reading f;
  f.begin();
  auto r = f.answer();
  r.throttle_time_ms = 3'000;
  f.part(r, 0).error_code = error_code::topic_authorization_failed;
  static_cast<void>(f.answered(f.fetch, r));
  f.later(2'900ms);
  const auto told = f.next<machine::report>();
  REQUIRE(told);
  CHECK_FALSE(told->halted);
  CHECK_FALSE(f.next<machine::send_fetch>());
  f.later(200ms);
  const auto again = f.next<machine::send_fetch>();
  REQUIRE(again);
  static_cast<void>(f.fill(*again));
  static_cast<void>(f.answered(*again, r));
  f.turn();
  CHECK_FALSE(f.next<machine::report>());
}

TEST_CASE("a fetch that fails is asked for again, with a new session") {
  reading f;
  f.begin();
  f.m.on_failure(f.now, f.fetch.request, {error_code::disconnected, ""});
  f.turn();
  CHECK_FALSE(f.next<machine::send_fetch>());
  f.later(200ms);
  CHECK(f.next<machine::ask_metadata>());
  const auto again = f.next<machine::send_fetch>();
  REQUIRE(again);
  const auto request = f.fill(*again);
  CHECK(request.session_epoch == 0);
  CHECK(request.topics[0].partitions[0].fetch_offset == log_offset{5});
}
