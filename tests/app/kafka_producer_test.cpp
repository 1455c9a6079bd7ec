#include "cutting_proxy.hpp"
#include "fixture_kafka.hpp"

#include <cafka/actors/producer.hpp>

#include <set>

using namespace cafka;
using namespace cafka::testing;

namespace {

/// What a producer's reports say of each record, by partition and number.
class fates {
public:
  explicit fates(std::int32_t partitions)
    : by_number_(static_cast<std::size_t>(partitions)) {}

  void take(const delivery& d) {
    const std::lock_guard lock{mutex_};
    for (std::int32_t i = 0; i != d.count; ++i) {
      auto& all = by_number_.at(static_cast<std::size_t>(d.partition.value()));
      const auto number = d.first_number + static_cast<std::uint64_t>(i);
      twice_ += all.contains(number) ? 1 : 0;
      all[number] = {
        d.error.code, d.base_offset.value() < 0 ? log_offset{-1} : d.base_offset + i};
      delivered_ += d.error.code == error_code::none ? 1 : 0;
      if (d.error.code != error_code::none && errors_[d.error.code]++ == 0)
        report_ += to_string(d.error) + '\n';
    }
    changed_.notify_all();
  }

  bool wait_for_more_delivered(std::size_t more) {
    std::unique_lock lock{mutex_};
    const auto before = delivered_;
    return changed_.wait_for(lock, patience, [&] { return delivered_ >= before + more; });
  }

  /// Each record once; what was acknowledged is in the log where it was said to be, once
  /// and in order; what was not written is not there.
  void check(application& app, const std::string& topic,
    const std::vector<std::uint64_t>& sent) {
    CHECK(twice_ == 0);
    for (const auto& [code, count] : errors_)
      report_ += std::to_string(count) + " times " + protocol::name(code) + '\n';
    INFO(report_);
    for (std::size_t p = 0; p != by_number_.size(); ++p) {
      INFO(topic << '/' << p);
      REQUIRE(by_number_[p].size() == sent[p]);
      std::map<std::uint64_t, log_offset> log;
      std::size_t doubled = 0;
      std::size_t disordered = 0;
      for (const auto& [offset, r] :
        read_all(app, topic, static_cast<std::int32_t>(p), "reader")) {
        const auto number = std::stoull(*r.value);
        disordered += !log.empty() && number < log.rbegin()->first ? 1 : 0;
        doubled += log.emplace(number, offset).second ? 0 : 1;
      }
      std::size_t lost = 0;
      std::size_t misplaced = 0;
      std::size_t written_after_all = 0;
      for (const auto& [number, fate] : by_number_[p]) {
        const auto found = log.find(number);
        if (fate.code == error_code::none) {
          lost += found == log.end() ? 1 : 0;
          misplaced += found != log.end() && fate.offset.value() >= 0
              && fate.offset != found->second
            ? 1
            : 0;
        } else if (fate.code != error_code::outcome_unknown) {
          written_after_all += found != log.end() ? 1 : 0;
        }
      }
      CHECK(lost == 0);
      CHECK(misplaced == 0);
      CHECK(doubled == 0);
      CHECK(disordered == 0);
      CHECK(written_after_all == 0);
    }
  }

  [[nodiscard]] std::size_t delivered() {
    const std::lock_guard lock{mutex_};
    return delivered_;
  }

private:
  struct outcome {
    error_code code = error_code::none;
    log_offset offset = -1;
  };

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::map<std::uint64_t, outcome>> by_number_;
  std::size_t delivered_ = 0;
  std::size_t twice_ = 0;
  std::map<error_code, std::size_t> errors_;
  std::string report_;
};

/// Sends numbered records at a rate, so many at least and until it is joined.
class sender {
public:
  sender(producer p, const std::string& topic, std::int32_t partitions,
    std::size_t records, std::size_t per_second)
    : p_(std::move(p)), sent_(static_cast<std::size_t>(partitions)) {
    thread_ = std::thread{[=, this] { run(topic, records, per_second); }};
  }
  ~sender() { join(); }

  void join() {
    joining_ = true;
    if (thread_.joinable())
      thread_.join();
  }

  /// Once it is joined.
  [[nodiscard]] const std::vector<std::uint64_t>& sent() const { return sent_; }
  [[nodiscard]] std::size_t refused() const { return refused_; }

private:
  void run(const std::string& topic, std::size_t records, std::size_t per_second) {
    const auto to = p_.to(topic);
    if (!p_.partitions(to, patience))
      return;
    const auto began = steady_clock::now();
    std::mutex mutex;
    std::condition_variable never;
    for (std::size_t i = 0; i < records || !joining_; ++i) {
      const auto p = i % sent_.size();
      const auto text = std::to_string(sent_[p]);
      const auto taken = p_.send(to,
        outgoing_record{.value = protocol::as_bytes(text),
          .partition = static_cast<std::int32_t>(p)});
      if (taken && taken.number == sent_[p])
        ++sent_[p];
      else
        ++refused_;
      if (i % 200 == 0) {
        std::unique_lock lock{mutex};
        never.wait_until(
          lock, began + std::chrono::microseconds{i * 1'000'000 / per_second}, [] {
            return false;
          });
      }
    }
  }

