#pragma once

#include "../schema/codec.hpp"
#include "../schema/secret.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace cafka::protocol {

struct sasl_authenticate_response;

/// Carries the client's part of a SASL exchange. Kafka: SaslAuthenticateRequest, key
/// 36.
struct sasl_authenticate_request {
  static constexpr std::string_view name = "SaslAuthenticateRequest";
  static constexpr api_key key = api_key::sasl_authenticate;
  static constexpr version_range versions{0, 2};
  static constexpr std::int16_t flexible_since = 2;
  using response = sasl_authenticate_response;

  /// The client's bytes, as the mechanism has them.
  secret_bytes auth_bytes;

  friend bool operator==(
    const sasl_authenticate_request&, const sasl_authenticate_request&) = default;
};

/// Carries the broker's part. Kafka: SaslAuthenticateResponse.
struct sasl_authenticate_response {
  static constexpr std::string_view name = "SaslAuthenticateResponse";
  static constexpr api_key key = api_key::sasl_authenticate;
  static constexpr version_range versions{0, 2};
  static constexpr std::int16_t flexible_since = 2;

  /// `none`, or why it failed.
  protocol::error_code error_code = protocol::error_code::none;
  /// The broker's words for the error; null where it has none.
  std::optional<std::string> error_message = std::string{};
  /// The broker's bytes, as the mechanism has them.
  secret_bytes auth_bytes;
  /// When to authenticate again; 0 for never.
  std::int64_t session_lifetime_ms = 0;

  friend bool operator==(
    const sasl_authenticate_response&, const sasl_authenticate_response&) = default;
};

template <>
struct api_of<api_key::sasl_authenticate> {
  using request = sasl_authenticate_request;
};

} // namespace cafka::protocol
