#pragma once

#include "../../result.hpp"
#include "../../secret.hpp"
#include "../oauthbearer.hpp"
#include "assertion.hpp"
#include "http_message.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cafka::protocol::sasl {

/// Most bytes of an answer that are read; tokens have a few thousand.
inline constexpr std::size_t largest_token_answer = 1 << 20;

/// What a token says of itself, where it is a JWT. Nothing of it is verified: that is the
/// broker's business.
struct token_claims {
  /// Until when it holds, claim `exp`; nothing where it does not say so.
  std::optional<wall_time> until = {};
  /// Whose it is; empty where it does not say so.
  std::string subject = {};
};

/// What is in a token that is no JWT: nothing.
[[nodiscard]] token_claims claims_of(
  std::string_view token, const std::string& sub_claim_name);

/// A token as a provider has given it.
struct granted_token {
  /// The token.
  secret value;
  /// How much longer it holds; more than zero.
  std::chrono::seconds life{0};
  /// Whose it is; empty where it does not say so.
  std::string subject = {};
};

/// Reads the answer of a token endpoint with status 200. RFC 6749, section 5.1; like
/// Kafka's Java client it takes `id_token` where there is no `access_token`.
///
/// Error `malformed_response` says what is missing or of the wrong type; it quotes
/// nothing of the answer.
[[nodiscard]] result<granted_token> read_token_answer(
  std::string_view body, const std::string& sub_claim_name, wall_time now);

/// The token in the text of a file, without spaces and line ends around it. Its life is
/// that of the claim `exp`; without one, as long as can be.
///
/// Error `invalid_argument`, that quotes nothing of the text.
[[nodiscard]] result<granted_token> read_token_text(
  std::string_view text, const std::string& sub_claim_name, wall_time now);

/// What the answer with another status says, and what to do. Words of the provider that
/// repeat one of `hidden` are left out. RFC 6749, section 5.2.
[[nodiscard]] std::string refusal_words(
  const http_response& answer, const std::vector<secret>& hidden);

/// Whether the same request may succeed after an answer with this status, as in Kafka's
/// Java client; a redirect is none of these.
[[nodiscard]] bool is_retriable_status(int status);

} // namespace cafka::protocol::sasl
