#pragma once

#include "../../base/inspect.hpp"
#include "../../protocol/secret.hpp"

#include <chrono>
#include <cstdint>
#include <string>

namespace cafka {

using protocol::secret;

/// What is checked of a broker's certificate.
enum class ssl_verify : std::uint8_t {
  /// That a trusted CA vouches for it, and that it is for the host that was asked for.
  verify_peer,
  /// That a trusted CA vouches for it, for whatever host.
  verify_chain,
  /// Nothing: anyone between here and the broker can read and change everything.
  verify_none,
};

/// Which certificates are looked up in `crlfile`.
enum class ssl_crl_check : std::uint8_t {
  /// The broker's own.
  peer,
  /// Also those that vouch for it: `crlfile` needs a list of each of their CAs.
  chain,
};

/// The oldest version of TLS that is spoken. Older ones than these are not (RFC 8996).
enum class tls_version : std::uint8_t { tls_1_2, tls_1_3 };

/// How TLS is spoken to brokers. KafkaEx: `ssl_options`; the names are those of Erlang's
/// `ssl` module. docs/tls.md has the whole story.
///
/// Files are PEM. They are read when a worker is created, and read again by the next
/// attempt to connect after they have changed; see `renewal_interval` for connections
/// that are up.
struct ssl_options {
  /// The CAs that are trusted, in one file. With `cacertdir` also empty: those that the
  /// system trusts.
  std::string cacertfile = {};
  /// A directory of CAs, one file each, named by hash as `openssl rehash` does.
  std::string cacertdir = {};
  /// The client's own certificate, and after it those between it and the root, if the
  /// broker wants one. Empty: none.
  std::string certfile = {};
  /// Its private key; empty: it is in `certfile`.
  std::string keyfile = {};
  /// What `keyfile` is encrypted with; empty where it is not. Never printed.
  secret password = {};
  /// How the broker's certificate is checked.
  ssl_verify verify = ssl_verify::verify_peer;
  /// The name that the certificate has to be for, and that is sent to the broker (SNI);
  /// empty: the broker's host.
  std::string server_name = {};
  /// The oldest version of TLS that is accepted.
  tls_version min_version = tls_version::tls_1_2;
  /// The ciphers that may be used with TLS 1.2, as `openssl ciphers` spells them; empty:
  /// OpenSSL's choice. Those of TLS 1.3 are all strong and always allowed.
  std::string ciphers = {};
  /// Revocation lists (CRLs) of the CAs, one or more in one file: what they name is
  /// refused, and so is a certificate of a CA that has no list there, or an expired one.
  /// Empty: none are looked at. librdkafka: `ssl.crl.location`.
  std::string crlfile = {};
  /// Of no effect without `crlfile`. Erlang: `crl_check`, whose `true` is `chain`.
  ssl_crl_check crl_check = ssl_crl_check::peer;
  /// A file whose first line is the password, instead of `password`; empty: none.
  std::string password_file = {};
  /// The environment variable that holds the password, instead of `password`. It is read
  /// once, when a worker is created; empty: none.
  std::string password_env = {};
  /// How often connections that are up look whether the files have changed. One that
  /// finds it so takes no further request, waits for what it has sent, and is replaced;
  /// files that cannot be used change nothing, and the log has a warning, once. Zero: a
  /// connection stays with what it began with as long as it lasts.
  std::chrono::milliseconds renewal_interval{0};

  friend bool operator==(const ssl_options&, const ssl_options&) = default;
};

CAFKA_INSPECT_ENUM(ssl_verify, verify_peer, verify_none)

CAFKA_INSPECT_ENUM(ssl_crl_check, peer, chain)

CAFKA_INSPECT_ENUM(tls_version, tls_1_2, tls_1_3)

CAFKA_INSPECT(ssl_options, cacertfile, cacertdir, certfile, keyfile, password, verify,
  server_name, min_version, ciphers, password_file, password_env, crlfile, crl_check,
  renewal_interval)

} // namespace cafka
