#include <cafka/app/cli/arguments.hpp>
#include <cafka/app/cli/text.hpp>
#include <cafka/app/options.hpp>
#include <cafka/protocol/endpoint.hpp>
#include <cafka/protocol/records/compression.hpp>

#include <CLI/CLI.hpp>

#include <iostream>
#include <limits>

namespace cafka::cli {

namespace {

constexpr auto description = "A Kafka client in which every moving part is a supervised "
                             "actor.";

constexpr auto epilogue =
  R"(Output is one line per record, partition, broker or API; with --output json one JSON
object per line.

Exit codes: 0 it worked, 1 it did not, 2 wrong usage or configuration.

Examples:
  cafka demo
  cafka metadata --brokers localhost:9092
  echo 'key:value' | cafka produce --topic orders --key-delimiter :
  cafka fetch --topic orders --partition 0 --offset earliest --all --output json
  cafka offsets --topic orders)";

constexpr auto fetch_epilogue =
  R"(A line of text is: offset, timestamp, key, value, headers (name=value,name=value), with
tabs between them. Null is \N; a backslash is \\, a tab \t, a newline \n, and any other
control character or byte that is not UTF-8 \xNN.

In JSON, null is null, UTF-8 a string and any other bytes {"base64": "..."}.)";

/// A text as CLI11 wants a check: empty when it is fine.
template <class Parse>
CLI::Validator checked(std::string shape, std::string allowed, Parse parse) {
  return CLI::Validator{[parse, allowed](std::string& text) {
                          return parse(text) ? std::string{}
                                             : '"' + text + "\" is not " + allowed;
                        },
    std::move(shape)};
}

std::optional<std::int32_t> parse_int32(std::string_view text) {
  const auto number = parse_number(text);
  if (!number || *number > std::numeric_limits<std::int32_t>::max())
    return std::nullopt;
  return static_cast<std::int32_t>(*number);
}

std::optional<offset_time> parse_moment(std::string_view text) {
  if (text == "earliest")
    return offset_time::earliest();
  if (text == "latest")
    return offset_time::latest();
  if (text == "max-timestamp")
    return offset_time::max_timestamp();
  if (const auto t = parse_time(text))
    return offset_time{*t};
  return std::nullopt;
}

std::optional<std::variant<log_offset, offset_time>> parse_from(std::string_view text) {
  if (const auto number = parse_number(text))
    return log_offset{*number};
  if (const auto moment = parse_moment(text))
    return *moment;
  return std::nullopt;
}

std::optional<record::header> parse_header(std::string_view text) {
  const auto equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0)
    return std::nullopt;
  return record::header{text.substr(0, equals), std::string{text.substr(equals + 1)}};
}

std::optional<std::int16_t> parse_acks(std::string_view text) {
  if (text == "all" || text == "-1")
    return std::int16_t{-1};
  if (text == "0" || text == "1")
    return static_cast<std::int16_t>(text[0] - '0');
  return std::nullopt;
}

constexpr auto moments = "earliest, latest, max-timestamp, milliseconds since 1970, or a "
                         "time such as 2024-05-01T12:30:00Z";

/// Adds options to one command; values land where they belong as they are read.
class option_adder {
public:
  option_adder(CLI::App& root, std::string name, std::string help)
    : command_(root.add_subcommand(std::move(name), std::move(help))) {}

  CLI::App& command() { return *command_; }

  void common(common_arguments& to, bool prints_data = true) {
    command_
      ->add_option("-b,--brokers", to.brokers,
        "Brokers to ask first, as host:port,host:port. Without them the configuration "
        "file says, else localhost:9092")
      ->type_name("LIST");
    command_
      ->add_option("--config", to.config_file,
        "A CAF configuration file with a block cafka { ... }; configs/ has examples")
      ->type_name("FILE");
    command_
      ->add_option("--kafka-version", to.kafka_version,
        "The release of the brokers, such as 0.9.0.1, which then are not asked what they "
        "know; or ask. Without it kafka_version of the configuration file, else ask")
      ->type_name("RELEASE")
      ->check(checked("", "ask or a release of Kafka from 0.8.0 to 4.3, such as 0.9.0.1",
        [](const std::string& text) {
          std::optional<protocol::kafka_version> ignored;
          return read_kafka_version(text, ignored).code == error_code::none;
        }));
    parsed("--timeout",
      "Time for each request, connecting included, such as 500ms, 10s or 1min. Without "
      "it "
      "request_timeout of the configuration file, else 10s",
      "DURATION", "a duration such as 500ms, 10s or 1min", parse_duration, to.timeout);
    if (prints_data) {
      command_
        ->add_option_function<std::string>(
          "-o,--output",
          [&to](const std::string& text) {
            to.output = text == "json" ? output_format::json : output_format::text;
          },
          "How to print; text unless told")
        ->type_name("text|json")
        ->check(checked("", "text or json",
          [](const std::string& t) { return t == "text" || t == "json"; }));
    }
    command_->add_flag(
      "-v,--verbose", to.verbose, "Log what happens to standard error, worker by worker");
    tls(to);
  }

