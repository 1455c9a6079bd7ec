#include "oidc_options.hpp"

#include "http_message.hpp"
#include "oidc_settings.hpp"

#include <initializer_list>

namespace cafka::protocol::sasl {

namespace {

error wrong(std::string_view member, const std::string& why) {
  return {error_code::invalid_argument, "sasl.oidc." + std::string{member} + ' ' + why};
}

int how_many(std::initializer_list<bool> set) {
  int count = 0;
  for (const auto one : set)
    count += one ? 1 : 0;
  return count;
}

error wrong_proof(const oidc_options& o) {
  const auto secrets = how_many({!o.client_secret.empty(), !o.client_secret_file.empty(),
    !o.client_secret_env.empty()});
  if (secrets > 1)
    return wrong("client_secret",
      "is set twice: only one of it, client_secret_file and client_secret_env can be");
  if (!o.assertion_file.empty() && !o.assertion_private_key_file.empty())
    return wrong("assertion_file", "and assertion_private_key_file are both set");
  if (!o.assertion_private_key_passphrase.empty()
    && !o.assertion_private_key_passphrase_file.empty())
    return wrong("assertion_private_key_passphrase", "is set twice: also by a file");
  if (o.grant == oauth_grant::jwt_bearer) {
    if (!asserts(o))
      return wrong(
        "grant", "= jwt_bearer needs assertion_private_key_file or assertion_file");
    if (secrets > 0 && o.client_id.empty())
      return wrong("client_id", "is missing: client_secret goes with it");
    return {};
  }
  if (asserts(o)) {
    if (secrets > 0)
      return wrong("client_secret", "and an assertion are both set: one of them is used");
    return {};
  }
  if (o.client_id.empty())
    return wrong("client_id", "is missing");
  if (secrets == 0)
    return wrong("client_secret",
      "is missing: set it, client_secret_file, client_secret_env, or an assertion");
  return {};
}

} // namespace

std::string_view to_string(oauth_grant g) {
  return g == oauth_grant::client_credentials ? "client_credentials" : "jwt_bearer";
}

std::string_view to_string(jwt_algorithm a) {
  return a == jwt_algorithm::rs256 ? "RS256" : "ES256";
}

bool asserts(const oidc_options& options) {
  return !options.assertion_file.empty() || !options.assertion_private_key_file.empty();
}

error wrong_in(const oidc_options& o) {
  if (o.token_endpoint_url.empty())
    return wrong("token_endpoint_url", "is missing");
  if (const auto url = parse_http_url(o.token_endpoint_url); !url)
    return wrong("token_endpoint_url", "= " + url.error().detail);
  if (auto failed = wrong_proof(o))
    return failed;
  if (auto outside = row::wrong_in(o)) {
    outside.detail = "sasl.oidc." + outside.detail;
    return outside;
  }
  if (o.retry_backoff_max < o.retry_backoff)
    return wrong("retry_backoff_max",
      "= " + std::to_string(o.retry_backoff_max.count())
        + "ms: must not be less than retry_backoff");
  return {};
}

} // namespace cafka::protocol::sasl
