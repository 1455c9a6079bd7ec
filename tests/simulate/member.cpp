#include "member.hpp"

#include <algorithm>

namespace cafka::simulate {

using namespace protocol;
using namespace std::chrono_literals;

// -- the book ---------------------------------------------------------------------------

void group_book::begins(const std::string& who, const place& where, std::int64_t offset) {
  auto& p = parts_[where];
  world_.story.tell(world_.now, who, "begins", to_string(where), "at", offset);
  if (offset > p.handled)
    throw broken_promise{who + " begins " + to_string(where) + " at "
      + std::to_string(offset) + ", and only what lies before "
      + std::to_string(p.handled) + " was handled"};
  // Whoever reads it has been thrown out, and does not know it yet.
  for (const auto& other : p.readers) {
    if (other == who)
      continue;
    p.astray[other].insert(who);
    p.again = std::max(p.again, p.handled);
  }
  p.readers.insert(who);
  p.paused.erase(who);
  for (auto at = p.paused.begin(); at != p.paused.end();) {
    auto& [other, since] = *at;
    since.insert(who);
    if (offset == p.handled) {
      ++at;
      continue;
    }
    // It was thrown out before it could commit all: it may not give it up in order.
    p.astray[other] = since;
    p.again = std::max(p.again, p.handled);
    at = p.paused.erase(at);
  }
}

void group_book::pauses(const std::string& who, const place& where) {
  auto& p = parts_[where];
  world_.story.tell(
    world_.now, who, "pauses", to_string(where), "handled up to", p.handled);
  if (!p.astray.contains(who) && p.readers.erase(who) > 0)
    p.paused[who] = {};
}

void group_book::goes_on(const std::string& who, const place& where, bool is_told) {
  auto& p = parts_[where];
  world_.story.tell(
    world_.now, who, "goes on with", to_string(where), "handled up to", p.handled);
  const auto paused = p.paused.find(who);
  const auto had_by = [&](const std::set<std::string>& others) {
    if (is_told && !others.empty())
      throw broken_promise{who + " goes on with " + to_string(where) + ", which "
        + *others.begin() + " had meanwhile"};
  };
  if (const auto found = p.astray.find(who); found != p.astray.end())
    return had_by(found->second);
  if (paused == p.paused.end())
    return;
  had_by(paused->second);
  if (!paused->second.empty()) {
    p.astray[who] = paused->second;
    p.again = std::max(p.again, p.handled);
  }
  p.readers.insert(who);
  p.paused.erase(paused);
}

void group_book::handles(
  const std::string& who, const place& where, std::int64_t offset) {
  auto& p = parts_[where];
  if (p.astray.contains(who)) {
    p.again = std::max(p.again, offset + 1);
  } else if (offset < p.handled && offset >= p.again) {
    throw broken_promise{who + " handles " + to_string(where) + ' '
      + std::to_string(offset) + " once more, and nobody has lost it"};
  }
  if (offset > p.handled)
    throw broken_promise{who + " handles " + to_string(where) + ' '
      + std::to_string(offset) + ", where " + std::to_string(p.handled) + " is next"};
  p.handled = std::max(p.handled, offset + 1);
}

void group_book::ends(const std::string& who, const place& where) {
  auto& p = parts_[where];
  world_.story.tell(
    world_.now, who, "ends", to_string(where), "handled up to", p.handled);
  if (p.astray.contains(who))
    throw broken_promise{who + " gives " + to_string(where)
      + " up in order, which another member had meanwhile"};
  p.readers.erase(who);
  p.paused.erase(who);
}

void group_book::loses(const std::string& who, const place& where) {
  auto& p = parts_[where];
  world_.story.tell(
    world_.now, who, "loses", to_string(where), "handled up to", p.handled);
  p.astray.erase(who);
  for (auto& [other, by] : p.astray)
    by.erase(who);
  for (auto& [other, since] : p.paused)
    since.erase(who);
  std::erase_if(p.astray, [](const auto& entry) { return entry.second.empty(); });
  p.readers.erase(who);
  p.paused.erase(who);
  p.again = std::max(p.again, p.handled);
}

std::string group_book::reader_of(const place& where) const {
  const auto found = parts_.find(where);
  if (found == parts_.end() || found->second.readers.empty())
    return "";
  return *found->second.readers.begin();
}

// -- its life ---------------------------------------------------------------------------

member::member(
  world& w, std::string name, member_settings settings, std::shared_ptr<group_book> all)
  : shell(w, std::move(name), settings.client),
    with_(std::move(settings)),
    all_(std::move(all)) {
}

void member::begin() {
  restart();
  busy_ = true;
  work();
}

void member::restart() {
  if (stopped_) {
    // Nobody is left to say farewell: the session ends by itself.
    for (const auto& [p, r] : reads_)
      all_->loses(name(), place_of(p));
    reads_.clear();
    has_left_ = true;
    return;
  }
  auto options = with_.options;
  options.cluster.seed = random_.next();
  options.member.seed = random_.next();
  options.offsets.seed = random_.next();
  options.name = name();
  make(options, membership_);
  giving_up_.clear();
  // As the actor does: what it is given goes on, the rest is not read any more.
  for (const auto& p : membership_.owned) {
    const auto known = committed_.find(p);
    if (reads_.contains(p) && known != committed_.end())
      client().adopt(p, known->second);
    else
      client().want(client_now(), p);
  }
  for (auto at = reads_.begin(); at != reads_.end();) {
    at->second.held = false;
    const auto& p = at->first;
    if (std::ranges::find(membership_.owned, p) != membership_.owned.end()) {
      all_->goes_on(name(), place_of(p), false);
      ++at;
      continue;
    }
    all_->loses(name(), place_of(p));
    committed_.erase(p);
    at = reads_.erase(at);
  }
  for (const auto& [p, r] : reads_)
    client().acknowledge(client_now(), p, r.acknowledged, -1, 1);
  turn([this](client_type& c) {
    c.start(client_now());
    c.subscribe(client_now(),
      in_group_ ? group_subscription{with_.topics, {}} : group_subscription{});
    c.on_program(client_now());
  });
}

void member::stop() {
  stopped_ = true;
  if (!lives())
    return;
  turn([this](client_type& c) {
    c.leave(client_now(), client_now() + 5s, "it is over", false);
    c.on_program(client_now());
  });
  finish_giving_up();
}

// -- what it is told --------------------------------------------------------------------

void member::act(const client_type::begin_reading& x) {
  const auto at = x.committed.value_or(log_offset{0}).value();
  committed_[x.which] = x.committed.value_or(log_offset{-1});
  reads_[x.which] = {at, at, false};
  all_->begins(name(), place_of(x.which), at);
}

void member::act(const client_type::give_up& x) {
  tell("is to give up", x.partitions);
  giving_up_ = x.partitions;
  give_up_until_ = x.deadline;
  for (const auto& p : x.partitions) {
    if (const auto found = reads_.find(p); found != reads_.end())
      found->second.held = true;
  }
  // Its program takes its time, and sometimes more than it has.
  world_.later(
    random_.between(0ms, random_.chance(50) ? 20s : 300ms), [this, now = incarnation_] {
      if (now == incarnation_)
        finish_giving_up();
    });
}

void member::finish_giving_up() {
  if (!lives() || giving_up_.empty())
    return;
  post([this] {
    turn([this](client_type& c) {
      for (const auto& p : std::exchange(giving_up_, {})) {
        const auto found = reads_.find(p);
        if (found == reads_.end())
          continue;
        auto& r = found->second;
        r.acknowledged = r.next;
        all_->pauses(name(), place_of(p));
        c.acknowledge(client_now(), p, r.next, -1, 1);
      }
      c.on_program_done(client_now());
      c.on_program(client_now());
    });
  });
}

void member::tell(std::string_view what, const std::vector<topic_partition>& those) {
  for (const auto& p : those)
    world_.story.tell(world_.now, name(), what, protocol::to_string(p));
}

void member::act(const group_member::kept& x) {
  tell("keeps", x.partitions);
  for (const auto& p : x.partitions) {
    std::erase(giving_up_, p);
    const auto found = reads_.find(p);
    if (found == reads_.end())
      continue;
    found->second.held = false;
    all_->goes_on(name(), place_of(p), true);
  }
}

void member::act(const group_member::released& x) {
  tell("has given up", x.partitions);
  for (const auto& p : x.partitions) {
    std::erase(giving_up_, p);
    const auto found = reads_.find(p);
    if (found == reads_.end())
      continue;
    // What could not be committed by the deadline is handled again.
    if (client_now() >= give_up_until_)
      all_->loses(name(), place_of(p));
    else
      all_->ends(name(), place_of(p));
    reads_.erase(found);
    committed_.erase(p);
  }
}

void member::act(const group_member::lost& x) {
  tell("has lost", x.partitions);
  if (with_.loses_nothing)
    throw broken_promise{name() + " loses " + std::to_string(x.partitions.size())
      + " partitions, and nothing has happened: " + protocol::to_string(x.why)};
  giving_up_.clear();
  for (const auto& p : x.partitions) {
    all_->loses(name(), place_of(p));
    reads_.erase(p);
    committed_.erase(p);
  }
}

void member::act(const client_type::group_ended& x) {
  has_left_ = true;
  if (x.why)
    throw broken_promise{
      name() + " cannot be a member any more: " + protocol::to_string(x.why)};
}

// -- its program ------------------------------------------------------------------------

void member::set_busy(bool busy) {
  busy_ = busy;
  if (busy || in_group_)
    return;
  in_group_ = true;
  post([this] {
    turn([this](client_type& c) {
      c.subscribe(client_now(), {with_.topics, {}});
      c.on_program(client_now());
    });
  });
}

void member::work() {
  if (stopped_)
    return;
  if (lives() && world_.now >= stalled_until()) {
    if (busy_ && random_.chance(with_.moves)) {
      in_group_ = !in_group_;
      post([this] {
        turn([this](client_type& c) {
          c.subscribe(client_now(),
            in_group_ ? group_subscription{with_.topics, {}} : group_subscription{});
          c.on_program(client_now());
        });
      });
    }
    read();
  }
  world_.later(
    random_.between(1ms, busy_ ? with_.longest_pause : 20ms), [this] { work(); });
}

void member::read() {
  for (auto& [p, r] : reads_) {
    if (r.held || world_.cluster.partitions(p.topic) == 0)
      continue;
    const auto end = world_.cluster.log(p.topic, p.partition.value()).end().value();
    const auto most = static_cast<std::int64_t>(1 + random_.below(50));
    for (auto left = most; left > 0 && r.next < end; --left)
      all_->handles(name(), place_of(p), r.next++);
    // Some of it is in hand for a while.
    if (!busy_ || random_.chance(700))
      r.acknowledged = r.next;
  }
  post([this] {
    turn([this](client_type& c) {
      for (const auto& [p, r] : reads_)
        c.acknowledge(client_now(), p, r.acknowledged, -1, 1);
      c.on_program(client_now());
    });
  });
}

std::string member::waits_for() {
  if (stopped_)
    return has_left_ ? "" : "to have left the group";
  if (!lives())
    return "to be started again";
  const auto& m = client().member();
  const auto looks = [&] {
    return " (" + std::string{to_string(m.state())} + ", " + m.look().waits_for + ", "
      + protocol::to_string(m.look().last_error) + ", " + client().offsets().why_waiting()
      + ')';
  };
  if (m.state() != group_member::phase::stable)
    return "to be a member" + looks();
  for (const auto& t : with_.topics) {
    for (std::int32_t p = 0; p != world_.cluster.partitions(t); ++p) {
      const place where{t, p};
      const auto reader = all_->reader_of(where);
      if (reader.empty())
        return "for somebody to read " + to_string(where) + looks();
      if (reader != name())
        continue;
      const auto end = world_.cluster.log(t, p).end().value();
      const topic_partition which{t, p};
      const auto committed = client().offsets().committed_of(which).value();
      const auto found = reads_.find(which);
      if (end > 0
        && (found == reads_.end() || found->second.next != end || committed != end))
        return "for " + to_string(where) + " to be committed up to " + std::to_string(end)
          + ", it is " + std::to_string(committed)
          + (found == reads_.end() ? std::string{", and it is not read"}
                                   : ", read up to " + std::to_string(found->second.next)
                + ", acknowledged up to " + std::to_string(found->second.acknowledged)
                + (found->second.held ? ", held" : ""))
          + looks();
    }
  }
  return "";
}

} // namespace cafka::simulate
