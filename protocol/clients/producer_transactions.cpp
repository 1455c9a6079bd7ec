// The producer's client: its transactions.

#include "../machines/produce_verdict.hpp"
#include "transaction_calls.hpp"

#include <algorithm>
#include <map>

namespace cafka::protocol {

namespace {

/// From here on the coordinator raises an epoch on request (KIP-360).
constexpr std::int16_t epoch_bumps_since = 3;
/// From here on AddPartitionsToTxn is for brokers.
constexpr std::int16_t partitions_by_brokers_since = 4;
/// From here on requests say that they are of the second generation (KIP-890).
constexpr std::int16_t ends_v2_since = 5;
constexpr std::int16_t offsets_v2_since = 5;
constexpr std::string_view who_is_v2 = "transaction.version 2 needs";

template <class Request>
call::traits to_coordinator(coordinator_type type, std::string key) {
  call::traits t;
  t.key = Request::key;
  t.versions = Request::versions;
  t.where = coordinator_of{type, std::move(key)};
  // The machine is to know of each attempt.
  t.repeatable = false;
  return t;
}

void restrict_to(call::traits& t, bool v2, std::int16_t since) {
  if (v2)
    t.need(since, who_is_v2);
  else
    t.versions.max = static_cast<std::int16_t>(since - 1);
}

/// A code that no broker may send is none that means anything.
error_code told(error_code e) {
  return error_of_produce_answer(e);
}

template <class Topic, class Of>
std::vector<Topic> by_topic(const std::vector<Of>& all) {
  std::vector<Topic> topics;
  const auto of_topic = [&](const std::string& name) -> Topic& {
    const auto at = std::ranges::find(topics, name, &Topic::name);
    if (at != topics.end())
      return *at;
    auto& t = topics.emplace_back();
    t.name = name;
    return t;
  };
  for (const auto& each : all) {
    if constexpr (requires { each.which; })
      of_topic(each.which.topic)
        .partitions.push_back({each.which.partition, each.offset, each.epoch});
    else
      of_topic(each.topic).partitions.push_back(each.partition);
  }
  return topics;
}

} // namespace

// -- the program's side -----------------------------------------------------------------

void producer_client::begin(
  time_point now, time_point deadline, std::function<void(const error&)> done) {
  now_ = now;
  const auto id = ++last_operation_;
  on_done_.emplace(id, std::move(done));
  learn_support();
  transaction_->begin(now, id, deadline);
  after_event(now);
}

void producer_client::send_offsets(time_point now, group_metadata member,
  std::vector<offset_of_partition> all, time_point deadline,
  std::function<void(const error&)> done) {
  now_ = now;
  const auto id = ++last_operation_;
  on_done_.emplace(id, std::move(done));
  transaction_->send_offsets(now, id, std::move(member), std::move(all), deadline);
  after_event(now);
}

void producer_client::end(time_point now, bool commit, time_point deadline,
  std::function<void(const transaction_outcome&)> done) {
  now_ = now;
  const auto id = ++last_operation_;
  on_ended_.emplace(id, std::move(done));
  transaction_->end(now, id, commit, deadline);
  after_event(now);
}

void producer_client::learn_support() {
  const auto v2 = dispatcher_.known().features().version_of("transaction.version") >= 2;
  transaction_->learn({v2, bumps_epoch_});
}

// -- what the machine wants done --------------------------------------------------------

void producer_client::act(time_point now, const transaction_machine::send_init& x) {
  init_producer_id_request out;
  out.transactional_id = options_.transactional_id;
  out.transaction_timeout_ms = static_cast<std::int32_t>(
    std::min<std::int64_t>(options_.transaction_timeout.count(), INT32_MAX));
  out.producer_id = x.as.id;
  out.producer_epoch = x.as.epoch;
  dispatcher_.submit(now,
    std::make_unique<transaction_call<init_producer_id_request>>(
      *this, x.request, std::move(out), to_transactions<init_producer_id_request>()));
}

void producer_client::act(time_point now, const transaction_machine::send_partitions& x) {
  add_partitions_to_txn_request out;
  out.v3_and_below_transactional_id = options_.transactional_id;
  out.v3_and_below_producer_id = x.as.id;
  out.v3_and_below_producer_epoch = x.as.epoch;
  out.v3_and_below_topics = by_topic<add_partitions_to_txn_topic>(x.all);
  auto to = to_transactions<add_partitions_to_txn_request>();
  to.versions.max = partitions_by_brokers_since - 1;
  dispatcher_.submit(now,
    std::make_unique<transaction_call<add_partitions_to_txn_request>>(
      *this, x.request, std::move(out), to));
}

void producer_client::act(time_point now, const transaction_machine::send_group& x) {
  add_offsets_to_txn_request out;
  out.transactional_id = options_.transactional_id;
  out.producer_id = x.as.id;
  out.producer_epoch = x.as.epoch;
  out.group_id = x.group;
  dispatcher_.submit(now,
    std::make_unique<transaction_call<add_offsets_to_txn_request>>(
      *this, x.request, std::move(out), to_transactions<add_offsets_to_txn_request>()));
}

void producer_client::act(
  time_point now, const transaction_machine::send_offset_commit& x) {
  txn_offset_commit_request out;
  out.transactional_id = options_.transactional_id;
  out.group_id = x.member.group;
  out.producer_id = x.as.id;
  out.producer_epoch = x.as.epoch;
  out.generation_id = x.member.generation;
  out.member_id = x.member.member_id;
  out.group_instance_id = x.member.instance_id;
  out.topics = by_topic<txn_offset_commit_request_topic>(x.all);
  auto to =
    to_coordinator<txn_offset_commit_request>(coordinator_type::group, x.member.group);
  to.lane = lane::group;
  restrict_to(to, x.v2, offsets_v2_since);
  dispatcher_.submit(now,
    std::make_unique<transaction_call<txn_offset_commit_request>>(
      *this, x.request, std::move(out), to));
}

void producer_client::act(time_point now, const transaction_machine::send_end& x) {
  end_txn_request out;
  out.transactional_id = options_.transactional_id;
  out.producer_id = x.as.id;
  out.producer_epoch = x.as.epoch;
  out.committed = x.commit;
  auto to = to_transactions<end_txn_request>();
  restrict_to(to, x.v2, ends_v2_since);
  dispatcher_.submit(now,
    std::make_unique<transaction_call<end_txn_request>>(
      *this, x.request, std::move(out), to));
}

void producer_client::act(time_point now, const transaction_machine::identified& x) {
  machine_.on_identity(now, x.as.id, x.as.epoch);
}

void producer_client::act(time_point now, const transaction_machine::admitted& x) {
  for (const auto& which : x.all)
    machine_.admit(now, which);
}

void producer_client::act(time_point now, const transaction_machine::settle& x) {
  gives_up_ = gives_up_ || x.why;
  machine_.settle(now, x.why);
}

void producer_client::act(time_point now, const transaction_machine::begun& x) {
  if (!x.outcome) {
    gives_up_ = false;
    machine_.begin_transaction(now, transaction_->number());
  }
  finish(x.id, x.outcome);
}

void producer_client::act(time_point, const transaction_machine::offsets_sent& x) {
  finish(x.id, x.outcome);
}

void producer_client::finish(std::uint64_t operation, const error& outcome) {
  if (auto found = on_done_.extract(operation))
    effects_.emplace_back(
      operation_ended{[done = std::move(found.mapped()), outcome] { done(outcome); }});
}

void producer_client::act(time_point, const transaction_machine::ended& x) {
  if (auto found = on_ended_.extract(x.id))
    effects_.emplace_back(operation_ended{
      [done = std::move(found.mapped()), outcome = x.outcome] { done(outcome); }});
}

void producer_client::act(time_point, const transaction_machine::failed& x) {
  gives_up_ = true;
  machine_.abandon(x.why);
}

void producer_client::act(time_point, const transaction_machine::told& x) {
  if (x.level >= options_.cluster.tell_from)
    effects_.emplace_back(log_line{x.level, x.text});
}

void producer_client::act(time_point now, const producer_machine::wants_partition& x) {
  if (transaction_->admit(now, x.which))
    machine_.admit(now, x.which);
}

void producer_client::act(time_point now, const producer_machine::settled& x) {
  transaction_->on_settled(now, x.whole);
}

// -- answers ----------------------------------------------------------------------------

template <class Request>
call::traits producer_client::to_transactions() const {
  return to_coordinator<Request>(
    coordinator_type::transaction, options_.transactional_id);
}

void producer_client::take_answer(
  std::uint64_t request, const init_producer_id_response& answer, std::int16_t version) {
  bumps_epoch_ = version >= epoch_bumps_since;
  learn_support();
  transaction_->on_init(
    now_, request, told(answer.error_code), {answer.producer_id, answer.producer_epoch});
}

void producer_client::take_answer(
  std::uint64_t request, const add_partitions_to_txn_response& answer, std::int16_t) {
  std::vector<transaction_machine::answer> all;
  for (const auto& t : answer.results_by_topic_v3_and_below) {
    for (const auto& p : t.results_by_partition)
      all.push_back({{t.name, p.partition_index}, told(p.partition_error_code)});
  }
  transaction_->on_answers(now_, request, all);
}

void producer_client::take_answer(
  std::uint64_t request, const add_offsets_to_txn_response& answer, std::int16_t) {
  transaction_->on_group(now_, request, told(answer.error_code));
}

void producer_client::take_answer(
  std::uint64_t request, const txn_offset_commit_response& answer, std::int16_t) {
  std::vector<transaction_machine::answer> all;
  for (const auto& t : answer.topics) {
    for (const auto& p : t.partitions)
      all.push_back({{t.name, p.partition_index}, told(p.error_code)});
  }
  transaction_->on_answers(now_, request, all);
}

void producer_client::take_answer(
  std::uint64_t request, const end_txn_response& answer, std::int16_t) {
  transaction_->on_end(
    now_, request, told(answer.error_code), {answer.producer_id, answer.producer_epoch});
}

} // namespace cafka::protocol
