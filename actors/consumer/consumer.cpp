#include "../../supervision/caf_compat.hpp"
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

/// A deadline of zero is the default.
milliseconds time_for(milliseconds deadline, const consumer_options& options) {
  return deadline > milliseconds{0} ? deadline : options.request_timeout;
}

} // namespace

consumer::consumer(std::shared_ptr<actors::consumer_core> core) : core_(std::move(core)) {
}

const std::string& consumer::name() const {
  static const std::string none;
  return core_ == nullptr ? none : core_->options.name;
}

result<done> consumer::assign(const std::vector<assigned_partition>& partitions) const {
  return outcome_of(core_ == nullptr ? nothing_behind() : core_->assign(partitions));
}

result<done> consumer::add(const std::vector<assigned_partition>& partitions) const {
  return outcome_of(core_ == nullptr ? nothing_behind() : core_->add(partitions));
}

result<done> consumer::unassign(const std::vector<topic_partition>& partitions) const {
  return outcome_of(core_ == nullptr ? nothing_behind() : core_->unassign(partitions));
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
  core_->close();
  // Once it has ended another may have its name.
  if (core_->has_ended())
    return done{};
  if (core_->on_closed && !core_->on_closed(time_for(deadline, core_->options)))
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

consumer_actor consumer::actor() const {
  return core_ == nullptr ? consumer_actor{} : core_->current();
}

} // namespace cafka
