#include "producer.hpp"

#include <algorithm>

namespace cafka::simulate {

using namespace protocol;
using namespace std::chrono_literals;

namespace {

/// When a batch is opened, as the producer's own clock has it.
thread_local time_point opening_at;

/// What a whole program of options promises.
guarantees guarantees_of(const producer_client_options& o) {
  guarantees g;
  // With acks 0 nothing is tried again; without numbers the rest may come twice.
  g.once = o.idempotence || o.acks == 0;
  g.ordered = o.idempotence;
  g.acknowledged = o.acks != 0;
  return g;
}

} // namespace

producer::producer(world& w, std::string name, producer_settings settings)
  : shell(w, std::move(name), settings.client), with_(std::move(settings)) {
  source_ = w.book.add_source(this->name(), guarantees_of(with_.options));
  with_.batches.clock = [] { return opening_at; };
  batches_ = std::make_unique<accumulator>(with_.batches, random_.next());
  pool_ = batches_->pool().weak_from_this();
  batches_->on_wakeup([this] {
    post([this] { turn([this](client_type& c) { c.on_changed(client_now()); }); });
  });
}

producer::~producer() {
  // What it reads from goes after it.
  if (lives())
    end_client();
}

void producer::begin() {
  restart();
  set_busy(true);
}

void producer::restart() {
  auto options = with_.options;
  options.cluster.seed = random_.next();
  options.machine.seed = random_.next();
  make(options, *batches_);
  turn([this](client_type& c) {
    c.start(client_now());
    c.on_changed(client_now());
  });
  if (stopping_)
    flush(with_.options.machine.delivery_timeout, true);
}

void producer::on_crash(std::vector<effect>& left) {
  const auto take = [this](effect& e) {
    if (auto* report = std::get_if<delivery_report>(&e))
      act(*report);
  };
  for (auto& e : left)
    take(e);
  client().abandon_taken({error_code::worker_down, name() + " crashed"});
  for (auto& e : client().take_effects())
    take(e);
  flushers_.clear();
  closed_ = false;
}

void producer::after_event_done() {
  if (!std::exchange(closed_, false))
    return;
  client().shut_down(client_now(), {error_code::closed, name() + " was stopped"});
  carry_out();
  end_client();
}

// -- its program ------------------------------------------------------------------------

void producer::set_busy(bool busy) {
  busy_ = busy;
  if (busy && !std::exchange(working_, true))
    work();
}

void producer::work() {
  if (!busy_) {
    working_ = false;
    return;
  }
  for (auto i = random_.between(1, static_cast<std::int64_t>(with_.most_at_once)); i > 0;
       --i)
    send_one();
  if (lives() && random_.chance(10))
    flush(random_.between(1ms, 5s), false);
  world_.later(random_.between(1ms, with_.longest_pause), [this] { work(); });
}

void producer::send_one() {
  const auto& topic = random_.pick(with_.topics);
  const auto id = world_.book.next(source_);
  next_ = id.number + 1;
  const auto value =
    value_of(id, static_cast<std::size_t>(random_.skewed(with_.largest_value)));
  const auto key = "key " + std::to_string(random_.below(20));
  outgoing_record r;
  r.value = as_bytes(value);
  if (random_.chance(with_.keyed))
    r.key = as_bytes(key);
  const auto partitions = world_.cluster.partitions(topic);
  if (partitions > 0 && random_.chance(with_.placed))
    r.partition =
      static_cast<std::int32_t>(random_.below(static_cast<std::uint64_t>(partitions)));
  const auto taken_at = opening_at = client_now();
  record_callback done = [this, id, taken_at](const result<log_offset>& got) {
    if (client_now() > latest(taken_at + with_.options.machine.delivery_timeout))
      throw broken_promise{"record " + to_string(id) + " of " + name()
        + " has an outcome "
        + std::to_string(std::chrono::duration_cast<milliseconds>(
          client_now() - taken_at - with_.options.machine.delivery_timeout)
                           .count())
        + " ms after its time: " + protocol::to_string(got.error())};
    open_.erase(id.number);
    world_.book.outcome(id, reported_, got.error(), got ? *got : log_offset{-1});
  };
  const auto status = batches_->append(topic, r, world_.time_of_day(), &done).status;
  if (status == error_code::none)
    open_.emplace(id.number, taken_at);
  else
    world_.book.not_taken(id);
  if (status != error_code::none && status != error_code::queue_full
    && status != error_code::message_too_large && status != error_code::closed
    && status != error_code::unknown_topic_or_partition)
    throw broken_promise{name() + " refuses a record: " + std::string{to_string(status)}};
}

void producer::flush(duration deadline, bool closes) {
  const auto until = client_now() + deadline;
  turn([&](client_type& c) {
    flushers_[c.flush(client_now(), until, closes)] = {until, next_, closes};
  });
}

void producer::stop() {
  set_busy(false);
  stopping_ = true;
  batches_->close();
  if (lives())
    flush(with_.options.machine.delivery_timeout, true);
}

// -- what it is told --------------------------------------------------------------------

void producer::act(delivery_report& x) {
  if (static_cast<std::size_t>(x.count) != x.callbacks.size())
    throw broken_promise{name() + " reports " + std::to_string(x.count) + " records with "
      + std::to_string(x.callbacks.size()) + " callbacks"};
  if (world_.story.listener)
    world_.story.tell(world_.now, name(), "reports", x.topic, x.partition.value(), "at",
      x.base_offset.value(), "records", x.count,
      x.error ? protocol::to_string(x.error) : std::string{});
  if (!x.error)
    world_.count_success(*this);
  reported_ = {x.topic, x.partition.value()};
  for (const auto& [nth, done] : x.callbacks) {
    if (x.error)
      done(x.error);
    else
      done(x.base_offset.value() < 0 ? x.base_offset : x.base_offset + nth);
  }
}

void producer::act(const client_type::flush_ended& x) {
  const auto found = flushers_.find(x.flush);
  if (found == flushers_.end())
    return; // Of `flush` itself: it ended at once.
  const auto& f = found->second;
  if (client_now() > latest(f.deadline))
    throw broken_promise{name() + " ends a flush after its time"};
  if (!x.outcome && !open_.empty() && open_.begin()->first < f.before)
    throw broken_promise{name() + " ends a flush, and record "
      + std::to_string(open_.begin()->first) + " has no outcome"};
  flushers_.erase(found);
}

std::string producer::waits_for() {
  if (stopping_)
    return lives() ? "to be closed" : "";
  if (!lives())
    return "to be started again";
  if (open_.empty())
    return "";
  auto text = std::to_string(open_.size()) + " records without an outcome";
  for (const auto& w : client().waiting(client_now()))
    text += "; " + w.topic + '/' + std::to_string(w.partition.value()) + ": " + w.why;
  return text;
}

void producer::check() {
  const auto& pool = batches_->pool();
  // What has waited for its topic goes on to partitions that need a buffer each, however
  // small.
  std::size_t buffers = 0;
  for (const auto& t : with_.topics)
    buffers += static_cast<std::size_t>(world_.cluster.partitions(t));
  if (pool.used()
    > pool.limit() + 2 * with_.batches.batch_size + buffers * buffer_pool::rounded(0))
    throw broken_promise{name() + " has " + std::to_string(pool.used())
      + " bytes of records, the limit is " + std::to_string(pool.limit())};
  if (lives() && !open_.empty()
    && client_now()
      > latest(open_.begin()->second + with_.options.machine.delivery_timeout))
    throw broken_promise{name() + ": record " + std::to_string(open_.begin()->first)
      + " has no outcome after its time: " + waits_for()};
}

void producer::gone() {
  if (!open_.empty())
    throw broken_promise{name() + " has ended, and " + std::to_string(open_.size())
      + " records have no outcome"};
  batches_.reset();
  if (!pool_.expired())
    throw broken_promise{name() + " has ended, and its buffers are still held"};
}

} // namespace cafka::simulate
