#include "fake_listener.hpp"
#include "worker_fixture.hpp"
#include <cafka/actors/producer/producer_core.hpp>
#include <cafka/supervision/caf_compat.hpp>
#include <cafka/supervision/supervisor.hpp>

#include <caf/init_global_meta_objects.hpp>
#include <caf/scoped_actor.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <thread>

// A producer and all its threads against a broker of ours, so that a race would be seen
// by a sanitizer that librdkafka's mock cluster is not built for.

using namespace cafka;
using namespace cafka::testing;
using protocol::api_key;
using std::chrono::steady_clock;

namespace {

constexpr milliseconds test_timeout{60'000};
constexpr std::int32_t partitions = 3;
constexpr int threads_each = 4;

/// Broker 1, which leads every partition of topic t, alone.
class producing_broker {
public:
  struct behaviour {
    protocol::kafka_version release{4, 3};
    /// Each connection ends, after so many Produce requests, before the answer.
    int produces_before_cut = INT32_MAX;
    bool answers_produce = true;
  };

  producing_broker() : producing_broker(behaviour{}) {}
  explicit producing_broker(behaviour how)
    : listener_(
      {.brokers = 1, .kafka_version = how.release}, [this, how](fake_cluster& c) {
        c.create_topic("t", partitions);
        c.treat(
          api_key::produce,
          [this, how](const seen_request& r) {
            if (!how.answers_produce)
              return treatment{fate::lost};
            const auto cut = ++produces_[r.connection] > how.produces_before_cut;
            return treatment{cut ? fate::answer_cut : fate::served};
          },
          fake_cluster::always);
      }) {}

  [[nodiscard]] protocol::endpoint address() const { return listener_.address(1); }

  /// By partition, in the order of the log.
  [[nodiscard]] std::map<partition_id, std::vector<std::string>> values() {
    std::map<partition_id, std::vector<std::string>> all;
    listener_.with([&](fake_cluster& c) {
      for (std::int32_t p = 0; p != partitions; ++p) {
        for (const auto& r : c.log("t", p).records())
          all[p].push_back(*r.record.value);
      }
    });
    return all;
  }

private:
  std::map<std::uint64_t, int> produces_;
  fake_listener listener_;
};

/// A producer under a supervisor, and what its reports say.
struct producing {
  explicit producing(producing_broker& broker, producer_options options = {})
    : producing(broker.address(), std::move(options)) {}
  explicit producing(const protocol::endpoint& broker, producer_options options) {
    static const bool registered = [] {
      caf::init_global_meta_objects<caf::id_block::cafka_producer>();
      return true;
    }();
    static_cast<void>(registered);
    options.on_delivery = [this](const delivery& d) {
      const std::lock_guard lock{mutex};
      outcomes[d.error.code] += d.count;
      texts.insert(to_string(d.error));
    };
    actors::connection_options connection;
    connection.name = "p";
    connection.brokers = {broker};
    connection.reconnect_backoff = connection.retry_backoff = 2ms;
    connection.reconnect_backoff_max = connection.retry_backoff_max = 50ms;
    core = std::make_shared<actors::producer_core>(fixture.system, std::move(options));
    supervision::child_spec spec;
    spec.id = "p";
    spec.restart = supervision::restart_type::transient;
    spec.start = [core = core, connection, transports = fixture.factory](
                   caf::actor_system& system) -> supervision::start_result {
      return caf::actor_cast<caf::strong_actor_ptr>(
        actors::spawn_producer(system, core, connection, transports));
    };
    supervision::supervisor_options of_one;
    of_one.intensity = {1'000, std::chrono::seconds{1}};
    of_one.children.push_back(std::move(spec));
    const auto started = supervision::start_supervisor(fixture.system, std::move(of_one));
    REQUIRE(started);
    supervisor = *started;
    handle = producer{core};
  }

  ~producing() {
    caf::scoped_actor self{fixture.system};
    ask(self, supervisor, test_timeout, supervision::stop{test_timeout})
      .receive([] {}, [](caf::error&) {});
  }

  std::int32_t reported() {
    const std::lock_guard lock{mutex};
    std::int32_t all = 0;
    for (const auto& [code, count] : outcomes)
      all += count;
    return all;
  }

  worker_fixture fixture;
  std::mutex mutex;
  std::map<error_code, std::int32_t> outcomes;
  std::set<std::string> texts;
  std::shared_ptr<actors::producer_core> core;
  supervision::supervisor_actor supervisor;
  producer handle;
};

/// Sends numbered records from several threads, as long as it is told to.
class senders {
public:
  senders(const producer& p, int records) {
    for (int t = 0; t != threads_each; ++t)
      threads_.emplace_back([this, p, t, records] {
        const auto to = p.to("t");
        for (int i = 0; i != records; ++i) {
          const auto text = std::to_string(t) + ' ' + std::to_string(i);
          const auto sent = i % 3 == 0
            ? p.send(to, text)
            : p.send(to,
              outgoing_record{
                .value = protocol::as_bytes(text), .partition = i % partitions});
          if (sent)
            ++taken_;
          else if (sent.status == error_code::closed)
            return;
          else
            ++refused_;
        }
      });
  }
  ~senders() { join(); }

  void join() {
    for (auto& t : threads_)
      if (t.joinable())
        t.join();
  }

  [[nodiscard]] std::int32_t taken() const { return taken_; }
  [[nodiscard]] std::int32_t refused() const { return refused_; }

private:
  std::atomic<std::int32_t> taken_ = 0;
  std::atomic<std::int32_t> refused_ = 0;
  std::vector<std::thread> threads_;
};

/// No record is there twice, and each thread's are in their order.
std::size_t checked(producing_broker& broker) {
  std::size_t all = 0;
  for (const auto& [p, values] : broker.values()) {
    std::map<int, int> last;
    std::set<std::string> once;
    for (const auto& text : values) {
      const auto thread = std::stoi(text);
      const auto number = std::stoi(text.substr(text.find(' ')));
      const auto before = last.find(thread);
      REQUIRE((before == last.end() || before->second < number));
      last[thread] = number;
      REQUIRE(once.insert(text).second);
    }
    all += values.size();
  }
  return all;
}

template <class Condition>
bool eventually(Condition holds) {
  const auto until = steady_clock::now() + test_timeout;
  while (!holds()) {
    if (steady_clock::now() > until)
      return false;
    std::this_thread::yield();
  }
  return true;
}

} // namespace

TEST_CASE("records from many threads arrive once and in each thread's order") {
  producer_options options;
  options.linger = 1ms;
  options.batch_size = 2'000;
  options.compression = GENERATE(codec::none, codec::lz4);
  SECTION("while nothing is wrong") {
  }
  SECTION("while the memory is short") {
    options.buffer_memory = 32 * 1024;
  }
  producing_broker broker;
  producing p{broker, options};
  senders load{p.handle, 2'000};
  load.join();
  CHECK(load.refused() == 0);
  CHECK(p.handle.flush(test_timeout));
  CHECK(p.outcomes
    == std::map<error_code, std::int32_t>{{error_code::none, threads_each * 2'000}});
  CHECK(checked(broker) == static_cast<std::size_t>(threads_each) * 2'000);
}

TEST_CASE("records from many threads arrive once over connections that end") {
  producer_options options;
  options.linger = 1ms;
  options.batch_size = 500;
  producing_broker broker{{.produces_before_cut = 7}};
  producing p{broker, options};
  senders load{p.handle, 1'000};
  load.join();
  CHECK(p.handle.flush(test_timeout));
  CHECK(p.outcomes
    == std::map<error_code, std::int32_t>{{error_code::none, threads_each * 1'000}});
  CHECK(checked(broker) == static_cast<std::size_t>(threads_each) * 1'000);
}

TEST_CASE("each record has one report, however often the producer crashes meanwhile") {
  producer_options options;
  options.linger = 1ms;
  options.batch_size = 2'000;
  options.buffer_memory = 64 * 1024;
  producing_broker broker;
  producing p{broker, options};
  senders load{p.handle, 2'000};
  for (int crash = 0; crash != 20; ++crash) {
    producer_actor before;
    REQUIRE(eventually([&] { return bool{before = p.handle.actor()}; }));
    post_exit(before, caf::exit_reason::kill);
    REQUIRE(eventually([&] {
      const auto now = p.handle.actor();
      return now && now != before;
    }));
  }
  load.join();
  CHECK(p.handle.flush(test_timeout));
  CHECK(p.reported() == load.taken());
  for (const auto& [code, count] : p.outcomes)
    CHECK((code == error_code::none || code == error_code::outcome_unknown
      || code == error_code::worker_down));
}

TEST_CASE("each record that was taken while the producer closes has one report") {
  producer_options options;
  options.linger = 1ms;
  options.buffer_memory = 64 * 1024;
  const std::string how = GENERATE(
    "by its handle", "with its supervisor", "for it was killed and none follows");
  INFO(how);
  for (int round = 0; round != 10; ++round) {
    producing_broker broker;
    producing p{broker, options};
    senders load{p.handle, 1'000'000};
    REQUIRE(eventually([&] { return load.taken() > 200; }));
    if (how == "by its handle") {
      CHECK(p.handle.close(test_timeout));
    } else if (how == "with its supervisor") {
      caf::scoped_actor self{p.fixture.system};
      ask(self, p.supervisor, test_timeout, supervision::stop{test_timeout})
        .receive([] {}, [](caf::error&) {});
    } else {
      const auto actor = p.handle.actor();
      p.core->end({error_code::closed, "the end"});
      post_exit(actor, caf::exit_reason::kill);
    }
    load.join();
    REQUIRE(eventually([&] { return p.reported() == load.taken(); }));
  }
}

TEST_CASE("flush and close keep their deadlines with a broker that says nothing") {
  producing_broker broker{{.answers_produce = false}};
  producing p{broker};
  REQUIRE(p.handle.send("t", "x"));
  const auto before = steady_clock::now();
  CHECK(p.handle.flush(200ms).error().code == error_code::timed_out);
  CHECK(p.handle.close(200ms).error().code == error_code::timed_out);
  CHECK(steady_clock::now() - before < 20s);
  CHECK(
    p.outcomes == std::map<error_code, std::int32_t>{{error_code::outcome_unknown, 1}});
}

TEST_CASE("a sender that waits for memory goes on when there is some, or it is closed") {
  producer_options options;
  options.buffer_memory = 4'096;
  options.batch_size = 1'000;
  options.linger = 0ms;
  SECTION("some") {
    producing_broker broker;
    producing p{broker, options};
    senders load{p.handle, 300};
    load.join();
    CHECK(load.refused() == 0);
    CHECK(p.handle.flush(test_timeout));
    CHECK(checked(broker) == static_cast<std::size_t>(threads_each) * 300);
  }
  SECTION("closed") {
    producing_broker broker{{.answers_produce = false}};
    producing p{broker, options};
    while (p.handle.try_send(p.handle.to("t"), {.value = protocol::as_bytes("x")}))
      continue;
    std::atomic<bool> refused = false;
    std::thread waiting{
      [&] { refused = p.handle.send("t", "x").status == error_code::closed; }};
    REQUIRE(eventually([&] { return p.core->batches.pool().room_wanted > 0; }));
    p.core->close();
    waiting.join();
    CHECK(refused);
  }
}

TEST_CASE("a broker before 0.11 is an error that says so, with idempotence and without") {
  producer_options options;
  options.idempotence = GENERATE(true, false);
  producing_broker broker{{.release = protocol::kafka_version{0, 10, 2}}};
  producing p{broker, options};
  REQUIRE(p.handle.send("t", "x"));
  CHECK(p.handle.flush(test_timeout));
  REQUIRE(p.outcomes.size() == 1);
  CHECK(p.outcomes[error_code::unsupported_api_version] == 1);
  const auto& text = *p.texts.begin();
  INFO(text);
  CHECK(text.find(options.idempotence ? "idempotence" : "a producer needs")
    != std::string::npos);
}

TEST_CASE("a producer that reaches no broker says so, where and why") {
  producer_options options;
  options.stalled_after = 100ms;
  std::vector<producer_stall> stalls;
  std::mutex mutex;
  options.on_stalled = [&](const producer_stall& s) {
    const std::lock_guard lock{mutex};
    stalls.push_back(s);
  };
  options.delivery_timeout = 700ms;
  const refusing_port nobody;
  producing p{nobody.address(), options};
  const auto port = std::to_string(nobody.address().port);
  REQUIRE(p.handle.send("orders", "x"));
  REQUIRE(eventually([&] {
    const std::lock_guard lock{mutex};
    return !stalls.empty();
  }));
  {
    const std::lock_guard lock{mutex};
    CHECK(stalls[0].topic == "orders");
    CHECK_FALSE(stalls[0].over);
    INFO(stalls[0].why.detail);
    CHECK(stalls[0].why.detail.find(port) != std::string::npos);
  }
  const auto now = p.handle.status();
  REQUIRE(now);
  CHECK(now->name == "producer");
  CHECK_FALSE(now->connected);
  CHECK(now->why_disconnected.find(port) != std::string::npos);
  CHECK(now->buffered_bytes > 0);
  REQUIRE(now->waiting.size() == 1);
  CHECK(now->waiting[0].topic == "orders");
  CHECK(now->waiting[0].records == 1);
  CHECK(now->waiting[0].why.find(port) != std::string::npos);
  const auto count = p.handle.partitions(p.handle.to("never-seen"), 50ms);
  REQUIRE(count.error().code == error_code::timed_out);
  INFO(count.error().detail);
  CHECK(count.error().detail.find("no metadata of topic never-seen") == 0);
  CHECK(count.error().detail.find(port) != std::string::npos);
  const auto flushed = p.handle.flush(50ms);
  REQUIRE(flushed.error().code == error_code::timed_out);
  INFO(flushed.error().detail);
  CHECK(flushed.error().detail.find(port) != std::string::npos);
  REQUIRE(eventually([&] { return p.reported() == 1; }));
  const std::lock_guard lock{p.mutex};
  CHECK(p.outcomes.begin()->first == error_code::timed_out);
  const auto& text = *p.texts.begin();
  INFO(text);
  CHECK(text.find("no metadata of topic orders") != std::string::npos);
  CHECK(text.find(port) != std::string::npos);
}
