#include "demo.hpp"

#include "../../actors/transport/asio_transport.hpp"
#include "../../supervision/caf_compat.hpp"
#include "../../testing/cluster.hpp"
#include "failing_transports.hpp"
#include "narrator.hpp"
#include "text.hpp"

#include <caf/event_based_actor.hpp>
#include <spdlog/fmt/fmt.h>
#include <spdlog/fmt/ranges.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstring>
#include <future>
#include <map>
#include <mutex>
#include <system_error>

namespace cafka::cli {

namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

constexpr int partitions_wanted = 3;
constexpr std::size_t records_per_codec = 100;
constexpr std::uint32_t records_streamed = 100'000;
constexpr auto codecs = {
  codec::none, codec::gzip, codec::snappy, codec::lz4, codec::zstd};
/// The first Produce version that takes zstd (KIP-110).
constexpr std::int16_t zstd_since = 7;

/// Nothing, or what went wrong.
using outcome = std::optional<std::string>;

std::string since(steady_clock::time_point t) {
  const std::chrono::duration<double, std::milli> passed = steady_clock::now() - t;
  return fmt::format("{:.1f} ms", passed.count());
}

/// Records of every shape: with and without key, value and headers, some of them binary.
std::vector<record> sample_records(codec compression) {
  const auto codec_name = std::string{protocol::to_string(compression)};
  const auto now = std::chrono::floor<milliseconds>(std::chrono::system_clock::now());
  std::vector<record> result;
  for (std::size_t i = 0; i < records_per_codec; ++i) {
    record r;
    r.value = fmt::format("order {} was paid", i);
    if (i % 2 == 0)
      r.key = fmt::format("customer-{}", i % 7);
    if (i % 10 == 3)
      r.headers = {{"codec", codec_name}, {"bytes", std::string{"\0\xff", 2}},
        {"nothing", std::nullopt}};
    if (i % 25 == 4)
      r.value = std::nullopt;
    r.time = now;
    result.push_back(std::move(r));
  }
  return result;
}

class story {
public:
  story(narrator& tell, application& app, caf::actor_system& sys,
    failing_transports& transports, testing::cluster* cluster, milliseconds timeout,
    bool trees)
    : tell_(tell),
      app_(app),
      sys_(sys),
      transports_(transports),
      cluster_(cluster),
      timeout_(timeout),
      trees_(trees) {}

  /// All chapters, to the end or to the first thing that goes wrong.
  bool run() {
    using chapter = outcome (story::*)();
    std::vector<std::pair<const char*, chapter>> chapters{
      {"Workers are started by name, under a supervisor", &story::start_workers},
      {"They ask who is there and what it can do", &story::look_around},
      {"What one produces, in every codec, another fetches back",
        &story::produce_and_fetch},
      {"Many records go out by a producer, and come in by a consumer",
        &story::stream_through},
      {"The log has a beginning and an end", &story::ask_offsets},
      {"An actor asks by message, and is answered by one", &story::ask_by_message},
      {"A worker is killed", &story::kill_a_worker},
      {"A worker hits a bug", &story::throw_in_a_worker},
    };
    if (cluster_ != nullptr)
      chapters.emplace_back("A broker goes down, and comes back", &story::lose_a_broker);
    chapters.emplace_back("All is stopped, in order", &story::stop);
    for (const auto& [title, play] : chapters) {
      tell_.chapter(title);
      if (const auto wrong = (this->*play)()) {
        tell_.bad(*wrong);
        return false;
      }
      if (trees_)
        draw_tree();
    }
    return true;
  }

private:
  static std::string failed(std::string_view what, const error& e) {
    return fmt::format("cannot {}: {}", what, to_string(e));
  }

  void draw_tree() {
    const auto tree = app_.tree(timeout_);
    if (!tree)
      return tell_.say("there is no tree: " + to_string(tree.error()));
    const auto text = to_string(*tree);
    for (std::size_t from = 0; from < text.size();) {
      const auto end = text.find('\n', from);
      tell_.say(text.substr(from, end - from));
      from = end + 1;
    }
  }

