#include <cafka/protocol/machines/partition_processor.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

using namespace cafka::protocol;
using namespace std::chrono_literals;
using phase = partition_processor::phase;

namespace {

partition_processor_options some_options() {
  partition_processor_options o;
  o.which = {"orders", partition_id{3}};
  o.retry_backoff = {100ms, 1'000ms, 0};
  return o;
}

const error no_customer{error_code::worker_down, "no such customer"};

/// A processor in virtual time, and what it wants done.
struct play {
  explicit play(partition_processor_options o = some_options()) : processor(now, o) {
    processor.on_up(now);
  }

  template <class Effect>
  std::optional<Effect> took() {
    for (auto& e : processor.take_effects())
      log.push_back(std::move(e));
    std::optional<Effect> found;
    std::erase_if(log, [&](auto& e) {
      auto* const x = found ? nullptr : std::get_if<Effect>(&e);
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
  void offer(std::int64_t first, std::int64_t next) {
    take<partition_processor::want_batch>();
    processor.offer(now,
      {log_offset{first}, log_offset{next}, 7, static_cast<std::uint64_t>(next - first)});
  }
  partition_processor::give given(std::int64_t from, std::size_t most) {
    const auto g = take<partition_processor::give>();
    CHECK(g.from == log_offset{from});
    CHECK(g.most == most);
    return g;
  }
  void acknowledged(std::int64_t next, std::uint64_t records) {
    const auto a = take<partition_processor::acknowledge>();
    CHECK(a.next == log_offset{next});
    CHECK(a.records == records);
    CHECK(a.epoch == 7);
  }
  /// The time until the next attempt.
  time_point::duration wait() {
    const auto at = processor.next_time();
    REQUIRE(at != time_point::max());
    const auto waited = at - now;
    now = at;
    processor.on_time(now);
    return waited;
  }
  bool nothing() {
    for (auto& e : processor.take_effects())
      log.push_back(std::move(e));
    return std::ranges::all_of(log,
      [](const auto& e) { return std::holds_alternative<partition_processor::told>(e); });
  }
  std::size_t told(log_level level) {
    return static_cast<std::size_t>(std::ranges::count_if(log, [&](const auto& e) {
      const auto* t = std::get_if<partition_processor::told>(&e);
      return t != nullptr && t->level == level;
    }));
  }

  time_point now{1'000h};
  partition_processor processor;
  std::vector<partition_processor::effect> log;
};

} // namespace

TEST_CASE("batches go to the handler one at a time, in order", "[processor]") {
  play p;
  CHECK(p.processor.state() == phase::idle);
  p.offer(10, 20);
  const auto one = p.given(10, 10);
  CHECK(p.processor.state() == phase::handling);
  CHECK_FALSE(p.processor.through());
  // More may come meanwhile.
  p.processor.offer(p.now, {20, 25, 7, 5});
  CHECK(p.nothing());
  p.processor.on_handled(p.now, one.number, 20, false);
  p.acknowledged(20, 10);
  const auto two = p.given(20, 5);
  CHECK(two.place == 0);
  // Answers to others are of no effect.
  p.processor.on_handled(p.now, one.number, 25, false);
  p.processor.on_failed(p.now, one.number, std::nullopt, no_customer);
  CHECK(p.nothing());
  p.processor.on_handled(p.now, two.number, 25, false);
  p.acknowledged(25, 5);
  p.take<partition_processor::want_batch>();
  CHECK(p.processor.through());
  CHECK(p.processor.look().at == log_offset{25});
}

TEST_CASE("nothing is given while there is no handler", "[processor]") {
  const time_point now{1'000h};
  partition_processor processor{now, some_options()};
  CHECK(processor.state() == phase::starting);
  processor.offer(now, {0, 5, 7, 5});
  CHECK_FALSE(processor.has_effects());
  processor.on_up(now);
  CHECK(processor.state() == phase::handling);
}

TEST_CASE("a synchronous commit is waited for", "[processor]") {
  play p;
  p.offer(0, 5);
  p.processor.on_handled(p.now, p.given(0, 5).number, 5, true);
  p.acknowledged(5, 5);
  const auto commit = p.take<partition_processor::commit>();
  p.processor.offer(p.now, {5, 9, 7, 4});
  CHECK(p.nothing());
  CHECK(p.processor.state() == phase::committing);
  CHECK_FALSE(p.processor.through());
  const bool works = GENERATE(true, false);
  p.processor.on_committed(
    p.now, commit.number, works ? error{} : error{error_code::timed_out, "no answer"});
  p.given(5, 4);
  // It is acknowledged all the same, and committed with the next.
  CHECK(p.told(log_level::warning) == (works ? 0 : 1));
}

TEST_CASE(
  "a record that the handler names is the only one that comes again", "[processor]") {
  auto o = some_options();
  o.max_attempts = 3;
  o.on_failure = failure_policy::skip;
  play p{o};
  p.offer(0, 10);
  p.processor.on_failed(p.now, p.given(0, 10).number, log_offset{4}, no_customer);
  p.acknowledged(4, 4);
  CHECK(p.processor.state() == phase::backing_off);
  CHECK(p.processor.through());
  CHECK(p.nothing());
  CHECK(p.wait() == 100ms);
  p.processor.on_failed(p.now, p.given(4, 6).number, log_offset{4}, no_customer);
  CHECK(p.processor.look().attempts == 2);
  CHECK(p.wait() == 200ms);
  p.processor.on_failed(p.now, p.given(4, 6).number, log_offset{4}, no_customer);
  p.acknowledged(5, 1);
  p.given(5, 5);
  CHECK(p.told(log_level::error) == 1);
  CHECK(p.processor.look().attempts == 0);
}

TEST_CASE("without a name records come one by one, until the one that fails is known",
  "[processor]") {
  auto o = some_options();
  o.max_attempts = 3;
  play p{o};
  p.offer(0, 10);
  if (GENERATE(true, false)) {
    p.processor.on_failed(p.now, p.given(0, 10).number, std::nullopt, no_customer);
  } else {
    p.given(0, 10);
    p.processor.on_down(p.now, no_customer, false);
    p.processor.on_up(p.now);
  }
  CHECK(p.processor.look().attempts == 0);
  CHECK(p.wait() == 100ms);
  for (int i = 0; i != 4; ++i) {
    p.processor.on_handled(p.now, p.given(i, 1).number, i + 1, false);
    p.acknowledged(i + 1, 1);
  }
  // The batch counts as its first attempt.
  p.processor.on_failed(p.now, p.given(4, 1).number, std::nullopt, no_customer);
  CHECK(p.processor.look().attempts == 2);
  p.wait();
  p.processor.on_failed(p.now, p.given(4, 1).number, std::nullopt, no_customer);
  CHECK(p.processor.state() == phase::paused);
  CHECK(p.processor.look().at == log_offset{4});
  CHECK(p.processor.look().last_error.detail == "no such customer");
  CHECK(p.nothing());
  CHECK(p.processor.next_time() == time_point::max());
  p.processor.resume(p.now);
  p.processor.on_handled(p.now, p.given(4, 1).number, 5, false);
  p.acknowledged(5, 1);
  for (int i = 5; i != 10; ++i)
    p.processor.on_handled(p.now, p.given(i, 1).number, i + 1, false);
  // Behind the batch that failed they come together again.
  p.offer(10, 20);
  p.given(10, 10);
}

TEST_CASE("attempts have no end where none is set", "[processor]") {
  auto o = some_options();
  o.max_attempts = 0;
  play p{o};
  p.offer(0, 1);
  for (int i = 0; i != 100; ++i) {
    p.processor.on_failed(p.now, p.given(0, 1).number, std::nullopt, no_customer);
    CHECK(p.wait() <= 1'000ms);
  }
  CHECK(p.told(log_level::warning) == 1);
}

TEST_CASE("a dead letter is written before its record counts as handled", "[processor]") {
  auto o = some_options();
  o.max_attempts = 1;
  o.on_failure = failure_policy::dead_letter;
  play p{o};
  p.offer(0, 3);
  p.processor.on_failed(p.now, p.given(0, 3).number, log_offset{1}, no_customer);
  p.acknowledged(1, 1);
  auto letter = p.take<partition_processor::write_dead_letter>();
  CHECK(letter.offset == log_offset{1});
  CHECK(letter.attempts == 1);
  CHECK(letter.why.detail == "no such customer");
  CHECK_FALSE(p.processor.through());
  CHECK(p.nothing());
  // One that cannot be written is tried again, and told once.
  for (int i = 0; i != 3; ++i) {
    p.processor.on_dead_letter(
      p.now, letter.number, {error_code::timed_out, "no leader"});
    CHECK(p.nothing());
    p.wait();
    letter = p.take<partition_processor::write_dead_letter>();
    CHECK(letter.offset == log_offset{1});
  }
  CHECK(p.told(log_level::error) == 1);
  // An outcome that is late is none of its business.
  p.processor.on_dead_letter(p.now, letter.number - 1, {});
  CHECK(p.nothing());
  p.processor.on_dead_letter(p.now, letter.number, {});
  p.acknowledged(2, 1);
  p.given(2, 1);
}

TEST_CASE("the group is left for a record only once", "[processor]") {
  auto o = some_options();
  o.max_attempts = 1;
  o.on_failure = failure_policy::end_group;
  play p{o};
  p.offer(0, 1);
  p.processor.on_failed(p.now, p.given(0, 1).number, std::nullopt, no_customer);
  const auto end = p.take<partition_processor::end_group>();
  CHECK(end.why.detail.find("offset 0 could not be handled after 1 attempt")
    != std::string::npos);
  CHECK(p.nothing());
}

TEST_CASE("what is acknowledged later counts then, and what is not comes again after a "
          "crash",
  "[processor]") {
  auto o = some_options();
  o.max_unacknowledged = 3;
  play p{o};
  for (int i = 0; i != 3; ++i) {
    p.offer(10 * i, 10 * i + 10);
    const auto g = p.given(10 * i, 10);
    CHECK(g.place == static_cast<std::size_t>(i));
    p.processor.on_taken(p.now, g.number, 10 * i + 9, 10 * i + 10);
  }
  CHECK(p.processor.state() == phase::unacknowledged);
  CHECK(p.nothing());
  CHECK_FALSE(p.processor.through());
  p.processor.on_acknowledged(p.now, 15);
  p.acknowledged(15, 15);
  p.offer(30, 40);
  p.given(30, 10);
  // What was never given cannot be acknowledged, and what was goes never back.
  p.processor.on_acknowledged(p.now, 41);
  p.processor.on_acknowledged(p.now, 12);
  CHECK_FALSE(p.took<partition_processor::acknowledge>());
  CHECK(p.told(log_level::warning) == 1);
  // Also what it has just been given.
  p.processor.on_acknowledged(p.now, 31);
  p.acknowledged(31, 16);
  p.processor.on_down(p.now, no_customer, false);
  p.processor.on_up(p.now);
  p.wait();
  p.given(31, 1);
}

TEST_CASE("a record is given up only behind all that the handler has not acknowledged",
  "[processor]") {
  auto o = some_options();
  o.max_attempts = 1;
  o.on_failure = GENERATE(failure_policy::skip, failure_policy::dead_letter);
  play p{o};
  p.offer(0, 10);
  p.processor.on_taken(p.now, p.given(0, 10).number, 9, 10);
  p.offer(10, 20);
  p.processor.on_failed(p.now, p.given(10, 10).number, log_offset{12}, no_customer);
  CHECK(p.nothing());
  CHECK(p.told(log_level::warning) == 1);
  CHECK(p.processor.state() == phase::unacknowledged);
  p.processor.on_acknowledged(p.now, 5);
  p.acknowledged(5, 5);
  CHECK(p.nothing());
  p.processor.on_acknowledged(p.now, 10);
  p.acknowledged(10, 5);
  if (o.on_failure == failure_policy::dead_letter) {
    const auto letter = p.take<partition_processor::write_dead_letter>();
    CHECK(letter.offset == log_offset{12});
    p.processor.on_dead_letter(p.now, letter.number, {});
  }
  p.acknowledged(13, 3);
  p.given(13, 7);
}

TEST_CASE("what was handled before a record that stops a partition can be acknowledged",
  "[processor]") {
  auto o = some_options();
  o.max_attempts = 1;
  play p{o};
  p.offer(0, 10);
  p.processor.on_taken(p.now, p.given(0, 10).number, 9, 10);
  p.offer(10, 20);
  p.processor.on_failed(p.now, p.given(10, 10).number, log_offset{10}, no_customer);
  CHECK(p.processor.state() == phase::paused);
  p.processor.on_acknowledged(p.now, 10);
  p.acknowledged(10, 10);
  CHECK(p.processor.state() == phase::paused);
  // And no more: it was not handled.
  p.processor.on_acknowledged(p.now, 11);
  CHECK(p.nothing());
}

TEST_CASE("a batch without a record that can be read goes to no handler", "[processor]") {
  play p;
  p.take<partition_processor::want_batch>();
  p.processor.offer(p.now, {5, 5, 7, 0});
  const auto g = p.take<partition_processor::give>();
  p.processor.on_given(p.now, g.number, 5, 5);
  CHECK(p.take<partition_processor::acknowledge>().next == log_offset{5});
  p.offer(5, 9);
  p.given(5, 4);
}

TEST_CASE("a handler that keeps crashing on what it has not acknowledged is charged to "
          "its first record",
  "[processor]") {
  auto o = some_options();
  o.max_attempts = 3;
  o.on_failure = failure_policy::skip;
  play p{o};
  p.offer(0, 10);
  p.processor.on_taken(p.now, p.given(0, 10).number, 9, 10);
  int crashes = 0;
  for (; crashes != 10 && !p.took<partition_processor::acknowledge>(); ++crashes) {
    p.processor.on_down(p.now, no_customer, false);
    p.processor.on_up(p.now);
    if (p.processor.state() == phase::backing_off)
      p.wait();
    while (const auto g = p.took<partition_processor::give>())
      p.processor.on_taken(p.now, g->number, g->from, g->from + 1);
  }
  CHECK(crashes == 3);
  CHECK(p.processor.look().at == log_offset{1});
}

TEST_CASE("a handler that was given up is started again after a pause", "[processor]") {
  play p;
  p.processor.on_down(p.now, no_customer, false);
  p.processor.on_down(p.now, {error_code::worker_down, "too many"}, true);
  CHECK(p.processor.state() == phase::starting);
  CHECK(p.wait() == 100ms);
  p.take<partition_processor::restart_handler>();
  p.processor.on_down(p.now, {error_code::worker_down, "it does not start"}, true);
  CHECK(p.wait() == 200ms);
  p.take<partition_processor::restart_handler>();
  p.processor.on_up(p.now);
  p.offer(0, 1);
  p.processor.on_handled(p.now, p.given(0, 1).number, 1, false);
  p.processor.on_down(p.now, {error_code::worker_down, "again"}, true);
  CHECK(p.wait() == 100ms);
}

TEST_CASE(
  "a partition that goes is given nothing more, and goes on if it stays", "[processor]") {
  play p;
  p.offer(0, 10);
  const auto g = p.given(0, 10);
  p.processor.offer(p.now, {10, 20, 7, 10});
  p.processor.give_up(p.now);
  CHECK(p.processor.state() == phase::giving_up);
  CHECK_FALSE(p.processor.through());
  p.processor.on_handled(p.now, g.number, 10, false);
  p.acknowledged(10, 10);
  CHECK(p.processor.through());
  CHECK(p.nothing());
  p.processor.keep(p.now);
  p.given(10, 10);
}

TEST_CASE("after a seek what the handler has is of no interest", "[processor]") {
  play p;
  p.offer(0, 10);
  const auto g = p.given(0, 10);
  p.processor.sought(p.now);
  // It is still busy with it.
  CHECK(p.nothing());
  p.processor.offer(p.now, {50, 60, 7, 10});
  CHECK(p.nothing());
  if (GENERATE(true, false))
    p.processor.on_handled(p.now, g.number, 10, true);
  else
    p.processor.on_failed(p.now, g.number, log_offset{3}, no_customer);
  CHECK_FALSE(p.took<partition_processor::acknowledge>());
  CHECK_FALSE(p.took<partition_processor::commit>());
  p.given(50, 10);
}

TEST_CASE(
  "a handler that takes long is told once, and once that it is over", "[processor]") {
  play p;
  p.offer(0, 10);
  const auto g = p.given(0, 10);
  CHECK(p.wait() == defaults::stalled_after);
  CHECK(p.processor.next_time() == time_point::max());
  CHECK(p.nothing());
  CHECK(p.told(log_level::warning) == 1);
  p.processor.on_handled(p.now, g.number, 10, false);
  CHECK(p.took<partition_processor::acknowledge>());
  CHECK(p.told(log_level::info) == 1);
}

TEST_CASE("whatever a handler does, each record is handled or given up, in order, and "
          "none is acknowledged before",
  "[processor]") {
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    INFO(seed);
    std::minstd_rand random(static_cast<std::minstd_rand::result_type>(seed));
    const auto below = [&](std::uint32_t n) { return random() % n; };
    auto o = some_options();
    o.seed = seed;
    o.max_attempts = 1 + below(4);
    o.max_unacknowledged = 1 + below(4);
    o.on_failure = below(2) == 0 ? failure_policy::skip : failure_policy::dead_letter;
    const std::int64_t end = 60;
    // What is there to read: offsets have gaps.
    std::set<std::int64_t> records;
    for (std::int64_t i = 0; i != end; ++i) {
      if (below(4) != 0)
        records.insert(i);
    }
    std::set<std::int64_t> poisonous;
    for (const auto r : records) {
      if (below(12) == 0)
        poisonous.insert(r);
    }
    time_point now{1'000h};
    partition_processor processor{now, o};
    processor.on_up(now);
    bool up = true;
    std::int64_t read = 0;
    std::int64_t acknowledged = 0;
    std::set<std::int64_t> handled;
    std::set<std::int64_t> letters;
    std::map<std::int64_t, std::uint32_t> attempts;
    std::deque<std::int64_t> later;  // Where batches end that are acknowledged later.
    std::vector<std::int64_t> lasts; // The ends of batches that are not acknowledged.
    std::optional<partition_processor::give> given;
    std::int64_t batch_end = 0;
    bool wanted = false;
    std::optional<std::uint64_t> letter;
    std::int64_t letter_at = 0;
    for (int step = 0; acknowledged < end; ++step) {
      CAPTURE(to_string(processor.state()), acknowledged, read, wanted);
      REQUIRE(step < 20'000);
      for (auto& e : processor.take_effects()) {
        if (const auto* g = std::get_if<partition_processor::give>(&e)) {
          REQUIRE_FALSE(given);
          REQUIRE(up);
          REQUIRE(g->from.value() >= acknowledged);
          given = *g;
          REQUIRE(g->place < lasts.size());
          batch_end = lasts[g->place];
        } else if (const auto* a = std::get_if<partition_processor::acknowledge>(&e)) {
          REQUIRE(a->next.value() > acknowledged);
          for (auto at = records.lower_bound(acknowledged);
               at != records.end() && *at < a->next.value(); ++at) {
            const bool given_up = poisonous.contains(*at);
            if (given_up && o.on_failure == failure_policy::dead_letter)
              CHECK(letters.contains(*at));
            CHECK((handled.contains(*at) || given_up));
          }
          acknowledged = a->next.value();
          std::erase_if(lasts, [&](auto l) { return l <= acknowledged; });
          while (!later.empty() && later.front() <= acknowledged)
            later.pop_front();
        } else if (std::holds_alternative<partition_processor::want_batch>(e)) {
          wanted = true;
        } else if (const auto* w =
                     std::get_if<partition_processor::write_dead_letter>(&e)) {
          CHECK(poisonous.contains(w->offset.value()));
          // What lies before it would be acknowledged with it.
          CHECK(later.empty());
          letter = w->number;
          letter_at = w->offset.value();
        } else if (std::holds_alternative<partition_processor::commit>(e)) {
          processor.on_committed(
            now, std::get<partition_processor::commit>(e).number, {});
        }
      }
      if (letter) {
        const bool written = below(3) != 0;
        if (written)
          letters.insert(letter_at);
        processor.on_dead_letter(now, *std::exchange(letter, std::nullopt),
          written ? error{} : error{error_code::timed_out, "no leader"});
      } else if (given && below(3) != 0) {
        const auto g = *std::exchange(given, std::nullopt);
        // What it is given: so many records of that batch.
        std::vector<std::int64_t> has;
        auto next = batch_end;
        for (auto at = records.lower_bound(g.from.value());
             at != records.end() && *at < batch_end; ++at) {
          if (has.size() == g.most) {
            next = *at;
            break;
          }
          has.push_back(*at);
        }
        processor.on_given(
          now, g.number, log_offset{has.empty() ? next : has.front()}, log_offset{next});
        if (has.empty()) // The handler is not to have it.
          continue;
        std::optional<std::int64_t> fails;
        for (const auto r : has) {
          if (poisonous.contains(r)) {
            fails = r;
            break;
          }
          handled.insert(r);
        }
        if (!fails) {
          const auto how = below(4);
          if (how == 0) {
            later.push_back(below(2) == 0 ? next : has.back() + 1);
            processor.on_taken(now, g.number, log_offset{has.back()}, log_offset{next});
          } else {
            processor.on_handled(now, g.number, log_offset{next}, how == 1);
          }
        } else {
          CHECK(++attempts[*fails] <= o.max_attempts + 12);
          const auto how = below(3);
          if (how == 0) {
            processor.on_failed(now, g.number, log_offset{*fails}, no_customer);
          } else if (how == 1) {
            processor.on_failed(now, g.number, std::nullopt, no_customer);
          } else {
            up = false;
            later.clear();
            processor.on_down(now, no_customer, false);
          }
        }
      } else if (!up) {
        up = true;
        processor.on_up(now);
      } else if (wanted && read < end) {
        wanted = false;
        const auto next = std::min<std::int64_t>(read + 1 + below(9), end);
        const auto first = records.lower_bound(read);
        const auto count =
          static_cast<std::uint64_t>(std::distance(first, records.lower_bound(next)));
        lasts.push_back(next);
        processor.offer(
          now, {log_offset{count == 0 ? next : *first}, log_offset{next}, 7, count});
        read = next;
      } else if (!later.empty() && below(2) == 0) {
        // As programs do: behind the last record.
        processor.on_acknowledged(now, log_offset{later.front()});
      } else if (const auto at = processor.next_time(); at != time_point::max()) {
        now = std::max(now, at);
        processor.on_time(now);
      }
    }
    CHECK(processor.through());
  }
}
