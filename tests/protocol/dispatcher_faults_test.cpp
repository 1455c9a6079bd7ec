#include "dispatcher_fixture.hpp"

using namespace dispatcher_fixture;
using lines = bed::lines;

namespace {

call::traits once(call::traits what) {
  what.repeatable = false;
  return what;
}

} // namespace

// -- a broker is lost -------------------------------------------------------------------

TEST_CASE(
  "a repeatable call on a lost connection goes to the new leader", "[dispatcher]") {
  ready_bed b;
  const auto f = b.submit(asking_leader("t"));
  b.down(2);
  CHECK(f->finished == 0);
  while (b.count(api_key::metadata) == 0)
    b.tick();
  b.answer_metadata(ready_bed::usual(1, 1));
  while (f->encoded < 2)
    b.tick();
  b.answer_offsets(1);
  CHECK(f->succeeded());
}

TEST_CASE("a call that was sent and must not be repeated has an unknown outcome",
  "[dispatcher]") {
  ready_bed b;
  const auto f = b.submit(once(asking_leader("t")));
  b.down(2, "reset by peer");
  CHECK(f->failed_with(error_code::outcome_unknown));
  CHECK(f->says("reset by peer"));
}

TEST_CASE("a call that was not sent yet waits for the broker's return", "[dispatcher]") {
  ready_bed b;
  b.down(2);
  const auto f = b.submit(once(asking_leader("t")));
  while (f->encoded == 0) {
    if (b.count(api_key::metadata) > 0)
      b.answer_metadata(ready_bed::usual());
    else if (b.log.back() == "connect b2:9092")
      b.welcome(2);
    else
      b.tick();
  }
  b.answer_offsets(2);
  CHECK(f->succeeded());
}

TEST_CASE(
  "a leader that stays away is connected to again with growing pauses", "[dispatcher]") {
  ready_bed b;
  b.down(2);
  const auto f = b.submit(asking_leader("t"), 20s);
  std::size_t refused = 0;
  while (f->finished == 0) {
    for (auto at = b.log.begin(); at != b.log.end(); ++at) {
      if (*at == "connect b2:9092") {
        ++refused;
        b.log.clear();
        b.refuse(2);
        break;
      }
    }
    if (b.count(api_key::metadata) > 0)
      b.answer_metadata(ready_bed::usual());
    else
      b.tick();
  }
  CHECK(f->failed_with(error_code::timed_out));
  INFO(f->outcome.detail);
  CHECK(f->says("no connection to broker 2"));
  CHECK(f->says("b2:9092: refused"));
  CHECK(refused >= 20);
  CHECK(refused <= 30);
}

TEST_CASE("when a send finds the connection closed the call goes once that is told",
  "[dispatcher]") {
  ready_bed b;
  b.next_send = bed::send_status::closed;
  const auto f = b.submit(once(asking_leader("t")));
  CHECK(f->finished == 0);
  // However often something else happens meanwhile.
  b.pass(1ms);
  b.pass(1ms);
  CHECK(f->finished == 0);
  b.next_send = bed::send_status::queued;
  b.down(2);
  while (b.log.back() != "connect b2:9092") {
    if (b.count(api_key::metadata) > 0)
      b.answer_metadata(ready_bed::usual());
    else
      b.tick();
  }
  b.welcome(2);
  b.answer_offsets(2);
  CHECK(f->succeeded());
}

TEST_CASE("a connection that is found closed is tried once, however many calls wait",
  "[dispatcher]") {
  ready_bed b;
  b.next_send = bed::send_status::closed;
  constexpr int calls = 20;
  for (int i = 0; i != calls; ++i)
    static_cast<void>(b.submit(once(asking_leader("t"))));
  CHECK(b.refused_sends == 1);
  // Nor when anything else happens before its end is told.
  b.next_send = bed::send_status::queued;
  b.pass(1ms);
  static_cast<void>(b.submit(once(asking_leader("t"))));
  CHECK(b.count(api_key::list_offsets) == 0);
}

