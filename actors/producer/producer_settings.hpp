#pragma once

#include "../../protocol/settings.hpp"
#include "producer.hpp"

#include <array>

namespace cafka {

inline constexpr std::array codec_words{
  row::word<codec>{"none", codec::none},
  row::word<codec>{"gzip", codec::gzip},
  row::word<codec>{"snappy", codec::snappy},
  row::word<codec>{"lz4", codec::lz4},
  row::word<codec>{"zstd", codec::zstd},
};

inline constexpr std::array acks_words{
  row::word<std::int16_t>{"all", -1},
  row::word<std::int16_t>{"-1", -1},
  row::word<std::int16_t>{"1", 1},
  row::word<std::int16_t>{"0", 0},
};

/// The words for partitioners.
[[nodiscard]] inline row::choice<partition_id (*)(const protocol::partition_choice&)>
partitioner_words() {
  using function = partition_id (*)(const protocol::partition_choice&);
  static const auto all = [] {
    std::vector<row::word<function>> words;
    for (const auto& p : protocol::partitioners())
      words.push_back({p.name, p.choose});
    return words;
  }();
  return {all};
}

/// The rows of a producer's options; see `protocol/settings.hpp`.
template <row::options_of<producer_options> Options, class Visitor>
void each_setting(Options& options, Visitor& v) {
  using std::chrono::milliseconds;
  constexpr std::int64_t gigabyte = std::int64_t{1} << 30;
  auto& [name, linger, batch_size, batch_records, max_request_size, max_in_flight,
    buffer_memory, max_block, delivery_timeout, request_timeout, acks, compression,
    compression_level, idempotence, partitioner, sticky_size, allow_auto_topic_creation,
    on_delivery, stalled_after, on_stalled, deliver_to] = options;
  v(CAFKA_SETTING(name), row::of_code{"the name of the block"},
    {"Unique among the application's producers, and the label of its metrics: without "
     "quotation marks, backslashes and control characters."});
  v(CAFKA_SETTING(linger), row::period{milliseconds{0}, row::longest_time},
    {"How long a record may wait for others to share its batch; less than "
     "delivery_timeout. Zero: it goes when a request can."});
  v(CAFKA_SETTING(batch_size), row::whole{1, gigabyte, "bytes"},
    {"Bytes before compression at which a batch is full. Topics refuse more than "
     "max.message.bytes, 1 MiB unless changed; then the producer finds out what they "
     "take."});
  v(CAFKA_SETTING(batch_records), row::whole{0, INT32_MAX, "records"},
    {"Records at which a batch is full as well. Zero: its bytes alone decide."});
  v(CAFKA_SETTING(max_request_size), row::whole{1'024, gigabyte, "bytes"},
    {"Most bytes of batches in one request, and of the largest record before "
     "compression."});
  v(CAFKA_SETTING(max_in_flight), row::whole{1, 1'000, "requests"},
    {"Requests on the way to one broker at a time; with idempotence 5 at most."});
  v(CAFKA_SETTING(buffer_memory), row::whole{4'096, SIZE_MAX / 2, "bytes"},
    {"Memory for all records without an outcome. Buffers come in powers of two from 4 "
     "KiB, one per open batch."});
  v(CAFKA_SETTING(max_block), row::period{milliseconds{0}, row::longest_time},
    {"How long send waits for room in that memory. Zero: not at all."});
  v(CAFKA_SETTING(delivery_timeout), row::period{milliseconds{1}, row::longest_time},
    {"The time from send to the outcome, at the latest."});
  v(CAFKA_SETTING(request_timeout), row::period{milliseconds{1}, row::longest_time},
    {"How long a broker may wait for replicas, and then for anything else."});
  v(CAFKA_SETTING(acks), row::choice{acks_words},
    {"How many replicas must have a batch: all that are in sync (-1), the leader alone, "
     "or none, and then there is no outcome but \"sent\". Idempotence needs all."});
  v(CAFKA_SETTING(compression), row::choice{codec_words},
    {"How batches are compressed."});
  v(CAFKA_SETTING(compression_level), row::whole{INT32_MIN, INT32_MAX},
    {"More is smaller and slower: gzip 0 to 9, lz4 0 to 12, zstd up to 22. Nothing: the "
     "codec's preset."});
  v(CAFKA_SETTING(idempotence), row::yes_no{},
    {"Whether what is sent again is written once, and in order (KIP-98)."});
  v(CAFKA_SETTING(partitioner), partitioner_words(),
    {"How the partition of a record with a key is chosen; a program may set a function. "
     "Nothing: murmur2, as Kafka's Java client."});
  v(CAFKA_SETTING(sticky_size), row::whole{1, gigabyte, "bytes"},
    {"Bytes of records without a key that go to one partition before another is chosen "
     "(KIP-480, KIP-794)."});
  v(CAFKA_SETTING(allow_auto_topic_creation), row::yes_no{},
    {"Whether sending to an unknown topic may create it, where the brokers are set up to "
     "(auto.create.topics.enable)."});
  v(CAFKA_SETTING(on_delivery), row::of_code{"a function"},
    {"Called with each report, in the producer's actor; it must not block."});
  v(CAFKA_SETTING(stalled_after), row::period{milliseconds{0}, row::longest_time},
    {"How long records of a topic may make no progress before that is told. Zero: it is "
     "never told."});
  v(CAFKA_SETTING(on_stalled), row::of_code{"a function"},
    {"Told when records stall, and when that is over."});
  v(CAFKA_SETTING(deliver_to), row::of_code{"an actor"},
    {"Sent each report as a message."});
}

/// What is wrong with a producer's options, by their rows and by what goes together:
/// `invalid_argument` names the option, its value and what is allowed.
[[nodiscard]] error check(const producer_options& options);

} // namespace cafka
