// Lives of a transaction machine with a coordinator that fails, by seed.

#include <cafka/protocol/machines/transaction_machine.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>

using namespace cafka::protocol;
using namespace std::chrono_literals;

namespace {

using machine = transaction_machine;
using outcome = transaction_outcome::state;

/// What Kafka's coordinator does, of one transactional id.
struct coordinator {
  enum class state { empty, open, preparing, complete };
  struct reply {
    error_code code = error_code::none;
    producer_identity next = {};
  };

  explicit coordinator(bool second) : v2(second) {}

  void look(time_point now) {
    if (is == state::preparing && done_at <= now)
      is = state::complete;
    if (is == state::open && now >= opened + 60s)
      prepare(now, false, true);
  }
  void prepare(time_point now, bool commit, bool bump) {
    (commit ? committed : aborted).insert(number);
    is = state::preparing;
    commits = commit;
    done_at = now + 15ms;
    // Before the second generation it forgets whom it has fenced (KIP-588 is not there).
    last = bump && v2 ? self : producer_identity{};
    self.epoch = static_cast<std::int16_t>(self.epoch + (bump ? 1 : 0));
  }
  reply init(time_point now, producer_identity as) {
    look(now);
    const auto again = as.id >= 0 && as == last;
    if (as.id >= 0 && as != self && !again)
      return {error_code::producer_fenced};
    if (is == state::preparing)
      return {error_code::concurrent_transactions};
    if (is == state::open) {
      prepare(now, false, true);
      return {error_code::concurrent_transactions};
    }
    is = state::empty;
    if (!again) {
      last = as;
      ++self.epoch;
    }
    return {error_code::none, self};
  }
  /// A partition or a group is added, by a transaction of the program's.
  reply add(time_point now, producer_identity as, std::uint64_t of) {
    look(now);
    if (as != self)
      return {v2 ? error_code::invalid_producer_epoch : error_code::producer_fenced};
    if (is == state::preparing)
      return {error_code::concurrent_transactions};
    if (is != state::open) {
      is = state::open;
      opened = now;
      number = of;
    }
    // Two transactions of the program are never one of the coordinator.
    CHECK(number == of);
    return {};
  }
  reply end(time_point now, producer_identity as, bool commit) {
    look(now);
    const auto again = v2 && as == last && last.id >= 0;
    if (as != self && !again)
      return {error_code::producer_fenced};
    switch (is) {
    case state::open: prepare(now, commit, v2); return {error_code::none, told()};
    case state::preparing:
      return {commit == commits ? error_code::concurrent_transactions
                                : error_code::invalid_txn_state};
    case state::complete:
      if (commit == commits && (!v2 || again))
        return {error_code::none, told()};
      if (!v2 || commit || again)
        return {error_code::invalid_txn_state};
      break;
    case state::empty:
      if (!v2 || commit)
        return {error_code::invalid_txn_state};
      break;
    }
    // Of the second generation an abort of nothing raises the epoch.
    last = self;
    ++self.epoch;
    is = state::complete;
    commits = false;
    return {error_code::none, told()};
  }
  [[nodiscard]] producer_identity told() const { return v2 ? self : producer_identity{}; }

