#include "api.hpp"

// OffsetCommit, versions 0 to 10.
//
// 0 is kept by any broker, in ZooKeeper once; later ones by the group's coordinator, else
// NOT_COORDINATOR. A commit without generation or member belongs to a program that is no
// member: it is taken while the group has none, else UNKNOWN_MEMBER_ID. One of a member
// is checked as its heartbeat is, and is REBALANCE_IN_PROGRESS between Join and Sync; in
// a group that does not exist it is ILLEGAL_GENERATION, since 9 GROUP_ID_NOT_FOUND
// (KIP-848). In a group of the consumer protocol an epoch that is not the member's is
// STALE_MEMBER_EPOCH, but since 4.3 an older one is taken of who has had the partitions
// since then (KIP-1251); before version 9 a member's commit is UNSUPPORTED_VERSION there.
// Topics that do not exist are UNKNOWN_TOPIC_OR_PARTITION,
// by their ids, in 10, UNKNOWN_TOPIC_ID. Text beyond the broker's limit is
// OFFSET_METADATA_TOO_LARGE.

namespace cafka::testing {

using namespace protocol;

namespace {

constexpr std::int16_t not_found_since = 9;
constexpr std::int16_t ids_since = 10;
constexpr kafka_version old_epochs_since{4, 3};

error_code may_commit(const request_context& c, const offset_commit_request& asked) {
  const auto generation = asked.generation_id_or_member_epoch;
  if (const auto* consumers = c.cluster.consumers_of(asked.group_id)) {
    group_places places;
    for (const auto& t : asked.topics) {
      const auto* topic = topic_of(c.cluster, t, c.version >= ids_since);
      for (const auto& p : t.partitions) {
        if (topic != nullptr)
          places.insert({topic->id, p.partition_index.value()});
      }
    }
    return consumers->may_commit(c.version, generation, asked.member_id, places,
      c.broker.release >= old_epochs_since);
  }
  if (auto* members = c.cluster.group(asked.group_id))
    return members->may_commit(
      c.now, generation, asked.member_id, asked.group_instance_id);
  if (generation < 0)
    return error_code::none;
  // It is known when it has offsets.
  if (c.cluster.groups.contains(asked.group_id))
    return error_code::unknown_member_id;
  return c.version >= not_found_since ? error_code::group_id_not_found
                                      : error_code::illegal_generation;
}

} // namespace

outcome<offset_commit_response> handle(
  const request_context& c, const offset_commit_request& asked) {
  if (c.cluster.apart())
    return refuse(asked, c.version, error_code::coordinator_not_available);
  if (c.version > 0 && c.cluster.coordinator(group_key, asked.group_id) != c.broker.id)
    return refuse(asked, c.version, error_code::not_coordinator);
  if (const auto why = c.version > 0 ? may_commit(c, asked) : error_code::none;
      why != error_code::none)
    return refuse(asked, c.version, why);
  offset_commit_response response;
  const auto longest =
    static_cast<std::size_t>(c.cluster.options.offset_metadata_max_bytes);
  for (const auto& t : asked.topics) {
    auto& out = response.topics.emplace_back();
    out.name = t.name;
    out.topic_id = t.topic_id;
    auto* topic = topic_of(c.cluster, t, c.version >= ids_since);
    for (const auto& p : t.partitions) {
      auto& x = out.partitions.emplace_back();
      x.partition_index = p.partition_index;
      if (fake_state::find(topic, p.partition_index) == nullptr)
        x.error_code = topic == nullptr && c.version >= ids_since
          ? error_code::unknown_topic_id
          : error_code::unknown_topic_or_partition;
      else if (p.committed_metadata && p.committed_metadata->size() > longest)
        x.error_code = error_code::offset_metadata_too_large;
      else
        c.cluster.groups[asked.group_id][{topic->name, p.partition_index.value()}] = {
          p.committed_offset, p.committed_leader_epoch,
          p.committed_metadata.value_or("")};
    }
  }
  return response;
}

offset_commit_response refuse(
  const offset_commit_request& asked, std::int16_t, error_code why) {
  offset_commit_response response;
  for (const auto& t : asked.topics) {
    auto& out = response.topics.emplace_back();
    out.name = t.name;
    out.topic_id = t.topic_id;
    for (const auto& p : t.partitions)
      out.partitions.push_back({p.partition_index, why});
  }
  return response;
}

} // namespace cafka::testing
