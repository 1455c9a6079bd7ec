#include "scram.hpp"

#include "../text.hpp"

#include <algorithm>
#include <charconv>

namespace cafka::protocol::sasl {

namespace {

/// "No channel binding, and no other name to act as."
constexpr std::string_view gs2_header = "n,,";

/// The shortest nonce that nobody can guess: 18 random bytes in base64.
constexpr std::size_t shortest_nonce = 24;

error malformed(std::string_view what) {
  return {error_code::malformed_response, "SCRAM: " + std::string{what}};
}

/// Characters that a nonce may have: printable ASCII but the comma.
bool is_nonce(std::string_view text) {
  return !text.empty()
    && std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~' && c != ','; });
}

/// Takes `<name>=<value>` off the front of the attributes.
std::optional<std::string_view> take(std::string_view& from, char name) {
  if (from.size() < 2 || from[0] != name || from[1] != '=')
    return std::nullopt;
  const auto end = std::min(from.find(','), from.size());
  const auto value = from.substr(2, end - 2);
  from.remove_prefix(std::min(end + 1, from.size()));
  return value;
}

std::string escaped(std::string_view name) {
  std::string text;
  for (const char c : name) {
    if (c == '=')
      text += "=3D";
    else if (c == ',')
      text += "=2C";
    else
      text += c;
  }
  return text;
}

/// `a` with the bits of `b` turned, which is as long.
std::string combined(std::string_view a, std::string_view b) {
  std::string result{a};
  for (std::size_t i = 0; i != result.size(); ++i)
    result[i] = static_cast<char>(result[i] ^ b[i]);
  return result;
}

/// What a server says first.
struct challenge {
  std::string_view nonce;
  std::string salt;
  std::uint32_t iterations = 0;
};

result<challenge> read_challenge(std::string_view text) {
  challenge c;
  if (take(text, 'm'))
    return malformed("the broker demands an extension, and cafka knows none");
  const auto nonce = take(text, 'r');
  if (!nonce || !is_nonce(*nonce))
    return malformed("the broker's first message has no nonce");
  c.nonce = *nonce;
  const auto salt = take(text, 's');
  auto bytes = salt ? from_base64(*salt) : std::nullopt;
  if (!bytes || bytes->empty())
    return malformed("the broker's first message has no salt in base64");
  c.salt = *std::move(bytes);
  const auto count = take(text, 'i');
  if (!count)
    return malformed("the broker's first message has no number of iterations");
  const auto* end = count->data() + count->size();
  const auto [stop, wrong] = std::from_chars(count->data(), end, c.iterations);
  if (wrong == std::errc::result_out_of_range && stop == end)
    c.iterations = UINT32_MAX;
  else if (wrong != std::errc{} || stop != end)
    return malformed("the broker's number of iterations is no number");
  return c;
}

} // namespace

scram_exchange::scram_exchange(digest d, login with, scram_keys& keys)
  : digest_(d),
    who_(std::get<password_login>(std::move(with.who))),
    nonce_(std::move(with.nonce)),
    keys_(keys) {
}

error scram_exchange::check(const login& with) {
  constexpr auto code = error_code::invalid_argument;
  if (std::get<password_login>(with.who).username.find('\0') != std::string::npos)
    return {code, "the name for SCRAM must be without zero bytes"};
  if (with.nonce.size() < shortest_nonce || !is_nonce(with.nonce))
    return {code,
      "the nonce for SCRAM must be " + std::to_string(shortest_nonce)
        + " printable characters at least, without a comma"};
  return {};
}

result<secret> scram_exchange::first() {
  first_bare_ = "n=" + escaped(who_.username) + ",r=" + nonce_;
  if (who_.delegation_token)
    first_bare_ += ",tokenauth=true";
  return secret{std::string{gs2_header} + first_bare_};
}

result<std::optional<secret>> scram_exchange::next(std::string_view answer) {
  switch (std::exchange(waits_for_, waits_for::nothing)) {
  case waits_for::server_first: return prove(answer);
  case waits_for::server_final:
    if (auto wrong = verify(answer))
      return wrong;
    return std::optional<secret>{};
  case waits_for::nothing: break;
  }
  return malformed("the broker goes on after the exchange's end");
}

result<std::optional<secret>> scram_exchange::prove(std::string_view server_first) {
  const auto c = read_challenge(server_first);
  if (!c)
    return c.error();
  if (c->nonce.size() <= nonce_.size() || !c->nonce.starts_with(nonce_))
    return error{error_code::broker_not_authenticated,
      "SCRAM: the broker's nonce does not begin with the client's: the answer belongs to "
      "another login"};
  if (c->iterations < fewest_iterations || c->iterations > most_iterations)
    return error{error_code::broker_not_authenticated,
      "SCRAM: the broker wants "
        + std::string{c->iterations < fewest_iterations ? "" : "as many as "}
        + (c->iterations == UINT32_MAX ? "4294967295 or more"
                                       : std::to_string(c->iterations))
        + " iterations, and cafka does " + std::to_string(fewest_iterations) + " to "
        + std::to_string(most_iterations)
        + ": store the user's password anew with a number between them"};
  const auto keys =
    keys_.of(digest_, who_.username, who_.password, c->salt, c->iterations);
  who_.password.clear();
  const auto without_proof = "c=" + base64(gs2_header) + ",r=" + std::string{c->nonce};
  const auto message =
    first_bare_ + ',' + std::string{server_first} + ',' + without_proof;
  const auto stored = hash(digest_, keys.client.reveal());
  const auto signature = hmac(digest_, stored.reveal(), message);
  server_signature_ = hmac(digest_, keys.server.reveal(), message);
  if (keys.client.empty() || stored.empty() || signature.empty()
    || server_signature_.empty())
    return error{error_code::invalid_argument,
      std::string{mechanism()}
        + ": OpenSSL does not compute it; its configuration may not allow that"};
  waits_for_ = waits_for::server_final;
  return std::optional{secret{
    without_proof + ",p=" + base64(combined(keys.client.reveal(), signature.reveal()))}};
}

error scram_exchange::verify(std::string_view server_final) const {
  if (const auto refused = take(server_final, 'e'))
    return {error_code::sasl_authentication_failed,
      "SCRAM: the broker says " + shown(*refused, 200)
        + ": name or password is wrong, or the user has none for "
        + std::string{mechanism()}};
  const auto text = take(server_final, 'v');
  const auto signature = text ? from_base64(*text) : std::nullopt;
  if (!signature)
    return malformed("the broker's last message has no signature in base64");
  if (!equal(*signature, server_signature_.reveal()))
    return {error_code::broker_not_authenticated,
      "SCRAM: the broker's signature is wrong: it does not know the password of user "
        + shown(who_.username, 100) + ", and may be another broker than it says"};
  return {};
}

} // namespace cafka::protocol::sasl
