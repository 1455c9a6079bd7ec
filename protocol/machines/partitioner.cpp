#include "partitioner.hpp"

#include "../records/checksum.hpp"

namespace cafka::protocol {

namespace {

constexpr named_partitioner named_partitioners[] = {
  {"murmur2", murmur2_partitioner},
  {"crc32", crc32_partitioner},
  {"random", random_partitioner},
  {"legacy", legacy_partitioner},
};

partition_id within(std::uint32_t hash, const partition_choice& choice) {
  return static_cast<std::int32_t>(hash % static_cast<std::uint32_t>(choice.partitions));
}

} // namespace

std::uint32_t murmur2(byte_view bytes) {
  constexpr std::uint32_t seed = 0x9747b28c;
  constexpr std::uint32_t m = 0x5bd1e995;
  constexpr int r = 24;
  const auto at = [&](std::size_t i) { return static_cast<std::uint32_t>(bytes[i]); };
  auto h = seed ^ static_cast<std::uint32_t>(bytes.size());
  std::size_t i = 0;
  for (; i + 4 <= bytes.size(); i += 4) {
    auto k = at(i) | at(i + 1) << 8 | at(i + 2) << 16 | at(i + 3) << 24;
    k *= m;
    k ^= k >> r;
    k *= m;
    h *= m;
    h ^= k;
  }
  if (i < bytes.size()) {
    for (auto shift = 0; i < bytes.size(); ++i, shift += 8)
      h ^= at(i) << shift;
    h *= m;
  }
  h ^= h >> 13;
  h *= m;
  h ^= h >> 15;
  return h;
}

partition_id murmur2_partitioner(const partition_choice& choice) {
  // Java's numbers have a sign, which its clients drop.
  return choice.key ? within(murmur2(*choice.key) & 0x7fffffff, choice)
                    : within(choice.random, choice);
}

partition_id crc32_partitioner(const partition_choice& choice) {
  return choice.key && !choice.key->empty() ? within(crc32(*choice.key), choice)
                                            : within(choice.random, choice);
}

partition_id random_partitioner(const partition_choice& choice) {
  return within(choice.random, choice);
}

partition_id legacy_partitioner(const partition_choice& choice) {
  return choice.key ? within(murmur2(*choice.key), choice)
                    : within(choice.random, choice);
}

std::span<const named_partitioner> partitioners() {
  return named_partitioners;
}

} // namespace cafka::protocol
