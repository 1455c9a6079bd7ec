#include "worker.hpp"

#include <algorithm>
#include <type_traits>

namespace cafka::simulate {

using namespace protocol;
using namespace std::chrono_literals;

worker::worker(world& w, std::string name, worker_settings settings)
  : shell(w, std::move(name), settings.client), with_(std::move(settings)) {
  // A batch is tried again only where nothing was written.
  source_ = w.book.add_source(this->name(), {true, false, true});
}

// -- its life ---------------------------------------------------------------------------

void worker::begin() {
  restart();
  set_busy(true);
}

void worker::restart() {
  auto options = with_.options;
  options.cluster.seed = random_.next();
  make(options);
  turn([this](client_type& c) { c.start(client_now()); });
}

void worker::on_crash(std::vector<effect>&) {
  fail_all({error_code::worker_down, name() + " crashed"});
}

void worker::stop() {
  stopped_ = true;
  busy_ = false;
  if (!lives())
    return;
  client().shut_down();
  carry_out();
  end_client();
  fail_all({error_code::closed, name() + " was stopped"}); // What was in its mailbox.
}

void worker::gone() {
  if (!open_.empty())
    throw broken_promise{name() + " was stopped, and " + std::to_string(open_.size())
      + " requests have no answer"};
}

// -- requests ---------------------------------------------------------------------------

void worker::answered(std::uint64_t n, const error& why) {
  const auto found = open_.find(n);
  if (found == open_.end())
    throw broken_promise{name() + " answers a request twice: " + to_string(why)};
  const auto deadline = found->second.deadline;
  open_.erase(found);
  if (deadline != time_point::max() && client_now() > latest(deadline))
    throw broken_promise{
      name() + " answers a request after its deadline: " + to_string(why)};
}

void worker::fail(std::uint64_t n, error why) {
  const auto found = open_.find(n);
  if (found == open_.end())
    return;
  const auto tell = std::move(found->second.fail);
  open_.erase(found);
  tell(std::move(why));
}

/// Those who asked learn it by a message.
void worker::fail_all(const error& why) {
  for (const auto& [n, r] : open_)
    world_.later(
      random_.between({}, settings_.mailbox), [this, n = n, why] { fail(n, why); });
}

void worker::check() {
  if (!lives())
    return;
  for (const auto& [n, r] : open_) {
    if (r.deadline != time_point::max() && client_now() > latest(r.deadline))
      throw broken_promise{name() + " does not answer a request by its deadline"};
  }
}

std::string worker::waits_for() {
  if (stopped_)
    return "";
  if (!lives())
    return "to be started again";
  return own_ == 0 ? "" : std::to_string(own_) + " requests without an answer";
}

// -- its program ------------------------------------------------------------------------

void worker::set_busy(bool busy) {
  busy_ = busy;
  if (busy && !std::exchange(working_, true))
    work();
}

void worker::work() {
  if (!busy_) {
    working_ = false;
    return;
  }
  if (lives())
    ask_something(random_.below(6), some_place());
  world_.later(random_.between(1ms, with_.longest_pause), [this] { work(); });
}

void worker::probe() {
  probing_ = true;
  for (std::uint64_t kind = 0; kind != 6; ++kind) {
    for (const auto& t : with_.topics) {
      if (world_.cluster.partitions(t) > 0)
        ask_something(kind, {t, 0});
    }
  }
  probing_ = false;
}

duration worker::some_deadline() {
  return probing_ ? duration{10s} : random_.between(10ms, 20s);
}

place worker::some_place() {
  const auto& topic = random_.pick(with_.topics);
  const auto count = world_.cluster.partitions(topic);
  return {topic,
    static_cast<std::int32_t>(
      random_.below(static_cast<std::uint64_t>(std::max(count, 1))))};
}

template <class Request>
void worker::request_for(
  Request what, std::function<void(result<reply_of<Request>>)> then) {
  what.deadline = std::chrono::duration_cast<milliseconds>(some_deadline());
  ++own_;
  ask<Request>(std::move(what),
    [this, then = std::move(then), probes = probing_, truth = world_.truth_now()](
      result<reply_of<Request>> got) {
      --own_;
      const auto why = got.error().code;
      // Where an answer has gone elsewhere, the next one is out of turn: at any time
      // after.
      if ((why == error_code::malformed_response && world_.lies_told() == 0)
        || (why == error_code::corrupt_message && world_.all_true_since(truth))
        || (probes && !got))
        throw broken_promise{name() + " is answered, "
          + (probes ? "although all is well: " : "") + to_string(got.error())};
      then(std::move(got));
    });
}

void worker::ask_something(std::uint64_t kind, const place& where) {
  switch (kind) {
  case 0: return ask_to_produce(where);
  case 1: return ask_to_fetch(where);
  case 2: return ask_for_offsets(where);
  case 3: return ask_to_commit(where);
  case 4: return ask_for_committed(where);
  default: return ask_for_metadata(where);
  }
}

void worker::ask_to_produce(const place& where) {
  produce what;
  what.topic = where.first;
  what.partition = where.second;
  what.required_acks = random_.chance(with_.of_leader_alone) ? 1 : -1;
  what.compression = random_.chance(300) ? codec::lz4 : codec::none;
  std::vector<record_id> ids;
  for (auto left = random_.between(1, 5); left > 0; --left) {
    ids.push_back(world_.book.next(source_));
    what.records.push_back(
      {.value = value_of(
         ids.back(), static_cast<std::size_t>(random_.skewed(with_.largest_value)))});
  }
  request_for<produce>(std::move(what), [this, where, ids](const result<produced>& got) {
    auto why = got.error();
    // Another's crash says nothing about the log.
    if (why.code == error_code::worker_down || why.code == error_code::closed)
      why.code = error_code::outcome_unknown;
    for (std::size_t i = 0; i != ids.size(); ++i) {
      const auto offset = got && got->base_offset
        ? *got->base_offset + static_cast<std::int64_t>(i)
        : log_offset{-1};
      world_.book.outcome(ids[i], where, why, offset);
    }
  });
}

void worker::ask_to_fetch(const place& where) {
  if (world_.cluster.partitions(where.first) == 0)
    return;
  const auto& log = world_.cluster.log(where.first, where.second);
  fetch what;
  what.topic = where.first;
  what.partition = where.second;
  what.offset = random_.between(log.start().value(), log.end().value());
  what.max_bytes = static_cast<std::int32_t>(random_.between(100, 100'000));
  what.auto_commit = false;
  const auto there = what.offset < log.end();
  world_.story.tell(world_.now, name(), "fetches", to_string(where), what.offset->value(),
    "of", log.start().value(), "to", log.end().value(), "max", what.max_bytes);
  const auto before = world_.book.disturbances(where);
  request_for<fetch>(std::move(what),
    [this, where, from = *what.offset, there, before, truth = world_.truth_now()](
      const result<fetched>& got) {
      if (!got || before != world_.book.disturbances(where))
        return;
      if (there && got->records.empty() && world_.all_true_since(truth))
        throw broken_promise{name() + " fetches nothing from " + to_string(where) + ' '
          + std::to_string(from.value())};
      look_at(*got, where, from);
    });
}

void worker::look_at(const fetched& got, const place& where, log_offset from) {
  auto next = from;
  for (const auto& r : got.records) {
    if (r.offset != next)
      throw broken_promise{name() + " fetches " + to_string(where) + ' '
        + std::to_string(r.offset.value()) + " where " + std::to_string(next.value())
        + " is next"};
    world_.book.handed_out(name(), where, r.offset, id_of(r.value));
    next = next + 1;
  }
}

void worker::ask_for_offsets(const place& where) {
  if (world_.cluster.partitions(where.first) == 0)
    return;
  list_offsets what;
  what.topic = where.first;
  what.partition = where.second;
  const auto end = world_.cluster.log(where.first, where.second).end();
  const auto before = world_.book.disturbances(where);
  request_for<list_offsets>(std::move(what),
    [this, where, end, before, truth = world_.truth_now()](
      const result<listed_offset>& got) {
      if (!got || before != world_.book.disturbances(where)
        || !world_.all_true_since(truth))
        return;
      if (!got->offset || *got->offset < end
        || *got->offset > world_.cluster.log(where.first, where.second).end())
        throw broken_promise{
          name() + " is told an end of " + to_string(where) + " that was not there"};
    });
}

void worker::ask_to_commit(const place& where) {
  auto& mine = committed_[where];
  if (mine.open)
    return;
  offset_commit what;
  what.group = name();
  auto& o = what.offsets.emplace_back();
  o.topic = where.first;
  o.partition = where.second;
  o.offset = random_.between(0, 1'000);
  mine.open = true;
  mine.may_be.insert(o.offset.value());
  const auto offset = o.offset.value();
  const auto before = world_.book.disturbances(where);
  request_for<offset_commit>(std::move(what),
    [this, where, offset, before, probes = probing_](const result<done>& got) {
      auto& now = committed_[where];
      now.open = false;
      if (before != now.disturbances || before != world_.book.disturbances(where)) {
        // Offsets go with their topic.
        now = {{}, world_.book.disturbances(where), false};
        return;
      }
      now.known = now.known || got;
      if (!probes)
        return;
      // What is on its way since long has arrived.
      now.may_be = {offset};
      probing_ = true;
      ask_for_committed(where);
      probing_ = false;
    });
}

void worker::ask_for_committed(const place& where) {
  auto& mine = committed_[where];
  if (mine.open)
    return;
  mine.open = true;
  offset_fetch what;
  what.group = name();
  what.topics.emplace().push_back({where.first, {where.second}});
  const auto before = world_.book.disturbances(where);
  request_for<offset_fetch>(
    std::move(what), [this, where, before](const result<fetched_offsets>& got) {
      auto& now = committed_[where];
      now.open = false;
      if (!got || !now.known || before != now.disturbances
        || before != world_.book.disturbances(where))
        return;
      const auto& all = got->offsets;
      if (all.size() != 1 || !all.front().offset
        || !now.may_be.contains(all.front().offset->value()))
        throw broken_promise{
          name() + " does not find what its group has committed for " + to_string(where)};
    });
}

void worker::ask_for_metadata(const place& where) {
  if (random_.chance(300)) {
    get_status what;
    what.wait_connected = true;
    request_for<get_status>(std::move(what), [](const result<worker_status>&) {});
    return;
  }
  metadata what;
  what.topics.emplace().push_back(where.first);
  request_for<metadata>(std::move(what), [](const result<cluster_metadata>&) {});
}

} // namespace cafka::simulate
