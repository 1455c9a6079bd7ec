#pragma once

#include "../../protocol/result.hpp"
#include "../../protocol/secret.hpp"

#include <cstddef>
#include <string>

namespace cafka::actors {

/// In bytes: no file with a password, a token or a key is larger.
inline constexpr std::size_t largest_secret = 1 << 20;

/// What a file holds. It does not wait for what is no file, such as a pipe.
///
/// The error's words go behind the file's name: "cannot be read: permission denied", "is
/// not a file", "is larger than ...".
[[nodiscard]] protocol::result<std::string> file_text(
  const std::string& path, std::size_t largest);

/// Its first line, which must not be empty: a password. The file is not larger than
/// `largest_secret`.
[[nodiscard]] protocol::result<protocol::secret> first_line_of(const std::string& path);

} // namespace cafka::actors
