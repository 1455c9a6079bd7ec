#include "token_answer.hpp"

#include "../../text.hpp"
#include "encoding.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

namespace cafka::protocol::sasl {

namespace {

using nlohmann::json;
using std::chrono::seconds;

/// Beyond it numbers of seconds are not believed, and not calculated with.
constexpr seconds longest_life{10LL * 366 * 24 * 3'600};
/// The largest time of day that a claim can name: a few thousand years from 1970.
constexpr double latest_second = 2e11;
constexpr std::size_t longest_words = 300;
constexpr std::size_t longest_subject = 200;

error malformed(const std::string& why) {
  return {error_code::malformed_response, "the token endpoint's answer " + why};
}

/// JSON that overwrites its texts when it is done with.
class wiped_json {
public:
  explicit wiped_json(std::string_view text)
    : value_(json::parse(text.begin(), text.end(), nullptr, false)) {}
  wiped_json(const wiped_json&) = delete;
  wiped_json& operator=(const wiped_json&) = delete;
  ~wiped_json() {
    if (!value_.is_object())
      return;
    for (auto& member : value_)
      if (auto* text = member.get_ptr<std::string*>())
        wipe(*text);
  }

  [[nodiscard]] bool is_object() const { return value_.is_object(); }
  /// Null where there is none, or JSON's null.
  [[nodiscard]] json* find(const std::string& name) {
    const auto at = value_.find(name);
    return at == value_.end() || at->is_null() ? nullptr : &*at;
  }
  /// The text; nothing where there is none or something else.
  [[nodiscard]] std::string text(const std::string& name) {
    auto* member = find(name);
    const auto* text = member == nullptr ? nullptr : member->get_ptr<std::string*>();
    return text == nullptr ? std::string{} : *text;
  }

private:
  json value_;
};

/// A number, or one in a text, as some providers write it.
std::optional<double> number_in(const json& value) {
  if (value.is_number())
    return value.get<double>();
  const auto* text = value.get_ptr<const std::string*>();
  if (text == nullptr || text->empty())
    return std::nullopt;
  std::int64_t whole = 0;
  const auto* end = text->data() + text->size();
  const auto [stop, status] = std::from_chars(text->data(), end, whole);
  if (status != std::errc{} || stop != end)
    return std::nullopt;
  return static_cast<double>(whole);
}

seconds until_then(wall_time then, wall_time now) {
  return std::min(std::chrono::floor<seconds>(then - now), longest_life);
}

/// What an error of the provider calls for.
std::string_view advice_about(std::string_view oauth_error) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 6> known{{
    {"invalid_client",
      "check client_id and client_secret, or the assertion; some providers want "
      "header_urlencode = false"},
    {"invalid_grant", "check the assertion: its key, its claims, this machine's clock"},
    {"invalid_scope", "check scope"},
    {"invalid_target", "check scope and the client's resources at the provider"},
    {"unauthorized_client", "the provider does not let this client use this grant"},
    {"unsupported_grant_type", "the provider does not know this grant"},
  }};
  const auto* at = std::ranges::find(known, oauth_error, [](auto& k) { return k.first; });
  return at == known.end() ? std::string_view{} : at->second;
}

std::string_view advice_about(int status) {
  switch (status) {
  case 401:
  case 403:
    return "check client_id and client_secret; some providers want header_urlencode = "
           "false";
  case 404:
  case 405:
  case 410:
  case 501: return "check token_endpoint_url";
  default: return {};
  }
}

} // namespace

token_claims claims_of(std::string_view token, const std::string& sub_claim_name) {
  token_claims found;
  const auto first = token.find('.');
  const auto second =
    first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos || token.size() > largest_token_answer)
    return found;
  const auto payload = from_base64url(token.substr(first + 1, second - first - 1));
  if (!payload)
    return found;
  wiped_json claims{*payload};
  if (!claims.is_object())
    return found;
  if (const auto* until = claims.find("exp")) {
    const auto number = until->is_number() ? number_in(*until) : std::nullopt;
    if (number && *number > 0 && *number < latest_second)
      found.until = wall_time{seconds{static_cast<std::int64_t>(*number)}};
  }
  found.subject = shown(claims.text(sub_claim_name), longest_subject);
  return found;
}

