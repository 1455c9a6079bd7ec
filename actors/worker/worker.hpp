#pragma once

#include "../../protocol/defaults.hpp"
#include "../../protocol/machines/partitioner.hpp"
#include "../../protocol/machines/start_at.hpp"
#include "../../protocol/schema/kafka_version.hpp"
#include "../interfaces.hpp"

#include <caf/fwd.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace cafka::actors {

class credentials_source;
class log_sink;

using protocol::offset_reset;

/// How a worker behaves. KafkaEx: `worker_init`.
struct connection_options {
  /// Its name, for its status.
  std::string name;
  /// The client's id in every request, for the brokers' logs and quotas.
  std::string client_id = protocol::defaults::client_id;
  /// The group that requests mean that name none; nothing: no group.
  std::optional<std::string> consumer_group;
  /// The brokers to ask first; must not be empty. Dead ones among them do no harm.
  std::vector<endpoint> brokers;
  /// How often metadata of the topics in use is asked for; zero means only when needed.
  milliseconds metadata_max_age = protocol::defaults::metadata_max_age;
  /// How often the coordinators of the groups in use are asked for; zero means only when
  /// needed.
  milliseconds coordinator_query_interval =
    protocol::defaults::coordinator_query_interval;
  /// Where a fetch without an offset begins, without a group or of one that has
  /// committed nothing, or what is not there any more.
  offset_reset auto_offset_reset = offset_reset::none;
  /// Chooses the partition of a produce that names none.
  protocol::partitioner partitioner = protocol::murmur2_partitioner;
  /// Topics to ask about from the start.
  std::vector<std::string> initial_topics;
  /// The deadline of a request that names none.
  milliseconds request_timeout = protocol::defaults::request_timeout;
  /// How long an answer may be outstanding, beyond what the request lets the broker wait,
  /// before the connection is considered lost.
  milliseconds socket_timeout = protocol::defaults::socket_timeout;
  /// The longest that it pauses because of what one answer says of a broker's quota
  /// (`throttle_time_ms`); zero: it never pauses by itself.
  milliseconds max_throttle = protocol::defaults::max_throttle;
  /// How long a topic that brokers do not know is asked for again: it may be new.
  milliseconds unknown_topic_wait = protocol::defaults::unknown_topic_wait;
  /// Pauses between attempts to connect: the first, doubled up to the longest; each
  /// varies by a fifth either way.
  milliseconds reconnect_backoff = protocol::defaults::reconnect_backoff;
  /// The longest pause between attempts to connect.
  milliseconds reconnect_backoff_max = protocol::defaults::reconnect_backoff_max;
  /// Pauses before a request is tried again, likewise.
  milliseconds retry_backoff = protocol::defaults::retry_backoff;
  /// The longest pause before a request is tried again.
  milliseconds retry_backoff_max = protocol::defaults::retry_backoff_max;
  /// Whether a produce to an unknown topic may create it, if the broker is set up to.
  bool allow_auto_topic_creation = protocol::defaults::allow_auto_topic_creation;
  /// The release of the brokers, which then are not asked for their versions.
  std::optional<protocol::kafka_version> kafka_version;
  /// Most requests at a time; one more is refused with `queue_full`.
  std::size_t max_pending = protocol::defaults::max_pending;
  /// Most bytes that one batch of records may decompress to when it is read; more is the
  /// error `batch_too_large`. Kafka limits what is stored alone (`max.message.bytes`).
  std::size_t max_decompressed_bytes = protocol::defaults::max_decompressed_bytes;
  /// How many times its stored size a batch may decompress to, once that is more than
  /// 16 MiB, likewise; zero: no limit.
  std::size_t max_decompression_ratio = protocol::defaults::max_decompression_ratio;
  /// How its connections behave.
  transport_options transport{};
  /// What it logs in with. Null: it does not.
  std::shared_ptr<credentials_source> sasl;
  /// Where it logs its connections and requests. Null: nowhere.
  std::shared_ptr<log_sink> log;
};

/// Starts a worker: a client of one cluster.
///
/// It connects at once and keeps trying; requests wait for a connection within their
/// deadlines. It ends on an exit message, having answered every caller with `closed`.
worker_actor spawn_worker(caf::actor_system& sys, connection_options options,
  std::shared_ptr<transport_factory> transports);

} // namespace cafka::actors
