#include "../../supervision/caf_compat.hpp"
#include "../group/group_core.hpp"
#include "consumer_core.hpp"

#include <caf/scoped_actor.hpp>

#include <algorithm>

namespace cafka {

namespace {

error nothing_behind() {
  return {error_code::closed, "a handle without a consumer"};
}

result<done> outcome_of(const error& e) {
  if (e)
    return e;
  return done{};
}

/// Why what only a member can do, or only one that is none, cannot be done.
error wrong_kind(const actors::consumer_core* core, bool for_member) {
  if (core == nullptr)
    return nothing_behind();
  const auto& o = core->options;
  if (for_member && core->group == nullptr)
    return {error_code::invalid_argument,
      "consumer " + o.name + " is no member of a group (consumer_options::group)"};
  if (!for_member && core->group != nullptr)
    return {error_code::invalid_argument,
      "consumer " + o.name + " is a member of group " + o.group
        + ", which gives it its partitions: subscribe"};
  return {};
}

/// A deadline of zero is the default.
milliseconds time_for(milliseconds deadline, const consumer_options& options) {
  return deadline > milliseconds{0} ? deadline : options.request_timeout;
}

} // namespace

consumed_batch consumed_batch::part(log_offset from, std::size_t most) const {
  auto content = std::make_shared<actors::consumed_content>();
  content->topic = content_->topic;
  content->partition = content_->partition;
  content->log_end = content_->log_end;
  content->frame = content_; // The bytes count against the budget as long as that lives.
  content->records.view_part(content_->records, from, most);
  if (const auto all = content_->records.size(); all > 0)
    content->bytes = content_->bytes * content->records.size() / all;
  return consumed_batch{std::move(content)};
}

consumer::consumer(std::shared_ptr<actors::consumer_core> core) : core_(std::move(core)) {
}

const std::string& consumer::name() const {
  static const std::string none;
  return core_ == nullptr ? none : core_->options.name;
}

result<done> consumer::assign(const std::vector<assigned_partition>& partitions) const {
  if (auto wrong = wrong_kind(core_.get(), false))
    return wrong;
  return outcome_of(core_->assign(partitions));
}

result<done> consumer::add(const std::vector<assigned_partition>& partitions) const {
  if (auto wrong = wrong_kind(core_.get(), false))
    return wrong;
  return outcome_of(core_->add(partitions));
}

result<done> consumer::unassign(const std::vector<topic_partition>& partitions) const {
  if (auto wrong = wrong_kind(core_.get(), false))
    return wrong;
  return outcome_of(core_->unassign(partitions));
}

result<done> consumer::subscribe(const group_subscription& what) const {
  if (auto wrong = wrong_kind(core_.get(), true))
    return wrong;
  if (auto wrong = protocol::check(what, core_->options.membership.group_protocol))
    return wrong;
  if (core_->is_closed())
    return error{error_code::closed, "consumer " + name() + " was closed"};
  core_->group->subscribe(what);
  return done{};
}

result<done> consumer::commit(milliseconds deadline) const {
  return commit({}, deadline);
}

result<done> consumer::commit(
  const std::vector<offset_of_partition>& offsets, milliseconds deadline) const {
  if (auto wrong = wrong_kind(core_.get(), true))
    return wrong;
  // Who is asked to give partitions up may commit before it does.
  core_->acknowledge_all(false);
  return core_->group->ask<done>(
    name(), time_for(deadline, core_->options), commit_offsets{offsets, {}});
}

result<done> consumer::release() const {
  if (auto wrong = wrong_kind(core_.get(), true))
    return wrong;
  core_->acknowledge_all();
  return done{};
}

result<done> consumer::rejoin(std::string reason) const {
  if (auto wrong = wrong_kind(core_.get(), true))
    return wrong;
  if (const auto actor = core_->group->current())
    post(actor, rejoin_group{std::move(reason)});
  return done{};
}

result<member_status> consumer::membership(milliseconds deadline) const {
  if (auto wrong = wrong_kind(core_.get(), true))
    return wrong;
  return core_->group->ask<member_status>(
    name(), time_for(deadline, core_->options), get_member_status{});
}

result<done> consumer::seek(
  const std::string& topic, partition_id partition, start_at where) const {
  return outcome_of(
    core_ == nullptr ? nothing_behind() : core_->seek({topic, partition}, where));
}

result<done> consumer::pause(const std::vector<topic_partition>& partitions) const {
  return outcome_of(
    core_ == nullptr ? nothing_behind() : core_->set_paused(partitions, true));
}

result<done> consumer::resume(const std::vector<topic_partition>& partitions) const {
  return outcome_of(
    core_ == nullptr ? nothing_behind() : core_->set_paused(partitions, false));
}

std::vector<topic_partition> consumer::assignment() const {
  return core_ == nullptr ? std::vector<topic_partition>{} : core_->assignment();
}

std::optional<log_offset> consumer::position(
  const std::string& topic, partition_id partition) const {
  return core_ == nullptr ? std::nullopt : core_->position({topic, partition});
}

result<polled> consumer::poll(milliseconds wait) const {
  if (core_ == nullptr)
    return nothing_behind();
  constexpr milliseconds longest = std::chrono::hours{24 * 365};
  return core_->poll(
    std::chrono::steady_clock::now() + std::clamp(wait, milliseconds{0}, longest));
}

result<done> consumer::close(milliseconds deadline) const {
  if (core_ == nullptr)
    return nothing_behind();
  const auto time = time_for(deadline, core_->options);
  const auto until = std::chrono::steady_clock::now() + time;
  const auto left = [&] {
    return std::max(
      std::chrono::ceil<milliseconds>(until - std::chrono::steady_clock::now()),
      milliseconds{1});
  };
  if (auto* const group = core_->group.get(); group != nullptr && !core_->has_ended()) {
    if (!core_->is_closed()) {
      core_->acknowledge_all();
      // Without it the group gets its partitions when its session has ended.
      const auto spare = std::min(milliseconds{200}, time / 4);
      const auto farewell = group->ask<done>(name(), time - spare, leave_group_now{});
      static_cast<void>(farewell);
    }
    group->end({});
    if (group->on_closed)
      group->on_closed(left());
  }
  core_->close();
  // Once it has ended another may have its name.
  if (core_->has_ended())
    return done{};
  if (core_->on_closed && !core_->on_closed(left()))
    return error{error_code::timed_out, core_->options.name + " has not ended yet"};
  core_->end({});
  return done{};
}

std::string_view to_string(reading_state s) {
  switch (s) {
  case reading_state::reading: return "reading";
  case reading_state::waiting: return "waiting";
  case reading_state::full: return "full";
  case reading_state::paused: return "paused";
  case reading_state::halted: return "halted";
  }
  return "unknown";
}

result<consumer_status> consumer::status(milliseconds deadline) const {
  if (core_ == nullptr)
    return nothing_behind();
  constexpr milliseconds longest = std::chrono::hours{24 * 365};
  const auto until = std::chrono::steady_clock::now()
    + std::min(time_for(deadline, core_->options), longest);
  const auto actor = core_->wait_for_actor(until);
  if (core_->is_closed())
    return error{error_code::closed, "consumer " + name() + " was closed"};
  if (!actor)
    return error{error_code::timed_out, "consumer " + name() + " is being restarted"};
  const auto left =
    std::max(std::chrono::ceil<milliseconds>(until - std::chrono::steady_clock::now()),
      milliseconds{1});
  result<consumer_status> outcome =
    error{error_code::timed_out, "consumer " + name() + " did not answer"};
  caf::scoped_actor self{core_->sys};
  ask(self, actor, left, get_consumer_status{})
    .receive([&](result<consumer_status>& told) { outcome = std::move(told); },
      [](const caf::error&) {});
  return outcome;
}

member_actor consumer::member() const {
  return core_ == nullptr || core_->group == nullptr ? member_actor{}
                                                     : core_->group->current();
}

consumer_actor consumer::actor() const {
  return core_ == nullptr ? consumer_actor{} : core_->current();
}

} // namespace cafka
