#pragma once

#include <cafka/actors/interfaces.hpp>

#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace cafka::cli {

/// What the program returns.
enum exit_code : int {
  exit_ok = 0,
  exit_failed = 1,
  exit_usage =
    2, ///< Also for a configuration file that cannot be read or makes no sense.
};

enum class output_format { text, json };

/// What every command can be told.
struct common_arguments {
  /// Empty: what the configuration file says, else `localhost:9092`.
  std::string brokers;
  /// A CAF configuration file; empty: none.
  std::string config_file;
  /// The brokers' release or `ask`; empty: what the configuration file says, else `ask`.
  std::string kafka_version;
  /// For the whole of one request, connecting included; nothing: what the configuration
  /// file says, else 10 s.
  std::optional<milliseconds> timeout;
  output_format output = output_format::text;
  bool verbose = false;
  /// TLS is spoken; false: as the configuration file says.
  bool tls = false;
  /// Each empty: what the configuration file says. One that is not turns TLS on.
  std::string ca_file;
  std::string ca_dir;
  std::string cert;
  std::string key;
  std::string key_password_file;
  bool tls_no_verify = false;
};

struct demo_arguments {
  /// Draw the tree of supervisors and workers after each chapter.
  bool tree = false;
};

struct metadata_arguments {
  /// Empty: all.
  std::vector<std::string> topics;
};

struct produce_arguments {
  std::string topic;
  partition_id partition;
  /// Empty: lines are values, keys are null.
  std::string key_delimiter;
  std::vector<record::header> headers;
  codec compression = codec::none;
  std::int16_t required_acks = -1;
  std::size_t batch_size = 1'000;
};

struct fetch_arguments {
  std::string topic;
  partition_id partition;
  /// Where to begin: an offset, or a moment.
  std::variant<log_offset, offset_time> from = offset_time::earliest();
  /// Up to the end of the log as it was at the first answer.
  bool all = false;
  /// At most so many records.
  std::optional<std::int64_t> count;
  std::int32_t max_bytes = 1'000'000;
  isolation_level isolation = isolation_level::read_uncommitted;
};

struct offsets_arguments {
  std::string topic;
  /// Nothing: all.
  std::optional<partition_id> partition;
  /// As the caller named them.
  std::vector<std::pair<std::string, offset_time>> at;
};

struct api_versions_arguments {
  /// Nothing: any.
  std::optional<broker_id> broker;
};

/// What is asked of a running cluster.
using client_arguments = std::variant<metadata_arguments, produce_arguments,
  fetch_arguments, offsets_arguments, api_versions_arguments>;

struct arguments {
  common_arguments common;
  std::variant<demo_arguments, client_arguments> command;
};

/// Reads the command line, or prints the help that was asked for or what is wrong; then
/// the code to end with stands in place of the arguments.
[[nodiscard]] std::variant<arguments, exit_code> parse_arguments(
  int argc, const char* const* argv);

} // namespace cafka::cli
