#pragma once

#include "../endpoint.hpp"
#include "../messages/api_versions.hpp"
#include "../messages/metadata.hpp"
#include "../types.hpp"
#include "coordinator_of.hpp"
#include "topic_directory.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cafka::protocol {

/// Leaves in an answer the topics that were asked for: what else a broker sends is not to
/// be kept.
void keep_asked(metadata_response& answer, std::vector<std::string> asked);

/// What is known of a cluster: brokers, controller, who leads what, and who coordinates
/// what.
///
/// Fed with metadata responses. What they say of topics goes to the topic directory,
/// which decides what of it counts.
class cluster {
public:
  /// What is known of a partition's leader.
  enum class leadership : std::uint8_t {
    unknown,           ///< The topic was not asked about yet.
    topic_refused,     ///< The broker gave an error for the topic.
    no_such_partition, ///< The topic has no such partition.
    no_leader,         ///< There is no leader now.
    led,               ///< There is one.
  };

  /// What is known of a partition's leader.
  struct leader_view {
    /// Whether there is a leader, and if not why.
    leadership state = leadership::unknown;
    /// The leader; -1 where none is known.
    broker_id leader = -1;
    /// Why, where the topic was refused.
    error_code why = error_code::none;
  };

  /// Keeps for a while also the answers about topics that are not in use.
  explicit cluster(topic_directory_options options = {});

  /// Takes in an answer about all topics (`complete`) or some.
  void update(const metadata_response& answer, bool complete);
  /// What comes from now on comes at this time.
  void set_time(time_point now) { now_ = now; }

  /// Takes in of such an answer where the brokers listen and who controls, and nothing
  /// about topics.
  void update_brokers(const metadata_response& answer);

  /// What is known of the partition's leader.
  [[nodiscard]] leader_view leader_of(const std::string& topic, partition_id p) const;

  /// The topics: who uses them, what is asked about them and what is known.
  [[nodiscard]] topic_directory& topics() { return topics_; }
  [[nodiscard]] const topic_directory& topics() const { return topics_; }

  /// Notes that the leader known for the partition is not the leader any more.
  void forget_leader(const std::string& topic, partition_id p);

  /// Notes that the controller known is not the controller any more.
  void forget_controller() { controller_ = -1; }

  /// The number of a topic's partitions; zero where it is not known.
  [[nodiscard]] std::int32_t partition_count(const std::string& name) const;

  /// Notes that what is known of a topic may be wrong: it was made or removed.
  void forget_topic(const std::string& name);

  /// How many topics are known.
  [[nodiscard]] std::size_t topic_count() const { return topics_.known_count(); }
  /// How many coordinators are known.
  [[nodiscard]] std::size_t coordinator_count() const { return coordinators_.size(); }

  /// Takes in an answer about a coordinator; the broker need not be in the metadata.
  void learn_coordinator(const coordinator_of& what, broker_id id, endpoint address);

  /// The coordinator known; -1 where none is.
  [[nodiscard]] broker_id coordinator(const coordinator_of& what) const;

  /// Notes that the coordinator known is not the coordinator any more.
  void forget_coordinator(const coordinator_of& what);

  /// Notes that nothing that this broker coordinated may be its any more.
  void forget_coordinators_at(broker_id id);

  /// Takes in the features that a broker has told; those of an older epoch count for
  /// nothing (KIP-584).
  void learn_features(const finalized_features& told);
  /// The features in force in the whole cluster, of the newest epoch that was told.
  [[nodiscard]] const finalized_features& features() const { return features_; }

  /// Where a broker listens according to the newest answer, from metadata or about a
  /// coordinator; null where it is not known.
  [[nodiscard]] const endpoint* address_of(broker_id id) const;
  /// Why the address of a broker in the metadata is not known; empty where it is, or the
  /// metadata does not have the broker.
  [[nodiscard]] std::string why_no_address(broker_id id) const;
  /// A number that changes whenever the address of any broker does.
  [[nodiscard]] std::uint64_t addresses() const { return addresses_; }
  /// The brokers in the metadata and where they listen.
  [[nodiscard]] const std::map<broker_id, endpoint>& brokers() const { return brokers_; }
  /// The controller; -1 where it is not known.
  [[nodiscard]] broker_id controller() const { return controller_; }

  /// The topic's id; all zero where it is not known.
  [[nodiscard]] uuid topic_id(const std::string& topic) const;

  /// A broker that is known by number and listens somewhere else now.
  struct broker_move {
    /// The broker.
    broker_id id = -1;
    /// The address that it had.
    endpoint before;
    /// The address that it has.
    endpoint now;
  };

  /// What answers have changed, for a log.
  struct changes {
    /// Partitions whose leader has changed.
    leader_moves leaders;
    /// Brokers whose address has changed.
    std::vector<broker_move> brokers;
    /// The new controller; nothing: the same as before.
    std::optional<broker_id> controller;
  };

  /// Whether anything has changed since the last `take_news`.
  [[nodiscard]] bool has_changes() const {
    return topics_.has_moves() || !changes_.brokers.empty() || changes_.controller;
  }
  /// What has changed since the last time.
  [[nodiscard]] changes take_changes();

private:
  void forget_unlisted(broker_id id);

  time_point now_;
  std::map<broker_id, endpoint> brokers_;
  // In the metadata, with an address that cannot be one.
  std::map<broker_id, std::string> refused_;
  // Coordinators that the metadata does not have.
  std::map<broker_id, endpoint> unlisted_;
  std::uint64_t addresses_ = 0;
  broker_id controller_ = -1;
  topic_directory topics_;
  std::map<coordinator_of, broker_id> coordinators_;
  finalized_features features_;
  broker_id told_controller_ = -1;
  changes changes_;
};

} // namespace cafka::protocol
