#include <cafka/protocol/machines/transaction_machine.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>
#include <optional>

using namespace cafka::protocol;
using namespace std::chrono_literals;

namespace {

using machine = transaction_machine;
using outcome = transaction_outcome::state;

const topic_partition first{"orders", 0};
const topic_partition second{"orders", 1};
const group_metadata reader{"billing", 3, "m-1", {}};
const std::vector<offset_of_partition> read_so_far{{{"in", 0}, 10, 1}};

struct play {
  explicit play(bool v2, bool bumps_epoch = true)
    : m([] {
        transaction_machine_options o;
        o.transactional_id = "t";
        return o;
      }()) {
    m.learn({v2, bumps_epoch});
    m.start(now);
    const auto init = take<machine::send_init>();
    CHECK(init.as == producer_identity{});
    m.on_init(now, init.request, error_code::none, {7, 0});
    CHECK(take<machine::identified>().as == producer_identity{7, 0});
  }

  template <class Effect>
  std::optional<Effect> took() {
    for (auto& e : m.take_effects())
      log.push_back(std::move(e));
    const auto at = std::ranges::find_if(
      log, [](const auto& e) { return std::holds_alternative<Effect>(e); });
    if (at == log.end())
      return {};
    auto found = std::get<Effect>(std::move(*at));
    log.erase(at);
    return found;
  }
  template <class Effect>
  Effect take() {
    auto found = took<Effect>();
    REQUIRE(found);
    return *std::move(found);
  }
  void pass(std::chrono::milliseconds time) {
    const auto until = now + time;
    while (m.next_time() <= until) {
      REQUIRE(m.next_time() >= now);
      now = m.next_time();
      m.on_time(now);
      for (auto& e : m.take_effects())
        log.push_back(std::move(e));
      if (m.next_time() <= now)
        FAIL("it does nothing at its time");
    }
    now = until;
  }

  void begin() {
    m.begin(now, ++id, now + 10s);
    const auto got = take<machine::begun>();
    CHECK(got.id == id);
    REQUIRE_FALSE(got.outcome);
  }
  /// The partition is written to.
  void write(const topic_partition& which = first) {
    if (m.admit(now, which))
      return;
    answer(take<machine::send_partitions>());
    CHECK(take<machine::admitted>().all == std::vector{which});
    CHECK(m.admit(now, which));
  }
  void answer(const machine::send_partitions& s, error_code e = error_code::none) {
    std::vector<machine::answer> all;
    for (const auto& which : s.all)
      all.push_back({which, e});
    m.on_answers(now, s.request, all);
  }
  void answer(const machine::send_offset_commit& s, error_code e = error_code::none) {
    std::vector<machine::answer> all;
    for (const auto& o : s.all)
      all.push_back({o.which, e});
    m.on_answers(now, s.request, all);
  }
  void end(bool commit, std::chrono::milliseconds deadline = 10s) {
    m.end(now, ++id, commit, now + deadline);
  }
  void settle(bool whole = true) {
    take<machine::settle>();
    m.on_settled(now, whole);
  }
  transaction_outcome result() {
    const auto e = take<machine::ended>();
    CHECK(e.id == id);
    return e.outcome;
  }
  /// The coordinator has ended it; of the second generation, with the next epoch.
  void answer(const machine::send_end& s) {
    auto next = producer_identity{};
    if (s.v2)
      next = {s.as.id, static_cast<std::int16_t>(s.as.epoch + 1)};
    m.on_end(now, s.request, error_code::none, next);
  }
  void answer(const machine::send_end& s, error_code e) {
    m.on_end(now, s.request, e, {});
  }

  time_point now{1h};
  machine m;
  machine::operation_id id = 0;
  std::vector<machine::effect> log;
};

} // namespace