  outcome start_workers() {
    for (const auto* name : {"orders", "audit"}) {
      const auto began = steady_clock::now();
      const auto worker = app_.create_worker(name, {}, timeout_);
      if (!worker)
        return failed(fmt::format("start {}", name), worker.error());
      tell_.say(fmt::format("{} was answered by a broker after {}", name, since(began)));
    }
    const auto again = app_.create_worker("orders", {}, timeout_);
    if (again.error().code != error_code::already_started)
      return failed("be refused a second worker named orders", again.error());
    tell_.good("a second worker named orders is refused: " + to_string(again.error()));
    const auto names = app_.workers();
    if (names != std::vector<std::string>{"audit", "default", "orders"})
      return fmt::format("the workers are {}", fmt::join(names, ", "));
    tell_.good(fmt::format(
      "there are {}; default is asked when none is named", fmt::join(names, ", ")));
    return {};
  }

  outcome look_around() {
    if (cluster_ != nullptr) {
      // With one replica each, so that a broker that is down is missed.
      cluster_->create_topic(topic_, partitions_wanted, 1);
    } else {
      // The first record brings the topic about, where the cluster allows that.
      const auto first =
        app_.produce(topic_, 0, "the first record", {.deadline = timeout_});
      if (!first)
        return failed("create topic " + topic_ + " by producing to it", first.error());
      tell_.say("topic " + topic_ + " is made for this, and stays when we are gone");
    }
    const auto cluster = app_.metadata({.topics = {{topic_}}, .deadline = timeout_});
    if (!cluster)
      return failed("ask for metadata", cluster.error());
    if (cluster->topics.size() != 1 || cluster->topics[0].partitions.empty())
      return "the metadata has no partitions of " + topic_;
    partitions_ = cluster->topics[0].partitions;
    for (const auto& b : cluster->brokers)
      tell_.say(fmt::format("broker {} at {}", b.id.value(), to_string(b.address)));
    for (const auto& p : partitions_) {
      if (p.status != error_code::none || p.leader.value() < 0)
        return fmt::format("{} has no leader: {}", place(topic_, p.id), name(p.status));
      tell_.say(
        fmt::format("{} is led by broker {}", place(topic_, p.id), p.leader.value()));
    }
    const auto versions = app_.api_versions({.deadline = timeout_});
    if (!versions)
      return failed("ask for API versions", versions.error());
    const auto produce_api = std::ranges::find(
      versions->apis, protocol::api_key::produce, &api_version_range::key);
    if (produce_api == versions->apis.end())
      return "the broker does not know Produce";
    produce_max_ = produce_api->max;
    tell_.good(fmt::format("the broker knows {} APIs, Produce up to version {}",
      versions->apis.size(), produce_max_));
    return {};
  }

  outcome produce_and_fetch() {
    std::size_t turn = 0;
    for (const auto c : codecs) {
      const auto codec_name = protocol::to_string(c);
      if (c == codec::zstd && produce_max_ < zstd_since) {
        tell_.say(
          fmt::format("zstd needs Produce version {}: not on this broker", zstd_since));
        continue;
      }
      const auto partition = partitions_[turn++ % partitions_.size()].id;
      cafka::produce batch;
      batch.topic = topic_;
      batch.partition = partition;
      batch.records = sample_records(c);
      batch.compression = c;
      batch.deadline = timeout_;
      const auto where = app_.produce(batch, "orders");
      if (!where)
        return failed(fmt::format("produce with {}", codec_name), where.error());
      if (const auto wrong = fetch_back(partition, *where->base_offset, batch.records))
        return fmt::format("with {}, {}", codec_name, *wrong);
      tell_.good(
        fmt::format("{:<6}  orders produced {} records to {} from offset {}, audit "
                    "fetched the same",
          codec_name, batch.records.size(), place(topic_, partition),
          where->base_offset->value()));
    }
    return {};
  }

  /// Whether another worker finds exactly these records from `first` on.
  outcome fetch_back(
    partition_id partition, log_offset first, const std::vector<record>& expected) {
    cafka::fetch request;
    request.topic = topic_;
    request.partition = partition;
    request.auto_commit = false;
    request.wait_time = 500ms;
    request.deadline = timeout_;
    auto next = first;
    std::size_t seen = 0;
    const auto until = steady_clock::now() + timeout_;
    while (seen < expected.size()) {
      if (steady_clock::now() > until)
        return fmt::format("only {} of {} records came back", seen, expected.size());
      request.offset = next;
      const auto got = app_.fetch(request, "audit");
      if (!got)
        return failed("fetch them back", got.error());
      for (const auto& view : got->records) {
        if (seen == expected.size())
          break;
        if (view.offset != first + static_cast<std::int64_t>(seen)
          || to_record(view) != expected[seen])
          return fmt::format(
            "the record at offset {} is not the one produced", view.offset.value());
        ++seen;
      }
      next = std::max(next, got->records.next_offset());
    }
    return {};
  }