  const bool v2;
  state is = state::empty;
  bool commits = false;
  producer_identity self{7, 0};
  producer_identity last;
  time_point opened;
  time_point done_at;
  std::uint64_t number = 0;
  std::set<std::uint64_t> committed;
  std::set<std::uint64_t> aborted;
};

/// A producer's program, its machine, and the way between that and the coordinator.
struct life {
  explicit life(std::uint64_t seed)
    : random(static_cast<std::minstd_rand::result_type>(seed * 7'919 + 1)),
      there(draw(2) == 0) {
    renew();
  }

  std::uint64_t draw(std::uint64_t below) { return random() / 7 % below; }
  bool chance(std::uint64_t percent) { return draw(100) < percent; }

  void renew() {
    transaction_machine_options o;
    o.transactional_id = "t";
    o.seed = random();
    before += m ? m->number() : 0;
    m = std::make_unique<machine>(o);
    m->learn({there.v2, true});
    m->start(now);
  }
  [[nodiscard]] std::uint64_t number() const { return before + m->number(); }

  void at(std::chrono::milliseconds later, std::function<void()> what) {
    agenda.emplace(now + later, [this, what, mine = m.get()] {
      if (mine == m.get())
        what();
    });
  }

  using carry = std::function<coordinator::reply()>;
  using tell = std::function<void(coordinator::reply)>;
  /// A request goes there, and its answer comes back, if they do.
  void send(std::uint64_t request, carry what, tell back) {
    const auto there_in = std::chrono::milliseconds{draw(20)};
    const auto back_in = std::chrono::milliseconds{draw(20)};
    const auto fate = faults ? draw(100) : 99;
    at(there_in, [=, this] {
      const auto lose = [&](error_code e) {
        at(back_in, [=, this] { m->on_failure(now, request, {e, "lost"}); });
      };
      if (fate < 10) {
        lose(error_code::disconnected); // It did not arrive.
      } else if (fate < 15) {
        lose(error_code::timed_out); // It was not sent.
      } else if (fate < 25) {
        what();
        lose(error_code::outcome_unknown);
      } else if (fate < 35) {
        what();
        at(back_in, [=] { back({error_code::coordinator_not_available, {}}); });
      } else if (fate < 45) {
        const auto code = fate % 2 == 0 ? error_code::not_coordinator
                                        : error_code::coordinator_load_in_progress;
        at(back_in, [=] { back({code, {}}); });
      } else if (fate < 48) {
        what();
        at(back_in, [=] { back({error_code::unknown_server_error, {}}); });
      } else {
        const auto answer = what();
        at(back_in, [=] { back(answer); });
      }
    });
  }

  void act(const machine::send_init& x) {
    send(
      x.request, [=, this] { return there.init(now, x.as); },
      [=, this](auto r) { m->on_init(now, x.request, r.code, r.next); });
  }
  void act(const machine::send_partitions& x) {
    send(
      x.request, [=, this, of = number()] { return there.add(now, x.as, of); },
      [=, this](auto r) {
        std::vector<machine::answer> all;
        for (const auto& which : x.all)
          all.push_back({which, r.code});
        m->on_answers(now, x.request, all);
      });
  }
  void act(const machine::send_group& x) {
    send(
      x.request, [=, this, of = number()] { return there.add(now, x.as, of); },
      [=, this](auto r) { m->on_group(now, x.request, r.code); });
  }
  void act(const machine::send_offset_commit& x) {
    const auto carried = [=, this, of = number()] {
      return x.v2 ? there.add(now, x.as, of) : coordinator::reply{};
    };
    send(x.request, carried, [=, this](auto r) {
      m->on_answers(now, x.request, {{x.all[0].which, r.code}});
    });
  }
  void act(const machine::send_end& x) {
    CHECK(in_flight == 0);
    send(
      x.request, [=, this] { return there.end(now, x.as, x.commit); },
      [=, this](auto r) { m->on_end(now, x.request, r.code, r.next); });
  }
  void act(const machine::identified& x) { as = x.as; }
  void act(const machine::admitted& x) {
    for (const auto& which : x.all)
      produce(which);
  }
  void act(const machine::settle& x) {
    if (x.why)
      waiting.clear();
    settles = true;
    settle_if_done();
  }
  void act(const machine::begun& x) { got_begun = x.outcome; }
  void act(const machine::offsets_sent&) {}
  void act(const machine::ended& x) { got = x.outcome; }
  void act(const machine::failed&) { has_failed = true; }
  void act(const machine::told&) {}

  void write(const topic_partition& which) {
    if (m->admit(now, which))
      produce(which);
    else if (m->takes_records())
      waiting.insert(which);
  }
  /// A batch is sent until it has an outcome.
  void produce(const topic_partition& which) {
    waiting.erase(which);
    ++in_flight;
    attempt(6, as, number());
  }
  void attempt(int left, producer_identity with, std::uint64_t of) {
    const auto lost = faults && chance(15);
    at(std::chrono::milliseconds{1 + draw(20)}, [=, this] {
      auto code = lost ? error_code::request_timed_out : error_code::none;
      if (there.v2 && !lost)
        code = there.add(now, with, of).code;
      else if (there.v2 && chance(50))
        there.add(now, with, of);
      if (is_retriable(code) && left > 0) {
        attempt(left - 1, with, of);
        return;
      }
      --in_flight;
      if (code != error_code::none)
        m->on_batch_failed(now, {code, "orders"});
      settle_if_done();
    });
  }
  void settle_if_done() {
    if (settles && in_flight == 0 && waiting.empty()) {
      settles = false;
      m->on_settled(now, !chance(10));
    }
  }

  void carry_out() {
    while (m->has_effects()) {
      for (const auto& e : m->take_effects())
        std::visit([&](const auto& x) { act(x); }, e);
    }
  }
  void run(std::chrono::milliseconds most, const std::function<bool()>& until) {
    const auto end = now + most;
    carry_out();
    for (int steps = 0; !until(); ++steps) {
      REQUIRE(steps < 100'000);
      const auto due = std::min(
        m->next_time(), agenda.empty() ? time_point::max() : agenda.begin()->first);
      if (due > end) {
        now = end;
        return;
      }
      now = std::max(now, due);
      if (!agenda.empty() && agenda.begin()->first <= now) {
        const auto what = std::move(agenda.begin()->second);
        agenda.erase(agenda.begin());
        what();
      } else {
        m->on_time(now);
      }
      carry_out();
    }
  }

  /// One transaction, from its begin to its outcome. False: it did not begin.
  bool transact(std::chrono::milliseconds deadline) {
    got_begun.reset();
    got.reset();
    m->begin(now, ++id, now + deadline);
    run(2 * deadline, [&] { return got_begun.has_value(); });
    REQUIRE(got_begun);
    if (*got_begun)
      return false;
    waiting.clear();
    settles = false;
    const auto mine = number();
    for (auto n = draw(4); n > 0; --n) {
      write({"orders", static_cast<std::int32_t>(draw(3))});
      run(std::chrono::milliseconds{draw(30)}, [&] { return has_failed; });
    }
    if (chance(40))
      m->send_offsets(
        now, ++id, {"billing", 1, "m", {}}, {{{"in", 0}, 10, 1}}, now + deadline);
    const auto overdue = faults && chance(2);
    if (overdue)
      run(70s, [] { return false; });
    const auto commit = chance(80);
    m->end(now, ++id, commit, now + deadline);
    run(2 * deadline, [&] { return got.has_value(); });
    REQUIRE(got);
    told.emplace_back(mine, got->what);
    ++tally[got->what];
    if (!faults && !has_failed)
      CHECK(got->what == (commit && !got->why ? outcome::committed : outcome::aborted));
    CHECK((commit || got->what == outcome::aborted));
    return true;
  }

  std::minstd_rand random;
  coordinator there;
  time_point now{1h};
  std::unique_ptr<machine> m;
  std::multimap<time_point, std::function<void()>> agenda;
  producer_identity as;
  std::uint64_t before = 0;
  std::size_t in_flight = 0;
  std::set<topic_partition> waiting;
  bool settles = false;
  bool faults = true;
  bool has_failed = false;
  machine::operation_id id = 0;
  std::optional<error> got_begun;
  std::optional<transaction_outcome> got;
  std::vector<std::pair<std::uint64_t, outcome>> told;
  std::map<outcome, int> tally;
};

} // namespace

TEST_CASE("what a producer is told of its transactions is so, whatever fails, by seed",
  "[transactions]") {
  std::map<outcome, int> all;
  int failures = 0;
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    INFO("seed " << seed);
    life l{seed};
    for (int round = 0; round != 30; ++round) {
      l.faults = round < 25;
      if (!l.faults) // What was begun in the time of faults comes to its end.
        l.run(90s, [&] { return l.m->state() == machine::phase::ready || l.has_failed; });
      const auto went = l.transact(l.chance(50) ? 400ms : 5s);
      if (l.has_failed) {
        INFO("failed: " << to_string(l.m->why()));
        // It is alone: nothing but its own time can end it.
        CHECK(l.m->why().code == error_code::transaction_timed_out);
        CHECK_FALSE(l.there.v2);
        ++failures;
        l.has_failed = false;
        l.in_flight = 0;
        l.renew();
      } else if (!l.faults) {
        CHECK(went);
      }
    }
    l.run(10s, [] { return false; });
    CHECK(l.there.is != coordinator::state::open);
    for (const auto& [number, what] : l.told) {
      INFO("transaction " << number);
      if (what == outcome::aborted)
        CHECK_FALSE(l.there.committed.contains(number));
      if (what == outcome::committed)
        CHECK_FALSE(l.there.aborted.contains(number));
      ++all[what];
    }
  }
  // They are lives in which much happens.
  CHECK(all[outcome::committed] > 1'000);
  CHECK(all[outcome::aborted] > 1'000);
  CHECK(all[outcome::unknown] > 50);
  CHECK(failures > 10);
}