TEST_CASE(
  "a transaction of the first generation adds what it writes to", "[transactions]") {
  play p{false};
  p.begin();
  CHECK_FALSE(p.m.admit(p.now, first));
  const auto one = p.take<machine::send_partitions>();
  CHECK(one.as == producer_identity{7, 0});
  // What is wanted meanwhile goes together.
  CHECK_FALSE(p.m.admit(p.now, second));
  CHECK_FALSE(p.m.admit(p.now, {"audit", 0}));
  CHECK_FALSE(p.took<machine::send_partitions>());
  // The last transaction is still being ended.
  p.answer(one, error_code::concurrent_transactions);
  CHECK(p.m.next_time() == p.now + 20ms);
  p.pass(20ms);
  const auto all = p.take<machine::send_partitions>();
  CHECK(all.all.size() == 3);
  p.answer(all);
  CHECK(p.take<machine::admitted>().all.size() == 3);
  CHECK(p.m.admit(p.now, second));

  p.m.send_offsets(p.now, 99, reader, read_so_far, p.now + 5s);
  const auto group = p.take<machine::send_group>();
  CHECK(group.group == "billing");
  CHECK_FALSE(p.took<machine::send_offset_commit>());
  p.m.on_group(p.now, group.request, error_code::none);
  const auto offsets = p.take<machine::send_offset_commit>();
  CHECK_FALSE(offsets.v2);
  CHECK(offsets.member == reader);
  CHECK(offsets.all == read_so_far);
  p.end(true);
  p.settle();
  // They come first.
  CHECK_FALSE(p.took<machine::send_end>());
  p.answer(offsets);
  CHECK(p.take<machine::offsets_sent>().id == 99);
  const auto end = p.take<machine::send_end>();
  CHECK((end.commit && !end.v2));
  p.answer(end);
  CHECK(p.result().what == outcome::committed);
  // The epoch stays, and the next transaction adds all anew.
  CHECK_FALSE(p.took<machine::identified>());
  p.begin();
  CHECK_FALSE(p.m.admit(p.now, first));
}

TEST_CASE("one of the second generation asks for nothing but its end", "[transactions]") {
  play p{true};
  p.begin();
  CHECK(p.m.admit(p.now, first));
  p.m.send_offsets(p.now, 99, reader, read_so_far, p.now + 5s);
  CHECK_FALSE(p.took<machine::send_group>());
  const auto offsets = p.take<machine::send_offset_commit>();
  CHECK(offsets.v2);
  p.answer(offsets);
  CHECK_FALSE(p.take<machine::offsets_sent>().outcome);
  p.end(true);
  // Not before every batch has its outcome.
  CHECK_FALSE(p.took<machine::send_end>());
  p.settle();
  const auto end = p.take<machine::send_end>();
  CHECK((end.commit && end.v2));
  SECTION("the answer has the next epoch") {
    p.answer(end);
    CHECK(p.take<machine::identified>().as == producer_identity{7, 1});
  }
  SECTION("or, after the last epoch, the next id") {
    p.m.on_end(p.now, end.request, error_code::none, {8, 0});
    CHECK(p.take<machine::identified>().as == producer_identity{8, 0});
  }
  CHECK(p.result().what == outcome::committed);
  p.begin();
  p.write();
  CHECK_FALSE(p.took<machine::send_init>());
}

TEST_CASE(
  "a transaction in which nothing was sent has no end on the wire", "[transactions]") {
  const auto v2 = GENERATE(false, true);
  const auto commit = GENERATE(false, true);
  play p{v2};
  p.begin();
  p.end(commit);
  p.settle();
  CHECK_FALSE(p.took<machine::send_end>());
  const auto got = p.result();
  CHECK(got.what == (commit ? outcome::committed : outcome::aborted));
  CHECK_FALSE(got.why);
  p.begin();
}

TEST_CASE("what is done out of its order is refused with words", "[transactions]") {
  play p{true};
  CHECK_FALSE(p.m.takes_records());
  CHECK_FALSE(p.m.admit(p.now, first));
  p.m.send_offsets(p.now, 1, reader, read_so_far, p.now + 5s);
  CHECK(p.take<machine::offsets_sent>().outcome.code == error_code::invalid_argument);
  p.end(true);
  auto got = p.result();
  CHECK(got.what == outcome::aborted);
  CHECK(got.why.code == error_code::invalid_argument);
  p.begin();
  CHECK(p.m.takes_records());
  p.m.begin(p.now, 50, p.now + 5s);
  CHECK(p.take<machine::begun>().outcome.code == error_code::invalid_argument);
  CHECK(p.m.takes_records());
}

