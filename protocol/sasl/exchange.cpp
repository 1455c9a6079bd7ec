#include "exchange.hpp"

#include "../text.hpp"
#include "gssapi.hpp"
#include "oauthbearer.hpp"
#include "plain.hpp"
#include "scram.hpp"

#include <array>
#include <cstddef>

namespace cafka::protocol::sasl {

namespace {

using made = result<std::unique_ptr<exchange>>;

/// Refuses what no exchange of a broker's has.
class bounded_exchange : public exchange {
public:
  explicit bounded_exchange(std::unique_ptr<exchange> of) : of_(std::move(of)) {}

  [[nodiscard]] std::string_view mechanism() const override { return of_->mechanism(); }
  [[nodiscard]] result<secret> first() override { return of_->first(); }
  [[nodiscard]] result<std::optional<secret>> next(std::string_view answer) override {
    if (answer.size() > longest_challenge)
      return error{error_code::malformed_response,
        std::string{mechanism()} + ": a message of " + std::to_string(answer.size())
          + " bytes from the broker, and none has more than "
          + std::to_string(longest_challenge)};
    return of_->next(answer);
  }
  [[nodiscard]] bool is_complete() const override { return of_->is_complete(); }
  [[nodiscard]] error refusal() const override { return of_->refusal(); }

private:
  std::unique_ptr<exchange> of_;
};

error check(const password_login& who) {
  constexpr auto code = error_code::invalid_argument;
  if (who.username.empty())
    return {code, "the user name for the login is empty"};
  if (!is_utf8(who.username) || !is_utf8(who.password.reveal()))
    return {code, "name and password for the login must be UTF-8"};
  if (who.password.empty())
    return {code, "the password for the login is empty"};
  return {};
}

made made_by_password(mechanism m, login with, scram_keys& keys) {
  const auto& who = std::get<password_login>(with.who);
  if (auto wrong = check(who))
    return wrong;
  if (m == mechanism::plain) {
    if (auto wrong = plain_exchange::check(who))
      return wrong;
    return made{
      std::make_unique<plain_exchange>(std::get<password_login>(std::move(with.who)))};
  }
  if (auto wrong = scram_exchange::check(with))
    return wrong;
  const auto d = m == mechanism::scram_sha_256 ? digest::sha_256 : digest::sha_512;
  return made{std::make_unique<scram_exchange>(d, std::move(with), keys)};
}

made made_by_token(bearer_token who) {
  if (auto wrong = oauthbearer_exchange::check(who))
    return wrong;
  return made{std::make_unique<oauthbearer_exchange>(std::move(who))};
}

made made_by_ticket(kerberos_login who) {
  if (auto wrong = gssapi_exchange::check(who))
    return wrong;
  return made{std::make_unique<gssapi_exchange>(std::move(who))};
}

/// What each kind of credentials is, in their order.
constexpr std::array kinds{"a name and a password", "a token", "a Kerberos ticket"};
static_assert(kinds.size() == std::variant_size_v<credentials>);

std::size_t kind_for(mechanism m) {
  switch (m) {
  case mechanism::oauthbearer: return 1;
  case mechanism::gssapi: return 2;
  default: return 0;
  }
}

} // namespace

result<std::unique_ptr<exchange>> make_exchange(
  mechanism m, login with, scram_keys& keys) {
  const auto kind = kind_for(m);
  if (with.who.index() != kind)
    return {error_code::invalid_argument,
      std::string{to_string(m)} + " needs " + kinds[kind] + ", and is given "
        + kinds[with.who.index()]};
  auto inner = kind == 0 ? made_by_password(m, std::move(with), keys)
    : kind == 1          ? made_by_token(std::get<bearer_token>(std::move(with.who)))
                         : made_by_ticket(std::get<kerberos_login>(std::move(with.who)));
  if (!inner)
    return inner.error();
  return made{std::make_unique<bounded_exchange>(*std::move(inner))};
}

} // namespace cafka::protocol::sasl
