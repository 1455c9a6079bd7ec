#include "dispatcher_fixture.hpp"
#include <cafka/protocol/messages/heartbeat.hpp>
#include <cafka/testing/model/fake_cluster.hpp>

#include <functional>
#include <random>

using namespace dispatcher_fixture;
using cafka::testing::cluster_options;
using cafka::testing::fake_cluster;
using cafka::testing::refuse;

namespace {

/// How a broker treats its clients.
enum class mood : std::uint8_t {
  well,
  refuses,  ///< Nobody listens.
  swallows, ///< Takes packets and says nothing.
  flaps,    ///< Agrees on versions and closes the connection at the first request.
  babbles,  ///< Answers with garbage.
};

/// A cluster of three brokers, a client and the time, all made up from a seed.
class simulation final : public driven_dispatcher::output {
public:
  explicit simulation(std::uint32_t seed)
    : random_(seed), cluster_(three_brokers()), machine_(options(seed), *this) {
    for (int t = 0; t < topics; ++t) {
      cluster_.create_topic(topic(t));
      elect(t, 1 + t % brokers);
    }
    for (int g = 0; g < groups; ++g)
      coordinate(g, 1 + g);
    // Some clusters begin old, and are renewed broker by broker.
    for (auto& release : old_)
      if (seed % 3 == 0)
        release = old_releases[static_cast<std::size_t>(roll(3))];
  }
  virtual ~simulation() = default;

  /// Faults and calls for so long; then all is well, and everything must come to an end.
  void run(milliseconds length) {
    const auto end = now_ + length;
    machine_.start(now_);
    plan(0ms, [this, end] { submit_now_and_again(end); });
    plan(0ms, [this, end] { mischief(end); });
    turn_until(end);
    for (auto& m : mood_)
      m = mood::well;
    for (int t = 0; t < topics; ++t)
      elect(t, 1 + t % brokers);
    for (int g = 0; g < groups; ++g)
      coordinate(g, 1 + g);
    turn_until(now_ + 30s);
    CHECK(machine_.pending() == 0);
    for (const auto& c : calls_)
      CHECK(c->finished == 1);
    // Of what rested nothing is left: three lanes to each broker, and the first contact.
    CHECK(connections_.size() <= 3 * brokers + 1);
    // Whatever has happened, the client is well again.
    for (int t = 0; t < topics; ++t) {
      auto& c = submit(asking_leader(topic(t)), 30s);
      turn_until(now_ + 30s);
      INFO(to_string(c.outcome));
      CHECK(c.succeeded());
    }
    for (int g = 0; g < groups; ++g) {
      auto& c = submit(asking_coordinator(group(g)), 30s);
      turn_until(now_ + 30s);
      INFO(to_string(c.outcome));
      CHECK((c.succeeded() || old_[0] == kafka_version{0, 8, 1}
        || old_[1] == kafka_version{0, 8, 1} || old_[2] == kafka_version{0, 8, 1}));
    }
  }

  struct tally {
    std::size_t calls = 0;
    std::size_t succeeded = 0;
    std::map<error_code, std::size_t> failed;
  };

  [[nodiscard]] tally counted() const {
    tally sum;
    for (const auto& c : calls_) {
      ++sum.calls;
      if (c->succeeded())
        ++sum.succeeded;
      else
        ++sum.failed[c->outcome.code];
    }
    return sum;
  }

private:
  static constexpr int brokers = 3;
  static constexpr std::array<kafka_version, 3> old_releases{
    {{0, 8, 1}, {0, 8, 2}, {0, 9, 0}}};
  static constexpr int topics = 4;
  static constexpr int groups = 3;
  static constexpr std::size_t most_resting = 4;
  /// What the dispatcher may do in a virtual second beside sending what is new.
  static constexpr std::size_t most_connects = 120;

  struct known_call : fate {
    call::traits what;
    time_point deadline;
    int sent = 0;
    int answered = 0;
  };

  class tagged_call final : public call {
  public:
    tagged_call(simulation& world, std::size_t number)
      : call(traits{world.calls_[number]->what}), world_(world), number_(number) {}

