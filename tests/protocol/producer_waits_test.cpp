#include "producer_fixture.hpp"
#include <cafka/protocol/machines/produce_verdict.hpp>

#include <catch2/generators/catch_generators.hpp>

using namespace cafka::testing;

namespace {

bool says(const std::string& text, const std::string& what) {
  INFO(text);
  CHECK(text.find(what) != std::string::npos);
  return text.find(what) != std::string::npos;
}

producer_machine::reachability nobody_listens() {
  const error why{error_code::disconnected, "connection refused (127.0.0.1:9)"};
  return {{error_code::disconnected, "no broker can be reached: " + to_string(why)},
    {{1, why}}};
}

} // namespace

// -- silence ----------------------------------------------------------------------------

TEST_CASE(
  "records that wait are told of once, with the reason, and once when it is over") {
  single s;
  s.send();
  SECTION("for their topic") {
    s.machine.on_reachability(nobody_listens());
    const auto begun = virtual_now;
    const auto stalled = s.wait_for<stall_report>(1min);
    REQUIRE(stalled);
    CHECK(virtual_now - begun == 10s);
    CHECK(stalled->topic == "t");
    CHECK(stalled->partition == -1);
    CHECK_FALSE(stalled->over);
    CHECK(stalled->waited == 10s);
    says(stalled->why.detail, "no metadata of topic t");
    says(stalled->why.detail, "connection refused (127.0.0.1:9)");
    CHECK(s.machine.stalled() == 1);
    CHECK_FALSE(s.wait_for<stall_report>(1min));
    s.machine.on_reachability({});
    s.metadata(error_code::none);
    const auto over = s.next<stall_report>();
    REQUIRE(over.size() == 1);
    CHECK(over[0].over);
    CHECK(over[0].why.code == error_code::none);
    CHECK(s.machine.stalled() == 0);
  }
  SECTION("for their leader") {
    s.ready();
    const auto request = s.wait_for<producer_machine::send_request>(1s);
    REQUIRE(request);
    s.machine.on_reachability(nobody_listens());
    const auto stalled = s.wait_for<stall_report>(1min);
    REQUIRE(stalled);
    CHECK(stalled->partition == 0);
    says(stalled->why.detail, "no connection to broker 1 (");
    says(stalled->why.detail, "127.0.0.1:9");
    REQUIRE(s.machine.fill(virtual_now, request->request).size() == 1);
    s.answer(request->request, error_code::none);
    const auto over = s.next<stall_report>();
    REQUIRE(over.size() == 1);
    CHECK(over[0].over);
    CHECK(over[0].why.code == error_code::none);
  }
  SECTION("until they are given up") {
    const auto stalled = s.wait_for<stall_report>(1min);
    REQUIRE(stalled);
    s.machine.on_reachability(nobody_listens());
    const auto report = s.wait_for<delivery_report>(10min);
    REQUIRE(report);
    CHECK(report->error.code == error_code::timed_out);
    says(report->error.detail, "no metadata of topic t");
    says(report->error.detail, "connection refused (127.0.0.1:9)");
    CHECK_FALSE(s.wait_for<delivery_report>(1min));
    CHECK(s.machine.stalled() == 0);
    REQUIRE(s.stalls.size() == 2);
    CHECK(s.stalls[1].over);
    CHECK(s.stalls[1].why.code == error_code::timed_out);
  }
}

TEST_CASE("records that make progress are not told of, however many wait") {
  single s;
  s.send();
  s.ready();
  for (int i = 0; i != 40; ++i) {
    s.send();
    const auto sent = s.next_batch();
    REQUIRE(sent);
    virtual_now += 900ms;
    s.machine.on_time(virtual_now);
    CHECK(s.next<stall_report>().empty());
    s.answer(sent->request, error_code::none);
  }
}

TEST_CASE("a producer whose option says so does not report that it waits") {
  producer_machine_options o;
  o.stalled_after = 0ms;
  single s{o};
  s.send();
  CHECK_FALSE(s.wait_for<stall_report>(110s));
}

