#include "fake_listener.hpp"

#include <algorithm>
#include <sys/socket.h>

namespace cafka::testing {

using clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

fake_listener::fake_listener(
  cluster_options options, const std::function<void(fake_cluster&)>& prepare, road how)
  : how_(how), cluster_(std::move(options)) {
  places_ = cluster_.brokers();
  for (std::size_t place = 0; place != places_.size(); ++place) {
    peers_.push_back(std::make_unique<scripted_peer>(
      [this, place](scripted_peer::session& s) { serve(place, s); }));
    cluster_.set_address(places_[place], peers_[place]->address());
  }
  if (prepare)
    prepare(cluster_);
  ready_ = true;
  ready_.notify_all();
}

fake_listener::~fake_listener() {
  const std::lock_guard lock{mutex_};
  stopping_ = true;
  changed_.notify_all();
}

protocol::endpoint fake_listener::address(std::int32_t broker) const {
  const std::lock_guard lock{mutex_};
  return cluster_.address(broker);
}

std::vector<protocol::endpoint> fake_listener::addresses() const {
  std::vector<protocol::endpoint> all;
  for (const auto& p : peers_)
    all.push_back(p->address());
  return all;
}

void fake_listener::change_places(std::int32_t a, std::int32_t b) {
  with([&](fake_cluster& c) {
    const auto where = c.address(a);
    c.set_address(a, c.address(b));
    c.set_address(b, where);
    for (auto& place : places_) {
      if (place == a || place == b)
        place = place == a ? b : a;
    }
  });
}

void fake_listener::serve(std::size_t place, scripted_peer::session& s) {
  ready_.wait(false);
  ++requests_;
  std::unique_lock lock{mutex_};
  // A connection stays with the address, whichever broker is there.
  const auto connection = ++last_connection_;
  inboxes_[connection].fd = s.fd();
  while (!stopping_ && cluster_.listens(places_[place])) {
    lock.unlock();
    const auto request = s.read_frame();
    lock.lock();
    if (!request)
      break;
    ++requests_;
    const auto frame = protocol::shared_bytes::copy_of(*request);
    protocol::reader in{frame};
    const auto is_fetch = read_request_header(in).key == protocol::api_key::fetch;
    cluster_.on_request(clock::now(), places_[place], connection, frame);
    hand_out();
    if (!answer(lock, s, connection, is_fetch))
      break;
  }
  inboxes_.erase(connection);
  cluster_.on_disconnect(clock::now(), connection);
  hand_out();
}

bool fake_listener::answer(std::unique_lock<std::mutex>& lock, scripted_peer::session& s,
  std::uint64_t connection, bool is_fetch) {
  auto& mine = inboxes_[connection];
  while (!stopping_) {
    if (!mine.answers.empty()) {
      const auto next = mine.answers.front();
      mine.answers.erase(mine.answers.begin());
      lock.unlock();
      const auto sent = send(s, next, is_fetch);
      lock.lock();
      if (!sent)
        return false;
      continue;
    }
    if (mine.ended)
      return false;
    if (cluster_.is_free(connection))
      return true;
    const auto due = cluster_.next_time();
    if (due == time_point::max())
      changed_.wait(lock);
    else if (due > clock::now())
      changed_.wait_until(lock, due);
    cluster_.on_time(clock::now());
    hand_out();
  }
  return false;
}

void fake_listener::hand_out() {
  auto any = false;
  for (auto& e : cluster_.take_effects()) {
    const auto found = inboxes_.find(e.connection);
    if (found == inboxes_.end())
      continue;
    any = true;
    if (e.hangs_up()) {
      // Its session may be reading.
      found->second.ended = true;
      ::shutdown(found->second.fd, SHUT_RD);
    } else {
      found->second.answers.push_back(std::move(e.bytes));
    }
  }
  if (any)
    changed_.notify_all();
}

bool fake_listener::send(
  scripted_peer::session& s, const protocol::shared_bytes& answer, bool is_fetch) {
  if (!is_fetch)
    return s.send(answer.view());
  if (answer.size() > how_.largest_fetch)
    return false;
  if (how_.pace == 0)
    return s.send(answer.view());
  const auto begin = clock::now();
  for (std::size_t sent = 0; sent < answer.size();) {
    const auto spent = clock::now() - begin;
    const auto due = static_cast<std::size_t>(
      std::chrono::duration<double>(spent).count() * static_cast<double>(how_.pace));
    const auto more = std::min(std::max(due, sent) - sent, answer.size() - sent);
    if (!s.send(answer.view().subspan(sent, more)))
      return false;
    sent += more;
    std::unique_lock lock{mutex_};
    changed_.wait_for(lock, milliseconds{10}, [this] { return stopping_; });
  }
  return true;
}

} // namespace cafka::testing
