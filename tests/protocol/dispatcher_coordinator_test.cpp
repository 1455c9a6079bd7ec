#include "dispatcher_fixture.hpp"
#include <cafka/protocol/machines/coordinator_lookup.hpp>

#include <catch2/generators/catch_generators.hpp>

using namespace dispatcher_fixture;
using lines = bed::lines;

namespace {

/// One that has found broker 3 to coordinate the group `g`, and is connected to it.
struct coordinated_bed : ready_bed {
  explicit coordinated_bed(dispatcher_options options = plain())
    : ready_bed(std::move(options)) {
    const auto first = submit(asking_coordinator("g"));
    answer_coordinator(3);
    welcome(3);
    answer_offsets(3);
    CHECK(first->succeeded());
    log.clear();
  }
};

const coordinator_of group{coordinator_type::group, "g"};

/// A program's own FindCoordinator.
class lookup final : public call {
public:
  explicit lookup(coordinator_of what)
    : call(traits_for(what)), about_(std::move(what)) {}

  result<frame> encode(std::int16_t version, std::int32_t correlation_id,
    std::string_view client_id, const cluster&) override {
    return encode_request(
      lookup_request(about_, version), version, correlation_id, client_id);
  }
  std::optional<coordinator_of> looks_up() const override { return about_; }
  error receive(
    std::int16_t version, const shared_bytes& payload, cluster& known) override {
    const auto answer = read_answer<find_coordinator_response>(payload, version);
    if (!answer)
      return answer.error();
    const auto found = found_in(about_, version, *answer);
    if (found)
      known.learn_coordinator(about_, found->id, found->address);
    return found.error();
  }
  void finish(error) override {}

private:
  static traits traits_for(const coordinator_of& what) {
    traits t;
    t.key = find_coordinator_request::key;
    t.versions = lookup_versions(what);
    return t;
  }

  coordinator_of about_;
};

/// Counts the lookups until then, and answers each with broker 3.
int lookups_within(bed& b, milliseconds time) {
  int count = 0;
  const auto until = b.now + time;
  while (b.machine.next_time() <= until) {
    b.tick();
    while (b.count(api_key::find_coordinator) > 0) {
      b.answer_coordinator(3);
      ++count;
    }
    if (b.count(api_key::metadata) > 0)
      b.answer_metadata(ready_bed::usual());
  }
  return count;
}

} // namespace

TEST_CASE("many calls to a coordinator ask once who it is", "[dispatcher]") {
  ready_bed b;
  std::vector<std::shared_ptr<fate>> all;
  for (int i = 0; i < 50; ++i)
    all.push_back(b.submit(asking_coordinator("g")));
  CHECK(b.take_log() == lines{"b1:9092 FindCoordinator"});
  CHECK(b.machine.pending() == 50);
  CHECK(b.answer_coordinator(3) == group);
  b.welcome(3);
  for (std::size_t i = 0; i < all.size(); ++i)
    b.answer_offsets(3);
  for (const auto& f : all)
    CHECK(f->succeeded());
  // Nor is it asked for again when it is known.
  b.log.clear();
  b.submit(asking_coordinator("g"));
  CHECK(b.take_log() == lines{"b3:9092 ListOffsets"});
}

TEST_CASE(
  "each group, and each transactional id, has its own coordinator", "[dispatcher]") {
  ready_bed b;
  b.submit(asking_coordinator("g"));
  b.submit(asking_coordinator("h"));
  b.submit(asking_coordinator("g", coordinator_type::transaction));
  REQUIRE(b.count(api_key::find_coordinator) == 3);
  CHECK(b.answer_coordinator(1) == group);
  CHECK(b.answer_coordinator(2) == coordinator_of{coordinator_type::group, "h"});
  CHECK(b.answer_coordinator(3) == coordinator_of{coordinator_type::transaction, "g"});
  CHECK(b.machine.known().coordinator(group) == broker_id{1});
  b.welcome(3);
  for (const auto id : {1, 2, 3})
    b.answer_offsets(id);
  CHECK(b.machine.pending() == 0);
}

TEST_CASE("a coordinator that is about to be is waited for", "[dispatcher]") {
  // As while the offsets topic is made.
  ready_bed b;
  const auto f = b.submit(asking_coordinator("g"), 10s);
  for (int i = 0; i < 5; ++i) {
    b.answer_coordinator(-1, error_code::coordinator_not_available);
    while (b.count(api_key::find_coordinator) == 0)
      b.tick();
  }
  CHECK(f->finished == 0);
  b.answer_coordinator(2);
  b.answer_offsets(2);
  CHECK(f->succeeded());
}

