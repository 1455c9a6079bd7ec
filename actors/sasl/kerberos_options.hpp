#pragma once

#include <string>

namespace cafka {

/// How tickets of Kerberos are got, for GSSAPI. Realms, KDCs and names of hosts are as in
/// the system's `krb5.conf` (`KRB5_CONFIG`).
struct kerberos_options {
  /// A file with the key of the principal; tickets are got with it, and got anew before
  /// they expire, without `kinit`. It is read each time. Empty: the tickets that are in
  /// the user's cache (`kinit`, `KRB5CCNAME`).
  std::string keytab = {};
  /// Who logs in, `alice@EXAMPLE.COM`. Empty: the first in the keytab, or whose tickets
  /// the cache has.
  std::string principal = {};
  /// The first part of brokers' principals, `kafka/broker-1.example.com`; the second is
  /// the host's name as it is dialled. Must not be empty. Kafka:
  /// sasl.kerberos.service.name.
  std::string service_name = "kafka";

  friend bool operator==(const kerberos_options&, const kerberos_options&) = default;
};

} // namespace cafka