  outcome stream_through() {
    struct reports {
      std::mutex mutex;
      std::map<partition_id, log_offset> first;
      std::uint32_t written = 0;
      error wrong;
    };
    const auto told = std::make_shared<reports>();
    producer_options out;
    out.name = "demo";
    out.on_delivery = [told](const delivery& d) {
      const std::lock_guard lock{told->mutex};
      if (d.error) {
        told->wrong = d.error;
        return;
      }
      told->written += static_cast<std::uint32_t>(d.count);
      const auto [at, added] = told->first.emplace(d.partition, d.base_offset);
      if (!added)
        at->second = std::min(at->second, d.base_offset);
    };
    const auto producer = app_.producer(std::move(out));
    if (!producer)
      return failed("start a producer", producer.error());
    const auto to = producer->to(topic_);
    const auto began = steady_clock::now();
    for (std::uint32_t i = 0; i != records_streamed; ++i) {
      const std::string_view number{reinterpret_cast<const char*>(&i), sizeof i};
      if (const auto sent = producer->send(to, number); !sent)
        return failed(fmt::format("send record {}", i), {sent.status, ""});
    }
    if (const auto flushed = producer->flush(timeout_); !flushed)
      return failed("see all records acknowledged", flushed.error());
    const auto took = since(began);
    if (const auto closed = producer->close(timeout_); !closed)
      return failed("close the producer", closed.error());
    const std::lock_guard lock{told->mutex};
    if (told->written != records_streamed)
      return failed(
        fmt::format("write more than {} of {} records", told->written, records_streamed),
        told->wrong);
    tell_.good(fmt::format("a producer wrote {} records to {} partitions in {}, each "
                           "acknowledged",
      records_streamed, told->first.size(), took));
    return read_back(told->first);
  }

  /// Whether a consumer finds each number once, and in order within its partition.
  outcome read_back(const std::map<partition_id, log_offset>& first) {
    const auto consumer = app_.consumer({.name = "demo"});
    if (!consumer)
      return failed("start a consumer", consumer.error());
    std::vector<assigned_partition> partitions;
    for (const auto& [partition, offset] : first)
      partitions.push_back({topic_, partition, start_at::offset(offset)});
    const auto began = steady_clock::now();
    if (const auto assigned = consumer->assign(partitions); !assigned)
      return failed("assign the partitions", assigned.error());
    std::vector<bool> seen(records_streamed);
    std::map<partition_id, std::int64_t> last;
    std::uint32_t count = 0;
    while (count != records_streamed) {
      const auto got = consumer->poll(timeout_);
      if (!got)
        return failed("poll", got.error());
      if (!got->errors.empty())
        return failed("read", got->errors[0].why);
      if (got->batches.empty())
        return fmt::format("only {} of {} records came back", count, records_streamed);
      for (const auto& batch : got->batches) {
        auto& before = last.try_emplace(batch.partition(), -1).first->second;
        for (const auto& record : batch) {
          std::uint32_t number = records_streamed;
          if (record.value && record.value->size() == sizeof number)
            std::memcpy(&number, record.value->data(), sizeof number);
          if (number >= records_streamed || seen[number] || number <= before)
            return fmt::format("the record at offset {} of {} is none that is awaited",
              record.offset.value(), place(topic_, batch.partition()));
          seen[number] = true;
          before = number;
          ++count;
        }
      }
    }
    const auto took = since(began);
    if (const auto closed = consumer->close(timeout_); !closed)
      return failed("close the consumer", closed.error());
    tell_.good(fmt::format(
      "a consumer read them in {}: each once, and in order within its partition", took));
    return {};
  }

  outcome ask_offsets() {
    for (const auto& p : partitions_) {
      const auto earliest = app_.earliest_offset(topic_, p.id);
      const auto latest = app_.latest_offset(topic_, p.id);
      if (!earliest || !latest)
        return failed("ask for offsets", !earliest ? earliest.error() : latest.error());
      if (!earliest->offset || !latest->offset || *latest->offset < *earliest->offset)
        return "the offsets make no sense";
      tell_.say(fmt::format("{} goes from {} to {}", place(topic_, p.id),
        earliest->offset->value(), latest->offset->value()));
    }
    const auto latest = app_.latest_offset(topic_, partitions_[0].id);
    if (!latest || !latest->offset || *latest->offset <= log_offset{0})
      return place(topic_, partitions_[0].id) + " is empty, and we have produced to it";
    end_ = *latest->offset;
    tell_.good("what was produced is between them");
    return {};
  }

