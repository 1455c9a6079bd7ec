#include "dispatcher_fixture.hpp"
#include <cafka/protocol/messages/heartbeat.hpp>

// A namespace of its own, as <unistd.h> has a function `link` too.
namespace dispatcher_fixture {

using cafka::protocol::broker_connection;

namespace {

constexpr backoff_options reconnect{100ms, 1'000ms, 0};

/// A link and its broker's side.
struct line {
  time_point now = time_point{} + 1h;
  broker_connection machine{{"host", 9092}, 1, lane::normal, "me"};
  request_header last;
  std::uint64_t connection = 0;
  std::minstd_rand random{1};

  void note(const frame& f) {
    const auto payload = payload_of(f);
    reader in{payload};
    last = read_request_header(in);
  }

  void connect() {
    machine.connecting(now, ++connection);
    note(machine.connected(now));
  }

  /// The next frame of the handshake.
  void note(const broker_connection::event& e) {
    REQUIRE(std::holds_alternative<broker_connection::reply>(e));
    note(std::get<broker_connection::reply>(e).bytes);
  }

  void make_up() {
    connect();
    CHECK(std::holds_alternative<broker_connection::ready>(answer(versions_up_to())));
  }

  template <class Response>
  broker_connection::event answer(const Response& response) {
    return answer(response, last.version, last.correlation_id);
  }

  template <class Response>
  broker_connection::event answer(
    const Response& response, std::int16_t version, std::int32_t correlation_id) {
    const auto bytes = encode_response(response, version, correlation_id);
    REQUIRE(bytes);
    return machine.received(now, payload_of(*bytes));
  }

  std::int32_t send(
    call_id call, milliseconds answer_timeout = 0ms, bool answered = true) {
    auto what = asking(any_broker{});
    what.answer_timeout = answer_timeout;
    what.answered = answered;
    const auto id = machine.next_correlation_id();
    machine.on_sent(now, call, what, 7);
    return id;
  }

  broker_connection::event answer_offsets(std::int32_t correlation_id) {
    return answer(offsets(), 7, correlation_id);
  }

  std::vector<broker_connection::sent_request> down() {
    return machine.down(now, {error_code::disconnected, "reset"}, reconnect, random);
  }

  /// The broker ends the connection.
  void hang_up() {
    error why{error_code::disconnected, "reset"};
    machine.hung_up(now, why);
    machine.down(now, why, reconnect, random);
  }

  broker_connection::event answer_heartbeat(error_code code) {
    heartbeat_response response;
    response.error_code = code;
    return answer(response);
  }
};

error_code code_of(const broker_connection::event& e) {
  REQUIRE(std::holds_alternative<error>(e));
  return std::get<error>(e).code;
}

} // namespace

TEST_CASE("a broker tells in the handshake which features are in force", "[machines]") {
  line l;
  l.connect();
  auto versions = versions_up_to();
  versions.finalized_features_epoch = 12;
  versions.finalized_features = {{"transaction.version", 2, 1}};
  static_cast<void>(l.answer(versions));
  CHECK(l.machine.features().epoch == 12);
  CHECK(l.machine.features().version_of("transaction.version") == 2);
  // The next connection may lead to another broker.
  l.machine.down(l.now, {error_code::disconnected, {}}, reconnect, l.random);
  l.make_up();
  CHECK(l.machine.features().version_of("transaction.version") == 0);
}

TEST_CASE("a link agrees on versions in the newest version first", "[machines]") {
  line l;
  l.connect();
  CHECK(l.last.key == api_key::api_versions);
  CHECK(l.last.version == api_versions_request::versions.max);
  CHECK(l.last.client_id == "me");
  CHECK_FALSE(l.machine.up());
  CHECK(std::holds_alternative<broker_connection::ready>(l.answer(versions_up_to(5))));
  CHECK(l.machine.up());
  CHECK(*l.machine.versions().choose<list_offsets_request>() == 5);
}

TEST_CASE("a refused handshake goes on in the version the broker offers", "[machines]") {
  line l;
  l.connect();
  auto refusal = versions_up_to();
  refusal.error_code = error_code::unsupported_version;
  refusal.api_keys = {{18, 0, 2}};
  const auto first = l.last;
  // The refusal is always written in version 0 (KIP-511).
  const auto event = l.answer(refusal, 0, first.correlation_id);
  l.note(event);
  CHECK(l.last.version == 2);
  CHECK(l.last.correlation_id != first.correlation_id);
  CHECK(std::holds_alternative<broker_connection::ready>(l.answer(versions_up_to())));
}

TEST_CASE("a refused handshake without an offer goes on in version 0", "[machines]") {
  line l;
  l.connect();
  api_versions_response refusal;
  refusal.error_code = error_code::unsupported_version;
  auto event = l.answer(refusal, 0, l.last.correlation_id);
  l.note(event);
  CHECK(l.last.version == 0);
  // Then there is nothing left to fall back to.
  event = l.answer(refusal);
  CHECK(code_of(event) == error_code::unsupported_version);
}

TEST_CASE(
  "a broker that refuses what it offers is asked in ever lower versions", "[machines]") {
  line l;
  l.connect();
  auto refusal = versions_up_to();
  refusal.error_code = error_code::unsupported_version;
  for (int asked = 1; asked <= api_versions_request::versions.max; ++asked) {
    const auto event = l.answer(refusal, 0, l.last.correlation_id);
    l.note(event);
    CHECK(l.last.version == api_versions_request::versions.max - asked);
  }
  CHECK(code_of(l.answer(refusal)) == error_code::unsupported_version);
}

TEST_CASE("another error in the handshake ends it with the address", "[machines]") {
  line l;
  l.connect();
  auto refusal = versions_up_to();
  refusal.error_code = error_code::cluster_authorization_failed;
  const auto event = l.answer(refusal);
  CHECK(code_of(event) == error_code::cluster_authorization_failed);
  CHECK(std::get<error>(event).detail.find("host:9092") != std::string::npos);
}

TEST_CASE("what is no answer to a request is an error", "[machines]") {
  for (const bool handshake : {true, false}) {
    line l;
    if (handshake) {
      l.connect();
    } else {
      l.make_up();
      l.send(1);
    }
    INFO(handshake);
    // A wrong correlation id.
    CHECK(code_of(l.answer(versions_up_to(), 0, 99)) == error_code::malformed_response);
    // Frames too short for one.
    for (std::size_t size = 0; size < 4; ++size) {
      const auto short_frame = shared_bytes::from(std::vector<std::byte>(size));
      CHECK(code_of(l.machine.received(l.now, short_frame))
        == error_code::malformed_response);
    }
    // A web server.
    CHECK(code_of(l.machine.received(l.now, shared_bytes::copy_of("P/1.1 400 Bad")))
      == error_code::malformed_response);
  }
}

TEST_CASE("a handshake answered with garbage or cut short is an error", "[machines]") {
  const auto whole = [] {
    line l;
    l.connect();
    return payload_of(
      *encode_response(versions_up_to(), l.last.version, l.last.correlation_id));
  }();
  for (std::size_t size = 4; size < whole.size(); ++size) {
    line l;
    l.connect();
    INFO(size);
    const auto event = l.machine.received(l.now, whole.slice(0, size));
    CHECK(code_of(event) == error_code::malformed_response);
    CHECK_FALSE(l.machine.up());
  }
}

TEST_CASE("answers are matched to their calls, in order", "[machines]") {
  line l;
  l.make_up();
  const auto a = l.send(11);
  const auto b = l.send(12);
  CHECK(l.machine.in_flight() == 2);
  auto event = l.answer_offsets(a);
  REQUIRE(std::holds_alternative<broker_connection::answer>(event));
  CHECK(std::get<broker_connection::answer>(event).call == 11);
  CHECK(std::get<broker_connection::answer>(event).version == 7);
  event = l.answer_offsets(b);
  REQUIRE(std::holds_alternative<broker_connection::answer>(event));
  CHECK(std::get<broker_connection::answer>(event).call == 12);
  CHECK(l.machine.in_flight() == 0);
  // Nothing is answered twice.
  CHECK(code_of(l.answer_offsets(a)) == error_code::malformed_response);
}

TEST_CASE("an answer out of turn makes no sense, abandoned calls or not", "[machines]") {
  for (const bool abandoned : {false, true}) {
    line l;
    l.make_up();
    const auto a = l.send(11);
    const auto b = l.send(12);
    if (abandoned)
      l.machine.abandon(11, a);
    const auto event = l.answer_offsets(b);
    CHECK(code_of(event) == error_code::malformed_response);
    const auto& detail = std::get<error>(event).detail;
    INFO(detail);
    CHECK(detail.find("out of turn") != std::string::npos);
    CHECK(detail.find(std::to_string(a) + " is due") != std::string::npos);
  }
}

TEST_CASE(
  "a broker that disconnects after the first request behind the handshake may want a "
  "login",
  "[machines]") {
  const auto text = [](line& l) {
    error why{error_code::disconnected, "reset"};
    l.machine.hung_up(l.now, why);
    l.machine.down(l.now, why, reconnect, l.random);
    return why.detail;
  };
  line l;
  l.make_up();
  SECTION("before any answer") {
    l.send(11);
    CHECK(text(l) == "reset");
    CHECK(l.machine.wants_login());
    // The next connection is judged for itself.
    l.now += 1s;
    l.connect();
    CHECK_FALSE(l.machine.wants_login());
  }
  SECTION("not when it comes late") {
    l.send(11);
    l.now += 501ms;
    CHECK(text(l) == "reset");
    CHECK_FALSE(l.machine.wants_login());
  }
  SECTION("not in the middle of an answer") {
    l.send(11);
    error why{error_code::disconnected, "host:9092: closed by the peer within a frame"};
    l.machine.hung_up(l.now, why);
    CHECK_FALSE(l.machine.wants_login());
  }
  SECTION("not when nothing was asked") {
    CHECK(text(l) == "reset");
    CHECK_FALSE(l.machine.wants_login());
  }
  SECTION("not when something was answered") {
    CHECK(
      std::holds_alternative<broker_connection::answer>(l.answer_offsets(l.send(11))));
    l.send(12);
    CHECK(text(l) == "reset");
    CHECK_FALSE(l.machine.wants_login());
  }
}

TEST_CASE("when a broker disconnects after a large request again its size may be why",
  "[machines]") {
  line l;
  const auto hangs_up_on = [&](std::size_t size) {
    l.now += 10s;
    l.make_up();
    l.machine.on_sent(l.now, 11, asking(any_broker{}), 7, size);
    error why{error_code::disconnected, "reset"};
    l.machine.hung_up(l.now, why);
    l.machine.down(l.now, why, reconnect, l.random);
    CHECK_FALSE(l.machine.wants_login());
    return why.detail.find("socket.request.max.bytes") != std::string::npos;
  };
  CHECK_FALSE(hangs_up_on(105'000'000));
  SECTION("the same again, or about the same") {
    CHECK(hangs_up_on(105'000'000));
    CHECK(hangs_up_on(104'999'000));
  }
  SECTION("not another one") {
    CHECK_FALSE(hangs_up_on(1'000'000));
  }
  SECTION("not when one as large was answered between") {
    l.now += 10s;
    l.make_up();
    const auto id = l.machine.next_correlation_id();
    l.machine.on_sent(l.now, 12, asking(any_broker{}), 7, 105'000'000);
    CHECK(std::holds_alternative<broker_connection::answer>(l.answer_offsets(id)));
    l.down();
    CHECK_FALSE(hangs_up_on(105'000'000));
  }
}

TEST_CASE("the answer to an abandoned call is ignored", "[machines]") {
  line l;
  l.make_up();
  const auto a = l.send(11);
  const auto b = l.send(12);
  l.machine.abandon(11, a);
  CHECK(std::holds_alternative<broker_connection::ignored>(l.answer_offsets(a)));
  CHECK(std::holds_alternative<broker_connection::answer>(l.answer_offsets(b)));
}

TEST_CASE("a call without an answer is not waited for", "[machines]") {
  line l;
  l.make_up();
  const auto a = l.send(11, 0ms, false);
  CHECK(l.machine.in_flight() == 0);
  CHECK(l.machine.next_correlation_id() == a + 1);
  CHECK(l.machine.silent_until(10s) == std::nullopt);
}

TEST_CASE(
  "silence counts against a broker only while an answer is outstanding", "[machines]") {
  line l;
  l.machine.connecting(l.now, 1);
  CHECK(l.machine.silent_until(10s) == std::nullopt);
  l.note(l.machine.connected(l.now));
  CHECK(l.machine.silent_until(10s) == l.now + 10s);
  l.answer(versions_up_to());
  CHECK(l.machine.silent_until(10s) == std::nullopt);

  // The time counts from the request, not from when something was heard last.
  l.now += 1h;
  const auto a = l.send(11);
  l.now += 1s;
  const auto b = l.send(12);
  CHECK(l.machine.silent_until(10s) == l.now - 1s + 10s);
  // An answer is a sign of life for those behind it.
  l.now += 8s;
  l.answer_offsets(a);
  CHECK(l.machine.silent_until(10s) == l.now + 10s);
  // The answer to an abandoned request is still outstanding.
  l.machine.abandon(12, b);
  CHECK(l.machine.silent_until(10s) == l.now + 10s);
  l.answer_offsets(b);
  CHECK(l.machine.silent_until(10s) == std::nullopt);
}

TEST_CASE("a request that may rest at the broker gets that time on top", "[machines]") {
  line l;
  l.make_up();
  const auto a = l.send(11, 500ms);
  l.send(12, 2s);
  CHECK(l.machine.silent_until(10s) == l.now + 10s + 500ms);
  l.now += 3s;
  l.answer_offsets(a);
  CHECK(l.machine.silent_until(10s) == l.now + 10s + 2s);
}

TEST_CASE("a link that goes down hands back what was on it", "[machines]") {
  line l;
  l.make_up();
  l.send(11);
  l.send(12);
  const auto orphans = l.down();
  REQUIRE(orphans.size() == 2);
  CHECK(orphans[0].call == 11);
  CHECK(orphans[1].call == 12);
  CHECK(l.machine.current() == broker_connection::state::down);
  CHECK(l.machine.connection() == 0);
  CHECK(l.machine.in_flight() == 0);
  CHECK(l.machine.last_error().detail == "reset");
  CHECK(l.machine.silent_until(10s) == std::nullopt);
}

TEST_CASE("a new connection starts its correlation ids over", "[machines]") {
  line l;
  l.make_up();
  const auto id = l.send(11);
  l.down();
  l.make_up();
  CHECK(l.send(12) == id);
}

TEST_CASE("the pause grows with each failure to connect", "[machines]") {
  line l;
  for (const auto pause : {100ms, 200ms, 400ms, 800ms, 1'000ms, 1'000ms}) {
    l.machine.connecting(l.now, ++l.connection);
    l.down();
    CHECK(l.machine.retry_at() == l.now + pause);
  }
  CHECK(l.machine.failures() == 6);
}

TEST_CASE(
  "a broker that shakes hands and disconnects is not asked at once", "[machines]") {
  line l;
  for (const auto pause : {100ms, 200ms, 400ms}) {
    l.make_up();
    l.send(11);
    l.down();
    CHECK(l.machine.retry_at() == l.now + pause);
  }
}

TEST_CASE("after a useful answer the pause starts over", "[machines]") {
  line l;
  l.connect();
  l.down();
  l.connect();
  l.down();
  l.make_up();
  l.answer_offsets(l.send(11));
  l.down();
  CHECK(l.machine.failures() == 0);
  CHECK(l.machine.retry_at() == l.now);
  // Once only: what the last connection did does not speak for the next.
  l.make_up();
  l.down();
  CHECK(l.machine.retry_at() == l.now + 100ms);
}

// -- brokers before 0.10 ----------------------------------------------------------------

namespace {

void check_first(const line& l, api_key key, std::int16_t version) {
  CHECK(l.last.key == key);
  CHECK(l.last.version == version);
}

constexpr auto newest_ask = api_versions_request::versions.max;

} // namespace

TEST_CASE("a broker whose release is told is not asked", "[machines]") {
  line l;
  l.machine = {{"host", 9092}, 1, lane::normal, "me", kafka_version{0, 10, 1}};
  l.machine.connecting(l.now, 1);
  CHECK(std::holds_alternative<broker_connection::ready>(l.machine.connected(l.now)));
  CHECK(l.machine.up());
  CHECK(l.machine.versions() == versions_of({0, 10, 1}));
  CHECK(l.machine.next_correlation_id() == 1);
  CHECK(l.machine.in_flight() == 0);
}

TEST_CASE("a broker that passes over ApiVersions is a 0.9", "[machines]") {
  line l;
  l.connect();
  const auto asked_at = l.now;
  CHECK(l.machine.next_time() == asked_at + 500ms);
  l.now += 499ms;
  CHECK(std::holds_alternative<broker_connection::ignored>(l.machine.on_time(l.now)));
  l.now += 1ms;
  l.note(l.machine.on_time(l.now));
  check_first(l, api_key::heartbeat, 0);
  CHECK(l.machine.next_time() == std::nullopt);
  CHECK(l.machine.silent_until(10s) == asked_at + 10s);
  CHECK(std::holds_alternative<broker_connection::ready>(
    l.answer_heartbeat(error_code::not_coordinator)));
  CHECK(l.machine.up());
  CHECK(l.machine.versions() == versions_of({0, 9, 0}));
  CHECK(l.machine.old_release() == kafka_version{0, 9, 0});
  // The answer to ApiVersions is not waited for.
  CHECK(l.machine.in_flight() == 0);
  CHECK(l.machine.silent_until(10s) == std::nullopt);
  // The next connection asks anew.
  l.down();
  l.connect();
  check_first(l, api_key::api_versions, newest_ask);
}

TEST_CASE("a broker that is slow to answer ApiVersions is not taken for an old one",
  "[machines]") {
  line l;
  l.connect();
  const auto asked = l.last;
  l.now += 500ms;
  l.note(l.machine.on_time(l.now));
  const auto tried = l.last;
  heartbeat_response late;
  late.error_code = error_code::invalid_group_id;
  SECTION("it answers") {
    CHECK(std::holds_alternative<broker_connection::ready>(
      l.answer(versions_up_to(5), asked.version, asked.correlation_id)));
    CHECK(std::holds_alternative<broker_connection::ignored>(
      l.answer(late, 0, tried.correlation_id)));
    CHECK(*l.machine.versions().choose<list_offsets_request>() == 5);
    CHECK(l.machine.in_flight() == 0);
  }
  SECTION("it refuses the version") {
    auto refusal = versions_up_to(5);
    refusal.error_code = error_code::unsupported_version;
    l.note(l.answer(refusal, 0, asked.correlation_id));
    const auto again = l.last;
    CHECK(l.machine.next_time() == std::nullopt);
    CHECK(std::holds_alternative<broker_connection::ignored>(
      l.answer(late, 0, tried.correlation_id)));
    CHECK_FALSE(l.machine.up());
    CHECK(std::holds_alternative<broker_connection::ready>(
      l.answer(versions_up_to(5), again.version, again.correlation_id)));
  }
  CHECK(l.machine.old_release() == std::nullopt);
  // Nor has it answered anything that somebody wanted.
  l.down();
  CHECK(l.machine.failures() == 1);
}

TEST_CASE("a broker that disconnects on ApiVersions and fails a Heartbeat is a 0.8.2",
  "[machines]") {
  line l;
  l.connect();
  l.hang_up();
  CHECK(l.machine.in_doubt());
  CHECK(l.machine.retry_at() == l.now);
  CHECK(l.machine.failures() == 0);
  l.connect();
  check_first(l, api_key::heartbeat, 0);
  // It is there, and it speaks plainly. Is it old indeed?
  l.note(l.answer_heartbeat(error_code::unknown_server_error));
  check_first(l, api_key::api_versions, newest_ask);
  l.hang_up();
  CHECK(l.machine.in_doubt());
  l.machine.connecting(l.now, ++l.connection);
  CHECK(std::holds_alternative<broker_connection::ready>(l.machine.connected(l.now)));
  CHECK(l.machine.versions() == versions_of({0, 8, 2}));
  CHECK(l.machine.old_release() == kafka_version{0, 8, 2});
  // The next connection asks anew, and one that did nothing useful is a failure.
  l.hang_up();
  CHECK_FALSE(l.machine.in_doubt());
  CHECK(l.machine.failures() == 1);
  l.connect();
  check_first(l, api_key::api_versions, newest_ask);
}

TEST_CASE(
  "a broker that disconnects on a Heartbeat too, but not on ListOffsets, is a 0.8.1",
  "[machines]") {
  line l;
  for (const auto expected : {api_key::api_versions, api_key::heartbeat}) {
    l.connect();
    CHECK(l.last.key == expected);
    l.hang_up();
  }
  l.connect();
  check_first(l, api_key::list_offsets, 0);
  l.note(l.answer(list_offsets_response{}));
  check_first(l, api_key::api_versions, newest_ask);
  l.hang_up();
  l.machine.connecting(l.now, ++l.connection);
  CHECK(std::holds_alternative<broker_connection::ready>(l.machine.connected(l.now)));
  CHECK(l.machine.old_release() == kafka_version{0, 8, 1});
}

TEST_CASE(
  "a broker that restarts while it is asked is not taken for an old one", "[machines]") {
  line l;
  l.connect();
  l.hang_up();
  SECTION("it is back for the next connection") {
    l.connect();
    l.note(l.answer_heartbeat(error_code::invalid_group_id));
    CHECK(std::holds_alternative<broker_connection::ready>(l.answer(versions_up_to(5))));
    CHECK(*l.machine.versions().choose<list_offsets_request>() == 5);
  }
  SECTION("it is back for the one after it") {
    l.connect();
    l.hang_up();
    l.connect();
    l.note(l.answer(list_offsets_response{}));
    CHECK(std::holds_alternative<broker_connection::ready>(l.answer(versions_up_to(5))));
  }
  SECTION("it is gone for a moment") {
    l.machine.connecting(l.now, ++l.connection);
    l.hang_up();
    CHECK_FALSE(l.machine.in_doubt());
    CHECK(l.machine.retry_at() == l.now + 100ms);
    l.connect();
    check_first(l, api_key::api_versions, newest_ask);
    l.answer(versions_up_to(5));
  }
  CHECK(l.machine.up());
  CHECK(l.machine.old_release() == std::nullopt);
}

TEST_CASE(
  "a broker that disconnects on everything is asked again after a pause", "[machines]") {
  // As a TLS listener does that is spoken to in plain text.
  line l;
  for (const auto pause : {100ms, 200ms, 400ms}) {
    for (const auto expected :
      {api_key::api_versions, api_key::heartbeat, api_key::list_offsets}) {
      CHECK_FALSE(l.machine.retry_at() > l.now);
      l.connect();
      CHECK(l.last.key == expected);
      l.hang_up();
    }
    CHECK_FALSE(l.machine.in_doubt());
    CHECK(l.machine.retry_at() == l.now + pause);
    CHECK(l.machine.last_error().detail.find("may want TLS") != std::string::npos);
    l.now += pause;
  }
}

TEST_CASE(
  "only a hang-up in the handshake, and only its first word, is in doubt", "[machines]") {
  line l;
  SECTION("our own end of it says nothing") {
    l.connect();
    l.down();
  }
  SECTION("a broker that has refused a version knows ApiVersions") {
    l.connect();
    api_versions_response refusal;
    refusal.error_code = error_code::unsupported_version;
    l.note(l.answer(refusal, 0, l.last.correlation_id));
    l.hang_up();
  }
  SECTION("nor is one that has agreed") {
    l.make_up();
    l.hang_up();
  }
  CHECK_FALSE(l.machine.in_doubt());
  l.now = l.machine.retry_at();
  l.connect();
  check_first(l, api_key::api_versions, newest_ask);
}

TEST_CASE("connections that are cut again and again make no broker old", "[machines]") {
  line l;
  l.connect();
  l.hang_up();
  SECTION("the next one behind the answer of a 0.9, which would have said nothing") {
    l.connect();
    l.note(l.answer_heartbeat(error_code::unknown_member_id));
    l.hang_up();
  }
  SECTION("late") {
    l.connect();
    l.note(l.answer_heartbeat(error_code::unknown_server_error));
    l.now += 501ms;
    l.hang_up();
  }
  SECTION("late, with a Heartbeat behind ApiVersions") {
    l.connect();
    l.note(l.answer_heartbeat(error_code::unknown_server_error));
    l.now += 500ms;
    l.note(l.machine.on_time(l.now));
    l.now += 1ms;
    l.hang_up();
  }
  SECTION("late, at a Heartbeat") {
    l.connect();
    l.now += 501ms;
    l.hang_up();
  }
  CHECK_FALSE(l.machine.in_doubt());
  l.now = l.machine.retry_at();
  l.connect();
  check_first(l, api_key::api_versions, newest_ask);
}

TEST_CASE("doubt does not last", "[machines]") {
  line l;
  l.connect();
  l.hang_up();
  SECTION("over time") {
    l.now += 11s;
  }
  SECTION("beyond an address") {
    l.machine.set_address({"other", 9092});
  }
  l.connect();
  check_first(l, api_key::api_versions, newest_ask);
}

TEST_CASE("a connection takes over what another one has found out", "[machines]") {
  line l;
  l.machine.connecting(l.now, ++l.connection, broker_connection::old_broker{{0, 9, 0}});
  CHECK(std::holds_alternative<broker_connection::ready>(l.machine.connected(l.now)));
  CHECK(l.machine.versions() == versions_of({0, 9, 0}));
  l.hang_up();
  l.connect();
  check_first(l, api_key::api_versions, newest_ask);
}

TEST_CASE("what hang-ups have shown is found out anew, what answers have shown is not",
  "[machines]") {
  line l;
  // By hang-ups, which a network that cuts connections brings about as well.
  const auto seems_old = [&] {
    for (const auto expected : {api_key::api_versions, api_key::heartbeat}) {
      l.connect();
      CHECK(l.last.key == expected);
      l.hang_up();
    }
    l.connect();
    l.note(l.answer(list_offsets_response{}));
    l.hang_up();
    l.machine.connecting(l.now, ++l.connection);
    CHECK(std::holds_alternative<broker_connection::ready>(l.machine.connected(l.now)));
    CHECK(l.machine.old_release() == kafka_version{0, 8, 1});
  };
  const auto is_replaced = [&] {
    CHECK(std::holds_alternative<broker_connection::to_be_replaced>(
      l.machine.on_time(l.now)));
    CHECK(l.machine.outdated());
    CHECK_FALSE(l.machine.takes_requests());
    CHECK_FALSE(l.machine.found_old(l.now));
    CHECK(l.machine.next_time() == std::nullopt);
    l.machine.move_to(l.now, l.machine.address());
  };
  seems_old();
  CHECK(l.machine.next_time() == l.now + 1s);
  const auto told = l.machine.found_old(l.now);
  REQUIRE(told);
  l.now += 999ms;
  CHECK(std::holds_alternative<broker_connection::ignored>(l.machine.on_time(l.now)));
  CHECK(l.machine.takes_requests());
  SECTION("it is a new one") {
    l.now += 1ms;
    is_replaced();
    l.make_up();
    CHECK(l.machine.old_release() == std::nullopt);
    CHECK(l.machine.next_time() == std::nullopt);
    // What was once is not counted.
    l.down();
    seems_old();
    CHECK(l.machine.next_time() == l.now + 1s);
  }
  SECTION("it is an old one") {
    l.now += 1ms;
    for (const auto pause : {2s, 4s, 8s, 16s, 32s, 64s, 128s, 256s, 300s, 300s}) {
      is_replaced();
      seems_old();
      CHECK(l.machine.next_time() == l.now + pause);
      l.now += pause;
    }
  }
  SECTION("another connection that was told of it asks no later") {
    line other;
    other.now = l.now;
    other.machine.connecting(other.now, 1, told);
    CHECK(std::holds_alternative<broker_connection::ready>(
      other.machine.connected(other.now)));
    CHECK(other.machine.next_time() == l.now + 1ms);
    CHECK(other.machine.found_old(l.now));
    CHECK_FALSE(other.machine.found_old(l.now + 1ms));
  }
  SECTION("one whose broker listens elsewhere is not replaced") {
    l.machine.retire();
    CHECK(l.machine.next_time() == std::nullopt);
  }
  SECTION("a broker that answers in its order is old for as long as it is connected") {
    l.down();
    l.connect();
    l.now += 500ms;
    l.note(l.machine.on_time(l.now));
    l.answer_heartbeat(error_code::not_coordinator);
    CHECK(l.machine.old_release() == kafka_version{0, 9, 0});
    CHECK(l.machine.next_time() == std::nullopt);
    CHECK(l.machine.found_old(l.now + 24h));
  }
}

TEST_CASE("a heartbeat answered with garbage is an error", "[machines]") {
  line l;
  l.connect();
  l.hang_up();
  l.connect();
  writer out;
  out.i32(l.last.correlation_id);
  const auto event = l.machine.received(l.now, shared_bytes::from(out.bytes()));
  CHECK(code_of(event) == error_code::malformed_response);
  CHECK(std::get<error>(event).detail.find("host:9092") != std::string::npos);
}

} // namespace dispatcher_fixture
