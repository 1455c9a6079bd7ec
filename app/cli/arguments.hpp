#pragma once

#include "../../actors/consumer/consumer.hpp"
#include "../../actors/interfaces.hpp"
#include "../../actors/producer/producer.hpp"
#include "../../actors/worker/worker.hpp"
#include "../../protocol/defaults.hpp"
#include "../../protocol/machines/partitioner.hpp"
#include "../../protocol/schema/kafka_version.hpp"
#include "broker_words.hpp"
#include "position.hpp"
#include "record_format.hpp"

#include <optional>
#include <string>
#include <utility>
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

/// For a request, unless the configuration file or `--timeout` says otherwise.
inline constexpr milliseconds default_timeout{10'000};
/// The same for a record on its way, from its reading to its outcome.
inline constexpr milliseconds default_record_timeout{60'000};

/// What every command can be told.
struct common_arguments {
  /// Empty: what a configuration file named here says, else the environment, else the
  /// default configuration file, else `localhost:9092`.
  std::string brokers;
  /// A CAF configuration file; empty: the default one, if there is one.
  std::string config_file;
  /// The brokers' release or `ask`; empty: what the configuration file says, else `ask`.
  std::string kafka_version;
  /// For the whole of one request, connecting included; nothing: what the configuration
  /// file says, else 10 s.
  std::optional<milliseconds> timeout;
  output_format output = output_format::text;
  /// How often -v was given.
  int verbose = 0;
  /// TLS is spoken; false: as the configuration file says.
  bool tls = false;
  /// Each empty: what the configuration file says. One that is not turns TLS on.
  std::string ca_file;
  std::string ca_dir;
  std::string cert;
  std::string key;
  std::string key_password_file;
  std::string crl_file;
  std::string server_name;
  bool tls_no_verify = false;
  bool tls_verify_chain = false;
  /// Each empty: what the configuration file says.
  std::string sasl_mechanism;
  std::string sasl_username;
  std::string sasl_password_file;
  std::string sasl_token_file;
  std::string sasl_keytab;
  std::string sasl_principal;
  std::string sasl_service_name;
  std::string oidc_url;
  std::string oidc_client_id;
  std::string oidc_client_secret_file;
  std::string oidc_scope;
  /// Nothing: what the configuration file says, else as much as the protocol can express.
  std::optional<std::size_t> receive_message_max_bytes;
  /// Settings by their keys, as a configuration file has them: they go before its own.
  std::vector<std::pair<std::string, std::string>> settings;
};

struct demo_arguments {
  /// Draw the tree of supervisors and workers after each chapter.
  bool tree = false;
};

struct broker_arguments {
  std::int32_t brokers = 1;
  std::string host = "127.0.0.1";
  /// Zero: any that are free.
  std::uint16_t port = 9092;
  protocol::kafka_version kafka_version{4, 3};
  std::vector<broker_topic> topics;
  std::vector<broker_fault> faults;
};

// -- the cluster ------------------------------------------------------------------------

struct metadata_arguments {
  /// Empty: all.
  std::vector<std::string> topics;
};

struct api_versions_arguments {
  /// Nothing: any.
  std::optional<broker_id> broker;
};

struct create_topics_arguments {
  std::vector<std::string> names;
  /// What all of them are to be like.
  new_topic like;
  bool validate_only = false;
};

struct delete_topics_arguments {
  std::vector<std::string> names;
};

struct list_topics_arguments {
  /// Kafka's own, too.
  bool internal = false;
};

struct describe_topics_arguments {
  /// Empty: all but Kafka's own.
  std::vector<std::string> names;
};

// -- records ----------------------------------------------------------------------------

struct produce_arguments {
  std::string topic;
  /// Nothing: by its key where a record has one, else as a producer chooses.
  std::optional<partition_id> partition;
  /// Empty: standard input.
  std::vector<std::string> files;
  /// Whether each file holds records, not one record that is all of it.
  bool lines = false;
  /// What ends a record in standard input and, with `lines`, in a file; not empty.
  std::string delimiter = "\n";
  /// Empty: keys are `key`, or null.
  std::string key_delimiter;
  /// The key of every record; nothing: null.
  std::optional<std::string> key;
  /// Whether empty keys and values are null.
  bool empty_is_null = false;
  /// Nothing: the moment of sending.
  std::optional<timestamp> time;
  std::vector<record::header> headers;
  /// Each nothing: what `configured` says.
  std::optional<codec> compression;
  std::optional<std::int16_t> required_acks;
  /// Most records in a batch; nothing: as many as its bytes allow.
  std::optional<std::size_t> batch_size;
  /// Neither progress nor a summary.
  bool quiet = false;
  // What the configuration file says, and `--timeout`.
  /// Chooses by the key.
  protocol::partitioner partitioner = protocol::murmur2_partitioner;
  /// From a record's reading to its outcome.
  milliseconds timeout = default_record_timeout;
  /// The block `producers.cafka-produce`.
  producer_options configured;
  bool allow_auto_topic_creation = true;
};

struct fetch_arguments {
  std::string topic;
  partition_id partition;
  position from = start_at::earliest();
  /// Nothing at or behind it is wanted. Nothing: one fetch, unless `all` or `count` want
  /// more.
  std::optional<position> until;
  /// Up to the end of the log as it was at the first answer.
  bool all = false;
  /// At most so many records.
  std::optional<std::int64_t> count;
  std::int32_t max_bytes = fetch{}.max_bytes;
  isolation_level isolation = isolation_level::read_uncommitted;
  /// For each request, as the configuration file or `--timeout` says.
  milliseconds timeout = default_timeout;
};

/// A stream begins where its group has stopped.
struct stored {};

struct stream_arguments {
  std::string topic;
  /// Nothing: all, side by side.
  std::optional<partition_id> partition;
  /// Nothing: `stored` with a group, else the beginning.
  std::optional<std::variant<position, stored>> from;
  /// Nothing at or behind it is wanted, which ends the stream. Nothing: none.
  std::optional<position> until;
  /// Whether the log's end is the end.
  bool exit_at_end = false;
  /// At most so many records, of all partitions together.
  std::optional<std::int64_t> count;
  /// Empty: none, and nothing is committed.
  std::string group;
  /// Nothing: text or JSON.
  std::optional<record_format> format;
  /// Whether null is `NULL` in a format.
  bool name_nulls = false;
  isolation_level isolation = isolation_level::read_uncommitted;
  // What the configuration file says, and `--timeout`.
  offset_reset auto_offset_reset = offset_reset::none;
  milliseconds auto_commit_interval = protocol::defaults::auto_commit_interval;
  std::size_t commit_threshold = protocol::defaults::commit_threshold;
  /// For each request, and for how long a partition may be out of reach.
  milliseconds timeout = default_timeout;
  /// The block `consumers.cafka-stream`.
  consumer_options configured;
};

struct consume_arguments {
  /// By name, and all that match an expression; one of both at least.
  std::vector<std::string> topics;
  std::string pattern;
  std::string group;
  // Nothing, or empty: as the configuration says.
  std::optional<protocol::member_protocol> protocol;
  protocol::name_list assignors;
  std::string instance_id;
  /// Ends when nothing is left of what the member reads.
  bool exit_at_end = false;
  // As `stream_arguments` has them.
  std::optional<std::int64_t> count;
  std::optional<record_format> format;
  bool name_nulls = false;
  isolation_level isolation = isolation_level::read_uncommitted;
  /// Prints no messages about the membership.
  bool quiet = false;
  /// Where a partition begins of which the group has committed nothing.
  offset_reset auto_offset_reset = offset_reset::none;
  /// For each commit, and for leaving the group.
  milliseconds timeout = default_timeout;
  /// The block `consumers.cafka-consume`.
  consumer_options configured;
};

struct offsets_arguments {
  std::string topic;
  /// Nothing: all.
  std::optional<partition_id> partition;
  /// As the caller named them.
  std::vector<std::pair<std::string, position>> at;
  /// As `fetch_arguments` has it.
  milliseconds timeout = default_timeout;
};

// -- consumer groups --------------------------------------------------------------------

struct join_group_arguments {
  join_group request;
  /// What the member wants to read; protocols without words of their own say it as
  /// consumers do.
  std::vector<std::string> topics;
};

struct sync_group_arguments {
  sync_group request;
  /// What members are to read, as consumers say it, a partition of a member each.
  struct assigned {
    std::string member;
    std::string topic;
    partition_id partition;
  };
  std::vector<assigned> partitions;
};

struct group_offsets_arguments {
  std::string group;
  /// Topics (all their partitions) or partitions; empty: all that the group has.
  std::vector<std::pair<std::string, std::optional<partition_id>>> of;
  bool require_stable = false;
};

struct commit_arguments {
  offset_commit request;
  /// Where each of the request's offsets is to be.
  std::vector<position> at;
  /// As `fetch_arguments` has it.
  milliseconds timeout = default_timeout;
};

/// What is asked of a running cluster; a message where it is the whole of it.
using client_arguments =
  std::variant<metadata_arguments, api_versions_arguments, create_topics_arguments,
    delete_topics_arguments, list_topics_arguments, describe_topics_arguments,
    produce_arguments, fetch_arguments, stream_arguments, consume_arguments,
    offsets_arguments, find_coordinator, join_group_arguments, sync_group_arguments,
    heartbeat, leave_group, group_offsets_arguments, commit_arguments>;

struct arguments {
  common_arguments common;
  std::variant<demo_arguments, broker_arguments, client_arguments> command;
};

/// Reads the command line, or prints the help, the manual or the completion that was
/// asked for, or what is wrong; then the code to end with stands in place of the
/// arguments.
[[nodiscard]] std::variant<arguments, exit_code> parse_arguments(
  int argc, const char* const* argv);

} // namespace cafka::cli
