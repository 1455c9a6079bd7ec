#include "fixture_consumer.hpp"
#include "fixture_kafka.hpp"
#include <cafka/actors/producer/producer.hpp>

#include <map>

using namespace cafka;
using namespace cafka::testing;

namespace {

/// The result of one record.
struct outcome {
  partition_id partition;
  std::string value;
  result<produced> reply;
  milliseconds took{0};
};

/// Produces one record after the other, from threads and from an actor at once, until it
/// is stopped, and writes down the result of each.
class load {
public:
  load(service& s, std::string topic, std::int32_t partitions, milliseconds deadline)
    : s_(s), topic_(std::move(topic)), partitions_(partitions), deadline_(deadline) {
    for (int i = 0; i != thread_count; ++i)
      threads_.emplace_back([this, i] { run(i); });
    s_.system.spawn([this](caf::event_based_actor* self) -> caf::behavior {
      for (int i = 0; i != window; ++i)
        next(self, i);
      // Without a behavior it would end as soon as it waits for no answer.
      return {[](int) {}};
    });
  }

  /// Waits for what is under way.
  ~load() { stop(); }

  void stop() {
    stopping_ = true;
    for (auto& t : threads_)
      t.join();
    threads_.clear();
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [this] { return places_ == 0; });
  }

  /// Whether so many more records of each partition are acknowledged by the deadline.
  bool wait_for_more(std::size_t count) {
    std::unique_lock lock{mutex_};
    const auto before = acknowledged_;
    return changed_.wait_for(lock, test_timeout, [&] {
      for (std::int32_t p = 0; p != partitions_; ++p)
        if (acknowledged_[p] < (before.contains(p) ? before.at(p) : 0) + count)
          return false;
      return true;
    });
  }

  /// Once it is stopped.
  [[nodiscard]] const std::vector<outcome>& outcomes() const { return outcomes_; }

private:
  static constexpr int thread_count = 4;
  static constexpr int window = 50;

  produce request(partition_id p, const std::string& value) {
    produce r;
    r.topic = topic_;
    r.partition = p;
    r.records = {{.value = value}};
    r.deadline = deadline_;
    return r;
  }

  void end(outcome o) {
    const std::lock_guard lock{mutex_};
    if (o.reply)
      ++acknowledged_[o.partition.value()];
    outcomes_.push_back(std::move(o));
    changed_.notify_all();
  }

  static milliseconds since(steady_clock::time_point began) {
    return std::chrono::ceil<milliseconds>(steady_clock::now() - began);
  }

  void run(int thread) {
    for (int n = 0; !stopping_; ++n) {
      const partition_id p = n % partitions_;
      const auto value = "thread-" + std::to_string(thread) + '-' + std::to_string(n);
      const auto began = steady_clock::now();
      auto reply = s_.app->produce(request(p, value), "w");
      end({p, value, std::move(reply), since(began)});
    }
  }

  // Each place in the window begins its next record when the one before is answered.
  void next(caf::event_based_actor* self, int n) {
    if (stopping_) {
      const std::lock_guard lock{mutex_};
      if (--places_ == 0)
        self->quit();
      changed_.notify_all();
      return;
    }
    const auto worker = s_.app->worker("w");
    if (!worker) {
      later(self, n);
      return;
    }
    const partition_id p = n % partitions_;
    const auto value = "actor-" + std::to_string(n);
    const auto began = steady_clock::now();
    ask(self, *worker, caf::infinite, request(p, value))
      .then(
        [=, this](result<produced>& reply) {
          end({p, value, std::move(reply), since(began)});
          next(self, n + window);
        },
        [=, this](caf::error& e) {
          end({p, value, error{error_code::worker_down, to_string(e)}, since(began)});
          later(self, n + window);
        });
  }

  // Between two incarnations of the worker.
  void later(caf::event_based_actor* self, int n) {
    self->run_delayed(1ms, [this, self, n] { next(self, n); });
  }

  service& s_;
  std::string topic_;
  std::int32_t partitions_;
  milliseconds deadline_;
  std::atomic<bool> stopping_ = false;
  std::vector<std::thread> threads_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t places_ = window; ///< Of the actor, not given up yet.
  std::map<std::int32_t, std::size_t> acknowledged_;
  std::vector<outcome> outcomes_;
};

/// What was not acknowledged.
struct failures {
  std::map<error_code, std::size_t> counts;
  std::string report;
};

