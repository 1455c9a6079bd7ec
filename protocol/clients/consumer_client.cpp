#include "consumer_client.hpp"

#include "consumer_calls.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace cafka::protocol {

namespace {

/// So many bytes are decompressed at a time; events that came meanwhile are next, the end
/// of the consumer among them.
constexpr std::size_t turn = 8 * 1024 * 1024;

} // namespace

consumed_content::~consumed_content() {
  if (budget != nullptr && records.decompressed() > 0)
    budget->shrink(records.decompressed());
}

consumer_client::consumer_client(
  consumer_client_options options, std::shared_ptr<byte_budget> budget)
  : dispatching_client(options.cluster),
    options_(std::move(options)),
    budget_(std::move(budget)),
    machine_(options_.machine, *budget_) {
}

// -- events -----------------------------------------------------------------------------

void consumer_client::start(time_point now) {
  now_ = now;
  dispatcher_.start(now);
  after_event(now);
}

void consumer_client::set(
  time_point now, std::uint32_t slot, const consumer_machine::assignment& what) {
  machine_.set(now, slot, what);
}

void consumer_client::remove(time_point now, std::uint32_t slot) {
  machine_.remove(now, slot);
}

void consumer_client::on_taken(
  time_point now, std::uint32_t slot, std::uint64_t generation, std::size_t bytes) {
  machine_.on_taken(now, slot, generation, bytes);
}

void consumer_client::on_program(time_point now) {
  now_ = now;
  after_event(now);
}

void consumer_client::on_progress(
  time_point now, connection_id id, std::size_t received, std::size_t expected) {
  now_ = now;
  dispatcher_.on_progress(now, id, received, expected);
  if (received > 0)
    machine_.on_progress(now, dispatcher_.broker_at(id));
  after_event(now);
}

time_point consumer_client::next_time() const {
  return reads_on_ ? time_point::min()
                   : std::min(dispatcher_.next_time(), machine_.next_time());
}

void consumer_client::shut_down(time_point now) {
  now_ = now;
  dispatcher_.shut_down(
    {error_code::closed, "consumer " + options_.name + " was stopped"});
  take_from_dispatcher();
  unread_.clear();
  reads_on_ = false;
}

// -- what the machine and the dispatcher want done --------------------------------------

void consumer_client::after_event(time_point now) {
  turn_left_ = turn;
  reads_on_ = false;
  take_from_dispatcher();
  read_on(now);
  machine_.on_time(now); // The budget may have room.
  for (auto todo = machine_.take_effects(); !todo.empty();
       todo = machine_.take_effects()) {
    for (auto& e : todo)
      std::visit([&](auto& x) { act(now, x); }, e);
    take_from_dispatcher();
    read_on(now);
  }
  tell_moves();
}

void consumer_client::tell_moves() {
  if (!machine_.has_moves())
    return;
  const auto moves = machine_.take_moves();
  if (log_level::info >= options_.cluster.tell_from)
    effects_.emplace_back(log_line{log_level::info, moves.text()});
}

void consumer_client::act(time_point now, consumer_machine::send_fetch& x) {
  dispatcher_.submit(now, std::make_unique<fetch_call>(*this, x));
}

void consumer_client::act(time_point now, consumer_machine::send_list_offsets& x) {
  dispatcher_.submit(now, std::make_unique<offsets_call>(*this, x));
}

void consumer_client::act(time_point now, consumer_machine::ask_metadata& x) {
  target where;
  const auto& brokers = dispatcher_.known().brokers();
  if (x.in_turn && !brokers.empty())
    where = std::next(
      brokers.begin(), static_cast<std::ptrdiff_t>(next_broker_++ % brokers.size()))
              ->first;
  dispatcher_.submit(now, std::make_unique<topics_query>(*this, x, std::move(where)));
}

void consumer_client::act(time_point, consumer_machine::positioned& x) {
  effects_.emplace_back(x);
}

void consumer_client::act(time_point, consumer_machine::report& x) {
  if (x.about)
    add_connection(x.why.detail, *x.about);
  effects_.emplace_back(std::move(x));
}

void consumer_client::act(time_point, consumer_machine::stray& x) {
  effects_.emplace_back(std::move(x));
}

// -- reading ----------------------------------------------------------------------------

