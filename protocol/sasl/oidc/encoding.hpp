#pragma once

#include "../../secret.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace cafka::protocol::sasl {

/// The text as `application/x-www-form-urlencoded`: letters, digits and `*-._` as they
/// are, a space as `+`, every other byte as `%XX`. Source: RFC 6749, appendix B.
[[nodiscard]] secret form_encoded(std::string_view text);

/// The bytes in base64 for URLs, without padding. Source: RFC 4648, section 5; RFC 7515.
[[nodiscard]] std::string base64url_of(std::string_view bytes);

/// What base64 for URLs without padding stands for; nothing for another text.
[[nodiscard]] std::optional<std::string> from_base64url(std::string_view text);

/// Whether the text is `lower` but for the case of its letters (ASCII).
[[nodiscard]] bool same_word(std::string_view text, std::string_view lower);

/// The text without the spaces, tabs and line ends around it.
[[nodiscard]] std::string_view without_spaces_around(std::string_view text);

} // namespace cafka::protocol::sasl
