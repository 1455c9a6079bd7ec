#include "dispatcher_fixture.hpp"

#include <catch2/generators/catch_generators.hpp>

#include <algorithm>

// Brokers that listen elsewhere than before, while somebody else may answer where they
// were. In these tests broker N listens at bN:9092 until it moves.

using namespace dispatcher_fixture;
using lines = bed::lines;

namespace {

call::traits once(call::traits what) {
  what.repeatable = false;
  return what;
}

call::traits in(lane l, call::traits what) {
  what.lane = l;
  return what;
}

/// The same answer, with a broker at another's old address, or at a new one.
metadata_response moved(metadata_response answer, std::int32_t broker, std::int32_t to) {
  const auto at = std::ranges::find(
    answer.brokers, broker_id{broker}, &metadata_response_broker::node_id);
  REQUIRE(at != answer.brokers.end());
  at->host = address(to).host;
  return answer;
}

/// Brokers 2 and 3 have changed places; 2 leads `t` as before.
metadata_response swapped() {
  return moved(moved(ready_bed::usual(2, 1), 2, 3), 3, 2);
}

/// Asks for metadata, as a worker does when something was refused, and has it answered.
void learn(bed& b, const metadata_response& answer) {
  const auto f = b.submit(asking_leader("unheard of"), 1ms);
  b.answer_metadata(answer);
  b.pass(1ms);
  CHECK(f->finished == 1);
  b.log.clear();
}

/// Lets the time pass until something is asked for.
void await(bed& b, api_key key) {
  while (b.count(key) == 0)
    b.tick();
}

bool has(const lines& log, const std::string& line) {
  return std::ranges::find(log, line) != log.end();
}

} // namespace

TEST_CASE(
  "a broker that has moved is reached at its new address, at once", "[dispatcher]") {
  ready_bed b;
  const auto f = b.submit(asking_leader("t"));
  // Somebody else answers where broker 2 was.
  b.answer_offsets(2, error_code::not_leader_or_follower);
  await(b, api_key::metadata);
  b.answer_metadata(swapped());
  CHECK(has(b.log, "disconnect b2:9092"));
  CHECK(has(b.take_log(), "connect b3:9092"));
  b.welcome(3);
  b.answer_offsets(3);
  CHECK(f->succeeded());
  CHECK(b.now - time_point{} - 1h <= 100ms);
}

TEST_CASE("in every lane a connection is left whose broker has moved", "[dispatcher]") {
  const auto which = GENERATE(lane::normal, lane::group, lane::long_poll, lane::resting);
  ready_bed b;
  const auto before = b.submit(in(which, asking_leader("t")));
  if (which != lane::normal)
    b.welcome(2);
  b.answer_offsets(2);
  CHECK(before->succeeded());
  learn(b, moved(ready_bed::usual(), 2, 4));
  const auto after = b.submit(in(which, asking_leader("t")));
  CHECK(b.take_log() == lines{"connect b4:9092"});
  b.welcome(4);
  b.answer_offsets(4);
  CHECK(after->succeeded());
  for (const auto& l : b.machine.connections())
    CHECK(l.address != address(2));
}

TEST_CASE(
  "what may be asked again goes from where a broker was to where it is", "[dispatcher]") {
  ready_bed b;
  const auto f = b.submit(asking_leader("t"));
  learn(b, moved(ready_bed::usual(), 2, 4));
  CHECK(f->finished == 0);
  CHECK_FALSE(
    std::ranges::any_of(b.open, [](const auto& c) { return c.second == address(2); }));
  b.tick();
  b.welcome(4);
  CHECK(f->encoded == 2);
  b.answer_offsets(4);
  CHECK(f->succeeded());
}

TEST_CASE("what must not be asked again waits for its answer where its broker was",
  "[dispatcher]") {
  ready_bed b;
  const auto f = b.submit(once(asking_leader("t")));
  learn(b, moved(ready_bed::usual(), 2, 4));
  CHECK(f->finished == 0);
  // Nothing new goes there meanwhile.
  const auto other = b.submit(asking_leader("t"));
  CHECK(b.take_log() == lines{"connect b4:9092"});
  b.welcome(4);
  b.answer_offsets(4);
  CHECK(other->succeeded());
  SECTION("and gets it, whereupon the connection ends") {
    b.log.clear();
    b.answer_offsets(2);
    CHECK(f->succeeded());
    CHECK(b.take_log() == lines{"disconnect b2:9092"});
  }
  SECTION("or its outcome is unknown, once nothing has come for long") {
    b.pass(10s);
    CHECK(f->failed_with(error_code::outcome_unknown));
    CHECK(f->says("no answer for 10000 ms"));
  }
  SECTION("or its outcome is unknown, when the connection ends") {
    b.down(2, "reset by peer");
    CHECK(f->failed_with(error_code::outcome_unknown));
  }
  CHECK(b.machine.connections().size() == 2);
  CHECK(b.machine.pending() == 0);
}

