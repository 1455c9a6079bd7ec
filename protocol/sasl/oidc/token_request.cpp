#include "token_request.hpp"

#include "../crypto.hpp"
#include "encoding.hpp"
#include "token_answer.hpp"

namespace cafka::protocol::sasl {

namespace {

/// Client and secret as RFC 6749, section 2.3.1, wants them, or as they are.
void authorize(
  prepared_request& request, const oidc_options& options, const secret& client_secret) {
  const auto part = [&](std::string_view text) {
    return options.header_urlencode ? form_encoded(text) : secret{text};
  };
  const auto id = part(options.client_id);
  auto word = part(client_secret.reveal());
  std::string both;
  // All at once: a text that grows leaves copies of itself behind.
  both.reserve(id.reveal().size() + 1 + word.reveal().size());
  both.append(id.reveal()).append(1, ':').append(word.reveal());
  secret text{base64(both)};
  wipe(both);
  constexpr std::string_view scheme = "Basic ";
  std::string header;
  header.reserve(scheme.size() + text.reveal().size());
  header.append(scheme).append(text.reveal());
  request.http.authorization = secret{std::move(header)};
  request.hidden.push_back(client_secret);
  request.hidden.push_back(std::move(word));
  request.hidden.push_back(std::move(text));
}

/// The text of the file without spaces and line ends around it.
result<secret> ready_assertion(const oidc_options& options, const oidc_material& with) {
  const auto text = without_spaces_around(with.assertion.reveal());
  if (!may_be_token(text))
    return error{error_code::invalid_argument,
      "sasl.oidc.assertion_file = " + options.assertion_file
        + ": holds something other than one JWT"};
  return secret{text};
}

} // namespace

result<prepared_request> token_request(
  const oidc_options& options, const oidc_material& with, wall_time now) {
  auto url = parse_http_url(options.token_endpoint_url);
  if (!url)
    return url.error();
  prepared_request request{{*std::move(url),
    {{"Accept", "application/json"}, {"Cache-Control", "no-cache"},
      {"Content-Type", "application/x-www-form-urlencoded"}}}};
  const bool jwt_bearer = options.grant == oauth_grant::jwt_bearer;
  std::string body = jwt_bearer
    ? "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer"
    : "grant_type=client_credentials";
  if (!options.scope.empty())
    body.append("&scope=").append(form_encoded(options.scope).reveal());
  if (!with.client_secret.empty())
    authorize(request, options, with.client_secret);
  else if (!options.client_id.empty())
    body.append("&client_id=").append(form_encoded(options.client_id).reveal());
  if (asserts(options)) {
    auto assertion = options.assertion_file.empty() ? make_assertion(options, with, now)
                                                    : ready_assertion(options, with);
    if (!assertion)
      return assertion.error();
    const std::string_view name = jwt_bearer
      ? "&assertion="
      : "&client_assertion_type="
        "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"
        "&client_assertion=";
    const auto value = form_encoded(assertion->reveal());
    body.reserve(body.size() + name.size() + value.reveal().size());
    body.append(name).append(value.reveal());
    request.hidden.push_back(*std::move(assertion));
  }
  request.http.body = secret{std::move(body)};
  return request;
}

} // namespace cafka::protocol::sasl
