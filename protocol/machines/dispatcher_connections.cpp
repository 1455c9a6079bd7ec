#include "../sasl/failure.hpp"
#include "../text.hpp"
#include "dispatcher.hpp"
#include "overloaded.hpp"

#include <algorithm>
#include <utility>

// The dispatcher's connections.

namespace cafka::protocol {

namespace {

/// So often in a row must a broker hang up after the handshake to be one that wants a
/// login.
constexpr std::uint32_t logins_that_count = 2;

/// No reason for the end of a connection is longer: both lists of mechanisms are in it.
constexpr std::size_t longest_reason = 1'000;

/// Of a session's life: when a login is renewed, as Kafka's own client does.
constexpr double earliest_renewal = 0.85, latest_renewal = 0.95;

} // namespace

std::unique_ptr<broker_connection> dispatcher::make_link(
  const endpoint& address, broker_id broker, lane l) {
  return std::make_unique<broker_connection>(
    address, broker, l, options_.client_id, options_.kafka_version, &logins_);
}

broker_connection& dispatcher::link_to(broker_id id, const endpoint& address, lane l) {
  if (l == lane::resting)
    return resting_link_to(id, address);
  auto& found = broker_connections_[{id, l, 0}];
  if (found == nullptr)
    found = make_link(address, id, l);
  return *found;
}

broker_connection& dispatcher::resting_link_to(broker_id id, const endpoint& address) {
  broker_connection* free = nullptr;
  broker_connection* failing = nullptr;
  broker_connection* least = nullptr;
  std::size_t count = 0;
  std::uint32_t number = 0;
  for (auto at = broker_connections_.lower_bound({id, lane::resting, 0});
       at != broker_connections_.end() && at->second->broker() == id
       && at->second->lane() == lane::resting;
       ++at) {
    auto& l = *at->second;
    ++count;
    number = std::get<2>(at->first) + 1;
    if (l.idle_since())
      return l;
    if (!l.up() && l.failures() > 0)
      failing = &l;
    else if (!l.up() && !l.wanted())
      free = &l;
    if (least == nullptr
      || (l.up() && (!least->up() || l.in_flight() < least->in_flight())))
      least = &l;
  }
  // While one has trouble to connect, the others wait for its result.
  if (failing != nullptr)
    return *failing;
  if (free != nullptr)
    return *free;
  if (count >= options_.max_resting)
    return *least;
  auto& l = broker_connections_[{id, lane::resting, number}];
  l = make_link(address, id, lane::resting);
  return *l;
}

void dispatcher::close_idle_links(time_point now) {
  std::erase_if(broker_connections_, [&](const auto& entry) {
    const auto& l = *entry.second;
    if (l.lane() != lane::resting)
      return false;
    if (l.current() == broker_connection::state::down)
      return !l.wanted() && l.retry_at() <= now;
    const auto since = l.idle_since();
    if (!since || now - *since < options_.resting_idle)
      return false;
    drop_connection(*entry.second, "nothing uses it");
    return true;
  });
}

// Ends a connection on which nothing is awaited.
void dispatcher::drop_connection(broker_connection& l, std::string_view why) {
  tell_closing(l, why);
  effects_.emplace_back(close_connection{l.connection()});
  connections_.erase(l.connection());
  up_links_ -= l.up() ? 1 : 0;
}

// -- what happens on them ---------------------------------------------------------------

void dispatcher::handle(time_point now, broker_connection& l,
  broker_connection::event event, const shared_bytes& payload) {
  const auto connection = l.connection();
  std::visit(
    overloaded{
      [](const broker_connection::ignored&) {},
      [&](const broker_connection::to_be_replaced&) { some_outdated_ = true; },
      [&](broker_connection::ready& r) {
        ++up_links_;
        cluster_.learn_features(l.features());
        if (r.last) {
          tell_handshake(l, r.last->size);
          effects_.emplace_back(send_frame{connection, *std::move(r.last)});
        }
        apply_throttle(now, l, api_key::api_versions,
          throttle_of(l.handshake_throttle(), options_.max_throttle, true));
        changed_ = true;
        tell_up(l);
      },
      [&](broker_connection::reply& r) {
        tell_handshake(l, r.bytes.size);
        effects_.emplace_back(send_frame{connection, std::move(r.bytes)});
      },
      [&](const broker_connection::credentials_wanted& w) {
        effects_.emplace_back(
          ask_credentials{connection, l.address(), w.mechanism, w.refused});
      },
      [&](const broker_connection::renewed&) {
        changed_ = true;
        tell_renewed(l);
      },
      [&](const broker_connection::renewal_put_off& p) { tell_put_off(now, l, p.why); },
      [&](const broker_connection::answer& answer) {
        // Not before: a broker that wants a login agrees on versions and then
        // closes the connection, and must not be asked again at once for that.
        if (&l == seed_.get())
          seed_tried_ = 0;
        seed_errors_.clear();
        if (reports_.any())
          tell_recovered(now, l);
        if (!hang_ups_.empty())
          hang_ups_.erase(l.address());
        deliver(now, l, answer, payload);
      },
      [&](const error& e) {
        effects_.emplace_back(close_connection{connection});
        lose(now, l, e);
      },
    },
    event);
}

void dispatcher::on_credentials(
  time_point now, std::uint64_t connection, result<sasl::login> with) {
  auto* l = by_connection(connection);
  if (l == nullptr)
    return;
  std::uniform_real_distribution<double> share(earliest_renewal, latest_renewal);
  handle(now, *l, l->on_credentials(now, std::move(with), share(random_)), {});
  advance(now);
}

// -- where brokers are now --------------------------------------------------------------

// A connection leads to where its broker listens now, or takes no more requests.
void dispatcher::check_addresses(time_point now) {
  addresses_seen_ = cluster_.addresses();
  std::vector<std::unique_ptr<broker_connection>> left;
  for (auto at = broker_connections_.begin(); at != broker_connections_.end();) {
    auto& l = *at->second;
    const auto* address = cluster_.address_of(l.broker());
    if (address != nullptr && *address == l.address()) {
      ++at;
      continue;
    }
    if (!l.up() && l.current() != broker_connection::state::down)
      drop_connection(l, "its broker listens elsewhere");
    if (!l.up() && address != nullptr) {
      l.move_to(now, *address);
      ++at;
      continue;
    }
    if (l.up())
      left.push_back(std::move(at->second));
    at = broker_connections_.erase(at);
  }
  for (auto& l : left) {
    const auto* address = cluster_.address_of(l->broker());
    retire(now, std::move(l), address);
  }
  changed_ = true;
}

// What may be asked again is asked at the new address at once; the rest waits for its
// answer, or for the connection's end.
void dispatcher::retire(
  time_point now, std::unique_ptr<broker_connection> l, const endpoint* address) {
  auto& old = *retired_.emplace_back(std::move(l));
  old.retire();
  if (address == nullptr)
    return;
  const error why{error_code::disconnected,
    "broker " + std::to_string(old.broker().value()) + " is not at "
      + to_string(old.address()) + " any more, but at " + to_string(*address)};
  for (const auto id : old.awaited()) {
    const auto at = calls_.find(id);
    if (at == calls_.end() || !at->second.what->expendable())
      continue;
    old.abandon(id, at->second.sent_as);
    if (at->second.what->repeatable())
      try_again(now, at, why);
    else
      finish(at, why);
  }
}

void dispatcher::end_retired() {
  std::erase_if(retired_, [&](const auto& l) {
    if (l->up() && !l->awaited().empty())
      return false;
    if (l->up())
      drop_connection(*l, "its broker listens elsewhere");
    return true;
  });
}

void dispatcher::on_outdated(time_point now, connection_id id) {
  auto* l = by_connection(id);
  if (l == nullptr)
    return;
  l->note_outdated("the files of TLS have changed");
  some_outdated_ = true;
  advance(now);
}

// What was sent is answered, what comes meanwhile waits for the new connection.
void dispatcher::replace_outdated(time_point now) {
  some_outdated_ = false;
  each_link([&](broker_connection& l) {
    if (l.current() == broker_connection::state::down || !l.outdated())
      return;
    if (!l.up() || l.in_flight() > 0) {
      some_outdated_ = true;
      return;
    }
    drop_connection(l, l.why_outdated());
    l.move_to(now, l.address());
    changed_ = true;
  });
}

// -- first contact ----------------------------------------------------------------------

void dispatcher::connect(time_point now, broker_connection& l) {
  l.set_wanted(true);
  if (l.current() != broker_connection::state::down || l.retry_at() > now)
    return;
  std::optional<broker_connection::old_broker> old;
  each_link([&](const broker_connection& other) {
    if (const auto found = other.found_old(now); found && other.address() == l.address())
      old = found;
  });
  l.connecting(now, ++last_connection_, old);
  connections_[l.connection()] = &l;
  tell_connecting(l);
  effects_.emplace_back(open_connection{l.connection(), l.address()});
}

// The bootstrap list and the known brokers, each address once.
const std::vector<endpoint>& dispatcher::places() {
  if (!places_.empty() && places_as_of_ == cluster_.addresses())
    return places_;
  places_as_of_ = cluster_.addresses();
  places_.clear();
  std::set<endpoint> seen;
  for (const auto& address : options_.brokers) {
    if (seen.insert(address).second)
      places_.push_back(address);
  }
  for (const auto& [id, address] : cluster_.brokers()) {
    if (seen.insert(address).second)
      places_.push_back(address);
  }
  // Why others could not be reached does not matter any more.
  std::erase_if(seed_errors_, [&](const auto& e) { return !seen.contains(e.first); });
  std::erase_if(hang_ups_, [&](const auto& e) { return !seen.contains(e.first); });
  return places_;
}

void dispatcher::want_connection(time_point now) {
  if (shut_ || up_links_ > 0)
    return;
  need_metadata();
  advance(now);
}

void dispatcher::connect_seed(time_point now) {
  const auto& place = places()[seed_at_ % places().size()];
  if (seed_ == nullptr)
    seed_ = make_link(place, -1, lane::normal);
  else if (seed_->current() == broker_connection::state::down)
    seed_->set_address(place);
  connect(now, *seed_);
}

// A connection may be closed once by chance; a broker that has done so twice will do it
// again. A cluster that has served metadata wants no login: then a broker closes for
// another reason, such as a connection that is cut before an overloaded broker could
// answer.
error dispatcher::judged(broker_connection& l, const error& why) {
  auto result = why;
  const bool served = !cluster_.brokers().empty();
  if (l.wants_login() && !served && ++hang_ups_[l.address()] >= logins_that_count) {
    result.code = error_code::illegal_sasl_state;
    result.detail += " (it agrees on versions and closes the connection after the next "
                     "request: it wants "
                     "a login by SASL: set sasl.mechanism)";
  }
  return result;
}

// Whether no broker can be asked because of a login: a wrong password is wrong at each of
// them. That one wants a login shows by chance, too: then each must.
bool dispatcher::refused_everywhere(const error& why) const {
  if (up_links_ > 0 || places_.empty() || seed_errors_.size() < places_.size())
    return false;
  return why.code != error_code::illegal_sasl_state
    || std::ranges::all_of(seed_errors_,
      [](const auto& e) { return e.second.code == error_code::illegal_sasl_state; });
}

// Ends what waits for a broker that wants a login, or refuses it.
void dispatcher::refuse_waiting(const broker_connection& l, const error& why) {
  const auto all = refused_everywhere(why);
  for (const auto id : std::vector{waiting_}) {
    const auto at = calls_.find(id);
    if (at == calls_.end() || at->second.on != nullptr || at->second.own)
      continue;
    const auto& c = at->second;
    if (all
      || (c.waiting == waits_for::connection && c.waiting_broker.value() >= 0
        && c.waiting_broker == l.broker()))
      finish(at, why);
  }
}

void dispatcher::lose(time_point now, broker_connection& l, const error& reason) {
  const auto why = judged(l, reason);
  // A broker may close what is idle; anything else may mean that it is gone.
  if (!l.retired() && (!l.up() || l.in_flight() > 0)) {
    if (!l.up())
      note_unreachable(now, l.broker());
    cluster_.forget_coordinators_at(l.broker());
  }
  const bool was_up = l.up();
  const auto in_flight = l.in_flight();
  connections_.erase(l.connection());
  if (was_up)
    --up_links_;
  // A renewal that fails says nothing yet: the next connection logs in anew.
  const bool refused = sasl::is_login_failure(why.code) && (!was_up || l.wants_login());
  const auto orphans = l.down(now, {why.code, shown(why.detail, longest_reason)},
    refused ? options_.login_backoff : options_.reconnect_backoff, random_);
  tell_lost(now, l, l.last_error(), was_up, in_flight);
  if (l.in_doubt()) {
    // It is asked again at once, in another way: nothing is lost yet.
  } else if (&l == seed_.get()) {
    seed_errors_[l.address()] = l.last_error();
    ++seed_at_;
    // Everyone is asked once before anyone is waited for.
    if (++seed_tried_ < places().size())
      l.retry_now(now);
    else
      seed_tried_ = 0;
  } else if (!l.retired()) {
    // Whatever it led may have another leader soon.
    want_metadata();
  }
  // Answers come in order: the first of them is the one that cannot be taken, and cannot
  // be next time.
  bool too_large = why.code == error_code::frame_too_large;
  for (const auto& o : orphans) {
    const bool caused = std::exchange(too_large, false);
    const auto at = calls_.find(o.call);
    if (at == calls_.end())
      continue;
    // A produce may have been done nevertheless.
    if (caused && at->second.what->what().repeatable)
      finish(at, why);
    else if (!at->second.what->repeatable())
      finish(at, {error_code::outcome_unknown, to_string(why)});
    else if (refused)
      finish(at, why);
    else
      try_again(now, at, why);
  }
  if (refused && !l.in_doubt())
    refuse_waiting(l, why);
  changed_ = true;
}

void dispatcher::let_go(time_point now, broker_connection& l) {
  drop_connection(l, "the answers under way are not needed any more");
  l.let_go(now);
  changed_ = true;
}

broker_connection* dispatcher::by_connection(std::uint64_t connection) const {
  const auto found = connections_.find(connection);
  return found == connections_.end() ? nullptr : found->second;
}

broker_id dispatcher::broker_at(std::uint64_t connection) const {
  broker_id found = -1;
  each_link([&](const broker_connection& l) {
    if (l.current() != broker_connection::state::down && l.connection() == connection)
      found = l.broker();
  });
  return found;
}

std::vector<dispatcher::connection_info> dispatcher::connections() const {
  std::vector<connection_info> all;
  each_connection([&](const broker_connection& l) {
    all.push_back({l.broker(), l.address(), l.up(), l.in_flight(), l.last_error(),
      quotas_.held_until(l.address()), l.authenticated_by(), l.session_ends(),
      l.authenticated_as()});
  });
  return all;
}

dispatcher::login_counts dispatcher::logins_so_far() const {
  return {logins_.authentications, logins_.failures, logins_.reauthentications};
}

std::string dispatcher::why_disconnected() const {
  constexpr std::size_t most = 8;
  std::string text;
  std::size_t count = 0;
  for (const auto& [place, why] : seed_errors_) {
    if (!text.empty())
      text += "; ";
    if (count++ == most) {
      text += "and " + std::to_string(seed_errors_.size() - most) + " more";
      break;
    }
    text += to_string(why);
    if (why.detail.find(to_string(place)) == std::string::npos)
      text += " (" + to_string(place) + ')';
  }
  if (text.empty())
    each_connection([&](const broker_connection& l) {
      if (text.empty())
        text = l.login_stage();
    });
  return text.empty() ? "still connecting" : text;
}

bool dispatcher::unreachable() const {
  const auto lasts = [](const error& e) {
    return e.code == error_code::connection_failed || e.code == error_code::tls_failed
      || sasl::is_login_failure(e.code);
  };
  return up_links_ == 0 && !places_.empty() && seed_errors_.size() >= places_.size()
    && std::ranges::all_of(seed_errors_, [&](const auto& e) { return lasts(e.second); });
}

std::string dispatcher::why_no_connection(const pending_call& c) const {
  if (c.waiting_broker.value() < 0)
    return "no broker can be reached: " + why_disconnected();
  auto text = "no connection to broker " + std::to_string(c.waiting_broker.value());
  const auto lane = c.what->what().lane;
  const auto l = broker_connections_.lower_bound({c.waiting_broker, lane, 0});
  const bool known = l != broker_connections_.end()
    && l->second->broker() == c.waiting_broker && l->second->lane() == lane;
  if (known && l->second->up())
    text += " that takes requests: its login is being renewed";
  else if (known && !l->second->login_stage().empty())
    text += ": " + l->second->login_stage();
  else if (known && l->second->last_error())
    text += " (" + to_string(l->second->last_error()) + ')';
  return text;
}

} // namespace cafka::protocol
