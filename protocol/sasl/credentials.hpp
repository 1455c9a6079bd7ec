#pragma once

#include "../secret.hpp"

#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace cafka::protocol::sasl {

class security_context;

/// A name and its password: for PLAIN and SCRAM.
struct password_login {
  /// The user's name, in UTF-8; of a delegation token, its id. Must not be empty.
  std::string username = {};
  /// The password; of a delegation token, its HMAC as Kafka's tools print it. Must not be
  /// empty.
  secret password = {};
  /// Whether it is a delegation token (KIP-48), which needs SCRAM.
  bool delegation_token = false;

  friend bool operator==(const password_login&, const password_login&) = default;
};

/// A token that another server has issued: for OAUTHBEARER.
struct bearer_token {
  /// The token, as it travels. Must not be empty.
  secret token = {};
  /// Whom the client wants to act as; empty: the token's own subject.
  std::string authorization_id = {};
  /// SASL extensions (KIP-342): names of letters alone, other than `auth`.
  std::vector<std::pair<std::string, std::string>> extensions = {};

  friend bool operator==(const bearer_token&, const bearer_token&) = default;
};

/// A ticket of Kerberos for one broker: for GSSAPI.
struct kerberos_login {
  /// Begun with the ticket, and good for one login. Must not be null.
  std::shared_ptr<security_context> context = {};

  friend bool operator==(const kerberos_login&, const kerberos_login&) = default;
};

/// What a client logs in with. It is not inspectable: no message and no file carries it.
using credentials = std::variant<password_login, bearer_token, kerberos_login>;

/// What a login begins with.
struct login {
  /// Who logs in.
  credentials who;
  /// Text that nobody can guess, anew for each login: see `random_nonce`. SCRAM alone
  /// needs it.
  std::string nonce = {};
  /// Who that is, for people; empty where it is not known.
  std::string principal = {};
};

} // namespace cafka::protocol::sasl