TEST_CASE("a batch that is given up makes a commit an abort", "[transactions]") {
  const auto v2 = GENERATE(false, true);
  play p{v2};
  p.begin();
  p.write();
  const auto after_end = GENERATE(false, true);
  if (after_end) {
    p.end(true);
    p.take<machine::settle>();
  }
  p.m.on_batch_failed(p.now, {error_code::timed_out, "orders/0"});
  CHECK_FALSE(p.m.takes_records());
  if (!after_end)
    p.end(true);
  // The others are not sent for nothing.
  const auto drop = p.take<machine::settle>();
  CHECK(drop.why.code == error_code::timed_out);
  p.m.on_settled(p.now, false);
  const auto end = p.take<machine::send_end>();
  CHECK_FALSE(end.commit);
  p.answer(end);
  const auto got = p.result();
  CHECK(got.what == outcome::aborted);
  CHECK(got.why.code == error_code::timed_out);
  if (v2) {
    CHECK(p.take<machine::identified>().as == producer_identity{7, 1});
    CHECK_FALSE(p.took<machine::send_init>());
  } else {
    // The sequence begins anew in the next epoch, once the abort is done.
    p.m.begin(p.now, ++p.id, p.now + 5s);
    CHECK_FALSE(p.took<machine::begun>());
    const auto init = p.take<machine::send_init>();
    CHECK(init.as == producer_identity{7, 0});
    p.m.on_init(p.now, init.request, error_code::concurrent_transactions, {});
    p.pass(1s);
    p.m.on_init(p.now, p.take<machine::send_init>().request, error_code::none, {7, 1});
    CHECK(p.take<machine::identified>().as == producer_identity{7, 1});
    CHECK_FALSE(p.take<machine::begun>().outcome);
  }
}

TEST_CASE("brokers that raise no epoch end a producer whose numbers do not fit",
  "[transactions]") {
  play p{false, false};
  p.begin();
  p.write();
  const auto whole = GENERATE(true, false);
  p.end(false);
  p.settle(whole);
  p.answer(p.take<machine::send_end>());
  CHECK(p.result().what == outcome::aborted);
  CHECK(p.took<machine::failed>().has_value() == !whole);
  if (whole)
    p.begin();
}

TEST_CASE("a stale member's offsets abort the transaction", "[transactions]") {
  play p{true};
  p.begin();
  p.m.send_offsets(p.now, 9, reader, read_so_far, p.now + 5s);
  // As measured with Kafka 4.3.
  p.answer(p.take<machine::send_offset_commit>(), error_code::concurrent_transactions);
  p.pass(100ms);
  p.answer(p.take<machine::send_offset_commit>(), error_code::unknown_member_id);
  CHECK(p.take<machine::offsets_sent>().outcome.code == error_code::unknown_member_id);
  p.end(true);
  p.settle();
  const auto end = p.take<machine::send_end>();
  CHECK_FALSE(end.commit);
  p.answer(end);
  CHECK(p.result().why.code == error_code::unknown_member_id);
  p.begin();
}

TEST_CASE("a refused partition aborts the transaction that was to write to it",
  "[transactions]") {
  play p{false};
  p.begin();
  CHECK_FALSE(p.m.admit(p.now, first));
  const auto asked = p.take<machine::send_partitions>();
  CHECK_FALSE(p.m.admit(p.now, second));
  p.answer(asked, error_code::operation_not_attempted);
  CHECK_FALSE(p.m.takes_records());
  p.end(true);
  p.settle();
  SECTION("nothing was added: the coordinator says so") {
    p.answer(p.take<machine::send_end>(), error_code::invalid_txn_state);
    CHECK(p.result().what == outcome::aborted);
    CHECK_FALSE(p.took<machine::failed>());
  }
}

TEST_CASE("of several refusals the gravest counts", "[transactions]") {
  play p{false};
  p.begin();
  static_cast<void>(p.m.admit(p.now, first));
  const auto one = p.take<machine::send_partitions>();
  p.answer(one, error_code::coordinator_load_in_progress);
  static_cast<void>(p.m.admit(p.now, second));
  p.pass(1s);
  const auto both = p.take<machine::send_partitions>();
  REQUIRE(both.all.size() == 2);
  p.m.on_answers(p.now, both.request,
    {{first, error_code::operation_not_attempted},
      {second, error_code::topic_authorization_failed}});
  CHECK(p.m.why().code == error_code::topic_authorization_failed);
}

