#include "../../protocol/endpoint.hpp"
#include "../options.hpp"
#include "../settings_text.hpp"
#include "command_tree.hpp"
#include "completion.hpp"
#include "manual.hpp"
#include "option_adder.hpp"
#include "text.hpp"
#include "wrong_words.hpp"
#include <cafka/version.hpp>

#include <cerrno>
#include <iostream>
#include <span>
#include <sstream>

namespace cafka::cli {

namespace {

constexpr auto description = "A Kafka client in which every moving part is a supervised "
                             "actor.";

constexpr auto epilogue =
  R"(Output is one line per record, partition, topic, broker or API; with --json one JSON
object per line.

Exit codes: 0 it worked, 1 it did not, 2 wrong usage or configuration.

Examples:
  cafka demo
  cafka metadata --brokers localhost:9092
  cafka topics create orders --partitions 3 --replication-factor 3
  echo 'key:value' | cafka produce --topic orders --key-delimiter :
  cafka stream --topic orders -o @-1h -e -f '%k: %s\n'
  cafka fetch --topic orders --partition 0 --offset -10 --all --json
  cafka offsets --topic orders
  cafka broker --topic orders:3)";

/// `cafka topics create --help`, as far as the command line has got.
std::string help_of(const CLI::App& root) {
  std::string result = "cafka ";
  const auto* at = &root;
  while (!at->get_subcommands().empty()) {
    at = at->get_subcommands().front();
    result += at->get_name() + ' ';
  }
  return result + "--help";
}

/// Prints all of it; a reader that has gone is none of our failures.
exit_code print_out(std::string_view text) {
  std::cout << text << std::flush;
  if (std::cout || errno == EPIPE)
    return exit_ok;
  std::cerr << "cafka: cannot print: standard output takes no more\n";
  return exit_failed;
}

/// Says what is wrong with the words of a command line, and what they may be meant to be;
/// `why` is what is said where each word has a meaning.
exit_code refuse(
  const CLI::App& root, std::span<const char* const> words, const std::string& why) {
  const auto word = find_wrong_word(root, words);
  std::cerr << "cafka: " << (word ? word->says : why)
            << "\n  try: " << (word ? word->try_this : help_of(root)) << '\n';
  return exit_usage;
}

void add_completion(CLI::App& root, parsed_arguments& all) {
  auto& command = *root.add_subcommand("completion",
    "Print the script that completes cafka's command lines in a shell. An installation "
    "puts it where the shell looks");
  command.footer(R"(Without an installation:
  source <(cafka completion bash)           bash and zsh, in this shell
  cafka completion fish | source            fish)");
  const auto shell = std::make_shared<std::string>();
  command.add_option("SHELL", *shell, "bash, zsh or fish")
    ->required()
    ->type_name("bash|zsh|fish")
    ->check(CLI::Validator{[](std::string& text) {
                             return completion_script(text).empty()
                               ? '"' + text + "\" is not bash, zsh or fish"
                               : std::string{};
                           },
      ""});
  command.callback([&all, shell] {
    all.print = [shell] { return print_out(completion_script(*shell)); };
  });
}

exit_code print_manual(const CLI::App& root, const std::vector<std::string>& of,
  const std::string& directory) {
  if (!directory.empty()) {
    if (const auto written = write_manual(root, directory); !written) {
      std::cerr << "cafka: " << written.error().detail << '\n';
      return exit_failed;
    }
    return exit_ok;
  }
  const auto* at = &root;
  std::vector<const char*> words;
  for (const auto& name : of) {
    words.push_back(name.c_str());
    at = command_of(*at, name);
    if (at == nullptr)
      return refuse(root, words, "there is no page of \"" + name + "\"");
  }
  return print_out(manual_page(*at));
}

void add_manual(CLI::App& root, parsed_arguments& all) {
  auto& command = *root.add_subcommand("man",
    "Print the manual page of cafka or of a command, for man to show. An installation "
    "puts all of them where man looks");
  command.footer(R"(Examples:
  cafka man topics create | man -l -)");
  const auto of = std::make_shared<std::vector<std::string>>();
  const auto directory = std::make_shared<std::string>();
  auto* const words = command.add_option("COMMAND", *of, "Of which command");
  command
    .add_option("--directory", *directory, "Write all pages to this directory instead")
    ->type_name("DIR")
    ->excludes(words);
  command.callback([&root, &all, of, directory] {
    all.print = [&root, of, directory] { return print_manual(root, *of, *directory); };
  });
}

void add_settings(CLI::App& root, parsed_arguments& all) {
  auto& command = *root.add_subcommand("settings",
    "Print all settings with their defaults, as a configuration file. Each of them can "
    "be "
    "set there, and on the command line with -X");
  command.callback([&all] { all.print = [] { return print_out(settings_example()); }; });
}

} // namespace

