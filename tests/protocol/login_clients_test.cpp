// Whole clients that log in to a fake cluster, in virtual time.
#include "driven_client.hpp"
#include <cafka/protocol/calls/all.hpp>
#include <cafka/protocol/clients/consumer_client.hpp>
#include <cafka/protocol/clients/producer_client.hpp>
#include <cafka/protocol/clients/worker_client.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <optional>
#include <string>
#include <vector>

using namespace cafka;
using namespace std::chrono_literals;
using cafka::testing::fake_cluster;
using cafka::testing::login_lie;
using protocol::api_key;
using protocol::sasl::mechanism;

namespace {

testing::cluster_options wanting_logins(milliseconds session = 0ms) {
  testing::cluster_options options;
  options.sasl.mechanisms = {"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"};
  options.sasl.users = {{"alice", "alice-secret"},
    {"bob,=",
      "b\xc3\xb6"
      "b,="}};
  options.sasl.session_lifetime = session;
  return options;
}

/// What clients log in with, as a program's function may give it.
struct keyring {
  std::string user = "alice";
  std::string password = "alice-secret";
  error missing;
  int asked = 0;
  std::shared_ptr<protocol::sasl::scram_keys> derived =
    std::make_shared<protocol::sasl::scram_keys>();

  result<protocol::sasl::login> operator()(const protocol::ask_credentials&) {
    ++asked;
    if (missing)
      return missing;
    return protocol::sasl::login{
      protocol::sasl::password_login{user, protocol::secret{password}, false},
      "0123456789abcdefghijk" + std::to_string(100 + asked % 900)};
  }
};

protocol::dispatcher_options logging_in(
  const fake_cluster& cluster, const keyring& keys, std::vector<mechanism> by) {
  protocol::dispatcher_options options;
  for (const auto broker : cluster.brokers())
    options.brokers.push_back(cluster.address(broker));
  options.seed = 1;
  options.sasl_mechanisms = std::move(by);
  options.sasl_keys = keys.derived;
  return options;
}

struct logged_in_worker : driven_client<protocol::worker_client> {
  logged_in_worker(
    fake_cluster& cluster, keyring& keys, std::vector<mechanism> by = {mechanism::plain})
    : driven_client(cluster, options_of(cluster, keys, std::move(by))) {
    credentials = [&keys](const auto& asked) { return keys(asked); };
    on_effect = [](effect& e) {
      std::get<std::unique_ptr<protocol::ready_reply>>(e)->deliver();
    };
    client().start(now());
  }

  static protocol::worker_client_options options_of(
    const fake_cluster& cluster, const keyring& keys, std::vector<mechanism> by) {
    protocol::worker_client_options options;
    options.name = "w";
    options.cluster = logging_in(cluster, keys, std::move(by));
    return options;
  }

  template <class Request>
  result<reply_of<Request>> ask(Request request) {
    std::optional<result<reply_of<Request>>> got;
    client().submit({now(), timestamp{1s}}, std::move(request),
      [&](result<reply_of<Request>> reply) { got = std::move(reply); });
    REQUIRE(run(1h, [&] { return got.has_value(); }));
    return *std::move(got);
  }

  result<produced> put(const std::string& value) {
    return ask(produce{.topic = "t", .partition = 0, .records = {{.value = value}}});
  }

  void pass(milliseconds time) {
    static_cast<void>(run(time, [] { return false; }));
  }

  [[nodiscard]] auto logins() { return client().connections().logins_so_far(); }
};

} // namespace

