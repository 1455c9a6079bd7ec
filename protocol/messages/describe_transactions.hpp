#pragma once

#include "../schema/codec.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace cafka::protocol {

struct describe_transactions_response;

/// Asks the coordinator of transactional ids what their transactions are (KIP-664).
/// Kafka: DescribeTransactionsRequest, key 65.
struct describe_transactions_request {
  static constexpr std::string_view name = "DescribeTransactionsRequest";
  static constexpr api_key key = api_key::describe_transactions;
  static constexpr version_range versions{0, 0};
  static constexpr std::int16_t flexible_since = 0;
  using response = describe_transactions_response;

  /// The transactional ids; none: nothing is answered.
  std::vector<std::string> transactional_ids = {};

  friend bool operator==(
    const describe_transactions_request&, const describe_transactions_request&) = default;
};

/// A topic and its partitions that are part of a transaction.
struct described_transaction_topic {
  /// The topic's name.
  std::string topic = {};
  /// The partitions' numbers.
  std::vector<partition_id> partitions = {};

  friend bool operator==(
    const described_transaction_topic&, const described_transaction_topic&) = default;
};

/// One transactional id and its transaction.
struct described_transaction {
  /// `none`, or why it failed.
  protocol::error_code error_code = protocol::error_code::none;
  /// The transactional id.
  std::string transactional_id = {};
  /// The transaction's state, as Ongoing.
  std::string transaction_state = {};
  /// After how many milliseconds the coordinator aborts a transaction that is still
  /// open.
  std::int32_t transaction_timeout_ms = 0;
  /// When the transaction began, in milliseconds since 1970; -1 where none is open.
  std::int64_t transaction_start_time_ms = 0;
  /// The producer's id.
  std::int64_t producer_id = 0;
  /// The producer's epoch.
  std::int16_t producer_epoch = 0;
  /// The partitions of the open transaction; while it ends, those without a marker yet.
  std::vector<described_transaction_topic> topics = {};

  friend bool operator==(
    const described_transaction&, const described_transaction&) = default;
};

/// The transactions that were asked for. Kafka: DescribeTransactionsResponse.
struct describe_transactions_response {
  static constexpr std::string_view name = "DescribeTransactionsResponse";
  static constexpr api_key key = api_key::describe_transactions;
  static constexpr version_range versions{0, 0};
  static constexpr std::int16_t flexible_since = 0;
  static constexpr std::int16_t client_throttles_since = 0;

  /// How long the broker wants the client to pause, for its quota.
  std::int32_t throttle_time_ms = 0;
  /// The result for each transactional id.
  std::vector<described_transaction> transaction_states = {};

  friend bool operator==(const describe_transactions_response&,
    const describe_transactions_response&) = default;
};

template <>
struct api_of<api_key::describe_transactions> {
  using request = describe_transactions_request;
};

} // namespace cafka::protocol
