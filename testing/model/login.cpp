#include "login.hpp"

#include "../../protocol/sasl/crypto.hpp"
#include "state.hpp"

#include <algorithm>

namespace cafka::testing {

using namespace protocol;

namespace {

/// A broker starts no login anew that is younger.
constexpr std::chrono::seconds youngest{1};

constexpr std::string_view wrong_password =
  "Authentication failed: Invalid username or password";

sasl::digest digest_of(std::string_view mechanism) {
  return mechanism == "SCRAM-SHA-256" ? sasl::digest::sha_256 : sasl::digest::sha_512;
}

/// The value of an attribute of SCRAM's messages.
std::string attribute(std::string_view message, std::string_view name) {
  for (;;) {
    const auto end = std::min(message.find(','), message.size());
    const auto one = message.substr(0, end);
    if (one.starts_with(name) && one.substr(name.size()).starts_with('='))
      return std::string{one.substr(name.size() + 1)};
    if (end == message.size())
      return {};
    message.remove_prefix(end + 1);
  }
}

std::string unescaped(std::string text) {
  for (const auto& [code, c] : {std::pair{"=2C", ','}, std::pair{"=3D", '='}}) {
    for (auto at = text.find(code); at != std::string::npos; at = text.find(code, at + 1))
      text.replace(at, 3, 1, c);
  }
  return text;
}

/// Brokers before this release end no sessions (KIP-368).
constexpr kafka_version first_with_sessions{2, 2};

std::chrono::milliseconds lifetime(const fake_state& cluster) {
  return cluster.options.kafka_version < first_with_sessions
    ? std::chrono::milliseconds{0}
    : cluster.options.sasl.session_lifetime;
}

} // namespace

fake_login::door fake_login::on_request(
  const fake_state& cluster, time_point now, api_key key) const {
  if (cluster.options.sasl.mechanisms.empty())
    return door::open;
  switch (phase_) {
  case phase::none:
    return key == api_key::api_versions || key == api_key::sasl_handshake ? door::open
                                                                          : door::closed;
  case phase::exchange:
    return key == api_key::sasl_authenticate ? door::open : door::closed;
  case phase::done:
    return key == api_key::sasl_handshake || !session_ends_ || now < *session_ends_
      ? door::open
      : door::closed;
  case phase::over: break;
  }
  return door::closed;
}

sasl_handshake_response fake_login::on_handshake(const fake_state& cluster,
  time_point now, const sasl_handshake_request& asked, std::int16_t version) {
  sasl_handshake_response response;
  const auto& enabled = cluster.options.sasl.mechanisms;
  response.mechanisms = enabled;
  const bool again = phase_ == phase::done;
  if (enabled.empty() || (again && now - renewed_at_ < youngest)) {
    response.error_code = error_code::illegal_sasl_state;
    phase_ = enabled.empty() ? phase_ : phase::over;
  } else if (std::ranges::find(enabled, asked.mechanism) == enabled.end()) {
    response.error_code = error_code::unsupported_sasl_mechanism;
    phase_ = phase::over;
  } else {
    // Another mechanism than before is not refused in words: the connection ends.
    phase_ = again && asked.mechanism != mechanism_ ? phase::over : phase::exchange;
    mechanism_ = asked.mechanism;
    bare_ = version == 0;
    renewed_at_ = now;
    first_.clear();
  }
  return response;
}

sasl_authenticate_response fake_login::on_authenticate(
  fake_state& cluster, time_point now, const sasl_authenticate_request& asked) {
  sasl_authenticate_response response;
  if (phase_ != phase::exchange) {
    response.error_code = error_code::illegal_sasl_state;
    response.error_message = "SaslAuthenticate request received after successful "
                             "authentication";
    return response;
  }
  const auto view = asked.auth_bytes.value.view();
  const auto told = finish(cluster, now,
    on_message(cluster, {reinterpret_cast<const char*>(view.data()), view.size()}));
  if (told.refused) {
    response.error_code = error_code::sasl_authentication_failed;
    response.error_message = refused_because_;
    return response;
  }
  response.error_message = std::nullopt;
  response.auth_bytes.value = shared_bytes::copy_of(told.bytes);
  if (told.done)
    response.session_lifetime_ms = lifetime(cluster).count();
  return response;
}

std::optional<std::string> fake_login::on_bare(
  fake_state& cluster, time_point now, std::string_view message) {
  auto told = finish(cluster, now, on_message(cluster, message));
  if (told.refused)
    return std::nullopt;
  return std::move(told.bytes);
}

fake_login::said fake_login::finish(
  const fake_state& cluster, time_point now, said what) {
  if (what.done && !user_.empty() && user_ != asks_to_be_) {
    what = {true, false, {}};
    refused_because_ = "Cannot change principals during re-authentication from User."
      + user_ + ": User." + asks_to_be_;
  }
  if (what.refused) {
    phase_ = phase::over;
  } else if (what.done) {
    phase_ = phase::done;
    user_ = asks_to_be_;
    const auto life = lifetime(cluster);
    session_ends_.reset();
    if (life.count() > 0)
      session_ends_ = now + life;
  }
  return what;
}

fake_login::said fake_login::on_message(fake_state& cluster, std::string_view message) {
  refused_because_ = wrong_password;
  switch (cluster.lie) {
  case login_lie::huge_challenge: return {false, false, std::string(1024 * 1024, 'x')};
  case login_lie::endless_challenge:
    if (!challenge_.empty())
      return {false, false, challenge_};
    break;
  default: break;
  }
  return mechanism_ == "PLAIN" ? on_plain(cluster, message) : on_scram(cluster, message);
}

fake_login::said fake_login::on_plain(
  const fake_state& cluster, std::string_view message) {
  const auto first = message.find('\0');
  const auto second =
    first == std::string_view::npos ? first : message.find('\0', first + 1);
  if (second == std::string_view::npos) {
    refused_because_ = "Invalid SASL/PLAIN response: expected 3 tokens";
    return {true, false, {}};
  }
  asks_to_be_ = message.substr(first + 1, second - first - 1);
  const auto& users = cluster.options.sasl.users;
  const auto found = users.find(asks_to_be_);
  if (found == users.end() || found->second != message.substr(second + 1))
    return {true, false, {}};
  return {false, true, {}};
}

fake_login::said fake_login::on_scram(fake_state& cluster, std::string_view message) {
  const said refused{true, false, {}};
  const auto& options = cluster.options.sasl;
  const auto d = digest_of(mechanism_);
  if (first_.empty()) {
    if (!message.starts_with("n,,"))
      return refused;
    first_ = message.substr(3);
    asks_to_be_ = unescaped(attribute(first_, "n"));
    nonce_ = attribute(first_, "r") + "server" + std::to_string(++cluster.nonces);
    const auto count =
      cluster.lie == login_lie::few_iterations ? 1 : options.scram_iterations;
    challenge_ = "r=" + nonce_ + ",s=" + sasl::base64("salt of " + asks_to_be_)
      + ",i=" + std::to_string(count);
    return {false, false, challenge_};
  }
  const auto found = options.users.find(asks_to_be_);
  const auto proof_at = message.rfind(",p=");
  if (found == options.users.end() || proof_at == std::string_view::npos
    || attribute(message, "r") != nonce_ || attribute(message, "c") != "biws")
    return refused;
  const auto salt = "salt of " + asks_to_be_;
  auto& salted = cluster.salted[mechanism_ + '\0'
    + std::to_string(options.scram_iterations) + '\0' + salt + '\0' + found->second];
  if (salted.empty())
    salted = sasl::pbkdf2(
      d, found->second, salt, static_cast<std::uint32_t>(options.scram_iterations));
  const auto client = sasl::hmac(d, salted.reveal(), "Client Key");
  const auto server = sasl::hmac(d, salted.reveal(), "Server Key");
  const auto stored = sasl::hash(d, client.reveal());
  const auto signed_text =
    first_ + ',' + challenge_ + ',' + std::string{message.substr(0, proof_at)};
  const auto signature = sasl::hmac(d, stored.reveal(), signed_text);
  auto proof = sasl::from_base64(message.substr(proof_at + 3)).value_or("");
  if (proof.size() != signature.reveal().size())
    return refused;
  for (std::size_t i = 0; i != proof.size(); ++i)
    proof[i] = static_cast<char>(proof[i] ^ signature.reveal()[i]);
  if (sasl::hash(d, proof) != stored)
    return refused;
  first_.clear();
  challenge_.clear();
  const auto key = cluster.lie == login_lie::wrong_signature ? std::string_view{"another"}
                                                             : server.reveal();
  return {false, true, "v=" + sasl::base64(sasl::hmac(d, key, signed_text).reveal())};
}

} // namespace cafka::testing