TEST_CASE("a whole worker logs in, to brokers of every age", "[clients][login]") {
  const auto by =
    GENERATE(mechanism::plain, mechanism::scram_sha_256, mechanism::scram_sha_512);
  const auto release = GENERATE(protocol::kafka_version{0, 10, 2},
    protocol::kafka_version{0, 11, 0}, protocol::kafka_version{1, 0},
    protocol::kafka_version{2, 8}, protocol::kafka_version{4, 3});
  const auto user = GENERATE(std::pair{"alice", "alice-secret"},
    std::pair{"bob,=",
      "b\xc3\xb6"
      "b,="});
  INFO(to_string(by) << " with " << to_string(release));
  auto options = wanting_logins();
  options.kafka_version = release;
  fake_cluster cluster{options};
  cluster.create_topic("t");
  keyring keys;
  keys.user = user.first;
  keys.password = user.second;
  logged_in_worker w{cluster, keys, {by}};
  for (int i = 0; i != 3; ++i) {
    const auto put = w.put("v");
    INFO(put.error());
    REQUIRE(put);
  }
  const auto got = w.ask(fetch{.topic = "t", .partition = 0, .offset = 0});
  REQUIRE(got);
  CHECK(got->records.begin() != got->records.end());
  CHECK(w.logins().authentications >= 2);
  CHECK(w.logins().failures == 0);
  // A derivation takes milliseconds: once for all connections.
  CHECK(keys.derived->derivations() == (by == mechanism::plain ? 0 : 1));
  const auto status = w.ask(get_status{});
  REQUIRE(status);
  CHECK(std::ranges::any_of(
    status->connections, [&](const auto& c) { return c.mechanism == to_string(by); }));
}

TEST_CASE("a worker takes the first mechanism that the cluster has", "[clients][login]") {
  auto options = wanting_logins();
  options.sasl.mechanisms = {"PLAIN", "SCRAM-SHA-256"};
  options.kafka_version =
    GENERATE(protocol::kafka_version{0, 10, 2}, protocol::kafka_version{4, 3});
  fake_cluster cluster{options};
  cluster.create_topic("t");
  keyring keys;
  logged_in_worker w{cluster, keys,
    {mechanism::scram_sha_512, mechanism::scram_sha_256, mechanism::plain}};
  CHECK(w.put("v"));
  CHECK(keys.derived->derivations() == 1);
  CHECK(w.logins().failures == 0);
}

TEST_CASE(
  "a wrong password is told within a second, and heals by itself when it is right",
  "[clients][login]") {
  fake_cluster cluster{wanting_logins()};
  cluster.create_topic("t");
  keyring keys;
  keys.password = "wrong";
  const auto by = GENERATE(mechanism::plain, mechanism::scram_sha_512);
  logged_in_worker w{cluster, keys, {by}};
  const auto begun = w.now();
  const auto put = w.put("v");
  CHECK(put.error().code == error_code::sasl_authentication_failed);
  INFO(put.error());
  CHECK(put.error().detail.find("Invalid username or password") != std::string::npos);
  CHECK(put.error().detail.find("wrong\"") == std::string::npos);
  CHECK(w.now() - begun < 1s);
  const auto status = w.ask(get_status{.wait_connected = true});
  CHECK(status.error().code == error_code::sasl_authentication_failed);
  // A minute of that costs the brokers a few attempts.
  const auto before = cluster.asked(api_key::sasl_authenticate);
  w.pass(60s);
  CHECK(cluster.asked(api_key::sasl_authenticate) - before < 60);
  cluster.set_password("alice", "wrong");
  const auto healed = w.now();
  while (!w.put("v"))
    REQUIRE(w.now() - healed < 15s);
}

TEST_CASE(
  "a cluster without logins says so to a client that has one", "[clients][login]") {
  fake_cluster cluster;
  cluster.create_topic("t");
  keyring keys;
  logged_in_worker w{cluster, keys};
  const auto put = w.put("v");
  CHECK(put.error().code == error_code::sasl_not_enabled);
  // And the other way round.
  fake_cluster guarded{wanting_logins()};
  guarded.create_topic("t");
  logged_in_worker without{guarded, keys, {}};
  CHECK(without.put("v").error().code == error_code::illegal_sasl_state);
}

TEST_CASE("brokers that lie in the login are refused, and forgiven", "[clients][login]") {
  const auto lie = GENERATE(login_lie::few_iterations, login_lie::wrong_signature,
    login_lie::endless_challenge, login_lie::huge_challenge);
  CAPTURE(static_cast<int>(lie));
  fake_cluster cluster{wanting_logins()};
  cluster.create_topic("t");
  cluster.lie_in_logins(lie);
  keyring keys;
  logged_in_worker w{cluster, keys, {mechanism::scram_sha_256}};
  CHECK(w.put("v").error().code == error_code::broker_not_authenticated);
  cluster.lie_in_logins(login_lie::none);
  const auto honest = w.now();
  while (!w.put("v"))
    REQUIRE(w.now() - honest < 15s);
}