TEST_CASE("why records wait can be asked") {
  single s;
  CHECK(s.machine.why_waiting(virtual_now).empty());
  CHECK(s.machine.waiting(virtual_now).empty());
  s.send();
  virtual_now += 3s;
  const auto waiting = s.machine.waiting(virtual_now);
  REQUIRE(waiting.size() == 1);
  CHECK(waiting[0].records == 1);
  CHECK(waiting[0].waited == 3s);
  says(waiting[0].why, "no metadata of topic t");
  s.metadata(error_code::none);
  s.machine.on_identity_failed(
    virtual_now, {error_code::disconnected, "the broker closed the connection"});
  says(s.machine.why_waiting(virtual_now), "no producer id was given out");
  says(s.machine.why_waiting(virtual_now), "the broker closed the connection");
  s.machine.on_identity(virtual_now, 7, 0);
  REQUIRE(s.next_batch());
  says(s.machine.why_waiting(virtual_now), "no answer from broker 1");
}

TEST_CASE("why a topic without records is not known can be asked") {
  single s;
  const auto asked = s.batches.hold("asked");
  s.batches.ask_for(*asked);
  s.machine.on_changed(virtual_now);
  s.machine.on_metadata_failed(
    virtual_now, {error_code::malformed_response, "that is no metadata"});
  const auto waiting = s.machine.waiting(virtual_now);
  REQUIRE(waiting.size() == 1);
  CHECK(waiting[0].topic == "asked");
  CHECK(waiting[0].records == 0);
  CHECK(waiting[0].waited == 0ms);
  says(waiting[0].why, "no metadata of topic asked");
  says(waiting[0].why, "that is no metadata");
}

// -- what is behind a batch that was refused
// ----------------------------------------------

TEST_CASE("what is behind a refused batch goes on without a pause") {
  producer_machine_options o;
  o.linger = 0ms;
  single s{o};
  s.send();
  s.ready();
  auto first = s.next_batch();
  REQUIRE(first);
  s.answer(first->request, error_code::none);
  SECTION("in the same epoch, if it is not on its way yet") {
    s.send();
    const auto bad = s.next_batch();
    REQUIRE(bad);
    CHECK(bad->sequence == 1);
    s.answer(bad->request, error_code::invalid_record);
    s.send();
    const auto begun = virtual_now;
    const auto good = s.next_batch();
    REQUIRE(good);
    CHECK(good->at == begun);
    CHECK(good->epoch == bad->epoch);
    CHECK(good->sequence == bad->sequence);
    CHECK(s.machine.totals().epoch_bumps == 0);
  }
  SECTION("in the next epoch, if it is") {
    std::vector<single::sent_batch> sent;
    for (int i = 0; i != 5; ++i) {
      s.send();
      sent.push_back(*s.next_batch());
    }
    const auto begun = virtual_now;
    s.answer(sent[0].request, error_code::invalid_record);
    for (std::size_t i = 1; i != sent.size(); ++i)
      s.answer(sent[i].request, error_code::out_of_order_sequence_number);
    // All of them at once, not each alone: the broker knows this producer.
    for (int i = 0; i != 4; ++i) {
      const auto again = s.next_batch();
      REQUIRE(again);
      CHECK(again->at == begun);
      CHECK(again->epoch == 1);
      CHECK(again->sequence == i);
    }
    CHECK(s.machine.totals().epoch_bumps == 1);
  }
}

TEST_CASE(
  "a broker that misses a batch which was not refused is not asked in a hot loop") {
  single s;
  s.send();
  s.ready();
  const auto begun = virtual_now;
  int asked = 0;
  while (virtual_now < begun + 10s) {
    const auto sent = s.next_batch(10s);
    REQUIRE(sent);
    s.answer(sent->request, error_code::out_of_order_sequence_number);
    ++asked;
  }
  CHECK(asked < 25);
}

// -- brokers that lie
// ---------------------------------------------------------------------

TEST_CASE("a producer id that is none is asked for again with a growing pause") {
  single s;
  s.send();
  s.metadata(error_code::none);
  const auto begun = virtual_now;
  int asked = 0;
  while (virtual_now < begun + 10s) {
    REQUIRE(s.wait_for<producer_machine::ask_identity>(10s));
    s.machine.on_identity(virtual_now, -1, 0);
    ++asked;
  }
  CHECK(asked < 25);
  says(s.machine.why_waiting(virtual_now), "MALFORMED_RESPONSE");
}

