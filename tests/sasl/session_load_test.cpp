// Sessions that end every five seconds, under load, and what happens to them when a
// password changes and the provider of tokens is away; CAFKA_SOAK makes it longer.
#include "../app/kept_log.hpp"
#include "login_kafka.hpp"

#include <caf/telemetry/metric_registry.hpp>
#include <catch2/catch_test_macros.hpp>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <mutex>
#include <sstream>
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

/// Whether a line of the log, of that component, is to be expected.
using expectation =
  std::function<bool(std::string_view component, std::string_view text)>;

/// One application that writes, reads and commits, and has a fetch that rests.
class load {
public:
  /// What the log says otherwise from `warning` on is wrong: a connection that is lost, a
  /// login that is refused. Nothing is committed where something is expected: requests
  /// would be told of it.
  load(const std::string& listener, sasl_options login, int each_second,
    expectation expected = {})
    : each_second_(each_second),
      expected_(std::move(expected)),
      name_(std::string{to_string(login.mechanism.front())}),
      client_(options_for(listener, std::move(login))) {
    REQUIRE(client_.app->create_worker("w", {}, test_timeout));
    topic_ = fresh_topic(*client_.app);
    quiet_topic_ = fresh_topic(*client_.app);
  }
  load(const load&) = delete;
  load& operator=(const load&) = delete;
  ~load() { join(); }

  void begin() {
    threads_.emplace_back([this] { write(); });
    threads_.emplace_back([this] { read(); });
    threads_.emplace_back([this] { rest(); });
    if (!expected_)
      threads_.emplace_back([this] { commit(); });
  }

  /// Nothing more is written; what was is read.
  void stop() { stopped_ = true; }

  void end() {
    join();
    INFO(name_);
    INFO(wrong_.text());
    CHECK(wrong_.text().empty());
    CHECK(sent_ > 0);
    CHECK(read_ == sent_);
    CHECK((commits_ > 0) == !expected_);
  }

  [[nodiscard]] const kept_log& log() const { return log_; }
  [[nodiscard]] std::int64_t read_so_far() const { return read_; }

  /// Waits for a line of the log that begins with one thing and has another in it.
  void wait_for_line(const std::string& begin, std::string_view part) const {
    const auto until = steady::now() + test_timeout;
    const auto is_there = [&] {
      std::istringstream all{log_.text()};
      for (std::string line; std::getline(all, line);)
        if (line.starts_with(begin) && line.find(part) != line.npos)
          return true;
      return false;
    };
    while (!is_there()) {
      INFO(begin << part << " is to come after\n" << log_.text());
      REQUIRE(steady::now() < until);
      std::this_thread::sleep_for(milliseconds{20});
    }
  }
  void forget_log() { log_.clear(); }

  [[nodiscard]] std::int64_t renewals() { return counted("reauthentications"); }
  [[nodiscard]] std::int64_t failures() { return counted("failures"); }

  /// Waits until sessions were renewed so often from now on.
  void wait_for_renewals(std::int64_t count) {
    const auto until = steady::now() + test_timeout;
    for (const auto before = renewals(); renewals() < before + count;) {
      INFO(log_.text());
      REQUIRE(steady::now() < until);
      std::this_thread::sleep_for(milliseconds{20});
    }
  }

private:
  void join() {
    stop();
    for (auto& t : threads_)
      t.join();
    threads_.clear();
  }

  void complain(std::string_view component, std::string_view text) {
    if (!expected_ || !expected_(component, text))
      wrong_.add(std::string{component} + ": " + std::string{text});
  }

  std::int64_t counted(std::string_view what) {
    std::int64_t all = 0;
    for (const auto* who : {"worker", "producer", "consumer"})
      all += client_.system.metrics()
               .counter_family("cafka.login", what, {"client"}, "", "1", true)
               ->get_or_add({{"client", who}})
               ->value();
    return all;
  }

