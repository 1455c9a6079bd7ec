#include <cafka/protocol/machines/dispatcher.hpp>

#include <algorithm>
#include <utility>

// The dispatcher's connections.

namespace cafka::protocol {

std::unique_ptr<link> dispatcher::make_link(
  const endpoint& address, broker_id broker, lane l) const {
  return std::make_unique<link>(address, broker, l, options_.client_id, options_.release);
}

link& dispatcher::link_to(broker_id id, const endpoint& address, lane l) {
  if (l == lane::resting)
    return resting_link_to(id, address);
  auto& found = links_[{id, l, 0}];
  if (found == nullptr)
    found = make_link(address, id, l);
  return *found;
}

link& dispatcher::resting_link_to(broker_id id, const endpoint& address) {
  link* free = nullptr;
  link* failing = nullptr;
  link* least = nullptr;
  std::size_t count = 0;
  std::uint32_t number = 0;
  for (auto at = links_.lower_bound({id, lane::resting, 0}); at != links_.end()
       && at->second->broker() == id && at->second->lane() == lane::resting;
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
  // While one has trouble to connect, the others wait for what becomes of it.
  if (failing != nullptr)
    return *failing;
  if (free != nullptr)
    return *free;
  if (count >= options_.max_resting)
    return *least;
  auto& l = links_[{id, lane::resting, number}];
  l = make_link(address, id, lane::resting);
  return *l;
}

void dispatcher::close_idle_links(time_point now) {
  std::erase_if(links_, [&](const auto& entry) {
    const auto& l = *entry.second;
    if (l.lane() != lane::resting)
      return false;
    if (l.current() == link::state::down)
      return !l.wanted() && l.retry_at() <= now;
    const auto since = l.idle_since();
    if (!since || now - *since < options_.resting_idle)
      return false;
    out_.disconnect(l.connection());
    --up_links_;
    return true;
  });
}

void dispatcher::connect(time_point now, link& l) {
  l.set_wanted(true);
  if (l.current() != link::state::down || l.retry_at() > now)
    return;
  std::optional<kafka_version> old;
  each_link([&](const link& other) {
    if (other.address() == l.address() && other.old_release())
      old = other.old_release();
  });
  l.connecting(now, ++last_connection_, old);
  out_.connect(l.connection(), l.address());
}

void dispatcher::connect_seed(time_point now) {
  auto places = options_.bootstrap;
  for (const auto& [id, address] : cluster_.brokers()) {
    if (std::ranges::find(places, address) == places.end())
      places.push_back(address);
  }
  const auto& place = places[seed_at_ % places.size()];
  if (seed_ == nullptr)
    seed_ = make_link(place, -1, lane::normal);
  else if (seed_->current() == link::state::down)
    seed_->set_address(place);
  seed_places_ = places.size();
  connect(now, *seed_);
}

void dispatcher::lose(time_point now, link& l, const error& why) {
  // A broker may close what is idle; anything else may mean that it is gone.
  if (!l.up() || l.in_flight() > 0)
    cluster_.forget_coordinators_at(l.broker());
  if (l.up())
    --up_links_;
  const auto orphans = l.down(now, why, options_.reconnect, random_);
  if (l.in_doubt()) {
    // It is asked again at once, in another way: nothing is lost yet.
  } else if (&l == seed_.get()) {
    seed_errors_[l.address()] = why;
    ++seed_at_;
    // Everyone is asked once before anyone is waited for.
    if (++seed_tried_ < seed_places_)
      l.retry_now(now);
    else
      seed_tried_ = 0;
  } else {
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
    if (caused)
      finish(at, why);
    else if (at->second.what->repeatable())
      try_again(now, at, why);
    else
      finish(at, {error_code::outcome_unknown, to_string(why)});
  }
  changed_ = true;
}

void dispatcher::let_go(time_point now, link& l) {
  out_.disconnect(l.connection());
  --up_links_;
  l.let_go(now);
  changed_ = true;
}

link* dispatcher::by_connection(std::uint64_t connection) {
  link* found = nullptr;
  each_link([&](link& l) {
    if (l.current() != link::state::down && l.connection() == connection)
      found = &l;
  });
  return found;
}

broker_id dispatcher::broker_at(std::uint64_t connection) const {
  broker_id found = -1;
  each_link([&](const link& l) {
    if (l.current() != link::state::down && l.connection() == connection)
      found = l.broker();
  });
  return found;
}

std::vector<dispatcher::link_status> dispatcher::links() const {
  std::vector<link_status> all;
  each_link([&](const link& l) {
    all.push_back({l.broker(), l.address(), l.up(), l.in_flight(), l.last_error()});
  });
  return all;
}

std::string dispatcher::why_disconnected() const {
  std::string text;
  for (const auto& [place, why] : seed_errors_) {
    if (!text.empty())
      text += "; ";
    text += to_string(why);
    if (why.detail.find(to_string(place)) == std::string::npos)
      text += " (" + to_string(place) + ')';
  }
  return text.empty() ? "still connecting" : text;
}

std::string dispatcher::why_no_connection(const pending_call& c) const {
  if (c.waiting_broker.value() < 0)
    return "no broker can be reached: " + why_disconnected();
  auto text = "no connection to broker " + std::to_string(c.waiting_broker.value());
  const auto lane = c.what->what().lane;
  const auto l = links_.lower_bound({c.waiting_broker, lane, 0});
  if (l != links_.end() && l->second->broker() == c.waiting_broker
    && l->second->lane() == lane && l->second->last_error().code != error_code::none)
    text += " (" + to_string(l->second->last_error()) + ')';
  return text;
}

} // namespace cafka::protocol