/// Every caller was answered in time; what was acknowledged is where the answer said, and
/// nothing is there twice.
failures check_outcomes(service& s, const std::string& topic, std::int32_t partitions,
  const load& all, milliseconds deadline) {
  std::vector<std::map<log_offset, std::string>> logs;
  std::map<std::string, std::size_t> times;
  for (std::int32_t p = 0; p != partitions; ++p) {
    auto& log = logs.emplace_back();
    for (auto& [offset, r] : read_all(*s.app, topic, p, "w")) {
      ++times[*r.value];
      log.emplace(offset, *r.value);
    }
  }
  failures errors;
  milliseconds longest{0};
  std::size_t lost = 0;
  std::size_t written_after_all = 0;
  for (const auto& o : all.outcomes()) {
    longest = std::max(longest, o.took);
    if (o.reply) {
      const auto& log = logs[static_cast<std::size_t>(o.partition.value())];
      const auto found = log.find(*o.reply->base_offset);
      lost += found == log.end() || found->second != o.value ? 1 : 0;
      continue;
    }
    if (errors.counts[o.reply.error().code]++ == 0)
      errors.report += o.value + ": " + why(o.reply) + '\n';
    // Only where nobody can know, or the worker itself is gone, may it be there.
    if (o.reply.error().code == error_code::timed_out)
      written_after_all += times.contains(o.value) ? 1 : 0;
  }
  for (const auto& [code, count] : errors.counts)
    errors.report += std::to_string(count) + " times " + protocol::name(code) + '\n';
  errors.report += std::to_string(all.outcomes().size())
    + " records in all, the longest took " + std::to_string(longest.count()) + " ms\n";
  INFO(errors.report);
  CHECK(longest < deadline + lateness);
  CHECK(lost == 0);
  CHECK(written_after_all == 0);
  CHECK(std::ranges::none_of(times, [](const auto& entry) { return entry.second > 1; }));
  return errors;
}

list_offsets latest_of(const std::string& topic, partition_id p, milliseconds deadline) {
  list_offsets request;
  request.topic = topic;
  request.partition = p;
  request.deadline = deadline;
  return request;
}

/// Fetches that stay at the broker until somebody writes, which nobody does.
std::vector<fetch> resting_fetches(const std::string& topic, std::size_t count) {
  std::vector<fetch> all(count);
  for (std::size_t i = 0; i != count; ++i) {
    all[i].topic = topic;
    all[i].partition = static_cast<std::int32_t>(i % 3);
    all[i].offset = 0;
    all[i].wait_time = 2 * test_timeout;
    all[i].deadline = 2 * test_timeout;
  }
  return all;
}

} // namespace

