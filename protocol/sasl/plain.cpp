#include "plain.hpp"

#include "../text.hpp"

namespace cafka::protocol::sasl {

error plain_exchange::check(const password_login& who) {
  constexpr auto code = error_code::invalid_argument;
  if (who.delegation_token)
    return {code, "a delegation token logs in by SCRAM, not by PLAIN"};
  if (who.username.find('\0') != std::string::npos
    || who.password.reveal().find('\0') != std::string_view::npos)
    return {code, "name and password for PLAIN must be without zero bytes"};
  return {};
}

result<secret> plain_exchange::first() {
  std::string text;
  text.reserve(who_.username.size() + who_.password.reveal().size() + 2);
  text.append(1, '\0').append(who_.username).append(1, '\0');
  text.append(who_.password.reveal());
  who_.password.clear();
  return secret{std::move(text)};
}

// The mechanism has no message of the server's: what it says besides its verdict does not
// matter.
result<std::optional<secret>> plain_exchange::next(std::string_view) {
  return std::optional<secret>{};
}

} // namespace cafka::protocol::sasl
