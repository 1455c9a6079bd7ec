#include <cafka/protocol/machines/offset_keeper.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>
#include <optional>

using namespace cafka::protocol;
using namespace std::chrono_literals;

namespace {

const topic_partition first{"orders", 0};
const topic_partition second{"orders", 1};

struct keeper_play {
  explicit keeper_play(bool automatic = true)
    : keeper([&] {
        offset_keeper_options o;
        o.group = "billing";
        o.automatic = automatic;
        return o;
      }()) {
    keeper.adopt(first, 0);
    keeper.adopt(second, 0);
  }

  void look(bool may_commit = true) {
    keeper.on_time(now);
    keeper.decide(now, may_commit);
    for (auto& e : keeper.take_effects())
      log.push_back(std::move(e));
  }
  template <class Effect>
  std::optional<Effect> took() {
    std::optional<Effect> found;
    std::erase_if(log, [&](auto& e) {
      auto* const x = std::get_if<Effect>(&e);
      if (x != nullptr)
        found = std::move(*x);
      return x != nullptr;
    });
    return found;
  }
  template <class Effect>
  Effect take() {
    auto found = took<Effect>();
    REQUIRE(found);
    return *std::move(found);
  }
  offset_keeper::send_fetch next_fetch() {
    for (int i = 0; i != 10; ++i) {
      now = std::max(now, keeper.next_time(true));
      look();
      if (auto found = took<offset_keeper::send_fetch>())
        return *std::move(found);
    }
    FAIL("it does not ask");
    return {};
  }
  void answer(const offset_keeper::send_commit& sent, error_code e = error_code::none) {
    offset_commit_response r;
    r.topics.emplace_back().name = "orders";
    for (const auto& o : sent.all)
      r.topics[0].partitions.push_back({o.which.partition, e});
    keeper.on_committed(now, sent.request, r);
    look();
  }

  time_point now{1h};
  offset_keeper keeper;
  std::vector<offset_keeper::effect> log;
};

} // namespace

TEST_CASE("what is acknowledged is committed by time, and by count", "[groups]") {
  keeper_play k;
  k.keeper.acknowledge(k.now, first, 10, 3, 10);
  k.look();
  CHECK_FALSE(k.took<offset_keeper::send_commit>());
  CHECK(k.keeper.next_time(true) == k.now + 5s);
  SECTION("by time") {
    k.now += 5s;
    k.look();
  }
  SECTION("by count") {
    k.keeper.acknowledge(k.now, first, 100, 3, 90);
    k.look();
  }
  const auto sent = k.take<offset_keeper::send_commit>();
  REQUIRE(sent.all.size() == 1);
  CHECK(sent.all[0].epoch == 3);
  // One at a time, and the next goes on from where it was.
  k.keeper.acknowledge(k.now, first, 300, 4, 200);
  k.keeper.acknowledge(k.now, second, 50, 4, 50);
  k.look();
  CHECK_FALSE(k.took<offset_keeper::send_commit>());
  k.answer(sent);
  CHECK(k.keeper.committed_of(first) == sent.all[0].offset);
  const auto next = k.take<offset_keeper::send_commit>();
  CHECK(next.all.size() == 2);
}

TEST_CASE("offsets never go back, unless the program has", "[groups]") {
  keeper_play k;
  k.keeper.acknowledge(k.now, first, 100, 1, 100);
  k.look();
  k.answer(k.take<offset_keeper::send_commit>());
  k.keeper.acknowledge(k.now, first, 40, 1, 200);
  k.now += 10s;
  k.look();
  CHECK_FALSE(k.took<offset_keeper::send_commit>());
  k.keeper.sought(first);
  k.keeper.acknowledge(k.now, first, 40, 1, 200);
  k.look();
  CHECK(k.take<offset_keeper::send_commit>().all[0].offset == log_offset{40});
}

TEST_CASE(
  "a commit by hand ends with its offset, its error, or its deadline", "[groups]") {
  keeper_play k{false};
  k.keeper.acknowledge(k.now, first, 10, 1, 10);
  k.now += 1min;
  k.look();
  CHECK_FALSE(k.took<offset_keeper::send_commit>());
  CHECK(k.keeper.next_time(true) == time_point::max());
  k.keeper.commit(k.now, 7, k.now + 10s);
  k.look();
  const auto sent = k.take<offset_keeper::send_commit>();
  SECTION("committed") {
    k.answer(sent);
    const auto end = k.take<offset_keeper::commit_ended>();
    CHECK(end.id == 7);
    CHECK_FALSE(end.outcome);
    // There is nothing more to commit.
    k.keeper.commit(k.now, 8, k.now + 10s);
    k.look();
    CHECK_FALSE(k.take<offset_keeper::commit_ended>().outcome);
  }
  SECTION("refused") {
    k.answer(sent, error_code::offset_metadata_too_large);
    CHECK(k.take<offset_keeper::commit_ended>().outcome.code
      == error_code::offset_metadata_too_large);
    CHECK(k.took<offset_keeper::told>());
    k.now += 1min;
    k.look();
    CHECK_FALSE(k.took<offset_keeper::send_commit>());
  }
  SECTION("gone to another member") {
    k.keeper.remove(first);
    k.look();
    CHECK(k.take<offset_keeper::commit_ended>().outcome.code
      == error_code::rebalance_in_progress);
  }
  SECTION("too late") {
    k.keeper.on_failure(k.now, sent.request, {error_code::timed_out, "no answer"});
    k.now += 10s;
    k.look(false);
    const auto end = k.take<offset_keeper::commit_ended>();
    CHECK(end.outcome.code == error_code::timed_out);
    CHECK(end.outcome.detail.find("no answer") != std::string::npos);
  }
}

