// What docs/consumer.md shows step by step.

#include "fixture_mock.hpp"
#include <cafka/actors/consumer/consumer.hpp>

#include <caf/actor_registry.hpp>

#include <map>

using namespace cafka;
using namespace cafka::testing;

namespace {

const std::string group = "billing";

// 1. Where the group is.
result<std::vector<assigned_partition>> places(
  application& app, const std::string& topic, std::vector<partition_id> partitions) {
  offset_fetch asked;
  asked.group = group;
  asked.topics.emplace().push_back({topic, std::move(partitions)});
  const auto kept = app.offset_fetch(asked, "commits");
  if (!kept)
    return kept.error();
  // 2. There it goes on; where nothing was committed, it begins at the beginning.
  std::vector<assigned_partition> all;
  for (const auto& o : kept->offsets)
    all.push_back({o.topic, o.partition,
      o.offset ? start_at::offset(*o.offset) : start_at::earliest()});
  return all;
}

// 4. Behind the last record of each partition that was dealt with.
result<done> commit(
  application& app, const std::map<topic_partition, log_offset>& ready) {
  offset_commit asked;
  asked.group = group;
  for (const auto& [of, next] : ready)
    asked.offsets.push_back(
      {.topic = of.topic, .partition = of.partition, .offset = next});
  return app.offset_commit(asked, "commits");
}

struct counts {
  std::map<partition_id, std::vector<std::string>> values;
  std::size_t records = 0;
};

/// Reads until so many records are dealt with, and commits after each poll.
void run(application& app, const std::string& topic, std::size_t count, counts& all) {
  consumer_options options;
  options.name = "billing";
  // One record batch at a time, so that a run ends in the middle.
  options.max_partition_fetch_bytes = 1;
  const auto reader = REQUIRE_VALUE(app.consumer(options));
  static_cast<void>(
    REQUIRE_VALUE(reader.assign(REQUIRE_VALUE(places(app, topic, {0, 1})))));
  while (all.records < count) {
    // 3. Deal with what came.
    const auto got = REQUIRE_VALUE(reader.poll(test_timeout));
    REQUIRE(got.errors.empty());
    std::map<topic_partition, log_offset> ready;
    for (const auto& batch : got.batches) {
      for (const auto& r : batch)
        all.values[batch.partition()].emplace_back(protocol::as_text(*r.value));
      all.records += batch.size();
      ready[{batch.topic(), batch.partition()}] = batch.next();
    }
    static_cast<void>(REQUIRE_VALUE(commit(app, ready)));
  }
  static_cast<void>(REQUIRE_VALUE(reader.close(test_timeout)));
}

} // namespace

TEST_CASE("who commits by hand goes on where the last one stopped, each record once") {
  mock_cluster cluster;
  const auto topic = cluster.create_topic("orders", 2);
  service local{cluster.brokers()};
  local.connect("commits");
  std::map<partition_id, std::vector<std::string>> written;
  const auto write = [&](int first, int end) {
    for (int i = first; i != end; ++i) {
      const partition_id to = i % 2;
      produce one{.topic = topic};
      one.partition = to;
      one.records.push_back({.value = std::to_string(i)});
      one.deadline = test_timeout;
      static_cast<void>(REQUIRE_VALUE(local.app->produce(one, "commits")));
      written[to].push_back(std::to_string(i));
    }
  };
  counts all;
  write(0, 4);
  run(*local.app, topic, 4, all);
  CHECK(all.values == written);
  // The second one would read these four again if it did not know where the first was.
  write(4, 10);
  run(*local.app, topic, 10, all);
  CHECK(all.values == written);
}

TEST_CASE(
  "an actor that still lives keeps the system waiting, and nothing of cafka does") {
  mock_cluster cluster;
  const auto topic = cluster.create_topic("ending");
  configuration config;
  caf::actor_system system{config};
  auto options = service::quiet();
  options.brokers = cluster.brokers();
  auto app = REQUIRE_VALUE(application::start(system, std::move(options)));
  const auto mine = system.spawn([](caf::event_based_actor*) -> caf::behavior {
    return {[](const consumed_batch&) {}, [](const partition_error&) {}};
  });
  consumer_options reading;
  reading.deliver_to = mine;
  const auto reader = REQUIRE_VALUE(app->consumer(reading));
  static_cast<void>(REQUIRE_VALUE(reader.assign({{topic, 0, start_at::earliest()}})));
  const auto writer = REQUIRE_VALUE(app->producer("writer"));
  REQUIRE(writer.send(topic, "one").status == error_code::none);

  static_cast<void>(REQUIRE_VALUE(reader.close(test_timeout)));
  static_cast<void>(REQUIRE_VALUE(writer.flush(test_timeout)));
  static_cast<void>(REQUIRE_VALUE(writer.close(test_timeout)));
  static_cast<void>(REQUIRE_VALUE(app->stop()));
  CHECK(eventually([&] { return system.registry().running() == 1; }));
  post_exit(mine, caf::exit_reason::user_shutdown);
  CHECK(eventually([&] { return system.registry().running() == 0; }));
}
