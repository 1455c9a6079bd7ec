#include "consumer_group.hpp"

#include "../../protocol/names.hpp"
#include "../client_actor.hpp"
#include "group_settings.hpp"
#include "handler_messages.hpp"
#include "handlers_core.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/stateful_actor.hpp>

#include <algorithm>
#include <utility>

namespace cafka {

std::string_view to_string(handled::answer a) {
  switch (a) {
  case handled::answer::async_commit: return "async_commit";
  case handled::answer::sync_commit: return "sync_commit";
  case handled::answer::later: return "later";
  case handled::answer::failed: return "failed";
  }
  return "unknown";
}

void partition_assignment::acknowledge(log_offset next) const {
  if (const auto core = core_.lock())
    post(core->actor.get(), actors::records_acknowledged{number_, next});
}

error check(const consumer_group_options& o) {
  if (o.group.empty())
    return row::refused("group", "\"\"", "the name of a group");
  if (auto wrong = protocol::check(group_subscription{o.topics, o.pattern}))
    return wrong;
  if (o.topics.empty() && o.pattern.empty())
    return row::refused("topics", "none", "at least one, or a pattern");
  if (o.retry_backoff <= milliseconds{0} || o.retry_backoff_max < o.retry_backoff)
    return row::refused("retry_backoff", std::to_string(o.retry_backoff.count()) + " ms",
      "1 ms to retry_backoff_max, which is " + std::to_string(o.retry_backoff_max.count())
        + " ms");
  if (o.max_unacknowledged == 0)
    return row::refused("max_unacknowledged", "0", "1 or more");
  if (o.max_seconds <= std::chrono::seconds{0})
    return row::refused(
      "max_seconds", std::to_string(o.max_seconds.count()), "1 or more");
  if (o.shutdown < milliseconds{0})
    return row::refused(
      "shutdown", std::to_string(o.shutdown.count()) + " ms", "0 ms or more");
  if (!o.dead_letter_topic.empty()) {
    if (auto wrong = protocol::check_topic_name(o.dead_letter_topic))
      return {wrong.code, "dead_letter_topic: " + wrong.detail};
  }
  return {};
}

namespace {

error nothing_behind() {
  return {error_code::closed, "a handle without a group"};
}

/// Asks the actor that feeds the handlers.
template <class Reply, class Request>
result<Reply> ask_handlers(
  const actors::handlers_core& core, milliseconds deadline, Request what) {
  const auto time =
    deadline > milliseconds{0} ? deadline : core.reader->options.request_timeout;
  constexpr milliseconds longest = std::chrono::hours{24 * 365};
  const auto until = std::chrono::steady_clock::now() + std::min(time, longest);
  const auto& name = core.reader->options.name;
  const auto actor = core.actor.wait(until);
  if (core.reader->is_closed()) {
    const auto why = core.reader->group->why_ended();
    return why ? why : error{error_code::closed, "group member " + name + " was closed"};
  }
  result<Reply> outcome =
    error{error_code::timed_out, "the handlers of " + name + " did not answer"};
  const auto left =
    std::max(std::chrono::ceil<milliseconds>(until - std::chrono::steady_clock::now()),
      milliseconds{1});
  if (actor == nullptr)
    return outcome;
  caf::scoped_actor self{core.sys};
  ask(self, caf::actor_cast<caf::actor>(actor), left, std::move(what))
    .receive([&](Reply& told) { outcome = std::move(told); }, [](const caf::error&) {});
  return outcome;
}

} // namespace

result<group_status> consumer_group::status(milliseconds deadline) const {
  if (core_ == nullptr)
    return nothing_behind();
  const auto time =
    deadline > milliseconds{0} ? deadline : core_->reader->options.request_timeout;
  const auto began = std::chrono::steady_clock::now();
  auto member = reader_.membership(time);
  if (!member)
    return member.error();
  const auto took =
    std::chrono::floor<milliseconds>(std::chrono::steady_clock::now() - began);
  auto all = ask_handlers<group_status>(
    *core_, std::max(time - took, milliseconds{1}), actors::get_group_status{});
  if (all)
    all->member = *std::move(member);
  return all;
}

caf::actor consumer_group::handler(
  const std::string& topic, partition_id partition, milliseconds deadline) const {
  if (core_ == nullptr)
    return nullptr;
  const auto found =
    ask_handlers<caf::actor>(*core_, deadline, actors::get_handler{{topic, partition}});
  return found ? *found : nullptr;
}

result<done> consumer_group::resume(
  const std::vector<topic_partition>& partitions) const {
  auto outcome = reader_.resume(partitions);
  if (outcome)
    post(core_->actor.get(), actors::resume_handlers{partitions});
  return outcome;
}

result<done> consumer_group::close(milliseconds deadline) const {
  if (core_ == nullptr)
    return nothing_behind();
  const auto until = std::chrono::steady_clock::now()
    + (deadline > milliseconds{0} ? deadline : core_->reader->options.request_timeout);
  auto outcome = reader_.close(deadline);
  if (core_->letters) {
    const auto left =
      std::chrono::ceil<milliseconds>(until - std::chrono::steady_clock::now());
    const auto closed = core_->letters.close(std::max(left, milliseconds{1}));
    if (outcome && !closed)
      outcome = closed;
  }
  return outcome;
}

} // namespace cafka

namespace cafka::actors {

namespace {

/// An actor around a handler; its exceptions are crashes.
class handler_state {
public:
  static inline const char* name = "cafka.handler";

  handler_state(caf::event_based_actor* self, std::unique_ptr<partition_handler> what)
    : self_(self), what_(std::move(what)) {}

  caf::behavior make_behavior() {
#ifdef CAF_ENABLE_EXCEPTIONS
    self_->set_exception_handler(
      [](std::exception_ptr& thrown) { return reason_of(thrown); });
#endif
    return {
      [this](const consumed_batch& batch) { return what_->on_batch(batch); },
      [this](partition_revoked msg) {
        what_->on_revoked(msg.left);
        return handled::async_commit();
      },
      [this](const partition_lost& msg) { what_->on_lost(msg.why); },
    };
  }

private:
  caf::event_based_actor* const self_;
  const std::unique_ptr<partition_handler> what_;
};

} // namespace

caf::actor spawn_handler(
  caf::actor_system& sys, std::unique_ptr<partition_handler> what, bool detached) {
  using actor = caf::stateful_actor<handler_state>;
  return detached ? sys.spawn<actor, caf::detached>(std::move(what))
                  : sys.spawn<actor>(std::move(what));
}

void handlers_core::signal() {
  if (!signalled_.exchange(true))
    post(actor.get(), handlers_changed{});
}

std::string handlers_core::letters_for(const std::string& topic) const {
  return options.dead_letter_topic.empty() ? topic + "-dlt" : options.dead_letter_topic;
}

} // namespace cafka::actors
