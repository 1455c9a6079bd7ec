#include "hostile_lies.hpp"
#include "worker_fixture.hpp"
#include <cafka/actors/consumer/consumer_core.hpp>
#include <cafka/actors/producer/producer_core.hpp>
#include <cafka/supervision/caf_compat.hpp>

#include <caf/init_global_meta_objects.hpp>
#include <caf/scoped_actor.hpp>
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <array>
#include <fstream>
#include <future>
#include <map>
#include <mutex>
#include <set>
#include <thread>

// A broker that lies, a lie at a time. Whatever it says, the caller is told of an
// error or goes on, does not ask in a hot loop, takes no more memory than it may, serves
// the partitions that nobody lies about, hands out nothing twice or backwards, and ends
// when it is told to.

using namespace cafka;
using namespace cafka::testing;
using std::chrono::steady_clock;

namespace {

constexpr milliseconds test_timeout{20'000};
/// Requests are counted by such windows: a lie is no progress, so that pauses grow.
constexpr milliseconds window{250};
constexpr std::size_t calm = 40;
/// What somebody may have to read.
constexpr std::size_t longest_text = 8'192;
const std::string topic = "topic";

// -- what clients do --------------------------------------------------------------------

/// Bytes of memory, now and at most since the last `forget_peak`; zero where nobody says.
std::size_t memory(std::string_view which) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return 0;
#endif
  std::ifstream status{"/proc/self/status"};
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(which))
      return std::stoull(line.substr(which.size())) * 1024;
  }
  return 0;
}
void forget_peak() {
  std::ofstream{"/proc/self/clear_refs"} << '5';
}

/// What is wrong with how a client has dealt with a lie.
class verdict {
public:
  verdict(const hostile_cluster& cluster, const must& wanted, const std::string& who)
    : cluster_(cluster), wanted_(wanted), who_(who) {
    if (wanted.memory > 0)
      forget_peak();
    memory_ = memory("VmRSS:");
  }

  /// Something was told of partition 0.
  void tell(const error& e) {
    told_.insert(e.code);
    if (e.code != error_code::none && wanted_.told.contains(e.code))
      texts_ += e.detail + '\n';
    if (e.detail.size() > longest_text)
      complain("an error's text has " + std::to_string(e.detail.size()) + " bytes");
    for (const char c : e.detail) {
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
        complain("an error's text has control characters");
        break;
      }
    }
  }
  [[nodiscard]] bool has_told() const {
    return wanted_.told.empty() || std::ranges::any_of(told_, [&](error_code e) {
      return wanted_.told.contains(e);
    });
  }
  /// Asks for time, until requests have been counted for long enough.
  [[nodiscard]] bool counts() const { return steady_clock::now() < begin_ + window; }
  [[nodiscard]] bool impatient() const {
    return steady_clock::now() > begin_ + test_timeout;
  }

  void complain(const std::string& what) { complaints_.insert(who_ + ": " + what); }

  /// To be called before it is ended.
  void judge() {
    const auto took = steady_clock::now() - begin_;
    const auto windows = 1 + static_cast<std::size_t>(took / window);
    const auto requests = cluster_.requests() - requests_;
    if (requests > calm * windows)
      complain(std::to_string(requests) + " requests in "
        + std::to_string(std::chrono::floor<milliseconds>(took).count()) + " ms");
    if (!has_told()) {
      std::string all;
      for (const auto e : told_)
        all += ' ' + to_string(e);
      complain("was told" + (all.empty() ? " nothing" : all));
    } else if (!wanted_.text.empty() && texts_.find(wanted_.text) == std::string::npos) {
      complain("was told: " + texts_);
    }
    const auto peak = memory("VmHWM:");
    if (wanted_.memory > 0 && peak > memory_ + wanted_.memory)
      complain("took " + std::to_string((peak - memory_) / megabyte) + " MiB");
  }

  /// To be called once it has ended, which has begun then.
  void ended(steady_clock::time_point then) {
    if (steady_clock::now() - then > std::chrono::seconds{2})
      complain("took more than two seconds to end");
  }

  [[nodiscard]] const std::set<std::string>& complaints() const { return complaints_; }

private:
  const hostile_cluster& cluster_;
  const must& wanted_;
  const std::string who_;
  const std::size_t requests_ = cluster_.requests();
  const steady_clock::time_point begin_ = steady_clock::now();
  std::size_t memory_ = 0;
  codes told_;
  std::string texts_;
  std::set<std::string> complaints_;
};

