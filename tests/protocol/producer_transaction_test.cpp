#include "producer_fixture.hpp"

#include <deque>

using namespace cafka::testing;

namespace {

const topic_partition only{"t", 0};

producer_machine_options transactional() {
  producer_machine_options o;
  o.transactional = true;
  return o;
}

/// A transactional producer's machine, in its first transaction.
struct transaction : single {
  transaction() : single(transactional()) {
    batches.ask_for(batches.topic("t"));
    machine.on_changed(virtual_now);
    metadata(error_code::none);
    machine.on_identity(virtual_now, 7, 0);
    machine.begin_transaction(virtual_now, 1);
  }

  void take() {
    for (auto& a : machine.take_effects()) {
      if (const auto* r = std::get_if<delivery_report>(&a))
        told.emplace_back(r->first_number, r->error.code);
      else if (const auto* s = std::get_if<producer_machine::send_request>(&a))
        requests.push_back(s->request);
      else if (const auto* w = std::get_if<producer_machine::wants_partition>(&a))
        wanted.push_back(w->which);
      else if (const auto* done = std::get_if<producer_machine::settled>(&a))
        settled.push_back(done->whole);
      else
        CHECK_FALSE(std::holds_alternative<producer_machine::ask_identity>(a));
    }
  }
  /// The batch that is sent next, within a second.
  std::optional<batch_info> sent() {
    const auto until = virtual_now + 1s;
    while (true) {
      take();
      while (!requests.empty()) {
        request = requests.front();
        requests.pop_front();
        const auto items = machine.fill(virtual_now, request);
        if (items.empty()) {
          machine.on_failure(virtual_now, request, {error_code::not_found, "nothing"});
          continue;
        }
        batch_reader in{items[0].batch};
        record_batch b;
        REQUIRE(in.next(b));
        return b.info();
      }
      if (machine.next_time() > until)
        return {};
      virtual_now = std::max(virtual_now, machine.next_time());
      machine.on_time(virtual_now);
    }
  }
  /// Of `n` batches: what the n-th was sent with.
  batch_info written() {
    send();
    const auto b = sent();
    REQUIRE(b);
    answer(request, error_code::none);
    take();
    return *b;
  }

  std::uint64_t request = 0;
  std::deque<std::uint64_t> requests;
  std::vector<std::pair<std::uint64_t, error_code>> told;
  std::vector<topic_partition> wanted;
  std::vector<bool> settled;
};

} // namespace

TEST_CASE("a batch waits until its partition is in the transaction", "[transactions]") {
  transaction t;
  t.send();
  CHECK_FALSE(t.sent());
  t.send();
  CHECK_FALSE(t.sent());
  // It is asked for once.
  CHECK(t.wanted == std::vector{only});
  t.machine.admit(virtual_now, only);
  const auto b = t.sent();
  REQUIRE(b);
  CHECK(b->transactional);
  CHECK(b->producer_id == 7);
  CHECK(b->base_sequence == 0);
  t.answer(t.request, error_code::none);
  t.take();
  SECTION("what follows goes at once, until the next transaction") {
    CHECK(t.written().base_sequence == 2);
    CHECK(t.wanted.size() == 1);
    t.machine.begin_transaction(virtual_now, 2);
    t.send();
    CHECK_FALSE(t.sent());
    CHECK(t.wanted.size() == 2);
    t.machine.admit(virtual_now, only);
    // In the same epoch the numbers go on.
    CHECK(t.sent()->base_sequence == 3);
  }
  SECTION("with the next epoch the numbers begin anew") {
    t.machine.on_identity(virtual_now, 7, 1);
    t.machine.begin_transaction(virtual_now, 2);
    t.machine.admit(virtual_now, only);
    const auto next = t.written();
    CHECK(next.producer_epoch == 1);
    CHECK(next.base_sequence == 0);
  }
}

