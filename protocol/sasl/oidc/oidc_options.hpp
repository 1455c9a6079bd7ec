#pragma once

#include "../../../base/inspect.hpp"
#include "../../result.hpp"
#include "../../secret.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace cafka::protocol::sasl {

/// What a token is asked for with.
enum class oauth_grant : std::uint8_t {
  /// The client's own identity. RFC 6749, section 4.4; KIP-768.
  client_credentials,
  /// A signed assertion of whom the token is for. RFC 7523, section 2.1; KIP-1139.
  jwt_bearer,
};

/// As Kafka's class of the grant and configuration files name it.
[[nodiscard]] std::string_view to_string(oauth_grant g);

/// How an assertion is signed. RFC 7518, section 3.1.
enum class jwt_algorithm : std::uint8_t {
  /// RSA of at least 2,048 bits, PKCS #1 1.5, SHA-256.
  rs256,
  /// ECDSA on the curve P-256, SHA-256.
  es256,
};

/// Its name in a JWT's header: `RS256`, `ES256`.
[[nodiscard]] std::string_view to_string(jwt_algorithm a);

CAFKA_INSPECT_ENUM(oauth_grant, client_credentials, jwt_bearer)
CAFKA_INSPECT_ENUM(jwt_algorithm, rs256, es256)

/// How an OAuth 2 token is got for SASL/OAUTHBEARER. docs/sasl-oidc.md has the whole
/// story; the names are Kafka's, `sasl.oauthbearer.…` and `sasl.login.…`.
///
/// The client proves who it is by an assertion where `assertion_file` or
/// `assertion_private_key_file` is set (RFC 7523, KIP-1258), and otherwise by
/// `client_secret`. Files are read at each attempt, so that what is replaced there is
/// used by the next one.
struct oidc_options {
  /// The token endpoint, `https://` or `http://`. With `file:///path` the token is what
  /// the file holds, and nothing else here is of effect.
  std::string token_endpoint_url = {};
  /// What the token is asked for with.
  oauth_grant grant = oauth_grant::client_credentials;
  /// The client's id. May be empty where an assertion says it.
  std::string client_id = {};
  /// Its secret. Never printed.
  secret client_secret = {};
  /// A file whose first line is the secret, instead of `client_secret`; empty: none.
  std::string client_secret_file = {};
  /// The environment variable that holds the secret, instead of `client_secret`; empty:
  /// none.
  std::string client_secret_env = {};
  /// What the token is to allow, in the provider's words; empty: its default.
  std::string scope = {};
  /// Whether id and secret are form-encoded in the header `Authorization`, as RFC 6749,
  /// section 2.3.1, wants. Kafka's Java client and librdkafka send them raw; some
  /// providers take nothing else.
  bool header_urlencode = true;
  /// The claim of the token that holds the principal's name.
  std::string sub_claim_name = "sub";

  /// A file that holds a ready assertion; empty: none.
  std::string assertion_file = {};
  /// How an assertion is signed that is made here.
  jwt_algorithm assertion_algorithm = jwt_algorithm::rs256;
  /// A file that holds the key that signs it, PEM; empty: none.
  std::string assertion_private_key_file = {};
  /// What the key is encrypted with; empty where it is not. Never printed.
  secret assertion_private_key_passphrase = {};
  /// A file whose first line is the passphrase, instead of
  /// `assertion_private_key_passphrase`; empty: none.
  std::string assertion_private_key_passphrase_file = {};
  /// A file of JSON, `{"header": {…}, "payload": {…}}`, whose members the assertion gets;
  /// empty: none.
  std::string assertion_template_file = {};
  /// Its audience, claim `aud`: mostly the provider's issuer or its token endpoint.
  /// Empty: as the template says.
  std::string assertion_claim_aud = {};
  /// Who issues it, claim `iss`: mostly the client's id. Empty: as the template says.
  std::string assertion_claim_iss = {};
  /// Whom it is about, claim `sub`. Empty: as the template says.
  std::string assertion_claim_sub = {};
  /// How long from now on it holds, claim `exp`.
  std::chrono::seconds assertion_claim_exp{300};
  /// How long before now it begins to hold, claim `nbf`, for clocks that differ.
  std::chrono::seconds assertion_claim_nbf{60};
  /// Whether it has a number of its own, claim `jti`, so that it is taken only once.
  bool assertion_claim_jti = false;

  /// Time for one call of the token endpoint, connecting included.
  std::chrono::milliseconds request_timeout{10'000};
  /// The wait after the first failure; each further one doubles it.
  std::chrono::milliseconds retry_backoff{100};
  /// The longest wait between two attempts.
  std::chrono::milliseconds retry_backoff_max{10'000};
  /// When a token is replaced, in percent of its life.
  int refresh_window = 80;
  /// How far that is moved at random, earlier or later, in percent of its life.
  int refresh_jitter = 5;
  /// Least time between two tokens.
  std::chrono::seconds refresh_min_period{60};
  /// How long before its end a token is replaced at the latest. Where a token's life is
  /// shorter than this and `refresh_min_period` together, neither is of effect.
  std::chrono::seconds refresh_buffer{300};

  friend bool operator==(const oidc_options&, const oidc_options&) = default;
};

CAFKA_INSPECT(oidc_options, token_endpoint_url, grant, client_id, client_secret,
  client_secret_file, client_secret_env, scope, header_urlencode, sub_claim_name,
  assertion_file, assertion_algorithm, assertion_private_key_file,
  assertion_private_key_passphrase, assertion_private_key_passphrase_file,
  assertion_template_file, assertion_claim_aud, assertion_claim_iss, assertion_claim_sub,
  assertion_claim_exp, assertion_claim_nbf, assertion_claim_jti, request_timeout,
  retry_backoff, retry_backoff_max, refresh_window, refresh_jitter, refresh_min_period,
  refresh_buffer)

/// Whether the client proves who it is by an assertion.
[[nodiscard]] bool asserts(const oidc_options& options);

/// What is wrong with options whose `token_endpoint_url` is no file: `invalid_argument`,
/// with the member's name. Files are not looked at.
[[nodiscard]] error wrong_in(const oidc_options& options);

} // namespace cafka::protocol::sasl