TEST_CASE("a call that a full connection does not take fails at once", "[dispatcher]") {
  ready_bed b;
  b.next_send = bed::send_status::full;
  const auto f = b.submit(asking_leader("t"));
  CHECK(f->failed_with(error_code::queue_full));
  CHECK(f->says("b2:9092"));
}

TEST_CASE("a broker that sends garbage is disconnected", "[dispatcher]") {
  ready_bed b;
  const auto f = b.submit(once(asking_leader("t")));
  b.machine.on_frame(b.now, b.connection_to(2), shared_bytes::copy_of("HTTP/1.1 400"));
  CHECK(b.log.at(1) == "disconnect b2:9092");
  CHECK(f->failed_with(error_code::outcome_unknown));
  CHECK(f->says("MALFORMED_RESPONSE"));
}

TEST_CASE(
  "a silent broker is considered lost, after the time asked for", "[dispatcher]") {
  for (const auto answer_timeout : {0ms, 500ms}) {
    ready_bed b;
    auto what = once(asking_leader("t"));
    what.answer_timeout = answer_timeout;
    const auto f = b.submit(what);
    const auto begun = b.now;
    while (f->finished == 0)
      b.tick();
    CHECK(b.now - begun == 10s + answer_timeout);
    CHECK(b.log.at(1) == "disconnect b2:9092");
    CHECK(f->failed_with(error_code::outcome_unknown));
    CHECK(f->says("no answer for 10000 ms"));
  }
}

TEST_CASE(
  "a broker that never finishes the handshake is considered lost", "[dispatcher]") {
  bed b;
  b.machine.start(b.now);
  const auto begun = b.now;
  b.machine.on_up(b.now, b.connection_to(1));
  // Before that it is tried with what brokers before 0.10 know.
  b.tick();
  CHECK(b.log.back() == "b1:9092 Heartbeat");
  b.tick();
  CHECK(b.log.back() == "disconnect b1:9092");
  CHECK(b.now - begun == 10s);
  CHECK(b.machine.next_time() > b.now);
  b.tick();
  CHECK(b.log.back() == "connect b1:9092");
}

TEST_CASE("what a connection says after its end is not heard", "[dispatcher]") {
  ready_bed b;
  const auto f = b.submit(asking_leader("t"));
  const auto r = b.take(api_key::list_offsets);
  b.down(2);
  b.answer(r, offsets());
  b.machine.on_up(b.now, r.connection);
  b.machine.on_down(b.now, r.connection, {error_code::disconnected, {}});
  CHECK(f->finished == 0);
  CHECK(b.machine.connected());
}

// -- deadlines --------------------------------------------------------------------------

TEST_CASE("a deadline in flight leaves a repeatable call timed out, another unknown",
  "[dispatcher]") {
  ready_bed b;
  const auto repeatable = b.submit(asking_leader("t"), 1s);
  const auto other = b.submit(once(asking_leader("t")), 1s);
  b.tick();
  CHECK(repeatable->failed_with(error_code::timed_out));
  CHECK(other->failed_with(error_code::outcome_unknown));
  for (const auto& f : {repeatable, other})
    CHECK(f->outcome.detail == "no answer from b2:9092");
  // Their answers may still come.
  b.answer_offsets(2);
  b.answer_offsets(2);
  CHECK(repeatable->finished + other->finished == 2);
  CHECK(b.take_log() == lines{"b2:9092 ListOffsets", "b2:9092 ListOffsets"});
}