TEST_CASE("one that never is is named at the deadline, with the reason", "[dispatcher]") {
  ready_bed b;
  const auto f = b.submit(asking_coordinator("g"), 5s);
  std::size_t asked = 0;
  while (f->finished == 0) {
    if (b.count(api_key::find_coordinator) > 0) {
      ++asked;
      b.answer_coordinator(-1, error_code::coordinator_not_available);
    } else if (b.count(api_key::metadata) > 0) {
      b.answer_metadata(ready_bed::usual());
    } else {
      b.tick();
    }
  }
  CHECK(f->failed_with(error_code::timed_out));
  INFO(f->outcome.detail);
  CHECK(f->says("no coordinator is known of group g"));
  CHECK(f->says("COORDINATOR_NOT_AVAILABLE"));
  CHECK(asked >= 5);
  CHECK(asked <= 15);
}

TEST_CASE(
  "a group that may not be used is an error at once, for all who wait", "[dispatcher]") {
  ready_bed b;
  const auto one = b.submit(asking_coordinator("g"));
  const auto two = b.submit(asking_coordinator("g"));
  b.answer_coordinator(-1, error_code::group_authorization_failed);
  for (const auto& f : {one, two}) {
    CHECK(f->failed_with(error_code::group_authorization_failed));
    CHECK(f->says("group g"));
  }
  // Another call asks anew: rights may have been given meanwhile.
  b.pass(1s);
  const auto again = b.submit(asking_coordinator("g"));
  CHECK(again->finished == 0);
  b.answer_coordinator(2);
  b.answer_offsets(2);
  CHECK(again->succeeded());
}

TEST_CASE("a coordinator that is none any more is looked for again", "[dispatcher]") {
  const auto code =
    GENERATE(error_code::not_coordinator, error_code::coordinator_not_available);
  coordinated_bed b;
  const auto f = b.submit(asking_coordinator("g"));
  b.answer_offsets(3, code);
  CHECK(b.machine.known().coordinator(group) == broker_id{-1});
  while (b.count(api_key::find_coordinator) == 0)
    b.tick();
  b.answer_coordinator(2);
  b.answer_offsets(2);
  CHECK(f->succeeded());
  CHECK(f->encoded == 2);
}

TEST_CASE(
  "a late answer of the old coordinator does not forget the new one", "[dispatcher]") {
  coordinated_bed b;
  const auto f = b.submit(asking_coordinator("g"));
  const auto late = b.submit(asking_coordinator("g"));
  b.answer_offsets(3, error_code::not_coordinator);
  while (b.count(api_key::find_coordinator) == 0)
    b.tick();
  b.answer_coordinator(2);
  b.answer_offsets(3, error_code::not_coordinator);
  CHECK(b.machine.known().coordinator(group) == broker_id{2});
  while (f->encoded + late->encoded < 4)
    b.tick();
  b.answer_offsets(2);
  b.answer_offsets(2);
  CHECK(f->succeeded());
  CHECK(late->succeeded());
}

TEST_CASE(
  "a coordinator that reads its state is asked again, not looked for", "[dispatcher]") {
  coordinated_bed b;
  const auto f = b.submit(asking_coordinator("g"));
  b.answer_offsets(3, error_code::coordinator_load_in_progress);
  while (b.count(api_key::list_offsets) == 0)
    b.tick();
  b.answer_offsets(3);
  CHECK(f->succeeded());
  CHECK(b.count(api_key::find_coordinator) == 0);
}

TEST_CASE("a coordinator that cannot be reached is looked for again", "[dispatcher]") {
  ready_bed b;
  const auto f = b.submit(asking_coordinator("g"), 20s);
  b.answer_coordinator(3);
  // The others take a moment to see that it is gone.
  for (int i = 0; i < 3; ++i) {
    while (b.log.empty() || b.log.back() != "connect b3:9092") {
      if (b.count(api_key::metadata) > 0)
        b.answer_metadata(ready_bed::usual());
      else
        b.tick();
    }
    b.log.clear();
    b.refuse(3);
    CHECK(b.machine.known().coordinator(group) == broker_id{-1});
    while (b.count(api_key::find_coordinator) == 0)
      b.tick();
    b.answer_coordinator(i < 2 ? 3 : 2);
  }
  b.answer_offsets(2);
  CHECK(f->succeeded());
}

