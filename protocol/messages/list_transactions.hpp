#pragma once

#include "../schema/codec.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cafka::protocol {

struct list_transactions_response;

/// Asks a broker which transactional ids it coordinates; others belong to other brokers
/// (KIP-664). Kafka: ListTransactionsRequest, key 66.
struct list_transactions_request {
  static constexpr std::string_view name = "ListTransactionsRequest";
  static constexpr api_key key = api_key::list_transactions;
  static constexpr version_range versions{0, 2};
  static constexpr std::int16_t flexible_since = 0;
  using response = list_transactions_response;

  /// The states to list, as Ongoing; none for all.
  std::vector<std::string> state_filters = {};
  /// The producer ids to list; none for all.
  std::vector<std::int64_t> producer_id_filters = {};
  /// Only what has been open for longer than so many milliseconds, since version 1;
  /// below 0: all (KIP-994).
  std::int64_t duration_filter = -1;
  /// A regular expression that the transactional ids match, since version 2; empty or
  /// null for all (KIP-1152).
  std::optional<std::string> transactional_id_pattern = {};

  friend bool operator==(
    const list_transactions_request&, const list_transactions_request&) = default;
};

/// A transactional id that the broker coordinates.
struct listed_transaction {
  /// The transactional id.
  std::string transactional_id = {};
  /// The producer's id.
  std::int64_t producer_id = 0;
  /// The transaction's state, as Ongoing.
  std::string transaction_state = {};

  friend bool operator==(const listed_transaction&, const listed_transaction&) = default;
};

/// The transactional ids of one broker. Kafka: ListTransactionsResponse.
struct list_transactions_response {
  static constexpr std::string_view name = "ListTransactionsResponse";
  static constexpr api_key key = api_key::list_transactions;
  static constexpr version_range versions{0, 2};
  static constexpr std::int16_t flexible_since = 0;
  static constexpr std::int16_t client_throttles_since = 0;

  /// How long the broker wants the client to pause, for its quota.
  std::int32_t throttle_time_ms = 0;
  /// `none`, or why it failed.
  protocol::error_code error_code = protocol::error_code::none;
  /// The states of the request that the broker does not know.
  std::vector<std::string> unknown_state_filters = {};
  /// The transactional ids.
  std::vector<listed_transaction> transaction_states = {};

  friend bool operator==(
    const list_transactions_response&, const list_transactions_response&) = default;
};

template <>
struct api_of<api_key::list_transactions> {
  using request = list_transactions_request;
};

} // namespace cafka::protocol