  void tls(common_arguments& to) {
    command_->add_flag("--tls", to.tls,
      "Speak TLS, as each option below does too; else as the configuration file says");
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
    command_->add_flag("--tls-no-verify", to.tls_no_verify,
      "Take any certificate: whoever sits on the way can read and change everything");
  }

  void topic(std::string& to) {
    command_->add_option("-t,--topic", to, "The topic")->type_name("NAME")->required();
  }

  template <class To>
  void partition(To& to, const std::string& help) {
    parsed("-p,--partition", help, "NUMBER", "a partition's number", parse_int32, to);
  }

  /// An option whose text `parse` turns into a value, or refuses.
  template <class Parse, class To>
  CLI::Option* parsed(const std::string& names, const std::string& help,
    const std::string& shape, const std::string& allowed, Parse parse, To& to) {
    return command_
      ->add_option_function<std::string>(
        names, [&to, parse](const std::string& text) { to = *parse(text); }, help)
      ->type_name(shape)
      ->check(checked("", allowed, parse));
  }

  /// The same for an option that may be given several times.
  template <class Parse, class Add>
  CLI::Option* each(const std::string& names, const std::string& help,
    const std::string& shape, const std::string& allowed, Parse parse, Add add) {
    return command_
      ->add_option_function<std::vector<std::string>>(
        names,
        [add](const std::vector<std::string>& all) {
          for (const auto& text : all)
            add(text);
        },
        help)
      ->type_name(shape)
      ->expected(1)
      ->take_all()
      ->check(checked("", allowed, parse));
  }

private:
  CLI::App* command_;
};

/// The arguments of every command, one of which is taken in the end.
struct all_arguments {
  common_arguments common;
  demo_arguments demo;
  metadata_arguments metadata;
  produce_arguments produce;
  fetch_arguments fetch;
  offsets_arguments offsets;
  api_versions_arguments api_versions;
};

void add_demo(CLI::App& root, all_arguments& all) {
  option_adder in{root, "demo",
    "Tell the story of a few workers on a cluster inside this process, or on a real one "
    "that --brokers or the configuration file names (a topic cafka-demo-... stays "
    "there)"};
  in.common(all.common, false);
  in.command().add_flag("--tree", all.demo.tree,
    "Draw the tree of supervisors and workers after each chapter");
}

void add_metadata(CLI::App& root, all_arguments& all) {
  option_adder in{root, "metadata", "Print brokers, topics and partitions"};
  in.command()
    .add_option("-t,--topic", all.metadata.topics,
      "Only this topic; may be given several times. All without it")
    ->type_name("NAME")
    ->expected(1)
    ->take_all();
  in.common(all.common);
}

void add_produce(CLI::App& root, all_arguments& all) {
  auto& to = all.produce;
  option_adder in{root, "produce",
    "Produce the lines of standard input, each as one record, in batches: what is there "
    "is "
    "sent, without waiting for more. Prints where each batch went"};
  in.topic(to.topic);
  in.partition(to.partition, "The partition; 0 unless told");
  in.command()
    .add_option("-k,--key-delimiter", to.key_delimiter,
      "What stands between key and value in a line, at its first occurrence; without it "
      "keys are null")
    ->type_name("TEXT");
  in.each("-H,--header", "A header for every record; may be given several times",
    "NAME=VALUE", "a header as NAME=VALUE", parse_header,
    [&to](const std::string& text) { to.headers.push_back(*parse_header(text)); });
  in.parsed("-z,--compression", "How batches are compressed; none unless told",
    "none|gzip|snappy|lz4|zstd", "none, gzip, snappy, lz4 or zstd",
    protocol::codec_from_name, to.compression);
  in.parsed("-a,--acks",
    "How many replicas must have a batch before the broker answers: 0 (no answer), 1 "
    "(the "
    "leader) or all in sync; all unless told",
    "0|1|all", "0, 1 or all", parse_acks, to.required_acks);
  in.command()
    .add_option("--batch-size", to.batch_size, "Most lines in a batch; 1000 unless told")
    ->type_name("NUMBER")
    ->check(checked("", "a number from 1 to 1000000", [](const std::string& text) {
      const auto n = parse_number(text);
      return n && *n >= 1 && *n <= 1'000'000;
    }));
  in.common(all.common);
}