void consumer_client::took(api_key what, std::uint64_t request) {
  const auto at = sent_at_.find(request);
  if (at == sent_at_.end())
    return;
  effects_.emplace_back(request_took{what, now_ - at->second});
  sent_at_.erase(at);
}

void consumer_client::take_answer(
  std::uint64_t request, fetch_response answer, const shared_bytes& frame) {
  took(api_key::fetch, request);
  auto all = machine_.on_answer(now_, request, std::move(answer));
  if (all.empty())
    return;
  const auto held = std::make_shared<held_bytes>(budget_, frame);
  for (auto& f : all) {
    unread_bytes_ += f.records.size();
    unread_.push_back({std::move(f), held, std::nullopt});
  }
}

/// Reads what was fetched, for a turn. What grows when it is decompressed waits while the
/// program has its memory's worth.
void consumer_client::read_on(time_point now) {
  auto told = false;
  while (!unread_.empty()) {
    auto& u = unread_.front();
    auto state = run_reader::state::done;
    if (stopped() || !machine_.wants(u.what))
      unread_bytes_ -= u.what.records.size() - (u.reader ? u.reader->position() : 0);
    else
      state = read(now, u);
    if (state == run_reader::state::done) {
      unread_.pop_front();
    } else if (state == run_reader::state::more) {
      reads_on_ = true;
      break;
    } else if (told) {
      break;
    } else {
      // Room may have come before it was known that it is wanted.
      budget_->room_wanted.store(true, std::memory_order_seq_cst);
      told = true;
      continue;
    }
    told = false;
  }
  if (!arrivals_.empty())
    effects_.emplace_back(arrived{std::exchange(arrivals_, {})});
}

/// Reads as much of it as there is memory for, into one batch for the program.
run_reader::state consumer_client::read(time_point now, unread& u) {
  auto& f = u.what;
  if (!u.reader)
    u.reader.emplace(f.records, f.from, std::move(f.aborted), options_.reading);
  auto& in = *u.reader;
  const auto position = in.position();
  const auto before = in.next_offset();
  auto content = std::make_shared<consumed_content>();
  auto& records = content->records;
  const auto state = in.read(
    records, {budget_->room_to_grow(unread_bytes_), !budget_->has_grown(), turn_left_});
  const auto bytes = in.position() - position;
  unread_bytes_ -= bytes;
  turn_left_ -= std::min(turn_left_, records.decompressed());
  budget_->grow(records.decompressed());
  content->budget = budget_;
  const auto next = in.next_offset();
  const auto unconsumed = records.empty() ? 0 : bytes;
  if (state != run_reader::state::done) {
    // Nothing was read: then nothing is to be decided either, again and again.
    if (next != before)
      machine_.on_part_read(now, f, unconsumed);
  } else if (!machine_.on_read(now, f, next, unconsumed, in.outcome()))
    return state;
  if (next == before)
    return state;
  arrival a{f.slot, f.generation, next, nullptr};
  if (!records.empty()) {
    content->topic = f.topic;
    content->partition = f.partition;
    content->log_end = f.log_end;
    content->bytes = bytes;
    content->frame = u.frame;
    a.content = std::move(content);
  }
  arrivals_.push_back(std::move(a));
  return state;
}

// -- how it is --------------------------------------------------------------------------

/// Adds what is known of the connection to a broker that a partition waits for.
void consumer_client::add_connection(std::string& why, broker_id about) const {
  const auto add = [&](const std::string& text) {
    if (!text.empty() && why.find(text) == std::string::npos)
      why += (why.empty() ? "" : "; ") + text;
  };
  const auto* address = dispatcher_.known().address_of(about);
  if (address != nullptr && why.find(to_string(*address)) == std::string::npos)
    add("broker " + std::to_string(about.value()) + " is at " + to_string(*address));
  for (const auto& l : dispatcher_.connections()) {
    if (l.broker == about && !l.up && l.last_error)
      add(to_string(l.last_error));
  }
  if (!dispatcher_.connected())
    add("no broker can be reached: " + dispatcher_.why_disconnected());
}

std::vector<consumer_machine::partition_view> consumer_client::view(
  time_point now) const {
  auto all = machine_.view(now);
  for (auto& v : all) {
    if (v.about)
      add_connection(v.why, *v.about);
  }
  return all;
}

} // namespace cafka::protocol
