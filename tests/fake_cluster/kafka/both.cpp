#include "both.hpp"

#include <cafka/protocol/messages/all.hpp>

#include <algorithm>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdexcept>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

namespace fake_against_kafka {

namespace {

constexpr int longest_wait = 20'000;
constexpr auto longest_preparation = 60s;

/// Over one connection at a time, blocking.
class real_target final : public answering {
public:
  explicit real_target(endpoint where) : where_(std::move(where)) {}
  ~real_target() override { hang_up(); }

  std::optional<shared_bytes> exchange(const shared_bytes& request) override {
    if (fd_ < 0)
      connect();
    std::vector<std::byte> all(4);
    for (std::size_t i = 0; i != 4; ++i)
      all[i] = static_cast<std::byte>(request.size() >> (8 * (3 - i)));
    all.insert(all.end(), request.view().begin(), request.view().end());
    if (::send(fd_, all.data(), all.size(), MSG_NOSIGNAL)
      != static_cast<ssize_t>(all.size()))
      throw std::runtime_error{"a request could not be sent"};
    std::vector<std::byte> length(4);
    if (!read(length)) {
      hang_up();
      return std::nullopt;
    }
    std::vector<std::byte> answer(
      static_cast<std::size_t>(detail::load_big<std::int32_t>(length.data())));
    if (!read(answer))
      throw std::runtime_error{"an answer ends early"};
    return shared_bytes::from(std::move(answer));
  }

private:
  void connect() {
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(where_.port);
    if (::inet_pton(AF_INET, where_.host.c_str(), &to.sin_addr) != 1
      || ::connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0)
      throw std::runtime_error{"nobody listens at " + to_string(where_)};
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }

  bool read(std::vector<std::byte>& out) {
    for (std::size_t got = 0; got != out.size();) {
      pollfd p{fd_, POLLIN, 0};
      if (::poll(&p, 1, longest_wait) <= 0)
        throw std::runtime_error{"no answer within 20 seconds"};
      const auto count = ::recv(fd_, out.data() + got, out.size() - got, 0);
      if (count <= 0)
        return false;
      got += static_cast<std::size_t>(count);
    }
    return true;
  }

  void hang_up() {
    if (fd_ >= 0)
      ::close(fd_);
    fd_ = -1;
  }

  endpoint where_;
  int fd_ = -1;
};

std::string setting(const char* name, const std::string& otherwise) {
  const auto* value = std::getenv(name);
  return value == nullptr ? otherwise : value;
}

/// One number for all topics of this run; the cluster may be used before and after.
std::string fresh_name() {
  static const auto run = std::to_string(::getpid()) + '-'
    + std::to_string(std::chrono::system_clock::now().time_since_epoch().count());
  static int number = 0;
  return "compare-" + run + '-' + std::to_string(++number);
}

void clear(uuid& id) {
  // Whether there is one is not free.
  if (!id.is_zero()) {
    id = {};
    id.bytes[0] = 1;
  }
}

endpoint first_address() {
  const auto list = setting("CAFKA_KAFKA", "");
  if (list.empty())
    throw std::runtime_error{"CAFKA_KAFKA is not set: see CONTRIBUTING"};
  const auto first = list.substr(0, list.find(','));
  const auto colon = first.rfind(':');
  return {first.substr(0, colon),
    static_cast<std::uint16_t>(std::stoi(first.substr(colon + 1)))};
}

} // namespace

/// In virtual time: what waits, is waited for at once.
class fake_target final : public answering {
public:
  fake_target(cluster_options options, std::int32_t broker)
    : broker_(broker), cluster_(std::move(options)) {}

  std::optional<shared_bytes> exchange(const shared_bytes& request) override {
    cluster_.on_request(now_, broker_, connection_, request);
    while (true) {
      for (auto& e : cluster_.take_effects()) {
        if (!e.hangs_up())
          return e.payload();
        ++connection_;
        return std::nullopt;
      }
      REQUIRE(cluster_.next_time() != time_point::max());
      now_ = cluster_.next_time();
      cluster_.on_time(now_);
    }
  }

  fake_cluster& cluster() { return cluster_; }

