#include "tls_errors.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <ctime>
#include <memory>
#include <string_view>

namespace cafka::actors {

namespace {

/// Text of a certificate, which anybody may have written, for a line of a log.
std::string printable(std::string_view text) {
  constexpr std::size_t longest = 200;
  std::string result{text.substr(0, longest)};
  std::ranges::replace_if(
    result, [](unsigned char c) { return c < ' ' || c == 0x7f; }, '?');
  return text.size() > longest ? result + "..." : result;
}

std::string name_text(const X509_NAME* name) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> out{BIO_new(BIO_s_mem()), &BIO_free};
  if (out == nullptr || name == nullptr
    || X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB)
      < 0)
    return "?";
  char* data = nullptr;
  const auto size = BIO_get_mem_data(out.get(), &data);
  return printable({data, static_cast<std::size_t>(size)});
}

std::string time_text(const ASN1_TIME* time) {
  std::tm parts{};
  std::array<char, 32> text{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1
    || std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S UTC", &parts) == 0)
    return "?";
  return text.data();
}

std::string address_text(const ASN1_OCTET_STRING* address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const auto size = ASN1_STRING_length(address);
  if ((size != 4 && size != 16)
    || inet_ntop(size == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(address),
         text.data(), text.size())
      == nullptr)
    return "?";
  return text.data();
}

/// The hosts that a certificate is for.
std::string hosts_of(const X509* certificate) {
  constexpr int most = 10;
  std::string result;
  const auto add = [&](const std::string& host) {
    result += (result.empty() ? "" : ", ") + host;
  };
  auto* names = static_cast<GENERAL_NAMES*>(
    X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  const auto count = sk_GENERAL_NAME_num(names);
  for (int i = 0; i < std::min(count, most); ++i) {
    const auto* name = sk_GENERAL_NAME_value(names, i);
    if (name->type == GEN_DNS)
      add(
        printable({reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName)),
          static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName))}));
    else if (name->type == GEN_IPADD)
      add(address_text(name->d.iPAddress));
  }
  if (count > most)
    add("...");
  GENERAL_NAMES_free(names);
  return result.empty() ? name_text(X509_get_subject_name(certificate)) : result;
}

/// Whether it has the host's number, but as a name.
bool has_number_as_name(const X509* certificate, const std::string& host) {
  const std::unique_ptr<GENERAL_NAMES, decltype(&GENERAL_NAMES_free)> names{
    static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)),
    &GENERAL_NAMES_free};
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const auto* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_DNS
      && std::string_view{reinterpret_cast<const char*>(
                            ASN1_STRING_get0_data(name->d.dNSName)),
           static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName))}
        == host)
      return true;
  }
  return false;
}

/// When the CA says that it revoked a certificate.
std::string revocation_time(const X509_CRL* list, const X509* certificate) {
  X509_REVOKED* entry = nullptr;
  if (list == nullptr
    || X509_CRL_get0_by_cert(
         const_cast<X509_CRL*>(list), &entry, const_cast<X509*>(certificate))
      == 0
    || entry == nullptr)
    return "?";
  return time_text(X509_REVOKED_get0_revocationDate(entry));
}

std::string version_words(const ssl_options& options) {
  return std::string{"the peer speaks no version of TLS from "}
  + (options.min_version == tls_version::tls_1_3 ? "1.3" : "1.2")
    + " on: see its ssl.enabled.protocols, or lower min_version";
}

std::string whom(const tls_findings& findings) {
  return findings.kind == tls_peer_kind::broker ? "the broker" : "the server";
}

std::string without_certificate(const tls_findings& findings) {
  return whom(findings)
    + " demands a client certificate, and there is none: set certfile and keyfile";
}

std::string refused_certificate(
  const tls_findings& findings, const ssl_options& options, const std::string& why) {
  return whom(findings) + " refuses the client certificate " + options.certfile + ": "
    + why;
}

/// What the peer has sent instead of going on; RFC 8446, 6.2.
std::string alert_words(
  int alert, const tls_findings& findings, const ssl_options& options) {
  const auto text = printable(SSL_alert_desc_string_long(alert));
  if (findings.wants_certificate && options.certfile.empty()) {
    switch (alert) {
    case SSL_AD_CERTIFICATE_REQUIRED:
    case SSL_AD_HANDSHAKE_FAILURE:
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_CERTIFICATE_UNKNOWN: return without_certificate(findings);
    default: break;
    }
  }
  switch (alert) {
  case SSL_AD_CERTIFICATE_REQUIRED: return without_certificate(findings);
  case SSL_AD_PROTOCOL_VERSION: return version_words(options);
  case SSL_AD_UNRECOGNIZED_NAME:
    return "the peer does not know the name that it was called by: set server_name";
  default: break;
  }
  if (findings.wants_certificate && !options.certfile.empty()) {
    switch (alert) {
    case SSL_AD_UNKNOWN_CA:
      return refused_certificate(
        findings, options, "it does not trust the CA that signed it");
    case SSL_AD_CERTIFICATE_EXPIRED:
      return refused_certificate(
        findings, options, "it has expired, or is not valid yet");
    case SSL_AD_CERTIFICATE_REVOKED:
      return refused_certificate(findings, options, "it has been revoked");
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
      return refused_certificate(
        findings, options, "it is not of a kind that " + whom(findings) + " takes");
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_ACCESS_DENIED:
      return refused_certificate(findings, options,
        "alert \"" + text + "\", " + whom(findings) + "'s log may say more");
    default: break;
    }
  }
  if (alert == SSL_AD_HANDSHAKE_FAILURE)
    return "the peer finds nothing that both sides can do: compare its ssl.cipher.suites "
           "and certificate with ciphers";
  return "the peer broke off with the TLS alert \"" + text + '"';
}

} // namespace

