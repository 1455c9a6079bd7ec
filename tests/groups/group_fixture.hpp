#pragma once

#include "members.hpp"
#include <cafka/testing/cluster.hpp>

#include <caf/actor_system.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace group_fixture {

/// An application on a cluster, without sockets.
struct on_memory {
  explicit on_memory(testing::cluster_options how = {}) : cluster(quick(std::move(how))) {
    auto started = application::start(system,
      {.brokers = cluster.bootstrap(),
        .request_timeout = 10s,
        .log_level =
          std::getenv("CAFKA_TEST_LOG") != nullptr ? log_level::debug : log_level::off,
        .transports = cluster.transports()});
    REQUIRE(started);
    app = *std::move(started);
  }

  static testing::cluster_options quick(testing::cluster_options how) {
    how.group_consumer_heartbeat_interval = 200ms;
    return how;
  }

  void append(const std::string& topic, int partition, int from, int count) {
    std::vector<record> all;
    for (int i = from; i != from + count; ++i) {
      record r;
      r.value = std::to_string(i);
      all.push_back(std::move(r));
    }
    cluster.append(topic, partition, all);
  }

  /// What the group has committed; -1: nothing.
  std::int64_t committed(const std::string& group, const std::string& topic, int p) {
    const auto got = app->offset_fetch({.group = group,
      .topics = std::vector<topic_partitions>{{topic, {partition_id{p}}}}});
    REQUIRE(got);
    REQUIRE(got->offsets.size() == 1);
    return got->offsets.front().offset.value_or(log_offset{-1}).value();
  }

  testing::cluster cluster;
  configuration config;
  caf::actor_system system{config};
  std::unique_ptr<application> app;
};

/// The test once more with each protocol.
inline member_protocol each_protocol() {
  return GENERATE(member_protocol::classic, member_protocol::consumer);
}

inline bool eventually(const std::function<bool()>& holds, milliseconds within = 15s) {
  const auto until = steady_clock::now() + within;
  while (!holds()) {
    if (steady_clock::now() > until)
      return false;
    std::this_thread::sleep_for(2ms);
  }
  return true;
}

} // namespace group_fixture