  outcome ask_by_message() {
    const auto worker = app_.worker("orders");
    if (!worker)
      return failed("find orders", worker.error());
    auto answered = std::make_shared<std::promise<result<listed_offset>>>();
    auto answer = answered->get_future();
    const list_offsets request{
      .topic = topic_, .partition = partitions_[0].id, .deadline = timeout_};
    sys_.spawn([answered, request, to = *worker](caf::event_based_actor* self) {
      ask(self, to, caf::infinite, request)
        .then([answered](
                result<listed_offset>& found) { answered->set_value(std::move(found)); },
          [answered](const caf::error& e) {
            answered->set_value(error{error_code::worker_down, to_string(e)});
          });
    });
    if (answer.wait_for(2 * timeout_) != std::future_status::ready)
      return "the actor has had no answer";
    const auto found = answer.get();
    if (!found)
      return failed("ask by message", found.error());
    if (found->offset != end_)
      return fmt::format("the actor was told {}, not {}",
        found->offset.value_or(log_offset{-1}).value(), end_.value());
    tell_.good(fmt::format("an actor asked orders for the end of {}, and was told {}",
      place(topic_, partitions_[0].id), end_.value()));
    return {};
  }

  outcome kill_a_worker() {
    const auto before = app_.worker("orders");
    if (!before)
      return failed("find orders", before.error());
    tell_.say("orders is sent the exit message `kill`");
    post_exit(*before, caf::exit_reason::kill);
    return expect_successor(*before);
  }

  outcome throw_in_a_worker() {
    const auto before = app_.worker("orders");
    if (!before)
      return failed("find orders", before.error());
    tell_.say("the next frame that orders sends throws an exception");
    transports_.fail_once(caf::actor_cast<caf::strong_actor_ptr>(*before)->id());
    list_offsets request;
    request.topic = topic_;
    request.partition = partitions_[0].id;
    request.deadline = timeout_;
    const auto lost = app_.offset(request, *before);
    if (lost.error().code != error_code::worker_down)
      return failed("see the request in its hands fail", lost.error());
    tell_.good("the caller was told at once: " + to_string(lost.error()));
    return expect_successor(*before);
  }

  /// Whether another worker took the name over and does the work.
  outcome expect_successor(const worker_actor& before) {
    if (!tell_.wait_for_restart("orders", ++restarts_, timeout_))
      return "orders was not restarted";
    const auto after = app_.worker("orders");
    if (!after)
      return failed("find orders", after.error());
    if (*after == before)
      return "behind the name is still the worker that ended";
    if (const auto wrong = expect_end("orders"))
      return wrong;
    const auto old = app_.latest_offset(topic_, partitions_[0].id, before);
    if (old.error().code != error_code::worker_down)
      return failed("be told that the old handle is dead", old.error());
    tell_.good(
      "orders answers under its name; the old handle says " + to_string(old.error()));
    return {};
  }

  outcome expect_end(const worker_ref& worker) {
    const auto latest = app_.latest_offset(topic_, partitions_[0].id, worker);
    if (!latest)
      return failed("ask it for an offset", latest.error());
    if (latest->offset != end_)
      return fmt::format("it says that the log ends at {}, not {}",
        latest->offset.value_or(log_offset{-1}).value(), end_.value());
    return {};
  }

  outcome lose_a_broker() {
    const auto& victim = partitions_[0];
    const auto other = std::ranges::find_if(
      partitions_, [&](const partition_info& p) { return p.leader != victim.leader; });
    if (other == partitions_.end())
      return "one broker leads all partitions";
    cluster_->kill(victim.leader.value());
    tell_.say(fmt::format("broker {}, leader of {}, is down", victim.leader.value(),
      place(topic_, victim.id)));
    list_offsets request;
    request.topic = topic_;
    request.partition = victim.id;
    request.deadline = 500ms;
    const auto impatient = app_.offset(request, "orders");
    if (impatient)
      return "it was answered by a broker that is down";
    tell_.good("a caller that waits half a second gets " + to_string(impatient.error()));
    const auto elsewhere = app_.latest_offset(topic_, other->id, "orders");
    if (!elsewhere)
      return failed("ask the other brokers meanwhile", elsewhere.error());
    tell_.good(fmt::format(
      "broker {} still answers for {}", other->leader.value(), place(topic_, other->id)));
    request.deadline = timeout_;
    auto patient =
      std::async(std::launch::async, [&] { return app_.offset(request, "orders"); });
    if (patient.wait_for(500ms) == std::future_status::ready)
      return failed("wait for the broker", patient.get().error());
    tell_.say("who has more time waits");
    const auto up_at = steady_clock::now();
    cluster_->restart(victim.leader.value());
    tell_.say(fmt::format("broker {} is up", victim.leader.value()));
    const auto found = patient.get();
    if (!found)
      return failed("be answered by the broker that is back", found.error());
    if (found->offset != end_)
      return "the broker that is back has another log";
    tell_.good(fmt::format("and is answered {} after its return", since(up_at)));
    return {};
  }

