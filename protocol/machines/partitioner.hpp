#pragma once

#include "../types.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>

namespace cafka::protocol {

/// What a partition is chosen by.
struct partition_choice {
  /// The topic's name.
  std::string_view topic;
  /// Nothing: the record has no key.
  std::optional<byte_view> key;
  /// How many partitions the topic has; more than zero.
  std::int32_t partitions = 1;
  /// Any number, another one each time.
  std::uint32_t random = 0;
};

/// Chooses a partition, from 0 to `partitions` - 1. It is called in a worker and must
/// return soon.
using partitioner = std::function<partition_id(const partition_choice&)>;

/// Murmur2 of the key, as Kafka's Java clients, and any partition without a key; the same
/// as librdkafka's `murmur2_random`.
[[nodiscard]] partition_id murmur2_partitioner(const partition_choice& choice);

/// CRC-32 of the key, and any partition without a key or with an empty one; the same as
/// librdkafka's `consistent_random`.
[[nodiscard]] partition_id crc32_partitioner(const partition_choice& choice);

/// Any partition, whatever the key.
[[nodiscard]] partition_id random_partitioner(const partition_choice& choice);

/// Murmur2 of the key with its sign, as KafkaEx had it before it followed Kafka's Java
/// clients, and any partition without a key. KafkaEx: `LegacyPartitioner`.
[[nodiscard]] partition_id legacy_partitioner(const partition_choice& choice);

/// A partitioner as a configuration names it.
struct named_partitioner {
  /// The name, as a configuration file spells it.
  std::string_view name;
  /// The partitioner.
  partition_id (*choose)(const partition_choice&);
};

/// `murmur2`, `crc32`, `random`, `legacy`.
[[nodiscard]] std::span<const named_partitioner> partitioners();

/// The hash that Kafka's Java clients take keys by: MurmurHash2 with their seed.
[[nodiscard]] std::uint32_t murmur2(byte_view bytes);

} // namespace cafka::protocol