  producer p_;
  std::atomic<bool> joining_ = false;
  std::vector<std::uint64_t> sent_;
  std::size_t refused_ = 0;
  std::thread thread_;
};

/// Runs the load while something happens, and checks every record.
template <class Disturb>
void exactly_once(kafka_cluster& kafka, std::int32_t partitions, std::size_t records,
  std::size_t per_second, codec c, Disturb disturb,
  std::shared_ptr<actors::transport_factory> transports = {}) {
  const auto topic = kafka.create_topic("exactly-once", partitions);
  auto settings = service::quiet();
  settings.transports = std::move(transports);
  service s{kafka.brokers(), std::move(settings)};
  service reading{kafka.brokers()};
  reading.connect("reader");
  fates all{partitions};
  producer_options options;
  options.compression = c;
  options.on_delivery = [&](const delivery& d) { all.take(d); };
  const auto p = REQUIRE_VALUE(s.app->producer(options));
  {
    sender load{p, topic, partitions, records, per_second};
    REQUIRE(all.wait_for_more_delivered(records / 50));
    disturb(all);
    load.join();
    CHECK(load.refused() == 0);
    static_cast<void>(REQUIRE_VALUE(p.flush(2 * patience)));
    all.check(*reading.app, topic, load.sent());
    // Nothing took so long that it had to be given up.
    std::size_t sent = 0;
    for (const auto n : load.sent())
      sent += n;
    CHECK(all.delivered() == sent);
  }
  static_cast<void>(REQUIRE_VALUE(p.close(patience)));
  CHECK(p.send(topic, "late").status == error_code::closed);
}

void each_broker_killed(kafka_cluster& kafka, fates& all) {
  for (int id = 1; id <= 3; ++id) {
    kafka.kill(id);
    REQUIRE(all.wait_for_more_delivered(2'000));
    kafka.start(id);
    REQUIRE(all.wait_for_more_delivered(2'000));
  }
}

} // namespace

TEST_CASE("records are written once and in order while each broker is killed in turn") {
  kafka_cluster kafka;
  exactly_once(kafka, 6, 100'000, 2'500, codec::none,
    [&](fates& all) { each_broker_killed(kafka, all); });
}

TEST_CASE("records are written once and in order over connections that are cut") {
  kafka_cluster kafka;
  const auto cuts = std::make_shared<cut_connections>(500ms, 1'500ms);
  exactly_once(kafka, 6, 50'000, 5'000, codec::none, [](fates&) {}, cuts);
  CHECK(cuts->cuts() > 10);
}

TEST_CASE("a producer writes to a hundred partitions, in each codec") {
  kafka_cluster kafka;
  for (const auto& [c, name] : all_codecs()) {
    INFO(name);
    exactly_once(kafka, 100, 20'000, 20'000, c, [](fates&) {});
  }
}

TEST_CASE("a million records survive what can happen to three brokers", "[.slow]") {
  kafka_cluster kafka;
  exactly_once(kafka, 6, 1'000'000, 20'000, codec::none, [&](fates& all) {
    each_broker_killed(kafka, all);
    kafka.pause(1);
    const auto still = steady_clock::now() + 20s;
    while (steady_clock::now() < still)
      REQUIRE(all.wait_for_more_delivered(1'000));
    kafka.resume(1);
    REQUIRE(all.wait_for_more_delivered(20'000));
  });
  const auto cuts = std::make_shared<cut_connections>(500ms, 1'500ms);
  exactly_once(kafka, 6, 1'000'000, 20'000, codec::none, [](fates&) {}, cuts);
  CHECK(cuts->cuts() > 50);
}

TEST_CASE("a topic that is not there is made, or refused, in time") {
  kafka_cluster kafka;
  service s{kafka.brokers()};
  std::mutex mutex;
  std::vector<delivery> reports;
  producer_options options;
  options.allow_auto_topic_creation = false;
  options.on_delivery = [&](const delivery& d) {
    const std::lock_guard lock{mutex};
    reports.push_back(d);
  };
  const auto p = REQUIRE_VALUE(s.app->producer(options));
  for (int i = 0; i != 10; ++i)
    CHECK(p.send("no-such-topic", "x").status == error_code::none);
  CHECK(p.send("no/such/topic", "x").status == error_code::none);
  CHECK(p.send("", "x").status == error_code::invalid_argument);
  static_cast<void>(REQUIRE_VALUE(p.flush(patience)));
  const std::lock_guard lock{mutex};
  REQUIRE(reports.size() == 2);
  std::ranges::sort(reports, {}, &delivery::count);
  CHECK(reports[0].error.code == error_code::invalid_topic_exception);
  CHECK(reports[1].error.code == error_code::unknown_topic_or_partition);
  CHECK(reports[1].count == 10);
}
