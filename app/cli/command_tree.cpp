#include "command_tree.hpp"

namespace cafka::cli {

namespace {

bool takes_value(const CLI::Option& option) {
  return option.get_items_expected_max() > 0;
}

const CLI::Option* named(const CLI::App& command, const std::string& name) {
  const auto* found = command.get_option_no_throw(name);
  return found != nullptr && found->nonpositional() ? found : nullptr;
}

} // namespace

std::vector<const CLI::App*> commands_of(const CLI::App& at) {
  return at.get_subcommands([](const CLI::App*) { return true; });
}

const CLI::App* command_of(const CLI::App& at, std::string_view name) {
  for (const auto* command : commands_of(at)) {
    if (command->get_name() == name)
      return command;
  }
  return nullptr;
}

std::string full_name(const CLI::App& command) {
  const auto* parent = command.get_parent();
  return parent == nullptr ? command.get_name()
                           : full_name(*parent) + ' ' + command.get_name();
}

std::vector<const CLI::Option*> options_of(const CLI::App& command) {
  return command.get_options([](const CLI::Option* o) { return o->nonpositional(); });
}

std::vector<const CLI::Option*> operands_of(const CLI::App& command) {
  return command.get_options([](const CLI::Option* o) { return o->get_positional(); });
}

std::vector<std::string> names_of(const CLI::Option& option) {
  std::vector<std::string> result;
  for (const auto& name : option.get_snames())
    result.push_back('-' + name);
  for (const auto& name : option.get_lnames())
    result.push_back("--" + name);
  return result;
}

const CLI::Option* option_of(
  const CLI::App& command, std::string_view word, bool& value_follows) {
  value_follows = false;
  if (word.starts_with("--")) {
    const auto equals = word.find('=');
    const auto* option = named(command, std::string{word.substr(0, equals)});
    value_follows =
      option != nullptr && takes_value(*option) && equals == std::string_view::npos;
    return option;
  }
  const CLI::Option* option = nullptr;
  for (std::size_t i = 1; i < word.size(); ++i) {
    option = named(command, {'-', word[i]});
    if (option == nullptr)
      return nullptr;
    if (takes_value(*option)) {
      value_follows = i + 1 == word.size();
      return option;
    }
  }
  return option;
}

} // namespace cafka::cli
