#pragma once

#include "../actors/consumer/consumer.hpp"
#include "../actors/log_sink.hpp"
#include "../actors/producer/producer.hpp"
#include "../actors/sasl/sasl_options.hpp"
#include "../actors/transport/tls_options.hpp"
#include "../actors/worker/worker.hpp"
#include "../protocol/defaults.hpp"
#include "../supervision/supervisor.hpp"

#include <caf/settings.hpp>

#include <functional>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace cafka::actors {

class token_source;

} // namespace cafka::actors

namespace cafka {

using protocol::log_level;

/// The brokers to ask first: endpoints, text as `"host:port,host:port"`, several of both
/// within braces, or a function that yields them.
class broker_list {
public:
  /// Called at each start and restart of a worker, in whatever thread starts it; it
  /// should return soon.
  using function = std::function<result<std::vector<endpoint>>()>;

  /// What may be written within braces: text, an endpoint, or a host and a port.
  class item {
  public:
    /// Text, an endpoint, or a host and a port.
    item(const char* text) : content_(std::string{text}) {}
    /// Text, an endpoint, or a host and a port.
    item(std::string text) : content_(std::move(text)) {}
    /// Text, an endpoint, or a host and a port.
    item(endpoint broker) : content_(std::move(broker)) {}
    /// Text, an endpoint, or a host and a port.
    item(std::string host, std::uint16_t port)
      : content_(endpoint{std::move(host), port}) {}
    item(std::nullptr_t) = delete;

  private:
    friend class broker_list;
    std::variant<endpoint, std::string> content_;
  };

  broker_list() = default;
  /// Text, endpoints, or a function that yields them.
  broker_list(const char* text) : content_(std::vector<item>{text}) {}
  /// Text, endpoints, or a function that yields them.
  broker_list(std::string text) : content_(std::vector<item>{std::move(text)}) {}
  /// Text, endpoints, or a function that yields them.
  broker_list(const std::vector<endpoint>& brokers)
    : content_(std::vector<item>(brokers.begin(), brokers.end())) {}
  /// Text, endpoints, or a function that yields them.
  broker_list(std::initializer_list<item> brokers)
    : content_(std::vector<item>{brokers}) {}
  /// Text, endpoints, or a function that yields them.
  broker_list(function yields) : content_(std::move(yields)) {}
  broker_list(std::nullptr_t) = delete;

  /// Nothing was given.
  [[nodiscard]] bool empty() const;

  /// The endpoints; `invalid_argument` names the item that cannot be read.
  [[nodiscard]] result<std::vector<endpoint>> endpoints() const;

private:
  std::variant<std::vector<item>, function> content_;
};

/// For a worker that belongs to no consumer group. KafkaEx: `:no_consumer_group`.
struct no_consumer_group_t {
  friend bool operator==(no_consumer_group_t, no_consumer_group_t) = default;
};
/// The only `no_consumer_group_t`.
inline constexpr no_consumer_group_t no_consumer_group{};

/// The consumer group of a worker: a name, none, or, by default, the
/// application's.
class consumer_group_setting {
public:
  consumer_group_setting() = default;
  /// A name, or `no_consumer_group`.
  consumer_group_setting(no_consumer_group_t) : content_(no_consumer_group) {}
  /// A name, or `no_consumer_group`.
  consumer_group_setting(const char* name) : content_(std::string{name}) {}
  /// A name, or `no_consumer_group`.
  consumer_group_setting(std::string name) : content_(std::move(name)) {}
  consumer_group_setting(std::nullptr_t) = delete;

  /// Nothing was given.
  [[nodiscard]] bool empty() const { return content_.index() == 0; }

  /// The name; nothing for no group.
  [[nodiscard]] std::optional<std::string> name() const {
    const auto* text = std::get_if<std::string>(&content_);
    return text == nullptr ? std::nullopt : std::optional{*text};
  }

