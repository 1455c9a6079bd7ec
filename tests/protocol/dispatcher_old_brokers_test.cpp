#include "dispatcher_fixture.hpp"
#include <cafka/protocol/messages/heartbeat.hpp>

using namespace dispatcher_fixture;
using lines = bed::lines;

namespace {

constexpr kafka_version v0_8_2{0, 8, 2};
constexpr kafka_version v0_9_0{0, 9, 0};

/// A bed whose brokers do not know ApiVersions.
struct old_bed : bed {
  explicit old_bed(dispatcher_options options = plain()) : bed(std::move(options)) {}

  void up(std::int32_t broker) { machine.on_up(now, connection_to(broker)); }

  void answer_heartbeat(std::int32_t broker, error_code code) {
    heartbeat_response response;
    response.error_code = code;
    answer(take(api_key::heartbeat, broker), response);
  }

  /// As 0.9 does: it says nothing to ApiVersions.
  void welcome_0_9(std::int32_t broker) {
    up(broker);
    pass(500ms);
    answer_heartbeat(broker, error_code::invalid_group_id);
  }

  /// As 0.8.2 does: it closes the connection on ApiVersions and fails a Heartbeat.
  void welcome_0_8_2(std::int32_t broker) {
    up(broker);
    down(broker);
    up(broker);
    answer_heartbeat(broker, error_code::unknown_server_error);
    down(broker);
    up(broker);
  }
};

dispatcher_options of_release(kafka_version release) {
  auto options = bed::plain();
  options.kafka_version = release;
  return options;
}

call::traits asking_controller() {
  auto what = asking(controller_broker{});
  what.key = api_key::create_topics;
  what.versions = {0, 7};
  return what;
}

} // namespace

TEST_CASE("with a release that is set no broker is asked for versions", "[dispatcher]") {
  old_bed b{of_release(v0_9_0)};
  b.machine.start(b.now);
  b.up(1);
  CHECK(b.machine.connected());
  CHECK(b.take_log() == lines{"connect b1:9092", "b1:9092 Metadata"});
  const auto asked = b.take(api_key::metadata);
  CHECK(asked.header.version == 0);
  b.answer(asked, about({1, 2}, {{"t", {2}}}));
  const auto f = b.submit(asking_leader("t"));
  b.up(2);
  b.answer_offsets(2);
  CHECK(f->succeeded());
  CHECK(f->version == 0);
  CHECK(b.count(api_key::api_versions) == 0);
}

TEST_CASE("a broker of 0.9 is used after a short silence", "[dispatcher]") {
  old_bed b;
  b.machine.start(b.now);
  b.up(1);
  const auto begun = b.now;
  b.tick();
  CHECK(b.now - begun == 500ms);
  b.answer_heartbeat(1, error_code::invalid_group_id);
  CHECK(b.machine.connected());
  CHECK(b.take_log()
    == lines{
      "connect b1:9092", "b1:9092 ApiVersions", "b1:9092 Heartbeat", "b1:9092 Metadata"});
}

TEST_CASE(
  "a broker of 0.8.2 is used after three connections and no pause", "[dispatcher]") {
  old_bed b;
  b.machine.start(b.now);
  b.welcome_0_8_2(1);
  CHECK(b.machine.connected());
  CHECK(b.take_log()
    == lines{"connect b1:9092", "b1:9092 ApiVersions", "connect b1:9092",
      "b1:9092 Heartbeat", "b1:9092 ApiVersions", "connect b1:9092", "b1:9092 Metadata"});
  // Nothing of that is left as an error.
  CHECK(b.machine.connections().front().last_error.code == error_code::none);
}

TEST_CASE(
  "the first broker is finished with before the next one is asked", "[dispatcher]") {
  auto options = bed::plain();
  options.brokers = {address(1), address(2)};
  old_bed b{options};
  b.machine.start(b.now);
  for (int connection = 1; connection <= 3; ++connection) {
    b.up(1);
    b.down(1);
  }
  CHECK(b.take_log()
    == lines{"connect b1:9092", "b1:9092 ApiVersions", "connect b1:9092",
      "b1:9092 Heartbeat", "connect b1:9092", "b1:9092 ListOffsets", "connect b2:9092"});
  CHECK(b.machine.why_disconnected().find("may want TLS") != std::string::npos);
}

