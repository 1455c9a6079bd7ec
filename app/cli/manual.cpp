#include "manual.hpp"

#include "command_tree.hpp"
#include "text.hpp"
#include <cafka/version.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>

namespace cafka::cli {

namespace {

/// `cafka-topics-create`.
std::string page_name(const CLI::App& command) {
  auto result = full_name(command);
  std::ranges::replace(result, ' ', '-');
  return result;
}

/// Text as roff prints it: no character means anything else.
std::string literal(std::string_view text) {
  std::string result;
  bool line_begins = true;
  for (const char c : text) {
    if (line_begins && (c == '.' || c == '\''))
      result += "\\&";
    line_begins = c == '\n';
    if (c == '\\')
      result += "\\e";
    else if (c == '-')
      result += "\\-";
    else
      result += c;
  }
  return result;
}

std::string bold(std::string_view text) {
  return "\\fB" + literal(text) + "\\fR";
}

std::string italic(std::string_view text) {
  return "\\fI" + literal(text) + "\\fR";
}

/// `-o, --offset POSITION`.
std::string heading_of(const CLI::Option& option) {
  std::string result;
  for (const auto& name : names_of(option))
    result += (result.empty() ? "" : ", ") + bold(name);
  if (result.empty())
    result = italic(option.get_name());
  if (const auto shape = option.get_type_name();
      option.get_items_expected_max() > 0 && !shape.empty() && option.nonpositional())
    result += ' ' + italic(shape);
  return result;
}

std::string synopsis_of(const CLI::App& command) {
  auto result = bold(full_name(command)) + " [" + italic("OPTIONS") + ']';
  if (!commands_of(command).empty())
    return bold(full_name(command)) + ' ' + italic("COMMAND") + " [" + italic("OPTIONS")
      + ']';
  for (const auto* operand : operands_of(command)) {
    const auto many = operand->get_items_expected_max() > 1 ? "..." : "";
    const auto name = italic(operand->get_name()) + many;
    result += ' ' + (operand->get_required() ? name : '[' + name + ']');
  }
  return result;
}

void append_list(std::string& to, const std::string& title,
  const std::vector<const CLI::Option*>& options) {
  if (options.empty())
    return;
  to += ".SH " + title + '\n';
  for (const auto* option : options)
    to +=
      ".TP\n" + heading_of(*option) + '\n' + literal(option->get_description()) + ".\n";
}

} // namespace

std::string manual_page(const CLI::App& command) {
  auto page = ".TH " + page_name(command) + " 1 \"\" \"cafka " CAFKA_VERSION "\" \"\"\n"
    + ".SH NAME\n" + literal(page_name(command)) + " \\- "
    + literal(command.get_description()) + "\n.SH SYNOPSIS\n" + synopsis_of(command)
    + '\n';
  if (const auto below = commands_of(command); !below.empty()) {
    page += ".SH COMMANDS\n";
    for (const auto* one : below)
      page += ".TP\n" + bold(one->get_name()) + '\n' + literal(one->get_description())
        + ". See " + bold(page_name(*one)) + "(1).\n";
  }
  append_list(page, "ARGUMENTS", operands_of(command));
  append_list(page, "OPTIONS", options_of(command));
  // Lines of a help's end stand as they are.
  if (const auto footer = command.get_footer(); !footer.empty())
    page += ".SH NOTES\n.nf\n" + literal(footer) + "\n.fi\n";
  if (const auto* parent = command.get_parent())
    page += ".SH SEE ALSO\n" + bold(page_name(*parent)) + "(1)\n";
  return page;
}

protocol::result<protocol::done> write_manual(
  const CLI::App& command, const std::string& directory) {
  const auto name = directory + '/' + page_name(command) + ".1";
  std::error_code ignored; // What cannot be made cannot be written to.
  std::filesystem::create_directories(directory, ignored);
  std::ofstream file{name, std::ios::binary};
  file << manual_page(command) << std::flush;
  if (!file)
    return protocol::error{
      protocol::error_code::invalid_argument, name + " cannot be written"};
  for (const auto* below : commands_of(command)) {
    if (auto written = write_manual(*below, directory); !written)
      return written;
  }
  return protocol::done{};
}

} // namespace cafka::cli
