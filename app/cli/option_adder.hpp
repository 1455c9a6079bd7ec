#pragma once

#include "arguments.hpp"

#include <CLI/CLI.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace cafka::cli {

/// The arguments as they are read; the command that was named chooses itself.
struct parsed_arguments {
  common_arguments common;
  std::variant<demo_arguments, broker_arguments, client_arguments> command;
  /// In place of a command that runs: prints what the table of commands says itself.
  std::function<exit_code()> print;
};

/// Adds one command and its options; values land where they belong as they are read.
class option_adder {
public:
  option_adder(CLI::App& parent, const std::string& name, const std::string& help)
    : command_(parent.add_subcommand(name, help)) {}

  CLI::App& command() { return *command_; }

  /// Makes `to` the command that runs, as it is once all options are read.
  template <class Arguments>
  void chooses(parsed_arguments& all, std::shared_ptr<Arguments> to) {
    command_->callback([&all, to] { all.command = client_arguments{*to}; });
  }

  /// What every command takes.
  void common(common_arguments& to);
  /// The same for a command that prints no lines for programs.
  void common_but_output(common_arguments& to);

  void topic(std::string& to);

  void group(std::string& to);

  template <class To>
  void partition(To& to, const std::string& help) {
    parsed("-p,--partition", help, "NUMBER", "a partition's number", parse_partition, to);
  }

  /// An option whose text `parse` turns into a value, or refuses.
  template <class Parse, class To>
  CLI::Option* parsed(const std::string& names, const std::string& help,
    const std::string& shape, const std::string& allowed, Parse parse, To& to) {
    return command_
      ->add_option_function<std::string>(
        names, [&to, parse](const std::string& text) { to = *parse(text); }, help)
      ->type_name(shape)
      ->check(checked(allowed, parse));
  }

  /// The same for an option that may be given several times; `add` takes each value.
  template <class Parse, class Add>
  CLI::Option* each(const std::string& names, const std::string& help,
    const std::string& shape, const std::string& allowed, Parse parse, Add add) {
    return command_
      ->add_option_function<std::vector<std::string>>(
        names,
        [parse, add](const std::vector<std::string>& all) {
          for (const auto& text : all)
            add(*parse(text));
        },
        help)
      ->type_name(shape)
      ->expected(1)
      ->take_all()
      ->check(checked(allowed, parse));
  }

  /// An option whose text `parse` turns into a value, or an error that says what is wrong
  /// with it.
  template <class Parse, class To>
  CLI::Option* explained(const std::string& names, const std::string& help,
    const std::string& shape, Parse parse, To& to) {
    return command_
      ->add_option_function<std::string>(
        names, [&to, parse](const std::string& text) { to = *parse(text); }, help)
      ->type_name(shape)
      ->check(CLI::Validator{
        [parse](std::string& text) { return parse(text).error().detail; }, ""});
  }

private:
  void tls(common_arguments& to);
  void sasl(common_arguments& to);

  static std::optional<partition_id> parse_partition(std::string_view text);
  static std::optional<std::pair<std::string, std::string>> parse_setting(
    std::string_view text);

  /// A text as CLI11 wants a check: empty when it is fine.
  template <class Parse>
  static CLI::Validator checked(const std::string& allowed, Parse parse) {
    return CLI::Validator{[parse, allowed](std::string& text) {
                            return parse(text) ? std::string{}
                                               : '"' + text + "\" is not " + allowed;
                          },
      ""};
  }

  CLI::App* command_;
};

/// What a position is, for the help of commands that take one.
inline constexpr auto positions_epilogue =
  R"(A position is one of:
  beginning, earliest     the first record that the log still has
  end, latest             behind the last one
  NUMBER                  an offset
  -NUMBER                 so many before the end
  @TIME                   the first record at or after it, as @2024-05-01T12:30:00Z,
                          @1714566600250 (milliseconds since 1970) or @-1h (an hour ago;
                          ms, s, min, h and d are known). The end where none is that late
  max-timestamp           the record with the latest time (Kafka 3.0 and later))";

// Each adds a family of commands.

void add_cluster_commands(CLI::App& root, parsed_arguments& all);
void add_record_commands(CLI::App& root, parsed_arguments& all);
void add_group_commands(CLI::App& root, parsed_arguments& all);
void add_broker_command(CLI::App& root, parsed_arguments& all);

} // namespace cafka::cli