TEST_CASE("the answer to a commit that does not come is asked for", "[transactions]") {
  const auto v2 = GENERATE(false, true);
  play p{v2};
  p.begin();
  p.write();
  p.end(true);
  p.settle();
  auto end = p.take<machine::send_end>();
  p.m.on_failure(p.now, end.request, {error_code::outcome_unknown, "cut off"});
  SECTION("and comes") {
    p.pass(1s);
    p.answer(p.take<machine::send_end>());
    CHECK(p.result().what == outcome::committed);
  }
  SECTION("and does not by the deadline: unknown, and asked for on") {
    p.pass(1s);
    end = p.take<machine::send_end>();
    p.pass(10s);
    const auto got = p.result();
    CHECK(got.what == outcome::unknown);
    CHECK(got.why.code == error_code::outcome_unknown);
    p.m.on_failure(p.now, end.request, {error_code::outcome_unknown, {}});
    p.pass(2s);
    end = p.take<machine::send_end>();
    CHECK(end.commit);
    // The next one waits for it.
    p.m.begin(p.now, 77, p.now + 60s);
    CHECK_FALSE(p.took<machine::begun>());
    p.answer(end);
    CHECK(p.take<machine::told>().text.find("is committed") != std::string::npos);
    CHECK(p.take<machine::begun>().id == 77);
  }
  SECTION("and the coordinator wants an abort: the answer to that settles it") {
    p.pass(1s);
    p.answer(p.take<machine::send_end>(), error_code::transaction_abortable);
    const auto abort = p.take<machine::send_end>();
    CHECK_FALSE(abort.commit);
    p.answer(abort);
    CHECK(p.result().what == outcome::aborted);
  }
  SECTION("and another producer has come: nobody knows") {
    p.pass(1s);
    p.answer(p.take<machine::send_end>(), error_code::producer_fenced);
    const auto got = p.result();
    CHECK(got.what == outcome::unknown);
    CHECK(got.why.code == error_code::producer_fenced);
    CHECK(p.took<machine::failed>());
  }
}

TEST_CASE(
  "a commit that cannot have happened by its deadline is aborted", "[transactions]") {
  play p{true};
  p.begin();
  p.write();
  p.end(true, 3s);
  SECTION("records have no outcome") {
    p.take<machine::settle>();
    p.pass(3s);
    CHECK(p.take<machine::settle>().why.code == error_code::timed_out);
  }
  SECTION("the coordinator loads its log") {
    p.settle();
    for (int i = 0; i != 5; ++i) {
      p.answer(p.take<machine::send_end>(), error_code::coordinator_load_in_progress);
      p.pass(590ms);
    }
    p.answer(p.take<machine::send_end>(), error_code::coordinator_load_in_progress);
    p.pass(50ms);
  }
  const auto got = p.result();
  CHECK(got.what == outcome::aborted);
  CHECK(got.why.code == error_code::timed_out);
  p.m.on_settled(p.now, true);
  CHECK_FALSE(p.take<machine::send_end>().commit);
}

TEST_CASE("a commit that is under way at its deadline is unknown", "[transactions]") {
  play p{true};
  p.begin();
  p.write();
  p.end(true, 3s);
  p.settle();
  const auto end = p.take<machine::send_end>();
  p.pass(3s);
  CHECK(p.result().what == outcome::unknown);
  p.answer(end);
  p.begin();
}

TEST_CASE("an abort goes on after its deadline", "[transactions]") {
  play p{false};
  p.begin();
  p.write();
  p.end(false, 3s);
  CHECK(p.take<machine::settle>().why);
  p.m.on_settled(p.now, true);
  const auto end = p.take<machine::send_end>();
  p.pass(3s);
  const auto got = p.result();
  CHECK(got.what == outcome::aborted);
  CHECK(got.why.code == error_code::timed_out);
  p.m.on_failure(p.now, end.request, {error_code::disconnected, {}});
  p.pass(1s);
  p.answer(p.take<machine::send_end>());
  p.begin();
}

