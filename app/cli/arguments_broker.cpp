#include "option_adder.hpp"
#include "text.hpp"

#include <limits>

namespace cafka::cli {

namespace {

constexpr auto epilogue =
  R"(It prints the list of its brokers, host:port,host:port, once they listen, and keeps all in
memory, until SIGINT or SIGTERM. A topic that is not there is made when it is asked about.

A fault is API:WHAT[:TIMES]; without TIMES it is for each request from now on:
  Produce:NOT_LEADER_OR_FOLLOWER:3   the next three are refused with this error of Kafka's
  Fetch:delay=200ms                  answers leave so much later
  Produce:cut:1                      the connection ends, and nothing is written
  Produce:cut-answer:1               it is written, and the connection ends without an answer
  Heartbeat:drop                     never answered)";

std::optional<std::int32_t> parse_count(std::string_view text) {
  constexpr std::int32_t most = 1'000;
  const auto number = parse_int32(text);
  return number && *number > 0 && *number <= most ? number : std::nullopt;
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  const auto number = parse_int32(text);
  if (!number || *number < 0 || *number > std::numeric_limits<std::uint16_t>::max())
    return std::nullopt;
  return static_cast<std::uint16_t>(*number);
}

/// Several values of an option, each of which `parse` reads, or says what is wrong.
template <class Parse, class To>
void several(CLI::App& command, const std::string& name, const std::string& help,
  const std::string& shape, Parse parse, To& to) {
  command
    .add_option_function<std::vector<std::string>>(
      name,
      [parse, &to](const std::vector<std::string>& all) {
        for (const auto& text : all)
          to.push_back(*parse(text));
      },
      help)
    ->type_name(shape)
    ->expected(1)
    ->take_all()
    ->check(CLI::Validator{
      [parse](std::string& text) { return parse(text).error().detail; }, ""});
}

} // namespace

void add_broker_command(CLI::App& root, parsed_arguments& all) {
  option_adder in{root, "broker",
    "Serve a Kafka cluster in the memory of this process, for tests and to try things "
    "on"};
  const auto to = std::make_shared<broker_arguments>();
  in.command().callback([&all, to] { all.command = *to; });
  in.command().footer(epilogue);
  in.parsed("--brokers", "How many brokers; 1 without it", "NUMBER",
    "a number from 1 to 1000", parse_count, to->brokers);
  in.parsed("--port",
    "The first broker's port, 9092 without it; the others have the next ones. 0: any "
    "that "
    "are free",
    "PORT", "a port", parse_port, to->port);
  in.command()
    .add_option("--host", to->host, "The address to listen on; 127.0.0.1 without it")
    ->type_name("ADDRESS");
  in.parsed("--kafka-version", "The release that the brokers are; 4.3 without it",
    "RELEASE", "a release such as 3.7", protocol::parse_kafka_version, to->kafka_version);
  several(in.command(), "--topic",
    "Make a topic, of one partition unless told; may be given several times",
    "NAME[:PARTITIONS]", parse_broker_topic, to->topics);
  several(in.command(), "--fault",
    "Let requests of an API fail; may be given several times", "API:WHAT[:TIMES]",
    parse_broker_fault, to->faults);
}

} // namespace cafka::cli
