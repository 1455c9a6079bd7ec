#include <cafka/protocol/machines/consumer_machine.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <functional>
#include <list>
#include <map>

// One broker behind a link of so many bytes per second, in virtual time. What a
// dispatcher does when an answer does not come is done here: a connection without a byte
// for ten seconds is lost, and a request is given up at its deadline unless its answer
// arrives.

using namespace cafka::protocol;
using namespace std::chrono_literals;

namespace {

using machine = consumer_machine;
using time_point = machine::time_point;
using milliseconds = std::chrono::milliseconds;

struct slow_link {
  struct settings {
    std::int64_t rate = 30'000;
    int partitions = 1;
    std::int64_t batches_each = 3;
    std::int64_t batch_bytes = 600'000;
    std::int64_t round_trip_ms = 1;
    /// The connection ends when an answer takes longer.
    milliseconds cut_after = 24h;
    /// The transport takes no larger answer.
    std::int64_t largest_frame = 100'000'000;
    /// And the machine knows of this limit.
    std::size_t told_frame = 100'000'000;
    std::int16_t version = 17;
    /// One batch of this partition is so large instead.
    int odd_partition = -1;
    std::int64_t odd_bytes = 0;
    std::size_t memory = 64 << 20;
  };

  explicit slow_link(settings s)
    : how(s),
      budget(s.memory),
      m(
        [&s] {
          consumer_machine_options o;
          o.metadata_max_age = 0ms;
          o.receive_message_max_bytes = s.told_frame;
          return o;
        }(),
        budget),
      read(static_cast<std::size_t>(s.partitions)) {
    for (int p = 0; p != how.partitions; ++p)
      m.set(
        now, static_cast<std::uint32_t>(p), {1, topic, p, start_at::offset(0), false});
  }

  // -- the broker -----------------------------------------------------------------------

  [[nodiscard]] std::int64_t size_of(int p, std::int64_t offset) const {
    return p == how.odd_partition && offset == 1 ? how.odd_bytes : how.batch_bytes;
  }

  struct place {
    std::int64_t offset = 0;
    std::int64_t max_bytes = 0;
  };
  struct served {
    fetch_response answer;
    std::int64_t bytes = 0;
  };

  served serve(const fetch_request& q) {
    served s;
    if (q.session_epoch <= 0)
      order.clear();
    for (const auto& t : q.topics) {
      for (const auto& p : t.partitions) {
        const auto number = p.partition.value();
        if (std::ranges::find(order, number) == order.end())
          order.push_back(number);
        places[number] = {p.fetch_offset.value(), p.partition_max_bytes};
      }
    }
    for (const auto& t : q.forgotten_topics_data) {
      for (const auto p : t.partitions)
        order.remove(p.value());
    }
    s.answer.session_id = q.session_epoch < 0 ? 0 : 7;
    auto& t = s.answer.responses.emplace_back();
    t.topic = *topic;
    t.topic_id = id;
    const auto all = order;
    for (const auto p : all) {
      fetch_partition_data x;
      x.partition_index = p;
      x.high_watermark = how.batches_each;
      const auto& at = places[p];
      const auto limit = how.version < 3
        ? at.max_bytes
        : std::min<std::int64_t>(at.max_bytes, q.max_bytes - s.bytes);
      std::int64_t bytes = 0;
      for (auto o = at.offset; o < how.batches_each; ++o) {
        const auto next = size_of(p, o);
        const auto first = bytes == 0 && (s.bytes == 0 || how.version < 3);
        if (bytes + next > limit && !first)
          break;
        bytes += next;
      }
      if (bytes > 0) {
        x.records = shared_bytes{nullptr, nullptr, static_cast<std::size_t>(bytes)};
        order.remove(p);
        order.push_back(p);
      }
      s.bytes += bytes;
      if (bytes > 0 || q.session_epoch <= 0)
        t.partitions.push_back(std::move(x));
    }
    return s;
  }

  // -- the way to it --------------------------------------------------------------------

  void later(milliseconds d, std::function<void()> what) {
    agenda.emplace(now + d, std::move(what));
  }

