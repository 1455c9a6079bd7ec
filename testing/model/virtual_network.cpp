#include "virtual_network.hpp"

#include <algorithm>

namespace cafka::testing {

using namespace protocol;

void virtual_network::connect(time_point now, connection_id id, const endpoint& to) {
  auto& mine = lines_[id];
  mine.last_there = mine.last_back = now;
  const auto broker = cluster_.broker_at(to);
  if (broker)
    mine.broker = *broker;
  at(now + latency(), [this, id, to, broker](time_point) {
    const auto found = lines_.find(id);
    if (found == lines_.end())
      return;
    if (!broker || !cluster_.listens(*broker)) {
      lose(id, {error_code::connection_failed, to_string(to) + ": refused"});
      return;
    }
    found->second.up = true;
    events_.emplace_back(std::in_place_type<came_up>, id);
  });
}

void virtual_network::send(time_point now, connection_id id, const frame& bytes) {
  const auto found = lines_.find(id);
  if (found == lines_.end())
    return;
  std::vector<std::byte> all;
  all.reserve(bytes.size);
  for (const auto& part : bytes.parts)
    all.insert(all.end(), part.view().begin(), part.view().end());
  const auto payload = shared_bytes::from(std::move(all)).slice(4, bytes.size);
  auto& mine = found->second;
  mine.last_there = std::max(mine.last_there, now + latency());
  at(mine.last_there, [this, id, payload, broker = mine.broker](time_point then) {
    if (cut_.contains(id))
      return;
    cluster_.on_request(then, broker, id, payload);
    // The client may have gone meanwhile.
    if (!lines_.contains(id))
      cluster_.on_disconnect(then, id);
  });
}

void virtual_network::disconnect(time_point now, connection_id id) {
  const auto found = lines_.find(id);
  if (found == lines_.end())
    return;
  const auto when = std::max(found->second.last_there, now + latency());
  lines_.erase(found);
  at(when, [this, id](time_point then) { cluster_.on_disconnect(then, id); });
}

void virtual_network::cut(time_point now, connection_id id) {
  if (!lines_.contains(id))
    return;
  cut_.insert(id);
  cluster_.on_disconnect(now, id);
  lose(id, {error_code::disconnected, "cut"});
}

void virtual_network::lose(connection_id id, error why) {
  if (lines_.erase(id) > 0)
    events_.emplace_back(std::in_place_type<went_down>, id, std::move(why));
}

void virtual_network::hand_back(time_point now) {
  for (auto& e : cluster_.take_effects()) {
    const auto found = lines_.find(e.connection);
    if (found == lines_.end())
      continue;
    auto& mine = found->second;
    mine.last_back = std::max(mine.last_back, now + latency());
    at(mine.last_back, [this, e](time_point) {
      if (!lines_.contains(e.connection))
        return;
      if (e.hangs_up())
        lose(e.connection, {error_code::disconnected, "the broker has hung up"});
      else
        events_.emplace_back(std::in_place_type<came_frame>, e.connection, e.payload());
    });
  }
}

time_point virtual_network::next_time() const {
  // What a control has just done, such as a broker's end, is on its way at once.
  if (cluster_.has_effects())
    return time_point::min();
  const auto here = agenda_.empty() ? time_point::max() : agenda_.begin()->first;
  return std::min(here, cluster_.next_time());
}

std::vector<virtual_network::event> virtual_network::on_time(time_point now) {
  cluster_.on_time(now);
  hand_back(now);
  while (!agenda_.empty() && agenda_.begin()->first <= now) {
    auto first = agenda_.extract(agenda_.begin());
    first.mapped()(now);
    hand_back(now);
  }
  return std::exchange(events_, {});
}

} // namespace cafka::testing
