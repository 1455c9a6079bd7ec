#pragma once

#include "../../protocol/endpoint.hpp"
#include "../../protocol/result.hpp"
#include "../../protocol/sasl/credentials.hpp"
#include "../../protocol/sasl/mechanism.hpp"
#include "../../protocol/sasl/oidc/oidc_options.hpp"
#include "../../protocol/secret.hpp"
#include "../transport/tls_options.hpp"
#include "kerberos_options.hpp"

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace cafka {

using protocol::secret;

/// How a client proves to brokers who it is.
using sasl_mechanism = protocol::sasl::mechanism;
/// A name and its password.
using sasl_password = protocol::sasl::password_login;
/// A token that another server has issued.
using sasl_token = protocol::sasl::bearer_token;
/// A ticket of Kerberos.
using sasl_ticket = protocol::sasl::kerberos_login;
/// How tokens are got of an OAuth 2 provider; docs/sasl-oidc.md.
using oidc_options = protocol::sasl::oidc_options;
/// What a token is asked for with.
using oauth_grant = protocol::sasl::oauth_grant;
/// How an assertion is signed.
using jwt_algorithm = protocol::sasl::jwt_algorithm;
/// A password, a token or a ticket.
using sasl_credentials = protocol::sasl::credentials;

/// The mechanisms that a text names, with commas between them; none for an empty one.
/// Error `invalid_argument` names the one that there is not.
[[nodiscard]] protocol::result<std::vector<sasl_mechanism>> parse_sasl_mechanisms(
  std::string_view text);

/// For which login credentials are wanted.
struct sasl_request {
  /// Where the broker listens.
  protocol::endpoint broker = {};
  /// The mechanism: PLAIN and SCRAM want a `sasl_password`, OAUTHBEARER a `sasl_token`.
  /// GSSAPI asks for nothing.
  sasl_mechanism mechanism{};
  /// The broker has refused what the last login had: what is kept of that is of no use.
  bool refused = false;
};

/// How brokers are logged in to, by SASL.
///
/// Credentials are found anew for each login, so that a file or a function may have
/// others the next time: the same for the first login of a connection and for those that
/// renew it. They are never printed, logged or sent to another node.
struct sasl_options {
  /// The mechanisms that may be used, the best first: the first that a broker has enabled
  /// is taken. Empty: there is no login. Kafka: `sasl.mechanism`.
  std::vector<sasl_mechanism> mechanism = {};
  /// The user's name, for PLAIN and SCRAM.
  std::string username = {};
  /// Its password.
  secret password = {};
  /// A file whose first line is the password, instead of `password`; empty: none.
  std::string password_file = {};
  /// The environment variable that holds the password, instead of `password`. It is read
  /// once, when a worker is created; empty: none.
  std::string password_env = {};
  /// Whether name and password are id and HMAC of a delegation token, for SCRAM (KIP-48).
  bool tokenauth = false;
  /// The token, for OAUTHBEARER.
  secret token = {};
  /// A file with the token, instead of `token`; empty: none.
  std::string token_file = {};
  /// Where tokens are got instead, one for all connections, and how; without
  /// `token_endpoint_url` there is no provider. A worker's must be the application's.
  oidc_options oidc = {};
  /// How TLS is spoken to the provider, where its URL is `https://`.
  ssl_options oidc_ssl_options = {};
  /// Whom the client acts as, for OAUTHBEARER; empty: the token's own subject.
  std::string authorization_id = {};
  /// SASL extensions for OAUTHBEARER (KIP-342), by name.
  std::map<std::string, std::string> extensions = {};
  /// How tickets are got, for GSSAPI.
  kerberos_options kerberos = {};
  /// Finds the credentials for all mechanisms but GSSAPI, in place of what is above. It
  /// is called in a thread that it may block, for one login after the other; a login
  /// waits 30 s for it. What it throws is the login's error.
  std::function<protocol::result<sasl_credentials>(const sasl_request& wanted)>
    credentials = {};
};

} // namespace cafka
