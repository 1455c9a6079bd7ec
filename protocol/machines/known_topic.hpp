#pragma once

#include "../messages/metadata.hpp"
#include "../types.hpp"
#include "leader_moves.hpp"
#include "time_point.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace cafka::protocol {

/// What a client knows of a partition's leader, and the one rule for what it hears next.
///
/// Brokers learn of a new leader at different times, so that metadata with an earlier
/// epoch than the known one are out of date, most often (KIP-320). They tell the truth
/// where a cluster was restored from a backup, where an unclean election has ended badly,
/// and where a topic was recreated by brokers that have no topic ids. So an earlier epoch
/// counts once `answers_to_go_back` answers in a row have told one, and the known leader
/// has not done its work in between. Where ids tell that it is the same topic,
/// `time_to_go_back` must have passed as well: a broker that reaches no controller tells
/// what it knew for as long as that lasts. It need not if the known leader itself does
/// not know the epoch.
struct known_partition {
  static constexpr std::uint8_t answers_to_go_back = 5;
  static constexpr std::chrono::seconds time_to_go_back{60};

  partition_id id = 0;
  broker_id leader = -1; ///< -1: nobody leads, or it is not known who does.
  /// Of the leader, or of the last one; -1: none is known.
  leader_epoch epoch = -1;
  /// The leader that the log was told last.
  broker_id logged = leader_moves::never;
  std::uint8_t earlier = 0; ///< Answers in a row that told an earlier epoch.
  time_point earlier_since; ///< When the first of them came.

  /// What the last metadata of its topic meant for it.
  enum class outcome : std::uint8_t {
    left_out, ///< They do not name it: the topic has no such partition.
    earlier,  ///< They are out of date, as far as is known.
    counted,
  };
  outcome last = outcome::left_out;

  /// Metadata says so, of the topic that is known if it is the `same`, perhaps of
  /// another. False: it is earlier, and what is known stays for now.
  bool learn(time_point now, broker_id who, leader_epoch e, bool same);

  /// A broker that refused a request names the leader (KIP-951). False: it is not newer.
  bool learn_newer(broker_id who, leader_epoch e);

  /// The known leader has answered as the leader: a broker that names another one is
  /// behind.
  void on_led() { earlier = 0; }
  /// The known leader does not know its own epoch: that is as good as an answer that has
  /// told an earlier one long ago.
  void on_disowned() {
    earlier = std::max<std::uint8_t>(earlier, 1);
    earlier_since = time_point{};
  }
};

/// What a client knows of one topic: its id, its partitions, who leads them.
class known_topic {
public:
  /// Of which partitions something is kept.
  enum class scope : std::uint8_t {
    all,     ///< Of all, whatever numbers brokers give them.
    dense,   ///< Of all; metadata in which they are not numbered from 0 on is refused.
    watched, ///< Of those that `watch` names.
  };

  /// What metadata mean for a topic.
  enum class update : std::uint8_t {
    refused,   ///< They have an error in place of partitions.
    malformed, ///< The partitions are not numbered from 0 on.
    outdated,  ///< They are about the topic that had the name before.
    known,     ///< They are about this topic; each partition says what they meant for it.
    recreated, ///< Likewise, and it has replaced the one that was known.
    left_out,  ///< They do not name it, though it was asked about.
  };

  /// Takes in metadata of the topic.
  update learn(
    time_point now, const metadata_response_topic& t, scope kept, leader_moves& moves);

  /// Takes in what an answer says of this partition.
  void watch(partition_id p);
  /// And no longer.
  void unwatch(partition_id p);

  /// Notes that the topic may be gone or another one.
  void forget();
  /// Notes that the leader known is not the leader any more.
  void forget_leader(partition_id p);

  /// A broker has answered as the leader of the partition.
  void on_led(partition_id p, broker_id leader) {
    if (!doubted_)
      return;
    if (auto* found = find(p); found != nullptr && found->leader == leader)
      found->on_led();
  }
  /// A broker that is asked as the leader does not know the epoch.
  void on_disowned(partition_id p, broker_id leader) {
    if (auto* found = find(p); found != nullptr && found->leader == leader)
      found->on_disowned();
  }
  /// Whether the last metadata told earlier epochs of some partitions.
  [[nodiscard]] bool doubted() const { return doubted_; }

  /// Null: it has no such partition, as far as is known.
  [[nodiscard]] known_partition* find(partition_id p);
  [[nodiscard]] const known_partition* find(partition_id p) const;
  /// By number.
  [[nodiscard]] const std::vector<known_partition>& partitions() const {
    return partitions_;
  }

  /// How many there are; zero: that is not known.
  [[nodiscard]] std::int32_t partition_count() const {
    return status_ == error_code::none ? static_cast<std::int32_t>(partitions_.size())
                                       : 0;
  }

  /// Whether anything was ever told of it.
  [[nodiscard]] bool is_known() const { return known_; }
  /// The error that the last answer had in place of partitions; `none`: it had some.
  [[nodiscard]] error_code status() const { return status_; }
  /// All zero: not known. An answer without an id does not take it away: brokers of
  /// different releases answer in turn.
  [[nodiscard]] const uuid& id() const { return id_; }

private:
  void refuse(error_code why, scope kept, leader_moves& moves, const std::string& name);
  void take(time_point now, known_partition& p, broker_id leader, leader_epoch epoch,
    leader_moves& moves, const std::string& name);
  void learn_all(time_point now, const metadata_response_topic& t, leader_moves& moves);
  void learn_watched(
    time_point now, const metadata_response_topic& t, leader_moves& moves);
  void lose_leader(known_partition& p, leader_moves& moves, const std::string& name);

  bool known_ = false;
  error_code status_ = error_code::none;
  uuid id_;
  uuid former_; // The id before: a broker that still tells it is behind.
  std::uint8_t former_again_ = 0; // Answers in a row that told it.
  time_point former_since_;       // When the first of them came.
  bool doubted_ = false;          // Earlier epochs were told of some partitions.
  // What is kept is in proportion to what the broker sent, whatever numbers it claims.
  std::vector<known_partition> partitions_;
};

} // namespace cafka::protocol
