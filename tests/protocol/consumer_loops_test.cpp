#include "consumer_fixture.hpp"

#include <functional>

// Brokers that answer at once, and so that something is to be asked again. No such answer
// may lead to requests without a pause.

using namespace consumer_fixture;

namespace {

/// A way to answer; what is not set is answered as it should be.
struct lie {
  const char* name;
  std::function<void(fetch_response&, fetch_partition_data&, broker_id from, int n)>
    fetch = {};
  std::function<void(list_offsets_partition_response&, int n)> offsets = {};
  std::function<void(metadata_response_topic&, int n)> metadata = {};
  /// Each answer is followed by the end of its connection.
  bool hangs_up = false;
};

const std::vector<lie>& lies() {
  const auto not_leader = [](fetch_partition_data& x, broker_id leader, int epoch) {
    x.error_code = error_code::not_leader_or_follower;
    x.current_leader = {leader, epoch};
  };
  static const std::vector<lie> all{
    {"each broker says that the other one leads, in a later epoch",
      [=](auto&, auto& x, broker_id from, int n) { not_leader(x, 1 - from.value(), n); }},
    {"a broker says that it leads in a later epoch, and not in this one",
      [=](auto&, auto& x, broker_id from, int n) { not_leader(x, from, n); }},
    {"no broker leads, and metadata names another one each time",
      [=](auto&, auto& x, broker_id, int) { not_leader(x, -1, -1); }, {},
      [](metadata_response_topic& t, int n) {
        t.partitions[0].leader_id = n % 2;
        t.partitions[0].leader_epoch = n;
      }},
    {"each broker names the other one as the replica to ask",
      [](auto&, auto& x, broker_id from, int) {
        x.preferred_read_replica = 1 - from.value();
      }},
    {"each offset is out of range, those that are looked up as well",
      [](auto&, auto& x, broker_id, int) {
        x.error_code = error_code::offset_out_of_range;
      },
      [](auto& x, int n) { x.offset = n; }},
    {"there is nothing, and no broker waits for something",
      [](auto&, auto& x, broker_id, int) { x.high_watermark = 5; }},
    {"there is something, and it never comes", [](auto&, auto&, broker_id, int) {}},
    {"the session is gone each time",
      [](fetch_response& r, auto&, broker_id, int) {
        r.error_code = error_code::fetch_session_id_not_found;
      }},
    {"the session is gone every other time",
      [](fetch_response& r, auto&, broker_id, int n) {
        if (n % 2 == 0)
          r.error_code = error_code::fetch_session_id_not_found;
      }},
    {"the topic is recreated each time",
      [](auto&, auto& x, broker_id, int) { x.error_code = error_code::unknown_topic_id; },
      {},
      [](metadata_response_topic& t, int n) {
        t.topic_id = id_of(static_cast<std::uint8_t>(n % 100 + 1));
      }},
    {"records come, and never those that were asked for",
      [](auto&, auto& x, broker_id, int) {
        x.records = shared_bytes::copy_of(std::string_view{"of no use"});
      }},
    {"records come, and are damaged now and then",
      [](auto&, auto& x, broker_id, int n) {
        x.records = shared_bytes::copy_of(std::string_view{n % 2 ? "bad" : "of no use"});
      }},
    {"a connection ends behind each answer", [](auto&, auto&, broker_id, int) {}, {}, {},
      true},
    {"no offset is known",
      [](auto&, auto& x, broker_id, int) {
        x.error_code = error_code::offset_out_of_range;
      },
      [](auto& x, int) { x.offset = -1; }},
  };
  return all;
}

} // namespace