  void pass(milliseconds time) {
    now_ += time;
    cluster_.on_time(now_);
  }

private:
  std::int32_t broker_;
  time_point now_ = time_point{} + 1h;
  std::uint64_t connection_ = 1;
  fake_cluster cluster_;
};

std::unique_ptr<answering> real_kafka() {
  return std::make_unique<real_target>(first_address());
}

both::both() : real_(real_kafka()) {
  metadata_request none;
  const auto known = real_->ask(none, 1);
  REQUIRE(known);
  cluster_options options;
  options.brokers = static_cast<std::int32_t>(known->brokers.size());
  options.first_broker = std::numeric_limits<std::int32_t>::max();
  const auto mine = first_address();
  for (const auto& b : known->brokers) {
    options.first_broker = std::min(options.first_broker, b.node_id.value());
    if (b.host == mine.host && b.port == mine.port)
      broker_ = b.node_id.value();
  }
  const auto release = parse_kafka_version(setting("CAFKA_KAFKA_VERSION", "4.3"));
  REQUIRE(release);
  options.kafka_version = *release;
  fake_ = std::make_unique<fake_target>(options, broker_);
}

both::~both() = default;

answering& both::fake() {
  return *fake_;
}

void both::pass_on_fake(milliseconds time) {
  fake_->pass(time);
}

namespace {

/// A new group whose coordinator is as `wanted` says, and the coordinator.
std::pair<std::string, std::int32_t> coordinated(
  answering& kafka, const std::function<bool(std::int32_t)>& wanted) {
  const auto until = std::chrono::steady_clock::now() + longest_preparation;
  find_coordinator_request find;
  find.coordinator_key = fresh_name();
  while (true) {
    REQUIRE(std::chrono::steady_clock::now() < until);
    const auto found = kafka.ask(find, 3);
    // The first question makes the topic of offsets.
    if (found->error_code == error_code::none && wanted(found->node_id.value()))
      return {find.coordinator_key, found->node_id.value()};
    if (found->error_code == error_code::none)
      find.coordinator_key = fresh_name();
    std::this_thread::yield();
  }
}

} // namespace

std::string both::group_elsewhere() {
  const auto [name, broker] =
    coordinated(*real_, [this](std::int32_t found) { return found != broker_; });
  fake_->cluster().move_coordinator(0, name, broker);
  return name;
}

std::string both::group() {
  const auto name =
    coordinated(*real_, [this](std::int32_t found) { return found == broker_; }).first;
  const auto until = std::chrono::steady_clock::now() + longest_preparation;
  // The coordinator first reads what it has stored.
  heartbeat_request nobody;
  nobody.group_id = name;
  nobody.member_id = "nobody";
  while (real_->ask(nobody, 3)->error_code != error_code::unknown_member_id) {
    REQUIRE(std::chrono::steady_clock::now() < until);
    std::this_thread::yield();
  }
  fake_->cluster().move_coordinator(0, name, broker_);
  return name;
}

std::string both::transactional_id() {
  const auto until = std::chrono::steady_clock::now() + longest_preparation;
  find_coordinator_request find;
  find.key_type = 1;
  while (true) {
    REQUIRE(std::chrono::steady_clock::now() < until);
    find.coordinator_key = fresh_name();
    const auto found = real_->ask(find, 3);
    if (found->error_code == error_code::none && found->node_id == broker_id{broker_})
      break;
    std::this_thread::yield();
  }
  // The coordinator first reads what it has stored.
  const describe_transactions_request nobody{{find.coordinator_key}};
  while (real_->ask(nobody, 0)->transaction_states.at(0).error_code
    != error_code::transactional_id_not_found) {
    REQUIRE(std::chrono::steady_clock::now() < until);
    std::this_thread::yield();
  }
  fake_->cluster().move_coordinator(1, find.coordinator_key, broker_);
  return find.coordinator_key;
}

std::string both::topic(
  std::int32_t partitions, std::vector<creatable_topic_config> configs) {
  create_topics_request request;
  auto& t = request.topics.emplace_back();
  t.name = fresh_name();
  t.num_partitions = -1;
  t.replication_factor = -1;
  for (std::int32_t p = 0; p != partitions; ++p)
    t.assignments.push_back({p, {broker_}});
  t.configs = std::move(configs);
  for (auto* target : {&real(), &fake()}) {
    const auto made = target->ask(request, 4);
    REQUIRE(made);
    REQUIRE(made->topics.at(0).error_code == error_code::none);
    const auto until = std::chrono::steady_clock::now() + 20s;
    const auto leads = [&] {
      for (std::int32_t p = 0; p != partitions; ++p) {
        const auto listed = target->ask(listing(-1, p, t.name), 5);
        if (only(*listed).error_code != error_code::none)
          return false;
      }
      return true;
    };
    while (!leads()) {
      REQUIRE(std::chrono::steady_clock::now() < until);
      std::this_thread::yield();
    }
  }
  return t.name;
}

uuid id_of(answering& target, const std::string& topic) {
  const auto known = target.ask(asking_about({topic}), 12);
  REQUIRE(known);
  return known->topics.at(0).topic_id;
}

void both::clean(api_versions_response& r) {
  r.throttle_time_ms = 0;
  r.supported_features.clear();
  r.finalized_features.clear();
  r.finalized_features_epoch = -1;
  r.zk_migration_ready = false;
}

void both::clean(metadata_response& r) {
  r.throttle_time_ms = 0;
  for (auto& b : r.brokers) {
    b.host = "host";
    b.port = 1;
    b.rack.reset();
  }
  r.cluster_id = "id";
  std::ranges::sort(r.brokers, {}, &metadata_response_broker::node_id);
  if (r.controller_id.value() >= 0)
    r.controller_id = 1;
  std::ranges::sort(r.topics, {}, [](const auto& t) { return t.name.value_or(""); });
  for (auto& t : r.topics)
    clear(t.topic_id);
}

void both::clean(produce_response& r) {
  r.throttle_time_ms = 0;
  for (auto& t : r.responses) {
    clear(t.topic_id);
    for (auto& p : t.partition_responses) {
      p.error_message.reset();
      for (auto& e : p.record_errors)
        e.batch_index_error_message.reset();
      if (p.log_append_time_ms > 0)
        p.log_append_time_ms = 1;
    }
  }
}

void both::clean(fetch_response& r) {
  r.throttle_time_ms = 0;
  if (r.session_id != 0)
    r.session_id = 1;
  for (auto& t : r.responses)
    clear(t.topic_id);
}

void both::clean(list_offsets_response& r) {
  r.throttle_time_ms = 0;
}

void both::clean(init_producer_id_response& r) {
  r.throttle_time_ms = 0;
  if (r.producer_id > 0)
    r.producer_id = 1;
}

void both::clean(find_coordinator_response& r) {
  r.throttle_time_ms = 0;
  r.error_message.reset();
  const auto known = [](std::string& host, std::int32_t& port) {
    if (!host.empty()) {
      host = "host";
      port = 1;
    }
  };
  known(r.host, r.port);
  for (auto& c : r.coordinators) {
    known(c.host, c.port);
    c.error_message.reset();
  }
}

void both::clean(offset_commit_response& r) {
  r.throttle_time_ms = 0;
  for (auto& t : r.topics) {
    clear(t.topic_id);
    std::ranges::sort(
      t.partitions, {}, &offset_commit_response_partition::partition_index);
  }
}

void both::clean(offset_fetch_response& r) {
  r.throttle_time_ms = 0;
  for (auto& g : r.groups) {
    for (auto& t : g.topics) {
      clear(t.topic_id);
      std::ranges::sort(
        t.partitions, {}, &offset_fetch_response_partition::partition_index);
    }
  }
}

void both::clean(create_topics_response& r) {
  r.throttle_time_ms = 0;
  std::ranges::sort(r.topics, {}, &creatable_topic_result::name);
  for (auto& t : r.topics) {
    clear(t.topic_id);
    t.error_message.reset();
    t.configs.reset(); // A real broker lists all that there are.
  }
}

void both::clean(delete_topics_response& r) {
  r.throttle_time_ms = 0;
  std::ranges::sort(r.responses, {}, [](const auto& t) { return t.name.value_or(""); });
  for (auto& t : r.responses) {
    clear(t.topic_id);
    t.error_message.reset();
  }
}

void both::clean(join_group_response& r) {
  r.throttle_time_ms = 0;
  const auto mask = [](std::string& id) {
    if (!id.empty())
      id = "member";
  };
  mask(r.leader);
  mask(r.member_id);
  for (auto& m : r.members)
    mask(m.member_id);
}

void both::clean(leave_group_response& r) {
  r.throttle_time_ms = 0;
  for (auto& m : r.members) {
    if (!m.member_id.empty())
      m.member_id = "member";
  }
}

namespace {

/// Each has its own ids of topics, and its own order of what has none.
template <class Topic>
void in_order(std::vector<Topic>& topics) {
  for (auto& t : topics) {
    clear(t.topic_id);
    std::ranges::sort(t.partitions);
  }
  std::ranges::sort(topics, {}, &Topic::partitions);
}

} // namespace

void both::clean(consumer_group_heartbeat_response& r) {
  r.throttle_time_ms = 0;
  r.error_message.reset();
  if (r.assignment)
    in_order(r.assignment->topic_partitions);
}

void both::clean(consumer_group_describe_response& r) {
  r.throttle_time_ms = 0;
  std::ranges::sort(r.groups, {}, &consumer_group_describe_group::group_id);
  for (auto& g : r.groups) {
    g.error_message.reset();
    std::ranges::sort(g.members, {}, &consumer_group_describe_member::member_id);
    for (auto& m : g.members) {
      std::ranges::sort(m.subscribed_topic_names);
      in_order(m.assignment.topic_partitions);
      in_order(m.target_assignment.topic_partitions);
    }
  }
}

void both::clean(describe_groups_response& r) {
  r.throttle_time_ms = 0;
  std::ranges::sort(r.groups, {}, &described_group::group_id);
  for (auto& g : r.groups) {
    g.error_message.reset();
    for (auto& m : g.members)
      m.member_id = "member";
  }
}

void both::clean(delete_groups_response& r) {
  r.throttle_time_ms = 0;
  std::ranges::sort(r.results, {}, &deletable_group_result::group_id);
}

void both::clean(offset_delete_response& r) {
  r.throttle_time_ms = 0;
  for (auto& t : r.topics)
    std::ranges::sort(
      t.partitions, {}, &offset_delete_response_partition::partition_index);
}

void both::clean(list_groups_response& r) {
  r.throttle_time_ms = 0;
  std::ranges::sort(r.groups, {}, &listed_group::group_id);
}

} // namespace fake_against_kafka
