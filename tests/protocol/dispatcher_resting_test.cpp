#include "dispatcher_fixture.hpp"

#include <set>

using namespace dispatcher_fixture;
using lines = bed::lines;

namespace {

call::traits resting_at_leader(milliseconds answer_timeout = 60s) {
  return resting(asking_leader("t"), answer_timeout);
}

/// Says the same of every ListOffsets that waits for an answer, one after the other.
void answer_all(bed& b) {
  while (b.count(api_key::list_offsets) > 0)
    b.answer_offsets(-1);
}

std::size_t connects(const bed& b) {
  return static_cast<std::size_t>(std::ranges::count(b.log, "connect b2:9092"));
}

} // namespace

TEST_CASE("a request that rests has a connection for itself", "[dispatcher]") {
  ready_bed b;
  const auto one = b.submit(resting_at_leader());
  const auto two = b.submit(resting_at_leader());
  CHECK(b.take_log() == lines{"connect b2:9092", "connect b2:9092"});
  b.welcome(2);
  CHECK(one->encoded + two->encoded == 1);
  b.welcome_all(2);
  REQUIRE(b.requests.size() == 2);
  CHECK(b.requests[0].connection != b.requests[1].connection);
  // The second is answered though the first is not; what is answered at once passes both.
  b.answer(b.requests[1], offsets());
  b.requests.pop_back();
  const auto normal = b.submit(asking_leader("t"));
  b.answer(b.requests.back(), offsets());
  CHECK(normal->succeeded());
  CHECK(one->finished + two->finished == 1);
  answer_all(b);
  CHECK(one->succeeded());
  CHECK(two->succeeded());
}

TEST_CASE("a connection on which nothing rests any more is used again", "[dispatcher]") {
  ready_bed b;
  for (int i = 0; i < 3; ++i) {
    const auto f = b.submit(resting_at_leader());
    if (i == 0)
      b.welcome(2);
    b.answer_offsets(2);
    CHECK(f->succeeded());
  }
  CHECK(connects(b) == 1);
}

TEST_CASE(
  "one that was given up still rests: its connection is not free", "[dispatcher]") {
  ready_bed b;
  const auto f = b.submit(resting_at_leader(), 1s);
  b.welcome(2);
  b.pass(1s);
  CHECK(f->failed_with(error_code::timed_out));
  b.log.clear();
  b.submit(resting_at_leader());
  CHECK(b.take_log() == lines{"connect b2:9092"});
  // Once its answer has come it is.
  b.answer_offsets(2);
  b.welcome(2);
  b.submit(resting_at_leader());
  CHECK(connects(b) == 0);
}

TEST_CASE("beyond the limit the requests that rest share, the least loaded first",
  "[dispatcher]") {
  auto options = bed::plain();
  options.max_resting = 3;
  ready_bed b{options};
  std::vector<std::shared_ptr<fate>> all;
  for (int i = 0; i < 3; ++i) {
    all.push_back(b.submit(resting_at_leader()));
    b.welcome(2);
  }
  CHECK(connects(b) == 3);
  for (int i = 0; i < 6; ++i)
    all.push_back(b.submit(resting_at_leader()));
  CHECK(connects(b) == 3);
  std::map<std::uint64_t, int> load;
  for (const auto& r : b.requests)
    ++load[r.connection];
  CHECK(load.size() == 3);
  for (const auto& [connection, count] : load)
    CHECK(count == 3);
  answer_all(b);
  for (const auto& f : all)
    CHECK(f->succeeded());
}

TEST_CASE(
  "idle connections of the resting lane are closed, others are not", "[dispatcher]") {
  auto options = bed::plain();
  options.metadata_max_age = 0ms;
  ready_bed b{options};
  for (int i = 0; i < 2; ++i) {
    b.submit(resting_at_leader());
    b.welcome(2);
  }
  answer_all(b);
  REQUIRE(b.machine.connections().size() == 4);
  b.log.clear();
  b.pass(29s);
  CHECK(b.take_log().empty());
  const auto still = b.submit(resting_at_leader());
  b.tick();
  CHECK(b.take_log() == lines{"b2:9092 ListOffsets", "disconnect b2:9092"});
  CHECK(b.machine.connections().size() == 3);
  CHECK(b.machine.connected());
  b.answer_offsets(2);
  CHECK(still->succeeded());
  b.pass(30s);
  CHECK(b.machine.connections().size() == 2);
  CHECK(b.machine.next_time() == time_point::max());
}

TEST_CASE("a broker that refuses is tried by one of those that would rest there",
  "[dispatcher]") {
  ready_bed b;
  const auto first = b.submit(resting_at_leader(), 5s);
  b.refuse(2);
  std::vector<std::shared_ptr<fate>> all{first};
  for (int i = 0; i < 20; ++i)
    all.push_back(b.submit(resting_at_leader(), 5s));
  b.log.clear();
  std::size_t tried = 0;
  while (first->finished == 0) {
    if (!b.log.empty() && b.log.back() == "connect b2:9092") {
      ++tried;
      b.log.clear();
      b.refuse(2);
    } else if (b.count(api_key::metadata) > 0) {
      b.answer_metadata(ready_bed::usual());
    } else {
      b.tick();
    }
  }
  CHECK(tried >= 3);
  CHECK(tried <= 12);
  for (const auto& f : all) {
    CHECK(f->failed_with(error_code::timed_out));
    CHECK(f->says("no connection to broker 2 (CONNECTION_FAILED"));
  }
}

TEST_CASE("when it is back all of those that waited rest at once", "[dispatcher]") {
  ready_bed b;
  std::vector<std::shared_ptr<fate>> all{b.submit(resting_at_leader(), 10s)};
  b.refuse(2);
  b.log.clear();
  for (int i = 0; i < 4; ++i)
    all.push_back(b.submit(resting_at_leader(), 10s));
  while (b.log.empty() || b.log.back() != "connect b2:9092") {
    if (b.count(api_key::metadata) > 0)
      b.answer_metadata(ready_bed::usual());
    else
      b.tick();
  }
  b.welcome_all(2);
  CHECK(b.count(api_key::list_offsets) == 5);
  std::set<std::uint64_t> used;
  for (const auto& r : b.requests)
    used.insert(r.connection);
  CHECK(used.size() == 5);
  answer_all(b);
  for (const auto& f : all)
    CHECK(f->succeeded());
}

TEST_CASE(
  "a broker may rest as long as the request lets it, and no longer", "[dispatcher]") {
  ready_bed b;
  const auto f = b.submit(resting_at_leader(20s), 100s);
  b.welcome(2);
  b.pass(29s);
  CHECK(b.take_log().back() != "disconnect b2:9092");
  b.pass(1s);
  const auto log = b.take_log();
  CHECK(std::ranges::find(log, "disconnect b2:9092") != log.end());
  CHECK(f->finished == 0);
}
