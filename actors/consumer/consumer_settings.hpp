#pragma once

#include "../../protocol/settings.hpp"
#include "../group/group_settings.hpp"
#include "consumer.hpp"

#include <array>

namespace cafka {

inline constexpr std::array offset_reset_words{
  row::word<offset_reset>{"none", offset_reset::none},
  row::word<offset_reset>{"earliest", offset_reset::earliest},
  row::word<offset_reset>{"latest", offset_reset::latest},
};

inline constexpr std::array isolation_words{
  row::word<isolation_level>{"read_uncommitted", isolation_level::read_uncommitted},
  row::word<isolation_level>{"read_committed", isolation_level::read_committed},
};

/// The rows of a consumer's options; see `protocol/settings.hpp`.
template <row::options_of<consumer_options> Options, class Visitor>
void each_setting(Options& options, Visitor& v) {
  using std::chrono::milliseconds;
  constexpr std::int64_t gigabyte = std::int64_t{1} << 30;
  constexpr milliseconds day = std::chrono::hours{24};
  auto& [name, fetch_max_bytes, max_partition_fetch_bytes, fetch_min_bytes,
    fetch_max_wait, buffer_memory, request_timeout, stalled_after, isolation,
    auto_offset_reset, client_rack, check_crcs, max_decompressed_bytes,
    max_decompression_ratio, group, membership, deliver_to] = options;
  v(CAFKA_SETTING(name), row::of_code{"the name of the block"},
    {"Unique among the application's consumers, and the label of its metrics: without "
     "quotation marks, backslashes and control characters."});
  v(CAFKA_SETTING(fetch_max_bytes), row::whole{1, gigabyte, "bytes"},
    {"Most bytes of one answer. A first batch that is larger comes nevertheless."});
  v(CAFKA_SETTING(max_partition_fetch_bytes), row::whole{1, gigabyte, "bytes"},
    {"Most bytes of one partition in an answer, likewise."});
  v(CAFKA_SETTING(fetch_min_bytes), row::whole{0, gigabyte, "bytes"},
    {"Bytes that a broker waits for, for fetch_max_wait at most; fetch_max_bytes at "
     "most."});
  v(CAFKA_SETTING(fetch_max_wait), row::period{milliseconds{0}, day},
    {"How long a broker waits for fetch_min_bytes."});
  v(CAFKA_SETTING(buffer_memory), row::whole{4'096, SIZE_MAX / 2, "bytes"},
    {"Memory for all that was fetched and decompressed, what the program still holds "
     "included; when it is full nothing more is asked for."});
  v(CAFKA_SETTING(request_timeout), row::period{milliseconds{1}},
    {"How long a broker may owe an answer beyond fetch_max_wait; one whose bytes arrive "
     "may take longer."});
  v(CAFKA_SETTING(stalled_after), row::period{milliseconds{0}, day},
    {"How long a partition may make no progress before that is told. Zero: it is never "
     "told."});
  v(CAFKA_SETTING(isolation), row::choice{isolation_words},
    {"Whether records of transactions that were not committed are left out (KIP-98)."});
  v(CAFKA_SETTING(auto_offset_reset), row::choice{offset_reset_words},
    {"Where reading goes on whose offset is out of range, and where a member begins "
     "whose "
     "group has committed nothing. \"none\": that halts the partition, with an error."});
  v(CAFKA_SETTING(client_rack), row::text{"leaders are asked"},
    {"Where the client is, for a replica close by (KIP-392). Empty: leaders are "
     "asked."});
  v(CAFKA_SETTING(check_crcs), row::yes_no{}, {"Whether checksums are compared."});
  v(CAFKA_SETTING(max_decompressed_bytes), row::whole{1, INT64_MAX, "bytes"},
    {"Most bytes that one batch may decompress to; more is the error BATCH_TOO_LARGE, "
     "which halts its partition. Nothing: the application's."});
  v(CAFKA_SETTING(max_decompression_ratio), row::whole{},
    {"How many times its stored size a batch may decompress to, once that is more than "
     "16 MiB, likewise. Zero: no limit. Nothing: the application's."});
  v(CAFKA_SETTING(group), row::text{"none: partitions are assigned"},
    {"The group that it is a member of. Empty: none."});
  v(CAFKA_SETTING(membership), row::block{}, {"How it is a member; see below."});
  v(CAFKA_SETTING(deliver_to), row::of_code{"an actor"},
    {"Sent each batch and error as a message, by credit; then there is no poll."});
}

/// What is wrong with a consumer's options, by their rows and by what goes together:
/// `invalid_argument` names the option, its value and what is allowed.
[[nodiscard]] error check(const consumer_options& options);

} // namespace cafka
