#include "cluster.hpp"

#include "clock.hpp"
#include "cluster_core.hpp"
#include "listener.hpp"
#include "memory_transports.hpp"

#include <mutex>

namespace cafka::testing {

using namespace protocol;

namespace {

/// Of FindCoordinator.
constexpr std::int8_t groups_type = 0;

} // namespace

/// What belongs to a cluster alone: its connections may outlive it.
struct cluster::doors {
  std::shared_ptr<actors::transport_factory> transports;
  std::mutex mutex;
  std::unique_ptr<listener> ports;
  std::unique_ptr<testing::clock> time;
};

cluster::cluster(cluster_options options)
  : core_(std::make_shared<cluster_core>(std::move(options))),
    doors_(std::make_unique<doors>()) {
  doors_->transports = make_memory_transports(core_);
}

cluster::~cluster() {
  doors_.reset();
  core_->shut();
}

std::string cluster::bootstrap() const {
  return core_->look([](fake_cluster& model) {
    std::string all;
    for (const auto b : model.brokers())
      all += (all.empty() ? "" : ",") + to_string(model.address(b));
    return all;
  });
}

std::shared_ptr<actors::transport_factory> cluster::transports() const {
  return doors_->transports;
}

clock& cluster::clock() {
  const std::lock_guard lock{doors_->mutex};
  if (doors_->time == nullptr)
    doors_->time = std::make_unique<testing::clock>();
  return *doors_->time;
}

std::string cluster::listen(const listen_options& how) {
  {
    const std::lock_guard lock{doors_->mutex};
    if (doors_->ports == nullptr)
      doors_->ports = std::make_unique<listener>(core_, how);
  }
  return bootstrap();
}

// -- requests
// -------------------------------------------------------------------------------

void cluster::hook(api_key key,
  std::function<void(const seen_request&, const void*, ruling&)> how, int times) {
  core_->control([key, how = std::move(how), times](
                   fake_cluster& model) { model.on(key, how, times); });
}

void cluster::fail(api_key key, error_code why, int times) {
  hook(
    key, [why](const seen_request&, const void*, ruling& said) { said.error = why; },
    times);
}

void cluster::treat(api_key key, treatment how, int times) {
  core_->control([=](fake_cluster& model) { model.treat(key, how, times); });
}

void cluster::throttle(api_key key, std::chrono::milliseconds time, int times) {
  core_->control([=](fake_cluster& model) { model.throttle(key, time, times); });
}

void cluster::lie(answer_lie how, int times) {
  core_->control([=](fake_cluster& model) { model.lie(how, times); });
}

void cluster::be_well() {
  core_->control([](fake_cluster& model) { model.be_well(); });
}

std::size_t cluster::asked(api_key key) const {
  return core_->look([key](fake_cluster& model) { return model.asked(key); });
}

std::size_t cluster::asked() const {
  return core_->look([](fake_cluster& model) { return model.asked(); });
}

bool cluster::wait(
  const std::function<bool()>& done, std::chrono::milliseconds at_most) const {
  return core_->wait(done, at_most);
}

// -- brokers
// --------------------------------------------------------------------------------

std::vector<std::int32_t> cluster::brokers() const {
  return core_->look([](fake_cluster& model) { return model.brokers(); });
}

endpoint cluster::address(std::int32_t broker) const {
  return core_->look([=](fake_cluster& model) { return model.address(broker); });
}

void cluster::kill(std::int32_t broker) {
  control_of(broker, [=](fake_cluster& model) { model.kill(broker); });
}

void cluster::restart(std::int32_t broker) {
  control_of(broker, [=](fake_cluster& model) { model.restart(broker); });
}

void cluster::pause(std::int32_t broker) {
  control_of(broker, [=](fake_cluster& model) { model.pause(broker); });
}

void cluster::resume(std::int32_t broker) {
  control_of(broker, [=](fake_cluster& model) { model.resume(broker); });
}

void cluster::slow(std::int32_t broker, std::chrono::milliseconds by) {
  control_of(broker, [=](fake_cluster& model) { model.slow(broker, by); });
}

void cluster::cut(std::int32_t broker) {
  control_of(broker, [=](fake_cluster& model) { model.cut_all(broker); });
}

void cluster::move_controller(std::int32_t broker) {
  control_of(broker, [=](fake_cluster& model) { model.move_controller(broker); });
}

std::int32_t cluster::coordinator(const std::string& group) const {
  return core_->look(
    [&](fake_cluster& model) { return model.coordinator(groups_type, group); });
}

void cluster::move_coordinator(const std::string& group, std::int32_t broker) {
  control_of(broker, [group, broker](fake_cluster& model) {
    model.move_coordinator(groups_type, group, broker);
  });
}

void cluster::rehash_coordinators() {
  core_->control([](fake_cluster& model) { model.rehash_coordinators(); });
}

void cluster::partition(
  const std::vector<std::int32_t>& one, const std::vector<std::int32_t>& other) {
  for (const auto* side : {&one, &other}) {
    for (const auto broker : *side)
      static_cast<void>(address(broker));
  }
  core_->control([one, other](fake_cluster& model) { model.partition(one, other); });
}

void cluster::heal() {
  core_->control([](fake_cluster& model) { model.heal(); });
}

void cluster::control_of(
  std::int32_t broker, std::function<void(fake_cluster&)> use) const {
  // Here, and not where a hook has ended, which could not be told.
  if (broker >= 0)
    static_cast<void>(address(broker));
  core_->control(std::move(use));
}

// -- topics and logs
// ------------------------------------------------------------------------

void cluster::create_topic(const std::string& name, std::int32_t partitions,
  std::int16_t replication_factor, std::map<std::string, std::string> configs) {
  core_->control([name, partitions, replication_factor, configs = std::move(configs)](
                   fake_cluster& model) {
    model.create_topic(name, partitions, replication_factor, configs);
  });
}

void cluster::delete_topic(const std::string& name) {
  core_->control([name](fake_cluster& model) { model.delete_topic(name); });
}

void cluster::remake_topic(const std::string& name) {
  static_cast<void>(leader(name, 0));
  core_->control([name](fake_cluster& model) { model.remake_topic(name); });
}

std::vector<std::string> cluster::topics() const {
  return core_->look([](fake_cluster& model) { return model.topics(); });
}

std::int32_t cluster::leader(const std::string& topic, std::int32_t partition) const {
  return core_->look([&](fake_cluster& model) { return model.leader(topic, partition); });
}

void cluster::move_leader(
  const std::string& topic, std::int32_t partition, std::int32_t broker) {
  static_cast<void>(leader(topic, partition));
  control_of(broker, [topic, partition, broker](fake_cluster& model) {
    model.move_leader(topic, partition, broker);
  });
}

std::vector<logged_record> cluster::log(
  const std::string& topic, std::int32_t partition) const {
  return core_->look(
    [&](fake_cluster& model) { return model.log(topic, partition).records(); });
}

log_offset cluster::start(const std::string& topic, std::int32_t partition) const {
  return core_->look(
    [&](fake_cluster& model) { return model.log(topic, partition).start(); });
}

log_offset cluster::end(const std::string& topic, std::int32_t partition) const {
  return core_->look(
    [&](fake_cluster& model) { return model.log(topic, partition).end(); });
}

log_offset cluster::append(const std::string& topic, std::int32_t partition,
  std::vector<record> records, codec compression) {
  const auto now =
    std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  for (auto& r : records)
    r.time = r.time.value_or(now);
  return core_->write([&](fake_cluster& model) {
    return model.append(topic, partition, records, compression);
  });
}

void cluster::truncate(const std::string& topic, std::int32_t partition, log_offset end) {
  static_cast<void>(leader(topic, partition));
  core_->control([topic, partition, end](
                   fake_cluster& model) { model.truncate(topic, partition, end); });
}

void cluster::trim(const std::string& topic, std::int32_t partition, log_offset start) {
  static_cast<void>(leader(topic, partition));
  core_->control([topic, partition, start](
                   fake_cluster& model) { model.trim(topic, partition, start); });
}

void cluster::expire_producer_ids() {
  core_->control([](fake_cluster& model) { model.forget_producers(); });
}

std::optional<log_offset> cluster::committed(
  const std::string& group, const std::string& topic, std::int32_t partition) const {
  return core_->look(
    [&](fake_cluster& model) { return model.committed(group, topic, partition); });
}

} // namespace cafka::testing
