#include "../messages/find_coordinator.hpp"
#include "coordinator_lookup.hpp"
#include "dispatcher.hpp"
#include "topics_question.hpp"

#include <algorithm>
#include <utility>

// What the dispatcher finds out for itself: metadata and coordinators.

namespace cafka::protocol {

namespace {

/// Most FindCoordinator requests of the dispatcher's own at a time.
constexpr std::size_t most_lookups = 100;

/// Between two looks at what is not used any more, at least.
constexpr std::chrono::seconds least_release{1};

/// Metadata that is asked for again so soon did not tell what was wanted.
constexpr std::chrono::milliseconds again_soon{2'000};

/// Between two attempts to find a broker that knows better.
constexpr std::chrono::milliseconds reach_out_pause{500};

/// A broker with an answer outstanding for so long is not asked for metadata while others
/// are there.
constexpr std::chrono::milliseconds owed_for_long{1'000};

} // namespace

/// Asks about the topics in use and teaches the cluster.
class dispatcher::metadata_call final : public call {
public:
  metadata_call(std::vector<std::string> topics, bool create, bool elsewhere,
    std::optional<error>& outcome)
    : call(wanted(elsewhere)), question_(std::move(topics), create), outcome_(outcome) {}

  result<frame> encode(std::int16_t version, std::int32_t correlation_id,
    std::string_view client_id, const cluster&) override {
    return encode_request(question_.request(version), version, correlation_id, client_id);
  }

  error receive(
    std::int16_t version, const shared_bytes& payload, cluster& known) override {
    auto answer = read_answer<metadata_response>(payload, version);
    if (!answer)
      return answer.error();
    const bool all = question_.keep_asked(*answer, version);
    known.update(*answer, all);
    return {};
  }

  void finish(error outcome) override { outcome_ = std::move(outcome); }

private:
  static traits wanted(bool elsewhere) {
    traits what;
    what.key = metadata_request::key;
    what.versions = metadata_request::versions;
    what.elsewhere = elsewhere;
    return what;
  }

  topics_question question_;
  std::optional<error>& outcome_;
};

/// Asks who coordinates a group or a transactional id and teaches the cluster.
class dispatcher::coordinator_call final : public call {
public:
  coordinator_call(coordinator_of what, std::vector<lookup_outcome>& outcomes)
    : call(wanted(what)), coordinated_(std::move(what)), outcomes_(outcomes) {}

  result<frame> encode(std::int16_t version, std::int32_t correlation_id,
    std::string_view client_id, const cluster&) override {
    return encode_request(
      lookup_request(coordinated_, version), version, correlation_id, client_id);
  }

  error receive(
    std::int16_t version, const shared_bytes& payload, cluster& known) override {
    const auto answer = read_answer<find_coordinator_response>(payload, version);
    if (!answer)
      return answer.error();
    auto found = found_in(coordinated_, version, *answer);
    if (!found)
      return found.error();
    known.learn_coordinator(coordinated_, found->id, std::move(found->address));
    return {};
  }

  void finish(error outcome) override {
    outcomes_.push_back({std::move(coordinated_), std::move(outcome)});
  }

private:
  static traits wanted(const coordinator_of& what) {
    traits result;
    result.key = find_coordinator_request::key;
    result.versions = lookup_versions(what);
    if (what.type == coordinator_type::transaction)
      result.who_needs = "transactions need";
    return result;
  }

  coordinator_of coordinated_;
  std::vector<lookup_outcome>& outcomes_;
};

// -- metadata ---------------------------------------------------------------------------

topic_directory_options dispatcher::directory_options(const dispatcher_options& of) {
  topic_directory_options result;
  result.update_interval = of.metadata_max_age;
  result.idle = of.topic_idle;
  result.retry_backoff = of.retry_backoff;
  result.about_brokers = true;
  result.seed = of.seed;
  return result;
}

void dispatcher::use_topic(time_point now, const std::string& topic, bool create) {
  auto& used = cluster_.topics().use(topic, now);
  if (create)
    topic_directory::may_create(used);
}

void dispatcher::refresh(time_point now) {
  auto question = cluster_.topics().ask(now);
  if (!question)
    return;
  ++refreshes_;
  submit_own(now,
    std::make_unique<metadata_call>(std::move(question->topics), question->create,
      question->elsewhere, refresh_outcome_));
}

void dispatcher::refreshed(time_point now) {
  const auto outcome = *std::exchange(refresh_outcome_, std::nullopt);
  if (!outcome) {
    cluster_.topics().on_answered(now);
    refreshed_ = refreshes_;
    adopt_seed();
  } else {
    cluster_.topics().on_failure(now, outcome);
  }
  changed_ = true;
}

// The connection that names its own address is to the broker that has it.
void dispatcher::adopt_seed() {
  if (seed_ == nullptr || !seed_->up() || seed_->connection() != metadata_from_)
    return;
  for (const auto& [id, address] : cluster_.brokers()) {
    if (address != seed_->address())
      continue;
    auto& l = broker_connections_[{id, lane::normal, 0}];
    if (l == nullptr || l->current() == broker_connection::state::down) {
      seed_->set_broker(id);
      l = std::move(seed_);
    }
    return;
  }
}

// -- metadata that may be out of date ---------------------------------------------------

// Those that hang come last, before them the one that was asked last.
broker_connection* dispatcher::next_to_tell(time_point now) const {
  broker_connection* best = nullptr;
  const auto rank = [&](const broker_connection& l) {
    const auto due = l.silent_until(owed_for_long);
    return std::tuple{
      due && *due <= now, turn_ > 0 && l.turn() == turn_, l.in_flight(), l.turn()};
  };
  each_link([&](broker_connection& l) {
    if (l.takes_requests() && l.lane() == lane::normal
      && (best == nullptr || rank(l) < rank(*best)))
      best = &l;
  });
  return best;
}

void dispatcher::note_asked(
  time_point now, broker_connection& to, const pending_call& c) {
  const auto& what = c.what->what();
  if (what.key != api_key::metadata)
    return;
  to.set_turn(++turn_);
  const auto again = what.elsewhere && (c.own || now - again_soon < asked_at_);
  asked_in_row_ = again ? asked_in_row_ + 1 : 0;
  asked_at_ = now;
  reach_out(now);
}

// When all that are connected were asked without result, one more is connected to.
void dispatcher::reach_out(time_point now) {
  std::size_t asked = 0;
  each_link([&](const broker_connection& l) {
    asked += l.up() && l.lane() == lane::normal ? 1 : 0;
  });
  if (asked_in_row_ < std::max<std::size_t>(asked, 2) || now < reach_out_not_before_)
    return;
  reach_out_not_before_ = now + reach_out_pause;
  const auto& brokers = cluster_.brokers();
  auto at = brokers.upper_bound(reached_out_to_);
  for (auto turns = brokers.size(); turns > 0; --turns, ++at) {
    if (at == brokers.end())
      at = brokers.begin();
    if (seed_ != nullptr && seed_->up() && seed_->address() == at->second)
      continue;
    auto& l = link_to(at->first, at->second, lane::normal);
    if (l.up())
      continue;
    reached_out_to_ = at->first;
    connect(now, l);
    return;
  }
  if (seed_ == nullptr || seed_->current() == broker_connection::state::down)
    connect_seed(now);
}

// -- coordinators -----------------------------------------------------------------------

dispatcher::route dispatcher::route_to_coordinator(
  time_point now, pending_call& c, const coordinator_of& what) {
  auto& use = coordinators_[what];
  use.last_used = now;
  plan_release(now);
  if (const auto known = cluster_.coordinator(what); known.value() >= 0) {
    // Somebody else may have found it.
    if (use.lookup == 0 && use.next_lookup == time_point::max())
      plan_lookup(now, use);
    return route_to_broker(now, c, known);
  }
  if (use.lookup == 0) {
    if (use.refused && use.found_at >= c.submitted)
      return use.refused;
    if (use.not_before <= now)
      use.wanted = lookup_wanted_ = true;
    else
      retry_at_ = std::min(retry_at_, use.not_before);
  }
  return wait_for(c, waits_for::coordinator);
}

void dispatcher::look_up(time_point now) {
  lookup_wanted_ = false;
  lookups_wait_ = false;
  drop_idle_coordinators(now);
  for (auto& [what, use] : coordinators_) {
    if (!use.wanted)
      continue;
    if (use.lookup == 0 && lookups_ >= most_lookups) {
      lookups_wait_ = true;
      return;
    }
    use.wanted = false;
    if (use.lookup != 0)
      continue;
    use.next_lookup = time_point::max();
    ++lookups_;
    use.lookup = submit_own(now, std::make_unique<coordinator_call>(what, looked_up_));
  }
}

// A connection's own pause does not last where no metadata has its broker. Whoever named
// it may not know yet: it is asked again at once, and then at a pace.
void dispatcher::note_unreachable(time_point now, broker_id id) {
  if (cluster_.brokers().contains(id))
    return;
  for (auto& [what, use] : coordinators_) {
    if (cluster_.coordinator(what) != id)
      continue;
    if (++use.in_vain > 1)
      use.not_before = now + backoff(options_.retry_backoff, use.in_vain - 1, random_);
  }
}

void dispatcher::plan_lookup(time_point now, coordinator_use& use) {
  if (options_.coordinator_query_interval > std::chrono::milliseconds{0})
    use.next_lookup = now + options_.coordinator_query_interval;
  next_lookup_ = std::min(next_lookup_, use.next_lookup);
}

// What a program has asked for itself is in use as well, for a while.
void dispatcher::note_answer(
  time_point now, const broker_connection& from, const pending_call& c) {
  if (c.own)
    return;
  const auto* led = std::get_if<leader_of>(&c.what->what().where);
  if (led != nullptr && !from.retired())
    cluster_.topics().on_led(led->topic, led->partition, from.broker());
  if (c.what->what().key == api_key::metadata && cluster_.topic_count() > 0)
    cluster_.topics().plan_release(now);
  if (const auto* coordinated = std::get_if<coordinator_of>(&c.what->what().where)) {
    if (const auto use = coordinators_.find(*coordinated); use != coordinators_.end())
      use->second.in_vain = 0;
  }
  const auto found = c.what->looks_up();
  if (!found)
    return;
  auto& use = coordinators_[*found];
  use.last_used = now;
  plan_lookup(now, use);
  plan_release(now);
}

// -- what is not used any more ----------------------------------------------------------

void dispatcher::plan_release(time_point now) {
  if (release_at_ == time_point::max())
    release_at_ =
      now + std::max<time_point::duration>(options_.topic_idle / 4, least_release);
}

void dispatcher::drop_idle_coordinators(time_point now) {
  std::erase_if(coordinators_, [&](const auto& entry) {
    const auto& [what, use] = entry;
    const bool idle = use.lookup == 0 && now - use.last_used > options_.topic_idle;
    if (idle)
      cluster_.forget_coordinator(what);
    return idle;
  });
}

void dispatcher::release_idle(time_point now) {
  release_at_ = time_point::max();
  drop_idle_coordinators(now);
  if (!coordinators_.empty())
    plan_release(now);
}

void dispatcher::looked_up(time_point now) {
  for (auto& [what, outcome] : std::exchange(looked_up_, {})) {
    auto& use = coordinators_[what];
    use.lookup = 0;
    --lookups_;
    use.found_at = now;
    use.refused = {};
    if (!outcome) {
      tell_coordinator(what, use.told, cluster_.coordinator(what));
      use.failures = 0;
      use.not_before = now;
    } else {
      use.not_before = now + backoff(options_.retry_backoff, ++use.failures, random_);
      if (!is_retriable(outcome.code))
        use.refused = std::move(outcome);
    }
    plan_lookup(now, use);
  }
  lookup_wanted_ = lookup_wanted_ || lookups_wait_;
  changed_ = true;
}

void dispatcher::look_up_those_due(time_point now) {
  next_lookup_ = time_point::max();
  for (auto& [what, use] : coordinators_) {
    if (use.next_lookup <= now)
      use.wanted = lookup_wanted_ = true;
    else
      next_lookup_ = std::min(next_lookup_, use.next_lookup);
  }
}

std::string dispatcher::why_no_coordinator(const pending_call& c) const {
  const auto& what = std::get<coordinator_of>(c.what->what().where);
  auto text = "no coordinator is known of " + to_string(what);
  const auto use = coordinators_.find(what);
  if (use == coordinators_.end())
    return text;
  const auto lookup = calls_.find(use->second.lookup);
  if (lookup == calls_.end())
    return text;
  const auto why = why_waiting(lookup->second);
  return why.empty() ? text : text + " (" + why + ')';
}

} // namespace cafka::protocol
