#include "producer_client.hpp"

#include "producer_calls.hpp"

#include <algorithm>
#include <utility>

namespace cafka::protocol {

namespace {

producer_client_options with_transactions(producer_client_options o) {
  if (o.transactional_id.empty())
    return o;
  o.acks = -1;
  o.idempotence = o.machine.idempotence = o.machine.transactional = true;
  return o;
}

} // namespace

producer_client::producer_client(producer_client_options options, accumulator& batches)
  : dispatching_client(options.cluster),
    options_(with_transactions(std::move(options))),
    machine_(options_.machine, batches) {
  if (options_.transactional_id.empty())
    return;
  transaction_machine_options o;
  o.transactional_id = options_.transactional_id;
  o.transaction_timeout = options_.transaction_timeout;
  o.retry_backoff = options_.machine.retry_backoff;
  o.seed = options_.machine.seed;
  transaction_.emplace(std::move(o));
}

// -- events -----------------------------------------------------------------------------

void producer_client::start(time_point now) {
  now_ = now;
  dispatcher_.start(now);
  machine_.start(now);
  // What changed before there was a client was told to nobody.
  machine_.on_changed(now);
  if (transaction_)
    transaction_->start(now);
  after_event(now);
}

void producer_client::on_changed(time_point now) {
  now_ = now;
  machine_.on_changed(now);
  after_event(now);
}

void producer_client::on_down(time_point now, connection_id id, const error& why) {
  now_ = now;
  dispatcher_.on_down(now, id, why);
  take_from_dispatcher();
  machine_.on_connection_lost(now);
  after_event(now);
}

void producer_client::on_time(time_point now) {
  now_ = now;
  dispatcher_.on_time(now);
  take_from_dispatcher();
  if (machine_.next_reasons() <= now)
    machine_.on_reachability(reachability());
  machine_.on_time(now);
  if (transaction_)
    transaction_->on_time(now);
  after_event(now);
}

time_point producer_client::next_time() const {
  auto next = std::min(dispatcher_.next_time(), machine_.next_time());
  if (transaction_)
    next = std::min(next, transaction_->next_time());
  for (const auto& f : flushers_)
    next = std::min(next, f.deadline);
  return next;
}

// -- what the machine and the dispatcher want done --------------------------------------

void producer_client::after_event(time_point now) {
  do {
    take_from_dispatcher();
    while (has_more()) {
      for (auto& e : machine_.take_effects())
        std::visit([&](auto& x) { act(now, x); }, e);
      if (transaction_) {
        for (auto& e : transaction_->take_effects())
          std::visit([&](auto& x) { act(now, x); }, e);
      }
      take_from_dispatcher();
    }
    answer_late_flushers(now);
  } while (has_more());
  tell_moves();
}

bool producer_client::has_more() const {
  return machine_.has_effects() || (transaction_ && transaction_->has_effects());
}

void producer_client::tell_moves() {
  if (!machine_.has_moves())
    return;
  const auto moves = machine_.take_moves();
  if (log_level::info >= options_.cluster.tell_from)
    effects_.emplace_back(log_line{log_level::info, moves.text()});
}

void producer_client::act(time_point now, producer_machine::send_request& x) {
  dispatcher_.submit(now, std::make_unique<produce_call>(*this, x.broker, x.request));
}

void producer_client::act(time_point now, producer_machine::ask_metadata& x) {
  dispatcher_.submit(now,
    std::make_unique<topics_query>(
      *this, std::move(x.topics), x.create && options_.allow_auto_topic_creation));
}

void producer_client::act(time_point now, producer_machine::ask_identity&) {
  dispatcher_.submit(now, std::make_unique<identity_call>(*this));
}

void producer_client::act(time_point, producer_machine::flushed& x) {
  auto closes = false;
  std::erase_if(flushers_, [&](const flusher& f) {
    if (f.flush != x.flush || f.late)
      return false;
    closes = closes || f.closes;
    effects_.emplace_back(flush_ended{f.flush, {}});
    return true;
  });
  if (closes)
    effects_.emplace_back(closed{});
}

void producer_client::act(time_point now, delivery_report& x) {
  if (x.error && transaction_ && !gives_up_)
    transaction_->on_batch_failed(now, x.error);
  effects_.emplace_back(std::move(x));
}

void producer_client::act(time_point, stall_report& x) {
  effects_.emplace_back(std::move(x));
}

// -- flush, close -----------------------------------------------------------------------

std::uint64_t producer_client::flush(time_point now, time_point deadline, bool closes) {
  now_ = now;
  const auto flush = machine_.flush(now);
  flushers_.push_back({flush, deadline, closes});
  after_event(now);
  return flush;
}

void producer_client::answer_late_flushers(time_point now) {
  if (std::ranges::none_of(
        flushers_, [&](const flusher& f) { return f.late || f.deadline <= now; }))
    return;
  auto gives_up = false;
  if (std::ranges::any_of(
        flushers_, [&](const flusher& f) { return !f.late && f.deadline <= now; })) {
    machine_.on_reachability(reachability());
    if (const auto why = machine_.why_waiting(now); !why.empty())
      why_late_ = ": " + why;
  }
  for (auto& f : flushers_) {
    if (f.late || f.deadline > now)
      continue;
    f.late = true;
    f.left = machine_.outstanding();
    gives_up = gives_up || f.closes;
  }
  if (gives_up) {
    machine_.abandon({error_code::closed,
      "producer " + options_.name + " was closed before it could be sent" + why_late_});
    // The close is answered once all is reported.
    if (machine_.has_effects())
      return;
  }
  auto closes = false;
  std::erase_if(flushers_, [&](const flusher& f) {
    if (!f.late)
      return false;
    closes = closes || f.closes;
    effects_.emplace_back(flush_ended{f.flush,
      {error_code::timed_out,
        std::to_string(f.left) + " batches have no outcome yet" + why_late_}});
    return true;
  });
  why_late_.clear();
  if (closes)
    effects_.emplace_back(closed{});
}

void producer_client::shut_down(time_point now, const error& why) {
  now_ = now;
  if (transaction_)
    transaction_->shut_down(why);
  machine_.abandon(why);
  for (const auto& f : std::exchange(flushers_, {}))
    effects_.emplace_back(flush_ended{f.flush, why});
  after_event(now);
  dispatcher_.shut_down(why);
  after_event(now);
}

void producer_client::abandon_taken(const error& why) {
  machine_.abandon(why, true);
  for (auto& e : machine_.take_effects()) {
    if (auto* report = std::get_if<delivery_report>(&e))
      effects_.emplace_back(std::move(*report));
  }
}

// -- how it is --------------------------------------------------------------------------

producer_machine::reachability producer_client::reachability() const {
  producer_machine::reachability told;
  if (!dispatcher_.connected())
    told.none_reachable = {error_code::disconnected,
      "no broker can be reached: " + dispatcher_.why_disconnected()};
  for (const auto& l : dispatcher_.connections()) {
    if (l.up || l.broker.value() < 0 || !l.last_error)
      continue;
    auto& why = told.broken[l.broker] = l.last_error;
    if (why.detail.find(to_string(l.address)) == std::string::npos)
      why.detail += " (" + to_string(l.address) + ')';
  }
  return told;
}

std::vector<producer_machine::waiting_topic> producer_client::waiting(time_point now) {
  machine_.on_reachability(reachability());
  return machine_.waiting(now);
}

} // namespace cafka::protocol
