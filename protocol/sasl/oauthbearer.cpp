#include "oauthbearer.hpp"

#include "../text.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

namespace cafka::protocol::sasl {

namespace {

constexpr char separator = '\x01';

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_extension_value(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= ' ' && c <= '~') || c == '\t' || c == '\r' || c == '\n';
  });
}

/// Kafka takes ASCII alone.
bool is_authorization_id(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > '\x01' && c < '\x7f'; });
}

/// The status of RFC 7628's JSON; else the text.
std::string status_in(std::string_view answer) {
  const auto json = nlohmann::json::parse(answer, nullptr, false);
  if (json.is_object()) {
    const auto status = json.find("status");
    if (status != json.end() && status->is_string()) {
      auto text = shown(status->get_ref<const std::string&>(), 200);
      const auto scope = json.find("scope");
      if (scope != json.end() && scope->is_string()
        && !scope->get_ref<const std::string&>().empty())
        text += ", scope " + shown(scope->get_ref<const std::string&>(), 200);
      return text;
    }
  }
  return shown(answer, 200);
}

} // namespace

bool may_be_token(std::string_view text) {
  const auto digits = text.substr(0, text.find_last_not_of('=') + 1);
  return !digits.empty() && std::ranges::all_of(digits, [](char c) {
    return is_letter(c) || (c >= '0' && c <= '9')
      || std::string_view{"-._~+/"}.find(c) != std::string_view::npos;
  });
}

error oauthbearer_exchange::check(const bearer_token& who) {
  constexpr auto code = error_code::invalid_argument;
  if (!may_be_token(who.token.reveal()))
    return {code,
      who.token.empty()
        ? "the token for OAUTHBEARER is empty"
        : "the token for OAUTHBEARER has characters that no token has; it must be "
          "without spaces and line breaks"};
  if (!is_authorization_id(who.authorization_id))
    return {code, "the authorization id for OAUTHBEARER must be of ASCII characters"};
  std::set<std::string_view> seen;
  for (const auto& [name, value] : who.extensions) {
    const auto what = "the SASL extension \"" + shown(name, 50) + '"';
    if (name.empty() || !std::ranges::all_of(name, is_letter) || name == "auth")
      return {code, what + " must be named by letters alone, and not auth"};
    if (!is_extension_value(value))
      return {code, what + " must have a value of printable ASCII characters"};
    if (!seen.insert(name).second)
      return {code, what + " is given twice"};
  }
  return {};
}

result<secret> oauthbearer_exchange::first() {
  std::string text = "n,";
  if (!who_.authorization_id.empty()) {
    text += "a=";
    for (const char c : who_.authorization_id) {
      if (c == '=')
        text += "=3D";
      else if (c == ',')
        text += "=2C";
      else
        text += c;
    }
  }
  // A text that grows leaves copies of the token behind.
  std::size_t size = text.size() + who_.token.reveal().size() + 16;
  for (const auto& [name, value] : who_.extensions)
    size += name.size() + value.size() + 2;
  text.reserve(size);
  text.append(",").append(1, separator).append("auth=Bearer ");
  text.append(who_.token.reveal()).append(1, separator);
  for (const auto& [name, value] : who_.extensions)
    text.append(name).append("=").append(value).append(1, separator);
  text.append(1, separator);
  who_.token.clear();
  return secret{std::move(text)};
}

result<std::optional<secret>> oauthbearer_exchange::next(std::string_view answer) {
  if (refusal_)
    return refusal_;
  if (answer.empty())
    return std::optional<secret>{};
  refusal_ = {error_code::bearer_token_refused,
    "the broker refuses the token: " + status_in(answer)
      + ": it may have expired, or be for another audience or of another issuer"};
  return std::optional{secret{std::string(1, separator)}};
}

} // namespace cafka::protocol::sasl
