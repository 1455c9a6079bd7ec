#pragma once

#include "assignor.hpp"

#include <cstdint>
#include <map>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace cafka::protocol {

/// The names of a group as numbers, so that an assignor compares no text.
///
/// Topics are sorted by name, members as Kafka's assignors sort them, so that no result
/// depends on the view's order. All partitions that somebody wants are numbered one after
/// the other. It refers to the view, which must live as long.
class group_index {
public:
  /// Nobody, nothing, not known.
  static constexpr std::uint32_t none = 0xffff'ffff;

  /// A topic that the leader knows.
  struct topic {
    /// As it stands in the view.
    const group_topic* from = nullptr;
    /// The number of its partition 0.
    std::uint32_t first = 0;
    /// How many partitions it has; 0 where nobody subscribes to it.
    std::uint32_t partitions = 0;
    /// Which members subscribe to it; `none` where it has no partitions.
    std::uint32_t audience = none;
  };

  /// A member, the first one with its id.
  struct member {
    /// As it stands in the view.
    const group_participant* from = nullptr;
    /// Its place in the view.
    std::uint32_t place = 0;
    /// Which topics it subscribes to.
    std::uint32_t wish = 0;
  };

  /// Reads a view.
  explicit group_index(const group_view& view);

  /// The topics by name.
  [[nodiscard]] const std::vector<topic>& topics() const { return topics_; }
  /// The members: the static ones by instance id, then the others by member id.
  [[nodiscard]] const std::vector<member>& members() const { return members_; }
  /// The different subscriptions: topics with partitions, ascending.
  [[nodiscard]] const std::vector<std::vector<std::uint32_t>>& wishes() const {
    return wishes_;
  }
  /// The different sets of subscribers: subscriptions, ascending.
  [[nodiscard]] const std::vector<std::vector<std::uint32_t>>& audiences() const {
    return audiences_;
  }
  /// The members of each audience, ascending.
  [[nodiscard]] std::vector<std::vector<std::uint32_t>> subscribers() const;
  /// How many partitions there are in all.
  [[nodiscard]] std::uint64_t partitions() const { return partitions_; }
  /// A topic by its name. `near` is where it stands if it is not far from there, as where
  /// names are asked for in order.
  [[nodiscard]] std::uint32_t topic_named(
    std::string_view name, std::uint32_t near) const;

  /// An error `invalid_argument` where there are more partitions than assignors can
  /// number.
  [[nodiscard]] error check() const;
  /// The plan where partition p belongs to member `owners[p]`, or to nobody.
  [[nodiscard]] group_plan plan(std::span<const std::uint32_t> owners) const;

private:
  void read_topics(const group_view& view);
  void read_members(const group_view& view);
  void read_wishes();
  void read_audiences();

  std::vector<topic> topics_;
  std::unordered_map<std::string_view, std::uint32_t> by_name_;
  std::vector<member> members_;
  std::vector<std::vector<std::uint32_t>> wishes_;
  std::vector<std::vector<std::uint32_t>> audiences_;
  std::uint64_t partitions_ = 0;
  std::size_t places_ = 0;
};

/// The racks of a group's members as numbers.
class member_racks {
public:
  /// Of the members of an index.
  explicit member_racks(const group_index& index);

  /// Whether no member has a rack.
  [[nodiscard]] bool empty() const { return names_.empty(); }
  /// How many there are.
  [[nodiscard]] std::size_t size() const { return names_.size(); }
  /// A member's rack; `group_index::none` where it has none.
  [[nodiscard]] std::uint32_t of(std::uint32_t member) const { return of_[member]; }
  /// The racks of members in which one of a partition's first replicas is, ascending.
  void of_partition(const group_index::topic& topic, std::uint32_t partition,
    std::size_t replicas, std::vector<std::uint32_t>& out) const;
  /// The racks of members in which one of a partition's replicas is, ascending.
  void of_partition(const group_index::topic& topic, std::uint32_t partition,
    std::vector<std::uint32_t>& out) const {
    of_partition(topic, partition, static_cast<std::size_t>(-1), out);
  }

private:
  [[nodiscard]] std::uint32_t named(std::string_view name) const;

  std::vector<std::string_view> names_;
  std::unordered_map<std::string_view, std::uint32_t> by_name_;
  std::vector<std::uint32_t> of_;
};

} // namespace cafka::protocol