TEST_CASE("what the owner of a call asks anew is told at once that its broker has moved",
  "[dispatcher]") {
  struct owned_call : call {
    owned_call(traits what, std::shared_ptr<fate> f)
      : call(std::move(what)), fate_(std::move(f)) {}
    result<frame> encode(std::int16_t version, std::int32_t correlation_id,
      std::string_view client_id, const cluster&) override {
      return encode_request(list_offsets_request{}, version, correlation_id, client_id);
    }
    error receive(std::int16_t, const shared_bytes&, cluster&) override { return {}; }
    bool repeatable() const override { return false; }
    bool expendable() const override { return true; }
    void finish(error outcome) override {
      ++fate_->finished;
      fate_->outcome = std::move(outcome);
    }
    std::shared_ptr<fate> fate_;
  };
  ready_bed b;
  const auto f = std::make_shared<fate>();
  b.machine.submit(b.now, std::make_unique<owned_call>(asking(broker_id{2}), f));
  learn(b, moved(ready_bed::usual(), 2, 4));
  CHECK(f->failed_with(error_code::disconnected));
  CHECK(f->says("broker 2 is not at b2:9092 any more, but at b4:9092"));
}

TEST_CASE("a refusal by the broker at a leader's old address says nothing of the leader",
  "[dispatcher]") {
  ready_bed b;
  const auto f = b.submit(once(asking_leader("t")));
  learn(b, moved(ready_bed::usual(2, 1), 2, 4));
  b.answer_offsets(2, error_code::not_leader_or_follower);
  CHECK(b.machine.known().leader_of("t", 0).leader == broker_id{2});
  CHECK(f->finished == 0);
  b.tick();
  b.welcome(4);
  b.answer_offsets(4);
  CHECK(f->succeeded());
}

TEST_CASE(
  "a connection that is being made goes to the new address instead", "[dispatcher]") {
  ready_bed b;
  b.down(2);
  const auto f = b.submit(asking_leader("t"));
  await(b, api_key::metadata);
  b.answer_metadata(ready_bed::usual());
  SECTION("while it connects") {
  }
  SECTION("while versions are agreed on") {
    b.machine.on_up(b.now, b.connection_to(2));
  }
  SECTION("while it waits for another try") {
    b.refuse(2);
  }
  b.log.clear();
  learn(b, moved(ready_bed::usual(), 2, 4));
  b.welcome(4);
  b.answer_offsets(4);
  CHECK(f->succeeded());
  CHECK_FALSE(
    std::ranges::any_of(b.open, [](const auto& c) { return c.second == address(2); }));
}

TEST_CASE("the first connection is its broker's only if that broker says where it is",
  "[dispatcher]") {
  // Broker 1 was the first to be asked; it says that broker 2 has its address now, as one
  // that stands at that address must not.
  bed b;
  b.start(moved(moved(about({1, 2}, {}), 1, 2), 2, 1));
  const auto f = b.submit(asking(broker_id{2}));
  b.answer_offsets(1);
  CHECK(f->succeeded());
  // Later both go back.
  learn(b, about({1, 2}, {}));
  const auto again = b.submit(asking(broker_id{2}));
  CHECK(b.take_log() == lines{"connect b2:9092"});
  b.welcome(2);
  b.answer_offsets(2);
  CHECK(again->succeeded());
}

TEST_CASE(
  "a coordinator that has moved is reached where FindCoordinator says", "[dispatcher]") {
  ready_bed b;
  const auto first = b.submit(asking_coordinator("g"));
  b.answer_coordinator(3);
  b.welcome(3);
  // Somebody else answers there.
  b.answer_offsets(3, error_code::not_coordinator);
  CHECK(first->finished == 0);
  b.tick();
  const auto asked = b.take(api_key::find_coordinator);
  b.answer(asked, coordinator_at(asked.header.version, "g", 3, address(5)));
  while (!has(b.log, "connect b5:9092"))
    b.tick();
  b.welcome(5);
  b.answer_offsets(5);
  CHECK(first->succeeded());
  // Another group of the same coordinator goes there as well.
  const auto other = b.submit(asking_coordinator("h"));
  const auto about_h = b.take(api_key::find_coordinator);
  b.answer(about_h, coordinator_at(about_h.header.version, "h", 3, address(5)));
  b.answer_offsets(5);
  CHECK(other->succeeded());
}

TEST_CASE("a broker that the metadata has no more keeps no connection", "[dispatcher]") {
  ready_bed b;
  const auto f = b.submit(once(asking_leader("t")));
  learn(b, about({1, 3}, {{"t", {3}, 1}}, 3));
  CHECK(f->finished == 0);
  CHECK_FALSE(has(b.log, "disconnect b2:9092"));
  b.answer_offsets(2);
  CHECK(f->succeeded());
  CHECK(b.take_log().back() == "disconnect b2:9092");
  CHECK(b.machine.connections().size() == 1);
}

// -- metadata of a broker that is out of date
// ---------------------------------------------

