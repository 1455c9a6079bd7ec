#include "wrong_words.hpp"

#include "command_tree.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace cafka::cli {

namespace {

/// What users of other tools type: kcat's modes, and the words of most programs.
constexpr std::array<std::pair<std::string_view, std::string_view>, 12> other_words{
  {{"help", "--help"}, {"version", "--version"}, {"-V", "--version"}, {"-L", "metadata"},
    {"-C", "stream"}, {"-P", "produce"}, {"-Q", "offsets"}, {"subscribe", "consume"},
    {"consumer", "stream"}, {"producer", "produce"}, {"-o", "--output"},
    {"-F", "--config"}}};

/// How many letters have to be put in, left out, changed or swapped.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> d(a.size() + 1);
  for (std::size_t i = 0; i <= a.size(); ++i) {
    d[i].resize(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        d[i][j] = i + j;
        continue;
      }
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1,
        d[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  }
  return d[a.size()][b.size()];
}

/// Of `known`, what `word` was probably meant to be: at most a third of it is mistyped.
/// Empty: nothing is near.
std::string_view nearest(std::string_view word, const std::vector<std::string>& known) {
  std::string_view best;
  auto least = word.size() / 3 + 1;
  for (const auto& candidate : known) {
    // One letter is near to every other letter.
    if (candidate.size() < 3)
      continue;
    const auto begins = word.size() > 2 && candidate.starts_with(word);
    if (const auto d = begins ? 1 : distance(word, candidate); d < least) {
      least = d;
      best = candidate;
    }
  }
  return best;
}

/// A word as a shell reads it back.
std::string for_shell(std::string_view word) {
  if (!word.empty() && word.find_first_of(" \t\n'\"\\$`*?;&|<>(){}[]#~!") == word.npos)
    return std::string{word};
  std::string result = "'";
  for (const char c : word)
    result += c == '\'' ? std::string{"'\\''"} : std::string{c};
  return result + '\'';
}

std::string line_of(const std::vector<std::string>& words) {
  std::string result = "cafka";
  for (const auto& word : words)
    result += ' ' + for_shell(word);
  return result;
}

std::string listed(const std::vector<std::string>& names) {
  std::string result;
  for (const auto& name : names)
    result += (result.empty() ? "" : ", ") + name;
  return result;
}

std::vector<std::string> command_names(const CLI::App& at) {
  std::vector<std::string> result;
  for (const auto* command : commands_of(at))
    result.push_back(command->get_name());
  return result;
}

std::vector<std::string> option_names(const CLI::App& at) {
  std::vector<std::string> result;
  for (const auto* option : options_of(at)) {
    const auto names = names_of(*option);
    result.insert(result.end(), names.begin(), names.end());
  }
  return result;
}

/// Whether a command somewhere below takes the option.
bool known_below(const CLI::App& at, std::string_view word) {
  return std::ranges::any_of(commands_of(at), [&](const CLI::App* command) {
    bool ignored = false;
    return option_of(*command, word, ignored) != nullptr || known_below(*command, word);
  });
}

/// Walks the words of a command line as they are read.
class walk {
public:
  walk(const CLI::App& root, std::span<const char* const> words)
    : at_(&root), words_(words.begin(), words.end()) {}

  std::optional<wrong_word> run() {
    for (std::size_t i = 0; i != words_.size(); ++i) {
      const auto& word = words_[i];
      if (word == "--")
        return std::nullopt; // What follows are no options.
      if (word.size() > 1 && word[0] == '-') {
        bool value_follows = false;
        if (option_of(*at_, word, value_follows) == nullptr)
          return wrong_option(i);
        if (value_follows && i + 1 != words_.size())
          ++i;
      } else if (!commands_of(*at_).empty()) {
        const auto* command = command_of(*at_, word);
        if (command == nullptr)
          return wrong_command(i);
        at_ = command;
      } else if (operands_of(*at_).empty()) {
        return wrong_word{'"' + word + "\" has no meaning here: " + full_name(*at_)
            + " takes options alone",
          help()};
      }
    }
    if (!commands_of(*at_).empty())
      return wrong_word{"a command is missing behind " + full_name(*at_)
          + "; there are: " + listed(command_names(*at_)),
        help()};
    return std::nullopt;
  }

private:
  [[nodiscard]] std::string help() const { return full_name(*at_) + " --help"; }

  wrong_word wrong_option(std::size_t i) {
    const auto& word = words_[i];
    if (!commands_of(*at_).empty() && known_below(*at_, word))
      return {
        word + " stands before the command: options come behind it", behind_command(i)};
    const auto says = '"' + word + "\" is no option of " + full_name(*at_);
    const auto equals = std::min(word.find('='), word.size());
    const auto meant = meaning(word.substr(0, equals), option_names(*at_));
    return meant.empty() ? wrong_word{says, help()}
                         : nearly(i, says, meant + word.substr(equals));
  }

  wrong_word wrong_command(std::size_t i) {
    const auto& word = words_[i];
    const auto all = command_names(*at_);
    const auto says = '"' + word + "\" is no command of " + full_name(*at_);
    if (const auto meant = meaning(word, all); !meant.empty())
      return nearly(i, says, meant);
    // A command's command may stand alone.
    for (const auto* command : commands_of(*at_)) {
      if (command_of(*command, word) != nullptr)
        return nearly(i, says, command->get_name() + ' ' + word);
    }
    return {says + "; there are: " + listed(all), help()};
  }

  /// What a word is at its place, if anything is near.
  [[nodiscard]] std::string meaning(
    const std::string& word, const std::vector<std::string>& known) const {
    const auto* other = std::ranges::find(
      other_words, word, &std::pair<std::string_view, std::string_view>::first);
    if (other != other_words.end()) {
      bool ignored = false;
      if (command_of(*at_, other->second) != nullptr
        || option_of(*at_, other->second, ignored) != nullptr)
        return std::string{other->second};
    }
    return std::string{nearest(word, known)};
  }

  [[nodiscard]] wrong_word nearly(
    std::size_t i, const std::string& says, const std::string& meant) const {
    auto words = words_;
    // It may be two words.
    const auto space = std::min(meant.find(' '), meant.size());
    words[i] = meant.substr(0, space);
    if (space != meant.size())
      words.insert(
        words.begin() + static_cast<std::ptrdiff_t>(i) + 1, meant.substr(space + 1));
    return {says + ": the nearest is " + meant, line_of(words)};
  }

  /// The command line with what stands before the command behind it.
  [[nodiscard]] std::string behind_command(std::size_t from) const {
    auto words = std::vector<std::string>(
      words_.begin(), words_.begin() + static_cast<std::ptrdiff_t>(from));
    std::vector<std::string> others;
    const auto* at = at_;
    for (auto i = from; i != words_.size(); ++i) {
      if (const auto* command = command_of(*at, words_[i])) {
        at = command;
        words.push_back(words_[i]);
      } else {
        others.push_back(words_[i]);
      }
    }
    if (!commands_of(*at).empty())
      return full_name(*at) + " COMMAND" + line_of(others).substr(5);
    words.insert(words.end(), others.begin(), others.end());
    return line_of(words);
  }

  const CLI::App* at_;
  std::vector<std::string> words_;
};

} // namespace

std::optional<wrong_word> find_wrong_word(
  const CLI::App& root, std::span<const char* const> words) {
  return walk{root, words}.run();
}

} // namespace cafka::cli
