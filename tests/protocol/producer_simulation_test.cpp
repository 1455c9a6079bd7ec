#include "producer_fixture.hpp"
#include <cafka/testing/model/fake_cluster.hpp>

#include <map>
#include <random>
#include <set>

using namespace cafka::protocol;
using namespace cafka::testing;
using namespace std::chrono_literals;

namespace {

/// A cluster, and whatever can go wrong on the way to it.
struct simulation {
  static constexpr int brokers = 3;
  static constexpr int partitions = 5;
  static constexpr int records_each = 300;

  explicit simulation(unsigned seed, producer_machine_options o = {})
    : random(seed), options(with_seed(o, seed)), batches(small_batches()) {
    machine.emplace(options, batches);
    virtual_now = time_point{} + 1h;
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

  /// Before 2.0 brokers forget a producer with its records, and say of a sequence that it
  /// is too low.
  void begin_cluster() {
    cluster_options o;
    o.brokers = brokers;
    o.first_broker = 0;
    if (old_brokers)
      o.kafka_version = kafka_version{1, 1};
    cluster.emplace(o);
    std::map<std::string, std::string> configs;
    if (largest_batch != SIZE_MAX)
      configs["max.message.bytes"] = std::to_string(largest_batch);
    cluster->create_topic("t", partitions, 0, std::move(configs));
  }

  /// The error that a partition's batch meets before it is looked at.
  error_code trouble(const producer_machine::item& item) {
    auto& mine = producers[item.partition.value()];
    record_batch batch;
    REQUIRE(batch_reader{item.batch}.find(batch));
    auto& known = mine[batch.info().producer_id];
    if (faulty && chance(0.02))
      return error_code::not_enough_replicas;
    if (faulty && old_brokers && chance(0.01)) {
      // What the broker knew of the producers is gone, as with old records, but for their
      // epochs.
      for (auto& [id, epochs] : mine)
        epochs.forgotten = epochs.last;
    }
    known.last = std::max(known.last, batch.info().producer_epoch);
    if (known.forgotten == batch.info().producer_epoch)
      return error_code::unknown_producer_id;
    if (faulty && chance(refusals))
      return error_code::invalid_record;
    return error_code::none;
  }

  produce_response serve(int broker, const std::vector<producer_machine::item>& items) {
    produce_request request;
    request.acks = -1;
    auto& asked = request.topic_data.emplace_back();
    asked.name = "t";
    std::vector<error_code> troubles;
    for (const auto& item : items) {
      const auto leads = cluster->leader("t", item.partition.value()) == broker;
      const auto fits = item.batch.size() <= largest_batch;
      troubles.push_back(leads && fits ? trouble(item) : error_code::none);
      if (troubles.back() == error_code::none)
        asked.partition_data.push_back({item.partition, item.batch});
    }
    constexpr std::int16_t version = 5;
    auto answer = *cluster->ask(virtual_now, broker, request, version);
    auto& said = answer.responses.at(0).partition_responses;
    for (auto& x : said) {
      if (x.error_code == error_code::none && faulty && chance(0.02))
        x.error_code = error_code::not_enough_replicas_after_append;
    }
    for (std::size_t i = 0; i != items.size(); ++i) {
      if (troubles[i] == error_code::none)
        continue;
      partition_produce_response x;
      x.index = items[i].partition;
      x.error_code = troubles[i];
      said.insert(said.begin() + static_cast<std::ptrdiff_t>(i), std::move(x));
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
      metadata_request request;
      request.topics->emplace_back().name = "t";
      auto answer = *cluster->ask(virtual_now, 0, request, 12);
      for (auto& p : answer.topics.at(0).partitions) {
        if (faulty && chance(0.05))
          p.leader_id = -1;
      }
      machine->on_metadata(virtual_now, answer);
    }));
  }

  void act(const producer_machine::ask_identity&) {
    later(some(1, 20), heard([this] {
      if (faulty && chance(0.2))
        machine->on_identity_failed(virtual_now, {error_code::disconnected, "cut"});
      else
        identify();
    }));
  }

  void identify() {
    init_producer_id_request request;
    request.transactional_id.reset();
    const auto answer = *cluster->ask(virtual_now, 0, request, 1);
    machine->on_identity(virtual_now, answer.producer_id, answer.producer_epoch);
  }

  void act(const producer_machine::flushed& f) { flushed.insert(f.flush); }

  void act(const stall_report&) {}
  void act(const producer_machine::wants_partition&) {
    FAIL("there are no transactions");
  }
  void act(const producer_machine::settled&) { FAIL("there are no transactions"); }

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
    for (auto& a : machine->take_effects()) {
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
    while (machine->has_effects()) {
      for (auto& a : machine->take_effects())
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
          machine->on_changed(virtual_now);
        });
      }
    }
    for (int i = 0; i != 20; ++i)
      later(some(0, 2'000), [this] {
        const auto p = static_cast<std::int32_t>(some(0, partitions - 1).count());
        if (faulty)
          cluster->move_leader(
            "t", p, static_cast<std::int32_t>(some(0, brokers - 1).count()));
      });
    for (int i = 0; i != restarts; ++i)
      later(some(0, 2'000), [this] { cluster->forget_all_but_last(); });
  }

  void run() {
    begin_cluster();
    machine->start(virtual_now);
    send();
    const auto all = static_cast<std::size_t>(records_each * partitions);
    for (int steps = 0; resolved != all; ++steps) {
      REQUIRE(steps < 1'000'000);
      step();
      if (last_flush == 0 && sent[0] == records_each / 2)
        last_flush = machine->flush(virtual_now);
    }
    while (machine->has_effects()) {
      for (auto& a : machine->take_effects())
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
      std::vector<std::uint64_t> numbers;
      for (const auto& r : cluster->log("t", static_cast<std::int32_t>(p)).records())
        numbers.push_back(std::stoull(*r.record.value));
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
  std::optional<fake_cluster> cluster;
  /// Epochs of a producer that reached a partition's leader: the last, and the one that
  /// brokers know nothing of any more.
  struct epochs_of_producer {
    std::int16_t last = -1;
    std::int16_t forgotten = -1;
  };
  std::map<std::int32_t, std::map<std::int64_t, epochs_of_producer>> producers;
  std::array<std::uint64_t, partitions> sent{};
  std::array<std::map<std::uint64_t, std::pair<error_code, std::int64_t>>, partitions>
    outcomes;
  std::map<int, time_point> busy_until;
  std::multimap<time_point, std::function<void()>> agenda;
  std::set<std::uint64_t> flushed;
  std::uint64_t last_flush = 0;
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
  for (unsigned seed = 1; seed <= 150; ++seed) {
    INFO("seed " << seed);
    simulation s{seed};
    s.run();
    delivered += s.delivered;
    retries += s.totals.retries;
    bumps += s.totals.epoch_bumps;
  }
  // It did go wrong, and yet almost all arrived.
  CHECK(retries > 1'000);
  CHECK(bumps > 100);
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
