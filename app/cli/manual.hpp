#pragma once

#include "../../protocol/result.hpp"

#include <string>

namespace CLI {
class App;
}

namespace cafka::cli {

/// The manual page of a command, as `man` reads it. It has no date: the same program
/// makes the same page.
[[nodiscard]] std::string manual_page(const CLI::App& command);

/// Writes the pages of a command and of all below it to a directory, which is made:
/// `cafka-topics-create.1`.
///
/// Error `invalid_argument` names the file that cannot be written.
[[nodiscard]] protocol::result<protocol::done> write_manual(
  const CLI::App& command, const std::string& directory);

} // namespace cafka::cli
