#pragma once

#include "../actors/consumer/consumer_settings.hpp"
#include "../actors/producer/producer_settings.hpp"
#include "../actors/sasl/sasl_settings.hpp"
#include "../actors/transport/tls_settings.hpp"
#include "../protocol/settings.hpp"
#include "options.hpp"

#include <array>

namespace cafka {

inline constexpr std::array log_level_words{
  row::word<log_level>{"trace", log_level::trace},
  row::word<log_level>{"debug", log_level::debug},
  row::word<log_level>{"info", log_level::info},
  row::word<log_level>{"warning", log_level::warning},
  row::word<log_level>{"error", log_level::error},
  row::word<log_level>{"critical", log_level::critical},
  row::word<log_level>{"off", log_level::off},
};

/// The rows of the application's options; see `protocol/settings.hpp`.
template <row::options_of<application_options> Options, class Visitor>
void each_setting(Options& options, Visitor& v) {
  using std::chrono::milliseconds;
  using std::chrono::seconds;
  constexpr milliseconds more_than_zero{1};
  auto& [brokers, client_id, disable_default_worker, default_worker, metadata_max_age,
    coordinator_query_interval, consumer_group, auto_offset_reset, auto_commit_interval,
    commit_threshold, partitioner, initial_topics, request_timeout, connect_timeout,
    socket_timeout, max_throttle, receive_message_max_bytes, unknown_topic_wait,
    reconnect_backoff, reconnect_backoff_max, retry_backoff, retry_backoff_max,
    allow_auto_topic_creation, max_decompressed_bytes, max_decompression_ratio,
    kafka_version, use_ssl, ssl_options, sasl, max_restarts, max_seconds, restart_delay,
    isolate_workers, io_threads, stop_timeout, log_level, log_levels, producers,
    consumers, on_log, on_event, transports, tokens, log] = options;

  v(CAFKA_SETTING(brokers), row::addresses{},
    {.says = "Brokers to ask first: they tell of all the others, and dead ones among "
             "them do no harm. A list, or one text with commas. The port may be left "
             "out: 9092.",
      .flag = "--brokers",
      .everyday = true});
  v(CAFKA_SETTING(client_id), row::text{},
    {"What brokers are told is asking: it appears in their logs, metrics and quotas."});
  v(CAFKA_SETTING(disable_default_worker), row::yes_no{},
    {"When true, only the workers that the program creates are started."});
  v(CAFKA_SETTING(default_worker), row::text{},
    {"The name of the worker that is asked when none is named. It also answers to "
     "kafka_ex, the name that KafkaEx gives it."});
  v(CAFKA_SETTING(metadata_max_age), row::period{},
    {.says = "How often a client asks for metadata of the topics it uses. Zero: only "
             "when an error says that what it knows is old.",
      .alias = "metadata_update_interval"});
  v(CAFKA_SETTING(coordinator_query_interval), row::period{},
    {.says = "How often a worker asks which broker coordinates the groups it uses. Zero: "
             "only when an error says that what it knows is old.",
      .alias = "consumer_group_update_interval"});
  v(CAFKA_SETTING(consumer_group), row::group{},
    {"The consumer group of workers that name none. It is what a fetch without an offset "
     "goes on from, and commits for. Empty: none."});
  v(CAFKA_SETTING(auto_offset_reset), row::choice{offset_reset_words},
    {"Where a fetch or a stream begins that is told no offset, of a group that has "
     "committed nothing or without a group, and where it goes on when its offset is out "
     "of range. \"none\": it begins at the first offset there is, and takes an offset "
     "out of range for an error."});
  v(CAFKA_SETTING(auto_commit_interval), row::period{},
    {.says = "How often a stream commits what it has handed over: after so much time, or "
             "so many records as commit_threshold says, whichever comes first. Zero: "
             "the number alone decides.",
      .alias = "commit_interval"});
  v(CAFKA_SETTING(commit_threshold), row::whole{0, 1'000'000'000, "records"},
    {"After how many records a stream commits at the latest; see "
     "auto_commit_interval. Zero: time alone decides."});
  v(CAFKA_SETTING(partitioner), partitioner_words(),
    {"How the partition of a record is chosen whose produce names none: by the key's "
     "hash, \"murmur2\" as Kafka's Java clients, \"crc32\" as librdkafka, \"legacy\" as "
     "KafkaEx's LegacyPartitioner, or \"random\". A program may set a function."});
  v(CAFKA_SETTING(initial_topics), row::names{},
    {"Topics whose metadata workers ask for from the start."});
  v(CAFKA_SETTING(request_timeout), row::period{more_than_zero},
    {.says = "The deadline of a request that names none, from the question to the answer "
             "with all attempts in between.",
      .flag = "--timeout"});
  v(CAFKA_SETTING(connect_timeout), row::period{more_than_zero},
    {"The deadline for one attempt to connect: name resolution, all addresses and TLS "
     "together."});
  v(CAFKA_SETTING(socket_timeout), row::period{more_than_zero},
    {"How long a broker may owe an answer without a byte of it, beyond what the request "
     "itself lets it wait, until its connection is considered lost."});
  v(CAFKA_SETTING(max_throttle), row::period{},
    {"The longest that requests are held back because of what one answer says of a "
     "broker's quota (throttle_time_ms, KIP-219). Zero: they are not held back."});
  v(CAFKA_SETTING(receive_message_max_bytes), row::whole{1'024, INT32_MAX, "bytes"},
    {.says = "The largest answer that is taken from a broker; by default as much as "
             "Kafka's protocol can express. The request that a larger one belongs to "
             "fails with FRAME_TOO_LARGE. Memory is taken as the bytes come.",
      .flag = "--receive-max-bytes"});
  v(CAFKA_SETTING(unknown_topic_wait), row::period{},
    {"How long a request for a topic that brokers do not know is tried again: the topic "
     "may be new. Zero: not at all."});
  v(CAFKA_SETTING(reconnect_backoff), row::period{more_than_zero},
    {.says = "The pause before a second attempt to connect, doubled from one attempt to "
             "the next up to reconnect_backoff_max, and varied by a fifth.",
      .alias = "sleep_for_reconnect"});
  v(CAFKA_SETTING(reconnect_backoff_max), row::period{more_than_zero},
    {"The longest of these pauses; reconnect_backoff where that is more."});
  v(CAFKA_SETTING(retry_backoff), row::period{more_than_zero},
    {"The pause before a request is tried again, doubled from one attempt to the next up "
     "to retry_backoff_max, and varied by a fifth."});
  v(CAFKA_SETTING(retry_backoff_max), row::period{more_than_zero},
    {"The longest of these pauses; retry_backoff where that is more."});
  v(CAFKA_SETTING(allow_auto_topic_creation), row::yes_no{},
    {"Whether a produce to an unknown topic may create it, where the brokers are set up "
     "to (auto.create.topics.enable)."});
  v(CAFKA_SETTING(max_decompressed_bytes), row::whole{1, INT64_MAX, "bytes"},
    {"Most bytes that one batch of records may decompress to when it is read; more is "
     "the error BATCH_TOO_LARGE. Kafka limits what is stored alone."});
  v(CAFKA_SETTING(max_decompression_ratio), row::whole{},
    {"How many times its stored size a batch may decompress to, once that is more than "
     "16 MiB, likewise. Zero: no limit. Records that are all alike come to some "
     "thousands."});
  v(CAFKA_SETTING(kafka_version), row::release{},
    {.says = "The release of all brokers, \"0.8.0\" to \"4.3\", which then are not asked "
             "what they know; or \"ask\". Brokers before 0.10 cannot tell: to find out "
             "takes each connection up to half a second, costs an error line in the "
             "broker's log, and can make a busy 0.9 forget requests of others. So it is "
             "best set for those.",
      .flag = "--kafka-version"});
  v(CAFKA_SETTING(use_ssl), row::yes_no{},
    {.says = "Whether brokers are spoken to over TLS.", .flag = "--tls"});
  v(CAFKA_SETTING(ssl_options), row::block{},
    {"How; of no effect without use_ssl. See docs/tls.md."});
  v(CAFKA_SETTING(sasl), row::block{},
    {"How brokers are logged in to. See docs/sasl.md."});
  v(CAFKA_SETTING(max_restarts), row::whole{0, 1'000'000, "restarts"},
    {"How often crashed workers are restarted within max_seconds. One crash more ends "
     "all workers, and the default worker is started again; the second time within "
     "max_seconds the application ends. Producers and consumers have a count each, and "
     "one crash more ends that one alone."});
  v(CAFKA_SETTING(max_seconds), row::period{seconds{1}},
    {"The window in which restarts are counted."});
  v(CAFKA_SETTING(restart_delay), row::period{},
    {"How long a worker, producer or consumer waits before its second restart in a row, "
     "doubled with each further one, up to ten seconds. The first is at once. Zero: all "
     "of them are."});
  v(CAFKA_SETTING(isolate_workers), row::yes_no{},
    {"Whether each worker has a count of restarts of its own, so that one that crashes "
     "too often ends alone."});
  v(CAFKA_SETTING(io_threads), row::whole{1, 64, "threads"}, {"Threads for sockets."});
  v(CAFKA_SETTING(stop_timeout), row::period{more_than_zero},
    {"How long stopping may take; what still runs then is killed."});
  v(CAFKA_SETTING(log_level), row::choice{log_level_words},
    {"The lowest level that is logged. What is told at which level says "
     "docs/logging.md."});
  v(CAFKA_SETTING(log_levels), row::levels{},
    {"The same for one component, where it differs: worker, producer, consumer, group, "
     "stream, token, supervisor; such as producer = \"debug\"."});
  v(CAFKA_SETTING(producers), row::named_blocks{},
    {"Producers by name: how each of them is set up when a program first asks for it by "
     "its name. What a block leaves out is at its default."});
  v(CAFKA_SETTING(consumers), row::named_blocks{}, {"Consumers by name, likewise."});
  v(CAFKA_SETTING(on_log), row::of_code{"a function"},
    {"Takes each line of the log, in place of standard error."});
  v(CAFKA_SETTING(on_event), row::of_code{"a function"},
    {"Called with each supervision event, in the supervisor."});
  v(CAFKA_SETTING(transports), row::of_code{"an object"},
    {"Makes the connections; TCP unless it is set."});
  v(CAFKA_SETTING(tokens), row::of_code{"an object"},
    {"Where the tokens of sasl.oidc come from; made as that says unless it is set."});
  v(CAFKA_SETTING(log), row::of_code{"an object"},
    {"Where the lines of the log go; made from the settings above unless it is set."});
}

} // namespace cafka
