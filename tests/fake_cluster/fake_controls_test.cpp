#include "fixture.hpp"

using namespace fake_fixture;

TEST_CASE("a request may be lost, cut, or served without an answer, so many times") {
  fixture f;
  f.cluster.create_topic("t");
  const auto request = producing(batch_of(numbered(1), {}));
  const auto length = [&] { return f.cluster.log("t", 0).end().value(); };
  f.cluster.treat(api_key::produce, {fate::lost});
  f.send(request, 9, 1, 1);
  CHECK(length() == 0);
  // Nothing comes any more, whatever else is asked on that connection.
  f.send(asking_about({"t"}), 9, 1, 1);
  f.pass(1h);
  CHECK(f.came[1].empty());
  CHECK(f.ended.empty());
  f.cluster.treat(api_key::produce, {fate::cut});
  f.send(request, 9, 1, 2);
  CHECK(length() == 0);
  CHECK(f.ended == std::vector<std::uint64_t>{2});
  f.cluster.treat(api_key::produce, {fate::answer_lost});
  f.send(request, 9, 1, 3);
  CHECK(length() == 1);
  CHECK(f.came[3].empty());
  f.cluster.treat(api_key::produce, {fate::answer_cut});
  f.send(request, 9, 1, 4);
  CHECK(length() == 2);
  CHECK(f.ended == std::vector<std::uint64_t>{2, 4});
  CHECK(only(f.ask(request, 9, 1, 5)).error_code == error_code::none);
}

TEST_CASE("answers may be delayed, by request and by broker") {
  fixture f;
  f.cluster.treat(
    api_key::metadata,
    [](const seen_request&) {
      return treatment{fate::served, 30ms};
    },
    fake_cluster::always);
  f.cluster.slow(1, 20ms);
  f.send(asking_about({}), 9);
  CHECK(f.cluster.next_time() == f.now + 50ms);
  f.pass(49ms);
  CHECK(f.came[1].empty());
  f.pass(1ms);
  CHECK(f.answer<metadata_response>(9));
  f.cluster.be_well();
  CHECK(f.ask(asking_about({}), 9).brokers.size() == 3);
}

TEST_CASE("a quota says how long, and the connection is not read from meanwhile") {
  fixture f;
  f.cluster.create_topic("t");
  f.cluster.throttle(api_key::metadata, 100ms);
  const auto throttled = f.ask(asking_about({"t"}), 9);
  CHECK(throttled.throttle_time_ms == 100);
  f.send(asking_about({"t"}), 9);
  CHECK(f.came[1].empty());
  CHECK(f.cluster.next_time() == f.now + 100ms);
  f.pass(100ms);
  CHECK(f.answer<metadata_response>(9)->throttle_time_ms == 0);
  // Once it was the answer that came later.
  f.cluster.throttle(api_key::metadata, 100ms);
  f.send(asking_about({"t"}), 5);
  CHECK(f.came[1].empty());
  f.pass(100ms);
  CHECK(f.answer<metadata_response>(5)->throttle_time_ms == 100);
}

TEST_CASE("a killed broker ends its connections and is away, a paused one is silent") {
  fixture f;
  f.send(asking_about({}), 9, 1, 1);
  f.send(asking_about({}), 9, 2, 2);
  f.cluster.kill(2);
  f.take();
  CHECK(f.ended == std::vector<std::uint64_t>{2});
  CHECK_FALSE(f.cluster.listens(2));
  f.came.clear();
  f.cluster.pause(1);
  f.send(asking_about({}), 9, 1, 1);
  f.pass(1h);
  CHECK(f.came[1].empty());
  CHECK(f.cluster.next_time() == time_point::max());
  f.cluster.resume(1);
  f.pass(0ms);
  CHECK(f.answer<metadata_response>(9));
}

TEST_CASE("answers may be other than the cluster's, by type and by byte") {
  fixture f;
  f.cluster.answer<metadata_request>(
    [](const seen_request& seen,
      const metadata_request&) -> std::optional<metadata_response> {
      if (seen.broker != 1)
        return std::nullopt;
      metadata_response lie;
      lie.controller_id = 77;
      return lie;
    });
  f.cluster.change<metadata_request>(
    [](const seen_request&, const metadata_request&, metadata_response& r) {
      r.cluster_id = "changed";
    });
  const auto lied = f.ask(asking_about({}), 9, 1, 1);
  CHECK(lied.controller_id == broker_id{77});
  CHECK(lied.cluster_id == "changed");
  CHECK(f.ask(asking_about({}), 9, 2, 2).brokers.size() == 3);
  f.cluster.change_bytes(
    [](const seen_request&, std::vector<std::byte>& bytes) { bytes.resize(6); });
  f.send(asking_about({}), 9, 2, 2);
  REQUIRE(f.came[2].size() == 1);
  CHECK(f.came[2][0].size() == 2);
}

TEST_CASE("a request is answered without a connection too") {
  fixture f;
  f.cluster.create_topic("t");
  auto request = fetching(0);
  request.max_wait_ms = 500;
  const auto empty = f.cluster.ask(f.now, 1, request, 12);
  REQUIRE(empty);
  CHECK(only(*empty).records->empty());
  CHECK_FALSE(f.cluster.ask(f.now, 1, producing(batch_of(numbered(1), {}), 0), 9));
  CHECK(values(*only(*f.cluster.ask(f.now, 1, request, 12)).records).size() == 1);
}

TEST_CASE("a log that is cut within its only batch is empty, and has no hole") {
  fixture f;
  f.cluster.create_topic("t");
  CHECK(f.cluster.partitions("t") == 1);
  CHECK(f.cluster.partitions("u") == 0);
  const auto five = numbered(5);
  f.cluster.append("t", 0, five);
  f.cluster.truncate("t", 0, 3);
  CHECK(f.cluster.log("t", 0).end() == log_offset{0});
  CHECK(f.cluster.append("t", 0, five) == log_offset{0});
  // Behind what retention has taken as well.
  f.cluster.append("t", 0, five);
  f.cluster.trim("t", 0, 5);
  f.cluster.truncate("t", 0, 7);
  CHECK(f.cluster.log("t", 0).start() == log_offset{5});
  CHECK(f.cluster.log("t", 0).end() == log_offset{5});
}