    result<frame> encode(std::int16_t version, std::int32_t correlation_id,
      std::string_view client_id, const cluster&) override {
      list_offsets_request request;
      request.topics.emplace_back().name = std::to_string(number_);
      return encode_request(request, version, correlation_id, client_id);
    }

    error receive(std::int16_t version, const shared_bytes& payload, cluster&) override {
      auto& c = *world_.calls_[number_];
      REQUIRE(c.finished == 0);
      ++c.answered;
      const auto answer = read_answer<list_offsets_response>(payload, version);
      if (!answer)
        return answer.error();
      REQUIRE(answer->topics.at(0).name == std::to_string(number_));
      return {answer->topics[0].partitions.at(0).error_code, {}};
    }

    void finish(error outcome) override {
      auto& c = *world_.calls_[number_];
      REQUIRE(++c.finished == 1);
      REQUIRE(world_.now_ <= c.deadline);
      c.outcome = std::move(outcome);
    }

  private:
    simulation& world_;
    std::size_t number_;
  };

  struct connection {
    int broker = 0;
    bool closing = false;   // Its end is on its way to the client.
    bool swallowed = false; // Nothing comes back any more.
    time_point last_answer;
    std::size_t unanswered = 0;
    std::optional<bool> for_resting;
  };

  static dispatcher_options options(std::uint32_t seed) {
    dispatcher_options result;
    for (int b = 1; b <= brokers; ++b)
      result.brokers.push_back(address(b));
    result.seed = seed;
    result.socket_timeout = 2s;
    result.request_timeout = 5s;
    result.metadata_max_age = seed % 2 == 0 ? 0ms : 3'000ms;
    result.coordinator_query_interval = seed % 2 == 0 ? 3'000ms : 0ms;
    result.max_resting = most_resting;
    result.resting_idle = 2s;
    return result;
  }

  static cluster_options three_brokers() {
    cluster_options o;
    o.brokers = brokers;
    o.auto_create_topics = false;
    return o;
  }

  // -- chance and time

  int roll(int sides) {
    return static_cast<int>(std::uniform_int_distribution<>(0, sides - 1)(random_));
  }
  bool chance(int percent) { return roll(100) < percent; }
  milliseconds up_to(int limit) { return milliseconds{1 + roll(limit)}; }

  void plan(milliseconds delay, std::function<void()> what) {
    events_.emplace(now_ + delay, std::move(what));
  }

  /// An event loop as the worker is one, but for the time, which jumps.
  void turn_until(time_point end) {
    while (true) {
      const auto timer = machine_.next_time();
      const auto event = events_.empty() ? time_point::max() : events_.begin()->first;
      if (std::min(timer, event) > end) {
        now_ = end;
        return;
      }
      if (event <= timer) {
        now_ = event;
        const auto what = std::move(events_.begin()->second);
        events_.erase(events_.begin());
        what();
      } else {
        REQUIRE(timer >= now_);
        now_ = timer;
        machine_.on_time(now_);
        // Or the loop would turn without time to pass.
        REQUIRE(machine_.next_time() > now_);
      }
    }
  }

  // -- the client's side

  void connect(std::uint64_t id, const endpoint& to) override {
    if (now_ >= second_ + 1s) {
      second_ = now_;
      connects_this_second_ = 0;
    }
    REQUIRE(++connects_this_second_ <= most_connects);
    const auto broker = to.host.back() - '0';
    REQUIRE(to == address(broker));
    auto& c = connections_[id];
    REQUIRE(c.broker == 0);
    c.broker = broker;
    c.last_answer = now_;
    switch (mood_[broker - 1]) {
    case mood::refuses: close(id, error_code::connection_failed, up_to(3)); break;
    case mood::swallows: close(id, error_code::connection_failed, 1s); break;
    default:
      plan(up_to(5), [this, id] {
        if (const auto at = connections_.find(id);
            at != connections_.end() && !at->second.closing)
          machine_.on_up(now_, id);
      });
    }
  }

