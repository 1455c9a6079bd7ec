#include "../../protocol/clients/group_client.hpp"
#include "../client_actor.hpp"
#include "../client_settings.hpp"
#include "../consumer/consumer_core.hpp"
#include "group_core.hpp"
#include "member_metrics.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include <algorithm>
#include <map>
#include <random>
#include <utility>

namespace cafka::actors {

namespace {

using protocol::group_client;
using protocol::group_member;
using protocol::offset_keeper;

using member_impl = client_interface<member_actor, caf::result<void>(member_changed)>;

std::string random_id() {
  std::random_device random;
  protocol::uuid id;
  for (auto& b : id.bytes)
    b = static_cast<std::uint8_t>(random());
  return protocol::member_id_from(id);
}

protocol::group_client_options settings_of(
  const consumer_core& reader, const connection_options& connection) {
  const auto& o = reader.options;
  const auto& m = o.membership;
  protocol::group_client_options result;
  result.name = o.name;
  result.cluster = dispatcher_options_of(connection, "group");
  result.cluster.metadata_max_age = milliseconds{0}; // The client asks.
  result.cluster.coordinator_query_interval = connection.coordinator_query_interval;
  result.metadata_max_age = connection.metadata_max_age;
  result.request_timeout = o.request_timeout;
  result.max_poll_interval = m.max_poll_interval;
  result.protocol = m.group_protocol;
  auto& member = result.member;
  member.group = o.group;
  if (!m.group_instance_id.empty())
    member.instance_id = m.group_instance_id;
  member.session_timeout_chosen = m.session_timeout > milliseconds{0};
  if (member.session_timeout_chosen)
    member.session_timeout = m.session_timeout;
  member.heartbeat_interval = m.heartbeat_interval;
  member.rebalance_timeout = m.max_poll_interval;
  member.assignors = m.own_assignors;
  for (const auto& name : m.assignors) {
    // `check` has looked at their names.
    if (auto known = protocol::assignor_named(name))
      member.assignors.push_back(*std::move(known));
  }
  member.remote_assignor = m.remote_assignor;
  member.own_id = random_id();
  if (!o.client_rack.empty())
    member.rack = o.client_rack;
  member.request_timeout = o.request_timeout;
  member.told_after = o.stalled_after;
  member.retry_backoff.initial = connection.retry_backoff;
  member.retry_backoff.max = connection.retry_backoff_max;
  member.seed = std::random_device{}();
  auto& offsets = result.offsets;
  offsets.group = o.group;
  offsets.automatic = m.auto_commit;
  offsets.interval = m.auto_commit_interval;
  offsets.threshold = m.commit_threshold;
  offsets.told_after = o.stalled_after;
  offsets.retry_backoff = member.retry_backoff;
  offsets.seed = member.seed;
  return result;
}

/// Brings a consumer and its membership together: what the member is given is read, what
/// it is to give up is held back until the program is through with it.
class member_state : public client_shell<member_state, member_impl, group_client> {
public:
  static inline const char* name = "cafka.member";

  member_state(member_impl::pointer self, std::shared_ptr<consumer_core> reader,
    const connection_options& connection, std::shared_ptr<transport_factory> transports)
    : client_shell(self,
      shell_settings_of(connection, std::move(transports), "group", reader->options.name),
      settings_of(*reader, connection), reader->group->remembered.membership),
      reader_(std::move(reader)),
      core_(*reader_->group),
      metrics_(this->self()->home_system(), reader_->options.name) {}

  ~member_state() { core_.actor.detach(self()->address()); }

  member_impl::behavior_type make_behavior() {
    client().start(now());
    core_.actor.attach(caf::actor_cast<caf::strong_actor_ptr>(self()));
    go_on();
    on_program();
    return behavior(
      own_handlers, [this](commit_offsets& msg) { return commit(std::move(msg)); },
      [this](leave_group_now msg) { return leave(msg); },
      [this](rejoin_group& msg) {
        client().rejoin(now(), std::move(msg.reason));
        on_program();
      },
      [this](get_member_status) { return result<member_status>{status()}; },
      [this](member_changed) { on_program(); });
  }

  // -- what the client wants done -------------------------------------------------------

  void act(group_client::given& x) {
    ++core_.remembered.rebalances;
    metrics_.given();
    if (x.partitions.empty())
      return;
    reader_->tell({group_event_kind::assigned, std::move(x.partitions), {}, {}});
  }

