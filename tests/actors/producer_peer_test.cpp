#include "worker_fixture.hpp"
#include <cafka/actors/producer/producer_core.hpp>
#include <cafka/protocol/messages/api_versions.hpp>
#include <cafka/protocol/messages/init_producer_id.hpp>
#include <cafka/protocol/messages/metadata.hpp>
#include <cafka/protocol/messages/produce.hpp>
#include <cafka/protocol/records/record_batch.hpp>
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

constexpr milliseconds patience{60'000};
constexpr std::int32_t partitions = 3;
constexpr int threads_each = 4;

/// The log of a broker that appends as Kafka does.
class broker_log {
public:
  std::pair<error_code, std::int64_t> append(
    partition_id p, const protocol::shared_bytes& bytes) {
    const std::lock_guard lock{mutex_};
    protocol::batch_reader in{bytes};
    protocol::record_batch batch;
    if (!in.next(batch))
      return {error_code::corrupt_message, -1};
    auto& log = logs_[p];
    const auto& info = batch.info();
    auto& known = log.producers[info.producer_id];
    const auto last = info.base_sequence + info.record_count - 1;
    if (info.producer_epoch < known.epoch)
      return {error_code::invalid_producer_epoch, -1};
    if (info.producer_epoch == known.epoch) {
      for (const auto& [sequence, offset] : known.batches) {
        if (sequence.first == info.base_sequence && sequence.second == last)
          return {error_code::none, offset};
      }
      if (info.base_sequence != known.batches.back().first.second + 1)
        return {error_code::out_of_order_sequence_number, -1};
    } else {
      known.batches.clear();
    }
    known.epoch = info.producer_epoch;
    const auto offset = static_cast<std::int64_t>(log.values.size());
    known.batches.push_back({{info.base_sequence, last}, offset});
    for (const auto& r : batch)
      log.values.emplace_back(protocol::as_text(*r.value));
    return {error_code::none, offset};
  }

  std::map<partition_id, std::vector<std::string>> values() const {
    const std::lock_guard lock{mutex_};
    std::map<partition_id, std::vector<std::string>> all;
    for (const auto& [p, log] : logs_)
      all[p] = log.values;
    return all;
  }

private:
  struct written {
    std::int16_t epoch = -1;
    std::vector<std::pair<std::pair<std::int32_t, std::int32_t>, std::int64_t>> batches;
  };
  struct partition_log {
    std::vector<std::string> values;
    std::map<std::int64_t, written> producers;
  };

  mutable std::mutex mutex_;
  std::map<partition_id, partition_log> logs_;
};

/// Broker 1, which leads every partition, alone.
class producing_broker {
public:
  struct behaviour {
    /// The newest Produce it knows.
    std::int16_t newest_produce = 9;
    bool knows_producer_ids = true;
    /// Each connection ends, after so many Produce requests, before the answer.
    int produces_before_cut = INT32_MAX;
    bool answers_produce = true;
  };

  producing_broker() : producing_broker(behaviour{}) {}
  explicit producing_broker(behaviour how)
    : how_(how), peer_([this](scripted_peer::session& s) { serve(s); }) {
    address_ = peer_.address();
    ready_ = true;
    ready_.notify_all();
  }

  [[nodiscard]] protocol::endpoint address() const { return address_; }
  [[nodiscard]] const broker_log& log() const { return log_; }

private:
  void serve(scripted_peer::session& s) {
    ready_.wait(false);
    int produces = 0;
    while (const auto request = s.read_frame()) {
      protocol::reader in{protocol::byte_view{*request}};
      const auto header = read_request_header(in);
      const auto respond = [&](const auto& response) {
        bytes all;
        const auto frame =
          protocol::encode_response(response, header.version, header.correlation_id);
        for (const auto& part : frame->parts)
          all.insert(all.end(), part.view().begin(), part.view().end());
        return s.send(all);
      };
      bool goes_on = true;
      switch (header.key) {
      case api_key::api_versions: goes_on = respond(versions()); break;
      case api_key::metadata: {
        protocol::metadata_request asked;
        decode(in, asked, header.version);
        goes_on = respond(metadata(asked));
        break;
      }
      case api_key::init_producer_id: {
        protocol::init_producer_id_response response;
        response.producer_id = next_id_++;
        response.producer_epoch = 0;
        goes_on = respond(response);
        break;
      }
      case api_key::produce: {
        if (!how_.answers_produce)
          continue;
        // Decoded records are slices of this.
        const auto payload = protocol::shared_bytes::copy_of(*request);
        protocol::reader whole{payload};
        static_cast<void>(read_request_header(whole));
        protocol::produce_request asked;
        decode(whole, asked, header.version);
        const auto response = produce(asked);
        if (++produces > how_.produces_before_cut)
          return;
        goes_on = respond(response);
        break;
      }
      default: return;
      }
      if (!goes_on)
        return;
    }
  }

  protocol::api_versions_response versions() const {
    protocol::api_versions_response response;
    response.api_keys = {
      {0, 0, how_.newest_produce}, {1, 4, 12}, {2, 1, 7}, {3, 0, 9}, {18, 0, 3}};
    if (how_.knows_producer_ids)
      response.api_keys.push_back({22, 0, 4});
    return response;
  }

  protocol::metadata_response metadata(const protocol::metadata_request& asked) const {
    protocol::metadata_response response;
    response.brokers.push_back({1, address_.host, address_.port, std::nullopt});
    response.controller_id = 1;
    if (!asked.topics)
      return response;
    for (const auto& wanted : *asked.topics) {
      auto& topic = response.topics.emplace_back();
      topic.name = wanted.name;
      for (std::int32_t p = 0; p != partitions; ++p) {
        auto& partition = topic.partitions.emplace_back();
        partition.partition_index = p;
        partition.leader_id = 1;
        partition.replica_nodes = partition.isr_nodes = {1};
      }
    }
    return response;
  }

  protocol::produce_response produce(const protocol::produce_request& asked) {
    protocol::produce_response response;
    for (const auto& t : asked.topic_data) {
      auto& topic = response.responses.emplace_back();
      topic.name = t.name;
      for (const auto& p : t.partition_data) {
        auto& partition = topic.partition_responses.emplace_back();
        partition.index = p.index;
        const auto [code, offset] =
          log_.append(p.index, p.records.value_or(protocol::shared_bytes{}));
        partition.error_code = code;
        partition.base_offset = offset;
      }
    }
    return response;
  }

  const behaviour how_;
  std::atomic<std::int64_t> next_id_ = 7;
  broker_log log_;
  protocol::endpoint address_;
  std::atomic<bool> ready_ = false;
  scripted_peer peer_;
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
    actors::worker_options connection;
    connection.name = "p";
    connection.uris = {broker};
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
    ask(self, supervisor, patience, supervision::stop{patience})
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
std::size_t checked(const producing_broker& broker) {
  std::size_t all = 0;
  for (const auto& [p, values] : broker.log().values()) {
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
  const auto until = steady_clock::now() + patience;
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
  CHECK(p.handle.flush(patience));
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
  CHECK(p.handle.flush(patience));
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
  CHECK(p.handle.flush(patience));
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
      CHECK(p.handle.close(patience));
    } else if (how == "with its supervisor") {
      caf::scoped_actor self{p.fixture.system};
      ask(self, p.supervisor, patience, supervision::stop{patience})
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
    CHECK(p.handle.flush(patience));
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
  producing_broker broker{{.newest_produce = 2, .knows_producer_ids = false}};
  producing p{broker, options};
  REQUIRE(p.handle.send("t", "x"));
  CHECK(p.handle.flush(patience));
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