TEST_CASE(
  "a transaction that was open for too long is not a fenced producer", "[transactions]") {
  const auto v2 = GENERATE(false, true);
  play p{v2};
  p.begin();
  p.write();
  p.pass(45s);
  CHECK(p.take<machine::told>().level == log_level::warning);
  SECTION("it was not") {
    p.end(true);
    p.settle();
    p.answer(p.take<machine::send_end>(), error_code::producer_fenced);
    CHECK(p.result().why.code == error_code::producer_fenced);
    CHECK(p.took<machine::failed>());
    p.m.begin(p.now, 1, p.now + 1s);
    CHECK(p.take<machine::begun>().outcome.code == error_code::producer_fenced);
  }
  SECTION("it was") {
    p.pass(20s);
    p.end(true);
    p.settle();
    p.answer(p.take<machine::send_end>(),
      v2 ? error_code::invalid_txn_state : error_code::producer_fenced);
    if (v2) {
      // The coordinator says what the next epoch is.
      const auto end = p.take<machine::send_end>();
      CHECK_FALSE(end.commit);
      CHECK(end.as == producer_identity{7, 0});
      p.answer(end);
    } else {
      CHECK(p.take<machine::failed>().why.code == error_code::transaction_timed_out);
    }
    const auto got = p.result();
    CHECK(got.what == outcome::aborted);
    CHECK(got.why.code == error_code::transaction_timed_out);
    if (v2)
      p.begin();
  }
}

TEST_CASE(
  "an id that is refused fails the begin, and is asked for again", "[transactions]") {
  transaction_machine_options o;
  o.transactional_id = "t";
  play p{true};
  transaction_machine m{o};
  m.start(p.now);
  m.begin(p.now, 1, p.now + 5s);
  const auto sent = [&] {
    for (auto& e : m.take_effects()) {
      if (const auto* s = std::get_if<machine::send_init>(&e))
        return s->request;
    }
    return std::uint64_t{0};
  };
  m.on_init(p.now, sent(), error_code::transactional_id_authorization_failed, {});
  auto effects = m.take_effects();
  REQUIRE(effects.size() == 1);
  CHECK(std::get<machine::begun>(effects[0]).outcome.code
    == error_code::transactional_id_authorization_failed);
  CHECK(m.next_time() == time_point::max());
  m.begin(p.now, 2, p.now + 5s);
  const auto again = sent();
  CHECK(again != 0);
  SECTION("the coordinator cannot be reached by the deadline") {
    m.on_failure(p.now, again, {error_code::connection_failed, "refused"});
    m.on_time(p.now + 5s);
    effects = m.take_effects();
    const auto at = std::ranges::find_if(
      effects, [](const auto& e) { return std::holds_alternative<machine::begun>(e); });
    REQUIRE(at != effects.end());
    const auto& why = std::get<machine::begun>(*at).outcome;
    CHECK(why.code == error_code::timed_out);
    CHECK(why.detail.find("refused") != std::string::npos);
  }
  SECTION("transaction_timeout is too long for the brokers") {
    m.on_init(p.now, again, error_code::invalid_transaction_timeout, {});
    CHECK(m.state() == machine::phase::failed);
    CHECK(m.why().detail.find("transaction.max.timeout.ms") != std::string::npos);
  }
}

TEST_CASE("offsets that are late abort the transaction", "[transactions]") {
  play p{false};
  p.begin();
  p.m.send_offsets(p.now, 9, reader, read_so_far, p.now + 2s);
  const auto group = p.take<machine::send_group>();
  p.m.on_failure(p.now, group.request, {error_code::disconnected, "gone"});
  p.pass(2s);
  const auto got = p.take<machine::offsets_sent>();
  CHECK(got.outcome.code == error_code::timed_out);
  CHECK(got.outcome.detail.find("gone") != std::string::npos);
  CHECK_FALSE(p.m.takes_records());
  // The end waits for what is under way.
  const auto under_way = p.took<machine::send_group>();
  p.end(true);
  p.settle();
  if (under_way) {
    CHECK_FALSE(p.took<machine::send_end>());
    p.m.on_group(p.now, under_way->request, error_code::none);
  }
  CHECK_FALSE(p.take<machine::send_end>().commit);
}
