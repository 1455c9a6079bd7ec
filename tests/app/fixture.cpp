#include "fixture.hpp"

#include <cafka/protocol/records/record.hpp>

#include <filesystem>
#include <random>

namespace cafka::testing {

namespace {

configuration& with_threads(configuration& config) {
  config.set("caf.scheduler.max-threads", std::size_t{2});
  return config;
}

} // namespace

std::size_t open_descriptors() {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator{"/proc/self/fd"}) {
    static_cast<void>(entry);
    ++count;
  }
  return count;
}

std::string unique_name(const std::string& prefix) {
  static const auto run = std::random_device{}();
  static std::atomic<unsigned> last = 0;
  return prefix + '-' + std::to_string(run) + '-' + std::to_string(++last);
}

// -- events -----------------------------------------------------------------------------

void event_log::add(const supervision::supervision_event& event) {
  const std::lock_guard lock{mutex_};
  events_.push_back(event);
  changed_.notify_all();
}

std::size_t event_log::count_locked(
  supervision::event_kind kind, const std::string& child) const {
  return static_cast<std::size_t>(std::ranges::count_if(
    events_, [&](const auto& e) { return e.kind == kind && e.child == child; }));
}

std::size_t event_log::count(
  supervision::event_kind kind, const std::string& child) const {
  const std::lock_guard lock{mutex_};
  return count_locked(kind, child);
}

bool event_log::wait_for(
  supervision::event_kind kind, const std::string& child, std::size_t count) const {
  std::unique_lock lock{mutex_};
  return changed_.wait_for(
    lock, test_timeout, [&] { return count_locked(kind, child) >= count; });
}

// -- service ----------------------------------------------------------------------------

application_options service::quiet() {
  application_options options;
  options.disable_default_worker = true;
  return options;
}

service::service(broker_list brokers, application_options options)
  : system(with_threads(config)) {
  options.brokers = std::move(brokers);
  options.on_event = [this](const auto& event) { events.add(event); };
  app = REQUIRE_VALUE(application::start(system, std::move(options)));
}

service::~service() {
  app.reset();
}

worker_actor service::connect(const std::string& name, const worker_init& init) {
  return REQUIRE_VALUE(app->create_worker(name, init, test_timeout));
}

// -- records ----------------------------------------------------------------------------

std::vector<record> copies(const fetched& from) {
  std::vector<record> all;
  for (const auto& r : from.records)
    all.push_back(protocol::to_record(r));
  return all;
}

std::vector<std::pair<log_offset, record>> read_all(application& app,
  const std::string& topic, partition_id partition, const worker_ref& worker,
  log_offset from) {
  const auto end = REQUIRE_VALUE(app.latest_offset(topic, partition, worker)).offset;
  REQUIRE(end);
  std::vector<std::pair<log_offset, record>> all;
  while (from < *end) {
    fetch request;
    request.topic = topic;
    request.partition = partition;
    request.offset = from;
    request.wait_time = 1'000ms;
    request.max_bytes = 4 << 20;
    const auto part = REQUIRE_VALUE(app.fetch(request, worker));
    for (const auto& r : part.records)
      all.emplace_back(r.offset, protocol::to_record(r));
    REQUIRE(part.records.next_offset() > from);
    from = part.records.next_offset();
  }
  return all;
}

std::vector<named_codec> all_codecs() {
  return {{codec::none, "none"}, {codec::gzip, "gzip"}, {codec::snappy, "snappy"},
    {codec::lz4, "lz4"}, {codec::zstd, "zstd"}};
}

} // namespace cafka::testing
