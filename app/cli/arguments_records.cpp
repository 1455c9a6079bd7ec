#include "../../actors/group/group_settings.hpp"
#include "../../protocol/records/compression.hpp"
#include "option_adder.hpp"
#include "text.hpp"

namespace cafka::cli {

namespace {

constexpr auto produce_epilogue =
  R"(Without FILE the lines of standard input are produced, each as one record; with FILE each
file is one record, whole; with FILE and --lines its lines are.

Delimiters take the escapes \n \r \t \\ and \xNN.

Examples:
  echo 'key:value' | cafka produce -t orders -K :
  cafka produce -t pictures --record-key cat cat.jpg
  cafka produce -t orders -K '\t' -z zstd --lines monday.tsv tuesday.tsv
  echo 'key:' | cafka produce -t orders -K : -Z     # a tombstone: key, and a null value)";

constexpr auto fetch_epilogue =
  R"(A line of text is: offset, timestamp, key, value, headers (name=value,name=value), with
tabs between them. Null is \N; a backslash is \\, a tab \t, a newline \n, and any other
control character or byte that is not UTF-8 \xNN.

In JSON, null is null, UTF-8 a string and any other bytes {"base64": "..."}.)";

constexpr auto stream_epilogue =
  R"(A line of text is: partition, offset, timestamp, key, value, headers, with tabs between
them, written as cafka fetch does. A FORMAT prints nothing but what it says:

  %s value   %S its length, -1 for null   %R the same in four bytes, highest first
  %k key     %K its length, -1 for null   %h headers as name=value,name=value
  %t topic   %p partition   %o offset     %T milliseconds since 1970   %% a percent sign
  \n \r \t \\ and \xNN as everywhere

Ctrl-C ends a stream in order: what was printed is committed first.

Examples:
  cafka stream -t orders                                follow all partitions
  cafka stream -t orders -p 0 -o -10 -e                 the last ten records of one
  cafka stream -t orders -o @2024-05-01T12:30:00Z -c 5  five, from a moment on
  cafka stream -t orders -o @-2h -u @-1h                an hour of them
  cafka stream -t orders -G billing -f '%p/%o %k: %s\n' as a group, which goes on there)";

constexpr auto consume_epilogue =
  R"(A line of text is: topic, partition, offset, timestamp, key, value, headers, with tabs
between them, written as cafka fetch does. What happens to the membership is told on standard
error.

A partition goes on where the group has committed; one of which it has committed nothing begins
as auto_offset_reset says (-X auto_offset_reset=earliest). What was printed is committed.

Ctrl-C ends it in order: what was printed is committed, and the member leaves its group.

Examples:
  cafka consume -G billing -t orders
  cafka consume -G billing -t orders,payments -e -J
  cafka consume -G audit --pattern 'orders-.*' --group-protocol consumer)";

using beginning = std::variant<position, stored>;
using named_position = std::pair<std::string, position>;

/// A number is a time, as in Kafka's own tool: nobody asks for the offset of an offset.
std::optional<named_position> parse_named_position(std::string_view text) {
  auto where = parse_position(text);
  const auto* at = where ? std::get_if<start_at>(&*where) : nullptr;
  if (at != nullptr && !at->is_moment())
    where = start_at::time(*parse_time(text));
  return where ? std::optional{named_position{text, *where}} : std::nullopt;
}

std::optional<beginning> parse_beginning(std::string_view text) {
  if (text == "stored")
    return stored{};
  const auto where = parse_position(text);
  return where ? std::optional<beginning>{*where} : std::nullopt;
}

/// Names with commas between them, none of them empty.
std::optional<std::vector<std::string>> split(std::string_view text) {
  std::vector<std::string> names;
  while (true) {
    const auto comma = text.find(',');
    names.emplace_back(text.substr(0, comma));
    if (names.back().empty())
      return std::nullopt;
    if (comma == text.npos)
      return names;
    text.remove_prefix(comma + 1);
  }
}

std::optional<protocol::member_protocol> parse_member_protocol(std::string_view text) {
  for (const auto& w : member_protocol_words) {
    if (w.name == text)
      return w.value;
  }
  return std::nullopt;
}

