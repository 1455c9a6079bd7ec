#pragma once

#include "tls.hpp"

#include <string>

struct x509_store_ctx_st;

namespace cafka::actors {

/// What is wrong with the certificate that OpenSSL has just refused, and what to do.
[[nodiscard]] std::string certificate_words(
  x509_store_ctx_st* refused, const tls_findings& findings);

/// Why the TLS operation of this thread failed that has just done so, and what to do.
///
/// `doing` is what failed, for failures that have no words here: "the TLS handshake".
[[nodiscard]] std::string failure_words(
  const std::string& doing, const tls_findings& findings, const ssl_options& options);

/// What a peer may have meant that went away after it had asked for a certificate.
[[nodiscard]] std::string unanswered_words(const ssl_options& options);

} // namespace cafka::actors
