#include "dispatcher_fixture.hpp"

using namespace dispatcher_fixture;
using lines = bed::lines;

namespace {

const std::vector<std::int32_t> three{1, 2, 3};

metadata_response usual(std::int32_t leader = 2, std::int32_t epoch = 0) {
  return ready_bed::usual(leader, epoch);
}

dispatcher_options three_bootstraps() {
  auto options = bed::plain();
  options.brokers = {address(1), address(2), address(3)};
  return options;
}

} // namespace

// -- the first contact ------------------------------------------------------------------

TEST_CASE("a dispatcher connects and asks for metadata by itself", "[dispatcher]") {
  bed b;
  CHECK_FALSE(b.machine.connected());
  b.machine.start(b.now);
  b.welcome(1);
  CHECK(b.machine.connected());
  CHECK(
    b.take_log() == lines{"connect b1:9092", "b1:9092 ApiVersions", "b1:9092 Metadata"});
  b.answer_metadata(usual());
  CHECK(b.machine.known().brokers().size() == 3);
  CHECK(b.machine.pending() == 0);
  CHECK(b.take_log().empty());
}

TEST_CASE("when the first broker is dead the next one is asked at once", "[dispatcher]") {
  bed b{three_bootstraps()};
  b.machine.start(b.now);
  b.refuse(1);
  b.refuse(2);
  CHECK(b.take_log() == lines{"connect b1:9092", "connect b2:9092", "connect b3:9092"});
  b.welcome(3);
  CHECK(b.machine.connected());
}

TEST_CASE(
  "when all brokers are dead they are asked again after a pause", "[dispatcher]") {
  bed b{three_bootstraps()};
  b.machine.start(b.now);
  for (int round = 0; round < 3; ++round) {
    for (const auto id : three)
      b.refuse(id);
    CHECK(b.take_log() == lines{"connect b1:9092", "connect b2:9092", "connect b3:9092"});
    const auto before = b.now;
    b.tick();
    CHECK(b.now - before >= 100ms);
    CHECK(b.now - before <= 1s);
  }
}

TEST_CASE(
  "a call that no broker could take names every address and reason", "[dispatcher]") {
  bed b{three_bootstraps()};
  b.machine.start(b.now);
  const auto any = b.submit(asking(any_broker{}), 5s);
  const auto led = b.submit(asking_leader("t"), 5s);
  const auto begun = b.now;
  while (any->finished == 0) {
    while (!b.open.empty()) {
      const auto place = b.open.begin()->second;
      for (const auto id : three)
        if (place == address(id))
          b.refuse(id);
    }
    b.tick();
  }
  CHECK(b.now == begun + 5s);
  for (const auto& f : {any, led}) {
    CHECK(f->failed_with(error_code::timed_out));
    INFO(f->outcome.detail);
    for (const auto id : three)
      CHECK(f->says("CONNECTION_FAILED: " + to_string(address(id)) + ": refused"));
  }
}

TEST_CASE("brokers that shake hands and hang up cannot make the dispatcher spin",
  "[dispatcher]") {
  // As brokers do that want a login first.
  bed b{three_bootstraps()};
  b.machine.start(b.now);
  const auto begun = b.now;
  std::size_t connects = 0;
  while (b.now - begun < 10s) {
    while (!b.open.empty()) {
      const auto id = b.open.begin()->second.host.back() - '0';
      ++connects;
      REQUIRE(connects < 20);
      b.welcome(id);
      b.down(id);
      // Always somebody who wants a broker now.
      b.submit(asking(any_broker{}));
    }
    b.tick();
  }
  // Each twice, until that it wants a login is known, and once after a second.
  CHECK(connects >= 9);
  INFO(b.machine.why_disconnected());
  for (const auto id : three)
    CHECK(b.machine.why_disconnected().find(to_string(address(id))) != std::string::npos);
}