void add_fetch(CLI::App& root, all_arguments& all) {
  auto& to = all.fetch;
  option_adder in{root, "fetch",
    "Print records of one partition: those of one fetch, or all with --all or --count"};
  in.command().footer(fetch_epilogue);
  in.topic(to.topic);
  in.partition(to.partition, "The partition; 0 unless told");
  in.parsed("-O,--offset",
    "Where to begin: a number, earliest, latest, max-timestamp, or a time such as "
    "2024-05-01T12:30:00Z (the first record at or after it); earliest unless told",
    "OFFSET",
    "an offset, earliest, latest, max-timestamp or a time such as 2024-05-01T12:30:00Z",
    parse_from, to.from);
  in.command().add_flag("--all", to.all,
    "Fetch again and again up to the end that the log has at the first answer");
  in.parsed("-n,--count", "Stop after so many records, or at the end of the log",
    "NUMBER", "a number of records", parse_number, to.count);
  in.command()
    .add_option("--max-bytes", to.max_bytes,
      "Most bytes in one fetch; a larger batch still comes, whole. 1000000 unless told")
    ->type_name("NUMBER")
    ->check(checked("", "a number from 1 to 2147483647", [](const std::string& text) {
      const auto n = parse_int32(text);
      return n && *n >= 1;
    }));
  in.command().add_flag_function(
    "--read-committed",
    [&to](std::int64_t) { to.isolation = isolation_level::read_committed; },
    "Leave out what transactions have not committed");
  in.common(all.common);
}

void add_offsets(CLI::App& root, all_arguments& all) {
  auto& to = all.offsets;
  option_adder in{root, "offsets", "Print offsets of one or all partitions of a topic"};
  in.topic(to.topic);
  in.partition(to.partition, "Only this partition; all without it");
  in.each("--at",
    std::string{"Of which moment: "} + moments
      + "; may be given several times. earliest and latest unless told",
    "MOMENT", std::string{"a moment: "} + moments, parse_moment,
    [&to](const std::string& text) { to.at.emplace_back(text, *parse_moment(text)); });
  in.common(all.common);
}

void add_api_versions(CLI::App& root, all_arguments& all) {
  option_adder in{
    root, "api-versions", "Print which versions of which API a broker knows"};
  in.parsed("--broker", "The broker's number; any broker without it", "NUMBER",
    "a broker's number", parse_int32, all.api_versions.broker);
  in.common(all.common);
}

} // namespace

std::variant<arguments, exit_code> parse_arguments(int argc, const char* const* argv) {
  all_arguments all;
  CLI::App root{description, "cafka"};
  root.footer(epilogue);
  root.set_version_flag("--version", "cafka " CAFKA_VERSION, "Print the version");
  root.require_subcommand(1);
  root.get_formatter()->column_width(34);
  add_demo(root, all);
  add_metadata(root, all);
  add_produce(root, all);
  add_fetch(root, all);
  add_offsets(root, all);
  add_api_versions(root, all);
  try {
    root.parse(argc, argv);
  } catch (const CLI::Success& asked) {
    root.exit(asked, std::cout, std::cerr);
    return exit_ok;
  } catch (const CLI::ParseError& wrong) {
    const auto used = root.get_subcommands();
    std::cerr << "cafka: " << wrong.what() << "\n  try: cafka "
              << (used.empty() ? "" : used.front()->get_name() + ' ') << "--help\n";
    return exit_usage;
  }
  if (!all.common.brokers.empty()) {
    if (const auto read = protocol::parse_endpoints(all.common.brokers); !read) {
      std::cerr << "cafka: --brokers: " << read.error().detail
                << "\n  try: --brokers localhost:9092\n";
      return exit_usage;
    }
  }
  if (all.offsets.at.empty())
    all.offsets.at = {
      {"earliest", offset_time::earliest()}, {"latest", offset_time::latest()}};
  arguments result;
  result.common = all.common;
  if (root.got_subcommand("demo"))
    result.command = all.demo;
  else if (root.got_subcommand("metadata"))
    result.command = client_arguments{all.metadata};
  else if (root.got_subcommand("produce"))
    result.command = client_arguments{all.produce};
  else if (root.got_subcommand("fetch"))
    result.command = client_arguments{all.fetch};
  else if (root.got_subcommand("offsets"))
    result.command = client_arguments{all.offsets};
  else
    result.command = client_arguments{all.api_versions};
  return result;
}

} // namespace cafka::cli
