#pragma once

#include <cafka/protocol/machines/classic_member.hpp>
#include <cafka/protocol/machines/reconciling_member.hpp>

#include <catch2/catch_test_macros.hpp>

#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace member_fixture {

using namespace cafka::protocol;
using namespace std::chrono_literals;

using phase = group_member::phase;
using partitions = std::vector<topic_partition>;

inline partitions of(const std::string& topic, std::initializer_list<int> numbers) {
  partitions all;
  for (const auto n : numbers)
    all.push_back({topic, partition_id{n}});
  return all;
}

/// A member, and a coordinator that a test plays.
template <class Member>
struct member_play {
  explicit member_play(group_member_options options, group_membership before)
    : member(
      [&] {
        options.group = "billing";
        return std::move(options);
      }(),
      std::move(before)) {}

  /// The last effect of a kind, taken out of what there is.
  template <class Effect>
  std::optional<Effect> took() {
    for (auto& e : member.take_effects())
      log.push_back(std::move(e));
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
  /// What it tells people, one after the other.
  std::vector<std::string> words() {
    for (auto& e : member.take_effects())
      log.push_back(std::move(e));
    std::vector<std::string> all;
    std::erase_if(log, [&](auto& e) {
      auto* const x = std::get_if<group_member::told>(&e);
      if (x != nullptr)
        all.push_back(std::move(x->text));
      return x != nullptr;
    });
    return all;
  }

  void pass(std::chrono::milliseconds time) {
    const auto until = now + time;
    while (member.next_time() <= until) {
      now = std::max(now, member.next_time());
      member.on_time(now);
      const auto before = member.next_time();
      if (before <= now)
        break;
    }
    now = until;
    member.on_time(now);
  }

  /// An effect that time brings.
  template <class Effect>
  Effect wait_for() {
    for (int i = 0; i != 1'000; ++i) {
      if (auto found = took<Effect>())
        return *std::move(found);
      pass(100ms);
    }
    FAIL("it does not come");
    return {};
  }

  time_point now{1h};
  Member member;
  std::vector<group_member::effect> log;
};

struct classic_play : member_play<classic_member> {
  explicit classic_play(std::vector<assignor> by = {cooperative_sticky_assignor()},
    group_membership before = {}, group_member_options how = {})
    : member_play(
      [&] {
        how.assignors = std::move(by);
        return std::move(how);
      }(),
      std::move(before)) {}

  join_group_response joined(std::int32_t generation, bool leader = false) {
    join_group_response r;
    r.generation_id = generation;
    r.protocol_name = "cooperative-sticky";
    r.member_id = "m1";
    r.leader = leader ? "m1" : "m2";
    return r;
  }
  sync_group_response synced(const partitions& all) {
    consumer_assignment a;
    for (const auto& p : all) {
      if (a.partitions.empty() || a.partitions.back().topic != p.topic)
        a.partitions.push_back({p.topic, {}});
      a.partitions.back().partitions.push_back(p.partition);
    }
    sync_group_response r;
    r.assignment = shared_bytes::copy_of(*to_assignment(a));
    return r;
  }
  /// One rebalance, in which it is not the leader.
  void rebalance(std::int32_t generation, const partitions& all) {
    member.on_joined(now, take<classic_member::send_join>().request, joined(generation));
    member.on_synced(now, take<classic_member::send_sync>().request, synced(all));
  }
  void be_member(const partitions& all = of("orders", {0, 1})) {
    member.subscribe(now, {"orders"});
    rebalance(1, all);
    REQUIRE(member.state() == phase::stable);
    CHECK(take<classic_member::assigned>().partitions == all);
  }
  classic_member::send_heartbeat next_beat() {
    return wait_for<classic_member::send_heartbeat>();
  }
  void beat(error_code answer) { member.on_heartbeat(now, next_beat().request, answer); }

  // What tests of both protocols ask for.