TEST_CASE(
  "brokers that hang up on everything cannot make the dispatcher spin", "[dispatcher]") {
  auto options = bed::plain();
  options.brokers = {address(1), address(2), address(3)};
  old_bed b{options};
  b.machine.start(b.now);
  const auto begun = b.now;
  std::size_t connects = 0;
  while (b.now - begun < 10s) {
    while (!b.open.empty()) {
      const auto id = b.open.begin()->second.host.back() - '0';
      REQUIRE(++connects < 200);
      b.up(id);
      b.down(id);
    }
    b.tick();
  }
  CHECK(connects >= 30);
}

TEST_CASE("a second connection to an old broker is not asked while the first one lives",
  "[dispatcher]") {
  old_bed b;
  b.machine.start(b.now);
  b.welcome_0_8_2(1);
  b.answer_metadata(about({1}, {{"t", {1}}}));
  auto what = asking_leader("t");
  what.lane = lane::long_poll;
  const auto f = b.submit(what);
  b.take_log();
  b.up(1);
  CHECK(b.take_log() == lines{"b1:9092 ListOffsets"});
  b.answer_offsets(1);
  CHECK(f->succeeded());
  // A broker that comes back may be another one.
  b.down(1);
  b.down(1);
  b.submit(asking(any_broker{}));
  b.up(1);
  CHECK(b.take_log().back() == "b1:9092 ApiVersions");
}

TEST_CASE("a broker that chance has made old is spoken to in its own versions soon",
  "[dispatcher]") {
  old_bed b;
  b.machine.start(b.now);
  // Each of its connections is cut at the wrong moment.
  b.welcome_0_8_2(1);
  b.answer_metadata(about({1}, {{"t", {1}}}));
  auto fetch = asking_leader("t");
  fetch.lane = lane::long_poll;
  b.pass(900ms);
  auto f = b.submit(fetch);
  b.up(1);
  b.answer_offsets(1);
  CHECK(f->succeeded());
  CHECK(f->version == 0);
  const auto awaited = b.submit(fetch);
  b.take_log();
  b.pass(100ms);
  // Nothing is awaited on the one, and what is on the other is answered first.
  CHECK(b.take_log() == lines{"disconnect b1:9092"});
  const auto meanwhile = b.submit(fetch);
  CHECK(b.requests.size() == 1);
  b.answer_offsets(1);
  CHECK(awaited->succeeded());
  CHECK(b.take_log() == lines{"disconnect b1:9092", "connect b1:9092"});
  // Neither goes by what the other one had found out.
  b.welcome(1);
  b.answer_offsets(1);
  CHECK(meanwhile->succeeded());
  CHECK(meanwhile->version == 11);
  f = b.submit(asking_leader("t"));
  b.welcome(1);
  b.answer_offsets(1);
  CHECK(f->version == 11);
}

TEST_CASE(
  "old and new brokers are each spoken to in their own versions", "[dispatcher]") {
  auto options = bed::plain();
  options.initial_topics = {"t"};
  old_bed b{options};
  b.machine.start(b.now);
  b.welcome(1);
  b.answer_metadata(about({1, 2, 3}, {{"t", {2, 3}}}));
  const auto on_2 = b.submit(asking_leader("t", 0));
  const auto on_3 = b.submit(asking_leader("t", 1));
  b.welcome_0_9(2);
  b.welcome(3);
  b.answer_offsets(2);
  b.answer_offsets(3);
  CHECK(on_2->succeeded());
  CHECK(on_2->version == 0);
  CHECK(on_3->succeeded());
  CHECK(on_3->version == 11);
}