std::string certificate_words(X509_STORE_CTX* refused, const tls_findings& findings) {
  const auto& host = findings.host;
  const auto* certificate = X509_STORE_CTX_get_current_cert(refused);
  const auto code = X509_STORE_CTX_get_error(refused);
  if (certificate == nullptr)
    return std::string{"its certificate is refused: "}
    + X509_verify_cert_error_string(code);
  const auto subject = name_text(X509_get_subject_name(certificate));
  const auto issuer = name_text(X509_get_issuer_name(certificate));
  const auto which = X509_STORE_CTX_get_error_depth(refused) == 0
    ? "its certificate (" + subject + ')'
    : "the certificate (" + subject + ") that vouches for its own";
  switch (code) {
  case X509_V_ERR_CERT_HAS_EXPIRED:
    return which + " expired on " + time_text(X509_get0_notAfter(certificate))
      + ": it needs a new one, unless this machine's clock is wrong";
  case X509_V_ERR_CERT_NOT_YET_VALID:
    return which + " is not valid before " + time_text(X509_get0_notBefore(certificate))
      + ": wait, or correct this machine's clock";
  case X509_V_ERR_CERT_REVOKED:
    return which + " was revoked by its CA (" + issuer + ") on "
      + revocation_time(X509_STORE_CTX_get0_current_crl(refused), certificate)
      + ", as crlfile says: " + whom(findings) + " needs a new one";
  case X509_V_ERR_UNABLE_TO_GET_CRL:
    return "crlfile has no revocation list of the CA (" + issuer + ") of " + which
      + ": add that list";
  case X509_V_ERR_CRL_HAS_EXPIRED:
    return "the revocation list that crlfile has of the CA (" + issuer + ") of " + which
      + " expired on "
      + time_text(X509_CRL_get0_nextUpdate(X509_STORE_CTX_get0_current_crl(refused)))
      + ": fetch the present one, unless this machine's clock is wrong";
  case X509_V_ERR_CRL_NOT_YET_VALID:
    return "the revocation list that crlfile has of the CA (" + issuer + ") of " + which
      + " is not valid before "
      + time_text(X509_CRL_get0_lastUpdate(X509_STORE_CTX_get0_current_crl(refused)))
      + ": wait, or correct this machine's clock";
  case X509_V_ERR_CRL_SIGNATURE_FAILURE:
    return "the revocation list that crlfile has of the CA (" + issuer + ") of " + which
      + " is not signed by that CA: fetch the right one";
  case X509_V_ERR_IP_ADDRESS_MISMATCH:
    if (has_number_as_name(certificate, host))
      return "its certificate has " + printable(host) + " as a name (DNS:"
        + printable(host) + "), where an address counts alone (IP:" + printable(host)
        + "): it needs a new one with that in subjectAltName, or set verify_chain";
    [[fallthrough]];
  case X509_V_ERR_HOSTNAME_MISMATCH:
    return "its certificate is for " + hosts_of(certificate) + " and not for "
      + printable(host) + ": name " + whom(findings)
      + " as the certificate does, or set server_name";
  case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    return which
      + " is signed by itself and not trusted: if it is the right one, put it into "
        "cacertfile";
  case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
  case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
  case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
  case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    return which + " is signed by an unknown CA (" + issuer
      + "): put that CA into cacertfile or cacertdir";
  case X509_V_ERR_CERT_SIGNATURE_FAILURE:
    return which + " is not signed by the CA of that name which is trusted here ("
      + issuer + "): put the right one into cacertfile or cacertdir";
  default: return which + " is refused: " + X509_verify_cert_error_string(code);
  }
}

std::string failure_words(
  const std::string& doing, const tls_findings& findings, const ssl_options& options) {
  const auto error = ERR_peek_error();
  const auto reason = ERR_GET_REASON(error);
  if (findings.speaks_no_tls)
    return findings.kind == tls_peer_kind::broker
      ? "what answers there does not speak TLS: use the broker's TLS port, or set "
        "use_ssl to false"
      : "what answers there does not speak TLS: its URL begins with http://, or has "
        "another port";
  // What OpenSSL noted before it, about a signature for instance, says less.
  if (!findings.certificate.empty())
    return findings.certificate;
  if (ERR_GET_LIB(error) == ERR_LIB_SSL) {
    if (reason > SSL_AD_REASON_OFFSET)
      return alert_words(reason - SSL_AD_REASON_OFFSET, findings, options);
    switch (reason) {
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_WRONG_SSL_VERSION: return version_words(options);
    default: break;
    }
  }
  const auto* text = ERR_reason_error_string(error);
  return doing + " failed: " + (text != nullptr ? text : "OpenSSL does not say why");
}

std::string unanswered_words(const ssl_options& options) {
  return options.certfile.empty()
    ? "after it asked for a client certificate, and there is none: set certfile and "
      "keyfile"
    : "after it asked for a client certificate: it may have refused " + options.certfile
      + ", its log may say more";
}

} // namespace cafka::actors
