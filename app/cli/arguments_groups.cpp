#include "option_adder.hpp"
#include "text.hpp"

namespace cafka::cli {

namespace {

constexpr auto groups_epilogue =
  R"(Each command is one request of Kafka's group protocol, for looking at it and for mending:
a member joins, the leader hands out the partitions, members keep themselves alive, commit
and leave.

Examples:
  cafka groups coordinator -G billing
  cafka groups join -G billing --topic orders
  cafka groups sync -G billing --generation 1 --member-id ID --assign ID=orders/0
  cafka groups commit -G billing orders/0=42
  cafka groups commit -G billing orders/0=beginning orders/1=@-1h
  cafka groups offsets -G billing)";

using place_in_topic = std::pair<std::string, std::optional<partition_id>>;

/// `orders/0`. A topic's name has no slash in it.
std::optional<std::pair<std::string, partition_id>> parse_place(std::string_view text) {
  const auto slash = text.rfind('/');
  if (slash == std::string_view::npos || slash == 0)
    return std::nullopt;
  const auto partition = parse_int32(text.substr(slash + 1));
  if (!partition)
    return std::nullopt;
  return std::pair{std::string{text.substr(0, slash)}, partition_id{*partition}};
}

/// `orders` or `orders/0`.
std::optional<place_in_topic> parse_topic_or_place(std::string_view text) {
  if (!text.empty() && text.find('/') == std::string_view::npos)
    return place_in_topic{text, std::nullopt};
  if (auto place = parse_place(text))
    return place_in_topic{std::move(place->first), place->second};
  return std::nullopt;
}

/// `orders/0=42`, `orders/0=beginning`.
std::optional<std::pair<offset_to_commit, position>> parse_commit(std::string_view text) {
  const auto equals = text.rfind('=');
  if (equals == std::string_view::npos)
    return std::nullopt;
  auto place = parse_place(text.substr(0, equals));
  const auto where = parse_position(text.substr(equals + 1));
  if (!place || !where)
    return std::nullopt;
  offset_to_commit result;
  result.topic = std::move(place->first);
  result.partition = place->second;
  return std::pair{std::move(result), *where};
}

/// `ID=orders/0,orders/1`.
std::optional<std::vector<sync_group_arguments::assigned>> parse_assigned(
  std::string_view text) {
  const auto equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0)
    return std::nullopt;
  std::vector<sync_group_arguments::assigned> result;
  for (const auto one : split(text.substr(equals + 1))) {
    auto place = parse_place(one);
    if (!place)
      return std::nullopt;
    result.push_back(
      {std::string{text.substr(0, equals)}, std::move(place->first), place->second});
  }
  return result;
}

std::optional<group_protocol> parse_protocol(std::string_view text) {
  const auto equals = std::min(text.find('='), text.size());
  if (equals == 0)
    return std::nullopt;
  group_protocol result;
  result.name = text.substr(0, equals);
  result.metadata = text.substr(std::min(equals + 1, text.size()));
  return result;
}

std::optional<member_assignment> parse_assignment(std::string_view text) {
  const auto equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0)
    return std::nullopt;
  member_assignment result;
  result.member_id = text.substr(0, equals);
  result.assignment = text.substr(equals + 1);
  return result;
}

/// Adds the options that name a member of a generation.
template <class Request>
void add_member(option_adder& in, Request& to, bool required) {
  auto* generation =
    in.parsed("--generation", "The group's generation, as cafka groups join prints it",
      "NUMBER", "a generation's number", parse_int32, to.generation);
  auto* member = in.command()
                   .add_option("--member-id", to.member_id,
                     "The member, as cafka groups join prints it")
                   ->type_name("ID");
  if (required) {
    generation->required();
    member->required();
  } else {
    generation->needs(member);
    member->needs(generation);
  }
}

template <class To>
void add_instance(option_adder& in, To& to) {
  in.command()
    .add_option("--instance-id", to, "The static member's name (Kafka 2.3 and later)")
    ->type_name("NAME");
}