TEST_CASE("what an old broker does not know is an error that says what it takes",
  "[dispatcher]") {
  old_bed b;
  b.machine.start(b.now);
  b.welcome_0_9(1);
  auto what = asking(any_broker{});
  what.need(2, "read_committed needs");
  auto f = b.submit(what);
  CHECK(f->failed_with(error_code::unsupported_api_version));
  CHECK(f->outcome.detail
    == "ListOffsets: the broker knows 0 only, read_committed needs 2 to 11 (Kafka 0.11.0 "
       "and later)");
  what = asking(any_broker{});
  what.key = api_key::api_versions;
  what.versions = {0, 4};
  f = b.submit(what);
  CHECK(f->failed_with(error_code::unsupported_api_version));
  CHECK(f->outcome.detail
    == "ApiVersions: the broker does not have this API, cafka knows 0 to 4 (Kafka 0.10.0 "
       "and later)");
}

TEST_CASE("where brokers do not name the controller, what it alone does is not there",
  "[dispatcher]") {
  old_bed b;
  b.machine.start(b.now);
  b.welcome_0_9(1);
  b.answer_metadata(about({1, 2}, {}));
  const auto f = b.submit(asking_controller());
  CHECK(f->failed_with(error_code::unsupported_api_version));
  CHECK(f->says("CreateTopics: the broker does not have this API"));
  CHECK(f->says("Kafka 0.10.1 and later"));
}

TEST_CASE(
  "a cluster without a broker in its list is asked where it was met", "[dispatcher]") {
  // As 0.8.2 is before its first topic.
  old_bed b;
  b.machine.start(b.now);
  b.welcome_0_8_2(1);
  b.answer_metadata(about({}, {}));
  CHECK(b.machine.pending() == 0);
  const auto any = b.submit(asking(any_broker{}));
  b.answer_offsets(1);
  CHECK(any->succeeded());
  // The first topic brings the brokers.
  const auto f = b.submit(asking(leader_of{"t", 0, true}));
  b.answer_metadata(about({}, {{"t", {}, 0, error_code::leader_not_available}}));
  CHECK(f->finished == 0);
  b.tick();
  b.answer_metadata(about({1}, {{"t", {-1}}}));
  CHECK(f->finished == 0);
  b.tick();
  b.answer_metadata(about({1}, {{"t", {1}}}));
  b.answer_offsets(1);
  CHECK(f->succeeded());
  // All on the connection that was there from the start.
  CHECK(b.open.size() == 1);
}

TEST_CASE(
  "a list without brokers does not take away those that are known", "[dispatcher]") {
  ready_bed b;
  b.pass(30s);
  b.answer_metadata(about({}, {{"t", {2}}}));
  CHECK(b.machine.known().brokers().size() == 3);
  const auto f = b.submit(asking_leader("t"));
  b.answer_offsets(2);
  CHECK(f->succeeded());
}

TEST_CASE(
  "a new topic without a leader is waited for until the deadline", "[dispatcher]") {
  old_bed b{of_release(v0_8_2)};
  b.machine.start(b.now);
  b.up(1);
  b.answer_metadata(about({1}, {}));
  const auto begun = b.now;
  const auto f = b.submit(asking(leader_of{"t", 0, true}), 5s);
  while (f->finished == 0) {
    if (b.count(api_key::metadata) > 0)
      b.answer_metadata(about({1}, {{"t", {}, 0, error_code::leader_not_available}}));
    else
      b.tick();
  }
  CHECK(b.now - begun == 5s);
  CHECK(f->failed_with(error_code::timed_out));
  CHECK(f->says("t/0"));
}

TEST_CASE("asked in version 0 for no topics, a broker tells of all", "[dispatcher]") {
  old_bed b{of_release(v0_9_0)};
  b.machine.start(b.now);
  b.up(1);
  b.answer_metadata(about({1}, {{"gone", {1}}, {"t", {1}}}));
  CHECK(b.machine.known().leader_of("gone", 0).state == cluster::leadership::led);
  // The next such answer is complete again: what it leaves out is gone.
  b.pass(30s);
  b.answer_metadata(about({1}, {{"t", {1}}}));
  CHECK(b.machine.known().leader_of("gone", 0).state == cluster::leadership::unknown);
  CHECK(b.machine.known().leader_of("t", 0).state == cluster::leadership::led);
}
