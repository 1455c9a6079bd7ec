#include "cluster_core.hpp"

namespace cafka::testing {

using protocol::shared_bytes;

cluster_core::cluster_core(cluster_options options)
  : model_(options), tells_present_(!options.epoch) {
}

void cluster_core::enter(std::function<void()> use) {
  if (is_inside()) {
    deferred_.push_back(std::move(use));
    return;
  }
  {
    const std::unique_lock lock{mutex_};
    const inside here{*this};
    use();
    settle();
  }
  changed_.notify_all();
}

void cluster_core::settle() {
  for (;;) {
    for (const auto& e : model_.take_effects())
      deliver(e);
    if (deferred_.empty() && !model_.has_effects())
      break;
    while (!deferred_.empty()) {
      const auto next = std::move(deferred_.front());
      deferred_.pop_front();
      next();
    }
  }
  const auto next = model_.next_time();
  if (!std::exchange(controlled_, false) && next >= armed_)
    return;
  armed_ = next;
  std::vector<std::function<void()>> all;
  {
    const std::lock_guard lock{wakers_mutex_};
    for (const auto& [id, wake] : wakers_)
      all.push_back(wake);
  }
  for (const auto& wake : all)
    wake();
}

void cluster_core::deliver(const fake_cluster::effect& e) {
  const auto found = lines_.find(e.connection);
  if (found == lines_.end())
    return;
  if (!e.hangs_up())
    return found->second(e.bytes);
  const auto to_client = std::move(found->second);
  lines_.erase(found);
  to_client({});
}

void cluster_core::begin(time_point now) {
  if (std::exchange(begun_, true) || !tells_present_)
    return;
  model_.set_time_of_day(
    now, std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now()));
}

void cluster_core::shut() {
  enter([this] {
    shut_ = true;
    for (const auto& [id, to_client] : std::exchange(lines_, {}))
      to_client({});
  });
}

cluster_core::number cluster_core::connect_inside(time_point now, std::int32_t broker,
  receiver to_client, const std::function<void()>& opened) {
  if (shut_ || !model_.listens(broker))
    return 0;
  begin(now);
  const auto id = ++last_number_;
  lines_.emplace(id, std::move(to_client));
  opened();
  model_.on_connect(now, broker, id);
  return id;
}

cluster_core::number cluster_core::connect(
  time_point now, std::int32_t broker, receiver to_client, std::function<void()> opened) {
  return write([&](fake_cluster&) {
    return connect_inside(now, broker, std::move(to_client), opened);
  });
}

cluster_core::number cluster_core::connect(time_point now, const protocol::endpoint& to,
  receiver to_client, std::function<void()> opened) {
  return write([&](fake_cluster& model) {
    const auto broker = model.broker_at(to);
    return broker ? connect_inside(now, *broker, std::move(to_client), opened) : 0;
  });
}

bool cluster_core::request(time_point now, number connection, shared_bytes frame) {
  const auto there = look([&](fake_cluster&) { return lines_.contains(connection); });
  if (there)
    enter([this, now, connection, frame = std::move(frame)] {
      const auto broker = model_.broker_of(connection);
      if (broker && lines_.contains(connection))
        model_.on_request(now, *broker, connection, frame);
    });
  return there;
}

void cluster_core::disconnect(time_point now, number connection) {
  enter([this, now, connection] {
    if (lines_.erase(connection) > 0)
      model_.on_disconnect(now, connection);
  });
}

time_point cluster_core::turn(time_point now) {
  if (is_inside())
    return armed_;
  auto next = time_point::max();
  enter([&] {
    begin(now);
    model_.on_time(now);
    // Who has called needs no waking.
    armed_ = time_point::min();
    settle();
    next = armed_ = model_.next_time();
  });
  return next;
}

std::uint64_t cluster_core::add_waker(std::function<void()> wake) {
  const std::lock_guard lock{wakers_mutex_};
  wakers_.emplace(++last_waker_, std::move(wake));
  return last_waker_;
}

void cluster_core::remove_waker(std::uint64_t which) {
  {
    const std::lock_guard lock{wakers_mutex_};
    wakers_.erase(which);
  }
  // What it would have been called for is for the others.
  control([](fake_cluster&) {});
}

bool cluster_core::wait(
  const std::function<bool()>& done, std::chrono::milliseconds at_most) {
  const auto until = std::chrono::steady_clock::now() + at_most;
  std::unique_lock lock{mutex_};
  for (;;) {
    const auto late = std::chrono::steady_clock::now() >= until;
    {
      const inside here{*this};
      const auto ended = done();
      settle();
      if (ended || late)
        return ended;
    }
    changed_.wait_until(lock, until);
  }
}

} // namespace cafka::testing
