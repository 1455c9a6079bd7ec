// Sessions that end every five seconds, under load; CAFKA_SOAK makes it two minutes.
#include "login_kafka.hpp"

#include <caf/telemetry/metric_registry.hpp>
#include <catch2/catch_test_macros.hpp>

#include <cstdlib>
#include <mutex>
#include <thread>

using namespace cafka;
using namespace cafka::testing;
using steady = std::chrono::steady_clock;

namespace {

/// What went wrong. Any thread may add a sentence.
class complaints {
public:
  void add(const std::string& what) {
    const std::lock_guard lock{mutex_};
    if (all_.size() < 20)
      all_.push_back(what);
  }
  [[nodiscard]] std::string text() const {
    const std::lock_guard lock{mutex_};
    std::string text;
    for (const auto& one : all_)
      text += one + '\n';
    return text;
  }

private:
  mutable std::mutex mutex_;
  std::vector<std::string> all_;
};

/// One application that writes, reads and commits.
class load {
public:
  load(const std::string& listener, sasl_options login, int each_second)
    : each_second_(each_second),
      name_(std::string{to_string(login.mechanism.front())}),
      client_(options_for(listener, std::move(login))) {
    REQUIRE(client_.app->create_worker("w", {}, test_timeout));
    topic_ = fresh_topic(*client_.app);
  }

  void begin(steady::time_point until) {
    threads_.emplace_back([this, until] { write(until); });
    threads_.emplace_back([this] { read(); });
    threads_.emplace_back([this, until] { commit(until); });
  }

  void end() {
    for (auto& t : threads_)
      t.join();
    INFO(name_);
    CHECK(wrong_.text().empty());
    INFO(wrong_.text());
    CHECK(sent_ > 0);
    CHECK(read_ == sent_);
    CHECK(commits_ > 0);
  }

  [[nodiscard]] std::int64_t renewals() {
    std::int64_t all = 0;
    for (const auto* who : {"worker", "producer", "consumer"})
      all +=
        client_.system.metrics()
          .counter_family("cafka.login", "reauthentications", {"client"}, "", "1", true)
          ->get_or_add({{"client", who}})
          ->value();
    return all;
  }

private:
  application_options options_for(const std::string& listener, sasl_options login) {
    auto o = client::options_for(listener, std::move(login), false);
    o.log_level = log_level::warning;
    // A connection that is lost, a login that is refused: nothing of that is to be.
    o.on_log = [this](auto, std::string_view component, std::string_view,
                 std::string_view text) {
      if (text.find("without TLS") == std::string_view::npos)
        wrong_.add(std::string{component} + ": " + std::string{text});
    };
    return o;
  }

  void write(steady::time_point until) {
    producer_options how;
    how.name = "p";
    how.on_delivery = [this](const delivery& d) {
      if (d.error)
        wrong_.add("delivery: " + to_string(d.error));
    };
    auto p = client_.app->producer(how);
    if (!p)
      return wrong_.add("producer: " + to_string(p.error()));
    constexpr auto pace = std::chrono::milliseconds{10};
    for (auto next = steady::now(); next < until; next += pace) {
      std::this_thread::sleep_until(next);
      for (int i = 0; i != each_second_ / 100; ++i) {
        const auto value = std::to_string(sent_);
        if (!p->send(topic_, {.value = value}))
          wrong_.add("a record was not taken");
        ++sent_;
      }
    }
    const auto done = p->flush(test_timeout);
    if (!done)
      wrong_.add("flush: " + to_string(done.error()));
    written_ = true;
  }

  void read() {
    auto c = client_.app->consumer("c");
    if (!c)
      return wrong_.add("consumer: " + to_string(c.error()));
    const auto assigned = c->assign({{topic_, 0, protocol::start_at::earliest()}});
    if (!assigned)
      return wrong_.add("assign: " + to_string(assigned.error()));
    for (auto last = steady::now(); !(written_ && read_ == sent_);) {
      const auto got = c->poll(std::chrono::seconds{1});
      if (!got)
        return wrong_.add("poll: " + to_string(got.error()));
      for (const auto& e : got->errors)
        wrong_.add("consumer: " + to_string(e.why));
      for (const auto& batch : got->batches) {
        for (const auto& r : batch) {
          if (r.text() != std::to_string(read_))
            return wrong_.add("read " + std::string{r.text()} + " where "
              + std::to_string(read_) + " is next");
          ++read_;
        }
        last = steady::now();
      }
      if (steady::now() - last > std::chrono::seconds{30})
        return wrong_.add("nothing was read for 30 s");
    }
  }

  void commit(steady::time_point until) {
    for (; steady::now() < until;
         std::this_thread::sleep_for(std::chrono::milliseconds{50})) {
      offset_commit what;
      what.group = "group-" + topic_;
      what.offsets.push_back({.topic = topic_, .partition = 0, .offset = commits_});
      const auto put = client_.app->call(what, "w");
      if (!put)
        wrong_.add("commit: " + to_string(put.error()));
      offset_fetch asked;
      asked.group = what.group;
      asked.topics.emplace().push_back({topic_, {0}});
      const auto got = client_.app->call(asked, "w");
      if (!got)
        wrong_.add("offsets: " + to_string(got.error()));
      else if (got->offsets.size() != 1
        || got->offsets.front().offset != log_offset{commits_})
        wrong_.add("another offset than was committed");
      ++commits_;
    }
  }

  const int each_second_;
  const std::string name_;
  complaints wrong_;
  client client_;
  std::string topic_;
  std::vector<std::thread> threads_;
  std::atomic<std::int64_t> sent_ = 0;
  std::atomic<std::int64_t> read_ = 0;
  std::atomic<bool> written_ = false;
  std::int64_t commits_ = 0;
};

bool soaks() {
  return std::getenv("CAFKA_SOAK") != nullptr;
}

} // namespace

TEST_CASE(
  "sessions are renewed under 10,000 records a second, and nothing is lost or told",
  "[sasl_kafka]") {
  constexpr int each_second = 2'500;
  std::vector<std::unique_ptr<load>> all;
  all.push_back(
    std::make_unique<load>("reauth", alice(sasl_mechanism::plain), each_second));
  all.push_back(
    std::make_unique<load>("reauth", alice(sasl_mechanism::scram_sha_512), each_second));
  all.push_back(std::make_unique<load>("reauth", by_keytab("alice"), each_second));
  all.push_back(std::make_unique<load>("reauth", by_provider(), each_second));
  const auto length = soaks() ? std::chrono::seconds{120} : std::chrono::seconds{12};
  const auto until = steady::now() + length;
  for (auto& one : all)
    one->begin(until);
  for (auto& one : all)
    one->end();
  for (auto& one : all) {
    // Worker, producer and consumer have two connections or more, each renewed every 5 s.
    CHECK(one->renewals() >= 3 * (length / std::chrono::seconds{5} - 1));
  }
}
