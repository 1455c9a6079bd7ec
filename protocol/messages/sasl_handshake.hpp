#pragma once

#include "../schema/codec.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace cafka::protocol {

struct sasl_handshake_response;

/// Chooses a SASL mechanism. Kafka: SaslHandshakeRequest, key 17.
struct sasl_handshake_request {
  static constexpr std::string_view name = "SaslHandshakeRequest";
  static constexpr api_key key = api_key::sasl_handshake;
  static constexpr version_range versions{0, 1};
  static constexpr std::int16_t flexible_since = never_flexible;
  using response = sasl_handshake_response;

  /// The mechanism that the client chooses.
  std::string mechanism;

  friend bool operator==(
    const sasl_handshake_request&, const sasl_handshake_request&) = default;
};

/// Whether it will do. Kafka: SaslHandshakeResponse.
struct sasl_handshake_response {
  static constexpr std::string_view name = "SaslHandshakeResponse";
  static constexpr api_key key = api_key::sasl_handshake;
  static constexpr version_range versions{0, 1};
  static constexpr std::int16_t flexible_since = never_flexible;

  /// `none`, or why it failed.
  protocol::error_code error_code = protocol::error_code::none;
  /// The mechanisms that the broker has enabled.
  std::vector<std::string> mechanisms;

  friend bool operator==(
    const sasl_handshake_response&, const sasl_handshake_response&) = default;
};

template <>
struct api_of<api_key::sasl_handshake> {
  using request = sasl_handshake_request;
};

} // namespace cafka::protocol