TEST_CASE("when all brokers are dead to new connections they are asked after pauses, "
          "whatever is answered on one of old",
  "[dispatcher]") {
  bed b;
  b.start(about(three, {{"t", {2}}}));
  auto fetches = asking_leader("t");
  fetches.lane = lane::long_poll;
  b.submit(fetches);
  b.answer_metadata(about(three, {{"t", {2}}}));
  b.welcome(2);
  b.answer_offsets(2);
  b.down(1);
  b.submit(asking(any_broker{}), 60s);
  int refused = 0;
  for (const auto begun = b.now; b.now - begun < 5s; b.pass(10ms)) {
    if (b.open.size() > 1) {
      b.refuse(b.open.rbegin()->second.host.back() - '0');
      ++refused;
    }
    b.submit(fetches);
    b.answer_offsets(2);
  }
  CHECK(refused >= 3 * 5);
  CHECK(refused <= 3 * 10);
}

TEST_CASE("the first contact is kept when its address turns out to be a broker's",
  "[dispatcher]") {
  bed b;
  b.start(about(three, {}));
  const auto f = b.submit(asking_leader("t"));
  b.answer_metadata(about(three, {{"t", {1}}}));
  CHECK(b.take_log() == lines{"b1:9092 Metadata", "b1:9092 ListOffsets"});
  b.answer_offsets(1);
  CHECK(f->succeeded());
  REQUIRE(b.machine.connections().size() == 1);
  CHECK(b.machine.connections().front().broker == broker_id{1});
}

TEST_CASE(
  "the first contact under another name is no broker of the cluster", "[dispatcher]") {
  auto options = bed::plain();
  options.brokers = {{"balancer", 1}};
  bed b{options};
  b.machine.start(b.now);
  const auto f = b.submit(asking_leader("t"));
  const auto balancer = b.connection_to(endpoint{"balancer", 1});
  b.machine.on_up(b.now, balancer);
  b.answer(b.take(api_key::api_versions), versions_up_to());
  b.answer_metadata(about({1}, {}));
  b.answer_metadata(about({1}, {{"t", {1}}}));
  b.log.clear();
  b.welcome(1);
  b.answer_offsets(1);
  CHECK(f->succeeded());
}

// -- versions ---------------------------------------------------------------------------

TEST_CASE("each connection speaks the versions of its own broker", "[dispatcher]") {
  auto options = bed::plain();
  options.initial_topics = {"t"};
  bed b{options};
  b.start(about(three, {{"t", {2, 3}}}));
  const auto a = b.submit(asking_leader("t", 0));
  const auto c = b.submit(asking_leader("t", 1));
  b.welcome(2, versions_up_to(4));
  b.welcome(3, versions_up_to(8));
  CHECK(a->version == 4);
  CHECK(c->version == 8);
}

TEST_CASE(
  "a pinned version that the broker lacks is an error with both ranges", "[dispatcher]") {
  ready_bed b;
  auto what = asking_leader("t");
  what.pinned = 11;
  CHECK(b.submit(what)->finished == 0);
  CHECK(b.take(api_key::list_offsets).header.version == 11);
  b.down(2);
  const auto f = b.submit(what);
  b.tick();
  b.welcome(2, versions_up_to(5));
  CHECK(f->failed_with(error_code::unsupported_api_version));
  INFO(f->outcome.detail);
  CHECK(f->says("ListOffsets v11"));
  CHECK(f->says("0 to 5"));
  CHECK(f->says("0 to 11"));
}

// -- metadata ---------------------------------------------------------------------------

TEST_CASE("metadata is asked for once for many waiting calls", "[dispatcher]") {
  bed b;
  b.start(about(three, {}));
  std::vector<std::shared_ptr<fate>> all;
  for (int i = 0; i < 100; ++i)
    all.push_back(b.submit(asking_leader("t")));
  CHECK(b.take_log() == lines{"b1:9092 Metadata"});
  b.answer_metadata(usual());
  b.welcome(2);
  for (std::size_t i = 0; i < all.size(); ++i)
    b.answer_offsets(2);
  for (const auto& f : all)
    CHECK(f->succeeded());
  // Nor once more when all is known.
  b.log.clear();
  b.pass(5s);
  CHECK(b.take_log().empty());
}

TEST_CASE("a topic that comes up during a refresh is asked about right after it",
  "[dispatcher]") {
  bed b;
  b.machine.start(b.now);
  b.welcome(1);
  const auto f = b.submit(asking_leader("t"));
  CHECK(b.count(api_key::metadata) == 1);
  b.answer_metadata(about(three, {}));
  REQUIRE(b.count(api_key::metadata) == 1);
  const auto asked = b.take(api_key::metadata);
  CHECK(asked.topics() == "t");
  b.answer(asked, usual());
  b.welcome(2);
  b.answer_offsets(2);
  CHECK(f->succeeded());
}

