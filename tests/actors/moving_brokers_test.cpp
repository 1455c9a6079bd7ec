#include "worker_fixture.hpp"
#include <cafka/actors/consumer/consumer_core.hpp>
#include <cafka/actors/producer/producer_core.hpp>
#include <cafka/protocol/messages/api_versions.hpp>
#include <cafka/protocol/messages/fetch.hpp>
#include <cafka/protocol/messages/init_producer_id.hpp>
#include <cafka/protocol/messages/list_offsets.hpp>
#include <cafka/protocol/messages/metadata.hpp>
#include <cafka/protocol/messages/produce.hpp>
#include <cafka/protocol/records/batch_builder.hpp>
#include <cafka/supervision/caf_compat.hpp>

#include <caf/init_global_meta_objects.hpp>
#include <caf/scoped_actor.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <condition_variable>
#include <mutex>

// Two brokers that change places, as when addresses are used again: where one was, the
// other answers.

using namespace cafka;
using namespace cafka::testing;
using protocol::api_key;
using std::chrono::steady_clock;

namespace {

constexpr milliseconds test_timeout{30'000};

/// From the moment at which metadata tells of it; what a loaded machine adds is in it.
constexpr milliseconds soon{5'000};

/// Brokers 1 and 2. Broker 1 leads partition 0 of every topic; each record's value is its
/// offset.
class two_brokers {
public:
  two_brokers() {
    ready_ = true;
    ready_.notify_all();
  }
  ~two_brokers() {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
    changed_.notify_all();
  }

  [[nodiscard]] protocol::endpoint bootstrap() const { return peers_[0].address(); }

  void change_places() { ++changes_; }

  /// One more record.
  void append() {
    const std::lock_guard lock{mutex_};
    ++end_;
    changed_.notify_all();
  }
  [[nodiscard]] std::int64_t end() {
    const std::lock_guard lock{mutex_};
    return end_;
  }
  /// How often something for the leader reached the other one.
  [[nodiscard]] int refused() const { return refused_; }

private:
  [[nodiscard]] std::int32_t number_at(std::size_t place) const {
    return static_cast<std::int32_t>(changes_ % 2 == 1 ? 2 - place : 1 + place);
  }

  void serve(scripted_peer::session& s, std::size_t place) {
    ready_.wait(false);
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
      case api_key::api_versions: {
        protocol::api_versions_response response;
        response.api_keys = {
          {0, 3, 9}, {1, 4, 11}, {2, 1, 5}, {3, 0, 9}, {18, 0, 3}, {22, 0, 4}};
        goes_on = respond(response);
        break;
      }
      case api_key::metadata: goes_on = respond(metadata(in, header.version)); break;
      case api_key::init_producer_id: {
        protocol::init_producer_id_response response;
        response.producer_id = 7;
        response.producer_epoch = 0;
        goes_on = respond(response);
        break;
      }
      case api_key::list_offsets:
        goes_on = respond(offsets(in, header.version, place));
        break;
      case api_key::produce: goes_on = respond(produce(in, header.version, place)); break;
      case api_key::fetch: goes_on = respond(fetch(in, header.version, place)); break;
      default: return;
      }
      if (!goes_on)
        return;
    }
  }

  error_code verdict(std::size_t place) {
    if (number_at(place) == 1)
      return error_code::none;
    ++refused_;
    return error_code::not_leader_or_follower;
  }

  protocol::metadata_response metadata(protocol::reader& in, std::int16_t version) {
    protocol::metadata_request asked;
    decode(in, asked, version);
    protocol::metadata_response response;
    response.controller_id = 1;
    for (std::size_t place = 0; place != peers_.size(); ++place)
      response.brokers.push_back(
        {number_at(place), "127.0.0.1", peers_[place].port(), std::nullopt});
    if (!asked.topics)
      return response;
    for (const auto& wanted : *asked.topics) {
      auto& topic = response.topics.emplace_back();
      topic.name = wanted.name;
      auto& partition = topic.partitions.emplace_back();
      partition.leader_id = 1;
      partition.leader_epoch = changes_.load();
      partition.replica_nodes = partition.isr_nodes = {1};
    }
    return response;
  }

  protocol::list_offsets_response offsets(
    protocol::reader& in, std::int16_t version, std::size_t place) {
    protocol::list_offsets_request asked;
    decode(in, asked, version);
    protocol::list_offsets_response response;
    for (const auto& t : asked.topics) {
      auto& topic = response.topics.emplace_back();
      topic.name = t.name;
      auto& x = topic.partitions.emplace_back();
      x.error_code = verdict(place);
      x.offset = t.partitions.at(0).timestamp == -2 ? 0 : end();
    }
    return response;
  }

  protocol::produce_response produce(
    protocol::reader& in, std::int16_t version, std::size_t place) {
    protocol::produce_request asked;
    decode(in, asked, version);
    protocol::produce_response response;
    for (const auto& t : asked.topic_data) {
      auto& topic = response.responses.emplace_back();
      topic.name = t.name;
      auto& x = topic.partition_responses.emplace_back();
      x.error_code = verdict(place);
      x.base_offset = end();
      if (x.error_code == error_code::none)
        append();
    }
    return response;
  }

  protocol::fetch_response fetch(
    protocol::reader& in, std::int16_t version, std::size_t place) {
    protocol::fetch_request asked;
    decode(in, asked, version);
    protocol::fetch_response response;
    for (const auto& t : asked.topics) {
      auto& topic = response.responses.emplace_back();
      topic.topic = t.topic;
      auto& x = topic.partitions.emplace_back();
      x.error_code = verdict(place);
      if (x.error_code != error_code::none)
        continue;
      const auto from = t.partitions.at(0).fetch_offset.value();
      std::unique_lock lock{mutex_};
      changed_.wait_for(
        lock, milliseconds{asked.max_wait_ms}, [&] { return stopping_ || end_ > from; });
      x.high_watermark = x.last_stable_offset = end_;
      if (from < end_)
        x.records = one_record(from);
    }
    return response;
  }

  static protocol::shared_bytes one_record(std::int64_t offset) {
    protocol::builder_options options;
    options.base_offset = offset;
    protocol::batch_builder builder{options};
    const auto text = std::to_string(offset);
    static_cast<void>(
      builder.append(std::nullopt, protocol::as_bytes(text), timestamp{}));
    return *builder.seal();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::int64_t end_ = 0;
  bool stopping_ = false;
  std::atomic<int> refused_ = 0;
  std::atomic<std::int32_t> changes_ = 0;
  std::atomic<bool> ready_ = false;
  std::array<scripted_peer, 2> peers_{
    scripted_peer{[this](scripted_peer::session& s) { serve(s, 0); }},
    scripted_peer{[this](scripted_peer::session& s) { serve(s, 1); }}};
};

template <class Condition>
bool by(milliseconds time, Condition holds) {
  const auto until = steady_clock::now() + time;
  while (!holds()) {
    if (steady_clock::now() > until)
      return false;
    std::this_thread::yield();
  }
  return true;
}

actors::connection_options reaching(const two_brokers& brokers) {
  actors::connection_options connection;
  connection.name = "x";
  connection.brokers = {brokers.bootstrap()};
  return connection;
}

/// Ends an actor and waits until it has ended.
template <class Handle>
void end(caf::actor_system& system, const Handle& a) {
  post_exit(a, caf::exit_reason::user_shutdown);
  caf::scoped_actor self{system};
  self->wait_for(a);
}

} // namespace

TEST_CASE("a worker finds brokers that have changed places") {
  two_brokers brokers;
  worker_fixture f;
  const auto w = f.worker({brokers.bootstrap()});
  REQUIRE(f.latest(w, test_timeout));
  for (int i = 0; i != 3; ++i) {
    REQUIRE(f.produce_one(w, test_timeout));
    brokers.change_places();
    const auto begun = steady_clock::now();
    CHECK(f.latest(w, soon));
    CHECK(f.produce_one(w, soon));
    CHECK(steady_clock::now() - begun < soon);
  }
  CHECK(brokers.end() == 6);
  CHECK(brokers.refused() > 0);
}

TEST_CASE("a producer finds brokers that have changed places") {
  caf::init_global_meta_objects<caf::id_block::cafka_producer>();
  two_brokers brokers;
  worker_fixture f;
  std::atomic<int> delivered = 0;
  std::atomic<int> failed = 0;
  producer_options options;
  options.idempotence = GENERATE(true, false);
  options.on_delivery = [&](const delivery& d) {
    (d.error.code == error_code::none ? delivered : failed) += d.count;
  };
  const auto core = std::make_shared<actors::producer_core>(f.system, options);
  const auto a = actors::spawn_producer(f.system, core, reaching(brokers), f.factory);
  const producer p{core};
  const auto to = p.to("t");
  REQUIRE(p.send(to, "first"));
  REQUIRE(by(test_timeout, [&] { return delivered == 1; }));
  for (int i = 2; i != 5; ++i) {
    brokers.change_places();
    REQUIRE(p.send(to, "next"));
    CHECK(by(soon, [&] { return delivered == i; }));
  }
  CHECK(failed == 0);
  CHECK(brokers.refused() > 0);
  end(f.system, a);
}

TEST_CASE("a consumer finds brokers that have changed places") {
  caf::init_global_meta_objects<caf::id_block::cafka_consumer>();
  two_brokers brokers;
  worker_fixture f;
  const auto core = actors::consumer_core::make(f.system, {});
  const auto a = actors::spawn_consumer(f.system, core, reaching(brokers), f.factory);
  const consumer c{core};
  REQUIRE(c.assign({{"t", 0, start_at::earliest()}}));
  std::int64_t next = 0;
  const auto reads_on = [&](milliseconds time) {
    const auto wanted = next + 1;
    return by(time, [&] {
      const auto got = c.poll(100ms);
      if (!got)
        return true;
      for (const auto& batch : got->batches) {
        for (const auto& r : batch)
          CHECK(r.offset.value() == next++);
      }
      return next == wanted;
    });
  };
  brokers.append();
  REQUIRE(reads_on(test_timeout));
  for (int i = 0; i != 3; ++i) {
    brokers.change_places();
    brokers.append();
    CHECK(reads_on(soon));
  }
  CHECK(next == 4);
  CHECK(brokers.refused() > 0);
  end(f.system, a);
}
