#include "api.hpp"

// OffsetFetch, versions 0 to 10.
//
// 0 is answered by any broker; later ones by the group's coordinator, else
// NOT_COORDINATOR: up to 1 of each partition, since 2 of the whole answer, since 8, where
// a request asks for several groups (KIP-709), of the group. Since 2 a list that is null
// asks for all that was committed. Where nothing was committed the offset is -1 and there
// is no error, but in 0 UNKNOWN_TOPIC_OR_PARTITION for what does not exist, and in 10,
// which names topics by their ids, UNKNOWN_TOPIC_ID. Epochs since 5. Since 7 a
// client may want stable offsets alone: UNSTABLE_OFFSET_COMMIT where an open transaction
// has one (KIP-447). Since 9 a member of the consumer protocol says
// who it is: STALE_MEMBER_EPOCH for another epoch than its own, UNKNOWN_MEMBER_ID for
// nobody, of the whole group (KIP-848).

namespace cafka::testing {

using namespace protocol;

namespace {

constexpr std::int16_t whole_error_since = 2;
constexpr std::int16_t groups_since = 8;
constexpr std::int16_t ids_since = 10;

offset_fetch_response_partition nothing(partition_id p) {
  offset_fetch_response_partition x;
  x.partition_index = p;
  x.committed_offset = -1;
  return x;
}

offset_fetch_response_partition known(
  const fake_state::group_offsets& offsets, const std::string& topic, partition_id p) {
  auto x = nothing(p);
  const auto found = offsets.find({topic, p.value()});
  if (found == offsets.end())
    return x;
  x.committed_offset = found->second.offset;
  x.committed_leader_epoch = found->second.epoch;
  x.metadata = found->second.metadata;
  return x;
}

/// All that a group has committed, as topics of the answer.
template <class Topic>
void fill_all(std::vector<Topic>& out, const fake_state::group_offsets& offsets,
  fake_state& cluster) {
  for (const auto& [place, committed] : offsets) {
    if (out.empty() || out.back().name != place.first) {
      out.emplace_back().name = place.first;
      if constexpr (requires { out.back().topic_id; })
        out.back().topic_id = cluster.find(place.first)->id;
    }
    out.back().partitions.push_back(known(offsets, place.first, place.second));
  }
}

/// The partition's offset unless a transaction is open that has one too.
template <class Partition>
void hold_unstable(Partition& x, const fake_state& cluster, const std::string& group,
  const std::string& topic) {
  const auto found = cluster.pending_offsets.find(group);
  if (found == cluster.pending_offsets.end())
    return;
  for (const auto& [producer, offsets] : found->second) {
    if (!offsets.contains({topic, x.partition_index.value()}))
      continue;
    x = nothing(x.partition_index);
    x.error_code = error_code::unstable_offset_commit;
    return;
  }
}

template <class Topics>
void hold_unstable(Topics& topics, const fake_state& cluster, const std::string& group) {
  for (auto& t : topics) {
    for (auto& x : t.partitions)
      hold_unstable(x, cluster, group, t.name);
  }
}

const fake_state::group_offsets& offsets_of(
  const fake_state& cluster, const std::string& group) {
  static const fake_state::group_offsets none;
  const auto found = cluster.groups.find(group);
  return found == cluster.groups.end() ? none : found->second;
}

offset_fetch_response_group answer(
  const request_context& c, const offset_fetch_request_group& asked) {
  offset_fetch_response_group out;
  out.group_id = asked.group_id;
  if (c.cluster.apart()
    || c.cluster.coordinator(group_key, asked.group_id) != c.broker.id) {
    out.error_code = c.cluster.apart() ? error_code::coordinator_not_available
                                       : error_code::not_coordinator;
    return out;
  }
  if (const auto* consumers = c.cluster.consumers_of(asked.group_id)) {
    out.error_code = consumers->may_fetch(asked.member_epoch, asked.member_id);
    if (out.error_code != error_code::none)
      return out;
  }
  const auto& offsets = offsets_of(c.cluster, asked.group_id);
  if (!asked.topics) {
    fill_all(out.topics, offsets, c.cluster);
    return out;
  }
  for (const auto& t : *asked.topics) {
    auto& topic = out.topics.emplace_back();
    topic.name = t.name;
    topic.topic_id = t.topic_id;
    const auto* there = topic_of(c.cluster, t, c.version >= ids_since);
    for (const auto p : t.partition_indexes) {
      if (there == nullptr && c.version >= ids_since) {
        topic.partitions.push_back(nothing(p));
        topic.partitions.back().error_code = error_code::unknown_topic_id;
      } else {
        topic.partitions.push_back(known(offsets, there ? there->name : t.name, p));
      }
    }
  }
  return out;
}

} // namespace

outcome<offset_fetch_response> handle(
  const request_context& c, const offset_fetch_request& asked) {
  offset_fetch_response response;
  if (c.version >= groups_since) {
    for (const auto& g : asked.groups) {
      response.groups.push_back(answer(c, g));
      auto& out = response.groups.back();
      if (!asked.require_stable)
        continue;
      for (auto& t : out.topics) {
        const auto* by_id = c.version >= ids_since ? c.cluster.find(t.topic_id) : nullptr;
        for (auto& x : t.partitions)
          hold_unstable(x, c.cluster, g.group_id, by_id ? by_id->name : t.name);
      }
    }
    return response;
  }
  if (c.cluster.apart())
    return refuse(asked, c.version, error_code::coordinator_not_available);
  if (c.version > 0 && c.cluster.coordinator(group_key, asked.group_id) != c.broker.id)
    return refuse(asked, c.version, error_code::not_coordinator);
  const auto& offsets = offsets_of(c.cluster, asked.group_id);
  if (!asked.topics) {
    fill_all(response.topics, offsets, c.cluster);
    if (asked.require_stable)
      hold_unstable(response.topics, c.cluster, asked.group_id);
    return response;
  }
  for (const auto& t : *asked.topics) {
    auto& topic = response.topics.emplace_back();
    topic.name = t.name;
    auto* there = c.cluster.find(t.name);
    for (const auto p : t.partition_indexes) {
      topic.partitions.push_back(known(offsets, t.name, p));
      if (c.version == 0 && fake_state::find(there, p) == nullptr)
        topic.partitions.back().error_code = error_code::unknown_topic_or_partition;
    }
  }
  if (asked.require_stable)
    hold_unstable(response.topics, c.cluster, asked.group_id);
  return response;
}

offset_fetch_response refuse(
  const offset_fetch_request& asked, std::int16_t version, error_code why) {
  offset_fetch_response response;
  if (version >= groups_since) {
    for (const auto& g : asked.groups)
      response.groups.push_back({g.group_id, {}, why});
    return response;
  }
  response.error_code = why;
  if (version >= whole_error_since || !asked.topics)
    return response;
  for (const auto& t : *asked.topics) {
    auto& topic = response.topics.emplace_back();
    topic.name = t.name;
    for (const auto p : t.partition_indexes) {
      topic.partitions.push_back(nothing(p));
      topic.partitions.back().error_code = why;
    }
  }
  return response;
}

} // namespace cafka::testing