TEST_CASE("an unknown topic is asked for again, then is an error", "[dispatcher]") {
  bed b;
  b.start(usual());
  const auto begun = b.now;
  const auto missing =
    about(three, {{"new", {}, 0, error_code::unknown_topic_or_partition}});
  const auto f = b.submit(asking_leader("new"));
  int asked = 0;
  while (f->finished == 0) {
    if (b.count(api_key::metadata) > 0) {
      ++asked;
      b.answer_metadata(missing);
    } else {
      b.tick();
    }
  }
  CHECK(f->failed_with(error_code::unknown_topic_or_partition));
  CHECK(f->says("new"));
  CHECK(b.now - begun >= 2s);
  CHECK(b.now - begun <= 2s + 200ms);
  CHECK(asked > 2);
  CHECK(asked < 25);
}

TEST_CASE("a topic that appears while it is asked for again is found", "[dispatcher]") {
  bed b;
  b.start(usual());
  const auto f = b.submit(asking_leader("new"));
  b.answer_metadata(
    about(three, {{"new", {}, 0, error_code::unknown_topic_or_partition}}));
  b.tick();
  b.answer_metadata(about(three, {{"new", {-1}, 0}}));
  b.tick();
  b.answer_metadata(about(three, {{"new", {1}, 0}}));
  b.answer_offsets(1);
  CHECK(f->succeeded());
}

TEST_CASE(
  "a partition that the topic does not have is an error in the end", "[dispatcher]") {
  ready_bed b;
  const auto f = b.submit(asking_leader("t", 7));
  while (f->finished == 0) {
    if (b.count(api_key::metadata) > 0)
      b.answer_metadata(usual());
    else
      b.tick();
  }
  CHECK(f->failed_with(error_code::unknown_topic_or_partition));
  CHECK(f->says("topic t has no partition 7"));
}

TEST_CASE("a topic that may not be seen is an error at once", "[dispatcher]") {
  bed b;
  b.start(usual());
  const auto f = b.submit(asking_leader("secret"));
  b.answer_metadata(
    about(three, {{"secret", {}, 0, error_code::topic_authorization_failed}}));
  CHECK(f->failed_with(error_code::topic_authorization_failed));
  CHECK(f->says("secret"));
  // Another call asks anew: rights may have been given meanwhile.
  b.pass(1s);
  const auto again = b.submit(asking_leader("secret"));
  CHECK(again->finished == 0);
  b.answer_metadata(about(three, {{"secret", {1}, 0}}));
  b.answer_offsets(1);
  CHECK(again->succeeded());
}

TEST_CASE("a partition without a leader is waited for", "[dispatcher]") {
  bed b;
  b.start(about(three, {}));
  const auto f = b.submit(asking_leader("t"), 10s);
  for (int i = 0; i < 20; ++i) {
    b.answer_metadata(usual(-1));
    b.tick();
  }
  CHECK(f->finished == 0);
  b.answer_metadata(usual(1));
  b.answer_offsets(1);
  CHECK(f->succeeded());
}

TEST_CASE("only a call that may create its topic lets the broker do so", "[dispatcher]") {
  auto options = bed::plain();
  options.metadata_max_age = 5s;
  bed b{options};
  b.start(about(three, {}));
  b.submit(asking_leader("t"));
  auto asked = b.take(api_key::metadata);
  CHECK_FALSE(asked.metadata().allow_auto_topic_creation);
  b.answer(asked, usual());
  b.pass(1s);
  b.submit(asking(leader_of{"new", 0, true}));
  asked = b.take(api_key::metadata);
  CHECK(asked.topics() == "new,t");
  CHECK(asked.metadata().allow_auto_topic_creation);
  b.answer(asked, about(three, {{"new", {1}}, {"t", {2}}}));
  // A topic that is there needs no creating.
  b.submit(asking(leader_of{"new", 0, true}));
  b.pass(5s);
  CHECK_FALSE(b.take(api_key::metadata).metadata().allow_auto_topic_creation);
}