std::optional<std::pair<std::string, std::string>> option_adder::parse_setting(
  std::string_view text) {
  const auto equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0)
    return std::nullopt;
  return std::pair{
    std::string{text.substr(0, equals)}, std::string{text.substr(equals + 1)}};
}

std::optional<partition_id> option_adder::parse_partition(std::string_view text) {
  const auto number = parse_int32(text);
  return number ? std::optional{partition_id{*number}} : std::nullopt;
}

void option_adder::common(common_arguments& to) {
  const auto json = [&to](std::int64_t) { to.output = output_format::json; };
  auto* const flag = command_->add_flag_function(
    "-J,--json", json, "Print one JSON object per line: --output json");
  command_
    ->add_option_function<std::string>(
      "--output",
      [&to](const std::string& text) {
        to.output = text == "json" ? output_format::json : output_format::text;
      },
      "How to print; text by default")
    ->type_name("text|json")
    ->check(checked(
      "text or json", [](const std::string& t) { return t == "text" || t == "json"; }))
    ->excludes(flag);
  common_but_output(to);
}

void option_adder::common_but_output(common_arguments& to) {
  command_
    ->add_option("-b,--brokers", to.brokers,
      "Brokers to ask first, as host:port,host:port. Without them the file of --config "
      "says, else $CAFKA_BROKERS, else the default configuration file, else "
      "localhost:9092")
    ->type_name("LIST");
  command_
    ->add_option("--config", to.config_file,
      "A CAF configuration file with a block cafka { ... }; configs/ has examples. "
      "Without it $CAFKA_CONFIG, else ~/.config/cafka.conf where there is one")
    ->type_name("FILE");
  command_
    ->add_option("--kafka-version", to.kafka_version,
      "The release of the brokers, such as 0.9.0.1, which then are not asked what they "
      "know; or ask. Without it kafka_version of the configuration file, else ask")
    ->type_name("RELEASE")
    ->check(checked("ask or a release of Kafka from 0.8.0 to 4.3, such as 0.9.0.1",
      [](const std::string& text) {
        std::optional<protocol::kafka_version> ignored;
        return read_kafka_version(text, ignored).code == error_code::none;
      }));
  parsed("--timeout",
    "Time for each request, connecting included, such as 500ms, 10s or 1min. Without it "
    "request_timeout of the configuration file, else 10s",
    "DURATION", "a duration such as 500ms, 10s or 1min", parse_duration, to.timeout);
  command_
    ->add_option("--receive-max-bytes", to.receive_message_max_bytes,
      "The largest answer that is taken from a broker; all that Kafka's protocol can "
      "express without it")
    ->type_name("BYTES");
  each("-X,--setting",
    "A setting by its key, as the configuration file has it: -X socket_timeout=30s, -X "
    "producers.cafka-produce.linger=50ms. It goes before the file's; cafka settings "
    "prints all of them",
    "KEY=VALUE", "a setting as KEY=VALUE", parse_setting,
    [&to](std::pair<std::string, std::string> one) {
      to.settings.push_back(std::move(one));
    });
  command_->add_flag("-v,--verbose", to.verbose,
    "Log to standard error what happens to connections; twice (-vv): each request, too");
  tls(to);
  sasl(to);
}

void option_adder::tls(common_arguments& to) {
  command_->add_flag("--tls", to.tls,
    "Speak TLS; each of the options below does too. Without them the configuration file "
    "says");
  const auto file = [&](const char* name, std::string& where, const char* help) {
    command_->add_option(name, where, help)->type_name("FILE");
  };
  file("--ca-file", to.ca_file,
    "The CAs to trust, PEM; those that the system trusts without it");
  command_
    ->add_option(
      "--ca-dir", to.ca_dir, "The same as a directory, as openssl rehash makes it")
    ->type_name("DIR");
  file("--cert", to.cert, "The client's certificate, PEM, for brokers that demand one");
  file("--key", to.key, "Its key, PEM; in the file of --cert without it");
  file("--key-password-file", to.key_password_file,
    "A file whose first line is what the key is encrypted with");
  file("--crl-file", to.crl_file,
    "Revocation lists of the CAs, PEM: a broker's certificate that one names is refused");
  command_
    ->add_option("--server-name", to.server_name,
      "The name that brokers' certificates must have, and that brokers are called by; "
      "without it the one that each is reached by")
    ->type_name("NAME");
  auto* const chain = command_->add_flag("--tls-verify-chain", to.tls_verify_chain,
    "Take a certificate that a trusted CA has signed for whatever host it is");
  command_
    ->add_flag("--tls-no-verify", to.tls_no_verify,
      "Accept any certificate: an attacker in the network can read and change everything")
    ->excludes(chain);
}

