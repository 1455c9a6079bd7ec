#include "group_client.hpp"

#include "../messages/heartbeat.hpp"
#include "../messages/leave_group.hpp"
#include "../messages/offset_fetch.hpp"
#include "../names.hpp"
#include "group_calls.hpp"

#include <algorithm>
#include <set>

namespace cafka::protocol {

namespace {

using std::chrono::milliseconds;

topic_directory_options directory_options(const group_client_options& of) {
  topic_directory_options o;
  o.update_interval = of.metadata_max_age;
  o.retry_backoff = of.member.retry_backoff;
  o.about_brokers = true; // An expression may match nothing yet.
  o.seed = of.member.seed;
  return o;
}

std::optional<std::regex> compiled(const std::string& pattern) {
  if (pattern.empty())
    return std::nullopt;
  return std::regex{pattern, std::regex::ECMAScript | std::regex::optimize};
}

/// Of what a topic's partitions lie in, by the brokers' racks (KIP-881).
group_topic known_from(
  const metadata_response_topic& t, const std::map<broker_id, std::string>& racks) {
  group_topic known;
  known.name = t.name.value_or("");
  known.partitions = static_cast<std::int32_t>(t.partitions.size());
  if (racks.empty())
    return known;
  known.racks.resize(t.partitions.size());
  for (const auto& p : t.partitions) {
    const auto at = static_cast<std::size_t>(p.partition_index.value());
    if (p.partition_index.value() < 0 || at >= known.racks.size())
      continue;
    for (const auto replica : p.replica_nodes) {
      if (const auto rack = racks.find(replica); rack != racks.end())
        known.racks[at].push_back(rack->second);
    }
  }
  return known;
}

} // namespace

error check(const group_subscription& what, member_protocol by) {
  for (const auto& t : what.topics) {
    if (auto wrong = check_topic_name(t))
      return wrong;
  }
  if (by == member_protocol::consumer)
    return {}; // The broker reads the pattern.
  try {
    static_cast<void>(compiled(what.pattern));
  } catch (const std::regex_error& e) {
    return {error_code::invalid_argument,
      "pattern \"" + what.pattern + "\" is no regular expression: " + e.what()};
  }
  return {};
}

group_client::group_client(group_client_options options, group_membership before)
  : dispatching_client(options.cluster),
    options_(std::move(options)),
    member_(made(options_, std::move(before))),
    offsets_(options_.offsets),
    directory_(directory_options(options_)) {
}

group_client::any_member group_client::made(
  const group_client_options& options, group_membership before) {
  auto by = options.protocol;
  if (by == member_protocol::automatic)
    by = before.generation >= 0 ? before.protocol : member_protocol::consumer;
  auto how = options.member;
  how.may_fall_back = options.protocol == member_protocol::automatic;
  if (by == member_protocol::consumer)
    return any_member{
      std::in_place_type<reconciling_member>, std::move(how), std::move(before)};
  return any_member{
    std::in_place_type<classic_member>, std::move(how), std::move(before)};
}

void group_client::start(time_point now) {
  now_ = now;
  dispatcher_.start(now);
  directory_.start(now);
  after_event(now);
}

void group_client::subscribe(time_point now, const group_subscription& what) {
  // At first also to nothing: an incarnation before this one may have been a member.
  if (std::exchange(subscribed_, true) && what == subscription_)
    return;
  now_ = now;
  subscription_ = what;
  read_subscription();
}

void group_client::read_subscription() {
  pattern_.reset();
  matching_.clear();
  // Else the coordinator finds what it matches.
  if (std::holds_alternative<classic_member>(member_))
    pattern_ = compiled(subscription_.pattern);
  if (pattern_)
    directory_.want_all(milliseconds{0});
  update_subscription();
}

void group_client::on_polled(time_point now, time_point last, bool in_hand) {
  now_ = now;
  poll_until_ = time_point::max();
  if (in_hand && options_.max_poll_interval > milliseconds{0})
    poll_until_ = last + options_.max_poll_interval;
  if (stood_still_ && last > *stood_still_) {
    stood_still_.reset();
    update_subscription();
  }
}

void group_client::update_subscription() {
  if (stood_still_)
    return;
  auto all = subscription_.topics;
  all.insert(all.end(), matching_.begin(), matching_.end());
  with<classic_member>([&](auto& m) { m.subscribe(now_, std::move(all)); });
  with<reconciling_member>(
    [&](auto& m) { m.subscribe(now_, subscription_.topics, subscription_.pattern); });
}

void group_client::on_program(time_point now) {
  now_ = now;
  after_event(now);
}

void group_client::on_program_done(time_point now) {
  now_ = now;
  if (std::exchange(program_done_, true))
    return;
  program_until_ = time_point::max();
  offsets_.flush(giving_up_);
}

void group_client::shut_down(time_point now) {
  now_ = now;
  dispatcher_.shut_down({error_code::closed,
    "the member of group " + options_.member.group + " was stopped"});
  take_from_dispatcher();
}

time_point group_client::next_time() const {
  const auto& m = member();
  return std::min({dispatcher_.next_time(), directory_.next_time(), m.next_time(),
    offsets_.next_time(m.may_commit(), m.may_fetch_offsets()), program_until_,
    poll_until_});
}

// -- what the machines want done --------------------------------------------------------

void group_client::after_event(time_point now) {
  if (now >= program_until_)
    on_program_done(now);
  if (now >= poll_until_) {
    poll_until_ = time_point::max();
    stood_still_ = now;
    its_member().step_out(now,
      {error_code::timed_out,
        "the program has not polled for "
          + std::to_string(options_.max_poll_interval.count())
          + " ms (max_poll_interval), with records in hand"});
  }
  directory_.on_time(now);
  its_member().on_time(now);
  offsets_.on_time(now);
  bool more = true;
  while (more) {
    take_from_dispatcher();
    more = false;
    for (auto& e : its_member().take_effects()) {
      std::visit([&](auto& x) { act(now, x); }, e);
      more = true;
      ++version_;
    }
    offsets_.decide(now, member().may_commit(), member().may_fetch_offsets());
    for (auto& e : offsets_.take_effects()) {
      std::visit([&](auto& x) { act(now, x); }, e);
      more = true;
    }
    if (!giving_up_.empty() && program_done_ && offsets_.is_clean(giving_up_)) {
      giving_up_.clear();
      its_member().on_revoked(now);
      more = true;
    }
    if (const auto question = directory_.ask(now)) {
      auto topics = std::optional{question->topics};
      if (pattern_)
        topics.reset();
      dispatcher_.submit(now, std::make_unique<topics_query>(*this, std::move(topics)));
      more = true;
    }
    more = more || dispatcher_.has_effects();
  }
}

void group_client::act(time_point, group_member::send_join& x) {
  ask(x.request, std::move(x.what), lane::resting, x.deadline);
}

void group_client::act(time_point, group_member::send_sync& x) {
  ask(x.request, std::move(x.what), lane::resting, x.deadline);
}

void group_client::act(time_point, group_member::send_heartbeat& x) {
  heartbeat_request out;
  out.group_id = options_.member.group;
  out.generation_id = x.generation;
  out.member_id = std::move(x.member_id);
  out.group_instance_id = options_.member.instance_id;
  ask(x.request, std::move(out), lane::group, x.deadline);
}

void group_client::act(time_point, group_member::send_leave& x) {
  leave_group_request out;
  out.group_id = options_.member.group;
  out.member_id = x.member_id;
  out.members.push_back(
    {std::move(x.member_id), options_.member.instance_id, std::move(x.reason)});
  ask(x.request, std::move(out), lane::group, x.deadline);
}

void group_client::act(time_point, group_member::send_consumer_heartbeat& x) {
  ask(x.request, std::move(x.what), lane::group, x.deadline);
}

void group_client::act(time_point now, group_member::resolve_topics& x) {
  dispatcher_.submit(
    now, std::make_unique<names_query>(*this, x.request, std::move(x.ids)));
}

void group_client::act(time_point now, group_member::fall_back&) {
  group_member::watch_topics none;
  act(now, none); // What the other one watches is asked for anew.
  member_.emplace<classic_member>(options_.member);
  read_subscription();
}

void group_client::act(time_point now, group_member::watch_topics& x) {
  for (const auto& t : watched_) {
    if (!std::ranges::binary_search(x.topics, t)) {
      directory_.release(t);
      missing_.erase(t);
    }
  }
  for (const auto& t : x.topics) {
    if (!std::ranges::binary_search(watched_, t))
      directory_.want(directory_.keep(t), milliseconds{0});
  }
  watched_ = std::move(x.topics);
  directory_.plan_release(now);
}

void group_client::act(time_point now, group_member::assigned& x) {
  for (const auto& p : x.partitions)
    offsets_.add(now, p);
  const auto& is = member().membership();
  const auto by_epoch = is.protocol == member_protocol::consumer;
  tell(log_level::info,
    "group " + options_.member.group + (by_epoch ? ": epoch " : ": generation ")
      + std::to_string(is.generation) + ", "
      + (is.leader ? "as the leader" : "as a member")
      + (is.assignor.empty() ? std::string{} : ", by " + is.assignor) + ": "
      + std::to_string(x.partitions.size()) + " partitions more, "
      + std::to_string(is.owned.size()) + " in all");
  effects_.emplace_back(given{std::move(x.partitions)});
}

void group_client::act(time_point now, group_member::revoke& x) {
  giving_up_ = x.partitions;
  offsets_.hold(x.partitions);
  program_done_ = false;
  // Behind the program's deadline there is time for the last commit.
  const auto left = x.deadline - now;
  program_until_ =
    x.deadline - std::min<time_point::duration>(milliseconds{2'000}, left / 4);
  effects_.emplace_back(give_up{std::move(x.partitions), program_until_});
}

void group_client::act(time_point, group_member::kept& x) {
  offsets_.keep(x.partitions);
  effects_.emplace_back(std::move(x));
}

void group_client::act(time_point, group_member::released& x) {
  for (const auto& p : x.partitions)
    offsets_.remove(p);
  effects_.emplace_back(std::move(x));
}

void group_client::act(time_point, group_member::lost& x) {
  giving_up_.clear();
  program_done_ = true;
  program_until_ = time_point::max();
  for (const auto& p : x.partitions)
    offsets_.remove(p);
  tell(log_level::warning,
    std::to_string(x.partitions.size()) + " partitions are lost: " + to_string(x.why));
  effects_.emplace_back(std::move(x));
}

void group_client::act(time_point, group_member::ended& x) {
  giving_up_.clear();
  program_until_ = time_point::max();
  if (x.why)
    tell(log_level::error, "it is no member any more: " + to_string(x.why));
  effects_.emplace_back(group_ended{std::move(x.why)});
}

void group_client::act(time_point, group_member::told& x) {
  tell(x.level, std::move(x.text));
}

void group_client::act(time_point, offset_keeper::send_commit& x) {
  offset_commit_request out;
  const auto& is = member().membership();
  commit_generation_ = is.generation;
  out.group_id = options_.member.group;
  out.generation_id_or_member_epoch = is.generation;
  out.member_id = is.member_id;
  out.group_instance_id = options_.member.instance_id;
  for (auto& o : x.all) {
    if (out.topics.empty() || out.topics.back().name != o.which.topic)
      out.topics.emplace_back().name = o.which.topic;
    auto& p = out.topics.back().partitions.emplace_back();
    p.partition_index = o.which.partition;
    p.committed_offset = o.offset;
    p.committed_leader_epoch = o.epoch;
  }
  ask(x.request, std::move(out), lane::group, options_.request_timeout);
}

void group_client::act(time_point, offset_keeper::send_fetch& x) {
  offset_fetch_request out;
  out.require_stable = true; // KIP-447
  auto& group = out.groups.emplace_back();
  group.group_id = out.group_id = options_.member.group;
  const auto& is = member().membership();
  fetch_generation_ = is.generation;
  if (is.protocol == member_protocol::consumer) {
    group.member_id = is.member_id;
    group.member_epoch = is.generation;
  }
  for (const auto& p : x.all) {
    if (group.topics->empty() || group.topics->back().name != p.topic) {
      group.topics->emplace_back().name = p.topic;
      out.topics->emplace_back().name = p.topic;
    }
    group.topics->back().partition_indexes.push_back(p.partition);
    out.topics->back().partition_indexes.push_back(p.partition);
  }
  ask(x.request, std::move(out), lane::group, options_.request_timeout);
}

void group_client::act(time_point, offset_keeper::begins& x) {
  effects_.emplace_back(begin_reading{std::move(x.which), x.offset, x.epoch});
}

void group_client::act(time_point, offset_keeper::commit_ended& x) {
  effects_.emplace_back(std::move(x));
}

void group_client::act(time_point, offset_keeper::progress& x) {
  effects_.emplace_back(x);
}

void group_client::act(time_point now, offset_keeper::refused& x) {
  its_member().on_commit_refused(
    now, x.of_fetch ? fetch_generation_ : commit_generation_, x.why);
}

void group_client::act(time_point, offset_keeper::told& x) {
  tell(x.level, "group " + options_.member.group + ": " + x.text);
}

void group_client::tell(log_level level, std::string text) {
  if (level >= options_.cluster.tell_from)
    effects_.emplace_back(log_line{level, std::move(text)});
}

// -- what brokers say -------------------------------------------------------------------

void group_client::on_topics(const metadata_response& answer, bool about_all) {
  std::map<broker_id, std::string> racks;
  for (const auto& b : answer.brokers) {
    if (b.rack && !b.rack->empty())
      racks.emplace(b.node_id, *b.rack);
  }
  if (pattern_ && about_all) {
    std::vector<std::string> matching;
    for (const auto& t : answer.topics) {
      if (t.error_code == error_code::none && t.name && !t.is_internal
        && std::regex_match(*t.name, *pattern_))
        matching.push_back(*t.name);
    }
    std::ranges::sort(matching);
    if (matching != matching_) {
      matching_ = std::move(matching);
      update_subscription();
    }
  }
  std::vector<group_topic> known;
  std::set<std::string> named;
  for (const auto& t : answer.topics) {
    if (!t.name || !std::ranges::binary_search(watched_, *t.name))
      continue;
    named.insert(*t.name);
    if (t.partitions.empty()) {
      const auto e = t.error_code == error_code::none
        ? error_code::unknown_topic_or_partition
        : t.error_code;
      missing_[*t.name] = {e, "topic " + *t.name};
      known.push_back({*t.name, 0, {}});
    } else {
      missing_.erase(*t.name);
      known.push_back(known_from(t, racks));
    }
  }
  for (const auto& t : watched_) {
    // Of all topics there are, it is none; of those that were named, it is not known yet.
    if (about_all && !named.contains(t)) {
      missing_[t] = {error_code::unknown_topic_or_partition, "topic " + t};
      known.push_back({t, 0, {}});
    }
  }
  for (const auto& [name, why] : missing_) {
    if (auto* t = directory_.find(name))
      directory_.want(*t, topic_directory::unknown_pause);
  }
  with<classic_member>([&](auto& m) { m.on_topics(now_, known); });
  on_names(0, answer);
}

void group_client::on_names(std::uint64_t request, const metadata_response& answer) {
  std::map<uuid, std::string> names;
  for (const auto& t : answer.topics) {
    if (t.error_code == error_code::none && t.name)
      names[t.topic_id] = *t.name;
  }
  with<reconciling_member>([&](auto& m) { m.on_topic_names(now_, request, names); });
}

void group_client::answered(std::uint64_t request, const join_group_response& answer) {
  with<classic_member>([&](auto& m) { m.on_joined(now_, request, answer); });
}

void group_client::answered(std::uint64_t request, const sync_group_response& answer) {
  with<classic_member>([&](auto& m) { m.on_synced(now_, request, answer); });
}

void group_client::answered(std::uint64_t request, const heartbeat_response& answer) {
  ++version_; // Its session lasts longer.
  with<classic_member>(
    [&](auto& m) { m.on_heartbeat(now_, request, answer.error_code); });
}

void group_client::answered(std::uint64_t request, const leave_group_response& answer) {
  auto outcome = answer.error_code;
  if (outcome == error_code::none && !answer.members.empty())
    outcome = answer.members.front().error_code;
  with<classic_member>([&](auto& m) { m.on_left(now_, request, outcome); });
}

void group_client::answered(
  std::uint64_t request, const consumer_group_heartbeat_response& answer) {
  ++version_; // Likewise, and its epoch may be another one.
  with<reconciling_member>([&](auto& m) { m.on_heartbeat(now_, request, answer); });
}

void group_client::answered(std::uint64_t request, const offset_commit_response& answer) {
  offsets_.on_committed(now_, request, answer);
}

void group_client::answered(std::uint64_t request, const offset_fetch_response& answer) {
  std::vector<offset_keeper::answer> all;
  const auto add = [&](const auto& topics) {
    for (const auto& t : topics) {
      for (const auto& p : t.partitions) {
        // So brokers of old that keep offsets elsewhere say that there is none.
        const auto none = p.error_code == error_code::unknown_topic_or_partition;
        all.push_back(
          {{t.name, p.partition_index}, none ? log_offset{-1} : p.committed_offset,
            p.committed_leader_epoch, none ? error_code::none : p.error_code});
      }
    }
  };
  if (answer.groups.empty())
    add(answer.topics);
  else
    add(answer.groups.front().topics);
  offsets_.on_fetched(now_, request, all);
}

void group_client::failed(api_key what, std::uint64_t request, const error& why) {
  if (what == api_key::offset_commit || what == api_key::offset_fetch)
    offsets_.on_failure(now_, request, why);
  else if (what == api_key::consumer_group_heartbeat)
    with<reconciling_member>([&](auto& m) { m.on_failure(now_, request, why); });
  else
    with<classic_member>([&](auto& m) { m.on_failure(now_, request, why); });
}

template <class Request>
void group_client::ask(
  std::uint64_t request, Request what, lane way, milliseconds limit) {
  call::traits to;
  to.key = Request::key;
  to.versions = Request::versions;
  to.where = coordinator_of{coordinator_type::group, options_.member.group};
  to.lane = way;
  to.deadline = limit;
  if (way == lane::resting)
    to.answer_timeout = limit;
  restrict_versions(to, what);
  dispatcher_.submit(
    now_, std::make_unique<member_call<Request>>(*this, request, std::move(what), to));
}

} // namespace cafka::protocol
