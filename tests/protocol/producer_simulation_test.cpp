#include "producer_fixture.hpp"
#include <cafka/protocol/records/record_batch.hpp>

#include <deque>
#include <map>
#include <random>
#include <set>

using namespace cafka::protocol;
using namespace cafka::testing;
using namespace std::chrono_literals;

namespace {

/// A cluster that appends as Kafka does, and whatever can go wrong on the way to it.
struct simulation {
  static constexpr int brokers = 3;
  static constexpr int partitions = 5;
  static constexpr int records_each = 300;

  struct appended_batch {
    std::int32_t first = 0;
    std::int32_t last = 0;
    std::int64_t offset = 0;
  };
  struct producer_entry {
    std::int16_t epoch = -1;
    bool forgotten = false;            // All but its epoch.
    std::deque<appended_batch> recent; // Five at most, as a broker keeps.
  };
  struct log {
    int leader = 0;
    int epoch = 0;
    int leader_before = 0; // As brokers say that are behind.
    int epoch_before = 0;
    std::vector<std::uint64_t> numbers;
    std::map<std::int64_t, producer_entry> producers;
  };

  explicit simulation(unsigned seed, producer_machine_options o = {})
    : random(seed), options(with_seed(o, seed)), batches(small_batches()) {
    machine.emplace(options, batches);
    virtual_now = time_point{} + 1h;
    id.bytes[0] = 1;
    for (int p = 0; p != partitions; ++p)
      logs[static_cast<std::size_t>(p)].leader = p % brokers;
  }

  static accumulator_options small_batches() {
    accumulator_options o;
    o.batch_size = 600;
    o.clock = virtual_clock;
    return o;
  }

  static producer_machine_options with_seed(producer_machine_options o, unsigned seed) {
    o.seed = seed;
    return o;
  }

  bool chance(double p) {
    return std::uniform_real_distribution<double>{0, 1}(random) < p;
  }
  std::chrono::milliseconds some(int from, int to) {
    return std::chrono::milliseconds{
      std::uniform_int_distribution<int>{from, to}(random)};
  }

  void later(std::chrono::milliseconds delay, std::function<void()> what) {
    agenda.emplace(virtual_now + delay, std::move(what));
  }

  // -- the brokers ----------------------------------------------------------------------

  std::pair<error_code, std::int64_t> append(log& l, const shared_bytes& bytes) {
    batch_reader in{bytes};
    record_batch batch;
    REQUIRE(in.next(batch));
    const auto& info = batch.info();
    const auto first = info.base_sequence;
    const auto last = first + info.record_count - 1;
    const auto found = l.producers.find(info.producer_id);
    if (found != l.producers.end()) {
      auto& known = found->second;
      if (info.producer_epoch < known.epoch)
        return {error_code::invalid_producer_epoch, -1};
      if (info.producer_epoch > known.epoch) {
        if (first != 0)
          return {error_code::out_of_order_sequence_number, -1};
      } else if (known.forgotten) {
        return {error_code::unknown_producer_id, -1};
      } else {
        for (const auto& b : known.recent) {
          if (b.first == first && b.last == last)
            return {error_code::none, b.offset};
        }
        if (first <= known.recent.back().last && old_brokers)
          return {error_code::duplicate_sequence_number, -1};
        if (first != known.recent.back().last + 1)
          return {error_code::out_of_order_sequence_number, -1};
      }
    }
    auto& entry = l.producers[info.producer_id];
    if (entry.epoch != info.producer_epoch)
      entry.recent.clear();
    entry.epoch = info.producer_epoch;
    entry.forgotten = false;
    const auto offset = static_cast<std::int64_t>(l.numbers.size());
    for (const auto& r : batch)
      l.numbers.push_back(std::stoull(std::string{as_text(*r.value)}));
    entry.recent.push_back({first, last, offset});
    if (entry.recent.size() > 5)
      entry.recent.pop_front();
    return {error_code::none, offset};
  }

  produce_response serve(int broker, const std::vector<producer_machine::item>& items) {
    produce_response answer;
    auto& t = answer.responses.emplace_back();
    t.name = "t";
    for (const auto& item : items) {
      auto& l = logs[static_cast<std::size_t>(item.partition.value())];
      auto& x = t.partition_responses.emplace_back();
      x.index = item.partition;
      if (item.batch.size() > largest_batch) {
        x.error_code = error_code::message_too_large;
      } else if (l.leader != broker) {
        x.error_code = error_code::not_leader_or_follower;
      } else if (faulty && chance(0.02)) {
        x.error_code = error_code::not_enough_replicas;
      } else if (faulty && old_brokers && chance(0.01)) {
        // What the broker knew of the producer is gone, as with old records.
        for (auto& [producer, entry] : l.producers)
          entry.forgotten = true;
        x.error_code = error_code::unknown_producer_id;
      } else if (faulty && chance(refusals)) {
        x.error_code = error_code::invalid_record;
      } else {
        const auto [code, offset] = append(l, item.batch);
        x.error_code = code;
        x.base_offset = offset;
        if (code == error_code::none && faulty && chance(0.02))
          x.error_code = error_code::not_enough_replicas_after_append;
      }
    }
    return answer;
  }

