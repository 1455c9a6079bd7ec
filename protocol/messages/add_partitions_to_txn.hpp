#pragma once

#include "../schema/codec.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace cafka::protocol {

struct add_partitions_to_txn_response;

/// A topic and its partitions that become part of a transaction.
struct add_partitions_to_txn_topic {
  /// The topic's name.
  std::string name = {};
  /// The partitions' numbers.
  std::vector<partition_id> partitions = {};

  friend bool operator==(
    const add_partitions_to_txn_topic&, const add_partitions_to_txn_topic&) = default;
};

/// One of the transactions of a request between brokers, since version 4.
struct add_partitions_to_txn_transaction {
  /// The producer's transactional id.
  std::string transactional_id = {};
  /// The producer's id.
  std::int64_t producer_id = 0;
  /// The producer's epoch.
  std::int16_t producer_epoch = 0;
  /// Whether nothing is added: the answer says whether the partitions are in the
  /// transaction.
  bool verify_only = false;
  /// The partitions to add.
  std::vector<add_partitions_to_txn_topic> topics = {};

  friend bool operator==(const add_partitions_to_txn_transaction&,
    const add_partitions_to_txn_transaction&) = default;
};

/// Makes partitions part of a transaction, before something is written there. Clients use
/// versions 0 to 3, brokers the later ones; with the feature transaction.version 2 no
/// client asks this (KIP-890). Kafka: AddPartitionsToTxnRequest, key 24.
struct add_partitions_to_txn_request {
  static constexpr std::string_view name = "AddPartitionsToTxnRequest";
  static constexpr api_key key = api_key::add_partitions_to_txn;
  static constexpr version_range versions{0, 5};
  static constexpr std::int16_t flexible_since = 3;
  using response = add_partitions_to_txn_response;

  /// The transactions, since version 4.
  std::vector<add_partitions_to_txn_transaction> transactions = {};
  /// The producer's transactional id, versions 0 to 3.
  std::string v3_and_below_transactional_id = {};
  /// The producer's id, versions 0 to 3.
  std::int64_t v3_and_below_producer_id = 0;
  /// The producer's epoch, versions 0 to 3.
  std::int16_t v3_and_below_producer_epoch = 0;
  /// The partitions to add, versions 0 to 3.
  std::vector<add_partitions_to_txn_topic> v3_and_below_topics = {};

  friend bool operator==(
    const add_partitions_to_txn_request&, const add_partitions_to_txn_request&) = default;
};

/// The outcome for one partition.
struct add_partitions_to_txn_partition_result {
  /// The partition's number.
  partition_id partition_index = 0;
  /// `none`, or why it failed.
  protocol::error_code partition_error_code = protocol::error_code::none;

  friend bool operator==(const add_partitions_to_txn_partition_result&,
    const add_partitions_to_txn_partition_result&) = default;
};

/// The outcome for one topic.
struct add_partitions_to_txn_topic_result {
  /// The topic's name.
  std::string name = {};
  /// The result for each partition.
  std::vector<add_partitions_to_txn_partition_result> results_by_partition = {};

  friend bool operator==(const add_partitions_to_txn_topic_result&,
    const add_partitions_to_txn_topic_result&) = default;
};

/// The outcome for one transaction, since version 4.
struct add_partitions_to_txn_result {
  /// The producer's transactional id.
  std::string transactional_id = {};
  /// The result for each topic.
  std::vector<add_partitions_to_txn_topic_result> topic_results = {};

  friend bool operator==(
    const add_partitions_to_txn_result&, const add_partitions_to_txn_result&) = default;
};

/// Which partitions are part of the transaction. Kafka: AddPartitionsToTxnResponse.
struct add_partitions_to_txn_response {
  static constexpr std::string_view name = "AddPartitionsToTxnResponse";
  static constexpr api_key key = api_key::add_partitions_to_txn;
  static constexpr version_range versions{0, 5};
  static constexpr std::int16_t flexible_since = 3;
  static constexpr std::int16_t client_throttles_since = 1;

  /// How long the broker wants the client to pause, for its quota.
  std::int32_t throttle_time_ms = 0;
  /// `none`, or why it failed.
  protocol::error_code error_code = protocol::error_code::none;
  /// The result for each transaction, since version 4.
  std::vector<add_partitions_to_txn_result> results_by_transaction = {};
  /// The result for each topic, versions 0 to 3.
  std::vector<add_partitions_to_txn_topic_result> results_by_topic_v3_and_below = {};

  friend bool operator==(const add_partitions_to_txn_response&,
    const add_partitions_to_txn_response&) = default;
};

template <>
struct api_of<api_key::add_partitions_to_txn> {
  using request = add_partitions_to_txn_request;
};

} // namespace cafka::protocol