using complaints = std::set<std::string>;

actors::connection_options connection_to(const hostile_cluster& cluster) {
  actors::connection_options connection;
  connection.name = "hostile";
  connection.brokers = cluster.addresses();
  connection.socket_timeout = milliseconds{1'000};
  return connection;
}

void end(caf::actor_system& system, const caf::strong_actor_ptr& who) {
  if (who == nullptr)
    return;
  post_exit(caf::actor_cast<caf::actor>(who), caf::exit_reason::user_shutdown);
  caf::scoped_actor self{system};
  self->wait_for(caf::actor_cast<caf::actor>(who));
}

complaints consume(const lie& x) {
  const auto& wanted = *x.consumer;
  hostile_cluster cluster{x.how};
  worker_fixture fixture;
  consumer_options options;
  options.fetch_max_wait = milliseconds{500};
  if (x.reads)
    x.reads(options);
  const auto core = actors::consumer_core::make(fixture.system, options);
  verdict v{cluster, wanted, x.name + ", consumer"};
  const auto actor =
    actors::spawn_consumer(fixture.system, core, connection_to(cluster), fixture.factory);
  const consumer handle{core};
  std::vector<assigned_partition> read{{topic, 0, start_at::offset(0)}};
  if (wanted.others) // Else they would share a fetch that rests, which hides hot loops.
    read.push_back({topic, 1, start_at::offset(0)});
  static_cast<void>(handle.assign(read));
  std::array<std::int64_t, 2> last{-1, -1};
  std::array<std::size_t, 2> count{0, 0};
  const auto done = [&] {
    if (wanted.told.contains(error_code::none) && count[0] >= wanted.records)
      v.tell({});
    return v.has_told() && !v.counts()
      && (!wanted.others || count[1] >= hostile_cluster::records);
  };
  while (!done() && !v.impatient()) {
    const auto got = handle.poll(milliseconds{20});
    if (!got)
      break;
    for (const auto& batch : got->batches) {
      const auto p = static_cast<std::size_t>(batch.partition().value());
      for (const auto& r : batch) {
        if (r.offset.value() <= last[p])
          v.complain("offset " + std::to_string(r.offset.value()) + " came behind "
            + std::to_string(last[p]));
        last[p] = r.offset.value();
        ++count[p];
      }
    }
    for (const auto& e : got->errors) {
      if (e.partition == partition_id{0})
        v.tell(e.why);
      else
        v.complain("was told of partition 1: " + to_string(e.why));
    }
  }
  v.judge();
  if (wanted.others && count[1] != hostile_cluster::records)
    v.complain(std::to_string(count[1]) + " records of partition 1");
  if (wanted.nothing && count[0] > 0)
    v.complain("read what is no answer");
  const auto before = steady_clock::now();
  core->close();
  end(fixture.system, caf::actor_cast<caf::strong_actor_ptr>(actor));
  v.ended(before);
  return v.complaints();
}

complaints produce_to(const lie& x) {
  const auto& wanted = *x.producer;
  hostile_cluster cluster{x.how};
  worker_fixture fixture;
  std::mutex mutex;
  std::map<std::int32_t, error> outcomes;
  std::atomic<bool> unknown = false;
  producer_options options;
  options.linger = milliseconds{0};
  options.delivery_timeout = milliseconds{1'500};
  options.request_timeout = milliseconds{500};
  options.on_delivery = [&](const delivery& d) {
    const std::lock_guard lock{mutex};
    if (d.partition.value() < 0)
      unknown = true;
    outcomes[d.partition.value()] = d.error;
  };
  const auto core =
    std::make_shared<actors::producer_core>(fixture.system, std::move(options));
  verdict v{cluster, wanted, x.name + ", producer"};
  const auto actor =
    actors::spawn_producer(fixture.system, core, connection_to(cluster), fixture.factory);
  const producer handle{core};
  for (const std::int32_t p : {0, 1}) {
    if (!handle.send(
          topic, outgoing_record{.value = protocol::as_bytes("x"), .partition = p}))
      v.complain("a record was not taken");
  }
  const auto has = [&](std::int32_t p) {
    const std::lock_guard lock{mutex};
    return unknown || outcomes.contains(p);
  };
  while ((!has(0) || !has(1) || v.counts()) && !v.impatient())
    std::this_thread::sleep_for(milliseconds{1});
  {
    const std::lock_guard lock{mutex};
    if (unknown)
      outcomes[0] = outcomes[1] = outcomes[-1];
    if (outcomes.contains(0))
      v.tell(outcomes[0]);
    if (wanted.others && outcomes[1].code != error_code::none)
      v.complain("partition 1: " + to_string(outcomes[1]));
  }
  v.judge();
  const auto before = steady_clock::now();
  core->close();
  end(fixture.system, caf::actor_cast<caf::strong_actor_ptr>(actor));
  v.ended(before);
  return v.complaints();
}

template <class Reply, class Request>
result<Reply> asked(worker_fixture& f, const worker_actor& w, Request request) {
  caf::scoped_actor self{f.system};
  result<Reply> outcome;
  ask(self, w, test_timeout, std::move(request))
    .receive([&](result<Reply>& r) { outcome = std::move(r); },
      [&](caf::error& e) {
        outcome = error{error_code::worker_down, to_string(e)};
      });
  return outcome;
}

complaints work(const lie& x) {
  const auto& wanted = *x.worker;
  hostile_cluster cluster{x.how};
  worker_fixture fixture;
  verdict v{cluster, wanted, x.name + ", worker"};
  const auto w = fixture.worker(cluster.addresses());
  const auto ask_for = [&](std::int32_t p) -> error {
    if (x.worker_produces) {
      produce request;
      request.topic = topic;
      request.partition = p;
      request.records = {{.value = "value"}};
      request.deadline = milliseconds{1'000};
      return asked<produced>(fixture, w, std::move(request)).error();
    }
    fetch request;
    request.topic = topic;
    request.partition = p;
    request.offset = 0;
    request.deadline = milliseconds{1'000};
    request.max_decompression_ratio = 0;
    const auto got = asked<fetched>(fixture, w, std::move(request));
    if (!got)
      return got.error();
    const auto records = p == 0 ? wanted.records : hostile_cluster::records;
    if (got->records.size() < records)
      return {error_code::unknown_server_error,
        std::to_string(got->records.size()) + " records"};
    auto last = log_offset{-1};
    for (const auto& r : got->records) {
      if (r.offset <= last)
        v.complain("records go back");
      last = r.offset;
    }
    return {};
  };
  v.tell(ask_for(0));
  if (const auto e = ask_for(1); wanted.others && e.code != error_code::none)
    v.complain("partition 1: " + to_string(e));
  v.judge();
  const auto before = steady_clock::now();
  fixture.stop(w);
  fixture.workers.clear();
  v.ended(before);
  return v.complaints();
}

std::vector<std::function<complaints()>> trials_of(const std::vector<lie>& all) {
  std::vector<std::function<complaints()>> trials;
  for (const auto& x : all) {
    if (x.consumer)
      trials.emplace_back([&x] { return consume(x); });
    if (x.producer)
      trials.emplace_back([&x] { return produce_to(x); });
    if (x.worker)
      trials.emplace_back([&x] { return work(x); });
  }
  return trials;
}

void check(const complaints& all) {
  for (const auto& what : all) {
    INFO(what);
    CHECK(what.empty());
  }
}

/// Most of what they do is waiting, so many are tried at a time.
void check_together(const std::vector<std::function<complaints()>>& trials) {
  constexpr std::size_t at_a_time = 8;
  for (std::size_t i = 0; i < trials.size(); i += at_a_time) {
    std::vector<std::future<complaints>> running;
    for (auto k = i; k < std::min(trials.size(), i + at_a_time); ++k)
      running.push_back(std::async(std::launch::async, trials[k]));
    for (auto& r : running)
      check(r.get());
  }
}

bool register_types() {
  caf::init_global_meta_objects<caf::id_block::cafka_consumer>();
  caf::init_global_meta_objects<caf::id_block::cafka_producer>();
  return true;
}

} // namespace

TEST_CASE(
  "whatever a broker says of records, none is taken for what it is not", "[hostile]") {
  static_cast<void>(register_types());
  const auto all = lies_about_records();
  for (const auto& trial : trials_of(all))
    check(trial());
}

TEST_CASE("a broker that lies is reported, and harms no other request", "[hostile]") {
  static_cast<void>(register_types());
  const auto all = other_lies();
  check_together(trials_of(all));
}
