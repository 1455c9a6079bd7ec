#include "completion.hpp"

#include "command_tree.hpp"
#include "text.hpp"

#include <algorithm>

namespace cafka::cli {

namespace {

constexpr auto bash = R"(# Completion of cafka's command lines in bash.
_cafka() {
  local current="${COMP_WORDS[COMP_CWORD]}" word text
  COMPREPLY=()
  while IFS=$'\t' read -r word text; do
    case $word in
      :files) compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -f -- "${current#=}") ;;
      :directories) compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -d -- "${current#=}") ;;
      *) COMPREPLY+=("$word") ;;
    esac
  done < <("${COMP_WORDS[0]}" __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _cafka cafka
)";

constexpr auto zsh = R"(#compdef cafka
# Completion of cafka's command lines in zsh.
_cafka() {
  local -a all
  local word text
  while IFS=$'\t' read -r word text; do
    case $word in
      :files) compset -P '--*='; _files ;;
      :directories) compset -P '--*='; _files -/ ;;
      *) all+=("${word//:/\\:}:$text") ;;
    esac
  done < <("${words[1]}" __complete "${(@)words[2,CURRENT]}" 2>/dev/null)
  (( $#all )) && _describe cafka all
}
# As a file of fpath it is the function itself.
if [ "$funcstack[1]" = "_cafka" ]; then
  _cafka "$@"
else
  compdef _cafka cafka
fi
)";

constexpr auto fish = R"(# Completion of cafka's command lines in fish.
function __cafka_complete
  set -l before (commandline -opc)
  set -l current (commandline -ct)
  set -l option (string match -r -- '^--[^=]*=' "$current"; or echo)
  set -l value (string replace -r -- '^--[^=]*=' '' "$current")
  for line in ($before[1] __complete $before[2..-1] "$current" 2>/dev/null)
    switch $line
      case ':files'
        printf '%s\n' $option(__fish_complete_path "$value")
      case ':directories'
        printf '%s\n' $option(__fish_complete_directories "$value")
      case '*'
        echo $line
    end
  end
end
complete -c cafka -f -a '(__cafka_complete)'
)";

/// The first sentence, in one line.
std::string short_text(const std::string& help) {
  return help.substr(0, help.find_first_of(".;\n"));
}

class completing {
public:
  explicit completing(std::string_view prefix) : prefix_(prefix) {}

  void offer(const std::string& word, const std::string& help) {
    if (word.starts_with(prefix_))
      lines_ += word + '\t' + short_text(help) + '\n';
  }

  void offer_options(const CLI::App& of) {
    for (const auto* option : options_of(of)) {
      for (const auto& name : names_of(*option)) {
        // Short ones are quicker typed than chosen.
        if (name.starts_with("--"))
          offer(name, option->get_description());
      }
    }
  }

  /// `before` is what stands in the same word before the value, as `--output=`.
  void offer_values(const CLI::Option& of, std::string_view before = {}) {
    const auto shape = of.get_type_name();
    if (shape == "FILE" || of.get_name() == "FILE")
      lines_ += ":files\n";
    else if (shape == "DIR")
      lines_ += ":directories\n";
    else if (shape.find('|') != std::string::npos)
      for (const auto word : split(shape, '|'))
        offer(std::string{before} + std::string{word}, of.get_description());
  }

  [[nodiscard]] std::string lines() && { return std::move(lines_); }

private:
  std::string_view prefix_;
  std::string lines_;
};

} // namespace

std::string completion_script(const std::string& shell) {
  if (shell == "bash")
    return bash;
  if (shell == "zsh")
    return zsh;
  return shell == "fish" ? fish : "";
}

std::string completions(const CLI::App& root, std::span<const char* const> words) {
  const auto* at = &root;
  const CLI::Option* waits = nullptr; // For its value, in the next word.
  bool options_end = false;
  const std::string_view last = words.empty() ? "" : words.back();
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    const std::string_view word = words[i];
    // bash takes `--output=json` for three words.
    if (waits != nullptr && word == "=")
      continue;
    if (waits != nullptr) {
      waits = nullptr;
    } else if (word == "--") {
      options_end = true;
    } else if (word.size() > 1 && word[0] == '-' && !options_end) {
      bool value_follows = false;
      const auto* option = option_of(*at, word, value_follows);
      waits = value_follows ? option : nullptr;
    } else if (const auto* command = command_of(*at, word)) {
      at = command;
    }
  }
  completing result{waits != nullptr && last == "=" ? "" : last};
  const auto equals = last.find('=');
  bool ignored = false;
  if (waits != nullptr) {
    result.offer_values(*waits);
  } else if (last.starts_with("--") && equals != std::string_view::npos) {
    if (const auto* option = option_of(*at, last, ignored))
      result.offer_values(*option, last.substr(0, equals + 1));
  } else if (last.starts_with('-') && !options_end) {
    result.offer_options(*at);
  } else {
    for (const auto* command : commands_of(*at))
      result.offer(command->get_name(), command->get_description());
    for (const auto* operand : operands_of(*at))
      result.offer_values(*operand);
  }
  return std::move(result).lines();
}

} // namespace cafka::cli
