#pragma once

// The defaults that several structs have in common: each stands here once. The structs
// that programs fill in say what they mean.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace cafka::protocol::defaults {

using std::chrono::milliseconds;

// -- of every client --------------------------------------------------------------------

inline constexpr auto client_id = "cafka";
inline constexpr milliseconds request_timeout{30'000};
inline constexpr milliseconds connect_timeout{10'000};
inline constexpr milliseconds socket_timeout{10'000};
inline constexpr milliseconds metadata_max_age{30'000};
inline constexpr milliseconds coordinator_query_interval{30'000};
inline constexpr milliseconds unknown_topic_wait{2'000};
inline constexpr milliseconds reconnect_backoff{50};
inline constexpr milliseconds reconnect_backoff_max{1'000};
inline constexpr milliseconds login_backoff{1'000};
inline constexpr milliseconds login_backoff_max{10'000};
inline constexpr milliseconds retry_backoff{20};
inline constexpr milliseconds retry_backoff_max{1'000};
/// Of both back-offs.
inline constexpr double backoff_jitter = 0.2;
/// Longer than the windows in which brokers count, and short enough that a number that
/// makes no sense does not silence a client.
inline constexpr milliseconds max_throttle{300'000};
/// As much as Kafka's protocol can express.
inline constexpr std::size_t receive_message_max_bytes =
  std::numeric_limits<std::int32_t>::max();
inline constexpr bool allow_auto_topic_creation = true;
/// Of a topic or coordinator that nobody uses: it is not asked about any more.
inline constexpr milliseconds topic_idle{300'000};
inline constexpr std::size_t max_pending = 100'000;
inline constexpr std::size_t max_decompressed_bytes = 128 * 1024 * 1024;
inline constexpr std::size_t max_decompression_ratio = 10'000;
/// Of records or a partition without progress.
inline constexpr milliseconds stalled_after{10'000};
/// For a closer look at what may stand still, long before that.
inline constexpr milliseconds stall{1'000};

// -- of a producer ----------------------------------------------------------------------

inline constexpr milliseconds linger{5};
inline constexpr std::size_t batch_size = 1'000'000;
inline constexpr std::size_t max_request_size = 4 * 1024 * 1024;
inline constexpr std::size_t max_in_flight = 5;
inline constexpr std::size_t sticky_size = 64 * 1024;
inline constexpr milliseconds delivery_timeout{120'000};
inline constexpr bool idempotence = true;
inline constexpr milliseconds transaction_timeout{60'000};

// -- of a producer and a consumer -------------------------------------------------------

inline constexpr std::size_t buffer_memory = 64 * 1024 * 1024;

// -- of a consumer ----------------------------------------------------------------------

inline constexpr std::size_t fetch_max_bytes = 50 * 1024 * 1024;
inline constexpr std::size_t max_partition_fetch_bytes = 1024 * 1024;
inline constexpr std::size_t fetch_min_bytes = 1;
inline constexpr milliseconds fetch_max_wait{500};

// -- of a fetch and a stream ------------------------------------------------------------

/// Most bytes of one fetch.
inline constexpr std::int32_t max_bytes = 1'000'000;
inline constexpr milliseconds auto_commit_interval{5'000};
inline constexpr std::size_t commit_threshold = 100;

// -- of a member of a group -------------------------------------------------------------

inline constexpr milliseconds session_timeout{45'000};
/// A third of the session timeout at most.
inline constexpr milliseconds heartbeat_interval{3'000};
inline constexpr milliseconds rebalance_timeout{300'000};

} // namespace cafka::protocol::defaults