TEST_CASE("metadata that a leader contradicts is asked of another broker the next time",
  "[dispatcher]") {
  ready_bed b;
  // Broker 1 says for ever that 2 leads; 3 knows that it leads itself.
  const auto f = b.submit(asking_leader("t"), 30s);
  const auto begun = b.now;
  std::set<std::string> asked;
  while (f->finished == 0) {
    if (b.count(api_key::list_offsets) > 0) {
      const auto r = b.take(api_key::list_offsets);
      const auto right = b.open.at(r.connection) == address(3);
      b.answer(r, offsets(right ? error_code::none : error_code::not_leader_or_follower));
    } else if (b.count(api_key::metadata) > 0) {
      const auto r = b.take(api_key::metadata);
      const auto place = b.open.at(r.connection);
      asked.insert(place.host);
      b.answer(r, place == address(3) ? ready_bed::usual(3, 7) : ready_bed::usual(2, 6));
    } else if (has(b.log, "connect b3:9092")) {
      b.log.clear();
      b.welcome(3);
    } else {
      b.tick();
    }
  }
  CHECK(f->succeeded());
  CHECK(asked == std::set<std::string>{"b1", "b2", "b3"});
  CHECK(b.now - begun < 2s);
}

TEST_CASE("metadata that a program's own machine asks for again is asked of another",
  "[dispatcher]") {
  ready_bed b;
  auto what = asking(any_broker{});
  what.key = api_key::metadata;
  what.versions = metadata_request::versions;
  what.elsewhere = true;
  std::set<endpoint> asked;
  for (int i = 0; i < 12; ++i) {
    auto f = std::make_shared<fate>();
    struct question final : call {
      explicit question(traits t) : call(std::move(t)) {}
      result<frame> encode(std::int16_t version, std::int32_t correlation_id,
        std::string_view client_id, const cluster&) override {
        return encode_request(metadata_request{}, version, correlation_id, client_id);
      }
      error receive(
        std::int16_t version, const shared_bytes& payload, cluster& known) override {
        known.update_brokers(*decode_response<metadata_response>(payload, version));
        return {};
      }
      void finish(error) override {}
    };
    b.machine.submit(b.now, std::make_unique<question>(what));
    const auto r = b.take(api_key::metadata);
    asked.insert(b.open.at(r.connection));
    b.answer(r, ready_bed::usual());
    if (has(b.take_log(), "connect b3:9092"))
      b.welcome(3);
    b.pass(100ms);
  }
  CHECK(asked == std::set<endpoint>{address(1), address(2), address(3)});
}

TEST_CASE("a connection whose files have changed is replaced behind what it awaits",
  "[dispatcher]") {
  ready_bed b;
  const auto before = b.submit(asking_leader("t"));
  const auto old = b.connection_to(2);
  b.machine.on_outdated(b.now, old);
  // What comes meanwhile is not sent there.
  const auto meanwhile = b.submit(asking_leader("t"));
  CHECK(b.requests.size() == 1);
  CHECK(b.take_log() == std::vector<std::string>{"b2:9092 ListOffsets"});
  b.answer_offsets(2);
  CHECK(before->succeeded());
  CHECK(
    b.take_log() == std::vector<std::string>{"disconnect b2:9092", "connect b2:9092"});
  CHECK_FALSE(b.open.contains(old));
  CHECK(b.requests.empty());
  b.welcome(2);
  b.answer_offsets(2);
  CHECK(meanwhile->succeeded());
  CHECK(meanwhile->encoded == 1);
}

TEST_CASE("the first contact is replaced as well, once it is up", "[dispatcher]") {
  bed b;
  b.machine.start(b.now);
  const auto f = b.submit(asking(any_broker{}));
  const auto first = b.open.begin()->first;
  b.machine.on_up(b.now, first);
  b.machine.on_outdated(b.now, first);
  b.answer(b.take(api_key::api_versions), versions_up_to());
  CHECK_FALSE(b.open.contains(first));
  REQUIRE(b.open.size() == 1);
  const auto broker = b.open.begin()->second;
  b.machine.on_up(b.now, b.open.begin()->first);
  b.answer(b.take(api_key::api_versions), versions_up_to());
  b.answer_metadata(about({1}, {}));
  CHECK(f->finished == 0);
  b.answer(b.take(api_key::list_offsets), offsets());
  CHECK(f->succeeded());
}

TEST_CASE("a connection whose files have changed, and which awaits nothing, is replaced",
  "[dispatcher]") {
  ready_bed b;
  b.machine.on_outdated(b.now, b.connection_to(2));
  CHECK(b.take_log() == std::vector<std::string>{"disconnect b2:9092"});
  // Another one is made when it is wanted.
  const auto f = b.submit(asking_leader("t"));
  CHECK(b.take_log() == std::vector<std::string>{"connect b2:9092"});
  b.welcome(2);
  b.answer_offsets(2);
  CHECK(f->succeeded());
  // Of one that is gone nobody is told.
  b.machine.on_outdated(b.now, 12'345);
}
