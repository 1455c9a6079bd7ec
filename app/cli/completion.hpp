#pragma once

#include <span>
#include <string>

namespace CLI {
class App;
}

namespace cafka::cli {

/// The script that completes command lines in a shell: `bash`, `zsh` or `fish`. It asks
/// the program that is called, by the hidden command `complete_command`. Empty for any
/// other shell.
[[nodiscard]] std::string completion_script(const std::string& shell);

/// Hidden: its arguments are the words of a command line up to the one to complete.
inline constexpr auto complete_command = "__complete";

/// What may stand at the place of the last word, one a line: the word, a tab and what it
/// means. `:files` and `:directories` are for the shell to list.
[[nodiscard]] std::string completions(
  const CLI::App& root, std::span<const char* const> words);

} // namespace cafka::cli
