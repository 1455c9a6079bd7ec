#include "../names.hpp"
#include "dispatcher.hpp"
#include "overloaded.hpp"

#include <algorithm>
#include <utility>

// Where a call goes.

namespace cafka::protocol {

dispatcher::route dispatcher::wait_for(
  pending_call& c, waits_for what, broker_id broker) {
  c.waiting = what;
  c.waiting_broker = broker;
  return nullptr;
}

std::string dispatcher::no_address_of(broker_id id) const {
  const auto number = std::to_string(id.value());
  const auto why = cluster_.why_no_address(id);
  return why.empty() ? "no broker " + number + " in the cluster"
                     : "no address of broker " + number + ": " + why;
}

dispatcher::route dispatcher::find_route(time_point now, pending_call& c) {
  return std::visit(
    overloaded{
      [&](const any_broker&) { return route_to_any(now, c); },
      [&](broker_id id) {
        if (cluster_.address_of(id) == nullptr && asked_since(c))
          return route{error_code::broker_not_available, no_address_of(id)};
        return route_to_broker(now, c, id);
      },
      [&](const controller_broker&) { return route_to_controller(now, c); },
      [&](const leader_of& where) { return route_to_leader(now, c, where); },
      [&](const coordinator_of& what) { return route_to_coordinator(now, c, what); },
    },
    c.what->what().where);
}

broker_connection* dispatcher::least_busy(time_point now, api_key key) const {
  broker_connection* best = nullptr;
  const auto rank = [&](const broker_connection& l) {
    return std::pair{held(now, l, key) != nullptr, l.in_flight()};
  };
  each_link([&](broker_connection& l) {
    if (l.takes_requests() && l.lane() == lane::normal
      && (best == nullptr || rank(l) < rank(*best)))
      best = &l;
  });
  return best;
}

dispatcher::route dispatcher::route_to_any(time_point now, pending_call& c) {
  const auto key = c.what->what().key;
  auto* best = c.what->what().elsewhere ? next_to_tell(now) : least_busy(now, key);
  if (best != nullptr && held(now, *best, key) == nullptr)
    return best;
  // One whose login is being renewed takes requests again in a moment.
  bool renews = false;
  each_link([&](const broker_connection& l) {
    renews = renews || (l.up() && l.lane() == lane::normal && !l.takes_requests());
  });
  if (best == nullptr && renews)
    return wait_for(c, waits_for::connection);
  // Where only the connection is throttled, another one need not wait.
  if (best == nullptr || quotas_.held(now, best->address(), key) == nullptr)
    connect_seed(now);
  return best != nullptr ? best : wait_for(c, waits_for::connection);
}

dispatcher::route dispatcher::route_to_broker(
  time_point now, pending_call& c, broker_id id) {
  const auto* address = cluster_.address_of(id);
  if (address == nullptr) {
    need_metadata();
    return wait_for(c, waits_for::broker, id);
  }
  auto& l = link_to(id, *address, c.what->what().lane);
  if (l.takes_requests())
    return &l;
  connect(now, l);
  return wait_for(c, waits_for::connection, id);
}

dispatcher::route dispatcher::route_to_controller(time_point now, pending_call& c) {
  const auto id = cluster_.controller();
  if (cluster_.address_of(id) != nullptr)
    return route_to_broker(now, c, id);
  // Brokers before 0.10 never say who controls. Where others do not, or name a
  // broker that metadata does not list, any broker knows better, or passes it on.
  const auto* any = least_busy(now, c.what->what().key);
  const bool never_said =
    any != nullptr && any->versions().find(api_key::metadata) == version_range{0, 0};
  const bool not_now =
    asked_since(c) && !cluster_.topics().wanting() && !cluster_.topics().asking();
  return never_said || not_now ? route_to_any(now, c) : route_to_broker(now, c, id);
}

dispatcher::route dispatcher::route_to_leader(
  time_point now, pending_call& c, const leader_of& where) {
  // One that cannot be asked about would keep all others from being.
  if (!cluster_.topics().uses(where.topic)) {
    if (auto wrong = check_topic_name(where.topic))
      return wrong;
  }
  const auto view = cluster_.leader_of(where.topic, where.partition);
  const bool may_be_missing = view.state == cluster::leadership::unknown
    || view.state == cluster::leadership::topic_refused;
  use_topic(now, where.topic, where.create_topic && may_be_missing);
  const bool asked = asked_since(c);
  const bool may_appear = now - c.submitted < options_.unknown_topic_wait;
  switch (view.state) {
  case cluster::leadership::led: return route_to_broker(now, c, view.leader);
  case cluster::leadership::unknown:
    need_metadata();
    return wait_for(c, waits_for::metadata);
  case cluster::leadership::no_leader:
    need_metadata();
    return wait_for(c, waits_for::leader);
  case cluster::leadership::no_such_partition:
    if (const auto count = cluster_.partition_count(where.topic);
        where.partition.value() < 0 && count > 0) {
      // `where` is the call's own, and names the partition afterwards.
      if (auto wrong = c.what->choose_partition(count))
        return wrong;
      return route_to_leader(now, c, where);
    }
    // A topic that has partitions is not new: the next answer decides.
    if (asked && (!may_appear || cluster_.partition_count(where.topic) > 0))
      return {error_code::unknown_topic_or_partition,
        "topic " + where.topic + " has no partition"
          + (where.partition.value() < 0
              ? std::string{"s"}
              : ' ' + std::to_string(where.partition.value()))};
    need_metadata();
    return wait_for(c, waits_for::partition);
  case cluster::leadership::topic_refused: break;
  }
  if (asked && !is_retriable(view.why))
    return {view.why, "topic " + where.topic};
  if (asked && !may_appear && view.why == error_code::unknown_topic_or_partition)
    return {view.why, "topic " + where.topic};
  need_metadata();
  return wait_for(c, waits_for::topic);
}

void dispatcher::try_send(time_point now, calls::iterator at) {
  auto& c = at->second;
  if (c.not_before <= now) {
    auto where = find_route(now, c);
    if (!where) {
      finish(at, where.error());
      return;
    }
    if (*where != nullptr) {
      const auto* by = held(now, **where, c.what->what().key);
      if (by == nullptr) {
        transmit(now, at, **where);
        return;
      }
      c.waiting = waits_for::quota;
      c.held_for = by->what;
      c.held_by = (*where)->broker();
      retry_at_ = std::min(retry_at_, by->until);
    }
  } else {
    c.waiting = waits_for::retry;
    retry_at_ = std::min(retry_at_, c.not_before);
  }
  waiting_.push_back(at->first);
}

void dispatcher::transmit(time_point now, calls::iterator at, broker_connection& to) {
  auto& c = at->second;
  const auto& what = c.what->what();
  const auto version =
    to.versions().choose(what.key, what.versions, what.pinned, what.who_needs);
  if (!version) {
    finish(at, version.error());
    return;
  }
  const auto id = to.next_correlation_id();
  auto bytes = c.what->encode(*version, id, options_.client_id, cluster_);
  if (!bytes) {
    if (remedy_for(bytes.error().code) == remedy::refresh_metadata)
      want_metadata();
    if (c.what->may_retry(bytes.error().code))
      try_again(now, at, bytes.error());
    else
      finish(at, bytes.error());
    return;
  }
  c.sent_bytes = bytes->size;
  effects_.emplace_back(send_frame{to.connection(), *std::move(bytes), at->first});
  c.sent_at = now;
  c.version = *version;
  to.on_sent(now, at->first, what, *version, c.sent_bytes);
  note_asked(now, to, c);
  c.waiting = waits_for::nothing;
  c.on = what.answered ? &to : nullptr;
  c.sent_as = id;
  // A broker that pauses before it answers may do so again.
  extend(at->first, c, quotas_.delay(to.address()));
  if (!what.answered)
    unanswered_.push_back({at->first, to.connection()});
}

void dispatcher::on_refused(time_point now, const send_frame& what, bool closed) {
  const auto at = calls_.find(what.call);
  auto* l = by_connection(what.id);
  if (at == calls_.end() || l == nullptr)
    return;
  auto& c = at->second;
  if (c.what->what().answered && c.on != l)
    return;
  l->withdraw(c.sent_as);
  c.on = nullptr;
  std::erase_if(unanswered_, [&](const unanswered& u) { return u.call == what.call; });
  if (closed) {
    // Its end is about to be told; then the call goes elsewhere, and not before.
    l->note_ending();
    c.waiting = waits_for::connection;
    c.waiting_broker = l->broker();
    waiting_.push_back(at->first);
  } else {
    finish(at,
      {error_code::queue_full,
        to_string(l->address()) + ": too many bytes wait to be written"});
  }
  advance(now);
}

void dispatcher::on_carried_out(time_point now) {
  for (const auto& u : std::exchange(unanswered_, {})) {
    const auto at = calls_.find(u.call);
    if (at == calls_.end())
      continue;
    if (const auto* l = by_connection(u.on))
      tell_answered(now, *l, at->second, 0, {});
    finish(at, {});
  }
}

} // namespace cafka::protocol
