#pragma once

#include "assignor.hpp"

#include <functional>

namespace cafka::protocol {

/// The user data of `sticky`: what the member held, and in which generation. Kafka:
/// StickyAssignor, version 1 of its user data; librdkafka writes the same for
/// `cooperative-sticky`.
[[nodiscard]] std::string sticky_user_data(const member_claim& claim);

/// The user data of `cooperative-sticky`: the generation alone, for leaders that do not
/// know version 2 of the subscription. Kafka: CooperativeStickyAssignor.
[[nodiscard]] std::string cooperative_user_data(const member_claim& claim);

/// Called with the generation, -1 where there is none, a topic, and its partitions'
/// numbers, four bytes each in Kafka's order of bytes.
using sticky_data_visitor =
  std::function<void(std::int32_t generation, std::string_view topic, byte_view numbers)>;

/// Reads user data of `sticky`, of version 0 or 1, and calls `visit` for each topic.
/// Returns the generation. Bytes that are something else say nothing: no call, -1.
std::int32_t read_sticky_data(byte_view bytes, const sticky_data_visitor& visit);

/// The generation in the user data of `cooperative-sticky`, in Kafka's layout or in that
/// of `sticky`; -1 where there is none.
[[nodiscard]] std::int32_t read_cooperative_data(byte_view bytes);

} // namespace cafka::protocol
