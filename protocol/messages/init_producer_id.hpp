#pragma once

#include "../schema/codec.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace cafka::protocol {

struct init_producer_id_response;

/// Asks for a producer id and epoch, and ends what an earlier producer of the same
/// transactional id left open. Kafka: InitProducerIdRequest, key 22.
struct init_producer_id_request {
  static constexpr std::string_view name = "InitProducerIdRequest";
  static constexpr api_key key = api_key::init_producer_id;
  static constexpr version_range versions{0, 5};
  static constexpr std::int16_t flexible_since = 2;
  using response = init_producer_id_response;

  /// Null for a producer that is idempotent only.
  std::optional<std::string> transactional_id = std::string{};
  /// After how many milliseconds the coordinator aborts a transaction that is still open.
  std::int32_t transaction_timeout_ms = 0;
  /// The id that the producer has; -1 for none (KIP-360).
  std::int64_t producer_id = -1;
  /// The epoch that the producer has; -1 for none (KIP-360).
  std::int16_t producer_epoch = -1;

  friend bool operator==(
    const init_producer_id_request&, const init_producer_id_request&) = default;
};

/// The producer's id and epoch. Kafka: InitProducerIdResponse.
struct init_producer_id_response {
  static constexpr std::string_view name = "InitProducerIdResponse";
  static constexpr api_key key = api_key::init_producer_id;
  static constexpr version_range versions{0, 5};
  static constexpr std::int16_t flexible_since = 2;
  static constexpr std::int16_t client_throttles_since = 1;

  /// How long the broker wants the client to pause, for its quota.
  std::int32_t throttle_time_ms = 0;
  /// `none`, or why it failed.
  protocol::error_code error_code = protocol::error_code::none;
  /// The producer's id; -1 for none.
  std::int64_t producer_id = -1;
  /// The producer's epoch; -1 for none.
  std::int16_t producer_epoch = 0;

  friend bool operator==(
    const init_producer_id_response&, const init_producer_id_response&) = default;
};

template <>
struct api_of<api_key::init_producer_id> {
  using request = init_producer_id_request;
};

} // namespace cafka::protocol