void add_coordinator(CLI::App& groups, parsed_arguments& all) {
  const auto to = std::make_shared<find_coordinator>();
  option_adder in{groups, "coordinator", "Print which broker coordinates a group"};
  in.chooses(all, to);
  auto* group = in.command()
                  .add_option("-G,--group", to->key, "The consumer group")
                  ->type_name("NAME");
  auto* transaction = in.command()
                        .add_option_function<std::string>(
                          "--transactional-id",
                          [to](const std::string& id) {
                            to->key = id;
                            to->type = coordinator_type::transaction;
                          },
                          "A transactional id instead of a group")
                        ->type_name("NAME")
                        ->excludes(group);
  in.common(all.common);
  in.command().callback([&all, to, group, transaction] {
    if (group->empty() && transaction->empty())
      throw CLI::RequiredError{"--group or --transactional-id"};
    all.command = client_arguments{*to};
  });
}

void add_join(CLI::App& groups, parsed_arguments& all) {
  const auto to = std::make_shared<join_group_arguments>();
  auto& request = to->request;
  option_adder in{groups, "join",
    "Join a group, and wait for its other members. Prints the generation and, to the "
    "leader, all members"};
  in.group(request.group);
  in.command()
    .add_option("-t,--topic", to->topics,
      "A topic that the member wants to read; may be given several times")
    ->type_name("NAME")
    ->expected(1)
    ->take_all();
  in.each("--protocol",
    "A way to assign that the member knows, best first, and what the leader is sent with "
    "it; "
    "may be given several times. range by default, and what --topic says",
    "NAME[=TEXT]", "a protocol as NAME or NAME=TEXT", parse_protocol,
    [to](group_protocol one) { to->request.protocols.push_back(std::move(one)); });
  in.command()
    .add_option("--protocol-type", request.protocol_type,
      "What kind of group it is; consumer by default")
    ->type_name("NAME");
  in.parsed("--session-timeout",
    "The broker drops a member that it has not heard of for so long; 30s by default",
    "DURATION", "a duration such as 500ms, 10s or 1min", parse_duration,
    request.session_timeout);
  in.parsed("--rebalance-timeout",
    "How long the broker waits for members to join again; 1min by default", "DURATION",
    "a duration such as 500ms, 10s or 1min", parse_duration, request.rebalance_timeout);
  in.command()
    .add_option("--member-id", request.member_id,
      "The member that joins again; a new one without it")
    ->type_name("ID");
  add_instance(in, request.group_instance_id);
  in.command()
    .add_option("--reason", request.reason, "Why, for the broker's log")
    ->type_name("TEXT");
  in.common(all.common);
  in.command().callback([&all, to] {
    if (to->request.protocols.empty())
      to->request.protocols.push_back({"range", {}});
    all.command = client_arguments{*to};
  });
}

void add_sync(CLI::App& groups, parsed_arguments& all) {
  const auto to = std::make_shared<sync_group_arguments>();
  auto& request = to->request;
  option_adder in{groups, "sync",
    "Wait for what a member is to read; from the leader, say it for all members"};
  in.chooses(all, to);
  in.group(request.group);
  add_member(in, request, true);
  add_instance(in, request.group_instance_id);
  auto* partitions = in.each("--assign",
    "What a member is to read, from the leader; may be given several times",
    "ID=TOPIC/PARTITION,...", "an assignment as ID=orders/0,orders/1", parse_assigned,
    [to](const std::vector<sync_group_arguments::assigned>& all_of_member) {
      to->partitions.insert(
        to->partitions.end(), all_of_member.begin(), all_of_member.end());
    });
  in.each("--assign-text",
      "The same in words of one's own, for groups that are not of consumers", "ID=TEXT",
      "an assignment as ID=TEXT", parse_assignment,
      [to](member_assignment one) { to->request.assignments.push_back(std::move(one)); })
    ->excludes(partitions);
  in.command()
    .add_option("--protocol-type", request.protocol_type,
      "The kind of group, for Kafka 2.5 and later to check")
    ->type_name("NAME");
  in.command()
    .add_option("--protocol", request.protocol_name,
      "The way to assign, as cafka groups join prints it, to check likewise")
    ->type_name("NAME");
  in.common(all.common);
}

