#include "token_material.hpp"

#include "../../protocol/sasl/crypto.hpp"
#include "../transport/file_text.hpp"

#include <cstdlib>

namespace cafka::actors {

namespace {

using protocol::error;
using protocol::error_code;
using protocol::secret;

error unusable(const char* option, const std::string& value, const std::string& why) {
  return {error_code::credentials_unavailable,
    "sasl.oidc." + std::string{option} + " = " + value + ": " + why};
}

/// The file's text, where one is named.
error take_text(secret& to, const char* option, const std::string& path) {
  if (path.empty())
    return {};
  auto text = file_text(path, largest_secret);
  if (!text)
    return unusable(option, path, text.error().detail);
  to = secret{*std::move(text)};
  return {};
}

error take_line(secret& to, const char* option, const std::string& path) {
  if (path.empty())
    return {};
  auto line = first_line_of(path);
  if (!line)
    return unusable(option, path, line.error().detail);
  to = *std::move(line);
  return {};
}

error take_variable(secret& to, const char* option, const std::string& name) {
  if (name.empty())
    return {};
  const auto* const text = std::getenv(name.c_str());
  if (text == nullptr || *text == '\0')
    return unusable(
      option, name, "there is no such environment variable, or it is empty");
  to = text;
  return {};
}

} // namespace

protocol::result<protocol::sasl::oidc_material> read_token_material(
  const protocol::sasl::oidc_options& o) {
  protocol::sasl::oidc_material with;
  with.client_secret = o.client_secret;
  with.passphrase = o.assertion_private_key_passphrase;
  secret pattern;
  for (auto failed :
    {take_line(with.client_secret, "client_secret_file", o.client_secret_file),
      take_variable(with.client_secret, "client_secret_env", o.client_secret_env),
      take_text(with.assertion, "assertion_file", o.assertion_file),
      take_text(
        with.private_key, "assertion_private_key_file", o.assertion_private_key_file),
      take_line(with.passphrase, "assertion_private_key_passphrase_file",
        o.assertion_private_key_passphrase_file),
      take_text(pattern, "assertion_template_file", o.assertion_template_file)})
    if (failed)
      return failed;
  with.assertion_template = pattern.reveal();
  if (o.assertion_claim_jti) {
    with.unique = protocol::sasl::random_nonce();
    if (with.unique.empty())
      return error{error_code::credentials_unavailable, "OpenSSL has no randomness"};
  }
  return with;
}

} // namespace cafka::actors