  outcome stop() {
    if (const auto stopped = app_.stop_worker("audit"); !stopped)
      return failed("stop audit", stopped.error());
    const auto gone = app_.latest_offset(topic_, partitions_[0].id, "audit");
    if (gone.error().code != error_code::not_found)
      return failed("be told that audit is gone", gone.error());
    tell_.good("audit was stopped: " + to_string(gone.error()));
    const auto began = steady_clock::now();
    if (const auto stopped = app_.stop(); !stopped)
      return failed("stop the application", stopped.error());
    const auto after = app_.latest_offset(topic_, partitions_[0].id);
    if (after.error().code != error_code::closed)
      return failed("be told that all is stopped", after.error());
    tell_.good(
      fmt::format("the rest took {}: {}", since(began), to_string(after.error())));
    return {};
  }

  narrator& tell_;
  application& app_;
  caf::actor_system& sys_;
  failing_transports& transports_;
  testing::cluster* cluster_;
  milliseconds timeout_;
  bool trees_;
  std::string topic_ = fmt::format("cafka-demo-{}",
    std::chrono::floor<milliseconds>(std::chrono::system_clock::now())
      .time_since_epoch()
      .count());
  std::vector<partition_info> partitions_;
  std::int16_t produce_max_ = 0;
  log_offset end_;
  std::uint64_t restarts_ = 0;
};

} // namespace

exit_code run_demo(
  const demo_arguments& what, const common_arguments& common, settings from) {
  const auto began = steady_clock::now();
  narrator tell;
  std::optional<testing::cluster> cluster;
  auto options = std::move(from.options);
  // The story itself tells what a log would.
  if (common.verbose == 0) {
    options.log_level = log_level::off;
    options.log_levels.clear();
  }
  if (common.brokers.empty() && !from.names_brokers) {
    std::string bootstrap;
    try {
      bootstrap = cluster.emplace().listen();
    } catch (const std::system_error& e) {
      report("cannot start the cluster of the demo",
        {error_code::unknown_server_error, e.what()});
      return exit_failed;
    }
    options.brokers = bootstrap;
    // What a configuration file says is for brokers that are somewhere else.
    options.use_ssl = false;
    options.kafka_version.reset();
    tell.say("A cluster of three brokers, in this process: " + bootstrap);
  } else {
    tell.say("The cluster that was named is asked");
  }
  const auto sockets =
    std::make_shared<actors::asio_transport_factory>(std::max(options.io_threads, 1u));
  const auto transports = std::make_shared<failing_transports>(sockets);
  options.transports = transports;
  options.disable_default_worker = false;
  options.default_worker = application_options{}.default_worker;
  options.on_event = [&tell](const auto& event) { tell.hear(event); };
  const auto timeout = options.request_timeout;
  const auto stop_timeout = options.stop_timeout;
  caf::actor_system sys{*from.config};
  bool went_well = false;
  {
    auto app = application::start(sys, std::move(options));
    if (!app) {
      report("cannot start the application", app.error());
      return exit_failed;
    }
    went_well = story{tell, **app, sys, *transports, cluster ? &*cluster : nullptr,
      timeout, what.tree}
                  .run();
  }
  sockets->stop(stop_timeout);
  const auto took = std::chrono::duration<double>{steady_clock::now() - began}.count();
  if (went_well)
    tell.good(fmt::format("The end, after {:.1f} s: all went as described", took));
  else
    tell.bad(fmt::format("The end, after {:.1f} s: not as it should be", took));
  return went_well ? exit_ok : exit_failed;
}

} // namespace cafka::cli
