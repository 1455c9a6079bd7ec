#pragma once

#include "../../protocol/settings.hpp"
#include "tls_options.hpp"

#include <array>

namespace cafka {

inline constexpr std::array ssl_verify_words{
  row::word<ssl_verify>{"verify_peer", ssl_verify::verify_peer},
  row::word<ssl_verify>{"verify_chain", ssl_verify::verify_chain, "--tls-verify-chain"},
  row::word<ssl_verify>{"verify_none", ssl_verify::verify_none, "--tls-no-verify"},
};

inline constexpr std::array tls_version_words{
  row::word<tls_version>{"1.2", tls_version::tls_1_2},
  row::word<tls_version>{"1.3", tls_version::tls_1_3},
};

inline constexpr std::array ssl_crl_check_words{
  row::word<ssl_crl_check>{"peer", ssl_crl_check::peer},
  row::word<ssl_crl_check>{"chain", ssl_crl_check::chain},
};

/// The rows of `ssl_options`; see `protocol/settings.hpp`.
template <row::options_of<ssl_options> Options, class Visitor>
void each_setting(Options& options, Visitor& v) {
  auto& [cacertfile, cacertdir, certfile, keyfile, password, verify, server_name,
    min_version, ciphers, crlfile, crl_check, password_file, password_env,
    renewal_interval] = options;
  v(CAFKA_SETTING(cacertfile), row::text{"those that the system trusts"},
    {.says = "The CAs that are trusted, PEM, in one file. Empty, with cacertdir empty, "
             "too: those that the system trusts.",
      .flag = "--ca-file"});
  v(CAFKA_SETTING(cacertdir), row::text{"those that the system trusts"},
    {.says = "The same as a directory, as `openssl rehash` makes it.",
      .flag = "--ca-dir"});
  v(CAFKA_SETTING(certfile), row::text{"none"},
    {.says = "The client's own certificate, for brokers that demand one, with those "
             "between it and the root behind it, PEM. Empty: none.",
      .flag = "--cert"});
  v(CAFKA_SETTING(keyfile), row::text{"it is in certfile"},
    {.says = "Its private key, PEM. Empty: it is in certfile.", .flag = "--key"});
  v(CAFKA_SETTING(password), row::hidden_text{},
    {.says = "What the key is encrypted with; empty where it is not. Never printed. "
             "Instead of the password itself one of password_file and password_env can "
             "be set.",
      .flag = "--key-password-file",
      .everyday = true});
  v(CAFKA_SETTING(password_file), row::text{"none"},
    {.says = "A file whose first line is the password. Empty: none.",
      .flag = "--key-password-file"});
  v(CAFKA_SETTING(password_env), row::text{"none"},
    {"The name of an environment variable that holds the password. Empty: none."});
  v(CAFKA_SETTING(verify), row::choice{ssl_verify_words},
    {.says = "What is checked of a broker's certificate: verify_peer, that a trusted CA "
             "vouches for it and that it is for the broker's host; verify_chain, the CA "
             "alone; verify_none, nothing, so that anybody can stand in for a broker. "
             "The latter two log a warning.",
      .everyday = true});
  v(CAFKA_SETTING(server_name), row::text{"the broker's host"},
    {.says = "The name that the certificate has to be for, and that is sent to the "
             "broker (SNI). Empty: the broker's host.",
      .flag = "--server-name"});
  v(CAFKA_SETTING(min_version), row::choice{tls_version_words},
    {"The oldest version of TLS that is spoken."});
  v(CAFKA_SETTING(ciphers), row::text{"OpenSSL's choice"},
    {"The ciphers for TLS 1.2, as `openssl ciphers` spells them. Empty: OpenSSL's "
     "choice."});
  v(CAFKA_SETTING(crlfile), row::text{"none are looked at"},
    {.says = "Revocation lists (CRLs) of the CAs, PEM, one or more in one file. A "
             "certificate that one of them names is refused, and so is one whose CA has "
             "no list there or an expired one. Empty: none are looked at.",
      .flag = "--crl-file"});
  v(CAFKA_SETTING(crl_check), row::choice{ssl_crl_check_words},
    {"Which certificates are looked up there: peer, the broker's own, or chain, also "
     "those that vouch for it, which needs a list of each of their CAs."});
  v(CAFKA_SETTING(renewal_interval), row::period{},
    {"How often connections that are up look whether the files have changed. One that "
     "finds it so takes no further request, waits for what it has sent, and is replaced; "
     "of files that cannot be used the log has a warning. "
     "Zero: a connection stays with what it began with as long as it lasts."});
}

} // namespace cafka
