// "Nothing lost": numbered records at a rate, through everything that happens to brokers
// and connections, and every one of them looked for afterwards.

#include "cutting_proxy.hpp"
#include "fixture_kafka.hpp"
#include <cafka/actors/consumer/consumer.hpp>
#include <cafka/actors/producer/producer.hpp>

#include <charconv>
#include <cstdlib>

using namespace cafka;
using namespace cafka::testing;

namespace {

/// A record that a reader found.
struct found {
  log_offset offset;
  std::uint64_t number;
};

/// What a reader found, partition by partition, as it came.
using findings = std::vector<std::vector<found>>;

std::uint64_t number_in(std::string_view text) {
  std::uint64_t n = std::numeric_limits<std::uint64_t>::max();
  std::from_chars(text.data(), text.data() + text.size(), n);
  return n;
}

/// What a producer's reports say of each record, by partition and number.
class fates {
public:
  explicit fates(std::int32_t partitions)
    : by_number_(static_cast<std::size_t>(partitions)) {}

  void take(const delivery& d) {
    const std::lock_guard lock{mutex_};
    auto& all = by_number_.at(static_cast<std::size_t>(d.partition.value()));
    const auto end = d.first_number + static_cast<std::uint64_t>(d.count);
    all.resize(std::max<std::size_t>(all.size(), end));
    for (auto number = d.first_number; number != end; ++number) {
      auto& fate = all[number];
      ++fate.times;
      fate.code = d.error.code;
      if (d.base_offset.value() >= 0)
        fate.offset = d.base_offset + static_cast<std::int64_t>(number - d.first_number);
    }
    const auto count = static_cast<std::size_t>(d.count);
    if (d.error.code == error_code::none)
      delivered_ += count;
    else if ((errors_[d.error.code] += count) == count)
      report_ += to_string(d.error) + '\n';
    changed_.notify_all();
  }

  bool wait_for_more_delivered(std::size_t more) {
    std::unique_lock lock{mutex_};
    const auto before = delivered_;
    return changed_.wait_for(
      lock, test_timeout, [&] { return delivered_ >= before + more; });
  }

  [[nodiscard]] std::size_t delivered() {
    const std::lock_guard lock{mutex_};
    return delivered_;
  }

  /// One outcome for each record that was taken, and all of them good.
  void check_outcomes(const std::vector<std::uint64_t>& sent) {
    const std::lock_guard lock{mutex_};
    for (const auto& [code, count] : errors_)
      report_ += std::to_string(count) + " times " + protocol::name(code) + '\n';
    INFO(report_);
    CHECK(errors_.empty());
    std::size_t not_once = 0;
    for (std::size_t p = 0; p != by_number_.size(); ++p) {
      CHECK(by_number_[p].size() == sent[p]);
      not_once += static_cast<std::size_t>(std::ranges::count_if(
        by_number_[p], [](const outcome& x) { return x.times != 1; }));
    }
    CHECK(not_once == 0);
  }

  /// What was acknowledged is in the log where it was said to be, once and in order; what
  /// was not written is not there.
  void check_log(const findings& log) {
    const std::lock_guard lock{mutex_};
    REQUIRE(log.size() == by_number_.size());
    std::size_t lost = 0;
    std::size_t misplaced = 0;
    std::size_t doubled = 0;
    std::size_t disordered = 0;
    std::size_t never_sent = 0;
    std::size_t written_after_all = 0;
    for (std::size_t p = 0; p != log.size(); ++p) {
      const auto& all = by_number_[p];
      std::vector<bool> seen(all.size());
      std::uint64_t next = 0;
      log_offset last = -1;
      for (const auto& [offset, number] : log[p]) {
        if (number >= all.size()) {
          ++never_sent;
          continue;
        }
        doubled += seen[number] ? 1 : 0;
        disordered += number < next || offset <= last ? 1 : 0;
        seen[number] = true;
        next = number + 1;
        last = offset;
        const auto& fate = all[number];
        if (fate.code == error_code::none)
          misplaced += fate.offset.value() >= 0 && fate.offset != offset ? 1 : 0;
        else
          written_after_all += fate.code != error_code::outcome_unknown ? 1 : 0;
      }
      for (std::size_t n = 0; n != all.size(); ++n)
        lost += all[n].code == error_code::none && !seen[n] ? 1 : 0;
    }
    CHECK(lost == 0);
    CHECK(misplaced == 0);
    CHECK(doubled == 0);
    CHECK(disordered == 0);
    CHECK(never_sent == 0);
    CHECK(written_after_all == 0);
  }

private:
  struct outcome {
    error_code code = error_code::none;
    log_offset offset = -1;
    int times = 0;
  };

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::vector<outcome>> by_number_;
  std::size_t delivered_ = 0;
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
  ~sender() {
    given_up_ = true;
    join();
  }

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
    if (!p_.partitions(to, test_timeout))
      return;
    const auto began = steady_clock::now();
    std::mutex mutex;
    std::condition_variable never;
    for (std::size_t i = 0; !given_up_ && (i < records || !joining_); ++i) {
      const auto p = i % sent_.size();
      const auto text = std::to_string(sent_[p]);
      const auto taken = p_.send(to,
        outgoing_record{
          .value = protocol::as_bytes(text), .partition = static_cast<std::int32_t>(p)});
      if (taken && taken.number == sent_[p])
        ++sent_[p];
      else
        ++refused_;
      if (i % 200 == 0) {
        std::unique_lock lock{mutex};
        never.wait_until(lock,
          began + std::chrono::microseconds{i * 1'000'000 / per_second},
          [] { return false; });
      }
    }
  }

