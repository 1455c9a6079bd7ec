#pragma once

#include "../../protocol/machines/offset_reset.hpp"
#include "../../protocol/machines/partitioner.hpp"
#include "../../protocol/machines/quota.hpp"
#include "../../protocol/schema/kafka_version.hpp"
#include "../interfaces.hpp"

#include <caf/fwd.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace cafka::actors {

class log_sink;

using protocol::offset_reset;

/// How a worker behaves. KafkaEx: `worker_init`.
struct connection_options {
  /// Its name, for its status.
  std::string name;
  /// What brokers are told is asking, for their logs and quotas.
  std::string client_id = "cafka";
  /// The group that requests mean that name none; nothing: no group.
  std::optional<std::string> consumer_group;
  /// The brokers to ask first; must not be empty. Dead ones among them do no harm.
  std::vector<endpoint> brokers;
  /// How often metadata of the topics in use is asked for; zero means only when needed.
  milliseconds metadata_max_age{30'000};
  /// How often the coordinators of the groups in use are asked for; zero means only when
  /// needed.
  milliseconds coordinator_query_interval{30'000};
  /// Where a fetch begins that is told no offset, without a group or of one that has
  /// committed nothing, or what is not there any more.
  offset_reset auto_offset_reset = offset_reset::none;
  /// Chooses the partition of a produce that names none.
  protocol::partitioner partitioner = protocol::murmur2_partitioner;
  /// Topics to ask about from the start.
  std::vector<std::string> initial_topics;
  /// The deadline of a request that names none.
  milliseconds request_timeout{30'000};
  /// How long a broker may owe an answer, beyond what the request lets it wait, before
  /// the connection is held for dead.
  milliseconds socket_timeout{10'000};
  /// The longest that it pauses because of what one answer says of a broker's quota
  /// (`throttle_time_ms`); zero: it never pauses by itself.
  milliseconds max_throttle = protocol::default_max_throttle;
  /// How long a topic that brokers do not know is hoped for: it may be new.
  milliseconds unknown_topic_wait{2'000};
  /// Pauses between attempts to connect: the first, doubled up to the longest; each
  /// varies by a fifth either way.
  milliseconds reconnect_backoff{50};
  /// The longest pause between attempts to connect.
  milliseconds reconnect_backoff_max{1'000};
  /// Pauses before a request is tried again, likewise.
  milliseconds retry_backoff{20};
  /// The longest pause before a request is tried again.
  milliseconds retry_backoff_max{1'000};
  /// Whether a produce to an unknown topic may create it, if the broker is set up to.
  bool allow_auto_topic_creation = true;
  /// The release of the brokers, which then are not asked for their versions.
  std::optional<protocol::kafka_version> kafka_version;
  /// Most requests at a time; one more is refused with `queue_full`.
  std::size_t max_pending = 100'000;
  /// Most bytes that one batch of records may decompress to when it is read; more is the
  /// error `batch_too_large`. Kafka limits what is stored alone (`max.message.bytes`).
  std::size_t max_decompressed_bytes = 128 * 1024 * 1024;
  /// How many times its stored size a batch may decompress to, once that is more than
  /// 16 MiB, likewise; zero: no limit.
  std::size_t max_decompression_ratio = 10'000;
  /// How its connections behave.
  transport_options transport{};
  /// Where it tells of its connections and requests. Null: nowhere.
  std::shared_ptr<log_sink> log;
};

/// Starts a worker: a client of one cluster.
///
/// It connects at once and keeps trying; requests wait for a connection within their
/// deadlines. It ends on an exit message, having answered every caller with `closed`.
worker_actor spawn_worker(caf::actor_system& sys, connection_options options,
  std::shared_ptr<transport_factory> transports);

} // namespace cafka::actors
