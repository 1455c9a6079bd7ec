#pragma once

#include "result.hpp"

#include <cstddef>
#include <string_view>

namespace cafka::protocol {

// What Kafka's protocol can carry as a name. A name within these limits may still be one
// that a broker refuses; that is the broker's word, and about this name alone.

/// The longest name of a topic, in bytes: Kafka's limit until 0.10.0, when it became 249.
inline constexpr std::size_t longest_topic_name = 255;

/// The longest text in a request, in bytes: its length is a signed number of two bytes.
inline constexpr std::size_t longest_name = 32'767;

/// Error `invalid_argument` for what cannot be a topic's name: an empty one, a longer
/// one, one that is not UTF-8.
[[nodiscard]] error check_topic_name(std::string_view name);

/// Error `invalid_argument` for a text that no request can carry: a longer one, or one
/// that is not UTF-8. `what` it is, such as "the group", is for the error.
[[nodiscard]] error check_name(std::string_view what, std::string_view name);

} // namespace cafka::protocol