  // -- the way to them ------------------------------------------------------------------

  void act(const producer_machine::send_request& r) {
    const auto broker = r.broker.value();
    const auto request = r.request;
    if (faulty && chance(0.05)) {
      later(some(1, 500), heard([=, this] {
        machine->on_failure(virtual_now, request, {error_code::disconnected, "no way"});
      }));
      return;
    }
    later(some(0, 3), heard([=, this] {
      auto items = machine->fill(virtual_now, request);
      if (items.empty()) {
        machine->on_failure(virtual_now, request, {error_code::not_found, "nothing"});
        return;
      }
      // One connection: the broker takes requests in the order in which they were sent.
      auto& free = busy_until[broker];
      free = std::max(free, virtual_now) + some(1, 20);
      const auto delay = std::chrono::ceil<std::chrono::milliseconds>(free - virtual_now);
      const auto fate =
        faulty ? std::uniform_real_distribution<double>{0, 1}(random) : 1.0;
      if (fate < 0.03) { // Lost before it arrived.
        later(delay, heard([=, this] {
          machine->on_failure(virtual_now, request, {error_code::outcome_unknown, "cut"});
        }));
      } else if (fate < 0.06) { // Written, and the answer lost.
        const auto cut = heard([=, this] {
          machine->on_failure(virtual_now, request, {error_code::outcome_unknown, "cut"});
        });
        later(delay, [=, this] {
          serve(broker, items);
          cut();
        });
      } else if (fate < 0.08) { // The client gives up, and then it is written.
        later(delay, heard([=, this] {
          machine->on_failure(virtual_now, request, {error_code::outcome_unknown, "cut"});
        }));
        later(delay + some(1, 300), [=, this] { serve(broker, items); });
      } else {
        const auto slow = fate < 0.1 ? some(500, 3'000) : 0ms;
        const auto hear = [=, this, now = crashes](const produce_response& answer) {
          if (now == crashes)
            machine->on_answer(virtual_now, request, answer);
        };
        later(delay + slow, [=, this] { hear(serve(broker, items)); });
      }
    }));
  }

  void act(const producer_machine::ask_metadata&) {
    later(some(1, 20), heard([this] {
      if (faulty && chance(0.1)) {
        machine->on_metadata_failed(virtual_now, {error_code::disconnected, "cut"});
        return;
      }
      metadata_response answer;
      auto& t = answer.topics.emplace_back();
      t.name = "t";
      t.topic_id = id;
      for (int p = 0; p != partitions; ++p) {
        auto& x = t.partitions.emplace_back();
        const auto& l = logs[static_cast<std::size_t>(p)];
        const auto behind = faulty && chance(0.1);
        x.partition_index = p;
        x.leader_id = behind ? l.leader_before : l.leader;
        x.leader_epoch = behind ? l.epoch_before : l.epoch;
        if (faulty && chance(0.05)) {
          x.leader_id = -1;
          x.leader_epoch = -1;
        }
      }
      machine->on_metadata(virtual_now, answer);
    }));
  }

  void act(const producer_machine::ask_identity&) {
    later(some(1, 20), heard([this] {
      if (faulty && chance(0.2))
        machine->on_identity_failed(virtual_now, {error_code::disconnected, "cut"});
      else
        machine->on_identity(virtual_now, next_id++, 0);
    }));
  }

  void act(const producer_machine::flushed& f) { flushed.insert(f.flush); }

  void act(const stall_report&) {}

  /// For what concerns this incarnation alone.
  template <class F>
  std::function<void()> heard(F what) {
    return [this, now = crashes, what = std::move(what)] {
      if (now == crashes)
        what();
    };
  }

  void count() {
    const auto& more = machine->totals();
    totals.retries += more.retries;
    totals.epoch_bumps += more.epoch_bumps;
    totals.splits += more.splits;
  }

  void crash() {
    machine->abandon({error_code::worker_down, "crashed"}, true);
    for (auto& a : machine->take_actions()) {
      if (auto* report = std::get_if<delivery_report>(&a))
        act(*report);
    }
    count();
    ++crashes;
    flushed.insert(last_flush); // Nobody waits for it any more.
    machine.emplace(options, batches);
    machine->start(virtual_now);
  }

  void act(const delivery_report& r) {
    REQUIRE(r.partition.value() >= 0);
    auto& fates = outcomes[static_cast<std::size_t>(r.partition.value())];
    for (auto i = 0; i != r.count; ++i) {
      const auto number = r.first_number + static_cast<std::uint64_t>(i);
      // Exactly one.
      REQUIRE(fates
                .emplace(number,
                  std::pair{r.error.code,
                    r.base_offset.value() < 0 ? -1 : r.base_offset.value() + i})
                .second);
      ++resolved;
    }
  }

  void step() {
    while (machine->has_actions()) {
      for (auto& a : machine->take_actions())
        std::visit([this](auto& x) { act(x); }, a);
    }
    const auto next = machine->next_time();
    if (agenda.empty() || next < agenda.begin()->first) {
      virtual_now = std::max(virtual_now, next);
      machine->on_time(virtual_now);
      return;
    }
    auto first = agenda.extract(agenda.begin());
    virtual_now = std::max(virtual_now, first.key());
    first.mapped()();
  }

  void send() {
    auto& t = batches.topic("t");
    for (int n = 0; n != records_each; ++n) {
      for (int p = 0; p != partitions; ++p) {
        later(std::chrono::milliseconds{n * 5} + some(0, 5), [=, this, &t] {
          auto& number = sent[static_cast<std::size_t>(p)];
          const auto text = std::to_string(number);
          outgoing_record r;
          r.value = as_bytes(text);
          r.partition = p;
          const auto taken = batches.append(t, r, timestamp{1s}, nullptr);
          REQUIRE(taken.status == error_code::none);
          ++number;
          machine->on_news(virtual_now);
        });
      }
    }
    for (int i = 0; i != 20; ++i)
      later(some(0, 2'000), [this] {
        auto& l = logs[static_cast<std::size_t>(some(0, partitions - 1).count())];
        if (faulty)
          elect(l, l.epoch + 1);
      });
    for (int i = 0; i != 3; ++i)
      later(some(0, 2'000), [this] { go_back(); });
    for (int i = 0; i != restarts; ++i)
      later(some(0, 2'000), [this] { restart(); });
  }

  void elect(log& l, int epoch) {
    l.leader_before = l.leader;
    l.epoch_before = l.epoch;
    l.leader = static_cast<int>(some(0, brokers - 1).count());
    l.epoch = epoch;
  }

  /// Epochs do: the cluster's metadata was restored, or an unclean election ended badly.
  void go_back() {
    for (auto& l : logs) {
      if (!faulty || l.epoch == 0)
        continue;
      elect(l, std::max(0, l.epoch - static_cast<int>(some(1, 5).count())));
      ++gone_back;
    }
  }

  /// A broker's snapshot of its producers has the last batch of each.
  void restart() {
    for (auto& l : logs) {
      for (auto& [producer, entry] : l.producers)
        entry.recent.erase(entry.recent.begin(), std::prev(entry.recent.end()));
    }
  }

  void run() {
    machine->start(virtual_now);
    send();
    const auto all = static_cast<std::size_t>(records_each * partitions);
    for (int steps = 0; resolved != all; ++steps) {
      REQUIRE(steps < 1'000'000);
      step();
      if (last_flush == 0 && sent[0] == records_each / 2)
        last_flush = machine->flush(virtual_now);
    }
    while (machine->has_actions()) {
      for (auto& a : machine->take_actions())
        std::visit([this](auto& x) { act(x); }, a);
    }
    count();
    CHECK(flushed.contains(last_flush));
    CHECK(machine->outstanding() == 0);
    CHECK(batches.pool().used() <= 64 * 4'096);
    // Whoever is still on the way arrives.
    while (!agenda.empty()) {
      auto first = agenda.extract(agenda.begin());
      virtual_now = std::max(virtual_now, first.key());
      first.mapped()();
    }
    check();
  }

  void check() {
    for (std::size_t p = 0; p != partitions; ++p) {
      const auto& numbers = logs[p].numbers;
      INFO("partition " << p);
      // No record twice, and all in order, but for what a crashed one had under way.
      for (std::size_t i = 1; i < numbers.size() && crashes == 0; ++i)
        REQUIRE(numbers[i - 1] < numbers[i]);
      const std::set<std::uint64_t> written{numbers.begin(), numbers.end()};
      REQUIRE(written.size() == numbers.size());
      for (const auto& [number, fate] : outcomes[p]) {
        const auto& [code, offset] = fate;
        if (code == error_code::none) {
          REQUIRE(written.contains(number));
          if (offset >= 0)
            REQUIRE(numbers.at(static_cast<std::size_t>(offset)) == number);
          ++delivered;
        } else if (code != error_code::outcome_unknown) {
          REQUIRE_FALSE(written.contains(number));
        }
      }
    }
  }

  std::mt19937 random;
  uuid id;
  producer_machine_options options;
  bool faulty = true;
  /// That forget a producer with its records, and say of a number that it is too low.
  bool old_brokers = true;
  int restarts = 0;
  std::size_t largest_batch = SIZE_MAX;
  /// Crashes so far; whoever answers an incarnation of old is not heard.
  int crashes = 0;
  producer_machine::counters totals;
  double refusals = 0;
  std::size_t gone_back = 0; ///< Partitions whose epoch was an earlier one.
  std::array<log, partitions> logs;
  std::array<std::uint64_t, partitions> sent{};
  std::array<std::map<std::uint64_t, std::pair<error_code, std::int64_t>>, partitions>
    outcomes;
  std::map<int, time_point> busy_until;
  std::multimap<time_point, std::function<void()>> agenda;
  std::set<std::uint64_t> flushed;
  std::uint64_t last_flush = 0;
  std::int64_t next_id = 7;
  std::size_t resolved = 0;
  std::size_t delivered = 0;
  accumulator batches;
  std::optional<producer_machine> machine;
};

} // namespace

TEST_CASE("a producer without faults delivers all, and few batches") {
  simulation s{1};
  s.faulty = false;
  s.run();
  CHECK(s.delivered == simulation::records_each * simulation::partitions);
  CHECK(s.totals.retries == 0);
  CHECK(s.totals.epoch_bumps == 0);
}

TEST_CASE("whatever goes wrong, each record has one outcome, and a log no record twice") {
  std::size_t delivered = 0;
  std::uint64_t retries = 0;
  std::uint64_t bumps = 0;
  std::size_t gone_back = 0;
  for (unsigned seed = 1; seed <= 150; ++seed) {
    INFO("seed " << seed);
    simulation s{seed};
    s.run();
    gone_back += s.gone_back;
    delivered += s.delivered;
    retries += s.totals.retries;
    bumps += s.totals.epoch_bumps;
  }
  // It did go wrong, and yet almost all arrived.
  CHECK(retries > 1'000);
  CHECK(bumps > 100);
  CHECK(gone_back > 500);
  CHECK(delivered > 150 * simulation::records_each * simulation::partitions * 95 / 100);
}

TEST_CASE("brokers that know no more than the last batch leave no outcome unknown") {
  std::uint64_t retries = 0;
  for (unsigned seed = 1; seed <= 150; ++seed) {
    INFO("seed " << seed);
    simulation s{seed};
    s.old_brokers = false;
    s.restarts = 100;
    s.run();
    CHECK(s.delivered == simulation::records_each * simulation::partitions);
    retries += s.totals.retries;
  }
  CHECK(retries > 1'000);
}

TEST_CASE("batches that are refused leave no gap for those behind them to fall into") {
  for (unsigned seed = 1; seed <= 50; ++seed) {
    INFO("seed " << seed);
    simulation s{seed};
    s.refusals = 0.05;
    s.run();
    CHECK(s.delivered > 0);
  }
}

TEST_CASE("deadlines that pass under way leave neither duplicates nor wrong outcomes") {
  for (unsigned seed = 1; seed <= 50; ++seed) {
    INFO("seed " << seed);
    producer_machine_options o;
    o.delivery_timeout = 300ms;
    simulation s{seed, o};
    s.run();
  }
}

TEST_CASE("batches that brokers find too large arrive in smaller ones") {
  producer_machine_options o;
  o.linger = 100ms;
  SECTION("and nothing else is wrong") {
    simulation s{1, o};
    s.faulty = false;
    s.largest_batch = 200;
    s.run();
    CHECK(s.delivered == simulation::records_each * simulation::partitions);
    // Later batches are as large as brokers take.
    CHECK(s.totals.splits > 0);
    CHECK(s.totals.splits < 40);
  }
  SECTION("whatever else goes wrong") {
    for (unsigned seed = 1; seed <= 50; ++seed) {
      INFO("seed " << seed);
      simulation s{seed, o};
      s.largest_batch = 200;
      s.run();
    }
  }
  SECTION("but a record that is too large alone is refused") {
    simulation s{1};
    s.faulty = false;
    s.largest_batch = 10;
    s.run();
    CHECK(s.delivered == 0);
    for (const auto& fates : s.outcomes)
      for (const auto& [number, fate] : fates)
        REQUIRE(fate.first == error_code::message_too_large);
  }
}

TEST_CASE("an incarnation leaves the next what it has not taken, and reports the rest") {
  std::size_t delivered = 0;
  for (unsigned seed = 1; seed <= 50; ++seed) {
    INFO("seed " << seed);
    simulation s{seed};
    s.faulty = seed % 2 == 0;
    for (int i = 0; i != 5; ++i)
      s.later(s.some(0, 1'500), [&] { s.crash(); });
    s.run();
    CHECK(s.crashes == 5);
    delivered += s.delivered;
  }
  CHECK(delivered > 50 * simulation::records_each * simulation::partitions * 8 / 10);
}