TEST_CASE(
  "sessions of five seconds cost no request, and no connection", "[clients][login]") {
  const auto by = GENERATE(mechanism::plain, mechanism::scram_sha_256);
  fake_cluster cluster{wanting_logins(5s)};
  cluster.create_topic("t");
  keyring keys;
  logged_in_worker w{cluster, keys, {by}};
  REQUIRE(w.put("v"));
  const auto begun = w.now();
  auto offset = 0;
  while (w.now() - begun < 2min) {
    const auto put = w.put("v");
    INFO(put.error());
    REQUIRE(put);
    const auto got = w.ask(
      fetch{.topic = "t", .partition = 0, .offset = offset++, .wait_time = 2'500ms});
    INFO(got.error());
    REQUIRE(got);
    w.pass(100ms);
  }
  CHECK(w.logins().failures == 0);
  CHECK(w.logins().authentications < 8);
  CHECK(w.logins().reauthentications > 2 * 120 / 5);
  CHECK(keys.derived->derivations() <= 1);
}

TEST_CASE(
  "a fetch that rests across the end of its session is answered", "[clients][login]") {
  fake_cluster cluster{wanting_logins(3s)};
  cluster.create_topic("t");
  keyring keys;
  logged_in_worker w{cluster, keys};
  REQUIRE(w.put("v"));
  for (int i = 0; i != 5; ++i) {
    const auto begun = w.now();
    const auto got = w.ask(
      fetch{.topic = "t", .partition = 0, .offset = 1, .wait_time = 8s, .deadline = 60s});
    INFO(got.error());
    REQUIRE(got);
    CHECK(w.now() - begun >= 8s);
    CHECK(w.now() - begun < 10s);
  }
  CHECK(w.logins().failures == 0);
}

TEST_CASE("a password that is changed under load, and another user, cost no request",
  "[clients][login]") {
  fake_cluster cluster{wanting_logins(4s)};
  cluster.create_topic("t");
  keyring keys;
  logged_in_worker w{cluster, keys, {mechanism::scram_sha_256}};
  for (int i = 0; i != 300; ++i) {
    if (i == 100) {
      cluster.set_password("alice", "another");
      keys.password = "another";
    }
    if (i == 200) {
      keys.user = "bob,=";
      keys.password = "b\xc3\xb6"
                      "b,=";
    }
    const auto put = w.put("v");
    INFO(i << ": " << put.error());
    REQUIRE(put);
    w.pass(100ms);
  }
  // The broker takes nobody else on the same connection.
  CHECK(w.logins().failures > 0);
}

TEST_CASE(
  "without new credentials a session ends, and is begun again when there are some",
  "[clients][login]") {
  fake_cluster cluster{wanting_logins(5s)};
  cluster.create_topic("t");
  keyring keys;
  logged_in_worker w{cluster, keys};
  REQUIRE(w.put("v"));
  keys.missing = {error_code::credentials_unavailable, "the server is away"};
  w.pass(3s);
  REQUIRE(w.put("v"));
  w.pass(10s);
  CHECK(w.put("v").error().code == error_code::credentials_unavailable);
  keys.missing = {};
  const auto back = w.now();
  while (!w.put("v"))
    REQUIRE(w.now() - back < 15s);
}

// -- producers and consumers
// --------------------------------------------------------------

namespace {

protocol::time_point opened_at;

/// A producer of records to topic t, partition 0.
struct logged_in_producer {
  static protocol::accumulator_options with_clock() {
    protocol::accumulator_options options;
    options.clock = [] { return opened_at; };
    return options;
  }
  static protocol::producer_client_options options_of(
    const fake_cluster& cluster, const keyring& keys) {
    protocol::producer_client_options options;
    options.name = "p";
    options.cluster = logging_in(cluster, keys, {mechanism::scram_sha_512});
    return options;
  }

  logged_in_producer(fake_cluster& cluster, keyring& keys)
    : client(cluster, options_of(cluster, keys), batches) {
    client.credentials = [&keys](const auto& asked) { return keys(asked); };
    client.on_effect = [this](auto& e) {
      if (auto* report = std::get_if<protocol::delivery_report>(&e)) {
        (report->error ? failed : delivered) += report->count;
        if (report->error)
          last_error = report->error;
      }
    };
    client.client().start(client.now());
    topic = batches.hold("t");
  }

  void send(const std::string& value) {
    opened_at = client.now();
    REQUIRE(
      batches.append(*topic, {.value = protocol::as_bytes(value)}, {}, nullptr).status
      == error_code::none);
    client.client().on_changed(client.now());
    client.carry_out();
  }

  protocol::accumulator batches{with_clock()};
  driven_client<protocol::producer_client> client;
  std::shared_ptr<protocol::topic_buffers> topic;
  std::int32_t delivered = 0, failed = 0;
  error last_error;
};

} // namespace

TEST_CASE("a whole producer's records go through sessions that end", "[clients][login]") {
  fake_cluster cluster{wanting_logins(3s)};
  cluster.create_topic("t");
  keyring keys;
  logged_in_producer p{cluster, keys};
  constexpr int count = 2'000;
  for (int i = 0; i != count; ++i) {
    p.send(std::to_string(i));
    static_cast<void>(p.client.run(30ms, [] { return false; }));
  }
  REQUIRE(p.client.run(1min, [&] { return p.delivered == count; }));
  CHECK(p.failed == 0);
  CHECK(cluster.log("t", 0).end() == log_offset{count});
  const auto logins = p.client.client().connections().logins_so_far();
  CHECK(logins.reauthentications >= 15);
  CHECK(logins.failures == 0);
  CHECK(logins.authentications < 6);
}

TEST_CASE("a producer with a wrong password has its records reported at once",
  "[clients][login]") {
  fake_cluster cluster{wanting_logins()};
  cluster.create_topic("t");
  keyring keys;
  keys.password = "wrong";
  logged_in_producer p{cluster, keys};
  const auto begun = p.client.now();
  p.send("v");
  REQUIRE(p.client.run(1min, [&] { return p.failed == 1; }));
  CHECK(p.last_error.code == error_code::sasl_authentication_failed);
  CHECK(p.client.now() - begun < 15s);
  keys.password = "alice-secret";
  static_cast<void>(p.client.run(15s, [] { return false; }));
  p.send("v");
  REQUIRE(p.client.run(15s, [&] { return p.delivered == 1; }));
}

TEST_CASE("a whole consumer reads on through sessions that end", "[clients][login]") {
  fake_cluster cluster{wanting_logins(3s)};
  cluster.create_topic("t");
  keyring keys;
  protocol::consumer_client_options options;
  options.name = "c";
  options.cluster = logging_in(cluster, keys, {mechanism::plain});
  const auto budget = std::make_shared<protocol::byte_budget>(64 * 1024 * 1024);
  driven_client<protocol::consumer_client> c{cluster, options, budget};
  c.credentials = [&keys](const auto& asked) { return keys(asked); };
  int read = 0;
  std::vector<error> reports;
  c.on_effect = [&](auto& e) {
    if (auto* some = std::get_if<protocol::consumer_client::arrived>(&e)) {
      for (const auto& a : some->all) {
        for ([[maybe_unused]] const auto& record : a.content->records)
          ++read;
        c.client().on_taken(c.now(), 0, 1, a.content->bytes);
      }
    } else if (auto* report = std::get_if<protocol::consumer_machine::report>(&e)) {
      reports.push_back(report->why);
    }
  };
  c.client().start(c.now());
  c.client().set(c.now(), 0,
    {1, std::make_shared<const std::string>("t"), 0, protocol::start_at::offset(0)});
  c.client().on_program(c.now());
  c.carry_out();
  constexpr int count = 600;
  for (int i = 0; i != count; ++i) {
    cluster.append("t", 0, {{.value = "v"}});
    static_cast<void>(c.run(100ms, [] { return false; }));
    c.client().on_program(c.now());
    c.carry_out();
  }
  REQUIRE(c.run(1min, [&] { return read == count; }));
  for (const auto& r : reports)
    FAIL_CHECK(r);
  const auto logins = c.client().connections().logins_so_far();
  CHECK(logins.reauthentications >= 15);
  CHECK(logins.failures == 0);
  CHECK(logins.authentications < 6);
}
