#include "broker.hpp"
#include "commands.hpp"
#include "demo.hpp"
#include "session.hpp"

#include <csignal>
#include <cstdio>

namespace {

using namespace cafka::cli;

/// The consumer of a command is as its block says; a flag can only ask for more.
template <class Arguments>
void use_block(Arguments& to, const cafka::consumer_options& block) {
  to.configured = block;
  if (block.isolation == cafka::isolation_level::read_committed)
    to.isolation = block.isolation;
}

/// What the configuration file and `--timeout` say, for the commands that do not ask the
/// worker alone.
void add_settings(client_arguments& command, const settings& from) {
  const auto& options = from.options;
  if (auto* produce = std::get_if<produce_arguments>(&command)) {
    produce->partitioner = options.partitioner;
    produce->allow_auto_topic_creation = options.allow_auto_topic_creation;
    if (const auto own = options.producers.find("cafka-produce");
        own != options.producers.end())
      produce->configured = own->second;
    // What a flag says goes before the block, also for what the block goes together with.
    if (produce->compression)
      produce->configured.compression_level.reset();
    produce->compression = produce->compression.value_or(produce->configured.compression);
    produce->required_acks = produce->required_acks.value_or(produce->configured.acks);
    if (from.names_timeout)
      produce->timeout = options.request_timeout;
  } else if (auto* stream = std::get_if<stream_arguments>(&command)) {
    stream->auto_offset_reset = options.auto_offset_reset;
    stream->auto_commit_interval = options.auto_commit_interval;
    stream->commit_threshold = options.commit_threshold;
    stream->timeout = options.request_timeout;
    if (const auto own = options.consumers.find("cafka-stream");
        own != options.consumers.end())
      use_block(*stream, own->second);
  } else if (auto* consume = std::get_if<consume_arguments>(&command)) {
    consume->auto_offset_reset = options.auto_offset_reset;
    consume->timeout = options.request_timeout;
    if (const auto own = options.consumers.find("cafka-consume");
        own != options.consumers.end())
      use_block(*consume, own->second);
  } else if (auto* fetch = std::get_if<fetch_arguments>(&command)) {
    fetch->timeout = options.request_timeout;
  } else if (auto* offsets = std::get_if<offsets_arguments>(&command)) {
    offsets->timeout = options.request_timeout;
  } else if (auto* commit = std::get_if<commit_arguments>(&command)) {
    commit->timeout = options.request_timeout;
  }
}

exit_code run_command(client_arguments command, output_format format, settings from) {
  add_settings(command, from);
  printer out{format};
  session with{std::move(from)};
  if (const auto connected = with.connect(); !connected) {
    report("cannot reach the cluster", connected.error());
    return exit_failed;
  }
  auto code =
    std::visit([&](const auto& what) { return run(what, with.app(), out); }, command);
  if (!out.flush() && !out.reader_has_gone()) {
    std::fputs("cafka: cannot print: standard output takes no more\n", stderr);
    code = exit_failed;
  }
  return code;
}

} // namespace

int main(int argc, char** argv) {
  // A reader that goes is an error of what is printed, not the program's end by a signal,
  // from its first moment to its last: help is printed, too.
  std::signal(SIGPIPE, SIG_IGN);
  // Before arguments are read: durations are read by CAF, whose errors are made of these.
  cafka::init_global_meta_objects();
  const auto parsed = parse_arguments(argc, argv);
  if (const auto* code = std::get_if<exit_code>(&parsed))
    return *code;
  const auto& args = std::get<arguments>(parsed);
  set_up_log();
  if (const auto* broker = std::get_if<broker_arguments>(&args.command))
    return run_broker(*broker);
  auto from = read_settings(args.common);
  if (!from) {
    report("the configuration", from.error());
    return exit_usage;
  }
  if (const auto* command = std::get_if<client_arguments>(&args.command))
    return run_command(*command, args.common.output, *std::move(from));
  return run_demo(std::get<demo_arguments>(args.command), args.common, *std::move(from));
}