TEST_CASE(
  "what is said of the member goes to the member, and is committed later", "[groups]") {
  keeper_play k;
  k.keeper.acknowledge(k.now, first, 100, 1, 100);
  k.look();
  const auto sent = k.take<offset_keeper::send_commit>();
  const auto e = GENERATE(error_code::rebalance_in_progress,
    error_code::illegal_generation, error_code::unknown_member_id);
  k.answer(sent, e);
  CHECK(k.take<offset_keeper::refused>().why == e);
  k.now += 2s;
  k.look(false);
  CHECK_FALSE(k.took<offset_keeper::send_commit>());
  k.look(true);
  CHECK(k.take<offset_keeper::send_commit>().all[0].offset == log_offset{100});
}

TEST_CASE("before a partition goes all of it is committed at once", "[groups]") {
  keeper_play k;
  k.keeper.acknowledge(k.now, first, 10, 1, 10);
  CHECK_FALSE(k.keeper.is_clean({first}));
  CHECK(k.keeper.is_clean({second}));
  k.keeper.flush({first});
  k.look();
  const auto sent = k.take<offset_keeper::send_commit>();
  CHECK_FALSE(k.keeper.is_clean({first}));
  SECTION("committed") {
    k.answer(sent);
  }
  SECTION("a topic that is gone keeps nobody") {
    k.answer(sent, error_code::unknown_topic_or_partition);
  }
  CHECK(k.keeper.is_clean({first}));
}

TEST_CASE("reading does not begin of what is being given up", "[groups]") {
  keeper_play k;
  const topic_partition third{"orders", 2};
  k.keeper.add(k.now, third);
  k.look();
  const auto asked = k.take<offset_keeper::send_fetch>();
  k.keeper.hold({third});
  k.keeper.on_fetched(k.now, asked.request, {{third, 7, 1, error_code::none}});
  k.look();
  CHECK_FALSE(k.took<offset_keeper::begins>());
  CHECK_FALSE(k.took<offset_keeper::send_fetch>());
  CHECK(k.keeper.next_time(true) == time_point::max());
  SECTION("it is kept") {
    k.keeper.keep({third});
    k.look();
    k.keeper.on_fetched(k.now, k.take<offset_keeper::send_fetch>().request,
      {{third, 8, 1, error_code::none}});
    k.look();
    CHECK(k.take<offset_keeper::begins>().offset == log_offset{8});
  }
  SECTION("it goes") {
    CHECK(k.keeper.is_clean({third}));
    k.keeper.remove(third);
    k.look();
    CHECK_FALSE(k.took<offset_keeper::send_fetch>());
  }
}

TEST_CASE("only an answer says that there is no offset", "[groups]") {
  keeper_play k;
  const topic_partition fresh{"orders", 2};
  const topic_partition other{"orders", 3};
  k.keeper.add(k.now, fresh);
  k.keeper.add(k.now, other);
  k.look();
  const auto asked = k.take<offset_keeper::send_fetch>();
  CHECK(asked.all.size() == 2);
  // One partition's failure leaves the other alone.
  k.keeper.on_fetched(k.now, asked.request,
    {{fresh, -1, -1, error_code::unstable_offset_commit}, {other, -1, -1, {}}});
  k.look();
  const auto begins = k.take<offset_keeper::begins>();
  CHECK(begins.which == other);
  CHECK_FALSE(begins.offset);
  for (int i = 0; i != 20; ++i) {
    CAPTURE(i);
    const auto again = k.next_fetch();
    CHECK(again.all == std::vector{fresh});
    if (i % 2 == 0)
      k.keeper.on_failure(k.now, again.request, {error_code::disconnected, {}});
    else
      k.keeper.on_fetched(
        k.now, again.request, {{fresh, -1, -1, error_code::unstable_offset_commit}});
  }
  CHECK_FALSE(k.took<offset_keeper::begins>());
  CHECK(k.keeper.why_waiting().find("1 partitions") != std::string::npos);
  k.keeper.on_fetched(k.now, k.next_fetch().request, {{fresh, 42, 5, {}}});
  k.look();
  CHECK(k.take<offset_keeper::begins>().offset == log_offset{42});
  CHECK(k.keeper.committed_of(fresh) == log_offset{42});
}
