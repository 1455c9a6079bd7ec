#include "offset_keeper.hpp"

#include <algorithm>

namespace cafka::protocol {

namespace {

/// What the coordinator says of the member, and not of a partition.
bool is_about_member(error_code e) {
  return e == error_code::illegal_generation || e == error_code::unknown_member_id
    || e == error_code::rebalance_in_progress || e == error_code::fenced_instance_id
    || e == error_code::group_authorization_failed || e == error_code::stale_member_epoch
    || e == error_code::fenced_member_epoch || e == error_code::group_id_not_found;
}

error_code code_of(const offset_commit_response& answer, const topic_partition& which) {
  for (const auto& t : answer.topics) {
    if (t.name != which.topic)
      continue;
    for (const auto& p : t.partitions) {
      if (p.partition_index == which.partition)
        return p.error_code;
    }
  }
  // What is left out may have been kept: it is sent again.
  return error_code::request_timed_out;
}

} // namespace

offset_keeper::offset_keeper(offset_keeper_options options)
  : options_(std::move(options)),
    random_(static_cast<std::minstd_rand::result_type>(options_.seed + 1)) {
}

offset_keeper::partition* offset_keeper::find(const topic_partition& which) {
  const auto at = partitions_.find(which);
  return at == partitions_.end() ? nullptr : &at->second;
}

// -- the program's side -----------------------------------------------------------------

void offset_keeper::add(time_point, const topic_partition& which) {
  auto& p = partitions_[which];
  p = {};
  p.wanted = true;
}

void offset_keeper::adopt(const topic_partition& which, log_offset so_far) {
  auto& p = partitions_[which];
  p = {};
  p.committed = so_far;
}

void offset_keeper::remove(const topic_partition& which) {
  if (partitions_.erase(which) == 0)
    return;
  end_waiters(which,
    {error_code::rebalance_in_progress,
      to_string(which) + " is not this member's any more: its offset was not committed"});
}

void offset_keeper::acknowledge(time_point now, const topic_partition& which,
  log_offset next, leader_epoch epoch, std::uint64_t records) {
  auto* const at = find(which);
  if (at == nullptr || next <= at->acknowledged)
    return;
  auto& p = *at;
  if (!p.dirty())
    p.dirty_since = now;
  p.acknowledged = next;
  p.epoch = epoch;
  p.records += records;
}

void offset_keeper::sought(const topic_partition& which) {
  if (auto* const p = find(which)) {
    p->acknowledged = -1;
    p->records = 0;
  }
}

void offset_keeper::commit(time_point now, commit_id id, time_point deadline) {
  std::vector<offset_of_partition> all;
  for (const auto& [which, p] : partitions_) {
    if (p.dirty() || p.sending.value() >= 0)
      all.push_back({which, p.acknowledged, p.epoch});
  }
  commit(now, id, deadline, all);
}

void offset_keeper::commit(time_point now, commit_id id, time_point deadline,
  const std::vector<offset_of_partition>& what) {
  waiter w{id, deadline, {}};
  for (const auto& o : what) {
    auto* const at = find(o.which);
    if (at == nullptr) {
      effects_.emplace_back(commit_ended{
        id, {error_code::not_found, to_string(o.which) + " is not this member's"}});
      return;
    }
    auto& p = *at;
    if (o.offset.value() < 0) {
      effects_.emplace_back(commit_ended{id,
        {error_code::invalid_argument,
          "the offset of " + to_string(o.which) + " is negative"}});
      return;
    }
    // It was committed already: nothing is to be sent for it.
    if (p.committed == o.offset && p.sending.value() < 0)
      continue;
    if (!p.dirty())
      p.dirty_since = now;
    p.acknowledged = o.offset;
    p.refused = -1;
    p.epoch = o.epoch;
    w.targets[o.which] = o.offset;
  }
  if (w.targets.empty())
    effects_.emplace_back(commit_ended{id, {}});
  else
    waiters_.push_back(std::move(w));
  note_awaited();
}

void offset_keeper::hold(const std::vector<topic_partition>& those) {
  for (const auto& which : those) {
    if (auto* const p = find(which))
      p->held = true;
  }
}

void offset_keeper::flush(const std::vector<topic_partition>& those) {
  for (const auto& which : those) {
    if (auto* const p = find(which))
      p->flushed = true;
  }
}

void offset_keeper::keep(const std::vector<topic_partition>& those) {
  for (const auto& which : those) {
    if (auto* const p = find(which))
      p->held = p->flushed = false;
  }
}

bool offset_keeper::is_clean(const std::vector<topic_partition>& those) const {
  return std::ranges::none_of(those, [&](const topic_partition& which) {
    const auto at = partitions_.find(which);
    if (at == partitions_.end())
      return false;
    const auto& p = at->second;
    return p.sending.value() >= 0 || p.awaited || (options_.automatic && p.dirty());
  });
}

// -- answers ----------------------------------------------------------------------------

void offset_keeper::reached(const topic_partition& which, log_offset offset) {
  for (auto& w : waiters_) {
    const auto target = w.targets.find(which);
    if (target != w.targets.end() && target->second == offset)
      w.targets.erase(target);
    else if (target != w.targets.end() && target->second < offset)
      w.targets.erase(target); // Something later has replaced it.
  }
  std::erase_if(waiters_, [&](const waiter& w) {
    if (!w.targets.empty())
      return false;
    effects_.emplace_back(commit_ended{w.id, {}});
    return true;
  });
  note_awaited();
}

void offset_keeper::end_waiters(const topic_partition& which, const error& why) {
  std::erase_if(waiters_, [&](const waiter& w) {
    if (!w.targets.contains(which))
      return false;
    effects_.emplace_back(commit_ended{w.id, why});
    return true;
  });
  note_awaited();
}

void offset_keeper::on_committed(
  time_point now, std::uint64_t request, const offset_commit_response& got) {
  if (request != commit_)
    return;
  commit_ = 0;
  std::size_t count = 0;
  error again;
  auto about_member = error_code::none;
  for (auto& [which, p] : partitions_) {
    const auto sent = std::exchange(p.sending, log_offset{-1});
    if (sent.value() < 0)
      continue;
    const auto e = code_of(got, which);
    const auto records = std::exchange(p.records_sent, 0);
    if (e == error_code::none) {
      ++count;
      p.committed = sent;
      p.last_error = {};
      p.dirty_since = now;
      reached(which, sent);
    } else if (is_about_member(e)) {
      p.records += records;
      about_member = e;
    } else if (is_retriable(e)
      && !(e == error_code::unknown_topic_or_partition && p.flushed)) {
      p.records += records;
      again = {e, to_string(which)};
    } else {
      p.refused = sent;
      p.last_error = {e, to_string(which)};
      effects_.emplace_back(told{log_level::warning,
        "offset " + std::to_string(sent.value()) + " of " + to_string(which)
          + " is not committed: " + std::string{to_string(e)}});
      end_waiters(which, p.last_error);
    }
  }
  if (count > 0)
    effects_.emplace_back(progress{count});
  if (about_member != error_code::none) {
    commit_not_before_ = now + backoff(options_.retry_backoff, ++failures_, random_);
    effects_.emplace_back(refused{about_member, false});
  } else if (again) {
    failed(now, again);
    commit_not_before_ = now + backoff(options_.retry_backoff, ++failures_, random_);
  } else {
    well(now);
  }
}

void offset_keeper::on_fetched(
  time_point now, std::uint64_t request, const std::vector<answer>& answers) {
  if (request != fetch_)
    return;
  fetch_ = 0;
  error again;
  for (const auto& a : answers) {
    const auto at = partitions_.find(a.which);
    if (at == partitions_.end() || !at->second.fetching)
      continue;
    auto& p = at->second;
    p.fetching = false;
    if (p.held)
      continue; // It is asked for again when it is kept.
    if (a.why != error_code::none) {
      const error why{a.why, to_string(a.which)};
      // A transaction is open there: that takes as long as it takes.
      if (a.why != error_code::unstable_offset_commit && !is_retriable(a.why)
        && p.last_error.code != a.why)
        effects_.emplace_back(told{log_level::warning,
          "the offset of " + to_string(a.which)
            + " cannot be had, and it is not read: " + std::string{to_string(a.why)}});
      p.last_error = again = why;
      continue;
    }
    p.wanted = false;
    p.last_error = {};
    if (a.offset.value() >= 0)
      p.committed = a.offset;
    effects_.emplace_back(begins{
      a.which, a.offset.value() < 0 ? std::optional<log_offset>{} : a.offset, a.epoch});
  }
  for (auto& [which, p] : partitions_) {
    if (std::exchange(p.fetching, false))
      again = {
        error_code::malformed_response, "the answer leaves out " + to_string(which)};
  }
  if (!again) {
    well(now);
    return;
  }
  failed(now, again);
  fetch_not_before_ = now + backoff(options_.retry_backoff, ++failures_, random_);
}

void offset_keeper::on_failure(time_point now, std::uint64_t request, const error& why) {
  if (request != 0 && request == commit_) {
    commit_ = 0;
    // What was sent may have been kept; the same offset twice does no harm.
    for (auto& [which, p] : partitions_) {
      p.sending = -1;
      p.records += std::exchange(p.records_sent, 0);
    }
    commit_not_before_ = now + backoff(options_.retry_backoff, ++failures_, random_);
    if (is_about_member(why.code)) {
      effects_.emplace_back(refused{why.code, false});
      return;
    }
  } else if (request != 0 && request == fetch_) {
    fetch_ = 0;
    for (auto& [which, p] : partitions_)
      p.fetching = false;
    fetch_not_before_ = now + backoff(options_.retry_backoff, ++failures_, random_);
    if (is_about_member(why.code))
      effects_.emplace_back(refused{why.code, true});
  } else {
    return;
  }
  failed(now, why);
}

void offset_keeper::failed(time_point now, const error& why) {
  last_error_ = why;
  if (!unwell_since_)
    unwell_since_ = now;
}

void offset_keeper::well(time_point now) {
  failures_ = 0;
  if (unwell_told_ && unwell_since_)
    effects_.emplace_back(told{log_level::info,
      "offsets can be had and committed again, after "
        + std::to_string(
          std::chrono::ceil<std::chrono::seconds>(now - *unwell_since_).count())
        + " s"});
  unwell_since_.reset();
  unwell_told_ = false;
  last_error_ = {};
}

// -- what is to be done -----------------------------------------------------------------

/// Whether it goes with the next commit.
bool offset_keeper::goes(const partition& p) const {
  return p.dirty() && (options_.automatic || p.awaited);
}

/// When it is to be committed at the latest.
time_point offset_keeper::due(const partition& p) const {
  if (!goes(p))
    return time_point::max();
  if (p.flushed || p.awaited || p.records >= options_.threshold)
    return time_point::min();
  return p.dirty_since + options_.interval;
}

void offset_keeper::note_awaited() {
  for (auto& [which, p] : partitions_)
    p.awaited = std::ranges::any_of(
      waiters_, [&, w = &which](const waiter& x) { return x.targets.contains(*w); });
}

void offset_keeper::on_time(time_point now) {
  std::erase_if(waiters_, [&](const waiter& w) {
    if (w.deadline > now)
      return false;
    effects_.emplace_back(commit_ended{w.id,
      {error_code::timed_out,
        "group " + options_.group + ": the offsets are not committed by the deadline"
          + (last_error_ ? ": " + to_string(last_error_) : std::string{})}});
    return true;
  });
  note_awaited();
  if (unwell_since_ && !unwell_told_ && now - *unwell_since_ >= options_.told_after) {
    unwell_told_ = true;
    effects_.emplace_back(told{log_level::warning,
      "offsets cannot be had or committed for "
        + std::to_string(
          std::chrono::floor<std::chrono::seconds>(now - *unwell_since_).count())
        + " s: " + to_string(last_error_)});
  }
}

void offset_keeper::decide(time_point now, bool may_commit, bool may_fetch) {
  const auto is_due = [&](const auto& entry) { return due(entry.second) <= now; };
  if (commit_ == 0 && may_commit && now >= commit_not_before_
    && std::ranges::any_of(partitions_, is_due)) {
    send_commit out;
    for (auto& [which, p] : partitions_) {
      if (!goes(p))
        continue;
      p.sending = p.acknowledged;
      p.records_sent = std::exchange(p.records, 0);
      out.all.push_back({which, p.acknowledged, p.epoch});
    }
    out.request = commit_ = ++last_request_;
    effects_.emplace_back(std::move(out));
  }
  if (fetch_ != 0 || !may_fetch || now < fetch_not_before_)
    return;
  send_fetch out;
  for (auto& [which, p] : partitions_) {
    if (!p.wanted || p.held)
      continue;
    p.fetching = true;
    out.all.push_back(which);
  }
  if (out.all.empty())
    return;
  out.request = fetch_ = ++last_request_;
  effects_.emplace_back(std::move(out));
}

time_point offset_keeper::next_time(bool may_commit, bool may_fetch) const {
  auto next = time_point::max();
  for (const auto& w : waiters_)
    next = std::min(next, w.deadline);
  if (unwell_since_ && !unwell_told_)
    next = std::min(next, *unwell_since_ + options_.told_after);
  auto commit_at = time_point::max();
  for (const auto& [which, p] : partitions_) {
    if (p.wanted && !p.held && fetch_ == 0 && may_fetch)
      next = std::min(next, fetch_not_before_);
    if (may_commit && commit_ == 0)
      commit_at = std::min(commit_at, due(p));
  }
  if (commit_at != time_point::max())
    next = std::min(next, std::max(commit_at, commit_not_before_));
  return next;
}

// -- how it is --------------------------------------------------------------------------

log_offset offset_keeper::committed_of(const topic_partition& which) const {
  const auto at = partitions_.find(which);
  return at == partitions_.end() ? log_offset{-1} : at->second.committed;
}

std::string offset_keeper::why_waiting() const {
  std::size_t count = 0;
  error why = last_error_;
  for (const auto& [which, p] : partitions_) {
    if (!p.wanted)
      continue;
    ++count;
    if (p.last_error)
      why = p.last_error;
  }
  if (count == 0)
    return {};
  return std::to_string(count) + " partitions wait for their offsets"
    + (why ? ": " + to_string(why) : std::string{});
}

} // namespace cafka::protocol