  application_options options_for(const std::string& listener, sasl_options login) {
    auto o = client::options_for(listener, std::move(login), false);
    o.log_level = log_level::info;
    o.on_log = [this](log_level level, std::string_view component, std::string_view name,
                 std::string_view text) {
      log_.writer()(level, component, name, text);
      if (level >= log_level::warning && text.find("without TLS") == text.npos)
        complain(component, text);
    };
    return o;
  }

  void write() {
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
    for (auto next = steady::now(); !stopped_; next += pace) {
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
    if (!p->send(quiet_topic_, {.value = "last"}))
      wrong_.add("the last record was not taken");
    written_ = true;
    if (const auto all = p->flush(test_timeout); !all)
      wrong_.add("flush: " + to_string(all.error()));
  }

  /// Nothing comes until the last record.
  void rest() {
    consumer_options how;
    how.name = "resting";
    how.fetch_max_wait = milliseconds{3'000};
    auto c = client_.app->consumer(how);
    if (!c)
      return wrong_.add("consumer that rests: " + to_string(c.error()));
    const auto assigned = c->assign({{quiet_topic_, 0, protocol::start_at::earliest()}});
    if (!assigned)
      return wrong_.add("assign: " + to_string(assigned.error()));
    for (std::optional<steady::time_point> since;;) {
      if (written_ && !since)
        since = steady::now();
      const auto got = c->poll(std::chrono::seconds{1});
      if (!got)
        return wrong_.add("poll: " + to_string(got.error()));
      // That it is over is one without a code.
      for (const auto& e : got->errors)
        if (e.why)
          complain("consumer that rests", to_string(e.why));
      if (!got->batches.empty())
        return;
      if (since && steady::now() - *since > test_timeout)
        return wrong_.add("the last record has not come");
    }
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
      // That it is over is one without a code.
      for (const auto& e : got->errors)
        if (e.why)
          complain("consumer", to_string(e.why));
      for (const auto& batch : got->batches) {
        for (const auto& r : batch) {
          if (r.text() != std::to_string(read_))
            return wrong_.add("read " + std::string{r.text()} + " where "
              + std::to_string(read_) + " is next");
          ++read_;
        }
        last = steady::now();
      }
      if (steady::now() - last > test_timeout)
        return wrong_.add("nothing was read for a minute");
    }
  }

  void commit() {
    for (; !stopped_; std::this_thread::sleep_for(std::chrono::milliseconds{50})) {
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
  const expectation expected_;
  const std::string name_;
  complaints wrong_;
  kept_log log_;
  client client_;
  std::string topic_;
  std::string quiet_topic_;
  std::atomic<bool> stopped_ = false;
  std::vector<std::thread> threads_;
  std::atomic<std::int64_t> sent_ = 0;
  std::atomic<std::int64_t> read_ = 0;
  std::atomic<bool> written_ = false;
  std::int64_t commits_ = 0;
};

bool soaks() {
  return std::getenv("CAFKA_SOAK") != nullptr;
}

void run_script(const std::string& words) {
  const auto command = CAFKA_KAFKA_SCRIPT " " + words + " >/dev/null";
  INFO(command);
  REQUIRE(std::system(command.c_str()) == 0);
}

/// Gives a user a password, as an operator does.
void set_password(const std::string& user, const std::string& password) {
  run_script("tool kafka-configs --bootstrap-server " + variable("CAFKA_KAFKA")
    + " --alter --entity-type users --entity-name " + user
    + " --add-config 'SCRAM-SHA-512=[iterations=4096,password=" + password + "]'");
}

/// The provider of tokens is away as long as this lives.
class away {
public:
  /// `kill`: nobody answers there; else somebody takes the request and says nothing.
  explicit away(bool kill) : kill_(kill) {
    run_script(kill_ ? "kill tokens" : "pause tokens");
  }
  away(const away&) = delete;
  away& operator=(const away&) = delete;
  // Where it does not come back the test says so.
  ~away() {
    static_cast<void>(
      std::system(kill_ ? CAFKA_KAFKA_SCRIPT " start tokens >/dev/null"
                        : CAFKA_KAFKA_SCRIPT " resume tokens >/dev/null"));
  }

private:
  const bool kill_;
};

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
  for (auto& one : all)
    one->begin();
  std::this_thread::sleep_for(length);
  for (auto& one : all)
    one->stop();
  for (auto& one : all)
    one->end();
  for (auto& one : all) {
    // Worker, producer and consumer have two connections or more, each renewed every 5 s.
    CHECK(one->renewals() >= 3 * (length / std::chrono::seconds{5} - 1));
  }
}

TEST_CASE(
  "a password changes under load: clients tell why they fail, and lose or repeat nothing",
  "[sasl_kafka]") {
  static int number = 0;
  const auto user =
    "changing-" + std::to_string(steady::now().time_since_epoch().count() + ++number);
  set_password(user, "first-secret");
  const auto file = variable("CAFKA_KAFKA_SASL_DIR") + '/' + user;
  std::ofstream{file} << "first-secret\n";
  sasl_options login;
  login.mechanism = {sasl_mechanism::scram_sha_512};
  login.username = user;
  login.password_file = file;
  const std::string reason = "SASL_AUTHENTICATION_FAILED";
  load one{"reauth", login, 2'000,
    [&](auto, std::string_view text) { return text.find(reason) != text.npos; }};
  one.begin();
  one.wait_for_renewals(2);
  for (int changes = soaks() ? 6 : 1; changes > 0; --changes) {
    const auto secret = "secret-" + std::to_string(changes);
    one.forget_log();
    const auto failed = one.failures();
    const auto began = steady::now();
    set_password(user, secret);
    // Each is told within its session of 5 s, and again when the next login is refused
    // too.
    for (const std::string who : {"producer p", "consumer c", "consumer resting"})
      one.wait_for_line("warning " + who + ": connection to broker 1 at ", reason);
    const auto read = one.read_so_far();
    std::ofstream{file} << secret << '\n';
    for (const std::string who : {"producer p", "consumer c", "consumer resting"})
      one.wait_for_line("info " + who + ": ", "answers again");
    // The log is silent where the same is wrong again within 10 s.
    one.wait_for_renewals(soaks() ? 40 : 3);
    // Of each of eight connections or so the renewal, and an attempt a second at most.
    const auto lasted = std::chrono::ceil<std::chrono::seconds>(steady::now() - began);
    INFO(one.log().text());
    CHECK(one.failures() - failed >= 3);
    CHECK(one.failures() - failed <= 10 * (2 + lasted.count()));
    CHECK(one.read_so_far() > read);
  }
  one.stop();
  one.end();
  std::remove(file.c_str());
}

TEST_CASE("while the provider of tokens is away, a token that holds is as good as ever",
  "[sasl_kafka]") {
  auto login = by_provider();
  // A token holds for 30 s, and is to be replaced after 15 s.
  login.oidc.refresh_window = 50;
  login.oidc.refresh_jitter = 0;
  login.oidc.request_timeout = milliseconds{2'000};
  login.oidc.retry_backoff_max = milliseconds{2'000};
  // The minute is longer than any token holds: then sessions end, and all wait.
  load one{"reauth", login, 2'000, [](std::string_view component, std::string_view text) {
             return component == "token"
               || (soaks()
                 && (text.find("CREDENTIALS_UNAVAILABLE") != text.npos
                   || text.find("closed by the peer") != text.npos));
           }};
  one.begin();
  one.wait_for_renewals(1);
  {
    const auto until = steady::now() + std::chrono::seconds{60};
    const away provider{soaks()};
    one.wait_for_line("warning token : no token: " + variable("CAFKA_KAFKA_TOKENS"),
      "; the present one holds for ");
    one.wait_for_renewals(1); // With it; it does not hold for long.
    INFO(one.log().text());
    CHECK(one.failures() == 0);
    CHECK(one.log().count("warning token") == 1);
    if (soaks())
      std::this_thread::sleep_until(until);
  }
  one.wait_for_line("info token : ", "there is a token again");
  one.wait_for_renewals(3);
  one.stop();
  one.end();
  if (!soaks())
    CHECK(one.failures() == 0);
}
