#include <cafka/actors/consumer_core.hpp>

#include <algorithm>

namespace cafka {

namespace {

error nothing_behind() {
  return {error_code::closed, "a handle without a consumer"};
}

result<done> outcome_of(const error& e) {
  if (e.code != error_code::none)
    return e;
  return done{};
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

result<polled> consumer::poll(milliseconds deadline) const {
  if (core_ == nullptr)
    return nothing_behind();
  constexpr milliseconds longest = std::chrono::hours{24 * 365};
  return core_->poll(
    std::chrono::steady_clock::now() + std::clamp(deadline, milliseconds{0}, longest));
}

result<done> consumer::close(milliseconds deadline) const {
  if (core_ == nullptr)
    return nothing_behind();
  core_->close();
  // Once it has ended another may have its name.
  if (core_->has_ended())
    return done{};
  if (core_->on_closed && !core_->on_closed(deadline))
    return error{error_code::timed_out, core_->options.name + " has not ended yet"};
  core_->end({});
  return done{};
}

consumer_actor consumer::actor() const {
  return core_ == nullptr ? consumer_actor{} : core_->current();
}

} // namespace cafka
