#include "fetch_session.hpp"

#include <algorithm>

namespace cafka::protocol {

void fetch_session::ask(fetch_request& out, const wanted& w, bool by_id) {
  const auto same = [&](const fetch_topic& t) {
    return by_id ? t.topic_id == w.topic_id : t.topic == *w.topic;
  };
  if (out.topics.empty() || !same(out.topics.back())) {
    auto& t = out.topics.emplace_back();
    if (by_id)
      t.topic_id = w.topic_id;
    else
      t.topic = *w.topic;
  }
  auto& p = out.topics.back().partitions.emplace_back();
  p.partition = w.partition;
  p.current_leader_epoch = w.epoch;
  p.fetch_offset = w.offset;
  p.partition_max_bytes = w.max_bytes;
}

void fetch_session::forget(fetch_request& out, const wanted& w, bool by_id) const {
  auto& all = out.forgotten_topics_data;
  const auto found = std::ranges::find_if(all, [&](const forgotten_topic& t) {
    return by_id ? t.topic_id == w.topic_id : t.topic == *w.topic;
  });
  auto& t = found == all.end() ? all.emplace_back() : *found;
  if (by_id)
    t.topic_id = w.topic_id;
  else
    t.topic = *w.topic;
  t.partitions.push_back(w.partition);
}

void fetch_session::fill(
  fetch_request& out, std::span<const wanted> partitions, bool by_id, bool sessions) {
  // A session goes by names or by ids, not by both.
  if (by_id != by_id_)
    epoch_ = 0;
  by_id_ = by_id;
  ++round_;
  out.session_id = sessions ? id_ : 0;
  out.session_epoch = sessions ? epoch_ : -1;
  const auto all = !sessions || epoch_ == 0;
  if (!sessions)
    epoch_ = 0;
  if (all) {
    for (const auto slot : members_)
      entries_[slot].round = 0;
    members_.clear();
  }
  for (const auto& w : partitions) {
    if (entries_.size() <= w.slot)
      entries_.resize(w.slot + 1);
    auto& e = entries_[w.slot];
    if (e.round == 0) {
      members_.push_back(w.slot);
      ask(out, w, by_id);
    } else if (e.last_sent != w) {
      // Another topic of the same name.
      if (by_id && e.last_sent.topic_id != w.topic_id)
        forget(out, e.last_sent, by_id);
      ask(out, w, by_id);
    }
    e.last_sent = w;
    e.round = round_;
  }
  std::erase_if(members_, [&](std::uint32_t slot) {
    auto& e = entries_[slot];
    if (e.round == round_)
      return false;
    forget(out, e.last_sent, by_id);
    e.round = 0;
    return true;
  });
}

bool fetch_session::on_answer(const fetch_response& answer) {
  if (answer.error_code != error_code::none) {
    // Of the others it is not said that the broker has dropped the session: the next
    // request ends it, by beginning another.
    if (answer.error_code == error_code::fetch_session_id_not_found)
      id_ = 0;
    epoch_ = 0;
    return false;
  }
  if (epoch_ == 0) {
    id_ = answer.session_id;
    // Zero: the broker has no room for another session, and none begins.
    epoch_ = id_ == 0 ? 0 : 1;
    return true;
  }
  if (answer.session_id != id_) {
    epoch_ = 0;
    return true;
  }
  epoch_ = epoch_ == std::numeric_limits<std::int32_t>::max() ? 1 : epoch_ + 1;
  return true;
}

} // namespace cafka::protocol
