#include "fetching_broker.hpp"
#include "worker_fixture.hpp"
#include <cafka/actors/consumer/consumer_core.hpp>
#include <cafka/supervision/caf_compat.hpp>
#include <cafka/supervision/supervisor.hpp>

#include <caf/binary_deserializer.hpp>
#include <caf/binary_serializer.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/init_global_meta_objects.hpp>
#include <caf/scoped_actor.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <map>
#include <mutex>
#include <set>
#include <thread>

// A consumer and all its threads against a broker of ours, so that a race would be seen
// by a sanitizer that librdkafka's mock cluster is not built for.

using namespace cafka;
using namespace cafka::testing;
using std::chrono::steady_clock;

namespace {

constexpr milliseconds test_timeout{60'000};
constexpr auto partitions = fetching_broker::partitions;

/// A consumer under a supervisor.
struct consuming {
  consuming(protocol::endpoint broker, consumer_options options,
    milliseconds socket_timeout = actors::connection_options{}.socket_timeout) {
    static const bool registered = [] {
      caf::init_global_meta_objects<caf::id_block::cafka_consumer>();
      return true;
    }();
    static_cast<void>(registered);
    actors::connection_options connection;
    connection.name = "c";
    connection.brokers = {std::move(broker)};
    connection.reconnect_backoff = connection.retry_backoff = 2ms;
    connection.reconnect_backoff_max = connection.retry_backoff_max = 50ms;
    connection.socket_timeout = socket_timeout;
    connection.transport.progress_interval = 20ms;
    core = actors::consumer_core::make(fixture.system, std::move(options));
    supervision::child_spec spec;
    spec.id = "c";
    spec.restart = supervision::restart_type::transient;
    spec.start = [core = core, connection, transports = fixture.factory](
                   caf::actor_system& system) -> supervision::start_result {
      return caf::actor_cast<caf::strong_actor_ptr>(
        actors::spawn_consumer(system, core, connection, transports));
    };
    supervision::supervisor_options of_one;
    of_one.intensity = {1'000, std::chrono::seconds{1}};
    of_one.children.push_back(std::move(spec));
    const auto started = supervision::start_supervisor(fixture.system, std::move(of_one));
    REQUIRE(started);
    supervisor = *started;
    handle = consumer{core};
  }

  consuming(const fetching_broker& broker, consumer_options options = {})
    : consuming(broker.address(), std::move(options)) {}

  ~consuming() { stop(); }

  void stop() {
    caf::scoped_actor self{fixture.system};
    ask(self, supervisor, test_timeout, supervision::stop{test_timeout})
      .receive([] {}, [](caf::error&) {});
  }

  void assign(start_at start = {}) const {
    std::vector<assigned_partition> all;
    for (std::int32_t p = 0; p != partitions; ++p)
      all.push_back({"t", p, start});
    REQUIRE(handle.assign(all));
  }

  worker_fixture fixture;
  std::shared_ptr<actors::consumer_core> core;
  supervision::supervisor_actor supervisor;
  consumer handle;
};

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

/// Polls in several threads until the consumer is closed.
class pollers {
public:
  /// Each thread keeps so many of the last batches that it was handed.
  explicit pollers(const consumer& from, std::size_t keeps = 0, int threads = 4) {
    for (int t = 0; t != threads; ++t)
      threads_.emplace_back([this, from, keeps] { run(from, keeps); });
  }
  ~pollers() {
    stop_ = true;
    join();
  }

  void join() {
    for (auto& t : threads_) {
      if (t.joinable())
        t.join();
    }
  }

  [[nodiscard]] std::size_t records() const { return records_; }
  [[nodiscard]] std::size_t told_closed() const { return told_closed_; }
  [[nodiscard]] std::size_t errors() const { return errors_; }

  /// To be called after `join`: whether each partition's numbers came once, to each
  /// thread in their order, and none is missing of so many.
  [[nodiscard]] bool all_once(std::int64_t each) const {
    for (std::int32_t p = 0; p != partitions; ++p) {
      std::multiset<std::int64_t> seen;
      if (const auto found = seen_.find(p); found != seen_.end())
        seen.insert(found->second.begin(), found->second.end());
      std::int64_t expected = 0;
      for (const auto offset : seen) {
        if (offset != expected++)
          return false;
      }
      if (expected != each)
        return false;
    }
    return disordered_ == 0;
  }

private:
  void run(const consumer& from, std::size_t keeps) {
    std::map<partition_id, std::vector<std::int64_t>> seen;
    std::vector<consumed_batch> kept;
    while (!stop_) {
      auto got = from.poll(100ms);
      if (!got) {
        told_closed_ += got.error().code == error_code::closed ? 1 : 0;
        break;
      }
      errors_ += got->errors.size();
      std::size_t count = 0;
      for (auto& batch : got->batches) {
        auto& mine = seen[batch.partition()];
        for (const auto& r : batch) {
          const auto right =
            std::stoll(std::string{protocol::as_text(*r.value)}) == r.offset.value();
          if (!right || (!mine.empty() && mine.back() >= r.offset.value()))
            ++disordered_;
          mine.push_back(r.offset.value());
          ++count;
        }
        if (keeps > 0)
          kept.push_back(std::move(batch));
        if (kept.size() > keeps)
          kept.erase(kept.begin());
      }
      records_ += count;
      if (count == 0)
        kept.clear(); // The others may wait for memory.
    }
    const std::lock_guard lock{mutex_};
    for (const auto& [p, offsets] : seen)
      seen_[p].insert(seen_[p].end(), offsets.begin(), offsets.end());
  }

  std::atomic<bool> stop_ = false;
  std::atomic<std::size_t> records_ = 0;
  std::atomic<std::size_t> disordered_ = 0;
  std::atomic<std::size_t> told_closed_ = 0;
  std::atomic<std::size_t> errors_ = 0;
  std::mutex mutex_;
  std::map<partition_id, std::vector<std::int64_t>> seen_;
  std::vector<std::thread> threads_;
};

consumer_options short_waits() {
  consumer_options options;
  options.fetch_max_wait = 50ms;
  return options;
}

} // namespace

TEST_CASE("records come to several threads once, and to each in their order") {
  auto options = short_waits();
  fetching_broker::behaviour how;
  how.compression = GENERATE(codec::none, codec::lz4);
  std::size_t keeps = 0;
  SECTION("while nothing is wrong") {
  }
  SECTION("while the memory is short, and views are kept") {
    options.buffer_memory = 8'000;
    options.max_partition_fetch_bytes = 1'000;
    keeps = 3;
  }
  SECTION("over connections that end") {
    how.fetches_before_cut = 3;
    options.max_partition_fetch_bytes = 2'000;
  }
  fetching_broker broker{how};
  broker.append(100);
  consuming c{broker, options};
  pollers load{c.handle, keeps};
  c.assign();
  for (int i = 0; i != 20; ++i) {
    const auto before = load.records();
    broker.append(5);
    REQUIRE(eventually([&] { return load.records() > before; }));
  }
  REQUIRE(eventually([&] { return load.records() >= 3 * 2'000; }));
  CHECK(c.handle.close(test_timeout));
  load.join();
  CHECK(load.all_once(2'000));
  CHECK(load.told_closed() == 4);
  CHECK(load.errors() == 0);
}

TEST_CASE("a consumer may crash whenever it likes: each record is handed out once") {
  auto options = short_waits();
  options.max_partition_fetch_bytes = 1'000;
  fetching_broker broker;
  broker.append(50);
  consuming c{broker, options};
  pollers load{c.handle};
  c.assign();
  for (int crash = 0; crash != 20; ++crash) {
    broker.append(5);
    consumer_actor before;
    REQUIRE(eventually([&] { return bool{before = c.handle.actor()}; }));
    post_exit(before, caf::exit_reason::kill);
    REQUIRE(eventually([&] {
      const auto now = c.handle.actor();
      return now && now != before;
    }));
  }
  REQUIRE(eventually([&] { return load.records() >= 3 * 1'500; }));
  CHECK(c.handle.close(test_timeout));
  load.join();
  CHECK(load.all_once(1'500));
}

TEST_CASE("what is said while other threads poll holds from when it was said") {
  auto options = short_waits();
  options.max_partition_fetch_bytes = 1'000;
  fetching_broker broker;
  broker.append(100);
  consuming c{broker, options};
  c.assign();
  std::atomic<bool> stop = false;
  // They share what comes of partitions 1 and 2, whose places others change.
  std::vector<std::thread> others;
  struct ender { // Whatever fails below.
    std::atomic<bool>& stop;
    std::vector<std::thread>& threads;
    ~ender() {
      stop = true;
      for (auto& t : threads)
        t.join();
    }
  } end{stop, others};
  others.emplace_back([&] {
    for (std::int64_t i = 0; !stop; ++i) {
      static_cast<void>(c.handle.seek("t", 1, start_at::offset(i % 1'000)));
      static_cast<void>(c.handle.pause({{"t", 2}}));
      static_cast<void>(c.handle.resume({{"t", 2}}));
      static_cast<void>(c.handle.position("t", 1));
      std::this_thread::yield();
    }
  });
  others.emplace_back([&] {
    while (!stop) {
      static_cast<void>(c.handle.unassign({{"t", 2}}));
      static_cast<void>(c.handle.add({{"t", 2, start_at::latest()}}));
      static_cast<void>(c.handle.assignment());
      std::this_thread::yield();
    }
  });
  for (std::int64_t round = 0; round != 30; ++round) {
    const auto from = (round * 37) % 990;
    REQUIRE(c.handle.seek("t", 0, start_at::offset(from)));
    std::optional<std::int64_t> first;
    REQUIRE(eventually([&] {
      const auto got = c.handle.poll(100ms);
      if (!got)
        return false;
      for (const auto& batch : got->batches) {
        if (batch.partition() == partition_id{0} && !first)
          first = batch.begin()->offset.value();
      }
      return first.has_value();
    }));
    CHECK(first == from);
  }
}

TEST_CASE("a thread that polls is told that there will be no more") {
  const std::string how = GENERATE("by its handle", "with its supervisor");
  INFO(how);
  for (int round = 0; round != 10; ++round) {
    fetching_broker broker;
    broker.append(100);
    consuming c{broker, short_waits()};
    pollers load{c.handle};
    c.assign();
    REQUIRE(eventually([&] { return load.records() > 0; }));
    if (how == "by its handle")
      CHECK(c.handle.close(test_timeout));
    else
      c.stop();
    load.join();
    CHECK(load.told_closed() == 4);
    CHECK(c.handle.poll(0ms).error().code == error_code::closed);
    CHECK(c.handle.assign({{"t", 0}}).error().code == error_code::closed);
  }
}

TEST_CASE("an actor has credit from the moment that there is a consumer") {
  struct state {
    std::atomic<std::size_t> batches = 0;
    std::atomic<std::size_t> records = 0;
  };
  for (int round = 0; round != 20; ++round) {
    const auto got = std::make_shared<state>();
    fetching_broker broker;
    broker.append(10);
    worker_fixture readers;
    const auto reader = readers.system.spawn([got](caf::event_based_actor*) {
      return caf::behavior{[got](const consumed_batch& b) {
        got->records += b.size();
        ++got->batches;
      }};
    });
    {
      auto options = short_waits();
      options.max_partition_fetch_bytes = 200;
      options.deliver_to = reader;
      consuming c{broker, options};
      post(c.handle.actor(), consumer_credit{2});
      c.assign();
      REQUIRE(eventually([&] { return got->batches == 2; }));
      REQUIRE(got->records < 3 * 100);
      post(c.handle.actor(), consumer_credit{1'000});
      REQUIRE(eventually([&] { return got->records == 3 * 100; }));
    }
    caf::anon_send_exit(reader, caf::exit_reason::user_shutdown);
  }
}

TEST_CASE("an answer far larger than the memory is read to its end") {
  // Brokers before 0.10.1 know no limit for a whole answer.
  fetching_broker::behaviour how;
  how.newest_fetch = 2;
  how.compression = GENERATE(codec::none, codec::gzip);
  how.padding = 500;
  fetching_broker broker{how};
  broker.append(20);
  auto options = short_waits();
  options.buffer_memory = 4'096;
  consuming c{broker, options};
  pollers load{c.handle, 0, 1};
  c.assign();
  REQUIRE(eventually([&] { return load.records() >= 3 * 200; }));
  CHECK(c.handle.close(test_timeout));
  load.join();
  CHECK(load.all_once(200));
}

TEST_CASE("a batch larger than every limit comes nevertheless, from old brokers too") {
  fetching_broker::behaviour how;
  how.newest_fetch =
    GENERATE(std::int16_t{0}, std::int16_t{2}, std::int16_t{3}, std::int16_t{11});
  // A message set has no batches but those that are compressed.
  how.compression = codec::gzip;
  how.padding = 500;
  fetching_broker broker{how};
  broker.append(3);
  auto options = short_waits();
  options.max_partition_fetch_bytes = options.fetch_max_bytes = 100;
  consuming c{broker, options};
  pollers load{c.handle, 0, 1};
  c.assign();
  REQUIRE(eventually([&] { return load.records() >= 3 * 30; }));
  CHECK(c.handle.close(test_timeout));
  load.join();
  CHECK(load.all_once(30));
  CHECK(load.errors() == 0);
}

TEST_CASE("over a slow link batches are read that take longer than any time-out") {
  // Batches of 40 kB, at 70 kB/s; nothing may be silent, or late, for 400 ms.
  fetching_broker::behaviour how;
  how.newest_fetch = GENERATE(std::int16_t{2}, std::int16_t{11});
  how.padding = 4'000;
  how.pace = 70'000;
  fetching_broker broker{how};
  broker.append(1);
  auto options = short_waits();
  options.request_timeout = 350ms;
  options.max_partition_fetch_bytes = 60'000;
  consuming c{broker.address(), options, 400ms};
  pollers load{c.handle, 0, 1};
  c.assign();
  REQUIRE(eventually([&] { return load.records() >= 3 * 10; }));
  CHECK(c.handle.close(test_timeout));
  load.join();
  CHECK(load.all_once(10));
  CHECK(load.errors() == 0);
}

TEST_CASE("what an old broker cannot do is an error that says so, once") {
  fetching_broker broker{{.newest_fetch = 3}};
  broker.append(1);
  auto options = short_waits();
  options.isolation = isolation_level::read_committed;
  consuming c{broker, options};
  c.assign(start_at::offset(0));
  std::set<std::int32_t> told;
  REQUIRE(eventually([&] {
    const auto got = c.handle.poll(100ms);
    for (const auto& e : got->errors) {
      CHECK(e.why.code == error_code::unsupported_api_version);
      CHECK(e.why.detail.find("read_committed needs") != std::string::npos);
      CHECK_FALSE(e.halted);
      CHECK(told.insert(e.partition.value()).second);
    }
    return told.size() == 3;
  }));
}

TEST_CASE("a consumer that reaches no broker says why") {
  const refusing_port nobody;
  consuming c{nobody.address(), short_waits(), 300ms};
  c.assign();
  CHECK(c.handle.poll(milliseconds::min())->empty());
  std::vector<partition_error> told;
  REQUIRE(eventually([&] {
    const auto got = c.handle.poll(100ms);
    told.insert(told.end(), got->errors.begin(), got->errors.end());
    return told.size() >= 3;
  }));
  CHECK(told.size() == 3);
  for (const auto& e : told) {
    INFO(to_string(e.why));
    CHECK_FALSE(e.halted);
    CHECK(e.why.code == error_code::timed_out);
    CHECK(e.why.detail.find(to_string(nobody.address())) != std::string::npos);
  }
}

TEST_CASE(
  "a leader that cannot be reached is reported, once, until there is another one") {
  const refusing_port nobody;
  fetching_broker broker{{.led_by = nobody.address()}};
  broker.append(1);
  auto options = short_waits();
  options.stalled_after = 300ms;
  const auto with_actor = GENERATE(false, true);
  struct state {
    std::mutex mutex;
    std::vector<partition_error> told;
    std::atomic<std::size_t> records = 0;
  };
  const auto got = std::make_shared<state>();
  worker_fixture readers;
  if (with_actor)
    options.deliver_to = readers.system.spawn([got](caf::event_based_actor*) {
      return caf::behavior{[got](const consumed_batch& b) { got->records += b.size(); },
        [got](const partition_error& e) {
          const std::lock_guard lock{got->mutex};
          got->told.push_back(e);
        }};
    });
  const auto reader = options.deliver_to;
  {
    consuming c{broker, options};
    const auto told = [&] {
      if (!with_actor) {
        const auto polled = c.handle.poll(100ms);
        got->records += polled->records();
        got->told.insert(got->told.end(), polled->errors.begin(), polled->errors.end());
      }
      const std::lock_guard lock{got->mutex};
      return got->told;
    };
    c.assign();
    if (with_actor)
      post(c.handle.actor(), consumer_credit{1'000});
    REQUIRE(eventually([&] { return told().size() >= partitions; }));
    for (const auto& e : told()) {
      INFO(to_string(e.why));
      CHECK_FALSE(e.halted);
      CHECK(e.why.code == error_code::timed_out);
      CHECK(e.why.detail.find("no progress for 3") != std::string::npos);
      CHECK(e.why.detail.find("broker 2") != std::string::npos);
      CHECK(e.why.detail.find("CONNECTION_FAILED") != std::string::npos);
      CHECK(e.why.detail.find(to_string(nobody.address())) != std::string::npos);
    }
    const auto now = c.handle.status();
    REQUIRE(now);
    CHECK(now->name == "consumer");
    CHECK(now->connected);
    CHECK(now->why_disconnected.empty());
    CHECK(std::ranges::any_of(now->connections, [&](const connection_status& l) {
      return l.address == nobody.address() && !l.connected && !l.last_error.empty();
    }));
    REQUIRE(now->partitions.size() == partitions);
    for (const auto& p : now->partitions) {
      CHECK(p.topic == "t");
      CHECK(p.state == reading_state::waiting);
      CHECK(p.leader == broker_id{2});
      CHECK(p.position == log_offset{-1});
      CHECK(p.without_progress >= 300ms);
      CHECK(p.why.find(to_string(nobody.address())) != std::string::npos);
    }
    broker.lead();
    REQUIRE(eventually([&] { return told().size() >= 2 * partitions; }));
    REQUIRE(eventually([&] {
      static_cast<void>(told());
      return got->records == partitions * fetching_broker::batch_records;
    }));
    const auto all = told();
    CHECK(all.size() == 2 * partitions);
    for (std::size_t i = partitions; i < all.size(); ++i)
      CHECK(all[i].why.code == error_code::none);
    const auto after = c.handle.status();
    REQUIRE(after);
    for (const auto& p : after->partitions) {
      INFO(p.why);
      CHECK(p.state == reading_state::reading);
      CHECK(p.position == log_offset{fetching_broker::batch_records});
    }
  }
  if (reader)
    caf::anon_send_exit(reader, caf::exit_reason::user_shutdown);
}

TEST_CASE("a consumer without a broker says so when it is asked, and none when closed") {
  const refusing_port nobody;
  consuming c{nobody.address(), short_waits()};
  c.assign();
  REQUIRE(eventually([&] {
    const auto now = c.handle.status();
    return now
      && now->why_disconnected.find(to_string(nobody.address())) != std::string::npos;
  }));
  const auto now = c.handle.status();
  CHECK_FALSE(now->connected);
  CHECK(now->partitions.size() == partitions);
  CHECK(c.handle.close(test_timeout));
  CHECK(c.handle.status().error().code == error_code::closed);
  CHECK(consumer{}.status().error().code == error_code::closed);
}

TEST_CASE("how a consumer is travels to other nodes") {
  consumer_status s;
  s.name = "c";
  s.connections.push_back({1, {"broker", 9092}, true, 3, "none"});
  s.partitions.push_back({"t", 4, reading_state::halted, 5, 6, 7, 8, "why", 9ms});
  worker_fixture f;
  caf::byte_buffer buffer;
  caf::binary_serializer out{f.system, buffer};
  REQUIRE(out.apply(result<consumer_status>{s}));
  caf::binary_deserializer in{f.system, buffer};
  result<consumer_status> copy = error{};
  REQUIRE(in.apply(copy));
  REQUIRE(copy);
  REQUIRE(copy->partitions.size() == 1);
  const auto& p = copy->partitions[0];
  CHECK(p.topic == "t");
  CHECK(p.state == reading_state::halted);
  CHECK(p.why == "why");
  CHECK(p.without_progress == 9ms);
  CHECK(copy->connections[0].last_error == "none");
}

TEST_CASE("a handle without a consumer says so") {
  const consumer none;
  CHECK_FALSE(none);
  CHECK(none.name().empty());
  CHECK(none.poll(0ms).error().code == error_code::closed);
  CHECK(none.assign({{"t", 0}}).error().code == error_code::closed);
  CHECK(none.unassign({}).error().code == error_code::closed);
  CHECK(none.seek("t", 0, {}).error().code == error_code::closed);
  CHECK(none.pause({}).error().code == error_code::closed);
  CHECK(none.resume({}).error().code == error_code::closed);
  CHECK(none.close().error().code == error_code::closed);
  CHECK(none.assignment().empty());
  CHECK_FALSE(none.position("t", 0));
  CHECK_FALSE(none.actor());
}
