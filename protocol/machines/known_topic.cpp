#include "known_topic.hpp"

#include <algorithm>
#include <utility>

namespace cafka::protocol {

namespace {

template <class Partitions>
auto find_in(Partitions& all, partition_id p) -> decltype(all.data()) {
  const auto at = std::ranges::lower_bound(all, p, {}, &known_partition::id);
  return at == all.end() || at->id != p ? nullptr : &*at;
}

bool is_dense(const metadata_response_topic& t) {
  const auto count = t.partitions.size();
  return count > 0 && std::ranges::all_of(t.partitions, [&](const auto& p) {
    return p.partition_index.value() >= 0
      && static_cast<std::size_t>(p.partition_index.value()) < count;
  });
}

/// Finds partitions in metadata. Most brokers sort them; there may be very many.
class index_of {
public:
  explicit index_of(const metadata_response_topic& t) : all_(t.partitions) {}

  const metadata_response_partition* find(partition_id id) {
    const auto index = static_cast<std::size_t>(id.value());
    if (index < all_.size() && all_[index].partition_index == id)
      return &all_[index];
    const auto number = [](const auto* x) { return x->partition_index; };
    if (sorted_.empty()) {
      for (const auto& x : all_)
        sorted_.push_back(&x);
      std::ranges::stable_sort(sorted_, {}, number);
    }
    const auto at = std::ranges::lower_bound(sorted_, id, {}, number);
    return at != sorted_.end() && (*at)->partition_index == id ? *at : nullptr;
  }

private:
  const std::vector<metadata_response_partition>& all_;
  std::vector<const metadata_response_partition*> sorted_;
};

known_partition nothing_of(partition_id id) {
  known_partition p;
  p.id = id;
  return p;
}

/// Counts an answer that goes back; whether there have been enough of them for so long.
bool goes_back(time_point now, std::uint8_t& answers, time_point& since,
  std::chrono::seconds least = known_partition::time_to_go_back) {
  if (answers == 0)
    since = now;
  answers = static_cast<std::uint8_t>(
    std::min(answers + 1, int{known_partition::answers_to_go_back}));
  return answers == known_partition::answers_to_go_back && now - since >= least;
}

} // namespace

// -- a partition ------------------------------------------------------------------------

bool known_partition::learn(time_point now, broker_id who, leader_epoch e, bool same) {
  // A leader without an epoch comes from a broker that does not know epochs, or not
  // reliably. There is nothing to compare: such brokers must be believed, or nobody who
  // has heard an epoch could ever be led back to them (during an upgrade, for example).
  const bool comparable = e.value() >= 0 || who.value() < 0;
  // Without an epoch there is no leader either, and so nobody to be led astray by.
  const auto least = same && e.value() >= 0 ? time_to_go_back : std::chrono::seconds{0};
  if (comparable && e < epoch && !goes_back(now, earlier, earlier_since, least))
    return false;
  earlier = 0;
  leader = who;
  // That nobody leads now, without an epoch, says nothing of the epoch to come.
  if (comparable && e.value() < 0)
    return true;
  epoch = e;
  return true;
}

bool known_partition::learn_newer(broker_id who, leader_epoch e) {
  if (who.value() < 0 || e <= epoch)
    return false;
  earlier = 0;
  leader = who;
  epoch = e;
  return true;
}

// -- a topic ----------------------------------------------------------------------------

known_partition* known_topic::find(partition_id p) {
  return find_in(partitions_, p);
}

const known_partition* known_topic::find(partition_id p) const {
  return find_in(partitions_, p);
}

void known_topic::watch(partition_id p) {
  const auto at = std::ranges::lower_bound(partitions_, p, {}, &known_partition::id);
  if (at == partitions_.end() || at->id != p)
    partitions_.insert(at, nothing_of(p));
}

void known_topic::unwatch(partition_id p) {
  std::erase_if(partitions_, [&](const known_partition& x) { return x.id == p; });
}

void known_topic::forget_leader(partition_id p) {
  if (auto* found = find(p))
    found->leader = -1;
}

void known_topic::forget() {
  known_ = false;
  status_ = error_code::none;
  former_again_ = 0;
  partitions_.clear();
}

known_topic::update known_topic::learn(
  time_point now, const metadata_response_topic& t, scope kept, leader_moves& moves) {
  if (t.error_code != error_code::none && t.partitions.empty()) {
    refuse(t.error_code, kept, moves, *t.name);
    return update::refused;
  }
  if (kept == scope::dense && !is_dense(t))
    return update::malformed;
  const bool other = !id_.is_zero() && !t.topic_id.is_zero() && id_ != t.topic_id;
  if (other && t.topic_id == former_ && !goes_back(now, former_again_, former_since_))
    return update::outdated;
  former_again_ = 0;
  doubted_ = false;
  known_ = true;
  status_ = error_code::none;
  if (other) {
    former_ = id_;
    for (auto& p : partitions_)
      p = nothing_of(p.id);
  }
  if (!t.topic_id.is_zero())
    id_ = t.topic_id;
  if (kept == scope::watched)
    learn_watched(now, t, moves);
  else
    learn_all(now, t, moves);
  return other ? update::recreated : update::known;
}

// Ids will tell whether it is the same topic when it is there again. Without them, a
// topic that is gone for a moment is thought to be another afterwards.
void known_topic::refuse(
  error_code why, scope kept, leader_moves& moves, const std::string& name) {
  known_ = true;
  status_ = why;
  if (why != error_code::unknown_topic_or_partition)
    return;
  if (kept == scope::watched) {
    for (auto& p : partitions_)
      lose_leader(p, moves, name);
  } else if (id_.is_zero()) {
    partitions_.clear();
  }
}

void known_topic::lose_leader(
  known_partition& p, leader_moves& moves, const std::string& name) {
  p.leader = -1;
  if (id_.is_zero())
    p.epoch = -1;
  p.earlier = 0;
  p.last = known_partition::outcome::left_out;
  moves.note(p.logged, p.leader, name, p.id);
}

void known_topic::take(time_point now, known_partition& p, broker_id leader,
  leader_epoch epoch, leader_moves& moves, const std::string& name) {
  const bool counts = p.learn(now, leader, epoch, !id_.is_zero());
  p.last = counts ? known_partition::outcome::counted : known_partition::outcome::earlier;
  if (counts)
    moves.note(p.logged, p.leader, name, p.id);
  doubted_ = doubted_ || p.earlier > 0;
}

void known_topic::learn_all(
  time_point now, const metadata_response_topic& t, leader_moves& moves) {
  std::vector<known_partition> fresh;
  fresh.reserve(t.partitions.size());
  for (const auto& x : t.partitions) {
    if (x.partition_index.value() < 0)
      continue;
    auto& p = fresh.emplace_back();
    p.id = x.partition_index;
    p.leader = x.leader_id;
    p.epoch = x.leader_epoch;
  }
  std::ranges::stable_sort(fresh, {}, &known_partition::id);
  // One that is told twice counts once.
  // Not by std::ranges, whose unique clang 14 does not compile with this library.
  fresh.erase(std::unique(fresh.begin(), fresh.end(),
                [](const auto& a, const auto& b) { return a.id == b.id; }),
    fresh.end());
  // Both are sorted.
  auto before = partitions_.begin();
  for (auto& p : fresh) {
    while (before != partitions_.end() && before->id < p.id)
      ++before;
    auto known =
      before != partitions_.end() && before->id == p.id ? *before : nothing_of(p.id);
    take(now, known, p.leader, p.epoch, moves, *t.name);
    p = known;
  }
  partitions_ = std::move(fresh);
}

void known_topic::learn_watched(
  time_point now, const metadata_response_topic& t, leader_moves& moves) {
  index_of told{t};
  for (auto& p : partitions_) {
    const auto* x = told.find(p.id);
    if (x == nullptr) {
      lose_leader(p, moves, *t.name);
      continue;
    }
    take(now, p, x->leader_id, x->leader_epoch, moves, *t.name);
  }
}

} // namespace cafka::protocol
