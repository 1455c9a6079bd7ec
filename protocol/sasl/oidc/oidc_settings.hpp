#pragma once

#include "../../settings.hpp"
#include "oidc_options.hpp"

#include <array>

namespace cafka::protocol::sasl {

inline constexpr std::array oauth_grant_words{
  row::word<oauth_grant>{"client_credentials", oauth_grant::client_credentials},
  row::word<oauth_grant>{"jwt_bearer", oauth_grant::jwt_bearer},
};

inline constexpr std::array jwt_algorithm_words{
  row::word<jwt_algorithm>{"RS256", jwt_algorithm::rs256},
  row::word<jwt_algorithm>{"ES256", jwt_algorithm::es256},
};

/// The rows of `oidc_options`; see `protocol/settings.hpp`.
template <row::options_of<oidc_options> Options, class Visitor>
void each_setting(Options& options, Visitor& v) {
  using std::chrono::milliseconds;
  using std::chrono::seconds;
  constexpr row::period at_once{milliseconds{1}, seconds{600}};
  auto& [token_endpoint_url, grant, client_id, client_secret, client_secret_file,
    client_secret_env, scope, header_urlencode, sub_claim_name, assertion_file,
    assertion_algorithm, assertion_private_key_file, assertion_private_key_passphrase,
    assertion_private_key_passphrase_file, assertion_template_file, assertion_claim_aud,
    assertion_claim_iss, assertion_claim_sub, assertion_claim_exp, assertion_claim_nbf,
    assertion_claim_jti, request_timeout, retry_backoff, retry_backoff_max,
    refresh_window, refresh_jitter, refresh_min_period, refresh_buffer] = options;
  v(CAFKA_SETTING(token_endpoint_url), row::text{"none"},
    {.says =
        "The token endpoint, https:// or http://. With file:///path the token is what "
        "the file holds. Empty: there is no provider.",
      .flag = "--sasl-oidc-token-endpoint-url"});
  v(CAFKA_SETTING(grant), row::choice{oauth_grant_words},
    {"What a token is asked for with: the client's own identity (KIP-768), or a signed "
     "assertion of whom the token is for (KIP-1139)."});
  v(CAFKA_SETTING(client_id), row::text{"none"},
    {.says = "The client's id; may be empty where an assertion says it.",
      .flag = "--sasl-oidc-client-id",
      .everyday = true});
  v(CAFKA_SETTING(client_secret), row::hidden_text{},
    {.says = "Its secret. Never printed.",
      .flag = "--sasl-oidc-client-secret-file",
      .everyday = true});
  v(CAFKA_SETTING(client_secret_file), row::text{"none"},
    {.says =
        "A file whose first line is the secret, instead of client_secret. It is read "
        "at each attempt. Empty: none.",
      .flag = "--sasl-oidc-client-secret-file"});
  v(CAFKA_SETTING(client_secret_env), row::text{"none"},
    {"The environment variable that holds the secret, instead of client_secret. Empty: "
     "none."});
  v(CAFKA_SETTING(scope), row::text{"the provider's default"},
    {.says = "What the token is to allow, in the provider's words. Empty: its default.",
      .flag = "--sasl-oidc-scope",
      .everyday = true});
  v(CAFKA_SETTING(header_urlencode), row::yes_no{},
    {"Whether id and secret are form-encoded in the header Authorization, as RFC 6749, "
     "2.3.1, wants. Kafka's Java client sends them raw, and some providers take nothing "
     "else."});
  v(CAFKA_SETTING(sub_claim_name), row::text{},
    {"The claim of the token that holds the principal's name."});
  v(CAFKA_SETTING(assertion_file), row::text{"none"},
    {"A file with a ready assertion, which is read at each attempt. Empty: none."});
  v(CAFKA_SETTING(assertion_algorithm), row::choice{jwt_algorithm_words},
    {"How an assertion is signed that is made here: with an RSA key, or one of the curve "
     "P-256."});
  v(CAFKA_SETTING(assertion_private_key_file), row::text{"none"},
    {"A file with the key that signs it, PEM. Empty: none."});
  v(CAFKA_SETTING(assertion_private_key_passphrase), row::hidden_text{},
    {"What the key is encrypted with; empty where it is not. Never printed."});
  v(CAFKA_SETTING(assertion_private_key_passphrase_file), row::text{"none"},
    {"A file whose first line is the passphrase. Empty: none."});
  v(CAFKA_SETTING(assertion_template_file), row::text{"none"},
    {"A file of JSON, an object with the objects header and payload, whose members the "
     "assertion gets. Empty: none."});
  v(CAFKA_SETTING(assertion_claim_aud), row::text{"as the template says"},
    {"The assertion's audience: mostly the provider's issuer or its token endpoint."});
  v(CAFKA_SETTING(assertion_claim_iss), row::text{"as the template says"},
    {"Who issues the assertion: mostly the client's id."});
  v(CAFKA_SETTING(assertion_claim_sub), row::text{"as the template says"},
    {"Whom the assertion is about."});
  v(CAFKA_SETTING(assertion_claim_exp), row::period{seconds{1}, seconds{86'400}},
    {"How long from now on the assertion holds."});
  v(CAFKA_SETTING(assertion_claim_nbf), row::period{seconds{0}, seconds{86'400}},
    {"How long before now it begins to hold, for clocks that differ."});
  v(CAFKA_SETTING(assertion_claim_jti), row::yes_no{},
    {"Whether it has a number of its own, so that it is taken only once."});
  v(CAFKA_SETTING(request_timeout), at_once,
    {"Time for one call of the token endpoint, connecting included."});
  v(CAFKA_SETTING(retry_backoff), at_once,
    {"The wait after the first failure; each further one doubles it."});
  v(CAFKA_SETTING(retry_backoff_max), at_once,
    {"The longest wait between two attempts."});
  v(CAFKA_SETTING(refresh_window), row::whole{50, 100, "percent"},
    {"When a token is replaced, in percent of its life."});
  v(CAFKA_SETTING(refresh_jitter), row::whole{0, 25, "percent"},
    {"How far that is moved at random, earlier or later."});
  v(CAFKA_SETTING(refresh_min_period), row::period{seconds{0}, seconds{900}},
    {"Least time between two tokens."});
  v(CAFKA_SETTING(refresh_buffer), row::period{seconds{0}, seconds{3'600}},
    {"How long before its end a token is replaced at the latest. Where a token's life is "
     "shorter than this and refresh_min_period together, neither is of effect."});
}

} // namespace cafka::protocol::sasl
