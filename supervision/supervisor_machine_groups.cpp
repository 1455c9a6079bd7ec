#include "supervisor_machine.hpp"

// The groups of a supervisor_machine: who is ended and started again together, and the
// very first start.
namespace cafka::supervision {

void supervisor_machine::begin_group(place from) {
  group_ = {group::phase::ending, from, last_, false};
}

// Goes on as far as it can without waiting for a child.
void supervisor_machine::advance(time_point now) {
  while (group_.now != group::phase::none && in_transition_ == 0) {
    if (group_.now == group::phase::ending)
      end_next_of_group(now);
    else
      start_next_of_group();
  }
}

void supervisor_machine::end_next_of_group(time_point now) {
  const auto where = group_.next;
  auto& c = children_[where];
  if (c.state != child_state::running || c.dead || tell(now, where))
    on_group_child_ended(now, where);
}

void supervisor_machine::on_group_child_ended(time_point now, place where) {
  auto& c = children_[where];
  const auto before = c.before;
  const auto was_last = where == group_.from;
  if (leaves_nothing(c)) {
    remove(now, where);
  } else {
    // Its name is kept: it is about to be started again.
    set_state(where, child_state::undefined);
    c.number = ++last_number_;
    end_wait_for(where);
  }
  group_.next = before;
  if (was_last) {
    group_.now = group::phase::starting;
    // The first of all may have been temporary.
    group_.next = options_.strategy == strategy::one_for_all ? first_ : group_.from;
  }
}

void supervisor_machine::start_next_of_group() {
  const auto where = group_.next;
  if (where == nowhere) {
    const auto very_first = group_.very_first;
    group_ = {};
    if (very_first)
      effects_.emplace_back(became_ready{});
    return;
  }
  group_.next = children_[where].after;
  begin_start(where, group_.very_first ? cause::first : cause::group);
}

} // namespace cafka::supervision
