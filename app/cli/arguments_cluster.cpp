#include "option_adder.hpp"
#include "text.hpp"

namespace cafka::cli {

namespace {

using setting = std::pair<std::string, std::optional<std::string>>;
using replicas = std::vector<std::vector<broker_id>>;

std::optional<setting> parse_setting(std::string_view text) {
  const auto equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0)
    return std::nullopt;
  return setting{text.substr(0, equals), std::string{text.substr(equals + 1)}};
}

/// `1:2,2:3`: brokers 1 and 2 hold partition 0, brokers 2 and 3 partition 1.
std::optional<replicas> parse_replicas(std::string_view text) {
  replicas result;
  for (const auto partition : split(text)) {
    auto& brokers = result.emplace_back();
    for (const auto broker : split(partition, ':')) {
      const auto id = parse_int32(broker);
      if (!id)
        return std::nullopt;
      brokers.emplace_back(*id);
    }
  }
  return result;
}

std::optional<std::int32_t> parse_partition_count(std::string_view text) {
  const auto number = parse_int32(text);
  return number && *number >= 1 ? number : std::nullopt;
}

std::optional<std::int16_t> parse_replication_factor(std::string_view text) {
  const auto number = parse_int32(text);
  if (!number || *number < 1 || *number > std::numeric_limits<std::int16_t>::max())
    return std::nullopt;
  return static_cast<std::int16_t>(*number);
}

std::optional<broker_id> parse_broker(std::string_view text) {
  const auto number = parse_int32(text);
  return number ? std::optional{broker_id{*number}} : std::nullopt;
}

void add_demo(CLI::App& root, parsed_arguments& all) {
  option_adder in{root, "demo",
    "Tell the story of a few workers on a cluster inside this process, or on a real one "
    "that --brokers or the file of --config names (a topic cafka-demo-... stays there)"};
  const auto to = std::make_shared<demo_arguments>();
  in.command().callback([&all, to] { all.command = *to; });
  in.common_but_output(all.common);
  in.command().add_flag(
    "--tree", to->tree, "Draw the tree of supervisors and workers after each chapter");
}

void add_metadata(CLI::App& root, parsed_arguments& all) {
  const auto to = std::make_shared<metadata_arguments>();
  option_adder in{root, "metadata", "Print brokers, topics and partitions"};
  in.chooses(all, to);
  in.command()
    .add_option("-t,--topic", to->topics,
      "Only this topic; may be given several times. All without it")
    ->type_name("NAME")
    ->expected(1)
    ->take_all();
  in.common(all.common);
}

void add_api_versions(CLI::App& root, parsed_arguments& all) {
  const auto to = std::make_shared<api_versions_arguments>();
  option_adder in{
    root, "api-versions", "Print which versions of which API a broker knows"};
  in.chooses(all, to);
  in.parsed("--broker", "The broker's number; any broker without it", "NUMBER",
    "a broker's number", parse_broker, to->broker);
  in.common(all.common);
}

void add_create_topics(CLI::App& topics, parsed_arguments& all) {
  const auto to = std::make_shared<create_topics_arguments>();
  option_adder in{topics, "create", "Make topics"};
  in.chooses(all, to);
  in.command()
    .add_option("NAME", to->names, "The topics, which are all made alike")
    ->required();
  auto* partitions =
    in.parsed("--partitions", "How many partitions; by default the broker's", "NUMBER",
      "a number of partitions from 1", parse_partition_count, to->like.partitions);
  auto* factor = in.parsed("--replication-factor",
    "How many brokers hold each partition; by default the broker's", "NUMBER",
    "a number of replicas from 1 to 32767", parse_replication_factor,
    to->like.replication_factor);
  in.parsed("--assign",
      "Which brokers hold partition 0, 1, ..., the first of each preferred as its "
      "leader: "
      "1:2,2:3 puts partition 0 on brokers 1 and 2, and partition 1 on 2 and 3",
      "BROKERS", "brokers as 1:2,2:3", parse_replicas, to->like.replica_assignment)
    ->excludes(partitions)
    ->excludes(factor);
  in.each("--set",
    "A setting of the topics, such as retention.ms=60000; may be given several times",
    "NAME=VALUE", "a setting as NAME=VALUE", parse_setting,
    [to](setting one) { to->like.configs.push_back(std::move(one)); });
  in.command().add_flag("--validate-only", to->validate_only,
    "Only say what the result would be, and create nothing");
  in.common(all.common);
}

void add_topics(CLI::App& root, parsed_arguments& all) {
  auto& topics = *root.add_subcommand("topics", "Make, remove and look at topics");
  topics.require_subcommand(1);
  add_create_topics(topics, all);
  {
    const auto to = std::make_shared<delete_topics_arguments>();
    option_adder in{topics, "delete", "Remove topics with all their records"};
    in.chooses(all, to);
    in.command().add_option("NAME", to->names, "The topics")->required();
    in.common(all.common);
  }
  {
    const auto to = std::make_shared<list_topics_arguments>();
    option_adder in{topics, "list",
      "Print the topics' names and how many partitions "
      "they have"};
    in.chooses(all, to);
    in.command().add_flag("--internal", to->internal, "Kafka's own topics, too");
    in.common(all.common);
  }
  {
    const auto to = std::make_shared<describe_topics_arguments>();
    option_adder in{topics, "describe",
      "Print the partitions of topics, their leaders "
      "and replicas"};
    in.chooses(all, to);
    in.command().add_option("NAME", to->names, "The topics; all without them");
    in.common(all.common);
  }
}

} // namespace

void add_cluster_commands(CLI::App& root, parsed_arguments& all) {
  add_demo(root, all);
  add_metadata(root, all);
  add_api_versions(root, all);
  add_topics(root, all);
}

} // namespace cafka::cli
