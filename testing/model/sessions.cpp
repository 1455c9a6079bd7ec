#include "sessions.hpp"

#include <algorithm>

namespace cafka::testing {

using namespace protocol;

namespace {

/// How many brokers have ids of their own.
constexpr std::int32_t ids_apart = 1'000;

/// The first version that names topics by their ids.
constexpr std::int16_t ids_since = 13;

template <class Topic>
bool same_topic(const session_partition& p, const Topic& t) {
  return p.topic == t.topic && p.topic_id == t.topic_id;
}

std::list<session_partition>::iterator find(std::list<session_partition>& all,
  const std::string& topic, const uuid& id, partition_id partition) {
  return std::ranges::find_if(all, [&](const session_partition& p) {
    return p.asked.partition == partition && p.topic == topic && p.topic_id == id;
  });
}

} // namespace

fetch_sessions::context fetch_sessions::begin(
  const fetch_request& asked, std::int16_t version) {
  context how;
  const auto add = [&](std::list<session_partition>& all) {
    for (const auto& t : asked.topics) {
      for (const auto& p : t.partitions) {
        const auto known = find(all, t.topic, t.topic_id, p.partition);
        if (known == all.end())
          all.push_back({t.topic, t.topic_id, p});
        else
          known->asked = p;
      }
    }
  };
  if (asked.session_epoch <= 0) {
    sessions_.erase(asked.session_id);
    add(how.partitions);
    how.begins = asked.session_epoch == 0;
    return how;
  }
  const auto found = sessions_.find(asked.session_id);
  if (found == sessions_.end()) {
    how.error = error_code::fetch_session_id_not_found;
    return how;
  }
  auto& mine = found->second;
  if (mine.epoch != asked.session_epoch) {
    how.error = error_code::invalid_fetch_session_epoch;
    return how;
  }
  if (mine.uses_ids != (version >= ids_since)) {
    how.error = error_code::fetch_session_topic_id_error;
    return how;
  }
  add(mine.partitions);
  for (const auto& t : asked.forgotten_topics_data) {
    for (const auto partition : t.partitions) {
      const auto known = find(mine.partitions, t.topic, t.topic_id, partition);
      if (known != mine.partitions.end())
        mine.partitions.erase(known);
    }
  }
  if (mine.partitions.empty()) {
    sessions_.erase(found);
    return how;
  }
  constexpr auto last = std::numeric_limits<std::int32_t>::max();
  mine.epoch = mine.epoch == last ? 1 : mine.epoch + 1;
  how.session_id = asked.session_id;
  how.incremental = true;
  how.partitions = mine.partitions;
  return how;
}

void fetch_sessions::finish(context& how, fetch_response& answer, std::int16_t version) {
  if (how.begins) {
    if (how.partitions.empty() || sessions_.size() >= limit)
      return;
    session fresh;
    fresh.uses_ids = version >= ids_since;
    fresh.partitions = how.partitions;
    how.session_id = ++last_id_ * ids_apart + broker % ids_apart;
    sessions_.emplace(how.session_id, std::move(fresh));
  }
  const auto found = sessions_.find(how.session_id);
  if (found == sessions_.end())
    return;
  answer.session_id = how.session_id;
  auto& all = found->second.partitions;
  for (auto& t : answer.responses) {
    std::erase_if(t.partitions, [&](const fetch_partition_data& x) {
      const auto known = find(all, t.topic, t.topic_id, x.partition_index);
      if (known == all.end())
        return false;
      const auto failed = x.error_code != error_code::none;
      const auto full = x.records && !x.records->empty();
      const auto told = failed || full || known->high_watermark != x.high_watermark
        || known->log_start != x.log_start_offset
        || x.preferred_read_replica != broker_id{-1}
        || x.diverging_epoch.epoch != leader_epoch{-1};
      // What failed is told once more when it is over.
      known->high_watermark = failed ? log_offset{-1} : x.high_watermark;
      known->log_start = x.log_start_offset;
      if (full)
        all.splice(all.end(), all, known);
      return how.incremental && !told;
    });
  }
  std::erase_if(answer.responses,
    [](const fetchable_topic_response& t) { return t.partitions.empty(); });
}

} // namespace cafka::testing
