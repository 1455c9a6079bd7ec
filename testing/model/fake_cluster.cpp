#include "fake_cluster.hpp"

#include "lies.hpp"

#include <algorithm>

namespace cafka::testing {

using namespace protocol;

namespace {

std::vector<std::byte> flattened(const frame& f) {
  std::vector<std::byte> all;
  all.reserve(f.size);
  for (const auto& part : f.parts)
    all.insert(all.end(), part.view().begin(), part.view().end());
  return all;
}

} // namespace

fake_cluster::fake_cluster(cluster_options options) {
  state_.options = std::move(options);
  if (!state_.options.epoch)
    state_.options.epoch = timestamp{std::chrono::milliseconds{1'700'000'000'000}};
  const auto& o = state_.options;
  for (std::int32_t i = 0; i != o.brokers; ++i) {
    const auto id = o.first_broker + i;
    auto& b = state_.brokers[id];
    b.sessions.broker = id;
    b.id = id;
    b.address = {"b" + std::to_string(id), 9092};
    b.release = o.kafka_version;
    set_versions(b);
  }
  state_.controller = o.first_broker;
}

// -- events
// -------------------------------------------------------------------------------

void fake_cluster::on_connect(time_point now, std::int32_t broker, connection_id id) {
  if (listens(broker))
    connections_[id].broker = broker;
  else
    effects_.push_back({id, {}});
  settle(now);
}

void fake_cluster::on_request(
  time_point now, std::int32_t broker, connection_id id, shared_bytes frame) {
  if (!listens(broker)) {
    effects_.push_back({id, {}});
    return;
  }
  auto& c = connections_[id];
  c.broker = broker;
  c.queue.push_back(std::move(frame));
  settle(now);
}

void fake_cluster::on_disconnect(time_point now, connection_id id) {
  connections_.erase(id);
  settle(now);
}

void fake_cluster::on_time(time_point now) {
  settle(now);
}

bool fake_cluster::is_free(connection_id id) const {
  const auto found = connections_.find(id);
  return found == connections_.end()
    || (!found->second.busy() && found->second.queue.empty());
}

time_point fake_cluster::next_time() const {
  if (!effects_.empty())
    return now_;
  auto next = state_.next_time();
  for (const auto& [id, c] : connections_) {
    if (at(c.broker).paused || c.stuck)
      continue;
    if (c.pending)
      next = std::min(next, c.pending->at);
    else if (c.again)
      next =
        std::min(next, state_of(c.broker).changes != c.seen_changes ? now_ : c.until);
    else if (!c.queue.empty())
      next = std::min(next, std::max(c.muted_until, now_));
  }
  return next;
}

void fake_cluster::settle(time_point now) {
  now_ = std::max(now_, now);
  // What one connection does may be what another one waits for.
  for (bool more = true; more;) {
    more = false;
    const auto all_changes = [this] {
      return state_.changes + (apart_ ? apart_->changes : 0);
    };
    const auto changes = all_changes();
    state_.on_time(now_);
    for (auto at = connections_.begin(); at != connections_.end();) {
      const auto id = at->first;
      auto& c = at->second;
      ++at;
      more = settle(now_, id, c) || more;
    }
    more = more || changes != all_changes();
  }
}

bool fake_cluster::settle(time_point now, connection_id id, connection& c) {
  if (at(c.broker).paused || c.stuck)
    return false;
  const auto changes = state_of(c.broker).changes;
  if (c.again && (c.seen_changes != changes || c.until <= now)) {
    const auto again = std::exchange(c.again, nullptr);
    c.seen_changes = changes;
    if (!again(now))
      c.again = again;
  }
  if (c.pending && c.pending->at <= now) {
    const auto leaves = *std::exchange(c.pending, std::nullopt);
    effects_.push_back({id, leaves.bytes});
    if (leaves.last && !leaves.bytes.empty())
      effects_.push_back({id, {}});
    if (leaves.last || leaves.bytes.empty()) {
      connections_.erase(id);
      return true;
    }
  }
  if (c.busy() || c.queue.empty() || c.muted_until > now)
    return false;
  work_on(now, id, c);
  return true;
}

void fake_cluster::end(connection& c, time_point at) {
  c.queue.clear();
  c.pending = connection::leaving{at, {}, true};
}

// -- one request
// --------------------------------------------------------------------------

void fake_cluster::work_on(time_point now, connection_id id, connection& c) {
  seen_request seen;
  seen.now = now;
  seen.broker = c.broker;
  seen.connection = id;
  seen.payload = std::move(c.queue.front());
  c.queue.pop_front();
  if (c.login.bare()) {
    answer_bare(now, c, seen.payload);
    return;
  }
  reader in{seen.payload};
  seen.header = read_request_header(in);
  ++asked_;
  ++asked_by_key_[seen.header.key];
  const auto known = at(c.broker).versions.find(seen.header.key);
  if (!known || !known->contains(seen.header.version))
    answer_unknown(seen, c);
  else if (!in.ok()
    || c.login.on_request(state_, now, seen.header.key) == fake_login::door::closed)
    end(c, now);
  else
    work_on(seen, in, c);
}

void fake_cluster::work_on(const seen_request& seen, reader& body, connection& c) {
  switch (seen.header.key) {
  case api_key::api_versions: serve<api_versions_request>(seen, body, c); break;
  case api_key::metadata: serve<metadata_request>(seen, body, c); break;
  case api_key::produce: serve<produce_request>(seen, body, c); break;
  case api_key::fetch: serve<fetch_request>(seen, body, c); break;
  case api_key::list_offsets: serve<list_offsets_request>(seen, body, c); break;
  case api_key::init_producer_id: serve<init_producer_id_request>(seen, body, c); break;
  case api_key::find_coordinator: serve<find_coordinator_request>(seen, body, c); break;
  case api_key::offset_commit: serve<offset_commit_request>(seen, body, c); break;
  case api_key::offset_fetch: serve<offset_fetch_request>(seen, body, c); break;
  case api_key::create_topics: serve<create_topics_request>(seen, body, c); break;
  case api_key::delete_topics: serve<delete_topics_request>(seen, body, c); break;
  case api_key::join_group: serve<join_group_request>(seen, body, c); break;
  case api_key::sync_group: serve<sync_group_request>(seen, body, c); break;
  case api_key::heartbeat: serve<heartbeat_request>(seen, body, c); break;
  case api_key::leave_group: serve<leave_group_request>(seen, body, c); break;
  case api_key::consumer_group_heartbeat:
    serve<consumer_group_heartbeat_request>(seen, body, c);
    break;
  case api_key::consumer_group_describe:
    serve<consumer_group_describe_request>(seen, body, c);
    break;
  case api_key::describe_groups: serve<describe_groups_request>(seen, body, c); break;
  case api_key::list_groups: serve<list_groups_request>(seen, body, c); break;
  case api_key::delete_groups: serve<delete_groups_request>(seen, body, c); break;
  case api_key::offset_delete: serve<offset_delete_request>(seen, body, c); break;
  case api_key::offset_for_leader_epoch:
    serve<offset_for_leader_epoch_request>(seen, body, c);
    break;
  case api_key::add_offsets_to_txn:
    serve<add_offsets_to_txn_request>(seen, body, c);
    break;
  case api_key::add_partitions_to_txn:
    serve<add_partitions_to_txn_request>(seen, body, c);
    break;
  case api_key::end_txn: serve<end_txn_request>(seen, body, c); break;
  case api_key::write_txn_markers: serve<write_txn_markers_request>(seen, body, c); break;
  case api_key::txn_offset_commit: serve<txn_offset_commit_request>(seen, body, c); break;
  case api_key::describe_producers:
    serve<describe_producers_request>(seen, body, c);
    break;
  case api_key::describe_transactions:
    serve<describe_transactions_request>(seen, body, c);
    break;
  case api_key::list_transactions: serve<list_transactions_request>(seen, body, c); break;
  case api_key::sasl_handshake: serve<sasl_handshake_request>(seen, body, c); break;
  case api_key::sasl_authenticate: serve<sasl_authenticate_request>(seen, body, c); break;
  default: end(c, seen.now);
  }
}

/// ApiVersions of an unknown version has an answer that every client can read (KIP-511);
/// otherwise the connection ends, but for brokers of 0.9, which say nothing.
void fake_cluster::answer_unknown(const seen_request& seen, connection& c) {
  const auto& b = at(seen.broker);
  const auto known = b.versions.find(api_key::api_versions);
  if (seen.header.key == api_key::api_versions && known) {
    api_versions_response refusal;
    refusal.error_code = error_code::unsupported_version;
    if (b.release >= kafka_version{2, 4})
      refusal.api_keys.push_back(
        {static_cast<std::int16_t>(api_key::api_versions), known->min, known->max});
    const auto bytes = encode_response(refusal, 0, seen.header.correlation_id);
    leave(seen, flattened(*bytes), c, {}, std::chrono::milliseconds{0}, false);
    return;
  }
  if (b.release >= kafka_version{0, 9, 0} && b.release < kafka_version{0, 10, 0})
    c.stuck = true;
  else
    end(c, seen.now);
}

/// A message of a login without a header, as it was before 1.0: its answer has none
/// either.
void fake_cluster::answer_bare(
  time_point now, connection& c, const shared_bytes& message) {
  const auto view = message.view();
  const auto said = c.login.on_bare(
    state_, now, {reinterpret_cast<const char*>(view.data()), view.size()});
  if (!said)
    return end(c, now + state_.options.sasl.failure_delay);
  writer out;
  out.i32(static_cast<std::int32_t>(said->size()));
  out.raw(*said);
  c.pending = connection::leaving{
    now + at(c.broker).slow, shared_bytes::from(flattened(out.finish())), false};
}

template <class Request>
void fake_cluster::serve(const seen_request& seen, reader& body, connection& c) {
  using response_type = typename Request::response;
  const auto request = std::make_shared<Request>();
  decode(body, *request, seen.header.version);
  if (!body.ok() || body.remaining() != 0)
    return end(c, seen.now);
  // One that is worked on anew was seen by all hooks when it came.
  const auto anew = c.said_before.has_value();
  const auto said =
    anew ? *std::exchange(c.said_before, std::nullopt) : ruling_of(seen, request.get());
  const auto& how = said.how;
  if (how.what == fate::lost) {
    c.stuck = true;
    return;
  }
  if (how.what == fate::cut)
    return end(c, seen.now + how.delay);
  auto out = outcome_of(seen, *request, said, &c.login, anew);
  if (auto* ready = std::get_if<response_type>(&out)) {
    finish(seen, *request, std::move(*ready), c, said);
  } else if (auto* waits = std::get_if<waiting<response_type>>(&out)) {
    c.until = waits->until;
    c.waits = seen;
    c.said = said;
    c.seen_changes = state_of(c.broker).changes;
    c.again = [this, seen, request, &c, said, again = std::move(waits->again)](
                time_point now) {
      auto response = again(now);
      if (!response)
        return false;
      auto then = seen;
      then.now = now;
      finish(then, *request, *std::move(response), c, said);
      return true;
    };
  } else if (std::holds_alternative<hang_up>(out)) {
    end(c, seen.now + how.delay);
  }
}

template <class Request>
void fake_cluster::finish(const seen_request& seen, const Request& request,
  typename Request::response response, connection& c, const ruling& said) {
  using response_type = typename Request::response;
  const auto& how = said.how;
  if (said.change)
    said.change(&response);
  const auto [first, last] = changes_.equal_range(Request::key);
  for (auto one = first; one != last; ++one)
    one->second(seen, &request, &response);
  for (auto& [lie, times] : lies_) {
    if (times > 0 && tell(lie, state_of(seen.broker), seen, response))
      count_lie(times);
  }
  if (how.what == fate::answer_lost) {
    c.stuck = true;
    return;
  }
  if (how.what == fate::answer_cut)
    return end(c, seen.now + how.delay);
  std::chrono::milliseconds pause{0};
  auto mute = false;
  if constexpr (requires { response.throttle_time_ms; }) {
    if (const auto throttled = due(throttled_, Request::key)) {
      pause = throttled->time;
      response.throttle_time_ms = static_cast<std::int32_t>(pause.count());
      mute = seen.header.version >= response_type::client_throttles_since;
    }
  }
  const auto bytes =
    encode_response(response, seen.header.version, seen.header.correlation_id);
  if (!bytes) // Only a change can have made it so.
    return end(c, seen.now);
  leave(seen, flattened(*bytes), c, how, pause, mute);
}

void fake_cluster::leave(const seen_request& seen, std::vector<std::byte> bytes,
  connection& c, treatment how, std::chrono::milliseconds throttle, bool mute) {
  for (const auto& change : bytes_)
    change(seen, bytes);
  for (auto& [lie, times] : lies_) {
    if (times > 0 && tell(lie, seen, bytes))
      count_lie(times);
  }
  auto when = seen.now + how.delay + at(seen.broker).slow;
  if (mute)
    c.muted_until = when + throttle;
  else
    when += throttle;
  // A login that was refused ends the connection, and its answer takes its time.
  const auto refused = c.login.ends();
  if (refused && seen.header.key == api_key::sasl_authenticate)
    when += state_.options.sasl.failure_delay;
  c.pending = connection::leaving{when, shared_bytes::from(std::move(bytes)), refused};
}

void fake_cluster::count_lie(int& times) {
  ++lies_told_;
  if (times != always)
    --times;
}

ruling fake_cluster::ruling_of(const seen_request& seen, const void* request) {
  ruling said;
  for (auto& h : exchanges_) {
    if (h.times <= 0 || h.key != seen.header.key)
      continue;
    if (h.times != always)
      --h.times;
    h.how(seen, request, said);
  }
  std::erase_if(exchanges_, [](const exchange_hook& h) { return h.times <= 0; });
  const auto other = treatment_of(seen);
  said.how.delay += other.delay;
  if (said.how.what == fate::served)
    said.how.what = other.what;
  return said;
}

treatment fake_cluster::treatment_of(const seen_request& seen) {
  treatment all;
  for (auto& h : hooks_) {
    if (h.times <= 0 || (h.key && *h.key != seen.header.key))
      continue;
    if (h.times != always)
      --h.times;
    const auto one = h.how(seen);
    all.delay += one.delay;
    if (all.what == fate::served)
      all.what = one.what;
  }
  std::erase_if(hooks_, [](const hook& h) { return h.times <= 0; });
  return all;
}

std::optional<fake_cluster::counted> fake_cluster::due(
  std::map<api_key, counted>& all, api_key key) {
  const auto found = all.find(key);
  if (found == all.end() || found->second.times <= 0)
    return std::nullopt;
  if (found->second.times != always)
    --found->second.times;
  return found->second;
}

} // namespace cafka::testing