TEST_CASE("all of a transaction is over when nothing is in flight", "[transactions]") {
  transaction t;
  t.machine.settle(virtual_now, {});
  t.take();
  CHECK(t.settled == std::vector{true});
  t.settled.clear();
  t.machine.begin_transaction(virtual_now, 2);
  t.send();
  t.take();
  t.machine.admit(virtual_now, only);
  SECTION("all is sent") {
    t.machine.settle(virtual_now, {});
    REQUIRE(t.sent());
    CHECK(t.settled.empty());
    t.answer(t.request, error_code::none);
    t.take();
    CHECK(t.settled == std::vector{true});
  }
  SECTION("or given up, but for what is in flight") {
    REQUIRE(t.sent());
    t.send();
    t.machine.settle(virtual_now, {error_code::transaction_abortable, "aborted"});
    t.take();
    REQUIRE(t.told.size() == 1);
    CHECK(t.told[0] == std::pair{std::uint64_t{1}, error_code::transaction_abortable});
    CHECK(t.settled.empty());
    t.answer(t.request, error_code::none);
    t.take();
    CHECK(t.told.size() == 2);
    // What was given up had no number.
    CHECK(t.settled == std::vector{true});
  }
  SECTION("a batch that had a number and is given up leaves a gap") {
    REQUIRE(t.sent());
    t.machine.on_failure(virtual_now, t.request, {error_code::disconnected, "cut"});
    t.metadata(error_code::none);
    t.machine.settle(virtual_now, {error_code::transaction_abortable, "aborted"});
    t.take();
    REQUIRE(t.told.size() == 1);
    CHECK(t.told[0].second == error_code::transaction_abortable);
    CHECK(t.settled == std::vector{false});
    // The next epoch fills it.
    t.machine.on_identity(virtual_now, 7, 1);
    t.machine.begin_transaction(virtual_now, 3);
    t.machine.admit(virtual_now, only);
    CHECK(t.written().base_sequence == 0);
  }
  SECTION("also what was given up while it was in flight is waited for") {
    REQUIRE(t.sent());
    virtual_now += 3min;
    t.machine.on_time(virtual_now);
    t.machine.settle(virtual_now, {});
    t.take();
    CHECK(t.told.size() == 1);
    CHECK(t.settled.empty());
    t.machine.on_failure(virtual_now, t.request, {error_code::outcome_unknown, {}});
    t.take();
    CHECK(t.settled == std::vector{false});
  }
}

TEST_CASE("a record between two transactions waits for the next", "[transactions]") {
  transaction t;
  t.send();
  t.take();
  t.machine.admit(virtual_now, only);
  REQUIRE(t.sent());
  t.answer(t.request, error_code::none);
  t.machine.settle(virtual_now, {});
  t.take();
  REQUIRE(t.settled.size() == 1);
  t.wanted.clear();
  t.send();
  CHECK_FALSE(t.sent());
  CHECK(t.wanted.empty());
  t.machine.begin_transaction(virtual_now, 2);
  CHECK_FALSE(t.sent());
  CHECK(t.wanted == std::vector{only});
  t.machine.admit(virtual_now, only);
  CHECK(t.sent());
}

TEST_CASE("no sequence begins anew within a transaction", "[transactions]") {
  transaction t;
  t.send();
  t.take();
  t.machine.admit(virtual_now, only);
  REQUIRE(t.sent());
  t.answer(t.request, error_code::none);
  // A second and a third are on their way.
  t.send();
  REQUIRE(t.sent());
  const auto second = t.request;
  t.send();
  REQUIRE(t.sent());
  const auto third = t.request;
  t.take();
  t.told.clear();
  SECTION("the one before is to be sent again: so is the one behind it") {
    t.machine.on_failure(virtual_now, second, {error_code::disconnected, "cut"});
    t.metadata(error_code::none);
    t.answer(third, error_code::out_of_order_sequence_number);
    for (const auto number : {1, 2}) {
      const auto b = t.sent();
      REQUIRE(b);
      CHECK(b->base_sequence == number);
      CHECK(b->producer_epoch == 0);
      t.answer(t.request, error_code::none);
    }
    t.take();
    CHECK(t.told.size() == 2);
    CHECK(t.told[1].second == error_code::none);
  }
  SECTION("the one before is written: the transaction cannot go on") {
    t.answer(second, error_code::none);
    t.answer(third, error_code::out_of_order_sequence_number);
    t.take();
    REQUIRE(t.told.size() == 2);
    CHECK(t.told[1].second == error_code::out_of_order_sequence_number);
    t.send();
    CHECK_FALSE(t.sent());
    t.machine.settle(virtual_now, {error_code::transaction_abortable, "aborted"});
    t.take();
    CHECK(t.settled == std::vector{false});
  }
  SECTION("the coordinator has ended it: nothing is sent with another id") {
    t.answer(second, error_code::invalid_producer_epoch);
    t.answer(third, error_code::invalid_producer_epoch);
    t.take();
    REQUIRE(t.told.size() == 2);
    CHECK(t.told[0].second == error_code::invalid_producer_epoch);
    CHECK(t.told[1].second == error_code::invalid_producer_epoch);
  }
}
