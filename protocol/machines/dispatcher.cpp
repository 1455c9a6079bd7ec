#include "dispatcher.hpp"

#include "../names.hpp"
#include "../text.hpp"

#include <algorithm>
#include <utility>

namespace cafka::protocol {

namespace {

/// Deadlines beyond this would overflow the clock's count.
constexpr std::chrono::milliseconds longest_deadline = std::chrono::hours{24 * 365};

/// No error is longer, whatever brokers say.
constexpr std::size_t longest_detail = 4'000;

std::string describe_partition(const leader_of& where) {
  return where.partition.value() < 0
    ? where.topic
    : where.topic + '/' + std::to_string(where.partition.value());
}

/// What a call lacks whose deadline passes while it waits for its answer.
std::string describe_missing(const broker_connection& on, call_id call) {
  const auto& arriving = on.arriving();
  const auto from = " from " + to_string(on.address());
  if (!arriving || arriving->expected == 0)
    return "no answer" + from;
  const auto count =
    std::to_string(arriving->received) + " of " + std::to_string(arriving->expected);
  return arriving->call == call
    ? "only " + count + " bytes of the answer" + from + " had arrived by the deadline"
    : "no answer" + from + ", which is sending another one: " + count + " bytes of it "
      + "had arrived by the deadline";
}

} // namespace

dispatcher::dispatcher(dispatcher_options options)
  : options_(std::move(options)),
    cluster_(directory_options(options_)),
    random_(static_cast<std::minstd_rand::result_type>(options_.seed + 1)) {
  if (options_.seed != 0 && !options_.brokers.empty())
    seed_at_ = random_() % options_.brokers.size();
  logins_.mechanisms = options_.sasl_mechanisms;
  logins_.keys = options_.sasl_keys;
  if (!logins_.mechanisms.empty() && logins_.keys == nullptr)
    logins_.keys = std::make_shared<sasl::scram_keys>();
}

dispatcher::~dispatcher() = default;

// -- what comes in ----------------------------------------------------------------------

void dispatcher::start(time_point now) {
  for (const auto& topic : options_.initial_topics) {
    if (check_topic_name(topic).code == error_code::none)
      cluster_.topics().keep(topic);
  }
  want_metadata();
  advance(now);
}

void dispatcher::submit(time_point now, std::unique_ptr<call> what) {
  if (shut_) {
    end(std::move(what), {error_code::closed, {}});
    return;
  }
  if (pending() >= options_.max_pending) {
    end(std::move(what),
      {error_code::queue_full,
        std::to_string(options_.max_pending) + " requests are pending"});
    return;
  }
  const auto& wanted = what->what();
  if (auto wrong =
        check_pin(wanted.key, wanted.versions, wanted.pinned, wanted.who_needs)) {
    end(std::move(what), std::move(wrong));
    return;
  }
  any_extends_ = any_extends_ || wanted.quota_extends_deadline;
  auto deadline = wanted.deadline;
  if (deadline <= std::chrono::milliseconds{0})
    deadline = options_.request_timeout;
  const auto id = ++last_call_;
  auto& c = calls_[id];
  c.what = std::move(what);
  c.what->limit_throttle(options_.max_throttle);
  c.submitted = now;
  c.refreshes = refreshes_;
  c.deadline = now + std::min(deadline, longest_deadline);
  deadlines_.emplace(c.deadline, id);
  try_send(now, calls_.find(id));
  advance(now);
}

call_id dispatcher::submit_own(time_point now, std::unique_ptr<call> what) {
  const auto id = ++last_call_;
  auto& c = calls_[id];
  c.what = std::move(what);
  c.what->limit_throttle(options_.max_throttle);
  c.submitted = now;
  c.refreshes = refreshes_;
  c.deadline = now + options_.request_timeout;
  c.own = true;
  ++own_calls_;
  deadlines_.emplace(c.deadline, id);
  try_send(now, calls_.find(id));
  return id;
}

void dispatcher::on_up(time_point now, std::uint64_t connection) {
  auto* l = by_connection(connection);
  if (l == nullptr)
    return;
  handle(now, *l, l->connected(now), {});
  advance(now);
}

void dispatcher::on_frame(
  time_point now, std::uint64_t connection, const shared_bytes& payload) {
  auto* l = by_connection(connection);
  if (l == nullptr)
    return;
  handle(now, *l, l->received(now, payload), payload);
  advance(now);
}

void dispatcher::on_progress(
  time_point now, std::uint64_t connection, std::size_t received, std::size_t expected) {
  auto* l = by_connection(connection);
  if (l == nullptr)
    return;
  handle(now, *l, l->on_progress(now, received, expected), {});
  if (received > 0 && l->clogged())
    let_go(now, *l);
  advance(now);
}

void dispatcher::on_down(time_point now, std::uint64_t connection, const error& why) {
  if (auto* l = by_connection(connection)) {
    auto reason = why;
    l->hung_up(now, reason);
    lose(now, *l, reason);
  }
  advance(now);
}

void dispatcher::on_time(time_point now) {
  while (!deadlines_.empty() && deadlines_.begin()->first <= now)
    expire(now, calls_.find(deadlines_.begin()->second));
  std::vector<broker_connection*> silent;
  each_connection([&](broker_connection& l) {
    const auto until = l.silent_until(silence_of(l));
    if (until && *until <= now)
      silent.push_back(&l);
  });
  for (auto* l : silent) {
    effects_.emplace_back(close_connection{l->connection()});
    lose(now, *l,
      {error_code::disconnected,
        to_string(l->address()) + ": no answer for "
          + std::to_string(silence_of(*l).count()) + " ms"});
  }
  std::vector<broker_connection*> slow;
  each_link([&](broker_connection& l) {
    if (const auto next = l.next_time(); next && *next <= now)
      slow.push_back(&l);
  });
  for (auto* l : slow)
    handle(now, *l, l->on_time(now), {});
  cluster_.topics().on_time(now);
  if (next_lookup_ <= now)
    look_up_those_due(now);
  if (release_at_ <= now)
    release_idle(now);
  close_idle_links(now);
  // Links that were down may be tried again, and so may calls; a deadline that passes
  // lets no other call go.
  changed_ = changed_ || retry_at_ <= now;
  each_link([&](const broker_connection& l) {
    if (l.wanted() && l.current() == broker_connection::state::down
      && l.retry_at() <= now)
      changed_ = true;
  });
  advance(now);
}

time_point dispatcher::next_time() const {
  auto next =
    std::min({retry_at_, cluster_.topics().next_time(), next_lookup_, release_at_});
  if (!deadlines_.empty())
    next = std::min(next, deadlines_.begin()->first);
  each_connection([&](const broker_connection& l) {
    if (const auto until = l.silent_until(silence_of(l)))
      next = std::min(next, *until);
    if (const auto at = l.next_time())
      next = std::min(next, *at);
    if (l.wanted() && l.current() == broker_connection::state::down)
      next = std::min(next, l.retry_at());
    if (const auto since = l.idle_since(); since && l.lane() == lane::resting)
      next = std::min(next, *since + options_.resting_idle);
  });
  return next;
}

void dispatcher::shut_down(const error& why) {
  shut_ = true;
  while (!calls_.empty())
    finish(calls_.begin(), why);
  refresh_outcome_.reset();
  cluster_.topics().stop();
  looked_up_.clear();
  coordinators_.clear();
  next_lookup_ = time_point::max();
  release_at_ = time_point::max();
  retry_at_ = time_point::max();
  each_connection([&](broker_connection& l) {
    if (l.current() != broker_connection::state::down)
      effects_.emplace_back(close_connection{l.connection()});
  });
  connections_.clear();
  retired_.clear();
  broker_connections_.clear();
  seed_.reset();
  up_links_ = 0;
  waiting_.clear();
}

// -- how a call ends --------------------------------------------------------------------

void dispatcher::deliver(time_point now, broker_connection& from,
  const broker_connection::answer& a, const shared_bytes& payload) {
  const auto at = calls_.find(a.call);
  if (at == calls_.end())
    return;
  auto& c = at->second;
  c.on = nullptr;
  if (c.own && c.what->what().key == api_key::metadata)
    metadata_from_ = from.connection();
  cluster_.set_time(now);
  auto outcome = c.what->receive(a.version, payload, cluster_);
  apply_throttle(now, from, c.what->what().key, c.what->throttled());
  tell_answered(now, from, c, payload.size(), outcome);
  if (cluster_.has_changes())
    tell_cluster_news();
  if (!outcome)
    note_answer(now, from, c);
  if (!outcome || !c.what->may_retry(outcome.code)) {
    finish(at, std::move(outcome));
    return;
  }
  apply_remedy(from, c.what->what().where, remedy_for(outcome.code));
  try_again(now, at, std::move(outcome));
}

void dispatcher::apply_remedy(
  const broker_connection& from, const target& where, remedy what) {
  // An answer from a leader of old says nothing about the one known now, and neither does
  // one from where a broker listened once.
  if (from.retired())
    return;
  if (what == remedy::refresh_metadata) {
    const auto* led = std::get_if<leader_of>(&where);
    if (led != nullptr)
      cluster_.topics().on_stale(led->topic, led->partition, from.broker());
    if (std::holds_alternative<controller_broker>(where)
      && cluster_.controller() == from.broker()) {
      cluster_.forget_controller();
      cluster_.topics().on_contradiction();
    }
    want_metadata();
  } else if (what == remedy::find_coordinator) {
    const auto* coordinated = std::get_if<coordinator_of>(&where);
    if (coordinated != nullptr && cluster_.coordinator(*coordinated) == from.broker())
      cluster_.forget_coordinator(*coordinated);
  }
}

void dispatcher::try_again(time_point now, calls::iterator at, error why) {
  auto& c = at->second;
  c.on = nullptr;
  c.not_before = now + backoff(options_.retry_backoff, ++c.attempts, random_);
  // A quota says when to go on; its caller is told at the deadline.
  if (c.not_before >= c.deadline && why.code != error_code::throttling_quota_exceeded) {
    finish(at, std::move(why));
    return;
  }
  c.last_error = std::move(why);
  c.waiting = waits_for::retry;
  retry_at_ = std::min(retry_at_, c.not_before);
  waiting_.push_back(at->first);
}

void dispatcher::finish(calls::iterator at, error outcome) {
  // Names and addresses from brokers may be in it, too.
  if (!may_be_shown(outcome.detail, longest_detail))
    outcome.detail = shown(outcome.detail, longest_detail);
  deadlines_.erase({at->second.deadline, at->first});
  const bool own = at->second.own;
  own_calls_ -= own ? 1 : 0;
  auto what = std::move(at->second.what);
  calls_.erase(at);
  if (own)
    what->finish(std::move(outcome));
  else
    end(std::move(what), std::move(outcome));
}

void dispatcher::end(std::unique_ptr<call> what, error outcome) {
  effects_.emplace_back(call_outcome{std::move(what), std::move(outcome)});
}

time_point dispatcher::arriving_until(const pending_call& c, call_id id) const {
  if (c.on == nullptr || !c.what->what().while_arriving)
    return time_point::min();
  const auto& arriving = c.on->arriving();
  return arriving && arriving->call == id ? arriving->at + options_.socket_timeout
                                          : time_point::min();
}

void dispatcher::expire(time_point now, calls::iterator at) {
  auto& c = at->second;
  if (const auto until = arriving_until(c, at->first); until > now) {
    deadlines_.erase({c.deadline, at->first});
    c.deadline = until;
    deadlines_.emplace(until, at->first);
    return;
  }
  error outcome{error_code::timed_out, {}};
  auto* on = c.on;
  if (on != nullptr) {
    tell_unanswered(now, c);
    if (!c.what->repeatable())
      outcome.code = error_code::outcome_unknown;
    outcome.detail = describe_missing(*on, at->first);
    on->abandon(at->first, c.sent_as);
    if (const auto& by = on->muted(); by.until > c.submitted)
      outcome.detail += ", " + quota_text(on->broker(), by.what);
  } else {
    outcome.detail = why_waiting(c);
  }
  finish(at, std::move(outcome));
  // What is asked next must not wait for an answer that is not wanted.
  if (on != nullptr && on->clogged())
    let_go(now, *on);
}

std::string dispatcher::why_waiting(const pending_call& c) const {
  const auto* where = std::get_if<leader_of>(&c.what->what().where);
  std::string text;
  switch (c.waiting) {
  case waits_for::nothing: break;
  case waits_for::quota:
  case waits_for::retry:
    if (c.held_for.time > std::chrono::milliseconds{0})
      text = quota_text(c.held_by, c.held_for);
    break;
  case waits_for::connection: text = why_no_connection(c); break;
  case waits_for::coordinator: text = why_no_coordinator(c); break;
  case waits_for::metadata:
    text = "no metadata of topic " + (where ? where->topic : std::string{});
    if (up_links_ == 0)
      text += ", no broker can be reached: " + why_disconnected();
    else if (const auto& last = cluster_.topics().last_error())
      text += ", last: " + to_string(last);
    break;
  case waits_for::leader:
    text = "no leader for " + (where ? describe_partition(*where) : std::string{});
    break;
  case waits_for::topic:
  case waits_for::partition:
    text = "unknown topic or partition "
      + (where ? describe_partition(*where) : std::string{});
    break;
  case waits_for::broker:
    text = c.waiting_broker.value() < 0
      ? "no controller is known"
      : "no address of broker " + std::to_string(c.waiting_broker.value());
    if (const auto why = cluster_.why_no_address(c.waiting_broker); !why.empty())
      text += ", " + why;
    break;
  }
  if (c.last_error) {
    if (!text.empty())
      text += ", ";
    text += "after " + std::to_string(c.attempts)
      + (c.attempts == 1 ? " attempt, " : " attempts, the last: ")
      + to_string(c.last_error);
  }
  return text;
}

// -- the turning of the wheel -----------------------------------------------------------

void dispatcher::advance(time_point now) {
  if (some_outdated_)
    replace_outdated(now);
  while (!shut_) {
    if (cluster_.addresses() != addresses_seen_)
      check_addresses(now);
    else if (refresh_outcome_)
      refreshed(now);
    else if (!looked_up_.empty())
      looked_up(now);
    else if (changed_)
      dispatch_waiting(now);
    else if (lookup_wanted_)
      look_up(now);
    else if (cluster_.topics().due(now))
      refresh(now);
    else
      break;
  }
  end_retired();
}

void dispatcher::dispatch_waiting(time_point now) {
  changed_ = false;
  retry_at_ = time_point::max();
  each_link([](broker_connection& l) { l.set_wanted(false); });
  auto ids = std::exchange(waiting_, {});
  for (const auto id : ids) {
    const auto at = calls_.find(id);
    if (at != calls_.end() && at->second.on == nullptr)
      try_send(now, at);
  }
}

} // namespace cafka::protocol