  void act(const group_client::begin_reading& x) {
    assigned_partition from{x.which.topic, x.which.partition, {}};
    core_.remembered.committed[x.which] = x.committed.value_or(log_offset{-1});
    const auto policy = reader_->options.auto_offset_reset;
    const auto known = x.committed ? std::optional{start_at::offset(*x.committed)}
                                   : protocol::place_of(policy);
    from.start = known.value_or(start_at::earliest());
    if (const auto closed = reader_->add({from}, !known))
      return;
    if (!known) {
      reader_->report({x.which.topic, x.which.partition, -1, true,
        {error_code::offset_out_of_range,
          "group " + reader_->options.group + " has committed no offset of "
            + to_string(x.which) + ", and auto_offset_reset is none: seek, and resume"}});
    }
  }

  void act(group_client::give_up& x) {
    reader_->hold(x.partitions, true);
    // Handlers, and who commits by hand, are asked in any case; others only if they have
    // something.
    asked_ = has_handlers() || !reader_->options.membership.auto_commit
      || reader_->in_hand(x.partitions);
    giving_up_ = x.partitions;
    if (asked_)
      reader_->tell(
        {group_event_kind::revoking, std::move(x.partitions), {}, x.deadline}, true);
    look_at_program();
  }

  void act(group_member::kept& x) {
    reader_->hold(x.partitions, false);
    if (has_handlers())
      reader_->tell({group_event_kind::kept, std::move(x.partitions), {}, {}});
  }

  void act(group_member::released& x) {
    stop_reading(x.partitions);
    reader_->tell({group_event_kind::revoked, std::move(x.partitions), {}, {}});
  }

  void act(group_member::lost& x) {
    giving_up_.clear();
    metrics_.lost(x.partitions.size());
    stop_reading(x.partitions);
    reader_->tell({group_event_kind::lost, std::move(x.partitions), x.why, {}});
  }

  void act(offset_keeper::commit_ended& x) {
    const auto found = commits_.find(x.id);
    if (found == commits_.end())
      return;
    auto promise = std::move(found->second);
    commits_.erase(found);
    if (x.outcome)
      promise.deliver(result<done>{std::move(x.outcome)});
    else
      promise.deliver(result<done>{done{}});
  }

  void act(const group_client::request_took& x) { metrics_.request_took(x.what, x.time); }

  void act(const offset_keeper::progress&) {
    metrics_.committed();
    for (auto& [which, offset] : core_.remembered.committed)
      offset = client().offsets().committed_of(which);
  }

  void act(group_client::group_ended& x) {
    for (auto& p : std::exchange(leavers_, {}))
      p.deliver(result<done>{done{}});
    has_left_ = true;
    if (x.why) {
      core_.end(x.why);
      reader_->fail(x.why);
    }
  }

  void before_event() { sync(); }
  void before_effects() {}
  void after_event_done() {
    const auto version = client().membership_version();
    if (std::exchange(version_, version) != version)
      core_.remembered.membership = client().member().membership();
    core_.waits_for_poll = client().waits_for_poll();
    metrics_.is(
      now(), client().member().state(), client().member().membership().owned.size());
    if (stopping_ && has_left_)
      end_now();
  }

  /// A supervisor that ends it lets it commit what is acknowledged, and say farewell.
  void on_exit(const caf::error& reason) {
    if (stopping_)
      return;
    stopping_ = true;
    why_stopped_ = reason;
    if (has_left_ || reason != caf::exit_reason::user_shutdown) {
      end_now();
      return;
    }
    client().leave(now(), now() + farewell, "it is stopped",
      reader_->options.membership.static_leaves);
    on_program();
  }

private:
  /// An incarnation before this one may have been a member.
  void go_on() {
    const auto& before = core_.remembered;
    const auto& owned = before.membership.owned;
    const auto read = reader_->assigned_of(owned);
    for (const auto& which : owned) {
      const auto committed = before.committed.find(which);
      if (std::ranges::find(read, which) != read.end()
        && committed != before.committed.end())
        client().adopt(which, committed->second);
      else
        client().want(now(), which);
    }
    reader_->hold(read, false);
    // Between two generations it may have had others.
    auto others = reader_->assignment();
    std::erase_if(
      others, [&](const auto& p) { return std::ranges::find(owned, p) != owned.end(); });
    stop_reading(others);
    tell_acknowledged(true);
  }

  void on_program() {
    sync();
    client().on_program(now());
    after_event();
  }

  /// Tells the client what has happened on the program's side.
  void sync() {
    tell_acknowledged(false);
    if (!has_handlers())
      client().on_polled(now(), reader_->last_poll(), reader_->any_in_hand());
    if (const auto fresh = core_.subscription(subscribed_))
      client().subscribe(now(), *fresh);
    look_at_program();
  }

  void tell_acknowledged(bool all) {
    for (const auto& a : reader_->take_acknowledged(all)) {
      if (a.sought)
        client().sought(a.which);
      if (a.next.value() >= 0)
        client().acknowledge(now(), a.which, a.next, a.epoch, a.records);
    }
  }

