#include "api.hpp"

#include <algorithm>

// ListOffsets, versions 0 to 11.
//
// 0 answers with offsets of segments, newest first, of which the fake's logs have one:
// the end and the start. Later versions answer with one offset, and since 4 with its
// epoch. Asked for by time, the answer is the first record that is not older, or -1. -1
// is the end, which for readers of committed records (since 2) is the last stable offset,
// -2 the start, -3 the record with the highest time (since 7), -4 the start of what lies
// on the broker itself (since 8), -5 the last record elsewhere (since 9), of which there
// is none, and -6 the first one that is to go there (since 11), which is none either; a
// version without them answers UNSUPPORTED_VERSION. The client's epoch is checked
// since 4.

namespace cafka::testing {

using namespace protocol;

namespace {

constexpr std::int16_t epochs_since = 4;

enum special : std::int64_t {
  latest = -1,
  earliest = -2,
  highest_time = -3,
  earliest_local = -4,
  latest_tiered = -5,
  earliest_pending = -6,
};

std::int16_t version_with(std::int64_t time) {
  switch (time) {
  case highest_time: return 7;
  case earliest_local: return 8;
  case latest_tiered: return 9;
  case earliest_pending: return 11;
  default: return time < earliest_pending ? newest_version : std::int16_t{0};
  }
}

list_offsets_partition_response failed(partition_id index, error_code why) {
  list_offsets_partition_response x;
  x.partition_index = index;
  x.error_code = why;
  return x;
}

void fill(list_offsets_partition_response& x, const request_context& c,
  const fake_partition& p, const list_offsets_partition& asked, bool committed) {
  const auto& log = p.log;
  const auto end =
    committed ? std::min(log.last_stable(), p.readable_end()) : p.readable_end();
  const auto at = [&](log_offset offset, leader_epoch epoch) {
    x.offset = offset;
    if (c.version >= epochs_since)
      x.leader_epoch = epoch;
  };
  switch (asked.timestamp) {
  case latest: at(end, p.epoch); break;
  case earliest:
  case earliest_local: {
    const auto epoch = log.epoch_at(log.start());
    at(log.start(), epoch == leader_epoch{-1} ? leader_epoch{p.epoch} : epoch);
    break;
  }
  case latest_tiered:
  case earliest_pending: break;
  default: {
    const auto found = asked.timestamp == highest_time
      ? log.find_latest_time()
      : log.find(timestamp{std::chrono::milliseconds{asked.timestamp}});
    if (found && found->offset < end) {
      at(found->offset, found->epoch);
      x.timestamp = found->time.time_since_epoch().count();
    }
  }
  }
}

void fill_old(list_offsets_partition_response& x, const fake_partition& p,
  const list_offsets_partition& asked) {
  const auto start = p.log.start();
  const auto end = p.readable_end();
  const auto add = [&](log_offset offset) {
    if (x.old_style_offsets.size()
      < static_cast<std::size_t>(std::max(asked.max_num_offsets, 0)))
      x.old_style_offsets.push_back(offset);
  };
  if (asked.timestamp == latest)
    add(end);
  if (asked.timestamp != latest || start != end)
    add(start);
}

} // namespace

outcome<list_offsets_response> handle(
  const request_context& c, const list_offsets_request& asked) {
  list_offsets_response response;
  for (const auto& t : asked.topics) {
    auto& out = response.topics.emplace_back();
    out.name = t.name;
    auto* topic = c.cluster.find(t.name);
    for (const auto& q : t.partitions) {
      const auto* p = fake_state::find(topic, q.partition_index);
      if (c.version > 0 && c.version < version_with(q.timestamp)) {
        out.partitions.push_back(
          failed(q.partition_index, error_code::unsupported_version));
        continue;
      }
      if (p == nullptr) {
        out.partitions.push_back(
          failed(q.partition_index, error_code::unknown_topic_or_partition));
        continue;
      }
      const auto believed =
        c.version >= epochs_since ? q.current_leader_epoch : leader_epoch{-1};
      if (const auto code = may_serve(c, *p, believed); code != error_code::none) {
        out.partitions.push_back(failed(q.partition_index, code));
        continue;
      }
      auto& x = out.partitions.emplace_back();
      x.partition_index = q.partition_index;
      if (c.version == 0)
        fill_old(x, *p, q);
      else
        fill(x, c, *p, q, asked.isolation_level == 1);
    }
  }
  return response;
}

list_offsets_response refuse(
  const list_offsets_request& asked, std::int16_t, error_code why) {
  list_offsets_response response;
  for (const auto& t : asked.topics) {
    auto& out = response.topics.emplace_back();
    out.name = t.name;
    for (const auto& p : t.partitions)
      out.partitions.push_back(failed(p.partition_index, why));
  }
  return response;
}

} // namespace cafka::testing
