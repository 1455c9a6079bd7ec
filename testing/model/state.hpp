#pragma once

#include "../../protocol/endpoint.hpp"
#include "../../protocol/schema/kafka_version.hpp"
#include "../../protocol/secret.hpp"
#include "classic_group.hpp"
#include "cluster_options.hpp"
#include "consumer_group.hpp"
#include "log.hpp"
#include "login.hpp"
#include "producers.hpp"
#include "sessions.hpp"
#include "transactions.hpp"

#include <algorithm>
#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace cafka::testing {

using time_point = std::chrono::steady_clock::time_point;

/// A partition: its log, which all replicas share, and what each knows of producers.
struct fake_partition {
  std::vector<std::int32_t> replicas;
  /// -1 for none.
  std::int32_t leader = -1;
  std::int32_t epoch = 0;
  fake_log log;
  std::map<std::int32_t, producer_table> producers;
  /// Up to where it can be read, where the leader does not reach the other replicas.
  std::optional<protocol::log_offset> high_watermark = {};

  [[nodiscard]] protocol::log_offset readable_end() const {
    return high_watermark ? std::min(*high_watermark, log.end()) : log.end();
  }
};

struct fake_topic {
  std::string name;
  protocol::uuid id;
  std::map<std::string, std::string> configs;
  std::deque<fake_partition> partitions;

  /// A config as a number, or what it is without one.
  [[nodiscard]] std::int64_t number(
    const std::string& config, std::int64_t otherwise) const;
  [[nodiscard]] bool says(const std::string& config, std::string_view value) const;
};

struct fake_broker {
  std::int32_t id = 0;
  protocol::endpoint address;
  std::optional<std::string> rack;
  protocol::kafka_version release{4, 3};
  /// What it says that it knows, of what there is a description for here.
  protocol::version_table versions;
  bool alive = true;
  /// Takes requests and works on none until it is resumed.
  bool paused = false;
  /// Added to each answer.
  std::chrono::milliseconds slow{0};
  /// Whether it waits for the bytes that a Fetch asks for.
  bool waits = true;
  /// By how many records it follows leaders, where it is read from as a follower.
  std::int64_t behind = 0;
  fetch_sessions sessions;
};

/// A consumer group's offsets.
struct committed_offset {
  protocol::log_offset offset = -1;
  protocol::leader_epoch epoch = -1;
  std::optional<std::string> metadata;
};

/// What all brokers of a cluster know, or those of one side of a network that is broken.
struct fake_state {
  cluster_options options;
  std::map<std::int32_t, fake_broker> brokers;
  std::map<std::string, fake_topic> topics;
  std::map<protocol::uuid, std::string> names;
  std::int32_t controller = 0;
  /// What brokers do wrong in logins.
  login_lie lie = login_lie::none;
  /// How many nonces brokers have given out.
  std::uint64_t nonces = 0;
  /// What SCRAM derives from passwords, by all that it follows from.
  std::map<std::string, protocol::secret> salted = {};
  /// Coordinators that were moved, by type and key.
  std::map<std::pair<std::int8_t, std::string>, std::int32_t> coordinators;
  using group_offsets = std::map<std::pair<std::string, std::int32_t>, committed_offset>;
  std::map<std::string, group_offsets> groups;
  /// Groups that have or had members of the classic protocol.
  std::map<std::string, classic_group> members;
  /// Groups that have or had members of the consumer protocol; none is among those.
  std::map<std::string, consumer_group> consumers;
  std::map<std::string, transactional_id> transactional_ids;
  /// Offsets of transactions that are open, by group and producer id.
  std::map<std::string, std::map<std::int64_t, group_offsets>> pending_offsets;
  std::int64_t next_producer_id = 1'000;
  std::uint64_t ids = 0;
  /// Grows with whatever a waiting Fetch may wait for.
  std::uint64_t changes = 0;
  /// With another number keys have other coordinators.
  std::uint64_t hashing = 0;
  /// The brokers here, if this is a side without the cluster's controller.
  std::set<std::int32_t> cut_off;

  /// Whether these brokers reach no controller: they know what they knew, and nothing
  /// becomes known.
  [[nodiscard]] bool apart() const { return !cut_off.empty(); }
  /// Whether a partition's leader waits for replicas that it does not reach.
  [[nodiscard]] bool misses_replicas(const fake_partition& p) const;

  [[nodiscard]] fake_topic* find(const std::string& topic);
  [[nodiscard]] fake_topic* find(const protocol::uuid& id);
  /// Null for one that does not exist.
  [[nodiscard]] static fake_partition* find(fake_topic* topic, protocol::partition_id p);
  [[nodiscard]] bool alive(std::int32_t broker) const;
  [[nodiscard]] std::vector<std::int32_t> alive_of(
    const std::vector<std::int32_t>& replicas) const;
  /// The broker that coordinates; -1 when none can.
  [[nodiscard]] std::int32_t coordinator(std::int8_t type, const std::string& key) const;

  /// Null for one that never had members of the classic protocol.
  [[nodiscard]] classic_group* group(const std::string& id);
  /// In the place of a group of the consumer protocol that has no members any more.
  classic_group& make_group(const std::string& id);
  /// Null for one that never had members of the consumer protocol.
  [[nodiscard]] consumer_group* consumers_of(const std::string& id);
  /// A new one, which is not there yet.
  [[nodiscard]] consumer_group fresh_consumers() const;
  /// Whether there is a group of this name, be it one that has offsets alone.
  [[nodiscard]] bool has_group(const std::string& id) const;
  /// With its offsets.
  void remove_group(const std::string& id);
  /// All topics, as groups see them.
  [[nodiscard]] known_topics topics_for_groups() const;
  /// The feature transaction.version in force.
  [[nodiscard]] std::int16_t transaction_version() const;
  /// Whether a producer may write this: by its transaction, which gets the partition or
  /// the group if `adds`. `place`: a topic's name and partition, or a group and nothing.
  [[nodiscard]] protocol::error_code admit(time_point now, const std::string& id,
    transactional_id::producer who, const std::string& place,
    std::optional<std::int32_t> partition, bool adds);
  /// Writes what is missing of a decided transaction, where partitions have leaders.
  void write_markers(time_point now, transactional_id& t);
  /// Writes one marker; whether it could be.
  bool write_marker(time_point now, const std::string& topic, std::int32_t partition,
    transactional_id::producer who, bool commit);
  /// What is due by now happens, in groups and transactions.
  void on_time(time_point now);
  [[nodiscard]] time_point next_time() const;

  fake_topic& create(const std::string& name, std::int32_t partitions,
    std::int16_t replication_factor, std::map<std::string, std::string> configs = {});
  fake_topic& create(const std::string& name,
    const std::vector<std::vector<std::int32_t>>& replicas,
    std::map<std::string, std::string> configs = {});
  bool remove(const std::string& name);
  /// Another leader, in a new epoch; -1 for none.
  void lead(fake_partition& p, std::int32_t leader);
  [[nodiscard]] protocol::timestamp time_of_day(time_point now) const;
  [[nodiscard]] bool knows_kraft() const;
  /// An id for a topic that no other one has.
  protocol::uuid fresh_id();
};

/// Whether Kafka takes a topic's name.
[[nodiscard]] bool legal_topic_name(const std::string& name);

} // namespace cafka::testing
