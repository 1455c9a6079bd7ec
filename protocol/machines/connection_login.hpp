#pragma once

#include "../endpoint.hpp"
#include "../messages/sasl_authenticate.hpp"
#include "../messages/sasl_handshake.hpp"
#include "../sasl/exchange.hpp"
#include "../schema/version_table.hpp"
#include "time_point.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace cafka::protocol {

/// What the connections of a client have in common about logins.
struct client_logins {
  /// The first that a broker has enabled is taken; none: there are no logins.
  std::vector<sasl::mechanism> mechanisms;
  /// Not null where there are mechanisms; clients may share it.
  std::shared_ptr<sasl::scram_keys> keys;

  /// What brokers have enabled, where it was not the first: by address.
  std::map<endpoint, sasl::mechanism> chosen;
  /// How many logins of new connections succeeded, how many of all failed, and how many
  /// were renewed in place.
  std::uint64_t authentications = 0;
  std::uint64_t failures = 0;
  std::uint64_t reauthentications = 0;

  /// The mechanism to begin with.
  [[nodiscard]] sasl::mechanism first_for(const endpoint& broker) const;
  void note(const endpoint& broker, sasl::mechanism m);
};

/// The logins on one connection, one after the other: the first, and those that renew it
/// in place. It says which messages go out; `broker_connection` sends them.
///
/// Order: credentials are asked for; SaslHandshake names the mechanism; SaslAuthenticate
/// carries the exchange (KIP-152), or bare frames do with brokers before 1.0. Kafka 0.9
/// has no handshake, and takes bare frames of GSSAPI at once. A session ends when the
/// broker says, and is renewed before that (KIP-368).
class connection_login {
public:
  enum class phase : std::uint8_t { idle, credentials, handshake, exchange };

  /// How long credentials may take to come.
  static constexpr std::chrono::seconds credentials_wait{30};
  /// A broker refuses to renew what is younger.
  static constexpr std::chrono::seconds renewal_pause{1};
  /// When credentials for a renewal do not come, they are asked for again after so long.
  static constexpr std::chrono::seconds longest_renewal_pause{10};
  /// No exchange has more messages.
  static constexpr std::uint32_t most_rounds = 16;

  connection_login(endpoint at, client_logins& all) : at_(std::move(at)), all_(&all) {}

  [[nodiscard]] phase current() const { return phase_; }
  [[nodiscard]] sasl::mechanism mechanism() const { return mechanism_; }
  /// Who has logged in last; empty where that is not known.
  [[nodiscard]] const std::string& principal() const { return principal_; }
  /// Whether the last credentials were refused.
  [[nodiscard]] bool refused() const { return refused_; }
  /// Whether the exchange travels in frames of its own, without a header.
  [[nodiscard]] bool bare() const { return authenticate_version_ < 0; }
  [[nodiscard]] std::int16_t handshake_version() const { return bare() ? 0 : 1; }
  [[nodiscard]] std::int16_t authenticate_version() const {
    return authenticate_version_;
  }

  void set_address(endpoint at);

  /// A new connection logs in: credentials are to be asked for.
  error begin(time_point now, const version_table& versions);
  /// The session is to be renewed: likewise.
  void begin_renewal(time_point now);
  /// When credentials that were asked for count as not coming.
  [[nodiscard]] time_point credentials_due() const {
    return asked_at_ + credentials_wait;
  }

  /// Credentials came. `share`: of the session's life, after which it is renewed. Then
  /// `handshake` is to be sent, or `first_message` where the phase is `exchange`.
  error on_credentials(result<sasl::login> with, double share);
  /// No credentials came for a renewal: they are asked for again later.
  void put_off(time_point now);

  [[nodiscard]] sasl_handshake_request handshake() const;
  /// Whether a broker that does not know ApiVersions could take the login.
  [[nodiscard]] bool suits_old_brokers() const;
  /// The broker takes the mechanism or not; then `first_message` is to be sent.
  error on_handshake(const sasl_handshake_response& answer);
  result<secret> first_message();
  /// A message of the exchange goes out. Whether the login is done with it: brokers do
  /// not answer the last one of a bare exchange of GSSAPI.
  bool on_sent(time_point now);
  /// The broker's message: the client's next, or nothing: the login is done.
  result<std::optional<secret>> on_answer(
    time_point now, const sasl_authenticate_response& answer);

  /// The broker has ended the connection in a bare exchange: it refuses the login.
  error hung_up();

  /// A connection is made.
  void on_connecting() { goes_on_ = false; }
  void on_down();
  /// Whether the next connection may be made at once, and nobody need be told: it tries
  /// another mechanism, or a new token.
  [[nodiscard]] bool goes_on() const { return goes_on_; }

  /// When the session is to be renewed, unless a request that rests for so long would
  /// outlast it: then that much earlier.
  [[nodiscard]] std::optional<time_point> renewal_at(
    std::chrono::milliseconds longest_rest) const;
  /// Whether the session is not renewed for want of credentials.
  [[nodiscard]] bool lacks_credentials() const {
    return phase_ == phase::credentials || put_off_ > 0;
  }
  /// When the broker ends the session.
  [[nodiscard]] std::optional<time_point> session_ends() const;

private:
  error over(error_code code, std::string detail);
  error failed(error_code code, std::string detail);
  error refused_by_broker(const sasl_authenticate_response& answer);
  error other_mechanism(const sasl_handshake_response& answer);
  [[nodiscard]] bool renews() const { return done_at_.has_value(); }
  void done(time_point now, std::int64_t lifetime_ms);

  endpoint at_;
  client_logins* all_;
  phase phase_ = phase::idle;
  sasl::mechanism mechanism_{};
  std::int16_t authenticate_version_ = -1;
  bool has_handshake_ = true; ///< The broker does.
  std::unique_ptr<sasl::exchange> exchange_;
  std::uint32_t rounds_ = 0;
  time_point asked_at_;
  time_point sent_at_;
  double share_ = 0.9;
  std::string candidate_; ///< The principal of the login that is under way.
  std::string principal_;
  // Of the session.
  std::optional<time_point> done_at_;
  std::optional<time_point> renew_at_;
  std::optional<time_point> ends_at_;
  std::uint32_t put_off_ = 0;
  // Beyond the connection.
  bool refused_ = false;
  bool goes_on_ = false;
  // Since the last login that succeeded.
  bool chose_again_ = false;
  bool asked_again_ = false;
};

} // namespace cafka::protocol