TEST_CASE("no answer makes a consumer ask without a pause") {
  for (const auto& l : lies()) {
    INFO(l.name);
    consumer_machine_options o;
    o.client_rack = "near";
    o.replica_pause = 0ms;
    o.reset = start_at::earliest();
    fixture f{o};
    f.assign(0, start_at::offset(5));
    const auto end = f.now + 10s;
    int n = 0;
    int metadata_asked = 0;
    bool halted = false;
    std::map<broker_id, bool> hangs_up;
    while (f.now < end) {
      const auto before = n + metadata_asked;
      f.turn();
      for (auto& a : std::exchange(f.actions, {})) {
        if (const auto* s = std::get_if<machine::send_fetch>(&a)) {
          ++n;
          if (l.hangs_up && std::exchange(hangs_up[s->broker], !hangs_up[s->broker])) {
            f.m.on_failure(f.now, s->request, {error_code::disconnected, ""});
            continue;
          }
          if (!f.m.fill(f.now, s->request, 17)) {
            f.m.on_failure(f.now, s->request, {error_code::not_found, ""});
            continue;
          }
          auto r = f.answer();
          auto& x = f.part(r, 0);
          r.responses[0].topic_id = id_of(1);
          l.fetch(r, x, s->broker, n);
          for (const auto& got : f.m.on_answer(f.now, s->request, r)) {
            const auto bad = got.records.text() == "bad";
            f.m.on_read(f.now, got, got.from, 0,
              bad ? error{error_code::corrupt_message, "bad"} : error{});
          }
        } else if (const auto* look = std::get_if<machine::send_list_offsets>(&a)) {
          ++n;
          if (!f.m.fill_offsets(f.now, look->request))
            continue;
          list_offsets_response r;
          auto& t = r.topics.emplace_back();
          t.name = *topic_t;
          auto& x = t.partitions.emplace_back();
          x.offset = 5;
          if (l.offsets)
            l.offsets(x, n);
          f.m.on_offsets(f.now, look->request, r);
        } else if (const auto* told = std::get_if<machine::report>(&a)) {
          halted = halted || told->halted;
        } else if (std::holds_alternative<machine::ask_metadata>(a)) {
          ++metadata_asked;
          metadata_response r;
          auto& t = r.topics.emplace_back();
          t.name = *topic_t;
          t.topic_id = id_of(1);
          auto& x = t.partitions.emplace_back();
          x.leader_id = 0;
          x.leader_epoch = 0;
          if (l.metadata)
            l.metadata(t, metadata_asked);
          f.m.on_metadata(f.now, r);
        }
      }
      REQUIRE(n < 200);
      REQUIRE(metadata_asked < 120);
      if (n + metadata_asked == before)
        f.later_at(std::min(f.m.next_time(), end));
    }
    // It does not stop asking either, but for what is damaged.
    CHECK((n + metadata_asked > 10 || halted));
  }
}

TEST_CASE("a replica is not asked that nobody wanted to be named") {
  reading f;
  f.begin();
  auto r = f.answer();
  f.part(r, 0).preferred_read_replica = 4;
  static_cast<void>(f.answered(f.fetch, r));
  f.later(100ms);
  const auto fetch = f.next<machine::send_fetch>();
  REQUIRE(fetch);
  CHECK(fetch->broker == broker_id{0});
}

TEST_CASE(
  "after progress a partition that moves is asked for at its new leader at once") {
  reading f;
  f.begin();
  int leader = 0;
  for (int i = 1; i != 12; ++i) {
    auto r = f.answer();
    f.part(r, 0, "records");
    const auto got = f.answered(f.fetch, r);
    REQUIRE(got.size() == 1);
    f.read(got[0], 5 + i);
    f.turn();
    auto next = f.next<machine::send_fetch>();
    REQUIRE(next);
    f.fill(*next);
    auto moved = f.answer();
    auto& x = f.part(moved, 0);
    x.error_code = error_code::not_leader_or_follower;
    x.current_leader = {leader = 1 - leader, i};
    static_cast<void>(f.answered(*next, moved));
    f.turn();
    next = f.next<machine::send_fetch>();
    REQUIRE(next);
    CHECK(next->broker == broker_id{leader});
    f.fetch = *next;
    f.fill(f.fetch);
  }
}

TEST_CASE("a broker that waits for records as it was asked to is asked again at once") {
  reading f;
  f.begin();
  for (int i = 0; i != 20; ++i) {
    f.later(500ms);
    auto r = f.answer();
    f.part(r, 0).high_watermark = 5;
    static_cast<void>(f.answered(f.fetch, r));
    f.turn();
    const auto next = f.next<machine::send_fetch>();
    REQUIRE(next);
    f.fetch = *next;
    f.fill(f.fetch);
  }
}

TEST_CASE("no broker throttles for longer than a minute, or brings a count to overflow") {
  fixture f;
  f.assign(0, start_at::offset(5));
  f.assign(1, start_at::offset(5));
  f.metadata(2);
  auto fetch = f.next<machine::send_fetch>();
  REQUIRE(fetch);
  f.fill(*fetch);
  auto r = f.answer();
  r.throttle_time_ms = INT32_MAX;
  for (const auto p : {0, 1})
    f.part(r, p).high_watermark = INT64_MAX;
  static_cast<void>(f.answered(*fetch, r));
  CHECK(f.m.lag() == INT64_MAX);
  f.later(59s);
  CHECK_FALSE(f.next<machine::send_fetch>());
  f.later(1s);
  CHECK(f.next<machine::send_fetch>());
}