  friend bool operator==(
    const consumer_group_setting&, const consumer_group_setting&) = default;

private:
  std::variant<std::monostate, no_consumer_group_t, std::string> content_;
};

/// Whether it is a name that is not empty, or `no_consumer_group`.
///
/// KafkaEx: `valid_consumer_group?/1`.
[[nodiscard]] bool valid_consumer_group(const consumer_group_setting& group);

/// How one worker differs from the application's settings; what is not set here is taken
/// from there. KafkaEx: `worker_init`.
struct worker_init {
  /// The brokers to ask first.
  broker_list brokers = {};
  /// As `application_options::consumer_group`.
  consumer_group_setting consumer_group = {};
  /// As `application_options::client_id`.
  std::optional<std::string> client_id = {};
  /// As `application_options::metadata_max_age`.
  std::optional<milliseconds> metadata_max_age = {};
  /// As `application_options::coordinator_query_interval`.
  std::optional<milliseconds> coordinator_query_interval = {};
  /// As `application_options::request_timeout`.
  std::optional<milliseconds> request_timeout = {};
  /// As `application_options::initial_topics`.
  name_list initial_topics = {};
  /// As `application_options::auto_offset_reset`.
  std::optional<offset_reset> auto_offset_reset = {};
  /// Null: the application's.
  protocol::partitioner partitioner = {};
  /// As `application_options::kafka_version`.
  std::optional<protocol::kafka_version> kafka_version = {};
  /// As `application_options::receive_message_max_bytes`.
  std::optional<std::size_t> receive_message_max_bytes = {};
  /// As `application_options::use_ssl`.
  std::optional<bool> use_ssl = {};
  /// All of them together take the place of the application's.
  std::optional<cafka::ssl_options> ssl_options = {};
  /// How brokers are logged in to, in place of the application's.
  std::optional<sasl_options> sasl = {};
  /// Whether `create_worker` and `start_link_worker` wait until a broker has answered;
  /// otherwise they return as soon as the worker is started, which goes on connecting.
  bool wait = true;
};

/// The application's settings. KafkaEx: its application configuration.
///
/// As a CAF configuration file spells them, in a block `cafka { ... }`, the names are the
/// same; see `configs/`.
struct application_options {
  /// Default: `localhost:9092`.
  broker_list brokers = {{"localhost", 9092}};
  /// The client's id in every request, for the brokers' logs and quotas.
  std::string client_id = protocol::defaults::client_id;
  /// No default worker is started when true.
  bool disable_default_worker = false;
  /// The name of the default worker, which also answers to `kafka_ex`, KafkaEx's name.
  std::string default_worker = "default";
  /// How often workers ask for metadata of the topics they use; zero: only when needed.
  milliseconds metadata_max_age = protocol::defaults::metadata_max_age;
  /// How often workers ask which broker coordinates the groups they use; zero: only when
  /// needed.
  milliseconds coordinator_query_interval =
    protocol::defaults::coordinator_query_interval;
  /// The group of workers that name none; `no_consumer_group` by default.
  consumer_group_setting consumer_group = no_consumer_group;
  /// Where a fetch or a stream without an offset begins, of a group that has
  /// committed nothing or without a group, and where it goes on when its offset is out of
  /// range; see there.
  offset_reset auto_offset_reset = offset_reset::none;
  /// How often a stream commits while records are handed over: after so much time, or so
  /// many records, whichever comes first. Zero: the number alone decides.
  milliseconds auto_commit_interval = protocol::defaults::auto_commit_interval;
  /// The number of records for `auto_commit_interval`. Zero: time alone decides.
  std::size_t commit_threshold = protocol::defaults::commit_threshold;
  /// Chooses the partition of a produce that names none. Default: `murmur2`;
  /// `protocol::partitioners()` has the others that a configuration file can name.
  protocol::partitioner partitioner = protocol::murmur2_partitioner;
  /// Topics whose metadata workers ask for from the start.
  name_list initial_topics = {};
  /// The deadline of a request that names none. KafkaEx: `sync_timeout`.
  milliseconds request_timeout = protocol::defaults::request_timeout;
  /// The deadline for one connection attempt.
  milliseconds connect_timeout = protocol::defaults::connect_timeout;
  /// How long a broker may leave a request without a byte of its answer before the
  /// connection is considered dead.
  milliseconds socket_timeout = protocol::defaults::socket_timeout;
  /// The longest that requests are held back because of what one answer says of a
  /// broker's quota, `throttle_time_ms`; zero: they are not held back. Source: KIP-219.
  milliseconds max_throttle = protocol::defaults::max_throttle;
  /// The largest answer that is taken from a broker, in bytes, from 1,024 on; the request
  /// that it belongs to ends with `frame_too_large`. Default: 2^31 - 1, as much as
  /// Kafka's protocol can express. librdkafka: `receive.message.max.bytes`.
  std::size_t receive_message_max_bytes = protocol::defaults::receive_message_max_bytes;
  /// How long a topic that brokers do not know is asked for again: it may be new.
  milliseconds unknown_topic_wait = protocol::defaults::unknown_topic_wait;
  /// The pause before a second attempt to connect, doubled from one attempt to the next
  /// up to `reconnect_backoff_max`, or to itself where it is more; each varies by a
  /// fifth. KafkaEx: `sleep_for_reconnect`.
  milliseconds reconnect_backoff = protocol::defaults::reconnect_backoff;
  /// The longest pause between attempts to connect.
  milliseconds reconnect_backoff_max = protocol::defaults::reconnect_backoff_max;
  /// The pause before a request is tried again, likewise.
  milliseconds retry_backoff = protocol::defaults::retry_backoff;
  /// The longest pause before a request is tried again.
  milliseconds retry_backoff_max = protocol::defaults::retry_backoff_max;
  /// Whether a produce to an unknown topic may create it, if the broker is set up to.
  bool allow_auto_topic_creation = protocol::defaults::allow_auto_topic_creation;
  /// Most bytes that one batch of records may decompress to when it is read, by workers
  /// and consumers that do not say otherwise; more is the error `batch_too_large`.
  std::size_t max_decompressed_bytes = protocol::defaults::max_decompressed_bytes;
  /// How many times its stored size a batch may decompress to, once that is more than
  /// 16 MiB, likewise; zero: no limit.
  std::size_t max_decompression_ratio = protocol::defaults::max_decompression_ratio;
  /// The release of all brokers, which then are not asked what they know. Without it they
  /// are; those before 0.10 cannot say, which costs each connection up to half a second.
  std::optional<protocol::kafka_version> kafka_version = {};
  /// Whether brokers are spoken to over TLS.
  bool use_ssl = false;
  /// How; of no effect without `use_ssl`.
  cafka::ssl_options ssl_options = {};
  /// How brokers are logged in to; by default they are not.
  sasl_options sasl = {};
  /// Crashes that are followed by a restart within `max_seconds`. One more ends all
  /// workers, which share the count, and the default worker is started again; the second
  /// time within `max_seconds` the application ends. Producers and consumers have a count
  /// each, and one more ends that producer or consumer alone.
  std::size_t max_restarts = 10;
  /// The window in which restarts are counted.
  std::chrono::seconds max_seconds{60};
  /// How long a worker, producer or consumer that was restarted waits before its second
  /// restart in a row; each further wait is twice as long, up to ten seconds. The first
  /// restart is at once, and one that has run for ten seconds begins a new row. Zero: no
  /// restart waits, as in OTP.
  milliseconds restart_delay{100};
  /// Whether each worker has a supervisor, and so a count of restarts, of its own, as
  /// producers and consumers have: one that crashes too often ends alone. False: as
  /// KafkaEx has it, under one supervisor.
  bool isolate_workers = false;
  /// Threads for sockets, from 1 to 64.
  unsigned io_threads = 1;
  /// The deadline of `stop` when none is given, and of the destructor.
  milliseconds stop_timeout{5'000};

  /// The lowest level that is logged; `info` has what has changed, such as a broker
  /// that answers again. docs/logging.md says what is logged at which level.
  cafka::log_level log_level = cafka::log_level::info;
  /// The same for one component: `worker`, `producer`, `consumer`, `group`, `stream`,
  /// `token`, `supervisor`.
  std::map<std::string, cafka::log_level> log_levels = {};

  /// Producers by name: how each of them is set up when a program first
  /// asks for it by its name, which takes the place of `name` in the options.
  std::map<std::string, producer_options> producers = {};
  /// Consumers by name, likewise.
  std::map<std::string, consumer_options> consumers = {};

  /// Takes each line of the log that is wanted, in place of standard error: its level,
  /// the component that logs it, that one's name, and the text.
  ///
  /// Called in whatever thread something happens, in several at a time, and from within
  /// cafka's own functions: it must return soon and call none of them. What it throws
  /// goes no further; the first time is reported on standard error.
  std::function<void(cafka::log_level level, std::string_view component,
    std::string_view name, std::string_view text)>
    on_log = {};

  /// Called with each supervision event, in the supervisor: it must not block or throw.
  std::function<void(const supervision::supervision_event&)> on_event = {};
  /// Makes the connections; TCP by default. Tests put an in-memory one here.
  std::shared_ptr<actors::transport_factory> transports = {};
  /// Where the tokens of `sasl.oidc` come from. Made by `application::start` as that
  /// says, unless there is one here.
  std::shared_ptr<actors::token_source> tokens = {};
  /// Where the lines of the log go. Made by `application::start` from the three settings
  /// above, unless there is one here.
  std::shared_ptr<actors::log_sink> log = {};
};

/// The name of the worker that is meant: the default worker's for an empty name and for
/// `kafka_ex`, by which KafkaEx knows it; otherwise the name itself.
[[nodiscard]] const std::string& worker_name(
  const application_options& options, const std::string& name);

/// Reads the setting `kafka_version`: a release such as `0.9.0.1`, or `ask` for none.
///
/// Error `invalid_argument` names the text and what is allowed; `out` then is as before.
[[nodiscard]] error read_kafka_version(
  std::string_view text, std::optional<protocol::kafka_version>& out);

/// What is wrong with options, by the table of settings: `invalid_argument` names the
/// setting, its value and what is allowed; code `none` where nothing is.
///
/// `application::start` asks this itself.
[[nodiscard]] error check(const application_options& options);

/// Reads the block `cafka` of a CAF configuration; without one the defaults are returned.
///
/// Error `invalid_argument` names the key, the value and what is allowed, and any key
/// that means nothing.
[[nodiscard]] result<application_options> options_from(const caf::settings& config);

/// The settings of a worker: its own, and the application's where it says nothing.
///
/// Errors: `invalid_group_id` for a consumer group that cannot be one,
/// `invalid_argument`.
[[nodiscard]] result<worker_init> merged(
  const application_options& application, const worker_init& init);

/// The same settings in the words of a worker, for a worker of this name.
///
/// With `use_ssl` the files that `ssl_options` names are read, for this worker alone.
///
/// Error `invalid_argument` for brokers that cannot be read, and for `ssl_options`; it
/// names the option, its value and what is wrong with it.
[[nodiscard]] result<actors::connection_options> connection_options_from(
  const application_options& application, const worker_init& init, std::string name);

} // namespace cafka
