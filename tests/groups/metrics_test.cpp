#include "group_fixture.hpp"

#include <caf/telemetry/metric_registry.hpp>

#include <array>

using namespace group_fixture;

namespace {

/// What docs/metrics.md calls `cafka.member`, of one consumer.
struct member_counts {
  caf::telemetry::metric_registry& all;
  std::string consumer;

  std::int64_t counter(std::string_view name) {
    return all.counter_family("cafka.member", name, {"consumer"}, "", "1", true)
      ->get_or_add({{"consumer", consumer}})
      ->value();
  }
  std::int64_t partitions() {
    return all.gauge_family("cafka.member", "partitions", {"consumer"}, "")
      ->get_or_add({{"consumer", consumer}})
      ->value();
  }
  std::int64_t observed(std::string_view name) {
    return sum_of(*all
                     .histogram_family<double>(
                       "cafka.member", name, {"consumer"}, bounds, "", "seconds")
                     ->get_or_add({{"consumer", consumer}}));
  }
  std::int64_t answers(std::string_view api) {
    return sum_of(*all
                     .histogram_family<double>("cafka.member", "request-latency",
                       {"consumer", "api"}, bounds, "", "seconds")
                     ->get_or_add({{"consumer", consumer}, {"api", api}}));
  }

private:
  /// Of a family that is not there yet.
  static constexpr std::array bounds{1.0};

  static std::int64_t sum_of(const caf::telemetry::dbl_histogram& h) {
    std::int64_t sum = 0;
    for (const auto& bucket : h.buckets())
      sum += bucket.count.value();
    return sum;
  }
};

} // namespace

TEST_CASE("metrics count what a member goes through") {
  const auto by = each_protocol();
  on_memory f;
  f.cluster.create_topic("orders", 4);
  for (int p = 0; p != 4; ++p)
    f.append("orders", p, 0, 50);
  tally all;
  member_counts counts{f.system.metrics(), "one"};
  {
    program one{*f.app, member_of("billing", "one", by), all};
    REQUIRE(eventually([&] { return all.records() == 200; }));
    CHECK(eventually([&] { return counts.partitions() == 4; }));
    CHECK(counts.counter("rebalances") >= 1);
    CHECK(counts.observed("rebalance-time") >= 1);
    const auto before = counts.counter("rebalances");
    {
      program two{*f.app, member_of("billing", "two", by), all};
      REQUIRE(eventually([&] { return two.has().size() == 2; }));
      CHECK(eventually([&] { return counts.partitions() == 2; }));
      two.close();
    }
    REQUIRE(eventually([&] { return counts.partitions() == 4; }));
    CHECK(counts.counter("rebalances") > before);
    CHECK(counts.counter("lost-partitions") == 0);
    one.close();
  }
  CHECK(eventually([&] { return counts.partitions() == 0; }));
  CHECK(counts.counter("commits") >= 1);
  CHECK(counts.answers("OffsetFetch") >= 1);
  CHECK(counts.answers("OffsetCommit") >= counts.counter("commits"));
  if (by == member_protocol::classic) {
    CHECK(counts.answers("JoinGroup") >= 2);
    CHECK(counts.answers("SyncGroup") >= 2);
    CHECK(counts.answers("LeaveGroup") == 1);
  } else {
    CHECK(counts.answers("ConsumerGroupHeartbeat") >= 2);
    CHECK(counts.answers("JoinGroup") == 0);
  }
}
