#include "producer_fixture.hpp"

#include <deque>

using namespace cafka::testing;

namespace {

/// With a batch that is written, so that more than one is sent at a time.
struct sequence : single {
  explicit sequence(std::uint8_t first_id = 0, producer_machine_options o = {})
    : single(o) {
    id.bytes[0] = first_id;
    send();
    ready();
    machine.on_changed(virtual_now); // Of what was moved to its partition.
    answer(sent().request, error_code::none);
    REQUIRE(reports() == outcomes{{0, error_code::none}});
  }

  using outcomes = std::vector<std::pair<std::uint64_t, error_code>>;

  void take() {
    for (auto& a : machine.take_effects()) {
      if (const auto* r = std::get_if<delivery_report>(&a))
        told.emplace_back(r->first_number, r->error.code);
      if (const auto* r = std::get_if<producer_machine::send_request>(&a))
        requests.push_back(r->request);
    }
  }

  /// The results of which records, since the last time.
  outcomes reports() {
    take();
    return std::exchange(told, {});
  }

  /// What is sent next, within `longest`.
  std::optional<sent_batch> sent_within(std::chrono::milliseconds longest) {
    const auto until = virtual_now + longest;
    while (true) {
      take();
      while (!requests.empty()) {
        const auto request = requests.front();
        requests.pop_front();
        const auto items = machine.fill(virtual_now, request);
        if (items.empty()) {
          machine.on_failure(virtual_now, request, {error_code::not_found, "nothing"});
          continue;
        }
        batch_reader in{items[0].batch};
        record_batch b;
        REQUIRE(in.next(b));
        return sent_batch{
          request, b.info().producer_epoch, b.info().base_sequence, virtual_now};
      }
      const auto at = machine.next_time();
      if (at > until)
        return std::nullopt;
      virtual_now = std::max(virtual_now, at);
      machine.on_time(virtual_now);
    }
  }

  sent_batch sent() {
    const auto b = sent_within(1s);
    REQUIRE(b);
    return *b;
  }

  sent_batch send_one() {
    send();
    return sent();
  }

  /// Nobody knows whether they have arrived.
  void cut(std::initializer_list<sent_batch> all) {
    for (const auto& b : all)
      machine.on_failure(virtual_now, b.request, {error_code::outcome_unknown, "cut"});
    metadata(error_code::none);
  }

  std::deque<std::uint64_t> requests;
  outcomes told;
};

} // namespace

TEST_CASE("what is refused for a batch that is still to come waits for it") {
  sequence s;
  // A broker that is started again knows the last of them alone.
  s.cut({s.send_one(), s.send_one()});
  const auto one = s.sent();
  const auto two = s.sent();
  const auto three = s.send_one();
  const auto four = s.send_one();
  const auto five = s.send_one();
  s.answer(one.request, error_code::out_of_order_sequence_number);
  s.answer(two.request, error_code::none);
  CHECK(s.reports() == sequence::outcomes{{1, error_code::none}, {2, error_code::none}});
  s.answer(three.request, error_code::not_enough_replicas);
  s.answer(four.request, error_code::request_timed_out);
  s.answer(five.request, error_code::out_of_order_sequence_number);
  for (int sequence = 3; sequence <= 5; ++sequence) {
    const auto next = s.sent();
    CHECK(next.epoch == 0);
    CHECK(next.sequence == sequence);
    s.answer(next.request, error_code::none);
    CHECK(s.reports().size() == 1);
  }
}

TEST_CASE("an answer of the topic that was deleted tells nothing about the new one") {
  sequence s{1};
  const auto old = s.send_one();
  s.id.bytes[0] = 2;
  s.metadata(error_code::none);
  s.answer(old.request, error_code::none);
  CHECK(s.reports() == sequence::outcomes{{1, error_code::none}});
  // Its leader would take any number, and not miss that one is lost.
  const auto first = s.send_one();
  s.send();
  CHECK_FALSE(s.sent_within(100ms));
  s.answer(first.request, error_code::none);
  CHECK(s.sent_within(100ms));
}

TEST_CASE("the first answer of a new leader is waited for") {
  sequence s;
  s.answer(s.send_one().request, error_code::none);
  CHECK(s.reports().size() == 1);
  const auto one = s.send_one();
  s.answer(one.request, error_code::not_leader_or_follower);
  s.metadata(error_code::none, 2);
  // After an unclean election it may have lost what it knew of the producer, and would
  // take the second of two that come together.
  const auto again = s.sent();
  CHECK(again.sequence == one.sequence);
  s.send();
  CHECK_FALSE(s.sent_within(100ms));
  s.answer(again.request, error_code::none);
  CHECK(s.sent_within(100ms));
}

TEST_CASE("what a new topic takes first tells nothing about what comes before it") {
  sequence s{1};
  const auto one = s.send_one();
  const auto two = s.send_one();
  s.id.bytes[0] = 2;
  s.cut({one, two});
  // The second has arrived late, in the new topic.
  s.answer(s.sent().request, error_code::out_of_order_sequence_number);
  const auto last = s.sent();
  CHECK(last.sequence == two.sequence);
  s.answer(last.request, error_code::none);
  CHECK(s.reports() == sequence::outcomes{{2, error_code::none}});
  s.send();
  CHECK(s.sent().epoch == 1);
}

TEST_CASE("a topic that is made while batches are under way has not got those before") {
  sequence s;
  s.cut({s.send_one(), s.send_one()});
  const auto one = s.sent();
  const auto two = s.sent();
  s.answer(one.request, error_code::unknown_topic_or_partition);
  s.answer(two.request, error_code::none);
  CHECK(s.reports() == sequence::outcomes{{2, error_code::none}});
  s.metadata(error_code::none);
  s.answer(s.sent().request, error_code::out_of_order_sequence_number);
  s.send();
  CHECK(s.sent().epoch == 1);
}

TEST_CASE("a batch that is given up takes no other with it that a broker has") {
  producer_machine_options o;
  o.delivery_timeout = 1s;
  sequence s{0, o};
  const auto one = s.send_one();
  virtual_now += 500ms;
  const auto two = s.send_one();
  for (const auto& b : {one, two})
    s.machine.on_failure(virtual_now, b.request, {error_code::outcome_unknown, "cut"});
  CHECK_FALSE(s.sent_within(600ms));
  CHECK(s.reports() == sequence::outcomes{{1, error_code::outcome_unknown}});
  s.metadata(error_code::none);
  const auto again = s.sent();
  CHECK(again.epoch == 0);
  CHECK(again.sequence == two.sequence);
  s.answer(again.request, error_code::none);
  CHECK(s.reports() == sequence::outcomes{{2, error_code::none}});
}

TEST_CASE("a broker may have forgotten a producer that has sent nothing for a day") {
  sequence s;
  const auto held = s.batches.hold("t");
  virtual_now += 25h;
  const auto one = s.send_one();
  s.send();
  // It would take any number, and not miss the first.
  CHECK_FALSE(s.sent_within(100ms));
  s.answer(one.request, error_code::none);
  const auto two = s.sent();
  CHECK(two.epoch == 0);
  CHECK(two.sequence == 2);
  s.send();
  CHECK(s.sent_within(100ms));
}
