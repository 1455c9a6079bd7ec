#pragma once

#include <optional>
#include <span>
#include <string>

namespace CLI {
class App;
}

namespace cafka::cli {

/// A word of the command line that means nothing where it stands.
struct wrong_word {
  std::string says;
  /// The command line as it may be meant, or where to look.
  std::string try_this;
};

/// Finds the first such word in a command line that was refused, the program's name left
/// out; nothing where each has a meaning.
[[nodiscard]] std::optional<wrong_word> find_wrong_word(
  const CLI::App& root, std::span<const char* const> words);

} // namespace cafka::cli