  static classic_play after(const group_membership& before) {
    return classic_play{{cooperative_sticky_assignor()}, before};
  }
  void keep_alive() { beat(error_code::none); }
  void throw_out() { beat(error_code::unknown_member_id); }
  /// The group leaves it these.
  void shrink(const partitions& to) {
    beat(error_code::rebalance_in_progress);
    rebalance(member.membership().generation + 1, to);
  }
  void fail_beat(const error& why) { member.on_failure(now, next_beat().request, why); }
  bool joins() { return took<classic_member::send_join>().has_value(); }
  std::optional<std::uint64_t> farewell() {
    const auto sent = took<classic_member::send_leave>();
    return sent ? std::optional{sent->request} : std::nullopt;
  }
  void answer_farewell(std::uint64_t request, error_code answer = error_code::none) {
    member.on_left(now, request, answer);
  }
};

/// The id of a topic in tests.
inline uuid id_of(const std::string& topic, std::uint8_t life = 1) {
  uuid id;
  for (std::size_t i = 0; i != topic.size() && i != 15; ++i)
    id.bytes[i] = static_cast<std::uint8_t>(topic[i]);
  id.bytes[15] = life;
  return id;
}

struct consumer_play : member_play<reconciling_member> {
  using sent = group_member::send_consumer_heartbeat;

  explicit consumer_play(group_member_options how = {}, group_membership before = {})
    : member_play(
      [&] {
        how.own_id = "own";
        return std::move(how);
      }(),
      std::move(before)) {}

  static consumer_group_heartbeat_response answer(std::int32_t epoch) {
    consumer_group_heartbeat_response r;
    r.member_id = "own";
    r.member_epoch = epoch;
    r.heartbeat_interval_ms = 5'000;
    return r;
  }
  static consumer_group_heartbeat_response answer(
    std::int32_t epoch, const partitions& all) {
    auto r = answer(epoch);
    auto& to = r.assignment.emplace().topic_partitions;
    for (const auto& p : all) {
      if (to.empty() || to.back().topic_id != id_of(p.topic))
        to.push_back({id_of(p.topic), {}});
      to.back().partitions.push_back(p.partition);
    }
    return r;
  }
  static consumer_group_heartbeat_response refusal(error_code why) {
    consumer_group_heartbeat_response r;
    r.error_code = why;
    return r;
  }
  void know(const std::string& topic) {
    member.on_topic_names(now, 0, {{id_of(topic), topic}});
  }
  void be_member(const partitions& all = of("orders", {0, 1})) {
    member.subscribe(now, {"orders"});
    know("orders");
    member.on_heartbeat(now, take<sent>().request, answer(1, all));
    REQUIRE(member.state() == phase::stable);
    CHECK(take<group_member::assigned>().partitions == all);
  }
  sent next_beat() { return wait_for<sent>(); }
  void beat(const consumer_group_heartbeat_response& with) {
    member.on_heartbeat(now, next_beat().request, with);
  }
  [[nodiscard]] std::int32_t epoch() const { return member.membership().generation; }

  // What tests of both protocols ask for.

  static consumer_play after(const group_membership& before) {
    return consumer_play{{}, before};
  }
  void keep_alive() { beat(answer(epoch())); }
  void throw_out() { beat(refusal(error_code::unknown_member_id)); }
  void shrink(const partitions& to) { beat(answer(epoch(), to)); }
  void fail_beat(const error& why) { member.on_failure(now, next_beat().request, why); }
  bool joins() {
    const auto found = took<sent>();
    return found && found->what.member_epoch == 0;
  }
  std::optional<std::uint64_t> farewell() {
    const auto found = took<sent>();
    return found && found->what.member_epoch < 0 ? std::optional{found->request}
                                                 : std::nullopt;
  }
  void answer_farewell(std::uint64_t request, error_code code = error_code::none) {
    auto r = answer(-1);
    r.error_code = code;
    member.on_heartbeat(now, request, r);
  }
};

} // namespace member_fixture