/// Where reading begins, or ends.
struct bound {
  bool is_end = false;
  beginning where;
};

/// A place to begin at; kcat says `s@TIME` for it, and `e@TIME` for where to end.
std::optional<bound> parse_bound(std::string_view text) {
  const auto is_end = text.starts_with("e@");
  if (is_end || text.starts_with("s@"))
    text.remove_prefix(1);
  const auto where = parse_beginning(text);
  return where ? std::optional{bound{is_end, *where}} : std::nullopt;
}

std::optional<position> parse_until(std::string_view text) {
  return parse_position(text);
}

/// A group's place is for commands that have a group.
void set_beginning(position& from, const position& where) {
  from = where;
}
void set_beginning(position&, stored) {
}
void set_beginning(std::optional<beginning>& from, const beginning& where) {
  from = where;
}

/// Adds the options for where reading begins and ends. `stored_too`: a group may have
/// stopped somewhere.
template <class From>
void add_range(option_adder& in, const std::string& begins, bool stored_too, From& from,
  std::optional<position>& until) {
  const auto words = std::string{stored_too ? "stored, " : ""} + position_words;
  in.each(
    "-o,--offset",
    "Where to begin: a position, see below; " + begins
      + ". As in kcat, s@TIME is where to begin and e@TIME where to end",
    "POSITION", "a position: " + words,
    [stored_too](std::string_view text) {
      auto read = parse_bound(text);
      if (read && !stored_too && std::holds_alternative<stored>(read->where))
        read.reset();
      return read;
    },
    [&from, &until](const bound& b) {
      if (!b.is_end)
        std::visit([&from](const auto& where) { set_beginning(from, where); }, b.where);
      else
        until = std::get<position>(b.where);
    });
  in.parsed("-u,--until", "Where to end: a position, which itself is left out",
    "POSITION", std::string{"a position: "} + position_words, parse_until, until);
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

std::optional<std::size_t> parse_batch_size(std::string_view text) {
  const auto n = parse_number(text);
  return n && *n >= 1 && *n <= 1'000'000 ? std::optional{static_cast<std::size_t>(*n)}
                                         : std::nullopt;
}

std::optional<std::int32_t> parse_max_bytes(std::string_view text) {
  const auto n = parse_int32(text);
  return n && *n >= 1 ? n : std::nullopt;
}

result<std::string> parse_delimiter(std::string_view text) {
  auto read = unescaped(text);
  if (read && read->empty())
    return error{error_code::invalid_argument, "a delimiter must not be empty"};
  return read;
}

void add_isolation(option_adder& in, isolation_level& to) {
  in.command().add_flag_function(
    "--read-committed", [&to](std::int64_t) { to = isolation_level::read_committed; },
    "Leave out what transactions have not committed");
}

void add_produce(CLI::App& root, parsed_arguments& all) {
  const auto to = std::make_shared<produce_arguments>();
  option_adder in{root, "produce",
    "Produce the lines of standard input or of files, or whole files: what is there is "
    "sent, without waiting for more. Prints one line about all of it at the end"};
  in.command().footer(produce_epilogue);
  in.topic(to->topic);
  in.partition(to->partition,
    "The partition; by default a record's key decides as in Kafka's own clients, and "
    "records without a key go to all of them in turn, some at a time");
  auto* files = in.command().add_option(
    "FILE", to->files, "Files to produce; standard input without them");
  in.command()
    .add_flag("-l,--lines", to->lines, "Produce each line of the files, not them whole")
    ->needs(files);
  auto* delimiter = in.explained("-D,--delimiter",
    "What ends a record in standard input and with --lines; \\n by default", "TEXT",
    parse_delimiter, to->delimiter);
  auto* key_delimiter = in.explained("-k,-K,--key-delimiter",
    "What stands between key and value in a line, at its first occurrence; without it "
    "keys are null",
    "TEXT", parse_delimiter, to->key_delimiter);
  in.parsed(
      "--record-key", "The key of every record", "TEXT", "a key",
      [](const std::string& text) { return std::optional{text}; }, to->key)
    ->excludes(key_delimiter);
  in.command().add_flag(
    "-Z,--null", to->empty_is_null, "Make empty keys and values null");
  in.each("-H,--header", "A header for every record; may be given several times",
    "NAME=VALUE", "a header as NAME=VALUE", parse_header,
    [to](record::header one) { to->headers.push_back(std::move(one)); });
  in.parsed(
    "--timestamp",
    "The time of every record, in milliseconds since 1970, as 2024-05-01T12:30:00Z or "
    "as -1h, an hour ago; the moment of sending by default",
    "TIME", "a time such as 2024-05-01T12:30:00Z or -1h",
    [](std::string_view text) { return parse_time(text); }, to->time);
  in.parsed("-z,--compression", "How batches are compressed; none by default",
    "none|gzip|snappy|lz4|zstd", "none, gzip, snappy, lz4 or zstd",
    protocol::codec_from_name, to->compression);
  in.parsed("-a,--acks",
    "How many replicas must have a batch before the broker answers: 0 (no answer), 1 "
    "(the leader) or all in sync; all by default",
    "0|1|all", "0, 1 or all", parse_acks, to->required_acks);
  in.parsed("--batch-size", "Most records in a batch; by default its bytes decide",
    "NUMBER", "a number from 1 to 1000000", parse_batch_size, to->batch_size);
  in.command().add_flag("-q,--quiet", to->quiet, "Print no progress and no last line");
  in.common(all.common);
  in.command().callback([&all, to, delimiter, key_delimiter] {
    for (const auto* option : {delimiter, key_delimiter}) {
      if (!to->files.empty() && !to->lines && !option->empty())
        throw CLI::ValidationError{option->get_name(),
          "it divides lines, and files are produced whole unless that is changed with "
          "--lines"};
    }
    all.command = client_arguments{*to};
  });
}

void add_fetch(CLI::App& root, parsed_arguments& all) {
  const auto to = std::make_shared<fetch_arguments>();
  option_adder in{root, "fetch",
    "Print records of one partition: those of one fetch, or all with --all or --count"};
  in.chooses(all, to);
  in.command().footer(std::string{fetch_epilogue} + "\n\n" + positions_epilogue);
  in.topic(to->topic);
  in.partition(to->partition, "The partition; 0 by default");
  add_range(in, "the beginning by default", false, to->from, to->until);
  in.command().add_flag("--all", to->all,
    "Fetch again and again up to the end that the log has at the first answer");
  in.parsed("-n,--count", "Stop after so many records, or at the end of the log",
    "NUMBER", "a number of records", parse_number, to->count);
  in.parsed("--max-bytes",
    "Most bytes in one fetch; a larger batch still comes, whole. 1000000 by default",
    "NUMBER", "a number from 1 to 2147483647", parse_max_bytes, to->max_bytes);
  add_isolation(in, to->isolation);
  in.common(all.common);
}

void add_stream(CLI::App& root, parsed_arguments& all) {
  const auto to = std::make_shared<stream_arguments>();
  option_adder in{root, "stream",
    "Print the records of one or all partitions as they come, until Ctrl-C. The order "
    "within a partition holds"};
  in.command().footer(std::string{stream_epilogue} + "\n\n" + positions_epilogue);
  in.topic(to->topic);
  in.partition(to->partition, "Only this partition; all without it");
  add_range(in,
    "or stored, where the group has stopped. By default it is stored with a group, else "
    "the beginning",
    true, to->from, to->until);
  in.command().add_flag("-e,--exit", to->exit_at_end,
    "End where the log ends at the start instead of waiting for more");
  in.parsed("-c,-n,--count", "Stop after so many records, all partitions together",
    "NUMBER", "a number of records", parse_number, to->count);
  in.command()
    .add_option("-G,--group", to->group,
      "Go on where this consumer group has stopped, and commit for it what was printed")
    ->type_name("NAME");
  auto* format =
    in.explained("-f,--format", "Print each record as FORMAT says, see below", "FORMAT",
      record_format::parse, to->format);
  in.command()
    .add_flag("-Z,--null", to->name_nulls, "Print null keys and values as NULL")
    ->needs(format);
  add_isolation(in, to->isolation);
  in.common(all.common);
  format->excludes("--output")->excludes("--json");
  in.command().callback([&all, to] {
    if (to->from && std::holds_alternative<stored>(*to->from) && to->group.empty())
      throw CLI::ValidationError{
        "--offset", "stored is where a group has stopped: name it with --group"};
    if (to->format)
      to->format->name_nulls(to->name_nulls);
    all.command = client_arguments{*to};
  });
}

void add_consume(CLI::App& root, parsed_arguments& all) {
  const auto to = std::make_shared<consume_arguments>();
  option_adder in{root, "consume",
    "Print records as a member of a consumer group, which shares out partitions among "
    "its "
    "members, until Ctrl-C"};
  in.command().footer(consume_epilogue);
  in.group(to->group);
  in.each(
    "-t,--topic", "A topic; may be given several times, or several with commas", "NAME",
    "topics' names", [](std::string_view text) { return split(text); },
    [to](const std::vector<std::string>& names) {
      to->topics.insert(to->topics.end(), names.begin(), names.end());
    });
  in.command()
    .add_option("--pattern", to->pattern,
      "All topics whose whole name this expression matches, also those that are to come")
    ->type_name("EXPRESSION");
  in.command().add_flag("-e,--exit", to->exit_at_end,
    "End when nothing is left of the partitions that this member reads");
  in.parsed("-c,-n,--count", "Stop after so many records, all partitions together",
    "NUMBER", "a number of records", parse_number, to->count);
  in.parsed("--group-protocol",
    "Who shares out partitions: classic (a member), consumer (the coordinator, Kafka 4.0 "
    "and later) or automatic; classic by default",
    "classic|consumer|automatic", "classic, consumer or automatic", parse_member_protocol,
    to->protocol);
  in.parsed(
    "--assignor",
    "How the group's leader shares out partitions, best first, with commas: "
    "cooperative-sticky, sticky, range, roundrobin; the first by default",
    "NAMES", "assignors' names", [](std::string_view text) { return split(text); },
    to->assignors);
  in.command()
    .add_option("--group-instance-id", to->instance_id,
      "Makes a static member: it keeps its partitions while it restarts")
    ->type_name("NAME");
  auto* format =
    in.explained("-f,--format", "Print each record as FORMAT says; cafka stream has it",
      "FORMAT", record_format::parse, to->format);
  in.command()
    .add_flag("-Z,--null", to->name_nulls, "Print null keys and values as NULL")
    ->needs(format);
  in.command().add_flag("-q,--quiet", to->quiet, "Tell nothing of the membership");
  add_isolation(in, to->isolation);
  in.common(all.common);
  format->excludes("--output")->excludes("--json");
  in.command().callback([&all, to] {
    if (to->topics.empty() && to->pattern.empty())
      throw CLI::ValidationError{
        "--topic", "name a topic, or an expression with --pattern"};
    if (to->format)
      to->format->name_nulls(to->name_nulls);
    all.command = client_arguments{*to};
  });
}

void add_offsets(CLI::App& root, parsed_arguments& all) {
  const auto to = std::make_shared<offsets_arguments>();
  option_adder in{root, "offsets", "Print offsets of one or all partitions of a topic"};
  in.topic(to->topic);
  in.partition(to->partition, "Only this partition; all without it");
  in.each("--at",
    "Of which position, see below; may be given several times. earliest and latest "
    "by default",
    "POSITION",
    std::string{"a position: "} + position_words
      + ". A number alone is milliseconds since 1970",
    parse_named_position, [to](named_position one) { to->at.push_back(std::move(one)); });
  in.command().footer(std::string{positions_epilogue}
    + "\n\nA number alone is milliseconds since 1970 here.");
  in.common(all.common);
  in.command().callback([&all, to] {
    if (to->at.empty())
      to->at = {{"earliest", start_at::earliest()}, {"latest", start_at::latest()}};
    all.command = client_arguments{*to};
  });
}

} // namespace

void add_record_commands(CLI::App& root, parsed_arguments& all) {
  add_produce(root, all);
  add_fetch(root, all);
  add_stream(root, all);
  add_consume(root, all);
  add_offsets(root, all);
}

} // namespace cafka::cli