void option_adder::sasl(common_arguments& to) {
  command_
    ->add_option("--sasl-mechanism", to.sasl_mechanism,
      "Log in by SASL: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER or GSSAPI; of "
      "several with commas the first that the broker has")
    ->type_name("NAMES")
    ->check(
      checked("SASL mechanisms: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER, GSSAPI",
        [](const std::string& text) { return parse_sasl_mechanisms(text).has_value(); }));
  command_->add_option("--sasl-username", to.sasl_username, "The user's name")
    ->type_name("NAME");
  command_
    ->add_option("--sasl-password-file", to.sasl_password_file,
      "A file whose first line is the user's password")
    ->type_name("FILE");
  command_
    ->add_option(
      "--sasl-token-file", to.sasl_token_file, "A file with the token for OAUTHBEARER")
    ->type_name("FILE");
  command_
    ->add_option("--sasl-keytab", to.sasl_keytab,
      "A file with the key of the principal, for GSSAPI; without it the tickets of kinit")
    ->type_name("FILE");
  command_
    ->add_option("--sasl-principal", to.sasl_principal,
      "Who logs in by GSSAPI, alice@EXAMPLE.COM; the first in the keytab unless told")
    ->type_name("NAME");
  command_
    ->add_option("--sasl-kerberos-service-name", to.sasl_service_name,
      "The first part of brokers' principals for GSSAPI, kafka unless told")
    ->type_name("NAME");
  command_
    ->add_option("--sasl-oidc-token-endpoint-url", to.oidc_url,
      "Where a provider gives out tokens for OAUTHBEARER, https://...")
    ->type_name("URL");
  command_
    ->add_option("--sasl-oidc-client-id", to.oidc_client_id, "The client's id there")
    ->type_name("ID");
  command_
    ->add_option("--sasl-oidc-client-secret-file", to.oidc_client_secret_file,
      "A file whose first line is the client's secret there")
    ->type_name("FILE");
  command_->add_option("--sasl-oidc-scope", to.oidc_scope, "What the token is to allow")
    ->type_name("SCOPE");
}

void option_adder::topic(std::string& to) {
  command_->add_option("-t,--topic", to, "The topic")->type_name("NAME")->required();
}

void option_adder::group(std::string& to) {
  command_->add_option("-G,--group", to, "The consumer group")
    ->type_name("NAME")
    ->required();
}

std::variant<arguments, exit_code> parse_arguments(int argc, const char* const* argv) {
  parsed_arguments all;
  CLI::App root{description, "cafka"};
  root.footer(epilogue);
  root.set_version_flag("--version", "cafka " CAFKA_VERSION, "Print the version");
  root.require_subcommand(1);
  root.get_formatter()->column_width(34);
  add_cluster_commands(root, all);
  add_record_commands(root, all);
  add_group_commands(root, all);
  add_broker_command(root, all);
  add_settings(root, all);
  add_completion(root, all);
  add_manual(root, all);
  const auto words = std::span{argv, static_cast<std::size_t>(argc)}.subspan(argc > 0);
  if (!words.empty() && std::string_view{words[0]} == complete_command)
    return print_out(completions(root, words.subspan(1)));
  try {
    root.parse(argc, argv);
  } catch (const CLI::Success& asked) {
    std::ostringstream help;
    root.exit(asked, help, help);
    return print_out(help.str());
  } catch (const CLI::ParseError& wrong) {
    return refuse(root, words, wrong.what());
  }
  if (all.print)
    return all.print();
  if (!all.common.brokers.empty()) {
    if (const auto read = protocol::parse_endpoints(all.common.brokers); !read) {
      std::cerr << "cafka: --brokers: " << read.error().detail
                << "\n  try: --brokers localhost:9092\n";
      return exit_usage;
    }
  }
  return arguments{std::move(all.common), std::move(all.command)};
}

} // namespace cafka::cli