TEST_CASE("a coordinator that no metadata has, and that cannot be reached, is looked for "
          "at a pace",
  "[dispatcher]") {
  // The brokers that are asked have parted from those that still name it.
  ready_bed b;
  const auto f = b.submit(asking_coordinator("g"), 60s);
  const auto until = b.now + 10s;
  int refused = 0;
  int at_once = 0;
  auto last = b.now - 1s;
  while (b.now < until) {
    while (b.count(api_key::find_coordinator) > 0) {
      b.answer_coordinator(4);
      at_once += b.now == last ? 1 : 0;
      last = b.now;
      if (!b.log.empty() && b.log.back() == "connect b4:9092") {
        b.refuse(4);
        REQUIRE(++refused < 100);
      }
    }
    if (b.count(api_key::metadata) > 0)
      b.answer_metadata(ready_bed::usual());
    else
      b.tick();
  }
  CHECK(at_once <= 1); // It may have been an answer of old.
  CHECK(refused >= 10);
  CHECK(refused <= 20);
  CHECK(f->finished == 0);
  // Once it answers, the next trouble is a first one.
  while (b.count(api_key::find_coordinator) == 0)
    b.tick();
  b.answer_coordinator(4);
  b.welcome(4);
  b.answer_offsets(4);
  CHECK(f->succeeded());
  b.submit(asking_coordinator("g"), 60s);
  b.down(4);
  while (b.count(api_key::find_coordinator) == 0)
    b.tick();
  b.answer_coordinator(4);
  while (b.log.back() != "connect b4:9092")
    b.tick();
  const auto now = b.now;
  b.refuse(4);
  CHECK(b.now == now);
  CHECK(b.count(api_key::find_coordinator) == 1);
}

TEST_CASE("a connection that breaks with requests on it may have been a coordinator's",
  "[dispatcher]") {
  coordinated_bed b;
  const auto f = b.submit(asking_coordinator("g"));
  b.down(3);
  CHECK(b.machine.known().coordinator(group) == broker_id{-1});
  while (b.count(api_key::find_coordinator) == 0)
    b.tick();
  b.answer_coordinator(2);
  while (b.count(api_key::list_offsets) == 0)
    b.tick();
  b.answer_offsets(2);
  CHECK(f->succeeded());
}

TEST_CASE("a broker that closes what is idle is still the coordinator", "[dispatcher]") {
  coordinated_bed b;
  b.down(3);
  CHECK(b.machine.known().coordinator(group) == broker_id{3});
}

TEST_CASE("the coordinators in use are asked for at every interval", "[dispatcher]") {
  auto options = bed::plain();
  options.metadata_max_age = 0ms;
  options.coordinator_query_interval = 10s;
  options.topic_idle = 25s;
  coordinated_bed b{options};
  b.pass(10s);
  CHECK(b.answer_coordinator(2) == group);
  CHECK(b.machine.known().coordinator(group) == broker_id{2});
  // An answer that fails leaves what is known.
  b.pass(10s);
  b.answer_coordinator(-1, error_code::group_authorization_failed);
  CHECK(b.machine.known().coordinator(group) == broker_id{2});
  // One that nobody uses any more is forgotten.
  b.pass(10s);
  CHECK(b.count(api_key::find_coordinator) == 0);
  CHECK(b.machine.known().coordinator(group) == broker_id{-1});
  CHECK(b.machine.next_time() == time_point::max());
}

TEST_CASE("a coordinator that the program has asked for is asked for at every interval",
  "[dispatcher]") {
  auto options = bed::plain();
  options.coordinator_query_interval = 100ms;
  options.topic_idle = 10s;
  ready_bed b{options};
  b.machine.submit(b.now, std::make_unique<lookup>(group));
  b.answer_coordinator(3);
  CHECK(lookups_within(b, 2s) == 20);
  // And so it is when calls go to it, without a lookup of their own.
  b.submit(asking_coordinator("g"));
  b.welcome(3);
  b.answer_offsets(3);
  CHECK(lookups_within(b, 2s) >= 19);
  // Once nobody has used it for long, it is not asked for, nor remembered.
  static_cast<void>(lookups_within(b, 20s));
  CHECK(lookups_within(b, 2s) == 0);
  CHECK(b.machine.known().coordinator_count() == 0);
}

