#include "supervisor_machine.hpp"

#include <algorithm>
#include <utility>

namespace cafka::supervision {

child_rules rules_of(const child_spec& spec, strategy how) {
  const auto usual =
    spec.type == child_type::supervisor ? shutdown::infinity() : shutdown{};
  return {how == strategy::simple_one_for_one ? spec.name : spec.id, spec.restart,
    spec.shutdown.value_or(usual), spec.type, spec.significant, spec.restart_delay};
}

supervisor_machine::supervisor_machine(machine_options options, output& out)
  : options_(options), out_(out), policy_(options.intensity) {
}

supervisor_machine::~supervisor_machine() = default;

// -- the beginning ----------------------------------------------------------------------

supervisor_machine::place supervisor_machine::add(child_rules rules) {
  place where = nowhere;
  if (empty_.empty()) {
    where = static_cast<place>(children_.size());
    children_.emplace_back();
  } else {
    where = empty_.back();
    empty_.pop_back();
  }
  auto& c = children_[where];
  c = {};
  c.rules = std::move(rules);
  c.number = ++last_number_;
  c.before = last_;
  (last_ == nowhere ? first_ : children_[last_].after) = where;
  last_ = where;
  if (!c.rules.key.empty())
    by_key_.insert(place_index::tag_of(c.rules.key), where);
  ++size_;
  supervisors_ += c.rules.type == child_type::supervisor ? 1 : 0;
  return where;
}

void supervisor_machine::begin(time_point now) {
  group_ = {group::phase::starting, first_, first_, true};
  advance(now);
  take_up(now);
}

// -- requests ---------------------------------------------------------------------------

void supervisor_machine::start_child(time_point now, request from, child_rules rules) {
  take(now, start_request{from, std::move(rules)});
  take_up(now);
}

void supervisor_machine::terminate_child(time_point now, request from, std::string key) {
  take(now, key_request{key_request::wish::terminate, from, std::move(key)});
  take_up(now);
}

void supervisor_machine::terminate_child(
  time_point now, request from, incarnation child) {
  take(now, terminate_request{from, child});
  take_up(now);
}

void supervisor_machine::restart_child(time_point now, request from, std::string key) {
  take(now, key_request{key_request::wish::restart, from, std::move(key)});
  take_up(now);
}

void supervisor_machine::delete_child(time_point now, request from, std::string key) {
  take(now, key_request{key_request::wish::remove, from, std::move(key)});
  take_up(now);
}

void supervisor_machine::stop(time_point now, time_point deadline) {
  stop_deadline_ = std::min(stop_deadline_, deadline);
  if (!stopping_)
    begin_stop(now);
  if (stop_deadline_ <= now)
    on_time(now);
}

// -- events -----------------------------------------------------------------------------

bool supervisor_machine::on_start(time_point now, incarnation child, start_outcome how) {
  if (!is_current(child))
    return false;
  const auto where = child.where;
  if (state(where) == child_state::starting) {
    finish_start(now, where, how, starter_of(where));
    advance(now);
  } else if (state(where) == child_state::terminating) {
    // Given up meanwhile, but its end is still waited for.
    if (how == start_outcome::running)
      out_.tell_to_end(child);
    else
      on_ended(now, where);
  } else {
    return false;
  }
  take_up(now);
  return true;
}

bool supervisor_machine::on_exit(time_point now, incarnation child, exit_class how) {
  if (!is_current(child))
    return false;
  const auto where = child.where;
  auto& c = children_[where];
  switch (c.state) {
  case child_state::starting:
    finish_start(now, where, start_outcome::failed, starter_of(where));
    advance(now);
    break;
  case child_state::terminating: on_ended(now, where); break;
  case child_state::running:
    if (c.dead)
      return false;
    --active_;
    c.dead = true;
    if (stopping_)
      on_ended(now, where);
    else
      take(now, exit_event{child, how});
    break;
  case child_state::undefined:
  case child_state::restarting: return false;
  }
  take_up(now);
  return true;
}

void supervisor_machine::on_retry(time_point now, incarnation child) {
  if (stopping_)
    return;
  take(now, retry_event{child});
  take_up(now);
}

void supervisor_machine::on_time(time_point now) {
  const auto kill_now = [&](place where) {
    if (children_[where].state != child_state::terminating)
      set_state(where, child_state::terminating);
    set_kill_time(where, time_point::max());
    out_.report(event_kind::killed, where);
    if (!out_.kill(at(where)))
      on_ended(now, where);
  };
  if (stop_deadline_ <= now) {
    stop_deadline_ = time_point::max();
    out_of_time_ = true;
    std::vector<incarnation> left;
    for (auto p = first_; p != nowhere; p = children_[p].after)
      if (is_alive(children_[p]))
        left.push_back(at(p));
    for (const auto child : left)
      if (is_current(child))
        kill_now(child.where);
  }
  while (!kill_times_.empty() && kill_times_.begin()->first <= now)
    kill_now(kill_times_.begin()->second);
  while (!resume_times_.empty() && resume_times_.begin()->first <= now) {
    const auto where = resume_times_.begin()->second;
    end_pause(where);
    begin_start(now, where, cause::restart);
  }
  take_up(now);
}

supervisor_machine::time_point supervisor_machine::next_time() const {
  auto next = stop_deadline_;
  for (const auto* times : {&kill_times_, &resume_times_})
    if (!times->empty())
      next = std::min(next, times->begin()->first);
  return next;
}

// -- what comes, and what has to wait ---------------------------------------------------

void supervisor_machine::take(time_point now, waiting what) {
  if (stopping_ || (busy() && !ends_a_start(what)))
    waiting_.push_back(std::move(what));
  else
    std::visit([&](auto& w) { handle(now, w); }, what);
}

// Called last by whatever may have changed something.
void supervisor_machine::take_up(time_point now) {
  while (!stopping_ && !waiting_.empty()) {
    const auto next = busy() ? end_of_a_start() : waiting_.begin();
    if (next == waiting_.end())
      break;
    auto what = std::move(*next);
    waiting_.erase(next);
    std::visit([&](auto& w) { handle(now, w); }, what);
  }
  if (stopping_)
    refuse_all();
}

// A start that never comes to its end must not keep its own end waiting.
bool supervisor_machine::ends_a_start(const waiting& what) const {
  auto where = nowhere;
  if (const auto* by_key = std::get_if<key_request>(&what)) {
    if (by_key->wanted == key_request::wish::terminate)
      where = find(by_key->key);
  } else if (const auto* by_handle = std::get_if<terminate_request>(&what)) {
    if (is_current(by_handle->child))
      where = by_handle->child.where;
  }
  return where != nowhere && state(where) == child_state::starting;
}

// The first of those that had to wait for the start of the child whose end they want.
std::deque<supervisor_machine::waiting>::iterator supervisor_machine::end_of_a_start() {
  if (!std::exchange(starts_later_, false))
    return waiting_.end();
  return std::ranges::find_if(
    waiting_, [this](const waiting& w) { return ends_a_start(w); });
}

void supervisor_machine::wait_for(place where, waiting what) {
  waiting_for_[where].push_back(std::move(what));
}

void supervisor_machine::quiescent(place where) {
  if (const auto i = waiting_for_.find(where); i != waiting_for_.end()) {
    std::ranges::move(i->second, std::back_inserter(waiting_));
    waiting_for_.erase(i);
  }
}

void supervisor_machine::refuse_all() {
  if (waiting_.empty() && waiting_for_.empty())
    return;
  for (auto& [where, queue] : std::exchange(waiting_for_, {}))
    std::ranges::move(queue, std::back_inserter(waiting_));
  for (auto& what : std::exchange(waiting_, {}))
    std::visit(
      [&](auto& w) {
        if constexpr (requires { w.from; })
          out_.answer(w.from, errc::shutdown, nowhere);
      },
      what);
}

void supervisor_machine::handle(time_point now, start_request& what) {
  // In OTP those that are told to end are gone by the time the next request is read.
  if (is_simple() && size_ - terminators_.size() >= options_.max_children)
    return out_.answer(what.from, errc::max_children, nowhere);
  if (const auto where = find(what.rules.key); where != nowhere) {
    switch (children_[where].state) {
    case child_state::running:
      return out_.answer(what.from, errc::already_started, where);
    case child_state::undefined:
      return out_.answer(what.from, errc::already_present, where);
    case child_state::restarting:
      // A name can only be taken; a specification is there, though it does not run.
      return out_.answer(
        what.from, is_simple() ? errc::already_started : errc::already_present, where);
    case child_state::starting:
    case child_state::terminating: return wait_for(where, std::move(what));
    }
  }
  const auto where = add(std::move(what.rules));
  out_.taken_in(what.from, where);
  begin_start(now, where, cause::request, what.from);
}

void supervisor_machine::handle(time_point now, key_request& what) {
  using wish = key_request::wish;
  if (is_simple() && what.wanted != wish::terminate)
    return out_.answer(what.from, errc::simple_one_for_one, nowhere);
  const auto where = find(what.key);
  if (where == nowhere)
    return out_.answer(what.from, errc::not_found, nowhere);
  if (what.wanted == wish::terminate
    && children_[where].state != child_state::terminating)
    return terminate(now, what.from, where);
  switch (children_[where].state) {
  case child_state::running: return out_.answer(what.from, errc::running, where);
  case child_state::restarting: return out_.answer(what.from, errc::restarting, where);
  case child_state::starting:
  case child_state::terminating: return wait_for(where, std::move(what));
  case child_state::undefined: break;
  }
  if (what.wanted == wish::restart)
    return begin_start(now, where, cause::again, what.from);
  remove(where);
  out_.answer(what.from, ok, nowhere);
}

void supervisor_machine::handle(time_point now, terminate_request& what) {
  const auto where = what.child.where;
  if (!is_current(what.child))
    out_.answer(what.from, errc::not_found, nowhere);
  else if (children_[where].state == child_state::terminating)
    wait_for(where, std::move(what));
  else
    terminate(now, what.from, where);
}

void supervisor_machine::handle(time_point now, exit_event& what) {
  if (!is_current(what.child) || !children_[what.child.where].dead)
    return;
  const auto where = what.child.where;
  after_exit(now, where, policy_.on_exit(children_[where].rules.restart, what.how, now));
}

void supervisor_machine::handle(time_point now, retry_event& what) {
  if (is_current(what.child)
    && children_[what.child.where].state == child_state::restarting)
    after_exit(now, what.child.where, policy_.on_retry(now));
}

// -- children that end by themselves ----------------------------------------------------

void supervisor_machine::after_exit(time_point now, place where, restart_action what) {
  const auto significant = children_[where].rules.significant;
  switch (what) {
  case restart_action::restart: return restart(now, where);
  case restart_action::escalate:
    out_.report(event_kind::escalated, where);
    del_child(where);
    return begin_stop(now);
  case restart_action::remove: break;
  }
  const auto ends = significant
    && (options_.auto_shutdown == auto_shutdown::any_significant
      || (options_.auto_shutdown == auto_shutdown::all_significant && significant_ == 1));
  if (ends)
    out_.report(event_kind::auto_shutdown, where);
  del_child(where);
  if (ends)
    begin_stop(now);
}

void supervisor_machine::restart(time_point now, place where) {
  if (!by_group()) {
    if (!pause(now, where))
      begin_start(now, where, cause::restart);
    return;
  }
  set_state(where, child_state::undefined);
  begin_group(options_.strategy == strategy::one_for_all ? first_ : where);
  advance(now);
}

// Whether the child has to wait for its restart, which `on_time` then makes.
bool supervisor_machine::pause(time_point now, place where) {
  if (!is_delayed(children_[where]))
    return false;
  const auto& delay = children_[where].rules.restart_delay;
  auto& row = rows_[where];
  if (children_[where].state == child_state::running
    && now - row.running_since >= delay.max)
    row.restarts = 0;
  const auto wait = delay.before(row.restarts++);
  if (wait.count() == 0)
    return false;
  if (children_[where].state != child_state::restarting)
    set_state(where, child_state::restarting);
  row.resumes = resume_times_.emplace(now + wait, where);
  quiescent(where);
  return true;
}

void supervisor_machine::end_pause(place where) {
  if (const auto row = rows_.find(where); row != rows_.end() && row->second.resumes)
    resume_times_.erase(*std::exchange(row->second.resumes, std::nullopt));
}

// -- starting ---------------------------------------------------------------------------

void supervisor_machine::begin_start(
  time_point now, place where, cause why, request from) {
  auto& c = children_[where];
  c.why = why;
  c.number = ++last_number_;
  set_state(where, child_state::starting);
  const auto how = out_.start(at(where));
  if (how != start_outcome::later)
    return finish_start(now, where, how, from);
  starts_later_ = true;
  if (from != 0)
    starters_.emplace(where, from);
}

supervisor_machine::request supervisor_machine::starter_of(place where) {
  const auto node = starters_.extract(where);
  return node.empty() ? 0 : node.mapped();
}

void supervisor_machine::finish_start(
  time_point now, place where, start_outcome how, request from) {
  auto& c = children_[where];
  const auto again = c.why == cause::restart || c.why == cause::group;
  switch (how) {
  case start_outcome::later: return;
  case start_outcome::running:
    set_state(where, child_state::running);
    if (is_delayed(c))
      rows_[where].running_since = now;
    out_.report(again ? event_kind::restarted : event_kind::started, where);
    out_.answer(from, ok, where);
    quiescent(where);
    return;
  case start_outcome::ignored:
    make_undefined(where);
    out_.report(event_kind::ignored, where);
    if (leaves_nothing(c))
      remove(where, c.why == cause::request);
    out_.answer(from, ok, nowhere);
    return;
  case start_outcome::failed: break;
  }
  switch (c.why) {
  case cause::first:
    make_undefined(where);
    out_.report(event_kind::start_failed, where);
    out_.not_ready(where);
    begin_stop(now);
    break;
  case cause::request:
  case cause::again:
    make_undefined(where);
    out_.report(event_kind::start_failed, where);
    out_.answer(from, errc::start_failed, where);
    if (c.why == cause::request)
      remove(where, true);
    break;
  case cause::restart:
  case cause::group:
    set_state(where, child_state::restarting);
    out_.report(event_kind::restart_failed, where);
    if (is_delayed(c) && !by_group())
      return after_exit(now, where, policy_.on_retry(now));
    out_.retry(at(where));
    quiescent(where);
    group_ = {};
    break;
  }
}

// -- ending -----------------------------------------------------------------------------

void supervisor_machine::terminate(time_point now, request from, place where) {
  const auto state = children_[where].state;
  if (state == child_state::restarting)
    give_up_restart(where);
  if (state == child_state::restarting || state == child_state::undefined)
    return out_.answer(from, ok, nowhere);
  terminators_.emplace(where, from);
  // One whose end has come and waits to be handled needs no telling.
  if (children_[where].dead || tell(now, where))
    on_ended(now, where);
}

void supervisor_machine::give_up_restart(place where) {
  del_child(where);
  // The rest of its group waited for the next try, which will not come.
  if (by_group())
    for (auto p = first_; p != nowhere; p = children_[p].after)
      if (children_[p].state == child_state::undefined)
        out_.undefined(p);
}

// Whether it has ended already, so that nothing will be heard of it.
bool supervisor_machine::tell(time_point now, place where) {
  set_state(where, child_state::terminating);
  const auto how = children_[where].rules.shutdown;
  if (how.is_brutal_kill())
    return !out_.kill(at(where));
  out_.tell_to_end(at(where));
  if (!how.is_infinity())
    set_kill_time(where, deadline(now, how.time()));
  return false;
}

// A child that was to end has ended.
void supervisor_machine::on_ended(time_point now, place where) {
  auto& c = children_[where];
  set_kill_time(where, time_point::max());
  const auto starter = starter_of(where);
  out_.answer(starter, errc::shutdown, nowhere);
  const auto node = terminators_.extract(where);
  if (stopping_)
    remove(where);
  else if (group_.now == group::phase::ending && group_.next == where)
    on_group_child_ended(where);
  else if (starter != 0 && c.why == cause::request)
    remove(where, true);
  else
    del_child(where);
  if (!node.empty())
    out_.answer(node.mapped(), ok, nowhere);
  if (stopping_)
    stop_next(now);
  else
    advance(now);
}

void supervisor_machine::begin_stop(time_point now) {
  stopping_ = true;
  group_ = {};
  if (is_simple()) {
    std::vector<place> ended;
    for (auto p = first_; p != nowhere; p = children_[p].after) {
      const auto& c = children_[p];
      if (!is_alive(c) || (c.state != child_state::terminating && tell(now, p)))
        ended.push_back(p);
    }
    for (const auto p : ended)
      remove(p);
  }
  refuse_all();
  stop_next(now);
}

void supervisor_machine::stop_next(time_point now) {
  if (is_simple()) {
    if (size_ > 0)
      return;
  } else {
    while (last_ != nowhere) {
      const auto& c = children_[last_];
      if (c.state == child_state::terminating || (is_alive(c) && !tell(now, last_)))
        return;
      remove(last_);
    }
  }
  if (!std::exchange(ended_, true))
    out_.ended();
}

// -- small things -----------------------------------------------------------------------

void supervisor_machine::set_state(place where, child_state next) {
  auto& c = children_[where];
  const auto alive = [&](child_state s) {
    return !c.dead && (s == child_state::running || s == child_state::terminating);
  };
  const auto moves = [](child_state s) {
    return s == child_state::starting || s == child_state::terminating;
  };
  active_ = active_ - (alive(c.state) ? 1 : 0);
  in_transition_ = in_transition_ - (moves(c.state) ? 1 : 0) + (moves(next) ? 1 : 0);
  if (c.rules.significant)
    significant_ = significant_ - (c.state != child_state::undefined ? 1 : 0)
      + (next != child_state::undefined ? 1 : 0);
  c.state = next;
  c.dead = false;
  active_ = active_ + (alive(next) ? 1 : 0);
}

void supervisor_machine::set_kill_time(place where, time_point at) {
  auto& killed_at = children_[where].killed_at;
  if (killed_at)
    kill_times_.erase(*killed_at);
  killed_at.reset();
  // Mostly it is the last of all.
  if (at != time_point::max())
    killed_at = kill_times_.emplace_hint(kill_times_.end(), at, where);
}

void supervisor_machine::make_undefined(place where) {
  end_pause(where);
  rows_.erase(where);
  set_state(where, child_state::undefined);
  children_[where].number = ++last_number_;
  out_.undefined(where);
  quiescent(where);
}

// What is left of a child that does not run: its specification, if that may be wanted.
void supervisor_machine::del_child(place where) {
  if (leaves_nothing(children_[where]))
    remove(where);
  else
    make_undefined(where);
}

void supervisor_machine::remove(place where, bool quietly) {
  auto& c = children_[where];
  end_pause(where);
  rows_.erase(where);
  set_state(where, child_state::undefined);
  set_kill_time(where, time_point::max());
  out_.forget(where, quietly);
  out_.answer(starter_of(where), errc::shutdown, nowhere);
  quiescent(where);
  (c.before == nowhere ? first_ : children_[c.before].after) = c.after;
  (c.after == nowhere ? last_ : children_[c.after].before) = c.before;
  if (!c.rules.key.empty())
    by_key_.erase(place_index::tag_of(c.rules.key), where);
  --size_;
  supervisors_ -= c.rules.type == child_type::supervisor ? 1 : 0;
  c = {};
  empty_.push_back(where);
}

} // namespace cafka::supervision
