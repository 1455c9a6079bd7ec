#pragma once

#include "../../protocol/messages/sasl_authenticate.hpp"
#include "../../protocol/messages/sasl_handshake.hpp"
#include "../../protocol/schema/api_key.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cafka::testing {

struct fake_state;

/// How brokers lie in logins, when a test wants them to.
enum class login_lie : std::uint8_t {
  none,
  few_iterations,    ///< SCRAM with one iteration.
  wrong_signature,   ///< SCRAM's last message is signed by somebody else.
  endless_challenge, ///< Each message is answered with another challenge.
  huge_challenge,    ///< The first challenge has a megabyte.
};

/// A broker's side of the logins on one connection, as Kafka's SaslServerAuthenticator.
class fake_login {
public:
  using time_point = std::chrono::steady_clock::time_point;

  /// What is done about a request before it is looked into.
  enum class door : std::uint8_t {
    open,   ///< It is served.
    closed, ///< The connection ends without a word.
  };

  [[nodiscard]] door on_request(
    const fake_state& cluster, time_point now, protocol::api_key key) const;
  protocol::sasl_handshake_response on_handshake(const fake_state& cluster,
    time_point now, const protocol::sasl_handshake_request& asked, std::int16_t version);
  protocol::sasl_authenticate_response on_authenticate(fake_state& cluster,
    time_point now, const protocol::sasl_authenticate_request& asked);

  /// Whether the next frame is a message of the exchange alone (handshake 0).
  [[nodiscard]] bool bare() const { return phase_ == phase::exchange && bare_; }
  /// Its answer; nothing: the connection ends, which is what a refusal looks like.
  std::optional<std::string> on_bare(
    fake_state& cluster, time_point now, std::string_view message);

  /// Whether the connection ends behind the answer.
  [[nodiscard]] bool ends() const { return phase_ == phase::over; }
  /// Who has logged in; empty: nobody yet.
  [[nodiscard]] const std::string& user() const { return user_; }

private:
  enum class phase : std::uint8_t { none, exchange, done, over };

  struct said {
    bool refused = false;
    bool done = false;
    std::string bytes;
  };

  said on_message(fake_state& cluster, std::string_view message);
  said on_plain(const fake_state& cluster, std::string_view message);
  said on_scram(fake_state& cluster, std::string_view message);
  said finish(const fake_state& cluster, time_point now, said what);

  phase phase_ = phase::none;
  bool bare_ = false;
  std::string mechanism_;
  std::string asks_to_be_;
  std::string user_;
  // SCRAM's: the first messages, and what the last must be verified with.
  std::string first_;
  std::string challenge_;
  std::string nonce_;
  std::optional<time_point> session_ends_;
  time_point renewed_at_ = time_point::min();
  std::string refused_because_;
};

} // namespace cafka::testing
