#include "supervisor_machine.hpp"

#include <algorithm>
#include <utility>

// How children start and end, whatever it was that made them.
namespace cafka::supervision {

// -- children that end by themselves ----------------------------------------------------

void supervisor_machine::after_exit(time_point now, place where, restart_action what) {
  const auto significant = children_[where].rules.significant;
  switch (what) {
  case restart_action::restart: return restart(now, where);
  case restart_action::escalate:
    tell_observers(now, event_kind::escalated, where);
    del_child(now, where);
    return begin_stop(now);
  case restart_action::remove: break;
  }
  const auto ends = significant
    && (options_.auto_shutdown == auto_shutdown::any_significant
      || (options_.auto_shutdown == auto_shutdown::all_significant && significant_ == 1));
  if (ends)
    tell_observers(now, event_kind::auto_shutdown, where);
  del_child(now, where);
  if (ends)
    begin_stop(now);
}

void supervisor_machine::restart(time_point now, place where) {
  if (!by_group()) {
    if (!pause(now, where))
      begin_start(where, cause::restart);
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
  end_wait_for(where);
  return true;
}

void supervisor_machine::end_pause(place where) {
  if (const auto row = rows_.find(where); row != rows_.end() && row->second.resumes)
    resume_times_.erase(*std::exchange(row->second.resumes, std::nullopt));
}

// -- starting ---------------------------------------------------------------------------

void supervisor_machine::begin_start(place where, cause why, request from) {
  auto& c = children_[where];
  c.why = why;
  c.number = ++last_number_;
  c.has_actor = false;
  set_state(where, child_state::starting);
  call_ = {c.number, from};
  effects_.emplace_back(call_start{at(where)});
}

// What a start function returned, or what a start that took its time came to.
bool supervisor_machine::take_outcome(
  time_point now, incarnation child, start_outcome how) {
  const auto where = child.where;
  auto& c = children_[where];
  if (c.state != child_state::starting && c.state != child_state::terminating)
    return false;
  const auto over = how != start_outcome::later && how != start_outcome::starting;
  c.has_actor = how == start_outcome::running || how == start_outcome::starting;
  if (c.state == child_state::terminating) {
    // Given up meanwhile, but its end is still waited for.
    if (c.has_actor)
      effects_.emplace_back(ask_to_end{child});
    else if (over)
      on_ended(now, where);
    return true;
  }
  if (over) {
    finish_start(now, where, how);
    advance(now);
    return true;
  }
  starts_later_ = true;
  if (const auto from = starter_of(where); from != 0)
    starters_.emplace(where, from);
  return true;
}

supervisor_machine::request supervisor_machine::starter_of(place where) {
  if (call_.number != 0 && call_.number == children_[where].number)
    return std::exchange(call_.from, 0);
  const auto node = starters_.extract(where);
  return node.empty() ? 0 : node.mapped();
}

void supervisor_machine::finish_start(time_point now, place where, start_outcome how) {
  auto& c = children_[where];
  const auto from = starter_of(where);
  const auto again = c.why == cause::restart || c.why == cause::group;
  switch (how) {
  case start_outcome::starting:
  case start_outcome::later: return;
  case start_outcome::running:
    set_state(where, child_state::running);
    if (is_delayed(c))
      rows_[where].running_since = now;
    tell_observers(now, again ? event_kind::restarted : event_kind::started, where);
    answer(from, ok, where);
    end_wait_for(where);
    return;
  case start_outcome::ignored:
    make_undefined(where);
    tell_observers(now, event_kind::ignored, where);
    if (leaves_nothing(c))
      remove(now, where, c.why == cause::request);
    answer(from, ok, nowhere);
    return;
  case start_outcome::failed: return fail_start(now, where, from);
  }
}

void supervisor_machine::fail_start(time_point now, place where, request from) {
  auto& c = children_[where];
  switch (c.why) {
  case cause::first:
    make_undefined(where);
    tell_observers(now, event_kind::start_failed, where);
    effects_.emplace_back(not_ready{where});
    begin_stop(now);
    break;
  case cause::request:
  case cause::again:
    make_undefined(where);
    tell_observers(now, event_kind::start_failed, where);
    answer(from, errc::start_failed, where);
    if (c.why == cause::request)
      remove(now, where, true);
    break;
  case cause::restart:
  case cause::group:
    set_state(where, child_state::restarting);
    tell_observers(now, event_kind::restart_failed, where);
    if (is_delayed(c) && !by_group() && !stopping_)
      return after_exit(now, where, policy_.on_retry(now));
    effects_.emplace_back(retry_later{at(where)});
    end_wait_for(where);
    group_ = {};
    break;
  }
}

// -- ending -----------------------------------------------------------------------------

void supervisor_machine::terminate(time_point now, request from, place where) {
  const auto state = children_[where].state;
  if (state == child_state::restarting)
    give_up_restart(now, where);
  if (state == child_state::restarting || state == child_state::undefined)
    return answer(from, ok, nowhere);
  terminators_.emplace(where, from);
  // One whose end has come and waits to be handled needs no telling.
  if (children_[where].dead || tell(now, where))
    on_ended(now, where);
}

void supervisor_machine::give_up_restart(time_point now, place where) {
  del_child(now, where);
  // The rest of its group waited for the next try, which will not come.
  if (by_group())
    for (auto p = first_; p != nowhere; p = children_[p].after)
      if (children_[p].state == child_state::undefined)
        effects_.emplace_back(undefine{p});
}

// Whether it has ended already, so that nothing will be heard of it.
bool supervisor_machine::tell(time_point now, place where) {
  set_state(where, child_state::terminating);
  const auto how = children_[where].rules.shutdown;
  if (how.is_brutal_kill())
    return !kill(where);
  if (children_[where].has_actor)
    effects_.emplace_back(ask_to_end{at(where)});
  if (!how.is_infinity())
    set_kill_time(where, deadline(now, how.time()));
  return false;
}

// Whether there is an actor to kill, so that its end will follow.
bool supervisor_machine::kill(place where) {
  const auto has_actor = children_[where].has_actor;
  if (has_actor)
    effects_.emplace_back(kill_child{at(where), out_of_time_});
  return has_actor;
}

// It did not end in its time.
void supervisor_machine::kill_late(time_point now, place where) {
  if (children_[where].state != child_state::terminating)
    set_state(where, child_state::terminating);
  set_kill_time(where, time_point::max());
  tell_observers(now, event_kind::killed, where);
  if (!kill(where))
    on_ended(now, where);
}

// The supervisor itself is out of time.
void supervisor_machine::kill_rest(time_point now) {
  stop_deadline_ = time_point::max();
  out_of_time_ = true;
  std::vector<incarnation> left;
  for (auto p = first_; p != nowhere; p = children_[p].after)
    if (is_alive(children_[p]))
      left.push_back(at(p));
  for (const auto child : left)
    if (is_current(child))
      kill_late(now, child.where);
}

// A child that was to end has ended.
void supervisor_machine::on_ended(time_point now, place where) {
  auto& c = children_[where];
  set_kill_time(where, time_point::max());
  const auto starter = starter_of(where);
  answer(starter, errc::shutdown, nowhere);
  const auto node = terminators_.extract(where);
  if (stopping_)
    remove(now, where);
  else if (group_.now == group::phase::ending && group_.next == where)
    on_group_child_ended(now, where);
  else if (starter != 0 && c.why == cause::request)
    remove(now, where, true);
  else
    del_child(now, where);
  if (!node.empty())
    answer(node.mapped(), ok, nowhere);
  if (stopping_)
    stop_next(now);
  else
    advance(now);
}

void supervisor_machine::begin_stop(time_point now) {
  stopping_ = true;
  group_ = {};
  // No restart that has to wait is made any more.
  for (auto& [where, row] : rows_)
    row.resumes.reset();
  resume_times_.clear();
  if (is_simple()) {
    std::vector<place> ended;
    for (auto p = first_; p != nowhere; p = children_[p].after) {
      const auto& c = children_[p];
      if (!is_alive(c) || (c.state != child_state::terminating && tell(now, p)))
        ended.push_back(p);
    }
    for (const auto p : ended)
      remove(now, p);
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
      remove(now, last_);
    }
  }
  if (!std::exchange(ended_, true))
    effects_.emplace_back(ended_all{});
}

// -- small things -----------------------------------------------------------------------

void supervisor_machine::answer(request to, errc code, place where) {
  if (to != 0)
    effects_.emplace_back(reply{to, code, where});
}

void supervisor_machine::tell_observers(time_point now, event_kind kind, place where) {
  effects_.emplace_back(report{kind, where, policy_.restarts(now)});
}

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
  effects_.emplace_back(undefine{where});
  end_wait_for(where);
}

// What is left of a child that does not run: its specification, if that may be wanted.
void supervisor_machine::del_child(time_point now, place where) {
  if (leaves_nothing(children_[where]))
    remove(now, where);
  else
    make_undefined(where);
}

void supervisor_machine::remove(time_point now, place where, bool quietly) {
  auto& c = children_[where];
  end_pause(where);
  rows_.erase(where);
  set_state(where, child_state::undefined);
  set_kill_time(where, time_point::max());
  effects_.emplace_back(forget{where, quietly, policy_.restarts(now)});
  answer(starter_of(where), errc::shutdown, nowhere);
  end_wait_for(where);
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
