#include "world.hpp"

#include <algorithm>

namespace cafka::simulate {

using namespace protocol;

namespace {

/// Bounds above what clients need, beside what their programs wait for: a program that
/// asks a worker each millisecond comes to some 2,000 requests within a second; a tenth
/// of that is rare.
constexpr std::uint32_t most_requests_in_a_second = 3'000;
constexpr std::uint32_t most_connections_in_a_second = 60;
/// So much happening within the same microsecond never ends.
constexpr std::uint64_t most_steps_at_once = 100'000;

testing::cluster_options with_seed(testing::cluster_options o, std::uint64_t seed) {
  o.seed = static_cast<std::uint32_t>(seed);
  o.auto_create_topics = false;
  return o;
}

} // namespace

actor::actor(world& w, std::string name)
  : world_(w),
    random_(w.random.fork(name)),
    name_(std::move(name)),
    number_(static_cast<std::uint32_t>(w.flows.size())) {
  w.flows.emplace_back();
}

world::world(std::uint64_t s, testing::cluster_options options)
  : seed(s),
    random(random_source{s}.fork("world")),
    cluster(with_seed(std::move(options), s)),
    net(cluster, plan, story, now, random.fork("network")),
    book(cluster) {
}

result<sasl::login> world::credentials() {
  if (!has_credentials)
    return error{error_code::credentials_unavailable, "there are none"};
  // SCRAM wants 24 characters.
  auto nonce = std::to_string(++nonces_);
  nonce.insert(0, 24 - nonce.size(), '0');
  return sasl::login{sasl::password_login{user, secret{password}}, nonce};
}

bool world::run(duration at_most, const std::function<bool()>& done) {
  const auto end = now + at_most;
  while (!done()) {
    // What a control has just done is on its way at once.
    net.hand_back();
    auto next = std::min(plan.next(), cluster.next_time());
    actor* wakes = nullptr;
    for (const auto& a : actors) {
      if (const auto t = a->next_alarm(); t < next) {
        next = t;
        wakes = a.get();
      }
    }
    if (next > end) {
      now = end;
      return done();
    }
    ++steps;
    if (next > now)
      steps_at_once_ = 0;
    else if (++steps_at_once_ > most_steps_at_once)
      throw broken_promise{
        "it spins: " + (wakes == nullptr ? std::string{"the network"} : wakes->name())};
    now = std::max(now, next);
    if (wakes != nullptr) {
      wakes->on_alarm();
    } else if (plan.next() <= now) {
      plan.take()();
    } else {
      cluster.on_time(now);
      net.hand_back();
    }
  }
  return true;
}

traffic& world::flow_of(const actor& of) {
  auto& flow = flows[of.number()];
  const auto second =
    std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count();
  if (flow.second != second) {
    flow.second = second;
    flow.requests = flow.connections = 0;
    flow.most_outstanding = 0;
  }
  flow.most_outstanding = std::max(flow.most_outstanding, of.outstanding());
  return flow;
}

void world::count_request(const actor& of) {
  auto& flow = flow_of(of);
  flow.most_requests = std::max(flow.most_requests, ++flow.requests);
  if (flow.requests > most_requests_in_a_second + flow.most_outstanding)
    throw broken_promise{of.name() + " sends " + std::to_string(flow.requests)
      + " requests within a second"};
}

void world::count_success(const actor& of) {
  auto& flow = flow_of(of);
  flow.requests -= std::min(flow.requests, 1U);
}

void world::count_connection(const actor& of) {
  auto& flow = flow_of(of);
  flow.most_connections = std::max(flow.most_connections, ++flow.connections);
  if (flow.connections > most_connections_in_a_second + flow.most_outstanding)
    throw broken_promise{of.name() + " connects " + std::to_string(flow.connections)
      + " times within a second"};
}

} // namespace cafka::simulate