  send_status send(std::uint64_t id, frame bytes) override {
    const auto found = connections_.find(id);
    REQUIRE(found != connections_.end());
    auto& c = found->second;
    if (c.closing)
      return send_status::closed;
    if (troubled_ && roll(500) == 0)
      return send_status::full;
    const auto payload = payload_of(bytes);
    reader in{payload};
    const auto header = read_request_header(in);
    auto longest = 20;
    if (const auto number = call_of(payload)) {
      const auto& call = *calls_.at(*number);
      note_sent(*calls_[*number]);
      REQUIRE(now_ >= throttled_until_[c.broker - 1]);
      const bool rests = call.what.lane == lane::resting;
      // What rests and what does not never share a connection, nor do two that rest while
      // there may be more connections.
      REQUIRE(c.for_resting.value_or(rests) == rests);
      c.for_resting = rests;
      if (rests && c.unanswered > 0)
        REQUIRE(connections_to(c.broker) >= most_resting);
      ++c.unanswered;
      longest = rests ? 3'000 : 20;
    }
    const auto m = mood_[c.broker - 1];
    if (c.swallowed || m == mood::swallows) {
      c.swallowed = true;
    } else if (const auto old = old_[c.broker - 1]; old && !knows(*old, header)) {
      // An old broker is not asked for what it does not know, but to find out how old it
      // is.
      REQUIRE((header.key == api_key::api_versions || header.key == api_key::heartbeat));
      if (*old < kafka_version{0, 9, 0})
        close(id, error_code::disconnected, up_to(3));
    } else if (m == mood::flaps && header.key != api_key::api_versions) {
      close(id, error_code::disconnected, up_to(3));
    } else {
      // Answers to one connection come in order.
      c.last_answer = std::max(c.last_answer, now_ + up_to(longest));
      events_.emplace(c.last_answer, [this, id, payload] { answer(id, payload); });
    }
    return send_status::queued;
  }

  static bool knows(kafka_version old, const request_header& header) {
    const auto versions = versions_of(old).find(header.key);
    return (versions && versions->contains(header.version))
      || (header.key == api_key::heartbeat && old == kafka_version{0, 8, 2});
  }

  void disconnect(std::uint64_t id) override { REQUIRE(connections_.erase(id) == 1); }

  known_call& submit(call::traits what, milliseconds deadline) {
    const auto number = calls_.size();
    auto& c = *calls_.emplace_back(std::make_unique<known_call>());
    c.what = std::move(what);
    c.deadline = now_ + deadline;
    c.what.deadline = deadline;
    machine_.submit(now_, std::make_unique<tagged_call>(*this, number));
    return c;
  }