TEST_CASE("coordinators are released without another lookup", "[dispatcher]") {
  auto options = bed::plain();
  options.coordinator_query_interval = 0ms;
  ready_bed b{options};
  for (int i = 0; i < 1'000; ++i) {
    b.machine.submit(b.now,
      std::make_unique<lookup>(
        coordinator_of{coordinator_type::group, "g" + std::to_string(i)}));
    b.answer_coordinator(3);
  }
  CHECK(b.machine.known().coordinator_count() == 1'000);
  CHECK(lookups_within(b, 7min) == 0);
  CHECK(b.machine.known().coordinator_count() == 0);
}

TEST_CASE("many coordinators are asked for a few at a time", "[dispatcher]") {
  auto options = bed::plain();
  options.metadata_max_age = 0ms;
  ready_bed b{options};
  for (int i = 0; i < 1'000; ++i) {
    b.machine.submit(b.now,
      std::make_unique<lookup>(
        coordinator_of{coordinator_type::group, "g" + std::to_string(i)}));
    b.answer_coordinator(3);
  }
  while (b.count(api_key::find_coordinator) == 0) {
    b.tick();
    if (b.count(api_key::metadata) > 0)
      b.answer_metadata(ready_bed::usual());
  }
  std::size_t most = 0;
  int count = 0;
  while (b.count(api_key::find_coordinator) > 0) {
    most = std::max(most, b.count(api_key::find_coordinator));
    b.answer_coordinator(3);
    ++count;
  }
  CHECK(count == 1'000);
  CHECK(most <= 100);
}

TEST_CASE("with an interval of zero a coordinator is only asked for when needed",
  "[dispatcher]") {
  auto options = bed::plain();
  options.metadata_max_age = 0ms;
  options.coordinator_query_interval = 0ms;
  coordinated_bed b{options};
  // Later it is looked whether it is still in use, no more.
  CHECK(b.machine.next_time() - b.now >= 1min);
  b.pass(24h);
  CHECK(b.take_log().empty());
}

TEST_CASE(
  "a coordinator outside the metadata is connected to by its address", "[dispatcher]") {
  ready_bed b;
  const auto f = b.submit(asking_coordinator("g"));
  b.answer_coordinator(7);
  CHECK(b.log.back() == "connect b7:9092");
  b.welcome(7);
  b.answer_offsets(7);
  CHECK(f->succeeded());
}

TEST_CASE("an old broker is asked for one group at a time, and not for transactions",
  "[dispatcher]") {
  auto old = versions_up_to();
  old.api_keys = {{2, 0, 1}, {3, 0, 13}, {10, 0, 0}, {18, 0, 4}};
  bed b;
  b.machine.start(b.now);
  b.welcome(1, old);
  b.answer_metadata(about({1}, {}));
  const auto f = b.submit(asking_coordinator("g"));
  CHECK(b.answer_coordinator(1) == group);
  b.answer_offsets(1);
  CHECK(f->succeeded());
  const auto t = b.submit(asking_coordinator("g", coordinator_type::transaction));
  CHECK(t->failed_with(error_code::unsupported_api_version));
  INFO(t->outcome.detail);
  CHECK(t->says("FindCoordinator"));
  CHECK(t->says("transaction"));
}

TEST_CASE("an answer about another group, or without an address, is no coordinator",
  "[dispatcher]") {
  ready_bed b;
  const auto f = b.submit(asking_coordinator("g"));
  const auto asked = b.take(api_key::find_coordinator);
  b.answer(asked, coordinator_at(asked.header.version, "h", 3, address(3)));
  CHECK(f->failed_with(error_code::malformed_response));
  b.pass(1ms);
  const auto again = b.submit(asking_coordinator("g"), 2s);
  while (b.count(api_key::find_coordinator) == 0)
    b.tick();
  const auto second = b.take(api_key::find_coordinator);
  b.answer(second, coordinator_at(second.header.version, "g", 3, {"", 9092}));
  CHECK(again->finished == 0);
  while (b.count(api_key::find_coordinator) == 0)
    b.tick();
  b.answer_coordinator(2);
  b.answer_offsets(2);
  CHECK(again->succeeded());
}

TEST_CASE("a lookup that a full connection does not take is tried again at a pace",
  "[dispatcher]") {
  ready_bed b;
  b.next_send = bed::send_status::full;
  const auto f = b.submit(asking_coordinator("g"));
  for (int i = 0; i < 5; ++i)
    b.tick();
  CHECK(f->finished == 0);
  b.next_send = bed::send_status::queued;
  while (b.count(api_key::find_coordinator) == 0)
    b.tick();
  b.answer_coordinator(2);
  b.answer_offsets(2);
  CHECK(f->succeeded());
}

TEST_CASE("shutting down ends the calls that wait for a coordinator", "[dispatcher]") {
  ready_bed b;
  const auto f = b.submit(asking_coordinator("g"));
  b.machine.shut_down({error_code::closed, {}});
  CHECK(f->failed_with(error_code::closed));
  CHECK(b.machine.pending() == 0);
}
