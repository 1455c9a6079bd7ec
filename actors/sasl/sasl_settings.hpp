#pragma once

#include "../../protocol/sasl/oidc/oidc_settings.hpp"
#include "../../protocol/settings.hpp"
#include "../transport/tls_settings.hpp"
#include "sasl_options.hpp"

namespace cafka {

/// The rows of `kerberos_options`; see `protocol/settings.hpp`.
template <row::options_of<kerberos_options> Options, class Visitor>
void each_setting(Options& options, Visitor& v) {
  auto& [keytab, principal, service_name] = options;
  v(CAFKA_SETTING(keytab), row::text{"the tickets of `kinit`"},
    {.says =
        "A file with the key of the principal. Tickets are got with it, and got anew "
        "before they expire, without kinit. Empty: the tickets that are in the "
        "user's cache.",
      .flag = "--sasl-keytab",
      .everyday = true});
  v(CAFKA_SETTING(principal), row::text{"the first in the keytab, or the cache's"},
    {.says = "Who logs in, alice@EXAMPLE.COM.",
      .flag = "--sasl-principal",
      .everyday = true});
  v(CAFKA_SETTING(service_name), row::text{},
    {.says = "The first part of brokers' principals, kafka/broker-1.example.com; the "
             "second is the host's name as it is dialled.",
      .flag = "--sasl-kerberos-service-name",
      .everyday = true});
}

/// The rows of `sasl_options`; see `protocol/settings.hpp`.
template <row::options_of<sasl_options> Options, class Visitor>
void each_setting(Options& options, Visitor& v) {
  auto& [mechanism, username, password, password_file, password_env, tokenauth, token,
    token_file, oidc, oidc_ssl_options, authorization_id, extensions, kerberos,
    credentials] = options;
  v(CAFKA_SETTING(mechanism), row::mechanisms{},
    {.says = "With which mechanism to log in: one, or a list of which the first is taken "
             "that a broker has enabled: PLAIN (over TLS only: it sends the password as "
             "it is), SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER, GSSAPI. None: there is "
             "no login.",
      .flag = "--sasl-mechanism",
      .everyday = true});
  v(CAFKA_SETTING(username), row::text{"none"},
    {.says = "The user's name, for PLAIN and SCRAM; the id of a delegation token.",
      .flag = "--sasl-username",
      .everyday = true});
  v(CAFKA_SETTING(password), row::hidden_text{},
    {.says = "Its password, for PLAIN and SCRAM; the HMAC of a delegation token. Never "
             "printed. Instead of the password itself one of password_file and "
             "password_env can be set.",
      .flag = "--sasl-password-file",
      .everyday = true});
  v(CAFKA_SETTING(password_file), row::text{"none"},
    {.says = "A file whose first line is the password; it is read at each login. Empty: "
             "none.",
      .flag = "--sasl-password-file",
      .everyday = true});
  v(CAFKA_SETTING(password_env), row::text{"none"},
    {.says = "The name of an environment variable that holds the password. Empty: none.",
      .everyday = true});
  v(CAFKA_SETTING(tokenauth), row::yes_no{},
    {"Whether name and password are those of a delegation token, which logs in by "
     "SCRAM."});
  v(CAFKA_SETTING(token), row::hidden_text{},
    {.says = "The token, for OAUTHBEARER. Never printed.",
      .flag = "--sasl-token-file",
      .everyday = true});
  v(CAFKA_SETTING(token_file), row::text{"none"},
    {.says = "A file with the token, which is read at each login. Empty: none.",
      .flag = "--sasl-token-file"});
  v(CAFKA_SETTING(oidc), row::block{},
    {.says =
        "How tokens are got of an OAuth 2 provider, for OAUTHBEARER, instead of token "
        "and token_file. See docs/sasl-oidc.md.",
      .everyday = true});
  v(CAFKA_SETTING(oidc_ssl_options), row::block{},
    {"How TLS is spoken to the provider, where its URL is https. See docs/tls.md."});
  v(CAFKA_SETTING(authorization_id), row::text{"the token's subject"},
    {"Whom the client acts as, for OAUTHBEARER. Empty: the token's own subject."});
  v(CAFKA_SETTING(extensions), row::of_code{"texts by name"},
    {"SASL extensions, for OAUTHBEARER."});
  v(CAFKA_SETTING(kerberos), row::block{},
    {.says = "How tickets of Kerberos are got, for GSSAPI. See docs/sasl-kerberos.md.",
      .everyday = true});
  v(CAFKA_SETTING(credentials), row::of_code{"a function"},
    {"Finds name and password, or the token, at each login, in place of all of the "
     "above but mechanism and kerberos."});
}

} // namespace cafka