  void submit_now_and_again(time_point end) {
    auto what = asking(somewhere());
    what.repeatable = chance(60);
    what.answered = chance(90);
    what.lane = chance(20) ? lane::long_poll : lane::normal;
    if (std::holds_alternative<coordinator_of>(what.where))
      what.lane = lane::group;
    if ((what.lane == lane::group || std::holds_alternative<leader_of>(what.where))
      && chance(10)) {
      what = resting(std::move(what), 3s);
      what.answered = true;
    }
    submit(std::move(what), chance(10) ? up_to(20) : up_to(4'000));
    // Sometimes a worker is woken for nothing.
    if (chance(5))
      machine_.on_time(now_);
    if (now_ < end)
      plan(up_to(30), [this, end] { submit_now_and_again(end); });
  }

  target somewhere() {
    const auto dice = roll(10);
    if (dice < 2)
      return coordinator_of{
        chance(80) ? coordinator_type::group : coordinator_type::transaction,
        group(roll(groups))};
    if (dice < 7)
      return leader_of{topic(roll(topics + 1)), roll(20) == 0 ? 1 : 0, chance(10)};
    if (dice == 7)
      return any_broker{};
    if (dice == 8)
      return controller_broker{};
    return broker_id{1 + roll(brokers + 1)};
  }

  void note_sent(known_call& c) {
    ++c.sent;
    REQUIRE(c.finished == 0);
    // What may not be repeated goes again only after an answer that it did not happen.
    if (!c.what.repeatable)
      REQUIRE(c.sent <= c.answered + 1);
  }

  // -- the brokers' side

  static std::string topic(int number) { return "t" + std::to_string(number); }
  static std::string group(int number) { return "g" + std::to_string(number); }

  /// Of a group and of the transactional id that is called the same.
  int& coordinator(const coordinator_of& what) {
    return coordinators_.at(static_cast<std::size_t>(what.key.back() - '0'));
  }

  [[nodiscard]] std::size_t connections_to(int broker) const {
    return static_cast<std::size_t>(std::ranges::count_if(
      connections_, [&](const auto& c) { return c.second.broker == broker; }));
  }

  /// The call that a request is of; one about no topic is the dispatcher's own.
  static std::optional<std::size_t> call_of(const shared_bytes& payload) {
    reader in{payload};
    const auto header = read_request_header(in);
    if (header.key != api_key::list_offsets)
      return std::nullopt;
    list_offsets_request request;
    decode(in, request, header.version);
    REQUIRE(in.ok());
    if (request.topics.empty())
      return std::nullopt;
    return std::stoul(request.topics.at(0).name);
  }

  template <class Request>
  static Request asked(const shared_bytes& payload) {
    reader in{payload};
    const auto header = read_request_header(in);
    Request request;
    decode(in, request, header.version);
    REQUIRE(in.ok());
    return request;
  }

  void close(std::uint64_t id, error_code code, milliseconds delay) {
    const auto found = connections_.find(id);
    if (found == connections_.end() || std::exchange(found->second.closing, true))
      return;
    plan(delay, [this, id, code] {
      if (connections_.erase(id) > 0)
        machine_.on_down(now_, id, {code, "fault"});
    });
  }

  void answer(std::uint64_t id, const shared_bytes& payload) {
    const auto found = connections_.find(id);
    if (found == connections_.end() || found->second.closing || found->second.swallowed)
      return;
    const auto broker = found->second.broker;
    if (call_of(payload))
      --found->second.unanswered;
    reader in{payload};
    const auto header = read_request_header(in);
    if (mood_[broker - 1] == mood::babbles && chance(50)) {
      machine_.on_frame(now_, id, shared_bytes::copy_of("what did you say?"));
    } else if (header.key == api_key::api_versions) {
      reply(id, header, versions_up_to());
    } else if (header.key == api_key::metadata) {
      reply(id, header,
        *cluster_.ask(now_, broker, asked<metadata_request>(payload), header.version));
    } else if (header.key == api_key::find_coordinator) {
      const auto request = asked<find_coordinator_request>(payload);
      if (troubled_ && chance(10))
        reply(id, header,
          refuse(request, header.version, error_code::coordinator_not_available));
      else if (troubled_ && chance(2))
        reply(id, header,
          refuse(request, header.version, error_code::group_authorization_failed));
      else
        reply(id, header, *cluster_.ask(now_, broker, request, header.version));
    } else if (header.key == api_key::heartbeat) {
      heartbeat_response response;
      response.error_code = old_[broker - 1] == kafka_version{0, 8, 2}
        ? error_code::unknown_server_error
        : error_code::invalid_group_id;
      reply(id, header, response);
    } else if (const auto number = call_of(payload); !number) {
      reply(id, header, list_offsets_response{});
    } else {
      const auto& what = calls_.at(*number)->what;
      if (!what.answered)
        return;
      auto response = offsets(outcome_at(broker, what.where));
      response.topics[0].name = std::to_string(*number);
      // What nobody waits for is not read.
      if (troubled_ && chance(2) && calls_.at(*number)->finished == 0
        && header.version >= list_offsets_response::client_throttles_since) {
        response.throttle_time_ms = 1 + roll(300);
        throttled_until_[broker - 1] = now_ + milliseconds{response.throttle_time_ms};
      }
      reply(id, header, response);
    }
  }

  template <class Response>
  void reply(std::uint64_t id, const request_header& header, const Response& response) {
    const auto bytes = encode_response(response, header.version, header.correlation_id);
    REQUIRE(bytes);
    machine_.on_frame(now_, id, payload_of(*bytes));
  }

  error_code outcome_at(int broker, const target& where) {
    if (const auto* l = std::get_if<leader_of>(&where)) {
      if (cluster_.topic_id(l->topic).is_zero() || cluster_.leader(l->topic, 0) != broker)
        return error_code::not_leader_or_follower;
    }
    if (const auto* what = std::get_if<coordinator_of>(&where);
        what != nullptr && coordinator(*what) != broker)
      return error_code::not_coordinator;
    if (std::holds_alternative<controller_broker>(where) && controller_ != broker)
      return error_code::not_controller;
    if (troubled_ && chance(3))
      return error_code::coordinator_load_in_progress;
    if (troubled_ && chance(1))
      return error_code::group_authorization_failed;
    return error_code::none;
  }

  void elect(int t, int leader) { cluster_.move_leader(topic(t), 0, leader); }

  /// -1 for none, as below.
  void coordinate(int g, int broker) {
    coordinators_.at(static_cast<std::size_t>(g)) = broker;
    for (const auto type : {coordinator_type::group, coordinator_type::transaction})
      cluster_.move_coordinator(static_cast<std::int8_t>(type), group(g), broker);
  }

  void control(int broker) {
    controller_ = broker;
    cluster_.move_controller(broker);
  }

  void mischief(time_point end) {
    if (now_ >= end) {
      troubled_ = false;
      return;
    }
    const auto broker = 1 + roll(brokers);
    switch (roll(6)) {
    case 0:
    case 1: mood_[broker - 1] = static_cast<mood>(roll(5)); break;
    case 2: elect(roll(topics), roll(brokers + 1) - 1); break;
    case 3: control(chance(20) ? -1 : broker); break;
    case 4: mood_[broker - 1] = mood::well; break;
    case 5: coordinate(roll(groups), chance(20) ? -1 : broker); break;
    }
    // A broker that changes its mood often drops whom it knows.
    auto& old = old_[broker - 1];
    const bool renewed = old && chance(5);
    if (renewed)
      old.reset();
    if (renewed || chance(50)) {
      std::vector<std::uint64_t> known;
      for (const auto& [id, c] : connections_)
        if (c.broker == broker)
          known.push_back(id);
      for (const auto id : known)
        close(id, error_code::disconnected, up_to(5));
    }
    plan(up_to(600), [this, end] { mischief(end); });
  }

  std::mt19937 random_;
  time_point now_ = time_point{} + 1h;
  std::multimap<time_point, std::function<void()>> events_;
  std::map<std::uint64_t, connection> connections_;
  std::vector<std::unique_ptr<known_call>> calls_;
  std::array<mood, brokers> mood_{};
  std::array<std::optional<kafka_version>, brokers> old_;
  std::array<time_point, brokers> throttled_until_{};
  fake_cluster cluster_;
  int controller_ = 1;
  std::array<int, groups> coordinators_{};
  bool troubled_ = true;
  std::size_t connects_this_second_ = 0;
  time_point second_;
  driven_dispatcher machine_;
};

} // namespace

TEST_CASE(
  "whatever brokers do, every call ends once and by its deadline", "[dispatcher]") {
  simulation::tally sum;
  for (std::uint32_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    simulation world{seed};
    world.run(30s);
    const auto one = world.counted();
    sum.calls += one.calls;
    sum.succeeded += one.succeeded;
    for (const auto& [code, count] : one.failed)
      sum.failed[code] += count;
  }
  // The simulation reached what it is there for.
  CHECK(sum.calls > 20'000);
  CHECK(sum.succeeded > sum.calls / 4);
  for (const auto code :
    {error_code::timed_out, error_code::outcome_unknown, error_code::queue_full,
      error_code::unknown_topic_or_partition, error_code::broker_not_available,
      error_code::group_authorization_failed, error_code::disconnected}) {
    INFO(name(code));
    CHECK(sum.failed[code] > 0);
  }
}