TEST_CASE("a call without a deadline has the dispatcher's", "[dispatcher]") {
  auto options = bed::plain();
  options.request_timeout = 3s;
  ready_bed b{options};
  const auto f = b.submit(asking_leader("t"));
  b.pass(2'999ms);
  CHECK(f->finished == 0);
  b.pass(1ms);
  CHECK(f->failed_with(error_code::timed_out));
}

TEST_CASE("a deadline of forever does not overflow", "[dispatcher]") {
  ready_bed b;
  const auto f = b.submit(asking_leader("t"), milliseconds::max());
  b.pass(1s);
  CHECK(f->finished == 0);
  b.answer_offsets(2);
  CHECK(f->succeeded());
}

TEST_CASE("a call that waits says at its deadline what it waited for", "[dispatcher]") {
  ready_bed b;
  b.pass(1s);
  const auto leaderless = b.submit(asking_leader("headless"), 1s);
  const auto creating = b.submit(asking_leader("coming"), 1s);
  const auto answer = about({1, 2, 3},
    {{"coming", {}, 0, error_code::leader_not_available}, {"headless", {-1}, 0},
      {"t", {2}, 0}});
  while (leaderless->finished == 0 || creating->finished == 0) {
    if (b.count(api_key::metadata) > 0)
      b.answer_metadata(answer);
    else
      b.tick();
  }
  CHECK(leaderless->failed_with(error_code::timed_out));
  CHECK(leaderless->outcome.detail == "no leader for headless/0");
  CHECK(creating->failed_with(error_code::timed_out));
  CHECK(creating->says("coming/0"));
}

TEST_CASE("a call that waits for metadata says at its deadline why there is none",
  "[dispatcher]") {
  ready_bed b;
  const auto f = b.submit(asking_leader("new"), 3s);
  while (f->finished == 0) {
    if (b.count(api_key::metadata) == 0) {
      b.tick();
      continue;
    }
    const auto asked = b.take(api_key::metadata);
    const auto whole = encode_response(
      ready_bed::usual(), asked.header.version, asked.header.correlation_id);
    REQUIRE(whole);
    const auto bytes = payload_of(*whole);
    b.machine.on_frame(b.now, asked.connection, bytes.slice(0, bytes.size() - 1));
  }
  CHECK(f->failed_with(error_code::timed_out));
  CHECK(f->says("no metadata of topic new"));
  CHECK(f->says("MALFORMED_RESPONSE"));
}

TEST_CASE(
  "a call that is refused until its deadline ends with the last reason", "[dispatcher]") {
  ready_bed b;
  const auto f = b.submit(asking_leader("t"), 3s);
  const auto begun = b.now;
  while (f->finished == 0) {
    if (b.count(api_key::list_offsets) > 0)
      b.answer_offsets(2, error_code::coordinator_load_in_progress);
    else
      b.tick();
  }
  CHECK(f->failed_with(error_code::coordinator_load_in_progress));
  CHECK(b.now - begun <= 3s);
  // 20, 40, 80 … up to a second between them.
  CHECK(f->encoded >= 7);
  CHECK(f->encoded <= 10);
}

TEST_CASE("what its call does not want to repeat is an error at once", "[dispatcher]") {
  ready_bed b;
  const auto f = b.submit(asking_leader("t"));
  b.answer_offsets(2, error_code::request_timed_out);
  CHECK(f->failed_with(error_code::request_timed_out));
  const auto g = b.submit(asking_leader("t"));
  b.answer_offsets(2, error_code::group_authorization_failed);
  CHECK(g->failed_with(error_code::group_authorization_failed));
  CHECK(f->encoded + g->encoded == 2);
}

// -- limits and the end -----------------------------------------------------------------

TEST_CASE("a call that no broker answers is finished by sending it", "[dispatcher]") {
  ready_bed b;
  auto what = once(asking_leader("t"));
  what.answered = false;
  CHECK(b.submit(what)->succeeded());
  CHECK(b.take_log() == lines{"b2:9092 ListOffsets"});
  // No answer is outstanding on the connection.
  b.pass(20s);
  CHECK(b.take_log().empty());
  const auto next = b.submit(asking_leader("t"));
  (void)b.take(api_key::list_offsets);
  b.answer_offsets(2);
  CHECK(next->succeeded());
}

TEST_CASE("one call more than may be pending is refused", "[dispatcher]") {
  auto options = bed::plain();
  options.max_pending = 3;
  bed b{options};
  b.machine.start(b.now);
  // The dispatcher's own question does not count.
  std::vector<std::shared_ptr<fate>> all;
  for (int i = 0; i < 4; ++i)
    all.push_back(b.submit(asking(any_broker{})));
  CHECK(b.machine.pending() == 3);
  CHECK(all.back()->failed_with(error_code::queue_full));
  CHECK(all.back()->says("3 requests"));
  b.welcome(1);
  b.answer_metadata(about({1}, {}));
  b.answer_offsets(1);
  CHECK(all.front()->succeeded());
  CHECK(b.submit(asking(any_broker{}))->finished == 0);
}

TEST_CASE("shutting down finishes every call once, wherever it is", "[dispatcher]") {
  ready_bed b;
  b.pass(1s);
  auto elsewhere = asking(broker_id{3});
  std::vector<std::shared_ptr<fate>> all{
    b.submit(asking_leader("t")),         // in flight
    b.submit(asking_leader("elsewhere")), // waits for metadata
    b.submit(elsewhere),                  // waits for a connection
    b.submit(asking_leader("t")),
  };
  b.answer_offsets(2, error_code::not_leader_or_follower); // waits to try again
  b.log.clear();
  b.machine.shut_down({error_code::closed, "stopped"});
  for (const auto& f : all) {
    CHECK(f->failed_with(error_code::closed));
    CHECK(f->outcome.detail == "stopped");
  }
  CHECK(b.take_log()
    == lines{"disconnect b1:9092", "disconnect b2:9092", "disconnect b3:9092"});
  CHECK(b.machine.pending() == 0);
  CHECK_FALSE(b.machine.connected());
  CHECK(b.machine.connections().empty());
}

TEST_CASE("after shutting down nothing is taken, done or waited for", "[dispatcher]") {
  for (const bool early : {true, false}) {
    bed b;
    b.machine.start(b.now);
    b.submit(asking_leader("t"));
    if (!early) {
      b.welcome(1);
      b.answer_metadata(about({1}, {{"t", {1}}}));
    }
    b.machine.shut_down({error_code::closed, {}});
    b.log.clear();
    CHECK(b.machine.next_time() == time_point::max());
    CHECK(b.submit(asking(any_broker{}))->failed_with(error_code::closed));
    b.machine.on_up(b.now, 1);
    b.machine.on_down(b.now, 1, {error_code::disconnected, {}});
    b.pass(24h);
    CHECK(b.machine.next_time() == time_point::max());
    CHECK(b.machine.pending() == 0);
    CHECK(b.log.empty());
    b.machine.shut_down({error_code::closed, {}});
  }
}

// -- what cannot be asked ---------------------------------------------------------------

TEST_CASE(
  "a topic's name that no request can carry fails its own callers only", "[dispatcher]") {
  auto options = bed::plain();
  const std::string impossible(40'000, 'x');
  options.initial_topics = {impossible, "t"};
  bed b{options};
  b.start(about({1}, {{"t", {1}}}, 1));
  CHECK(b.submit(asking_leader(impossible))->failed_with(error_code::invalid_argument));
  const auto good = b.submit(asking_leader("good"));
  const auto asked = b.take(api_key::metadata);
  CHECK(asked.topics() == "good,t");
  b.answer(asked, about({1}, {{"good", {1}}, {"t", {1}}}, 1));
  b.answer_offsets(1);
  CHECK(good->succeeded());
}

TEST_CASE("a pinned version that cafka lacks is refused before anybody is asked",
  "[dispatcher]") {
  bed b;
  b.machine.start(b.now);
  b.log.clear();
  auto what = asking_leader("t");
  what.pinned = 99;
  const auto f = b.submit(what);
  CHECK(f->failed_with(error_code::unsupported_api_version));
  CHECK(f->outcome.detail == "ListOffsets v99: cafka knows 0 to 11");
  what.pinned = 1;
  what.need(2, "read_committed needs");
  const auto narrow = b.submit(what);
  CHECK(narrow->outcome.detail == "ListOffsets v1: read_committed needs 2 to 11");
  CHECK(b.log.empty());
  b.welcome(1);
  CHECK(b.take(api_key::metadata).topics().empty());
}