result<granted_token> read_token_answer(
  std::string_view body, const std::string& sub_claim_name, wall_time now) {
  if (body.size() > largest_token_answer)
    return malformed("is larger than 1 MiB");
  if (without_spaces_around(body).empty())
    return malformed("is empty");
  wiped_json answer{body};
  if (!answer.is_object())
    return malformed("is no JSON object");
  std::string name = "access_token";
  auto* value = answer.find(name);
  if (value == nullptr)
    value = answer.find(name = "id_token");
  if (value == nullptr)
    return malformed("has no access_token");
  auto* text = value->get_ptr<std::string*>();
  if (text == nullptr)
    return malformed("has an " + name + " that is no text");
  granted_token token{secret{std::string_view{*text}}};
  if (token.value.empty())
    return malformed("has an empty " + name);
  if (!may_be_token(token.value.reveal()))
    return malformed("has an " + name + " with characters that no token has");
  if (const auto* type = answer.find("token_type")) {
    const auto* word = type->get_ptr<const std::string*>();
    if (word == nullptr)
      return malformed("has a token_type that is no text");
    if (!same_word(*word, "bearer"))
      return malformed("has a token of another type than Bearer");
  }
  const auto claims = claims_of(token.value.reveal(), sub_claim_name);
  token.subject = claims.subject;
  if (const auto* life = answer.find("expires_in")) {
    const auto number = number_in(*life);
    if (!number || !std::isfinite(*number))
      return malformed("has an expires_in that is no number of seconds");
    token.life = *number >= static_cast<double>(longest_life.count())
      ? longest_life
      : seconds{static_cast<std::int64_t>(std::max(*number, 0.0))};
  } else if (claims.until) {
    token.life = until_then(*claims.until, now);
  } else {
    return malformed("does not say how long the token holds: it has no expires_in, and "
                     "the token has no claim exp");
  }
  if (token.life <= seconds{0})
    return malformed("has a token that holds no longer: check this machine's clock");
  return token;
}

result<granted_token> read_token_text(
  std::string_view text, const std::string& sub_claim_name, wall_time now) {
  const auto refuse = [](const std::string& why) {
    return error{error_code::invalid_argument, why};
  };
  if (text.size() > largest_token_answer)
    return refuse("is larger than tokens are, over 1 MiB");
  granted_token token{secret{without_spaces_around(text)}, longest_life};
  if (token.value.empty())
    return refuse("is empty");
  if (!may_be_token(token.value.reveal()))
    return refuse("holds something other than one token");
  const auto claims = claims_of(token.value.reveal(), sub_claim_name);
  token.subject = claims.subject;
  if (claims.until)
    token.life = until_then(*claims.until, now);
  if (token.life <= seconds{0})
    return refuse("holds a token that has expired");
  return token;
}

std::string refusal_words(
  const http_response& answer, const std::vector<secret>& hidden) {
  const auto words = [&](const std::string& text) {
    const bool tells = std::ranges::any_of(hidden, [&](const secret& one) {
      return !one.empty() && text.find(one.reveal()) != std::string::npos;
    });
    return tells ? "(words that repeat a secret)" : shown(text, longest_words);
  };
  auto said = "HTTP " + std::to_string(answer.status);
  if (answer.status >= 300 && answer.status < 400)
    return said + ", a redirect"
      + (answer.location.empty() ? "" : " to " + words(answer.location))
      + ": redirects are not followed, set token_endpoint_url to where it leads";
  std::string_view advice;
  if (answer.body.reveal().size() <= largest_token_answer) {
    wiped_json body{answer.body.reveal()};
    if (body.is_object()) {
      const auto error = body.text("error");
      const auto description = body.text("error_description");
      if (!error.empty())
        said += ", " + words(error);
      if (!description.empty())
        said += ": " + words(description);
      advice = advice_about(error);
    }
  }
  if (advice.empty())
    advice = advice_about(answer.status);
  return advice.empty() ? said : said + " (" + std::string{advice} + ')';
}

bool is_retriable_status(int status) {
  static constexpr std::array lasting{
    400, 401, 402, 403, 404, 405, 406, 407, 409, 410, 411, 412, 413, 414, 415, 501, 505};
  return (status < 300 || status >= 400)
    && std::ranges::find(lasting, status) == lasting.end();
}

} // namespace cafka::protocol::sasl