  producer p_;
  std::atomic<bool> joining_ = false;
  std::atomic<bool> given_up_ = false;
  std::vector<std::uint64_t> sent_;
  std::size_t refused_ = 0;
  std::thread thread_;
};

/// Reads a topic from its beginning while it is written.
class receiver {
public:
  receiver(consumer c, const std::string& topic, std::int32_t partitions)
    : c_(std::move(c)), found_(static_cast<std::size_t>(partitions)) {
    std::vector<assigned_partition> all;
    for (std::int32_t p = 0; p != partitions; ++p)
      all.push_back({topic, p, start_at::earliest()});
    static_cast<void>(REQUIRE_VALUE(c_.assign(all)));
    thread_ = std::thread{[this] { run(); }};
  }
  ~receiver() {
    stopping_ = true;
    if (thread_.joinable())
      thread_.join();
  }

  /// Waits until it has so many records, and for a moment in which no more come.
  const findings& finish(std::size_t records) {
    CHECK(eventually([&] { return count_ >= records; }));
    stopping_ = true;
    thread_.join();
    INFO(halted_);
    CHECK(halted_.empty());
    return found_;
  }

private:
  void run() {
    for (;;) {
      const auto stopping = stopping_.load();
      const auto got = c_.poll(500ms);
      if (!got) {
        halted_ += to_string(got.error()) + '\n';
        return;
      }
      for (const auto& e : got->errors)
        if (e.halted)
          halted_ += to_string(e.why) + '\n';
      for (const auto& batch : got->batches) {
        auto& all = found_[static_cast<std::size_t>(batch.partition().value())];
        for (const auto& r : batch)
          all.push_back({r.offset, number_in(protocol::as_text(*r.value))});
        count_ += batch.size();
      }
      if (stopping && got->empty())
        return;
    }
  }

  consumer c_;
  std::atomic<bool> stopping_ = false;
  std::atomic<std::size_t> count_ = 0;
  findings found_;
  std::string halted_;
  std::thread thread_;
};

/// What an independent client finds.
findings read_by_kcat(
  const kafka_cluster& kafka, const std::string& topic, std::int32_t partitions) {
  const auto said = run_program({"kcat", "-b", kafka.brokers(), "-C", "-t", topic, "-o",
    "beginning", "-e", "-q", "-f", "%p %o %s\n"});
  INFO(said.err);
  REQUIRE(said.status == 0);
  findings all(static_cast<std::size_t>(partitions));
  for (std::string_view rest = said.out; !rest.empty();) {
    const auto first = rest.find(' ');
    const auto second = rest.find(' ', first + 1);
    const auto end = rest.find('\n', second + 1);
    REQUIRE(end != std::string_view::npos);
    all.at(number_in(rest.substr(0, first)))
      .push_back(
        {static_cast<std::int64_t>(number_in(rest.substr(first + 1, second - first - 1))),
          number_in(rest.substr(second + 1, end - second - 1))});
    rest.remove_prefix(end + 1);
  }
  return all;
}