TEST_CASE("a topic that must not be made is not asked about with one that may be",
  "[dispatcher]") {
  bed b;
  b.start(about(three, {}));
  const auto next = [&b] {
    while (b.count(api_key::metadata) == 0)
      b.tick();
    return b.take(api_key::metadata);
  };
  b.submit(asking_leader("other"), 10s);
  auto asked = next();
  CHECK(asked.topics() == "other");
  // Both are new when the next question is asked.
  b.submit(asking_leader("kept"), 10s);
  const auto made = b.submit(asking(leader_of{"new", 0, true}), 10s);
  b.answer(asked, about(three, {{"other", {1}}}));
  b.answer_offsets(1);
  asked = next();
  CHECK(asked.topics() == "new,other");
  CHECK(asked.metadata().allow_auto_topic_creation);
  // It takes its time; meanwhile the other one has its turn.
  const led_topic not_yet{"new", {}, 0, error_code::leader_not_available};
  b.answer(asked, about(three, {not_yet, {"other", {1}}}));
  asked = next();
  CHECK(asked.topics() == "kept,other");
  CHECK_FALSE(asked.metadata().allow_auto_topic_creation);
  const led_topic unknown{"kept", {}, 0, error_code::unknown_topic_or_partition};
  b.answer(asked, about(three, {unknown, {"other", {1}}}));
  asked = next();
  CHECK(asked.topics() == "new,other");
  CHECK(asked.metadata().allow_auto_topic_creation);
  b.answer(asked, about(three, {{"new", {2}}, {"other", {1}}}));
  b.welcome(2);
  b.answer_offsets(2);
  CHECK(made->succeeded());
}

TEST_CASE(
  "metadata is asked for again at every interval, however short", "[dispatcher]") {
  auto options = bed::plain();
  options.metadata_max_age = 10ms;
  bed b{options};
  b.start(usual());
  for (int i = 0; i != 5; ++i) {
    b.pass(9ms);
    CHECK(b.count(api_key::metadata) == 0);
    b.pass(1ms);
    b.answer_metadata(usual());
  }
}

TEST_CASE("metadata is asked for again at every interval", "[dispatcher]") {
  ready_bed b;
  for (int i = 0; i < 3; ++i) {
    const auto before = b.now;
    b.tick();
    CHECK(b.now - before >= 29s);
    CHECK(b.now - before <= 30s);
    CHECK(b.take_log().size() == 1);
    b.answer_metadata(usual());
  }
}

TEST_CASE(
  "with an interval of zero metadata is only asked for when needed", "[dispatcher]") {
  auto options = bed::plain();
  options.metadata_max_age = 0ms;
  ready_bed b{options};
  CHECK(b.machine.next_time() == time_point::max());
  b.pass(24h);
  CHECK(b.take_log().empty());
}

TEST_CASE("a topic that nobody uses any more is not asked about", "[dispatcher]") {
  auto options = bed::plain();
  options.metadata_max_age = 100s;
  ready_bed b{options};
  b.submit(asking_leader("other"));
  b.answer_metadata(usual());
  b.pass(100s);
  auto asked = b.take(api_key::metadata);
  CHECK(asked.topics() == "other,t");
  b.answer(asked, usual());
  b.pass(250s);
  asked = b.take(api_key::metadata);
  // `t` is an initial topic.
  CHECK(asked.topics() == "t");
}

TEST_CASE("a refresh that fails is tried again, at a pace", "[dispatcher]") {
  bed b;
  b.machine.start(b.now);
  b.welcome(1);
  const auto begun = b.now;
  for (int i = 0; i < 10; ++i) {
    const auto asked = b.take(api_key::metadata);
    writer out;
    out.i32(asked.header.correlation_id);
    b.machine.on_frame(b.now, asked.connection, shared_bytes::from(out.bytes()));
    b.tick();
  }
  CHECK(b.now - begun >= 900ms);
  b.answer_metadata(usual());
  CHECK(b.machine.known().brokers().size() == 3);
}

// -- where calls go ---------------------------------------------------------------------

TEST_CASE("an answer that the leader has moved leads to the new one", "[dispatcher]") {
  ready_bed b;
  const auto f = b.submit(asking_leader("t"));
  b.answer_offsets(2, error_code::not_leader_or_follower);
  CHECK(f->finished == 0);
  while (b.count(api_key::metadata) == 0)
    b.tick();
  b.answer_metadata(usual(3, 1));
  while (b.log.back() != "connect b3:9092")
    b.tick();
  b.welcome(3);
  b.answer_offsets(3);
  CHECK(f->succeeded());
  CHECK(f->encoded == 2);
}

