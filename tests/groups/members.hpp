#pragma once

#include <cafka/cafka.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace group_fixture {

using namespace cafka;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

/// What members have handled: how often each record of each partition.
class tally {
public:
  void add(const topic_partition& p, std::int64_t offset) {
    const std::lock_guard guard{mutex_};
    ++times_[p][offset];
  }
  [[nodiscard]] std::size_t records() const {
    const std::lock_guard guard{mutex_};
    std::size_t sum = 0;
    for (const auto& [p, all] : times_)
      sum += all.size();
    return sum;
  }
  [[nodiscard]] std::size_t twice() const {
    const std::lock_guard guard{mutex_};
    std::size_t sum = 0;
    for (const auto& [p, all] : times_) {
      for (const auto& [offset, n] : all)
        sum += n > 1 ? 1 : 0;
    }
    return sum;
  }

  /// Partitions of which a record was handled more than once.
  [[nodiscard]] std::size_t partitions_twice() const {
    const std::lock_guard guard{mutex_};
    return static_cast<std::size_t>(std::ranges::count_if(times_, [](const auto& p) {
      return std::ranges::any_of(p.second, [](const auto& n) { return n.second > 1; });
    }));
  }

private:
  mutable std::mutex mutex_;
  std::map<topic_partition, std::map<std::int64_t, int>> times_;
};

/// A program with a thread that polls.
class program {
public:
  program(application& app, consumer_options options, tally& all,
    std::vector<std::string> topics = {"orders"})
    : all_(all) {
    // Those of tests are quick, but for what they test.
    if (options.membership.heartbeat_interval == protocol::defaults::heartbeat_interval)
      options.membership.heartbeat_interval = 200ms;
    consumer_ = app.consumer(std::move(options)).value();
    REQUIRE(consumer_.subscribe(std::move(topics)));
    thread_ = std::thread{[this] { run(); }};
  }
  program(const program&) = delete;
  program& operator=(const program&) = delete;
  ~program() { end(); }

  /// Stops polling, and closes the consumer.
  void close() {
    stop();
    CHECK(consumer_.close(5s));
  }
  void stop() {
    stopped_ = true;
    if (thread_.joinable())
      thread_.join();
  }
  void end() {
    stop();
    if (consumer_)
      static_cast<void>(consumer_.close(5s));
  }

  [[nodiscard]] const consumer& handle() const { return consumer_; }
  [[nodiscard]] std::vector<topic_partition> has() const {
    return consumer_.assignment();
  }
  [[nodiscard]] std::vector<group_event> events() const {
    const std::lock_guard guard{mutex_};
    return events_;
  }
  [[nodiscard]] std::size_t count(group_event_kind k) const {
    const std::lock_guard guard{mutex_};
    std::size_t n = 0;
    for (const auto& e : events_)
      n += e.kind == k ? 1 : 0;
    return n;
  }
  [[nodiscard]] std::vector<partition_error> errors() const {
    const std::lock_guard guard{mutex_};
    return errors_;
  }

  /// Called with each poll, before what it brought counts as handled.
  std::function<void(const polled&)> on_polled;

private:
  void run() {
    while (!stopped_) {
      const auto got = consumer_.poll(20ms);
      if (!got)
        return;
      if (on_polled)
        on_polled(*got);
      for (const auto& b : got->batches) {
        for (const auto& r : b)
          all_.add({b.topic(), b.partition()}, r.offset.value());
      }
      const std::lock_guard guard{mutex_};
      events_.insert(events_.end(), got->group.begin(), got->group.end());
      errors_.insert(errors_.end(), got->errors.begin(), got->errors.end());
    }
  }

  tally& all_;
  consumer consumer_;
  std::atomic<bool> stopped_ = false;
  mutable std::mutex mutex_;
  std::vector<group_event> events_;
  std::vector<partition_error> errors_;
  std::thread thread_;
};

inline consumer_options member_of(const std::string& group, const std::string& name,
  member_protocol by = member_protocol::classic) {
  consumer_options o;
  o.membership.group_protocol = by;
  o.name = name;
  o.group = group;
  o.auto_offset_reset = offset_reset::earliest;
  return o;
}

} // namespace group_fixture