  /// Whether the program is through with what is to be given up.
  void look_at_program() {
    if (giving_up_.empty())
      return;
    const auto by_hand = !reader_->options.membership.auto_commit;
    if (has_handlers()) {
      if (!reader_->has_answered())
        return;
      // Nobody polls any more once it is closed.
    } else if (leavers_.empty() && !stopping_
      && (reader_->in_hand(giving_up_)
        || (by_hand && asked_ && !reader_->has_answered()))) {
      return;
    }
    tell_acknowledged(false);
    giving_up_.clear();
    client().on_program_done(now());
  }

  /// Whether they say when they are through, in place of polls.
  [[nodiscard]] bool has_handlers() const { return reader_->on_something != nullptr; }

  void stop_reading(const std::vector<topic_partition>& those) {
    reader_->forget(those);
    for (const auto& p : those)
      core_.remembered.committed.erase(p);
    // Those whose offsets were still to be fetched are not read.
    const auto failed = reader_->unassign(reader_->assigned_of(those));
    static_cast<void>(failed); // It is closed, and reads nothing.
  }

  caf::typed_response_promise<result<done>> commit(commit_offsets what) {
    auto promise = self()->template make_response_promise<result<done>>();
    const auto until = now()
      + (what.deadline > milliseconds{0} ? what.deadline
                                         : reader_->options.request_timeout);
    sync();
    const auto id = ++last_commit_;
    commits_.emplace(id, promise);
    if (what.offsets.empty())
      client().commit(now(), id, until);
    else
      client().commit(now(), id, until, what.offsets);
    client().on_program(now());
    after_event();
    return promise;
  }

  caf::typed_response_promise<result<done>> leave(leave_group_now what) {
    auto promise = self()->template make_response_promise<result<done>>();
    if (has_left_) {
      promise.deliver(result<done>{done{}});
      return promise;
    }
    leavers_.push_back(promise);
    const auto time =
      what.deadline > milliseconds{0} ? what.deadline : reader_->options.request_timeout;
    client().leave(now(), now() + time, "the consumer is closed",
      reader_->options.membership.static_leaves);
    on_program();
    return promise;
  }

  member_status status() {
    sync();
    const auto& member = client().member();
    const auto& is = member.membership();
    const auto looks = member.look();
    member_status all;
    all.group = reader_->options.group;
    all.protocol = to_string(is.protocol);
    all.member_id = is.member_id;
    all.generation = is.generation;
    all.assignor = is.assignor;
    all.leader = is.leader;
    all.state = std::string{to_string(looks.is)};
    all.waits_for = looks.waits_for;
    all.since = std::chrono::duration_cast<milliseconds>(now() - looks.since);
    if (looks.until != time_point::max())
      all.until = std::chrono::duration_cast<milliseconds>(looks.until - now());
    all.last_error = looks.last_error;
    all.partitions = is.owned;
    for (const auto& p : is.owned) {
      const auto offset = client().offsets().committed_of(p);
      if (offset.value() >= 0)
        all.committed.push_back({p, offset, -1});
    }
    for (const auto& [topic, why] : client().missing_topics())
      all.missing_topics.push_back(why);
    all.waits_for_offsets = client().offsets().why_waiting();
    all.rebalances = core_.remembered.rebalances;
    client().on_program(now());
    after_event();
    return all;
  }

  void end_now() {
    client().shut_down(now());
    carry_out();
    core_.actor.detach(self()->address());
    quit(why_stopped_);
  }

  /// Shorter than a supervisor waits.
  static constexpr milliseconds farewell{2'000};

  const std::shared_ptr<consumer_core> reader_;
  group_core& core_;
  member_metrics metrics_;
  bool stopping_ = false;
  caf::error why_stopped_;
  std::vector<topic_partition> giving_up_;
  bool asked_ = false;
  std::uint64_t version_ = 0;    ///< Of the membership that is remembered.
  std::uint64_t subscribed_ = 0; ///< The subscription that the client knows.
  bool has_left_ = false;
  std::uint64_t last_commit_ = 0;
  std::map<std::uint64_t, caf::typed_response_promise<result<done>>> commits_;
  std::vector<caf::typed_response_promise<result<done>>> leavers_;
};

} // namespace

member_actor spawn_member(caf::actor_system& sys, std::shared_ptr<consumer_core> reader,
  connection_options connection, std::shared_ptr<transport_factory> transports) {
  using actor = caf::stateful_actor<member_state, member_impl::impl>;
  return sys.spawn<actor>(
    std::move(reader), std::move(connection), std::move(transports));
}

} // namespace cafka::actors
