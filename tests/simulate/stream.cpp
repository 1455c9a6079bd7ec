#include "stream.hpp"

#include <algorithm>
#include <type_traits>

namespace cafka::simulate {

using namespace protocol;
using namespace std::chrono_literals;

stream::stream(world& w, std::string name, stream_settings settings, worker& asked)
  : actor(w, std::move(name)),
    with_(std::move(settings)),
    asked_(asked),
    where_(with_.options.records.topic, with_.options.records.partition.value()) {
  if (with_.options.cursor.committed)
    with_.options.group = this->name();
}

// -- its life ---------------------------------------------------------------------------

void stream::begin() {
  start();
  busy_ = true;
  work();
}

void stream::start() {
  ++incarnation_;
  auto options = with_.options;
  options.cursor.seed = random_.next();
  if (options.cursor.committed)
    next_.reset(); // The group says.
  else if (next_)
    options.cursor.start = start_at::offset(*next_);
  held_.clear();
  began_ = -1;
  client_.emplace(std::move(options));
  world_.story.tell(world_.now, name(), "starts");
  turn([this](client_type& c) {
    c.on_credit(world_.now, {static_cast<std::uint32_t>(random_.between(1, 4)), {}});
  });
}

void stream::crash() {
  if (!client_ || stopping_)
    return;
  world_.story.tell(world_.now, name(), "crashes");
  finish();
  world_.later(random_.between(1ms, 50ms), [this] {
    if (!stopping_)
      start();
  });
}

void stream::finish() {
  client_.reset();
  ++incarnation_;
  held_.clear();
  alarm_ = time_point::max();
}

void stream::stop() {
  stopping_ = true;
  if (client_)
    turn([this](client_type& c) { c.stop(world_.now, {error_code::closed, "stopped"}); });
}

void stream::on_alarm() {
  turn([this](client_type& c) { c.on_time(world_.now); });
}

void stream::turn(const std::function<void(client_type&)>& event) {
  if (!client_)
    return;
  const auto mine = incarnation_;
  event(*client_);
  while (mine == incarnation_ && client_->has_effects()) {
    for (auto& e : client_->take_effects()) {
      if (mine != incarnation_)
        return;
      std::visit([this](auto& x) { act(x); }, e);
    }
  }
  if (mine != incarnation_)
    return;
  const auto next = client_->next_time();
  alarm_ = next == time_point::max()
    ? next
    : std::max(next, world_.now) + random_.between(1us, 300us);
}

// -- what it wants ----------------------------------------------------------------------

template <class Request>
void stream::act(Request& request) {
  using reply = result<reply_of<Request>>;
  if constexpr (std::is_same_v<Request, offset_commit>) {
    // Where retention has taken what came next, it goes on behind that, and says so.
    auto most = std::max(done_, began_);
    if (world_.cluster.partitions(where_.first) > 0)
      most =
        std::max(most, world_.cluster.log(where_.first, where_.second).start().value());
    if (request.offsets.size() != 1 || request.offsets.front().offset.value() > most)
      throw broken_promise{name() + " commits what its consumer is not done with"};
  }
  asked_.ask<Request>(std::move(request), [this, now = incarnation_](reply got) {
    if (now == incarnation_)
      turn([&](client_type& c) { c.on_reply(world_.now, std::move(got)); });
  });
}

void stream::act(stream_batch& x) {
  if (stopping_)
    return; // It may have been on its way.
  if (x.records.empty())
    throw broken_promise{name() + " is handed a batch without records"};
  auto next = (*x.records.begin()).offset.value();
  const auto disturbances = world_.book.disturbances(where_);
  // It was fetched when the one before it was handed over, at the earliest.
  const auto then = std::exchange(seen_, disturbances);
  // A leader of old leads it astray: it does not know the epochs of what it has read.
  const auto truth = world_.truth_now();
  const auto before = std::exchange(truth_, truth);
  const auto split = truth.is_split || before.is_split || truth.splits != before.splits;
  if (next_ && *next_ != next && !split
    && std::exchange(disturbances_, then) == disturbances)
    throw broken_promise{name() + " is handed " + to_string(where_) + ' '
      + std::to_string(next) + " where " + std::to_string(*next_) + " is next"};
  if (!next_ && disturbances == 0 && next > done_)
    throw broken_promise{name() + " starts at " + to_string(where_) + ' '
      + std::to_string(next) + ", behind what its consumer was done with"};
  if (began_ < 0)
    began_ = next;
  for (const auto& r : x.records) {
    if (r.offset.value() != next)
      throw broken_promise{name() + " is handed " + to_string(where_) + ' '
        + std::to_string(r.offset.value()) + " where " + std::to_string(next)
        + " is next"};
    world_.book.handed_out(name(), where_, r.offset, id_of(r.value));
    ++next;
  }
  if (x.next().value() != next)
    throw broken_promise{name() + " would go on behind what it has handed over"};
  world_.story.tell(
    world_.now, name(), "hands over", to_string(where_), "up to", next - 1);
  next_ = next;
  held_.push_back(x.next());
}

void stream::act(stream_end& x) {
  world_.story.tell(world_.now, name(), "ends:", protocol::to_string(x.outcome));
  ended_ = true;
}

void stream::act(client_type::finished&) {
  finish();
}

// -- its consumer -----------------------------------------------------------------------

void stream::set_busy(bool busy) {
  busy_ = busy;
}

void stream::work() {
  if (stopping_)
    return;
  if (std::exchange(ended_, false)) {
    // As a supervisor would do it, or a program that asks once more.
    finish();
    start();
  } else if (client_ && !held_.empty() && (!busy_ || random_.chance(800))) {
    const auto before = held_.front();
    held_.pop_front();
    const auto done_now = random_.chance(900);
    if (done_now)
      done_ = std::max(done_, before.value());
    turn([&](client_type& c) {
      c.on_credit(world_.now, {1, done_now ? std::optional{before} : std::nullopt});
    });
  }
  world_.later(
    random_.between(1ms, busy_ ? with_.longest_pause : 20ms), [this] { work(); });
}

std::string stream::waits_for() {
  if (stopping_)
    return client_ ? "to have committed" : "";
  if (world_.cluster.partitions(where_.first) == 0)
    return "";
  if (!client_)
    return "to be started again";
  const auto& log = world_.cluster.log(where_.first, where_.second);
  if (log.end() == log.start() || (next_ && *next_ == log.end().value()))
    return "";
  if (!next_ && with_.options.cursor.committed
    && world_.cluster.committed(with_.options.group, where_.first, where_.second)
      == log.end())
    return "";
  return to_string(where_) + " is at " + (next_ ? std::to_string(*next_) : "its start")
    + " of " + std::to_string(log.end().value());
}

void stream::check() {
  if (!with_.options.cursor.commits)
    return;
  const auto kept =
    world_.cluster.committed(with_.options.group, where_.first, where_.second);
  // Where retention or an unclean election has taken what it was to read, it goes on
  // behind that, and may say so.
  if (kept && kept->value() > done_ && world_.book.disturbances(where_) == 0)
    throw broken_promise{name() + " has committed " + std::to_string(kept->value())
      + " of " + to_string(where_) + ", its consumer is done with "
      + std::to_string(done_)};
}

void stream::gone() {
  if (client_)
    throw broken_promise{name() + " was stopped, and goes on"};
}

} // namespace cafka::simulate
