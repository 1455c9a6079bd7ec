// A whole stream on a whole worker, connections included, in virtual time and by seed.
#include "driven_worker.hpp"
#include <cafka/protocol/clients/stream_client.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include <random>
#include <string>
#include <vector>

using namespace cafka;
using namespace std::chrono_literals;
using cafka::testing::fake_cluster;
using protocol::stream_client;
using protocol::stream_client_options;

namespace {

stream_client_options all_of(const std::string& topic) {
  stream_client_options options;
  options.records.topic = topic;
  options.records.partition = 0;
  options.records.auto_commit = false;
  options.cursor.start = protocol::start_at::earliest();
  return options;
}

stream_client_options in_group(const std::string& topic, const std::string& group) {
  auto options = all_of(topic);
  options.group = group;
  options.cursor.start.reset();
  options.cursor.committed = true;
  options.cursor.commits = true;
  return options;
}

/// A stream, the worker that it asks, and what its consumer has got.
struct driven_stream {
  driven_stream(
    fake_cluster& cluster, stream_client_options options, std::uint64_t seed = 1)
    : worker(cluster, seed), client(std::move(options)) {}

  driven_worker worker;
  stream_client client;
  /// Whether there is a worker to ask.
  bool has_worker = true;
  /// Whether the consumer is done with a batch as soon as it has it.
  bool acknowledges = true;
  int requests = 0;
  std::vector<std::string> values;
  std::optional<stream_end> end;
  std::optional<stream_end> finished;

  void grant(std::uint32_t batches) {
    client.on_credit(worker.now(), {batches, {}});
    carry_out();
  }

  void stop() {
    client.stop(worker.now(), {error_code::closed, "stopped"});
    carry_out();
  }

  bool run(protocol::time_point::duration at_most, const std::function<bool()>& done) {
    const auto until = worker.now() + at_most;
    while (!done()) {
      const auto next = std::clamp(client.next_time(), worker.now(), until);
      if (worker.run(next - worker.now(), done))
        return true;
      if (next == until)
        return false;
      client.on_time(next);
      carry_out();
    }
    return true;
  }

private:
  void carry_out() {
    while (client.has_effects()) {
      for (auto& e : client.take_effects())
        std::visit([this](auto& x) { act(x); }, e);
    }
    worker.carry_out();
  }

  void act(stream_batch& x) {
    for (const auto& r : x.records)
      values.push_back(r.copy().value.value_or(""));
    client.on_credit(
      worker.now(), {1, acknowledges ? std::optional{x.next()} : std::nullopt});
  }
  void act(stream_end& x) { end = x; }
  void act(stream_client::finished& x) { finished = x.end; }

  template <class Request>
  void act(Request& request) {
    ++requests;
    using reply = result<reply_of<Request>>;
    if (!has_worker) {
      client.on_reply(worker.now(), reply{error{error_code::worker_down, "no worker"}});
      return;
    }
    worker.submit(std::move(request), [this](reply answer) {
      client.on_reply(worker.now(), std::move(answer));
      carry_out();
    });
  }
};

std::vector<std::string> append(fake_cluster& cluster, int first, int end) {
  std::vector<std::string> all;
  for (int i = first; i != end; ++i) {
    all.push_back(std::to_string(i));
    cluster.append("t", 0, {{.value = all.back()}});
  }
  return all;
}

} // namespace

TEST_CASE("a whole stream reads a log to its end", "[clients]") {
  fake_cluster cluster;
  cluster.create_topic("t");
  const auto written = append(cluster, 0, 50);
  auto options = all_of("t");
  options.cursor.no_wait_at_logend = true;
  driven_stream s{cluster, options};
  CHECK_FALSE(s.run(1s, [&] { return s.requests > 0; })); // No credit yet.
  s.grant(1);
  REQUIRE(s.run(1h, [&] { return s.end.has_value(); }));
  CHECK(s.values == written);
  CHECK_FALSE(s.end->outcome);
  CHECK(s.end->start == log_offset{0});
  CHECK_FALSE(s.finished);
  s.stop();
  REQUIRE(s.finished);
  CHECK(s.client.next_time() == protocol::time_point::max());
}

TEST_CASE("a whole stream goes on where its group has committed", "[clients]") {
  fake_cluster cluster;
  cluster.create_topic("t");
  auto written = append(cluster, 0, 10);
  {
    driven_stream first{cluster, in_group("t", "g")};
    first.grant(1);
    REQUIRE(first.run(1h, [&] { return first.values.size() == 10; }));
    first.stop();
    REQUIRE(first.run(1h, [&] { return first.finished.has_value(); }));
    CHECK(first.values == written);
    CHECK(first.finished->outcome.code == error_code::closed);
    CHECK(first.finished->committed == log_offset{10});
  }
  written = append(cluster, 10, 20);
  driven_stream second{cluster, in_group("t", "g")};
  second.acknowledges = false;
  second.grant(1);
  REQUIRE(second.run(1h, [&] { return second.values.size() == 10; }));
  CHECK(second.values == written);
  second.stop();
  REQUIRE(second.finished); // There is nothing to commit.
  CHECK_FALSE(second.finished->committed);
}

TEST_CASE(
  "a stream waits for a worker that comes back, up to its deadline", "[clients]") {
  fake_cluster cluster;
  cluster.create_topic("t");
  const auto written = append(cluster, 0, 10);
  driven_stream s{cluster, all_of("t")};
  s.has_worker = false;
  s.grant(1);
  SECTION("it comes back") {
    static_cast<void>(s.run(5s, [] { return false; }));
    CHECK(s.requests > 1);
    CHECK_FALSE(s.end);
    s.has_worker = true;
    REQUIRE(s.run(1h, [&] { return s.values.size() == written.size(); }));
    CHECK(s.values == written);
  }
  SECTION("it does not") {
    const auto began = s.worker.now();
    REQUIRE(s.run(1h, [&] { return s.end.has_value(); }));
    CHECK(s.end->outcome.code == error_code::worker_down);
    CHECK(s.worker.now() - began <= protocol::defaults::request_timeout);
  }
}

TEST_CASE(
  "a whole stream reads each record once while brokers come and go", "[clients]") {
  const auto seed = GENERATE(range(1, 21));
  std::minstd_rand random{static_cast<std::uint32_t>(seed)};
  fake_cluster cluster;
  cluster.create_topic("t");
  driven_stream s{cluster, in_group("t", "g"), static_cast<std::uint64_t>(seed)};
  s.grant(1);
  std::vector<std::string> written;
  const auto pass = [&](unsigned most) {
    static_cast<void>(
      s.run(std::chrono::milliseconds{random() % most}, [] { return false; }));
  };
  for (int i = 0; i != 30; ++i) {
    const auto more = append(cluster, i * 20, (i + 1) * 20);
    written.insert(written.end(), more.begin(), more.end());
    if (random() % 3 == 0) {
      const auto broker = static_cast<std::int32_t>(1 + random() % 3);
      cluster.kill(broker);
      pass(300);
      cluster.restart(broker);
    }
    pass(100);
  }
  REQUIRE(s.run(1h, [&] { return s.values.size() >= written.size(); }));
  CHECK(s.values == written);
  s.stop();
  REQUIRE(s.run(1h, [&] { return s.finished.has_value(); }));
  CHECK(s.finished->committed == log_offset{static_cast<std::int64_t>(written.size())});
}
