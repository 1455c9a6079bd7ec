#pragma once

#include <CLI/CLI.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace cafka::cli {

// What is read from the one table of commands and options, besides command lines.

/// The commands below one, in the order of its help.
[[nodiscard]] std::vector<const CLI::App*> commands_of(const CLI::App& at);

/// The command of this name below one; null where there is none.
[[nodiscard]] const CLI::App* command_of(const CLI::App& at, std::string_view name);

/// `cafka topics create`.
[[nodiscard]] std::string full_name(const CLI::App& command);

/// Its options, but not its words without a dash.
[[nodiscard]] std::vector<const CLI::Option*> options_of(const CLI::App& command);

/// Its words without a dash.
[[nodiscard]] std::vector<const CLI::Option*> operands_of(const CLI::App& command);

/// `-o`, `--offset`.
[[nodiscard]] std::vector<std::string> names_of(const CLI::Option& option);

/// The option that `word` names, which begins with a dash; null where there is none. Of
/// short ones in one word, as `-eJ`, the last; `value_follows` says whether the next word
/// is its value.
[[nodiscard]] const CLI::Option* option_of(
  const CLI::App& command, std::string_view word, bool& value_follows);

} // namespace cafka::cli
