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

supervisor_machine::supervisor_machine(machine_options options)
  : options_(options), policy_(options.intensity) {
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
  go_on(now);
}

// -- requests ---------------------------------------------------------------------------

void supervisor_machine::start_child(time_point now, request from, child_rules rules) {
  take(now, start_request{from, std::move(rules)});
  go_on(now);
}

void supervisor_machine::terminate_child(time_point now, request from, std::string key) {
  take(now, key_request{key_request::wish::terminate, from, std::move(key)});
  go_on(now);
}

void supervisor_machine::terminate_child(
  time_point now, request from, incarnation child) {
  take(now, terminate_request{from, child});
  go_on(now);
}

void supervisor_machine::restart_child(time_point now, request from, std::string key) {
  take(now, key_request{key_request::wish::restart, from, std::move(key)});
  go_on(now);
}

void supervisor_machine::delete_child(time_point now, request from, std::string key) {
  take(now, key_request{key_request::wish::remove, from, std::move(key)});
  go_on(now);
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
  const auto called = child.number != 0 && call_.number == child.number;
  const auto known = is_current(child) && take_outcome(now, child, how);
  if (called && call_.number == child.number) // no other start has begun
    call_ = {};
  if (known || called)
    go_on(now);
  return known;
}

bool supervisor_machine::on_exit(time_point now, incarnation child, exit_class how) {
  if (!is_current(child))
    return false;
  const auto where = child.where;
  auto& c = children_[where];
  c.has_actor = false;
  switch (c.state) {
  case child_state::starting:
    finish_start(now, where, start_outcome::failed);
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
  go_on(now);
  return true;
}

void supervisor_machine::on_retry(time_point now, incarnation child) {
  if (stopping_)
    return;
  take(now, retry_event{child});
  go_on(now);
}

void supervisor_machine::on_time(time_point now) {
  if (stop_deadline_ <= now)
    kill_rest(now);
  while (!kill_times_.empty() && kill_times_.begin()->first <= now)
    kill_late(now, kill_times_.begin()->second);
  go_on(now);
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

// Called last by whatever may have changed something. While a start function is being
// called nothing else begins.
void supervisor_machine::go_on(time_point now) {
  while (
    call_.number == 0 && !resume_times_.empty() && resume_times_.begin()->first <= now) {
    const auto where = resume_times_.begin()->second;
    end_pause(where);
    begin_start(where, cause::restart);
  }
  while (!stopping_ && call_.number == 0 && !waiting_.empty()) {
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

void supervisor_machine::end_wait_for(place where) {
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
          answer(w.from, errc::shutdown, nowhere);
      },
      what);
}

void supervisor_machine::handle(time_point, start_request& what) {
  // In OTP those that are told to end are gone by the time the next request is read.
  if (is_simple() && size_ - terminators_.size() >= options_.max_children)
    return answer(what.from, errc::max_children, nowhere);
  if (const auto where = find(what.rules.key); where != nowhere) {
    switch (children_[where].state) {
    case child_state::running: return answer(what.from, errc::already_started, where);
    case child_state::undefined: return answer(what.from, errc::already_present, where);
    case child_state::restarting:
      // A name can only be taken; a specification is there, though it does not run.
      return answer(
        what.from, is_simple() ? errc::already_started : errc::already_present, where);
    case child_state::starting:
    case child_state::terminating: return wait_for(where, std::move(what));
    }
  }
  const auto where = add(std::move(what.rules));
  effects_.emplace_back(took_in{what.from, where});
  begin_start(where, cause::request, what.from);
}

void supervisor_machine::handle(time_point now, key_request& what) {
  using wish = key_request::wish;
  if (is_simple() && what.wanted != wish::terminate)
    return answer(what.from, errc::simple_one_for_one, nowhere);
  const auto where = find(what.key);
  if (where == nowhere)
    return answer(what.from, errc::not_found, nowhere);
  if (what.wanted == wish::terminate
    && children_[where].state != child_state::terminating)
    return terminate(now, what.from, where);
  switch (children_[where].state) {
  case child_state::running: return answer(what.from, errc::running, where);
  case child_state::restarting: return answer(what.from, errc::restarting, where);
  case child_state::starting:
  case child_state::terminating: return wait_for(where, std::move(what));
  case child_state::undefined: break;
  }
  if (what.wanted == wish::restart)
    return begin_start(where, cause::again, what.from);
  remove(now, where);
  answer(what.from, ok, nowhere);
}

void supervisor_machine::handle(time_point now, terminate_request& what) {
  const auto where = what.child.where;
  if (!is_current(what.child))
    answer(what.from, errc::not_found, nowhere);
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

} // namespace cafka::supervision