  void act(const machine::ask_metadata&) {
    ++metadata_asked;
    later(milliseconds{how.round_trip_ms}, [this] {
      metadata_response r;
      auto& t = r.topics.emplace_back();
      t.name = *topic;
      t.topic_id = id;
      for (int p = 0; p != how.partitions; ++p) {
        auto& x = t.partitions.emplace_back();
        x.partition_index = p;
        x.leader_epoch = 0;
      }
      m.on_metadata(now, r);
    });
  }

  void act(const machine::send_list_offsets&) { FAIL("nothing is to be looked up"); }

  void act(const machine::send_fetch& s) {
    const auto request = s.request;
    const auto q = m.fill(now, request, how.version);
    if (!q) {
      m.on_failure(now, request, {error_code::not_found, "nothing"});
      return;
    }
    ++fetches;
    const auto a = std::make_shared<served>(serve(*q));
    if (a->bytes > how.largest_frame) {
      later(milliseconds{how.round_trip_ms}, [=, this] {
        m.on_failure(now, request, {error_code::frame_too_large, "too large"});
      });
      return;
    }
    const milliseconds waits{a->bytes == 0 ? q->max_wait_ms : 0};
    const milliseconds takes{1'000 * a->bytes / how.rate};
    const auto begins = waits + milliseconds{how.round_trip_ms};
    if (takes > how.cut_after) {
      later(begins + how.cut_after, [=, this] {
        ++cut;
        m.on_failure(now, request, {error_code::disconnected, "cut"});
      });
      return;
    }
    for (auto t = 250ms; t < takes; t += 250ms)
      later(begins + t, [this] { m.on_progress(now, 0); });
    later(begins + takes, [=, this] {
      longest = std::max(longest, takes);
      for (const auto& f : m.on_answer(now, request, a->answer))
        hand_out(f);
    });
  }

  void hand_out(const machine::fetched& f) {
    const auto p = static_cast<int>(f.slot);
    auto& mine = read[f.slot];
    REQUIRE(f.from.value() == mine);
    auto left = static_cast<std::int64_t>(f.records.size());
    while (left > 0)
      left -= size_of(p, mine++);
    REQUIRE(left == 0);
    m.on_read(now, f, mine, f.records.size(), {});
    m.on_taken(now, f.slot, f.generation, f.records.size());
    last_read = now;
  }

  void act(const machine::positioned&) {}
  void act(const machine::stray&) { FAIL("the broker answers what it was asked"); }
  void act(const machine::report& r) { reports.push_back(r); }

  /// Until all is read, but no longer than this.
  void run(std::chrono::milliseconds most) {
    const auto end = now + most;
    while (now < end) {
      if (m.next_time() <= now)
        m.on_time(now);
      while (m.has_effects()) {
        for (auto& a : m.take_effects())
          std::visit([this](auto& x) { act(x); }, a);
      }
      if (all_read())
        return;
      if (agenda.empty() || m.next_time() < agenda.begin()->first) {
        now = std::max(now, m.next_time());
        continue;
      }
      auto first = agenda.extract(agenda.begin());
      now = std::max(now, first.key());
      first.mapped()();
    }
  }

  [[nodiscard]] bool all_read() const {
    return std::ranges::all_of(read, [this](auto r) { return r == how.batches_each; });
  }
  [[nodiscard]] milliseconds took() const {
    return std::chrono::duration_cast<milliseconds>(last_read - (time_point{} + 1h));
  }
  /// What the link needs for all of it.
  [[nodiscard]] milliseconds least() const {
    return milliseconds{
      1'000 * how.partitions * how.batches_each * how.batch_bytes / how.rate};
  }

  const settings how;
  uuid id = [] {
    uuid x;
    x.bytes[0] = 1;
    return x;
  }();
  const std::shared_ptr<const std::string> topic =
    std::make_shared<const std::string>("t");
  byte_budget budget;
  machine m;
  std::vector<std::int64_t> read;
  time_point now = time_point{} + 1h;
  time_point last_read = now;
  std::list<int> order;
  std::map<int, place> places;
  std::multimap<time_point, std::function<void()>> agenda;
  std::vector<machine::report> reports;
  std::size_t fetches = 0;
  std::size_t metadata_asked = 0;
  std::size_t cut = 0;
  milliseconds longest{0};
};

} // namespace

TEST_CASE("records of 600 kB are read over a link of 30 kB/s") {
  slow_link s{{}};
  s.run(90s);
  CHECK(s.all_read());
  CHECK(s.took() < s.least() + 2s);
  // Its silence between whole answers is no reason to look for another leader.
  CHECK(s.metadata_asked <= 2);
}

TEST_CASE("eight partitions of 4 MB are read over a link of 200 kB/s as fast as it is") {
  for (const auto batch : {1'000, 16'000, 500'000}) {
    INFO("batches of " << batch);
    slow_link s{{.rate = 200'000,
      .partitions = 8,
      .batches_each = 4'000'000 / batch,
      .batch_bytes = batch,
      .round_trip_ms = 20}};
    s.run(300s);
    CHECK(s.all_read());
    CHECK(s.took() < s.least() * 11 / 10 + 2s);
    // No answer takes longer than it must.
    CHECK(s.longest <= std::max(milliseconds{1'600}, milliseconds{batch / 200 + 100}));
    CHECK(s.reports.empty());
    CHECK(s.m.totals().sessions <= 2);
  }
}

TEST_CASE("on a fast link nothing is lost by beginning small") {
  slow_link s{{.rate = 1'000'000'000,
    .partitions = 8,
    .batches_each = 4'000,
    .batch_bytes = 16'000}};
  s.run(10s);
  CHECK(s.all_read());
  // Of answers with a megabyte of each partition.
  CHECK(s.fetches <= 8 + 64'000'000 * 8 / 8'000'000);
}

TEST_CASE("where a connection ends before an answer is whole, less is asked for") {
  slow_link s{{.rate = 100'000,
    .partitions = 4,
    .batches_each = 20,
    .batch_bytes = 100'000,
    .cut_after = 1'100ms}};
  s.run(300s);
  CHECK(s.all_read());
  CHECK(s.cut < 10);
}

TEST_CASE("a way that becomes slow is asked for less, by brokers of old too") {
  for (const std::int16_t version :
    {std::int16_t{2}, std::int16_t{6}, std::int16_t{17}}) {
    INFO("version " << version);
    slow_link s{{.rate = 400'000,
      .partitions = 8,
      .batches_each = 8,
      .batch_bytes = 500'000,
      .cut_after = 3s,
      .version = version}};
    s.run(400s);
    CHECK(s.all_read());
    CHECK(s.took() < s.least() * 2 + 30s);
  }
}

TEST_CASE("a batch that no answer may carry halts its partition, and no other") {
  for (const std::int16_t version :
    {std::int16_t{2}, std::int16_t{6}, std::int16_t{17}}) {
    INFO("version " << version);
    slow_link s{{.rate = 1'000'000'000,
      .partitions = 4,
      .batches_each = 50,
      .batch_bytes = 100'000,
      .version = version,
      .odd_partition = 2,
      .odd_bytes = 105'000'000}};
    s.run(3s);
    for (const auto p : {0, 1, 3})
      CHECK(s.read[static_cast<std::size_t>(p)] == 50);
    CHECK(s.read[2] == 1);
    REQUIRE(s.reports.size() == 1);
    const auto& told = s.reports[0];
    CHECK(told.slot == 2);
    CHECK(told.halted);
    CHECK(told.offset == log_offset{1});
    CHECK(told.why.code == error_code::frame_too_large);
    CHECK(told.why.detail.starts_with("t/2 at offset 1: a single batch is too large"));
    // Once it was known whose it is, the others were asked for together again.
    CHECK(s.fetches < 40);
  }
}

TEST_CASE("where answers must be small, small ones are asked for") {
  for (const std::size_t told : {50'000, 100'000'000}) {
    INFO("told to be " << told);
    slow_link s{{.rate = 1'000'000'000,
      .partitions = 4,
      .batches_each = 200,
      .batch_bytes = 10'000,
      .largest_frame = 50'000,
      .told_frame = told}};
    s.run(60s);
    CHECK(s.all_read());
    CHECK(s.took() < 10s);
    CHECK(s.reports.empty());
    if (told == 50'000)
      CHECK(s.m.totals().errors == 0);
  }
}
