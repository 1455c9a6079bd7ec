#pragma once

#include "driven_dispatcher.hpp"
#include <cafka/protocol/machines/dispatcher.hpp>
#include <cafka/protocol/messages/api_versions.hpp>
#include <cafka/protocol/messages/find_coordinator.hpp>
#include <cafka/protocol/messages/list_offsets.hpp>
#include <cafka/protocol/messages/metadata.hpp>

#include <catch2/catch_test_macros.hpp>

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace dispatcher_fixture {

using namespace cafka::protocol;
using namespace std::chrono_literals;
using std::chrono::milliseconds;

/// A frame without its length, as the other side receives it.
inline shared_bytes payload_of(const frame& f) {
  std::vector<std::byte> all;
  for (const auto& part : f.parts)
    all.insert(all.end(), part.view().begin(), part.view().end());
  REQUIRE(all.size() == f.size);
  return shared_bytes::from({all.begin() + 4, all.end()});
}

/// The result of a call.
struct fate {
  int finished = 0;
  error outcome;
  /// How often it was encoded, and the last version.
  int encoded = 0;
  std::int16_t version = -1;

  [[nodiscard]] bool succeeded() const {
    return finished == 1 && outcome.code == error_code::none;
  }
  [[nodiscard]] bool failed_with(error_code code) const {
    return finished == 1 && outcome.code == code;
  }
  [[nodiscard]] bool says(std::string_view text) const {
    return outcome.detail.find(text) != std::string::npos;
  }
};

inline call::traits asking(target where) {
  call::traits what;
  what.key = list_offsets_request::key;
  what.versions = list_offsets_request::versions;
  what.where = std::move(where);
  return what;
}

inline call::traits asking_leader(std::string topic, std::int32_t partition = 0) {
  return asking(leader_of{std::move(topic), partition});
}

inline call::traits asking_coordinator(
  std::string group, coordinator_type type = coordinator_type::group) {
  return asking(coordinator_of{type, std::move(group)});
}

/// The same in a lane of its own for each call.
inline call::traits resting(call::traits what, milliseconds answer_timeout = 60s) {
  what.lane = lane::resting;
  what.answer_timeout = answer_timeout;
  return what;
}

/// A ListOffsets that tells its result.
class test_call final : public call {
public:
  test_call(traits what, std::shared_ptr<fate> f)
    : call(std::move(what)), fate_(std::move(f)) {}

  result<frame> encode(std::int16_t version, std::int32_t correlation_id,
    std::string_view client_id, const cluster&) override {
    CHECK(fate_->finished == 0);
    ++fate_->encoded;
    fate_->version = version;
    return encode_request(list_offsets_request{}, version, correlation_id, client_id);
  }

  error receive(std::int16_t version, const shared_bytes& payload, cluster&) override {
    CHECK(fate_->finished == 0);
    CHECK(version == fate_->version);
    const auto answer = read_answer<list_offsets_response>(payload, version);
    if (!answer)
      return answer.error();
    return {answer->topics.at(0).partitions.at(0).error_code, "as the broker says"};
  }

  bool may_retry(error_code code) const override {
    return is_retriable(code) && code != error_code::request_timed_out;
  }

  void finish(error outcome) override {
    ++fate_->finished;
    fate_->outcome = std::move(outcome);
  }

private:
  std::shared_ptr<fate> fate_;
};

inline list_offsets_response offsets(error_code code = error_code::none) {
  list_offsets_response answer;
  answer.topics.emplace_back().partitions.emplace_back().error_code = code;
  return answer;
}

inline api_versions_response versions_up_to(std::int16_t list_offsets_max = 11) {
  api_versions_response answer;
  answer.api_keys = {{2, 0, list_offsets_max}, {3, 0, 13}, {10, 0, 6}, {18, 0, 4}};
  return answer;
}

/// What a FindCoordinator asks about.
inline coordinator_of coordinated(const request_header& header, shared_bytes payload) {
  reader in{std::move(payload)};
  (void)read_request_header(in);
  find_coordinator_request asked;
  decode(in, asked, header.version);
  REQUIRE(in.ok());
  return {static_cast<coordinator_type>(asked.key_type),
    header.version >= 4 ? asked.coordinator_keys.at(0) : asked.coordinator_key};
}

/// Its answer, in the form of the version.
inline find_coordinator_response coordinator_at(std::int16_t version, std::string key,
  broker_id id, endpoint where, error_code code = error_code::none) {
  find_coordinator_response answer;
  if (version >= 4) {
    answer.coordinators.push_back(
      {std::move(key), id, std::move(where.host), where.port, code, {}});
  } else {
    answer.node_id = id;
    answer.host = std::move(where.host);
    answer.port = where.port;
    answer.error_code = code;
  }
  return answer;
}

/// The broker with number `id` listens at `b<id>:9092`.
inline endpoint address(std::int32_t id) {
  return {"b" + std::to_string(id), 9092};
}

struct led_topic {
  std::string name;
  /// By partition; -1 for none.
  std::vector<std::int32_t> leaders;
  std::int32_t epoch = 0;
  error_code status = error_code::none;
};

inline metadata_response about(const std::vector<std::int32_t>& brokers,
  const std::vector<led_topic>& topics, std::int32_t controller = -1) {
  metadata_response answer;
  answer.controller_id = controller;
  for (const auto id : brokers) {
    auto& b = answer.brokers.emplace_back();
    b.node_id = id;
    b.host = address(id).host;
    b.port = address(id).port;
  }
  for (const auto& t : topics) {
    auto& out = answer.topics.emplace_back();
    out.name = t.name;
    out.error_code = t.status;
    out.topic_id.bytes.fill(1);
    for (const auto leader : t.leaders) {
      auto& p = out.partitions.emplace_back();
      p.partition_index = static_cast<std::int32_t>(out.partitions.size() - 1);
      p.leader_id = leader;
      p.leader_epoch = t.epoch;
    }
  }
  return answer;
}

/// A request that reached a broker.
struct request {
  std::uint64_t connection = 0;
  request_header header;
  shared_bytes payload;

  /// The topics a Metadata request names, as `a,b`.
  [[nodiscard]] std::string topics() const { return names_of(metadata()); }

  [[nodiscard]] metadata_request metadata() const {
    REQUIRE(header.key == api_key::metadata);
    reader in{payload};
    (void)read_request_header(in);
    metadata_request asked;
    decode(in, asked, header.version);
    REQUIRE(in.ok());
    return asked;
  }

private:
  static std::string names_of(const metadata_request& asked) {
    std::string all;
    for (const auto& t : *asked.topics)
      all += (all.empty() ? "" : ",") + *t.name;
    return all;
  }
};

/// A dispatcher whose world is the test: it logs what the dispatcher does, and its
/// brokers say what the test wants, when it wants it.
class bed : public driven_dispatcher::output {
public:
  explicit bed(dispatcher_options options = plain())
    : machine(std::move(options), *this) {}
  virtual ~bed() = default;

  /// Bootstraps from broker 1 alone, without jitter.
  static dispatcher_options plain() {
    dispatcher_options options;
    options.brokers = {address(1)};
    options.reconnect_backoff.jitter = 0;
    options.retry_backoff.jitter = 0;
    return options;
  }

  // -- what the dispatcher does

  void connect(std::uint64_t connection, const endpoint& to) override {
    CHECK(open.emplace(connection, to).second);
    log.push_back("connect " + to_string(to));
  }

  send_status send(std::uint64_t connection, frame bytes) override {
    REQUIRE(open.contains(connection));
    if (next_send != send_status::queued) {
      ++refused_sends;
      return next_send;
    }
    request r;
    r.connection = connection;
    r.payload = payload_of(bytes);
    reader in{r.payload};
    r.header = read_request_header(in);
    log.push_back(to_string(open.at(connection)) + ' ' + name(r.header.key));
    requests.push_back(std::move(r));
    return send_status::queued;
  }

  void disconnect(std::uint64_t connection) override {
    log.push_back("disconnect " + to_string(open.at(connection)));
    forget(connection);
  }

  void happened(const log_line& what) override {
    told.push_back(std::string{to_string(what.level)} + ' ' + what.text);
  }

  // -- what the world does

  std::shared_ptr<fate> submit(call::traits what, milliseconds deadline = 0ms) {
    auto f = std::make_shared<fate>();
    what.deadline = deadline;
    machine.submit(now, std::make_unique<test_call>(std::move(what), f));
    return f;
  }

  /// The newest connection to a broker.
  std::uint64_t connection_to(const endpoint& to) const {
    std::uint64_t found = 0;
    for (const auto& [connection, place] : open)
      found = place == to ? connection : found;
    INFO(to_string(to));
    REQUIRE(found != 0);
    return found;
  }
  std::uint64_t connection_to(std::int32_t broker) const {
    return connection_to(address(broker));
  }

  /// The oldest request of an API that nobody answered yet, to one broker or any.
  request take(api_key key, std::int32_t broker = -1) {
    for (auto at = requests.begin(); at != requests.end(); ++at) {
      if (at->header.key != key
        || (broker >= 0 && open.at(at->connection) != address(broker)))
        continue;
      auto found = std::move(*at);
      requests.erase(at);
      return found;
    }
    FAIL("no request " << name(key) << " to broker " << broker);
    return {};
  }

  [[nodiscard]] std::size_t count(api_key key) const {
    std::size_t found = 0;
    for (const auto& r : requests)
      found += r.header.key == key ? 1U : 0U;
    return found;
  }

  template <class Response>
  void answer(const request& r, const Response& response) {
    const auto bytes =
      encode_response(response, r.header.version, r.header.correlation_id);
    REQUIRE(bytes);
    REQUIRE(++steps_ < most_steps);
    machine.on_frame(now, r.connection, payload_of(*bytes));
  }

  /// Broker takes the connection and agrees on versions.
  void welcome(
    std::int32_t broker, const api_versions_response& versions = versions_up_to()) {
    const auto connection = connection_to(broker);
    welcomed_.insert(connection);
    machine.on_up(now, connection);
    answer(take(api_key::api_versions, broker), versions);
  }

  /// The same for each connection to the broker that does not stand yet, and for those
  /// that are made because of it.
  void welcome_all(std::int32_t broker) {
    const auto waits = [&](const auto& c) {
      return c.second == address(broker) && !welcomed_.contains(c.first);
    };
    for (auto at = open.begin(); at != open.end(); ++at) {
      // Ids only grow: those that are made meanwhile come later.
      if (!waits(*at))
        continue;
      welcomed_.insert(at->first);
      machine.on_up(now, at->first);
      answer(take(api_key::api_versions, broker), versions_up_to());
    }
  }

  void answer_metadata(const metadata_response& response) {
    answer(take(api_key::metadata), response);
  }

  void answer_offsets(std::int32_t broker, error_code code = error_code::none) {
    answer(take(api_key::list_offsets, broker), offsets(code));
  }

  /// Answers the oldest FindCoordinator; returns what it asked about.
  coordinator_of answer_coordinator(
    std::int32_t broker, error_code code = error_code::none) {
    const auto asked = take(api_key::find_coordinator);
    const auto what = coordinated(asked.header, asked.payload);
    answer(asked,
      coordinator_at(asked.header.version, what.key, broker, address(broker), code));
    return what;
  }

  void down(std::int32_t broker, std::string why = "reset") {
    const auto connection = connection_to(broker);
    forget(connection);
    machine.on_down(now, connection, {error_code::disconnected, std::move(why)});
  }

  void refuse(std::int32_t broker) {
    const auto connection = connection_to(broker);
    forget(connection);
    machine.on_down(now, connection,
      {error_code::connection_failed, to_string(address(broker)) + ": refused"});
  }

  /// Starts, welcomes broker 1 and tells it about the cluster.
  void start(const metadata_response& response) {
    machine.start(now);
    welcome(1);
    answer_metadata(response);
    log.clear();
  }

  void pass(milliseconds time) {
    now += time;
    machine.on_time(now);
  }

  /// Lets the time pass to the next moment the dispatcher asks for.
  void tick() {
    const auto next = machine.next_time();
    REQUIRE(next != time_point::max());
    REQUIRE(next > now);
    REQUIRE(++steps_ < most_steps);
    now = next;
    machine.on_time(now);
  }

  using lines = std::vector<std::string>;
  lines take_log() { return std::exchange(log, {}); }
  lines take_told() { return std::exchange(told, {}); }

  time_point now = time_point{} + 1h;
  lines log;
  /// What it told of, from the level on that the options name.
  lines told;
  std::map<std::uint64_t, endpoint> open;
  std::deque<request> requests;
  send_status next_send = send_status::queued;
  int refused_sends = 0;
  driven_dispatcher machine;

private:
  // A test that waits too long ends here.
  static constexpr int most_steps = 5'000;

  void forget(std::uint64_t connection) {
    open.erase(connection);
    welcomed_.erase(connection);
    std::erase_if(requests, [&](const request& r) { return r.connection == connection; });
  }

  std::set<std::uint64_t> welcomed_;
  int steps_ = 0;
};

/// A bed that knows a cluster of three, where broker 2 leads `t` and broker 3 controls;
/// brokers 1 and 2 are connected.
struct ready_bed : bed {
  explicit ready_bed(dispatcher_options options = plain())
    : bed(with_topic(std::move(options))) {
    start(usual());
    auto first = submit(asking_leader("t"));
    welcome(2);
    answer_offsets(2);
    CHECK(first->succeeded());
    log.clear();
  }

  static metadata_response usual(std::int32_t leader = 2, std::int32_t epoch = 0) {
    return about({1, 2, 3}, {{"t", {leader}, epoch}}, 3);
  }

private:
  static dispatcher_options with_topic(dispatcher_options options) {
    options.initial_topics = {"t"};
    return options;
  }
};

} // namespace dispatcher_fixture
