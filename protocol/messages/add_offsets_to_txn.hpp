#pragma once

#include "../schema/codec.hpp"

#include <string>
#include <string_view>

namespace cafka::protocol {

struct add_offsets_to_txn_response;

/// Makes a group's offsets part of a transaction, before TxnOffsetCommit stores them.
/// With the feature transaction.version 2 no client asks this (KIP-890). Kafka:
/// AddOffsetsToTxnRequest, key 25.
struct add_offsets_to_txn_request {
  static constexpr std::string_view name = "AddOffsetsToTxnRequest";
  static constexpr api_key key = api_key::add_offsets_to_txn;
  static constexpr version_range versions{0, 4};
  static constexpr std::int16_t flexible_since = 3;
  using response = add_offsets_to_txn_response;

  /// The producer's transactional id.
  std::string transactional_id = {};
  /// The producer's id.
  std::int64_t producer_id = 0;
  /// The producer's epoch.
  std::int16_t producer_epoch = 0;
  /// The group's name.
  std::string group_id = {};

  friend bool operator==(
    const add_offsets_to_txn_request&, const add_offsets_to_txn_request&) = default;
};

/// Whether the offsets are part of the transaction. Kafka: AddOffsetsToTxnResponse.
struct add_offsets_to_txn_response {
  static constexpr std::string_view name = "AddOffsetsToTxnResponse";
  static constexpr api_key key = api_key::add_offsets_to_txn;
  static constexpr version_range versions{0, 4};
  static constexpr std::int16_t flexible_since = 3;
  static constexpr std::int16_t client_throttles_since = 1;

  /// How long the broker wants the client to pause, for its quota.
  std::int32_t throttle_time_ms = 0;
  /// `none`, or why it failed.
  protocol::error_code error_code = protocol::error_code::none;

  friend bool operator==(
    const add_offsets_to_txn_response&, const add_offsets_to_txn_response&) = default;
};

template <>
struct api_of<api_key::add_offsets_to_txn> {
  using request = add_offsets_to_txn_request;
};

} // namespace cafka::protocol
