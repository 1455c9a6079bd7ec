#include <cafka/protocol/machines/consumer_machine.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <set>

using namespace cafka::protocol;
using namespace std::chrono_literals;

namespace {

using machine = consumer_machine;
using time_point = machine::time_point;

const auto topic_t = std::make_shared<const std::string>("t");

uuid id_of(std::uint8_t n) {
  uuid id;
  id.bytes[0] = n;
  return id;
}

/// A machine, and what it wanted done.
struct fixture {
  explicit fixture(consumer_machine_options o = {}, std::size_t memory = 64 << 20)
    : budget(memory), m(with_reset(std::move(o)), budget) {}

  static consumer_machine_options with_reset(consumer_machine_options o) {
    o.max_partition_fetch_bytes = 1'000;
    return o;
  }

  void assign(std::uint32_t slot, start_at start) {
    m.set(now, slot, {++generation, topic_t, static_cast<std::int32_t>(slot), start, false});
    turn();
  }

  void turn() {
    m.on_time(now);
    for (auto& a : m.take_actions())
      actions.push_back(std::move(a));
  }

  void later(std::chrono::milliseconds d) {
    now += d;
    turn();
  }

  /// The first action of this kind, which is then done with.
  template <class T>
  std::optional<T> next() {
    for (auto i = actions.begin(); i != actions.end(); ++i) {
      if (auto* x = std::get_if<T>(&*i)) {
        auto found = *x;
        actions.erase(i);
        return found;
      }
    }
    return std::nullopt;
  }

  /// Each partition `p` of `partitions` is led by broker `p % brokers`.
  void metadata(int partitions, int brokers = 1, std::uint8_t id = 1, int epoch = 0) {
    REQUIRE(next<machine::ask_metadata>());
    metadata_response r;
    auto& t = r.topics.emplace_back();
    t.name = "t";
    t.topic_id = id_of(id);
    for (int p = 0; p != partitions; ++p) {
      auto& x = t.partitions.emplace_back();
      x.partition_index = p;
      x.leader_id = brokers > 0 ? p % brokers : -1;
      x.leader_epoch = epoch;
    }
    m.on_metadata(now, r);
    turn();
  }

  fetch_request fill(const machine::send_fetch& s, std::int16_t version = 17) {
    auto r = m.fill(now, s.request, version);
    REQUIRE(r);
    return *r;
  }

  static fetch_response answer(std::int32_t session = 9) {
    fetch_response r;
    r.session_id = session;
    r.responses.emplace_back().topic_id = id_of(1);
    return r;
  }

  static fetch_partition_data& part(fetch_response& r, int p, const char* records = "") {
    auto& x = r.responses.back().partitions.emplace_back();
    x.partition_index = p;
    x.high_watermark = 1'000;
    x.records = shared_bytes::copy_of(std::string_view{records});
    return x;
  }

  std::vector<machine::fetched> answered(
    const machine::send_fetch& s, const fetch_response& r) {
    return m.on_answer(now, s.request, r);
  }

  void read(const machine::fetched& f, std::int64_t next, std::size_t bytes = 500) {
    m.on_read(now, f, next, bytes, {});
  }

  time_point now = time_point{} + 1h;
  byte_budget budget;
  machine m;
  std::uint64_t generation = 0;
  std::vector<machine::action> actions;
};

/// With one partition that is read from offset 5 on, and its first fetch filled.
struct reading : fixture {
  using fixture::fixture;
  void begin() {
    assign(0, start_at::offset(5));
    metadata(1);
    fetch = *next<machine::send_fetch>();
    request = fill(fetch);
  }
  machine::send_fetch fetch{};
  fetch_request request;
};

} // namespace

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
  f.m.on_taken(0, 1, 2'500);
  static_cast<void>(f.answered(*fetch, f.answer()));
  f.turn();
  fetch = f.next<machine::send_fetch>();
  REQUIRE(fetch);
  CHECK(f.fill(*fetch).topics[0].partitions[0].partition == partition_id{0});
}

TEST_CASE("memory that the program holds stops fetches until it lets go") {
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
  f.turn();
  CHECK(f.next<machine::send_fetch>());
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
    CHECK(f.m.fill_offsets(f.now, look->request)->topics[0].partitions[0].timestamp == -2);
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
    // The old one's answer comes after all: nobody wants it.
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
  SECTION("not when it says nothing, or cannot be reached") {
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

TEST_CASE("a topic that was made anew is read from its beginning") {
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

TEST_CASE("a topic that was made anew is known as such by whoever is paused or halted") {
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

TEST_CASE("a topic that was made anew on brokers without ids has lower epochs") {
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

TEST_CASE("brokers that nobody can reach are told, once, and looked for") {
  fixture f;
  f.assign(0, start_at::offset(5));
  const error why{error_code::timed_out, "no broker can be reached"};
  std::size_t told = 0;
  std::size_t asked = 0;
  const auto began = f.now;
  while (f.now - began < 30s) {
    if (const auto ask = f.next<machine::ask_metadata>()) {
      ++asked;
      CHECK(ask->patience >= 1s);
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
    all.push_back(ask->patience);
    f.m.on_metadata_failed(f.now, {error_code::timed_out, ""});
    f.later(2s);
  }
  CHECK(all == std::vector<std::chrono::milliseconds>{1s, 1s, 2s, 1s, 4s, 1s, 4s});
}

TEST_CASE("who leads is asked several times a second while a broker stands still") {
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

TEST_CASE("a refusal is told once and tried again; a throttle is heeded") {
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

TEST_CASE("a paused partition is in no fetch, and one that is taken away in none either") {
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
  f.m.remove(0);
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