/// One topic that is written and read while things happen.
class load {
public:
  load(kafka_cluster& kafka, application& app, const named_codec& c,
    std::int32_t partitions, std::size_t records, std::size_t per_second)
    : kafka_(kafka),
      partitions_(partitions),
      topic_(kafka.create_topic("nothing-lost", partitions)),
      fates_(partitions) {
    producer_options out;
    out.name = out.name + '-' + c.name;
    out.compression = c.value;
    out.on_delivery = [this](const delivery& d) { fates_.take(d); };
    producer_ = REQUIRE_VALUE(app.producer(std::move(out)));
    consumer_options in;
    in.name = in.name + '-' + c.name;
    in.auto_offset_reset = offset_reset::none;
    consumer_ = REQUIRE_VALUE(app.consumer(std::move(in)));
    receiver_.emplace(consumer_, topic_, partitions);
    sender_.emplace(producer_, topic_, partitions, records, per_second);
  }

  ~load() {
    sender_.reset();
    // It reports to what ends here.
    static_cast<void>(producer_.close(milliseconds{1}));
  }
  load(const load&) = delete;
  load& operator=(const load&) = delete;

  bool goes_on(std::size_t records) { return fates_.wait_for_more_delivered(records); }

  void check() {
    sender_->join();
    CHECK(sender_->refused() == 0);
    static_cast<void>(REQUIRE_VALUE(producer_.flush(2 * test_timeout)));
    fates_.check_outcomes(sender_->sent());
    {
      INFO("read by cafka");
      fates_.check_log(receiver_->finish(fates_.delivered()));
    }
    INFO("read by kcat");
    fates_.check_log(read_by_kcat(kafka_, topic_, partitions_));
    static_cast<void>(REQUIRE_VALUE(producer_.close(test_timeout)));
    static_cast<void>(REQUIRE_VALUE(consumer_.close(test_timeout)));
    CHECK(producer_.send(topic_, "late").status == error_code::closed);
  }

private:
  kafka_cluster& kafka_;
  std::int32_t partitions_;
  std::string topic_;
  fates fates_;
  producer producer_;
  consumer consumer_;
  std::optional<receiver> receiver_;
  std::optional<sender> sender_;
};

using loads = std::vector<std::unique_ptr<load>>;

/// Whether it is `make soak` that runs: at full length.
bool soaks() {
  return std::getenv("CAFKA_SOAK") != nullptr;
}

/// Each broker is killed and started in turn, and one hangs for longer than
/// `socket_timeout`.
/// Meanwhile every load goes on, by so many records at each step.
void disturb(kafka_cluster& kafka, const loads& all, std::size_t step) {
  const auto all_go_on = [&](std::size_t records) {
    for (const auto& one : all)
      REQUIRE(one->goes_on(records));
  };
  all_go_on(step);
  for (int id = 1; id <= 3; ++id) {
    kafka.kill(id);
    all_go_on(step);
    kafka.start(id);
    all_go_on(step);
  }
  kafka.pause(1);
  const auto until = steady_clock::now() + (soaks() ? 20s : 12s);
  while (steady_clock::now() < until)
    all_go_on(step / 10);
  kafka.resume(1);
  all_go_on(step);
}

/// An application whose connections are cut all the time.
struct cut_service {
  std::shared_ptr<cut_connections> cuts =
    std::make_shared<cut_connections>(500ms, 1'500ms);
  service s;

  explicit cut_service(const kafka_cluster& kafka) : s(kafka.brokers(), options(cuts)) {}

  static application_options options(std::shared_ptr<actors::transport_factory> through) {
    auto settings = service::quiet();
    settings.transports = std::move(through);
    return settings;
  }
};

} // namespace

TEST_CASE(
  "all records survive whatever happens to brokers and connections", "[nothing-lost]") {
  kafka_cluster kafka;
  cut_service clients{kafka};
  loads all;
  all.push_back(
    std::make_unique<load>(kafka, *clients.s.app, named_codec{codec::none, "none"}, 6,
      soaks() ? 1'000'000 : 200'000, soaks() ? 20'000 : 10'000));
  disturb(kafka, all, 10'000);
  all.front()->check();
  CHECK(clients.cuts->cuts() > 50);
}

TEST_CASE("many partitions in each codec survive the same", "[nothing-lost]") {
  kafka_cluster kafka;
  cut_service clients{kafka};
  loads all;
  for (const auto& c : all_codecs())
    all.push_back(std::make_unique<load>(
      kafka, *clients.s.app, c, soaks() ? 100 : 20, soaks() ? 40'000 : 10'000, 1'000));
  disturb(kafka, all, 1'000);
  for (std::size_t i = 0; i != all.size(); ++i) {
    INFO(all_codecs()[i].name);
    all[i]->check();
  }
  CHECK(clients.cuts->cuts() > 50);
}