TEST_CASE("a late answer of the old leader does not forget the new one", "[dispatcher]") {
  ready_bed b;
  // Whom metadata is asked of, as 2 has an answer outstanding.
  b.submit(asking(broker_id{3}));
  b.welcome(3);
  b.answer_offsets(3);
  const auto a = b.submit(asking_leader("t"));
  const auto late = b.submit(asking_leader("t"));
  b.answer_offsets(2, error_code::not_leader_or_follower);
  while (b.count(api_key::metadata) == 0)
    b.tick();
  b.answer_metadata(usual(1, 1));
  b.answer_offsets(2, error_code::not_leader_or_follower);
  CHECK(b.machine.known().leader_of("t", 0).leader == broker_id{1});
  while (a->encoded + late->encoded < 4)
    b.tick();
  b.answer_offsets(1);
  b.answer_offsets(1);
  CHECK(a->succeeded());
  CHECK(late->succeeded());
}

TEST_CASE("the controller is asked, and found again when it moved", "[dispatcher]") {
  ready_bed b;
  const auto f = b.submit(asking(controller_broker{}));
  b.welcome(3);
  b.answer_offsets(3, error_code::not_controller);
  while (b.count(api_key::metadata) == 0)
    b.tick();
  b.answer_metadata(about(three, {{"t", {2}}}, 2));
  while (f->encoded < 2)
    b.tick();
  b.answer_offsets(2);
  CHECK(f->succeeded());
}

TEST_CASE("where no broker says who controls, any broker is asked until one does",
  "[dispatcher]") {
  bed b;
  b.start(about(three, {}, -1));
  const auto f = b.submit(asking(controller_broker{}), 1s);
  while (f->finished == 0) {
    if (b.count(api_key::metadata) > 0)
      b.answer_metadata(about(three, {}, -1));
    else if (b.count(api_key::list_offsets) > 0)
      b.answer_offsets(1, error_code::not_controller);
    else
      b.tick();
  }
  CHECK(f->failed_with(error_code::not_controller));
  CHECK(f->encoded > 2);
}

TEST_CASE("a broker that the cluster does not have is an error after fresh metadata",
  "[dispatcher]") {
  ready_bed b;
  b.pass(1s);
  const auto f = b.submit(asking(broker_id{9}));
  CHECK(f->finished == 0);
  b.answer_metadata(usual());
  CHECK(f->failed_with(error_code::broker_not_available));
  CHECK(f->says("no broker 9"));
  const auto known = b.submit(asking(broker_id{3}));
  b.welcome(3);
  b.answer_offsets(3);
  CHECK(known->succeeded());
}

TEST_CASE("any broker is the one with the least in flight", "[dispatcher]") {
  ready_bed b;
  b.submit(asking_leader("t"));
  b.submit(asking(any_broker{}));
  CHECK(b.take_log() == lines{"b2:9092 ListOffsets", "b1:9092 ListOffsets"});
  b.submit(asking_leader("t"));
  b.submit(asking(any_broker{}));
  CHECK(b.take_log() == lines{"b2:9092 ListOffsets", "b1:9092 ListOffsets"});
}

TEST_CASE("each lane has a connection of its own", "[dispatcher]") {
  ready_bed b;
  auto what = asking_leader("t");
  what.lane = lane::long_poll;
  const auto f = b.submit(what);
  CHECK(b.take_log() == lines{"connect b2:9092"});
  b.welcome(2);
  CHECK(b.take_log() == lines{"b2:9092 ApiVersions", "b2:9092 ListOffsets"});
  // Requests of the other lane do not wait behind it.
  const auto normal = b.submit(asking_leader("t"));
  REQUIRE(b.requests.size() == 2);
  CHECK(b.requests[0].connection != b.requests[1].connection);
  b.answer(b.requests[1], offsets());
  CHECK(normal->succeeded());
  CHECK(f->finished == 0);
  // Nor does anything for which any broker will do, however busy the others are.
  for (int i = 0; i < 10; ++i)
    b.submit(asking(any_broker{}));
  CHECK(b.machine.connections().back().in_flight == 1);
}