TEST_CASE("a quota silences no longer than records may wait") {
  single s;
  s.send();
  s.ready();
  const auto sent = s.next_batch();
  REQUIRE(sent);
  produce_response done;
  done.throttle_time_ms = INT32_MAX;
  done.responses.emplace_back().name = "t";
  done.responses[0].partition_responses.emplace_back();
  s.machine.on_answer(virtual_now, sent->request, done);
  s.send();
  says(s.machine.why_waiting(virtual_now), "for its quota");
  const auto begun = virtual_now;
  CHECK_FALSE(s.next_batch(119s));
  virtual_now = begun + 121s;
  s.machine.on_time(virtual_now);
  s.send();
  CHECK(s.next_batch(2s));
}

TEST_CASE("leaders that change with each question are asked with a growing pause") {
  single s;
  s.send();
  s.ready();
  const auto begun = virtual_now;
  int sent = 0;
  for (int epoch = 1; virtual_now < begun + 10s; ++epoch) {
    for (const auto& asked : s.machine.take_effects()) {
      if (std::holds_alternative<producer_machine::ask_metadata>(asked)) {
        metadata_response answer;
        auto& t = answer.topics.emplace_back();
        t.name = "t";
        auto& p = t.partitions.emplace_back();
        p.leader_id = epoch % 2 + 1;
        p.leader_epoch = epoch;
        s.machine.on_metadata(virtual_now, answer);
      } else if (const auto* r = std::get_if<producer_machine::send_request>(&asked)) {
        if (s.machine.fill(virtual_now, r->request).empty())
          continue;
        s.answer(r->request, error_code::not_leader_or_follower);
        ++sent;
      }
    }
    if (s.machine.has_effects())
      continue;
    virtual_now = std::max(virtual_now, s.machine.next_time());
    s.machine.on_time(virtual_now);
  }
  CHECK(sent > 5);
  CHECK(sent < 25);
}

TEST_CASE("partitions that cannot be numbered so are refused, and asked for again") {
  single s;
  s.send();
  const auto number = GENERATE(INT32_MAX, INT32_MIN, -1, 1);
  REQUIRE(s.next<producer_machine::ask_metadata>().size() == 1);
  metadata_response answer;
  auto& t = answer.topics.emplace_back();
  t.name = "t";
  t.partitions.emplace_back().partition_index = number;
  t.partitions[0].leader_id = 1;
  s.machine.on_metadata(virtual_now, answer);
  says(s.machine.why_waiting(virtual_now), "not numbered from 0 on");
  REQUIRE(s.wait_for<producer_machine::ask_metadata>(1s));
  s.ready();
  CHECK(s.next_batch());
}

TEST_CASE("a code that says nothing about the log leaves the outcome unknown") {
  single s;
  s.send();
  s.ready();
  const auto sent = s.next_batch();
  REQUIRE(sent);
  SECTION("for cafka does not know it") {
    s.answer(sent->request, error_code{1234});
  }
  SECTION("for it means nothing here") {
    s.answer(sent->request, error_code::group_authorization_failed);
  }
  SECTION("for no broker has it") {
    s.answer(sent->request, error_code::closed);
  }
  const auto reports = s.next<delivery_report>();
  REQUIRE(reports.size() == 1);
  CHECK(reports[0].error.code == error_code::outcome_unknown);
}

TEST_CASE("a batch that the answer leaves out is sent again, with the same number") {
  single s;
  s.send();
  s.ready();
  const auto sent = s.next_batch();
  REQUIRE(sent);
  s.machine.on_answer(virtual_now, sent->request, {});
  s.next<delivery_report>();
  s.metadata(error_code::none);
  const auto again = s.next_batch();
  REQUIRE(again);
  CHECK(again->epoch == sent->epoch);
  CHECK(again->sequence == sent->sequence);
  // It may be in the log since the first time.
  s.answer(again->request, error_code::invalid_record);
  const auto reports = s.next<delivery_report>();
  REQUIRE(reports.size() == 1);
  CHECK(reports[0].error.code == error_code::outcome_unknown);
}

TEST_CASE("a record that waited for its topic is given up when its own time is over") {
  producer_machine_options o;
  o.delivery_timeout = 10s;
  single p{o};
  const auto began = virtual_now;
  p.send();
  REQUIRE(p.wait_for<producer_machine::ask_metadata>(1s));
  virtual_now += 8s;
  p.machine.on_time(virtual_now);
  p.metadata(error_code::none); // And a producer id does not come.
  p.machine.on_changed(virtual_now);
  const auto report = p.wait_for<delivery_report>(1min);
  REQUIRE(report);
  CHECK(report->error.code == error_code::timed_out);
  CHECK(virtual_now - began == 10s);
}
