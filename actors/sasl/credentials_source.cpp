#include "credentials_source.hpp"

#include "../../base/thrown_by.hpp"
#include "../../protocol/machines/connection_login.hpp"
#include "../../protocol/sasl/crypto.hpp"
#include "../../protocol/sasl/oidc/token_answer.hpp"
#include "../../protocol/sasl/security_context.hpp"
#include "../gssapi/tickets.hpp"
#include "../transport/file_text.hpp"
#include "../transport/resolver.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <thread>
#include <utility>

namespace cafka::actors {

namespace {

using protocol::error;
using protocol::error_code;
using protocol::result;
using found = credentials_source::found;

constexpr std::chrono::milliseconds grace{500};

error wrong(const std::string& option, const std::string& value, const std::string& why) {
  return {error_code::invalid_argument, "sasl." + option + " = " + value + ": " + why};
}

bool wants_token(sasl_mechanism m) {
  return m == sasl_mechanism::oauthbearer;
}

bool wants_ticket(sasl_mechanism m) {
  return m == sasl_mechanism::gssapi;
}

bool wants_password(sasl_mechanism m) {
  return !wants_token(m) && !wants_ticket(m);
}

/// What is wrong where several options say the same, or none does.
error check_password(const sasl_options& o) {
  const auto given = (o.password.empty() ? 0 : 1) + (o.password_file.empty() ? 0 : 1)
    + (o.password_env.empty() ? 0 : 1);
  if (given > 1)
    return {error_code::invalid_argument,
      "only one of sasl.password, sasl.password_file and sasl.password_env can be set"};
  const auto wanted = std::ranges::find_if(o.mechanism, wants_password);
  if (wanted == o.mechanism.end())
    return {};
  const auto name = std::string{to_string(*wanted)};
  if (o.username.empty())
    return wrong("mechanism", name, "sasl.username must be set, too");
  if (given == 0)
    return wrong("mechanism", name,
      "one of sasl.password, sasl.password_file and sasl.password_env must be set, too");
  return {};
}

error check_token(const sasl_options& o) {
  const auto given = (o.token.empty() ? 0 : 1) + (o.token_file.empty() ? 0 : 1)
    + (o.oidc.token_endpoint_url.empty() ? 0 : 1);
  if (given > 1)
    return {error_code::invalid_argument,
      "only one of sasl.token, sasl.token_file and sasl.oidc.token_endpoint_url can be "
      "set"};
  if (std::ranges::any_of(o.mechanism, wants_token) && given == 0)
    return wrong("mechanism", "OAUTHBEARER",
      "one of sasl.token, sasl.token_file and sasl.oidc.token_endpoint_url must be set, "
      "too, or a function in a program (sasl.credentials)");
  return {};
}

error unavailable(const std::string& path, const error& why) {
  return {error_code::credentials_unavailable, path + ": " + why.detail};
}

result<secret> password_in(const std::string& path) {
  auto line = first_line_of(path);
  if (!line)
    return unavailable(path, line.error());
  return *std::move(line);
}

/// All of it, without white space around.
result<secret> token_in(const std::string& path) {
  auto text = file_text(path, largest_secret);
  if (!text)
    return unavailable(path, text.error());
  constexpr std::string_view space = " \t\r\n";
  const std::string_view all = *text;
  const auto begin = all.find_first_not_of(space);
  secret token;
  if (begin != std::string_view::npos)
    token = secret{all.substr(begin, all.find_last_not_of(space) + 1 - begin)};
  protocol::wipe(*text);
  if (token.empty())
    return unavailable(
      path, {error_code::credentials_unavailable, "there is no token in it"});
  return token;
}

sasl_token bearer(secret token, const sasl_options& o) {
  return {
    std::move(token), o.authorization_id, {o.extensions.begin(), o.extensions.end()}};
}

result<sasl_credentials> by_options(const sasl_options& o, sasl_mechanism m) {
  if (wants_token(m)) {
    auto token = o.token_file.empty() ? result<secret>{o.token} : token_in(o.token_file);
    if (!token)
      return token.error();
    return sasl_credentials{bearer(*std::move(token), o)};
  }
  auto password =
    o.password_file.empty() ? result<secret>{o.password} : password_in(o.password_file);
  if (!password)
    return password.error();
  return sasl_credentials{sasl_password{
    o.username, *std::move(password), o.tokenauth && m != sasl_mechanism::plain}};
}

/// Who that is, for people.
std::string principal_of(const sasl_credentials& who) {
  if (const auto* by_password = std::get_if<sasl_password>(&who))
    return by_password->username;
  if (const auto* by_token = std::get_if<sasl_token>(&who))
    return by_token->authorization_id.empty()
      ? protocol::sasl::claims_of(by_token->token.reveal(), "sub").subject
      : by_token->authorization_id;
  return {};
}

/// What is wrong where tickets are to be had.
error check_tickets(const sasl_options& o) {
  if (!knows_gssapi())
    return wrong("mechanism", "GSSAPI",
      "this build of cafka has no Kerberos: build it with CAFKA_WITH_GSSAPI=ON, which "
      "needs MIT's libkrb5 (Debian: libkrb5-dev)");
  const auto& keytab = o.kerberos.keytab;
  if (!keytab.empty() && !std::ifstream{keytab})
    return wrong("kerberos.keytab", keytab, "the file cannot be read");
  return {};
}

} // namespace

#ifdef CAFKA_WITH_GSSAPI
bool knows_gssapi() {
  return true;
}
#else
bool knows_gssapi() {
  return false;
}

// Not asked for: see `check_tickets`.
result<std::shared_ptr<tickets>> make_tickets(kerberos_options) {
  return error{error_code::invalid_argument, "this build of cafka has no Kerberos"};
}
#endif

found credentials_source::find(const means& with, const sasl_request& wanted) {
  const auto& o = with.options;
  if (wants_ticket(wanted.mechanism)) {
    auto context = with.by_kerberos->context_with(wanted.broker, wanted.refused);
    if (!context) {
      auto why = context.error();
      if (numeric_address(wanted.broker.host, 0))
        why.detail += " (tickets are for names: connect to the broker by its name)";
      return why;
    }
    auto principal = (*context)->principal();
    return protocol::sasl::login{
      sasl_ticket{*std::move(context)}, {}, std::move(principal)};
  }
  result<sasl_credentials> who;
  const auto thrown = thrown_by([&] {
    who = o.credentials ? o.credentials(wanted) : by_options(o, wanted.mechanism);
  });
  if (thrown)
    return error{error_code::credentials_unavailable,
      "the function for credentials has thrown: " + *thrown};
  if (!who)
    return who.error();
  auto nonce = protocol::sasl::random_nonce();
  if (nonce.empty())
    return error{error_code::credentials_unavailable, "OpenSSL has no randomness"};
  auto principal = principal_of(*who);
  return protocol::sasl::login{*std::move(who), std::move(nonce), std::move(principal)};
}

result<std::shared_ptr<credentials_source>> credentials_source::make(
  sasl_options options, std::shared_ptr<token_source> tokens) {
  using made = result<std::shared_ptr<credentials_source>>;
  if (!options.credentials) {
    auto bad = check_password(options);
    if (!bad)
      bad = check_token(options);
    if (bad)
      return bad;
    if (!options.password_env.empty()) {
      const auto* text = std::getenv(options.password_env.c_str());
      if (text == nullptr || *text == '\0')
        return wrong("password_env", options.password_env,
          "there is no such environment variable, or it is empty");
      options.password = text;
    }
    for (const auto& [option, path] : {std::pair{"password_file", &options.password_file},
           std::pair{"token_file", &options.token_file}}) {
      if (path->empty())
        continue;
      auto there = file_text(*path, largest_secret);
      if (!there)
        return wrong(option, *path, there.error().detail);
      protocol::wipe(*there);
    }
  }
  means with;
  if (std::ranges::any_of(options.mechanism, wants_ticket)) {
    if (auto bad = check_tickets(options))
      return bad;
    auto by_kerberos = make_tickets(options.kerberos);
    if (!by_kerberos)
      return wrong(
        "kerberos.principal", options.kerberos.principal, by_kerberos.error().detail);
    with.by_kerberos = *std::move(by_kerberos);
  }
  with.options = std::move(options);
  return made{std::shared_ptr<credentials_source>{
    new credentials_source{std::move(with), std::move(tokens)}}};
}

void credentials_source::ask(const protocol::ask_credentials& what, reply to) {
  const sasl_request wanted{what.broker, what.mechanism, what.refused};
  const auto& o = means_->options;
  const auto now = std::chrono::steady_clock::now();
  constexpr auto wait = protocol::connection_login::credentials_wait;
  if (tokens_ != nullptr && !o.credentials && wants_token(what.mechanism)) {
    // It tells why there is none before the login's own time is over.
    tokens_->ask(now + wait - grace, what.refused,
      [with = means_, to = std::move(to)](result<token_source::token> got) {
        if (got)
          to(protocol::sasl::login{
            bearer((*got)->value, with->options), {}, (*got)->subject});
        else
          to(got.error());
      });
    return;
  }
  const auto& file = wants_token(what.mechanism) ? o.token_file : o.password_file;
  if (!o.credentials && file.empty() && !wants_ticket(what.mechanism)) {
    to(find(*means_, wanted));
    return;
  }
  {
    const std::lock_guard lock{queue_->mutex};
    queue_->jobs.push_back({wanted, to, now + wait});
    if (std::exchange(queue_->works, true))
      return;
  }
  const auto thrown = thrown_by([&] {
    std::thread{[waiting = queue_, with = means_] { work(waiting, with); }}.detach();
  });
  if (!thrown)
    return;
  std::deque<job> none;
  {
    const std::lock_guard lock{queue_->mutex};
    queue_->works = false;
    none.swap(queue_->jobs);
  }
  for (auto& j : none)
    j.to(error{error_code::credentials_unavailable,
      "the system gives no thread to find them: " + *thrown});
}

void credentials_source::work(
  const std::shared_ptr<queue>& waiting, const std::shared_ptr<const means>& with) {
  for (;;) {
    job next;
    {
      const std::lock_guard lock{waiting->mutex};
      if (waiting->jobs.empty()) {
        waiting->works = false;
        return;
      }
      next = std::move(waiting->jobs.front());
      waiting->jobs.pop_front();
    }
    // Else what is slow once would do the work of all who have given up meanwhile.
    if (std::chrono::steady_clock::now() < next.due)
      next.to(find(*with, next.wanted));
    else
      next.to(error{
        error_code::credentials_unavailable, "those before took too long to be found"});
  }
}

} // namespace cafka::actors