void add_heartbeat(CLI::App& groups, parsed_arguments& all) {
  const auto to = std::make_shared<heartbeat>();
  option_adder in{groups, "heartbeat", "Keep a member in its group"};
  in.chooses(all, to);
  in.group(to->group);
  add_member(in, *to, true);
  add_instance(in, to->group_instance_id);
  in.common(all.common);
}

void add_leave(CLI::App& groups, parsed_arguments& all) {
  const auto to = std::make_shared<leave_group>();
  option_adder in{groups, "leave", "Take members out of a group"};
  in.group(to->group);
  const auto reason = std::make_shared<std::optional<std::string>>();
  const auto text = [](const std::string& t) { return std::optional{t}; };
  in.each("--member-id", "A member; may be given several times, by Kafka 2.4 and later",
    "ID", "a member's id", text,
    [to](const std::string& id) { to->members.emplace_back().member_id = id; });
  in.each("--instance-id",
    "A static member by its name (Kafka 2.4 and later); may be given several times",
    "NAME", "a member's name", text, [to](const std::string& name) {
      to->members.emplace_back().group_instance_id = name;
    });
  in.command()
    .add_option("--reason", *reason, "Why, for the broker's log")
    ->type_name("TEXT");
  in.common(all.common);
  in.command().callback([&all, to, reason] {
    if (to->members.empty())
      throw CLI::RequiredError{"--member-id or --instance-id"};
    for (auto& m : to->members)
      m.reason = *reason;
    all.command = client_arguments{*to};
  });
}

void add_offsets(CLI::App& groups, parsed_arguments& all) {
  const auto to = std::make_shared<group_offsets_arguments>();
  option_adder in{groups, "offsets", "Print the offsets that a group has committed"};
  in.chooses(all, to);
  in.group(to->group);
  in.each("TOPIC",
      "Only these topics or partitions, as orders or orders/0; all without them",
      "TOPIC[/PARTITION]", "a topic or partition as orders or orders/0",
      parse_topic_or_place,
      [to](place_in_topic one) { to->of.push_back(std::move(one)); })
    ->expected(-1);
  in.command().add_flag("--require-stable", to->require_stable,
    "Wait for transactions that are still to commit offsets (Kafka 2.5 and later)");
  in.common(all.common);
}

void add_commit(CLI::App& groups, parsed_arguments& all) {
  const auto to = std::make_shared<commit_arguments>();
  auto& request = to->request;
  option_adder in{groups, "commit",
    "Let a group keep offsets: from outside while it has no members, or as a member"};
  in.group(request.group);
  in.command().footer(positions_epilogue);
  in.each("OFFSET",
      "The position of the next record to read, of each partition; see below",
      "TOPIC/PARTITION=POSITION",
      std::string{"an offset as orders/0=42, or another position: "} + position_words,
      parse_commit,
      [to](std::pair<offset_to_commit, position> one) {
        to->request.offsets.push_back(std::move(one.first));
        to->at.push_back(one.second);
      })
    ->expected(-1)
    ->required();
  const auto metadata = std::make_shared<std::string>();
  in.command()
    .add_option("--metadata", *metadata, "Any text, kept with each offset")
    ->type_name("TEXT");
  add_member(in, request, false);
  add_instance(in, request.group_instance_id);
  in.parsed("--retention",
    "How long the offsets are kept (Kafka 0.9 to 2.0); as the broker is set up unless "
    "told",
    "DURATION", "a duration such as 500ms, 10s or 1min", parse_duration,
    request.retention);
  in.common(all.common);
  in.command().callback([&all, to, metadata] {
    for (auto& o : to->request.offsets)
      o.metadata = *metadata;
    all.command = client_arguments{*to};
  });
}

} // namespace

void add_group_commands(CLI::App& root, parsed_arguments& all) {
  auto& groups = *root.add_subcommand("groups",
    "Speak the protocol of consumer groups, "
    "request by request");
  groups.footer(groups_epilogue);
  groups.require_subcommand(1);
  add_coordinator(groups, all);
  add_join(groups, all);
  add_sync(groups, all);
  add_heartbeat(groups, all);
  add_leave(groups, all);
  add_offsets(groups, all);
  add_commit(groups, all);
}

} // namespace cafka::cli
