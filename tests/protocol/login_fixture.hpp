#pragma once

#include "dispatcher_fixture.hpp"
#include <cafka/protocol/messages/sasl_authenticate.hpp>
#include <cafka/protocol/messages/sasl_handshake.hpp>

#include <algorithm>

namespace dispatcher_fixture {

using sasl::mechanism;

inline api_versions_response sasl_versions(
  std::int16_t handshake = 1, bool authenticate = true) {
  auto answer = versions_up_to();
  answer.api_keys.push_back({17, 0, handshake});
  if (authenticate)
    answer.api_keys.push_back({36, 0, 2});
  return answer;
}

/// A bed whose brokers want logins.
struct login_bed : bed {
  explicit login_bed(std::vector<mechanism> wanted = {mechanism::plain},
    dispatcher_options options = plain())
    : bed(with(std::move(wanted), std::move(options))) {
    machine.start(now);
  }

  static dispatcher_options with(
    std::vector<mechanism> wanted, dispatcher_options options) {
    options.sasl_mechanisms = std::move(wanted);
    options.initial_topics = {"t"};
    options.login_backoff.jitter = 0;
    options.tell_from = log_level::debug;
    return options;
  }

  void asked(const ask_credentials& what) override { asks.push_back(what); }

  /// A connection to the broker stands, up to where it wants credentials.
  void reach(
    std::int32_t broker, const api_versions_response& versions = sasl_versions()) {
    const auto fresh = [&] {
      return std::ranges::find_if(open, [&](const auto& c) {
        return c.second == address(broker) && !reached_.contains(c.first);
      });
    };
    while (fresh() == open.end())
      tick();
    const auto connection = fresh()->first;
    reached_.insert(connection);
    machine.on_up(now, connection);
    answer(take(api_key::api_versions, broker), versions);
  }

  ask_credentials take_ask() {
    REQUIRE(!asks.empty());
    auto first = asks.front();
    asks.pop_front();
    return first;
  }

  static result<sasl::login> alice(std::string password = "secret") {
    return sasl::login{sasl::password_login{"alice", secret{std::move(password)}, false},
      "0123456789abcdefghijklmn"};
  }
  static result<sasl::login> token() {
    return sasl::login{sasl::bearer_token{"tok", {}, {}}, {}};
  }

  void give(result<sasl::login> with = alice()) {
    machine.on_credentials(now, take_ask().id, std::move(with));
  }

  std::string take_handshake(
    error_code code = error_code::none, std::vector<std::string> mechanisms = {"PLAIN"}) {
    const auto r = take(api_key::sasl_handshake);
    CHECK(r.header.version == 1);
    const auto asked = body_of<sasl_handshake_request>(r);
    answer(r, sasl_handshake_response{code, std::move(mechanisms)});
    return asked.mechanism;
  }

  /// Answers the exchange's next message, which is returned.
  std::string take_token(sasl_authenticate_response said = {}) {
    const auto r = take(api_key::sasl_authenticate);
    CHECK(r.header.version == 2);
    const auto asked = body_of<sasl_authenticate_request>(r);
    const auto bytes = asked.auth_bytes.value.view();
    std::string text{reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    answer(r, said);
    return text;
  }

  static sasl_authenticate_response session(milliseconds life) {
    sasl_authenticate_response said;
    said.session_lifetime_ms = life.count();
    return said;
  }
  static sasl_authenticate_response saying(std::string_view bytes) {
    sasl_authenticate_response said;
    said.auth_bytes.value = shared_bytes::copy_of(bytes);
    return said;
  }
  static sasl_authenticate_response refusing(
    std::string words = "Authentication failed: Invalid username or password") {
    sasl_authenticate_response said;
    said.error_code = error_code::sasl_authentication_failed;
    said.error_message = std::move(words);
    return said;
  }

  void log_in(std::int32_t broker, milliseconds life = 0ms) {
    reach(broker);
    give();
    take_handshake();
    take_token(session(life));
  }

  /// A login that the broker refuses, which closes the connection.
  void be_refused(std::int32_t broker) {
    reach(broker);
    give(alice("wrong"));
    take_handshake();
    take_token(refusing());
  }

  /// Broker 1 alone, logged in to, which leads `t`.
  void settle(milliseconds life = 0ms) {
    log_in(1, life);
    answer_metadata(about({1}, {{"t", {1}}}, 1));
    log.clear();
  }

  [[nodiscard]] bool logged(std::string_view text) const {
    return std::ranges::any_of(
      log, [&](const auto& line) { return line.find(text) != std::string::npos; });
  }
  [[nodiscard]] bool tells(std::string_view text) const {
    return std::ranges::any_of(
      told, [&](const auto& line) { return line.find(text) != std::string::npos; });
  }
  [[nodiscard]] driven_dispatcher::connection_info connection() const {
    return machine.connections().at(0);
  }

  std::deque<ask_credentials> asks;

private:
  std::set<std::uint64_t> reached_;

  template <class Request>
  static Request body_of(const request& r) {
    reader in{r.payload};
    (void)read_request_header(in);
    Request asked;
    decode(in, asked, r.header.version);
    REQUIRE(in.ok());
    return asked;
  }
};

/// Brokers whose exchange has no headers.
struct bare_bed : login_bed {
  explicit bare_bed(std::vector<mechanism> wanted = {mechanism::plain},
    dispatcher_options options = plain())
    : login_bed(std::move(wanted), std::move(options)) {}

  send_status send(std::uint64_t connection, frame bytes) override {
    if (!bare)
      return login_bed::send(connection, std::move(bytes));
    const auto payload = payload_of(bytes);
    const auto view = payload.view();
    tokens.emplace_back(reinterpret_cast<const char*>(view.data()), view.size());
    return send_status::queued;
  }

  void begin(result<sasl::login> with = alice()) {
    reach(1, sasl_versions(0, false));
    give(std::move(with));
    const auto r = take(api_key::sasl_handshake);
    CHECK(r.header.version == 0);
    bare = true;
    answer(r, sasl_handshake_response{error_code::none, {}});
    REQUIRE(tokens.size() == 1);
  }

  void say(std::string_view text) {
    machine.on_frame(now, connection_to(1), shared_bytes::copy_of(text));
  }

  bool bare = false;
  std::vector<std::string> tokens;
};

} // namespace dispatcher_fixture
