#include "connection_login.hpp"

#include "../sasl/failure.hpp"
#include "../text.hpp"

#include <algorithm>
#include <utility>

namespace cafka::protocol {

namespace {

/// Longer sessions would overflow the clock's count.
constexpr std::int64_t longest_session_ms =
  std::chrono::milliseconds{std::chrono::hours{24 * 365}}.count();

/// Where a broker refuses a login.
std::string_view what_to_check(sasl::mechanism m) {
  switch (m) {
  case sasl::mechanism::oauthbearer:
    return " (check the token, and that the broker trusts its issuer)";
  case sasl::mechanism::gssapi:
    return " (check that the broker has the key of the principal that the ticket is for, "
           "and that clocks agree)";
  default: return " (check name and password, and that the broker has the user)";
  }
}

/// Most addresses whose mechanism is kept.
constexpr std::size_t most_chosen = 10'000;

} // namespace

sasl::mechanism client_logins::first_for(const endpoint& broker) const {
  const auto found = chosen.find(broker);
  return found == chosen.end() ? mechanisms.front() : found->second;
}

void client_logins::note(const endpoint& broker, sasl::mechanism m) {
  if (chosen.size() >= most_chosen)
    chosen.clear();
  chosen[broker] = m;
}

void connection_login::set_address(endpoint at) {
  if (at == at_)
    return;
  at_ = std::move(at);
  chose_again_ = false;
  asked_again_ = false;
}

error connection_login::over(error_code code, std::string detail) {
  phase_ = phase::idle;
  exchange_.reset();
  return {code, to_string(at_) + ": " + std::move(detail)};
}

error connection_login::failed(error_code code, std::string detail) {
  ++all_->failures;
  return over(code, std::move(detail));
}

error connection_login::begin(time_point now, const version_table& versions) {
  mechanism_ = all_->first_for(at_);
  const auto handshake = versions.find(sasl_handshake_request::key);
  has_handshake_ = handshake.has_value();
  if (!has_handshake_) {
    mechanism_ = sasl::mechanism::gssapi;
    if (!suits_old_brokers())
      return failed(error_code::unsupported_sasl_mechanism,
        "the broker is older than Kafka 0.10, which has GSSAPI alone, and "
          + sasl::names_of(all_->mechanisms) + " is configured");
  }
  const auto authenticate = versions.find(sasl_authenticate_request::key);
  authenticate_version_ = -1;
  if (authenticate && has_handshake_ && handshake->contains(1)) {
    const auto shared = common(*authenticate, sasl_authenticate_request::versions);
    if (!shared.empty())
      authenticate_version_ = shared.max;
  }
  phase_ = phase::credentials;
  asked_at_ = now;
  return {};
}

void connection_login::begin_renewal(time_point now) {
  phase_ = phase::credentials;
  asked_at_ = now;
}

error connection_login::on_credentials(result<sasl::login> with, double share) {
  share_ = share;
  rounds_ = 0;
  if (!with) {
    const auto why = with.error();
    return failed(error_code::credentials_unavailable,
      "no credentials for the login: "
        + (why.code == error_code::credentials_unavailable ? why.detail
                                                           : to_string(why)));
  }
  candidate_ = with->principal;
  auto made = sasl::make_exchange(mechanism_, *std::move(with), *all_->keys);
  if (!made)
    return failed(error_code::credentials_unavailable,
      "the credentials are of no use: " + made.error().detail);
  exchange_ = *std::move(made);
  phase_ = has_handshake_ ? phase::handshake : phase::exchange;
  return {};
}

bool connection_login::suits_old_brokers() const {
  return std::ranges::find(all_->mechanisms, sasl::mechanism::gssapi)
    != all_->mechanisms.end();
}

bool connection_login::on_sent(time_point now) {
  sent_at_ = now;
  if (!bare() || !exchange_->is_complete())
    return false;
  done(now, 0);
  return true;
}

sasl_handshake_request connection_login::handshake() const {
  sasl_handshake_request request;
  request.mechanism = std::string{exchange_->mechanism()};
  return request;
}

void connection_login::put_off(time_point now) {
  phase_ = phase::idle;
  const auto pause = std::min<std::chrono::seconds>(
    renewal_pause * (1U << std::min(put_off_++, 4U)), longest_renewal_pause);
  renew_at_ = now + pause;
}

error connection_login::other_mechanism(const sasl_handshake_response& answer) {
  const auto next = sasl::choose(all_->mechanisms, answer.mechanisms);
  if (!next)
    return failed(next.error().code, next.error().detail);
  if (*next == mechanism_)
    return failed(error_code::unsupported_sasl_mechanism,
      "the broker refuses " + std::string{to_string(mechanism_)}
        + ", and lists it among those that it has");
  all_->note(at_, *next);
  goes_on_ = !std::exchange(chose_again_, true);
  return over(error_code::unsupported_sasl_mechanism,
    "the broker does not have " + std::string{to_string(mechanism_)} + ": "
      + std::string{to_string(*next)} + " comes next");
}

error connection_login::on_handshake(const sasl_handshake_response& answer) {
  switch (answer.error_code) {
  case error_code::none: phase_ = phase::exchange; return {};
  case error_code::unsupported_sasl_mechanism: return other_mechanism(answer);
  case error_code::illegal_sasl_state:
    if (renews())
      return failed(answer.error_code,
        "the broker does not let the login be renewed yet: it takes one a second");
    return failed(error_code::sasl_not_enabled,
      "the broker wants no login at this address: connect to its SASL listener, or "
      "without "
      "sasl.mechanism");
  default:
    return failed(error_code::sasl_authentication_failed,
      "SaslHandshake: " + to_string(answer.error_code));
  }
}

result<secret> connection_login::first_message() {
  auto first = exchange_->first();
  if (!first)
    return failed(error_code::credentials_unavailable, first.error().detail);
  return first;
}

error connection_login::refused_by_broker(const sasl_authenticate_response& answer) {
  auto why = exchange_->refusal();
  if (!why) {
    why.code = error_code::sasl_authentication_failed;
    why.detail = "the broker refuses the login by " + std::string{exchange_->mechanism()};
    if (answer.error_code != error_code::sasl_authentication_failed)
      why.detail += " with " + to_string(answer.error_code);
    if (answer.error_message && !answer.error_message->empty())
      why.detail += ": " + shown(*answer.error_message, 300);
    if (!renews())
      why.detail += what_to_check(mechanism_);
  }
  refused_ = true;
  // Another token, or another ticket, may be had at once.
  if (!renews()
    && (mechanism_ == sasl::mechanism::oauthbearer
      || mechanism_ == sasl::mechanism::gssapi))
    goes_on_ = !std::exchange(asked_again_, true);
  return failed(why.code, std::move(why.detail));
}

result<std::optional<secret>> connection_login::on_answer(
  time_point now, const sasl_authenticate_response& answer) {
  if (answer.error_code != error_code::none)
    return refused_by_broker(answer);
  const auto bytes = answer.auth_bytes.value.view();
  const std::string_view text{reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  auto next = ++rounds_ > most_rounds
    ? result<std::optional<secret>>{error_code::malformed_response,
      "the broker's challenges do not end"}
    : exchange_->next(text);
  if (!next) {
    auto why = next.error();
    if (why.code == error_code::malformed_response)
      why = {error_code::broker_not_authenticated,
        "the broker's part of the login makes no sense: " + why.detail};
    refused_ = refused_ || why.code != error_code::broker_not_authenticated;
    return failed(
      sasl::is_login_failure(why.code) ? why.code : error_code::credentials_unavailable,
      std::move(why.detail));
  }
  if (!*next)
    done(now, answer.session_lifetime_ms);
  return next;
}

void connection_login::done(time_point now, std::int64_t lifetime_ms) {
  ++(renews() ? all_->reauthentications : all_->authentications);
  phase_ = phase::idle;
  exchange_.reset();
  principal_ = std::move(candidate_);
  refused_ = false;
  chose_again_ = false;
  asked_again_ = false;
  put_off_ = 0;
  done_at_ = now;
  renew_at_.reset();
  ends_at_.reset();
  if (lifetime_ms <= 0)
    return;
  // The broker counts from what it has received: no earlier than it was sent.
  const std::chrono::milliseconds life{std::min(lifetime_ms, longest_session_ms)};
  ends_at_ = sent_at_ + life;
  renew_at_ =
    sent_at_ + std::chrono::duration_cast<std::chrono::milliseconds>(life * share_);
}

error connection_login::hung_up() {
  refused_ = true;
  return failed(error_code::sasl_authentication_failed,
    "the broker has ended the connection in the login by "
      + std::string{to_string(mechanism_)}
      + ", which is how one before Kafka 1.0 refuses it"
      + std::string{what_to_check(mechanism_)});
}

void connection_login::on_down() {
  put_off_ = 0;
  phase_ = phase::idle;
  exchange_.reset();
  done_at_.reset();
  renew_at_.reset();
  ends_at_.reset();
}

std::optional<time_point> connection_login::renewal_at(
  std::chrono::milliseconds longest_rest) const {
  if (phase_ != phase::idle || !renew_at_)
    return std::nullopt;
  return std::max(*renew_at_ - longest_rest, *done_at_ + renewal_pause);
}

std::optional<time_point> connection_login::session_ends() const {
  return ends_at_;
}

} // namespace cafka::protocol
