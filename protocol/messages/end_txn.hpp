#pragma once

#include "../schema/codec.hpp"

#include <string>
#include <string_view>

namespace cafka::protocol {

struct end_txn_response;

/// Commits or aborts a transaction. Kafka: EndTxnRequest, key 26.
struct end_txn_request {
  static constexpr std::string_view name = "EndTxnRequest";
  static constexpr api_key key = api_key::end_txn;
  static constexpr version_range versions{0, 5};
  static constexpr std::int16_t flexible_since = 3;
  using response = end_txn_response;

  /// The producer's transactional id.
  std::string transactional_id = {};
  /// The producer's id.
  std::int64_t producer_id = 0;
  /// The producer's epoch.
  std::int16_t producer_epoch = 0;
  /// Whether the transaction is committed; false: it is aborted.
  bool committed = false;

  friend bool operator==(const end_txn_request&, const end_txn_request&) = default;
};

/// Whether the outcome is decided, and since version 5 who the producer is in its next
/// transaction. Kafka: EndTxnResponse.
struct end_txn_response {
  static constexpr std::string_view name = "EndTxnResponse";
  static constexpr api_key key = api_key::end_txn;
  static constexpr version_range versions{0, 5};
  static constexpr std::int16_t flexible_since = 3;
  static constexpr std::int16_t client_throttles_since = 1;

  /// How long the broker wants the client to pause, for its quota.
  std::int32_t throttle_time_ms = 0;
  /// `none`, or why it failed.
  protocol::error_code error_code = protocol::error_code::none;
  /// The producer's id from now on, since version 5; -1 for none (KIP-890).
  std::int64_t producer_id = -1;
  /// The producer's epoch from now on, since version 5; -1 for none (KIP-890).
  std::int16_t producer_epoch = -1;

  friend bool operator==(const end_txn_response&, const end_txn_response&) = default;
};

template <>
struct api_of<api_key::end_txn> {
  using request = end_txn_request;
};

} // namespace cafka::protocol