TEST_CASE(
  "a broker that is killed and comes back under load costs no caller its answer") {
  kafka_cluster kafka;
  const auto topic = kafka.create_topic("killed", 6);
  service s{kafka.brokers()};
  s.connect("w");
  constexpr milliseconds deadline{60'000};
  load all{s, topic, 6, deadline};
  REQUIRE(all.wait_for_more(20));
  kafka.kill(2);
  // The partitions it led have another leader before it is back.
  REQUIRE(all.wait_for_more(20));
  kafka.start(2);
  REQUIRE(all.wait_for_more(20));
  all.stop();
  const auto errors = check_outcomes(s, topic, 6, all, deadline);
  INFO(errors.report);
  for (const auto& [code, count] : errors.counts)
    CHECK(code == error_code::outcome_unknown);
  CHECK(REQUIRE_VALUE(s.app->status("w")).pending == 0);
  CHECK(s.events.count(supervision::event_kind::exited, "w") == 0);
}

TEST_CASE("a worker whose brokers are all gone under load stays, says so, and returns") {
  kafka_cluster kafka;
  const auto topic = kafka.create_topic("all-gone", 3);
  service s{kafka.brokers()};
  const auto worker = s.connect("w");
  constexpr milliseconds deadline{90'000};
  load all{s, topic, 3, deadline};
  REQUIRE(all.wait_for_more(10));
  kafka.kill_all();
  CHECK(eventually([&] { return !REQUIRE_VALUE(s.app->status("w")).connected; }));
  get_status connected;
  connected.wait_connected = true;
  connected.deadline = 500ms;
  const auto nobody = ask_one<worker_status>(s.system, worker, connected);
  INFO(why(nobody));
  CHECK(nobody.error().code == error_code::disconnected);
  for (const auto& c : REQUIRE_VALUE(s.app->status("w")).connections)
    CHECK_FALSE(c.connected);
  kafka.start_all();
  connected.deadline = test_timeout;
  CHECK(REQUIRE_VALUE(ask_one<worker_status>(s.system, worker, connected)).connected);
  REQUIRE(all.wait_for_more(10));
  all.stop();
  const auto errors = check_outcomes(s, topic, 3, all, deadline);
  INFO(errors.report);
  for (const auto& [code, count] : errors.counts)
    CHECK((code == error_code::outcome_unknown || code == error_code::timed_out));
  // It is the same worker: it did not crash, not even once.
  CHECK(REQUIRE_VALUE(s.app->worker("w")) == worker);
  CHECK(s.events.count(supervision::event_kind::exited, "w") == 0);
  CHECK(s.events.count(supervision::event_kind::restarted, "w") == 0);
}

TEST_CASE(
  "a request by name during a restart waits for the new worker, within its time") {
  kafka_cluster kafka;
  const auto topic = kafka.create_topic("by-name", 1);
  service s{kafka.brokers()};
  s.connect("w");
  const auto by_name = REQUIRE_VALUE(s.app->worker_by_name("w"));
  load all{s, topic, 1, test_timeout};
  for (std::size_t restarts = 1; restarts <= 5; ++restarts) {
    // Nobody waits for the restart but the request itself.
    post_exit(REQUIRE_VALUE(s.app->worker("w")), caf::exit_reason::kill);
    const auto found = s.app->offset(latest_of(topic, 0, test_timeout), "w");
    INFO(why(found));
    // In the hands of the one that was killed it is an error, which says so.
    CHECK((found || found.error().code == error_code::worker_down));
    const auto of_actor =
      ask_one<listed_offset>(s.system, by_name, latest_of(topic, 0, test_timeout));
    INFO(why(of_actor));
    CHECK((of_actor || of_actor.error().code == error_code::worker_down));
    REQUIRE(s.events.wait_for(supervision::event_kind::restarted, "w", restarts));
    static_cast<void>(
      REQUIRE_VALUE(s.app->offset(latest_of(topic, 0, test_timeout), "w")));
  }
  all.stop();
  static_cast<void>(check_outcomes(s, topic, 1, all, test_timeout));
}

TEST_CASE("a broker that hangs does not delay requests to the others") {
  kafka_cluster kafka;
  const auto topic = kafka.create_topic("paused", 3);
  service s{kafka.brokers()};
  const auto worker = s.connect("w");
  for (int p = 0; p != 3; ++p)
    static_cast<void>(REQUIRE_VALUE(s.app->latest_offset(topic, p, "w")));
  const broker_id still{3};
  kafka.pause(still);
  std::vector<list_offsets> stuck(100, latest_of(topic, 2, 8'000ms));
  const auto waiting = ask_from_actor<listed_offset>(s.system, worker, stuck);
  std::vector<list_offsets> free;
  for (std::size_t i = 0; i != 200; ++i)
    free.push_back(latest_of(topic, i % 2, 7'000ms));
  const auto quick = ask_from_actor<listed_offset>(s.system, worker, free);
  REQUIRE(quick->wait());
  CHECK(quick->each_once());
  for (const auto& reply : quick->all())
    CHECK(REQUIRE_VALUE(reply).offset == log_offset{0});
  // One replica hangs: only the leader's acknowledgement can come.
  produce_options options;
  options.worker = "w";
  options.required_acks = 1;
  options.deadline = 7'000ms;
  static_cast<void>(REQUIRE_VALUE(s.app->produce(topic, 0, "x", options)));
  // Any broker can answer this; one with answers outstanding is not the one to ask.
  metadata about;
  about.topics = {topic};
  about.deadline = 7'000ms;
  static_cast<void>(REQUIRE_VALUE(s.app->metadata(about, "w")));
  REQUIRE(waiting->wait());
  CHECK(waiting->each_once());
  CHECK(waiting->took() < 8'000ms + lateness);
  for (const auto& reply : waiting->all()) {
    INFO(why(reply));
    CHECK(reply.error().code == error_code::timed_out);
  }
  kafka.resume(still);
  static_cast<void>(REQUIRE_VALUE(s.app->offset(latest_of(topic, 2, test_timeout), "w")));
}

TEST_CASE("a worker that crashes under load is replaced, and every caller is told") {
  kafka_cluster kafka;
  const auto topic = kafka.create_topic("crashed", 6);
  service s{kafka.brokers()};
  s.connect("w");
  constexpr milliseconds deadline{60'000};
  load all{s, topic, 6, deadline};
  for (std::size_t crashes = 1; crashes <= 5; ++crashes) {
    REQUIRE(all.wait_for_more(10));
    post_exit(REQUIRE_VALUE(s.app->worker("w")), caf::exit_reason::kill);
    REQUIRE(s.events.wait_for(supervision::event_kind::restarted, "w", crashes));
  }
  REQUIRE(all.wait_for_more(10));
  all.stop();
  const auto errors = check_outcomes(s, topic, 6, all, deadline);
  // Threads are told by the application, the actor by CAF.
  INFO(errors.report);
  for (const auto& [code, count] : errors.counts)
    CHECK((code == error_code::outcome_unknown || code == error_code::worker_down));
  CHECK_FALSE(errors.counts.empty());
}

TEST_CASE("a question to a worker that crashes is an error, and the next is answered") {
  kafka_cluster kafka;
  const auto topic = kafka.create_topic("crashed-question", 3);
  service s{kafka.brokers()};
  const auto worker = s.connect("w");
  const auto resting = resting_fetches(topic, 3);
  std::vector<result<fetched>> replies(3);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i != 3; ++i)
    threads.emplace_back([&, i] { replies[i] = s.app->fetch(resting[i], "w"); });
  REQUIRE(eventually([&] { return REQUIRE_VALUE(s.app->status("w")).pending == 3; }));
  post_exit(worker, caf::exit_reason::kill);
  for (auto& t : threads)
    t.join();
  for (const auto& reply : replies) {
    INFO(why(reply));
    CHECK(reply.error().code == error_code::worker_down);
  }
  static_cast<void>(REQUIRE_VALUE(s.app->offset(latest_of(topic, 0, test_timeout), "w")));
  // The handle of the one that is gone does not reach the one that came.
  const auto stale = s.app->offset(latest_of(topic, 0, test_timeout), worker);
  INFO(why(stale));
  CHECK(stale.error().code == error_code::worker_down);
}

TEST_CASE("stopping a worker answers those who wait for it that it was stopped") {
  kafka_cluster kafka;
  const auto topic = kafka.create_topic("stopped", 3);
  service s{kafka.brokers()};
  const auto worker = s.connect("w");
  const auto waiting =
    ask_from_actor<fetched>(s.system, worker, resting_fetches(topic, 100));
  result<fetched> of_thread;
  std::thread thread{
    [&] { of_thread = s.app->fetch(resting_fetches(topic, 1)[0], "w"); }};
  const auto all_pending =
    eventually([&] { return REQUIRE_VALUE(s.app->status("w")).pending == 101; });
  const auto began = steady_clock::now();
  const auto stopped = s.app->stop_worker("w");
  thread.join();
  REQUIRE(all_pending);
  static_cast<void>(REQUIRE_VALUE(stopped));
  REQUIRE(waiting->wait());
  CHECK(steady_clock::now() - began < lateness);
  CHECK(waiting->each_once());
  for (const auto& reply : waiting->all())
    CHECK(reply.error().code == error_code::closed);
  INFO(why(of_thread));
  CHECK(of_thread.error().code == error_code::closed);
  CHECK(s.app->workers().empty());
  CHECK(s.app->worker("w").error().code == error_code::not_found);
}

TEST_CASE("an application that stops with requests pending leaves nothing behind") {
  kafka_cluster kafka;
  const auto topic = kafka.create_topic("application", 3);
  configuration config;
  caf::actor_system system{config};
  const auto actors_before = running_actors(system);
  const auto descriptors_before = open_descriptors();
  for (int round = 0; round != 3; ++round) {
    auto options = service::quiet();
    options.brokers = kafka.brokers();
    auto app = REQUIRE_VALUE(application::start(system, std::move(options)));
    auto worker = REQUIRE_VALUE(app->create_worker("w", {}, test_timeout));
    static_cast<void>(REQUIRE_VALUE(app->create_worker("idle", {}, test_timeout)));
    // A producer and a consumer that are at work, and are never closed.
    const auto producer = REQUIRE_VALUE(app->producer("p"));
    const auto consumer = REQUIRE_VALUE(app->consumer());
    const auto busy = kafka.create_topic("busy", 3);
    static_cast<void>(REQUIRE_VALUE(consumer.assign(all_of(busy, 3))));
    consumed seen{consumer};
    const auto send_some = [&] {
      for (int i = 0; i != 100; ++i)
        CHECK(producer.send(busy, std::to_string(i)));
    };
    send_some();
    REQUIRE(seen.poll_until(100));
    CHECK(seen.errors.empty());
    const auto waiting =
      ask_from_actor<fetched>(system, worker, resting_fetches(topic, 100));
    worker = nullptr;
    result<fetched> of_thread;
    std::thread thread{
      [&] { of_thread = app->fetch(resting_fetches(topic, 1)[0], "w"); }};
    const auto all_pending =
      eventually([&] { return REQUIRE_VALUE(app->status("w")).pending == 101; });
    send_some();
    const auto began = steady_clock::now();
    const auto stopped = app->stop(5'000ms);
    thread.join();
    REQUIRE(all_pending);
    CHECK(steady_clock::now() - began < 5'000ms + lateness);
    static_cast<void>(REQUIRE_VALUE(stopped));
    REQUIRE(waiting->wait());
    CHECK(waiting->each_once());
    for (const auto& reply : waiting->all())
      CHECK(reply.error().code == error_code::closed);
    INFO(why(of_thread));
    CHECK(of_thread.error().code == error_code::closed);
    CHECK(
      app->fetch(resting_fetches(topic, 1)[0], "w").error().code == error_code::closed);
    app.reset();
    CHECK(eventually([&] { return running_actors(system) == actors_before; }));
    CHECK(eventually([&] { return open_descriptors() <= descriptors_before; }));
  }
}
