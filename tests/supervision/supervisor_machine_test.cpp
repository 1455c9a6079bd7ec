#include <cafka/supervision/supervisor_machine.hpp>

#include <catch2/catch_test_macros.hpp>

#include <map>
#include <string>
#include <vector>

using namespace cafka::supervision;
using namespace std::chrono_literals;

namespace {

using machine = supervisor_machine;
using lines = std::vector<std::string>;

/// A machine, and a log of all that it wants done. Its start functions have their outcome
/// at once, as an actor's have.
struct bench {
  using outcome = machine::start_outcome;

  lines log;
  std::map<std::string, std::vector<outcome>> starts; // the last is for ever
  std::map<machine::place, std::string> names;        // of those that are not forgotten
  std::map<machine::request, std::string> brought;
  machine m;
  machine::time_point now{1000s};
  machine::request last = 0;

  explicit bench(machine_options options = {}) : m(options) {}

  static machine_options of(strategy how, restart_intensity intensity = {}) {
    return {how, intensity, auto_shutdown::never, 1000};
  }

  const std::string& name(machine::place p) const { return names.at(p); }
  machine::incarnation at(const std::string& key) const { return m.at(m.find(key)); }
  child_state state(const std::string& key) const { return m.state(m.find(key)); }

  /// The lines since the last time.
  lines took() { return std::exchange(log, {}); }

  // -- what the machine wants -----------------------------------------------------------

  void carry_out() {
    while (m.has_effects())
      for (const auto& effect : m.take_effects())
        std::visit([this](const auto& e) { on_effect(e); }, effect);
  }

  void on_effect(const machine::call_start& e) {
    log.push_back("start " + name(e.child.where));
    auto& left = starts[name(e.child.where)];
    const auto next = left.empty() ? outcome::running : left.front();
    if (left.size() > 1)
      left.erase(left.begin());
    CHECK(m.on_start(now, e.child, next));
  }
  void on_effect(const machine::ask_to_end& e) {
    log.push_back("tell " + name(e.child.where));
  }
  void on_effect(const machine::kill_child& e) {
    log.push_back("kill " + name(e.child.where));
  }
  void on_effect(const machine::retry_later& e) {
    log.push_back("retry " + name(e.child.where));
  }
  void on_effect(const machine::took_in& e) { names[e.where] = brought.at(e.from); }
  void on_effect(const machine::reply& e) {
    log.push_back(
      std::to_string(e.to) + ' ' + (e.code == machine::ok ? "ok" : to_string(e.code)));
  }
  void on_effect(const machine::undefine&) {}
  void on_effect(const machine::forget& e) {
    log.push_back("forget " + names.extract(e.where).mapped());
  }
  void on_effect(const machine::report& e) {
    if (e.kind == event_kind::escalated || e.kind == event_kind::killed)
      log.push_back(std::string{to_string(e.kind)} + ' ' + name(e.where));
  }
  void on_effect(const machine::became_ready&) { log.push_back("ready"); }
  void on_effect(const machine::not_ready& e) {
    log.push_back("not ready: " + name(e.where));
  }
  void on_effect(const machine::ended_all&) { log.push_back("ended"); }

  // -- what happens ---------------------------------------------------------------------

  void begin(const std::vector<child_rules>& children) {
    for (const auto& c : children)
      names[m.add(c)] = c.key;
    m.begin(now);
    carry_out();
  }
  void begin(const lines& keys) {
    std::vector<child_rules> all;
    for (const auto& key : keys)
      all.push_back({.key = key});
    begin(all);
    log.clear();
  }
  machine::request start_child(const std::string& key) {
    start_child(now, ++last, {.key = key});
    return last;
  }
  void crash(const std::string& key) { on_exit(now, at(key), exit_class::error); }
  void ends(const std::string& key) { on_exit(now, at(key), exit_class::shutdown); }

  void start_child(machine::time_point at, machine::request from, child_rules rules) {
    brought[from] = rules.key;
    m.start_child(at, from, std::move(rules));
    carry_out();
  }
  template <class Which>
  void terminate_child(machine::time_point at, machine::request from, Which which) {
    m.terminate_child(at, from, which);
    carry_out();
  }
  void restart_child(machine::time_point at, machine::request from, std::string key) {
    m.restart_child(at, from, std::move(key));
    carry_out();
  }
  void delete_child(machine::time_point at, machine::request from, std::string key) {
    m.delete_child(at, from, std::move(key));
    carry_out();
  }
  void stop(
    machine::time_point at, machine::time_point deadline = machine::time_point::max()) {
    m.stop(at, deadline);
    carry_out();
  }
  bool on_start(machine::time_point at, machine::incarnation child, outcome how) {
    const auto known = m.on_start(at, child, how);
    carry_out();
    return known;
  }
  bool on_exit(machine::time_point at, machine::incarnation child, exit_class how) {
    const auto known = m.on_exit(at, child, how);
    carry_out();
    return known;
  }
  void on_retry(machine::time_point at, machine::incarnation child) {
    m.on_retry(at, child);
    carry_out();
  }
  void on_time(machine::time_point at) {
    m.on_time(at);
    carry_out();
  }
};

} // namespace

TEST_CASE("children start one after the other, also those that take their time") {
  bench b;
  b.starts["b"] = {bench::outcome::starting};
  b.begin(std::vector<child_rules>{{.key = "a"}, {.key = "b"}, {.key = "c"}});
  CHECK(b.took() == lines{"start a", "start b"});
  CHECK(b.state("b") == child_state::starting);
  SECTION("which is ready when the last has started") {
    b.on_start(b.now, b.at("b"), bench::outcome::running);
    CHECK(b.took() == lines{"start c", "ready"});
  }
  SECTION("and undoes what was started when one fails") {
    b.on_start(b.now, b.at("b"), bench::outcome::failed);
    CHECK(b.took() == lines{"not ready: b", "forget c", "forget b", "tell a"});
    b.ends("a");
    CHECK(b.took() == lines{"forget a", "ended"});
  }
  SECTION("and counts an end before the start's as a failed start") {
    b.crash("b");
    CHECK(b.took()[0] == "not ready: b");
  }
  SECTION("and keeps requests and ends waiting meanwhile, in order") {
    b.crash("a");
    b.start_child("a");
    b.start_child("d");
    CHECK(b.took().empty());
    b.on_start(b.now, b.at("b"), bench::outcome::running);
    CHECK(b.took()
      == lines{"start c", "ready", "start a", "1 already_started", "start d", "2 ok"});
  }
  SECTION("and can be stopped in the middle") {
    b.stop(b.now);
    CHECK(b.took() == lines{"forget c", "tell b"});
    // A late event is ignored.
    CHECK(b.on_exit(b.now, b.at("b"), exit_class::shutdown));
    CHECK(b.took() == lines{"forget b", "tell a"});
  }
}

TEST_CASE("with one_for_one a child that starts slowly keeps no other waiting") {
  bench b;
  b.starts["slow"] = {bench::outcome::starting};
  b.begin(lines{"a"});
  b.start_child("slow");
  CHECK(b.took() == lines{"start slow"});
  b.crash("a");
  b.start_child("b");
  CHECK(b.took() == lines{"start a", "start b", "2 ok"});
  SECTION("but what concerns itself waits") {
    b.start_child("slow");
    b.restart_child(b.now, 7, "slow");
    CHECK(b.took().empty());
    b.on_start(b.now, b.at("slow"), bench::outcome::running);
    CHECK(b.took() == lines{"1 ok", "3 already_started", "7 running"});
  }
  SECTION("and its end can be had before its start") {
    b.terminate_child(b.now, 9, "slow");
    CHECK(b.took() == lines{"tell slow"});
    const auto who = b.at("slow");
    b.ends("slow");
    CHECK(b.took() == lines{"1 shutdown", "forget slow", "9 ok"});
    CHECK_FALSE(b.on_start(b.now, who, bench::outcome::running));
  }
  SECTION("and if there is no actor yet, its shutdown time is waited for") {
    b.starts["late"] = {bench::outcome::later};
    b.start_child("late");
    const auto who = b.at("late");
    b.terminate_child(b.now, 9, "late");
    CHECK(b.took() == lines{"start late"});
    CHECK(b.m.next_time() == b.now + 5s);
    b.on_time(b.now + 5s);
    CHECK(b.took() == lines{"killed late", "3 shutdown", "forget late", "9 ok"});
    CHECK_FALSE(b.on_start(b.now, who, bench::outcome::running));
    CHECK(b.m.next_time() == machine::time_point::max());
  }
  SECTION("and if an actor comes up meanwhile, it is told") {
    b.starts["late"] = {bench::outcome::later};
    b.start_child("late");
    b.terminate_child(b.now, 9, "late");
    CHECK(b.took() == lines{"start late"});
    CHECK(b.on_start(b.now, b.at("late"), bench::outcome::running));
    CHECK(b.took() == lines{"tell late"});
    b.on_time(b.now + 5s);
    CHECK(b.took() == lines{"killed late", "kill late"});
  }
}

TEST_CASE("a restart that takes its time") {
  bench b;
  b.begin(lines{"a", "b"});
  b.starts["a"] = {bench::outcome::starting};
  b.crash("a");
  CHECK(b.took() == lines{"start a"});
  SECTION("is given up when the supervisor is told to stop") {
    b.stop(b.now);
    CHECK(b.took() == lines{"tell b"});
    b.ends("b");
    CHECK(b.took() == lines{"forget b", "tell a"});
    b.ends("a");
    CHECK(b.took() == lines{"forget a", "ended"});
  }
  SECTION("and fails is tried again, and counts then") {
    b.on_start(b.now, b.at("a"), bench::outcome::failed);
    CHECK(b.took() == lines{"retry a"});
    CHECK(b.m.policy().restarts(b.now) == 1);
    CHECK(b.state("a") == child_state::restarting);
    b.on_retry(b.now, b.at("a"));
    CHECK(b.took() == lines{"start a"});
    CHECK(b.m.policy().restarts(b.now) == 2);
  }
  SECTION("and whose child dies meanwhile has failed") {
    b.crash("a");
    CHECK(b.took() == lines{"retry a"});
    // Only once: nothing is restarted twice.
    CHECK_FALSE(b.on_exit(b.now, b.at("a"), exit_class::error));
    CHECK(b.took().empty());
  }
  SECTION("and failed does not survive a termination") {
    b.on_start(b.now, b.at("a"), bench::outcome::failed);
    const auto who = b.at("a");
    b.terminate_child(b.now, 1, "a");
    b.on_retry(b.now, who);
    CHECK(b.took() == lines{"retry a", "1 ok"});
    CHECK(b.state("a") == child_state::undefined);
  }
}

TEST_CASE("a child with a restart_delay waits longer before each restart in a row") {
  bench b{bench::of(strategy::one_for_one, {100, 1000s})};
  b.begin(
    std::vector<child_rules>{{.key = "a", .restart_delay = {100ms, 1s}}, {.key = "b"}});
  b.took();
  const auto waits_for = [&](std::chrono::milliseconds wait) {
    CHECK(b.took().empty());
    CHECK(b.state("a") == child_state::restarting);
    CHECK(b.m.next_time() == b.now + wait);
    b.now += wait - 1ms;
    b.on_time(b.now);
    CHECK(b.took().empty());
    b.now += 1ms;
    b.on_time(b.now);
    CHECK(b.took() == lines{"start a"});
  };
  // The first one is made at once.
  b.crash("a");
  CHECK(b.took() == lines{"start a"});
  b.crash("a");
  SECTION("up to the longest, until it has run for so long") {
    for (const auto wait : {100ms, 200ms, 400ms, 800ms, 1000ms, 1000ms}) {
      waits_for(wait);
      b.now += 999ms;
      b.crash("a");
    }
    waits_for(1000ms);
    b.now += 1000ms;
    b.crash("a");
    CHECK(b.took() == lines{"start a"});
  }
  SECTION("while others are restarted at once") {
    b.crash("b");
    CHECK(b.took() == lines{"start b"});
    waits_for(100ms);
  }
  SECTION("and a restart that fails waits like an end, and counts like one") {
    b.starts["a"] = {bench::outcome::failed, bench::outcome::running};
    waits_for(100ms);
    CHECK(b.m.policy().restarts(b.now) == 3);
    waits_for(200ms);
    CHECK(b.state("a") == child_state::running);
    CHECK(b.m.next_time() == machine::time_point::max());
  }
  SECTION("and is asked for meanwhile like one whose restart has failed") {
    b.restart_child(b.now, 7, "a");
    b.delete_child(b.now, 8, "a");
    CHECK(b.took() == lines{"7 restarting", "8 restarting"});
    b.terminate_child(b.now, 9, "a");
    CHECK(b.took() == lines{"9 ok"});
    CHECK(b.state("a") == child_state::undefined);
    CHECK(b.m.next_time() == machine::time_point::max());
    // What is started on request begins a new row.
    b.restart_child(b.now, 10, "a");
    b.crash("a");
    CHECK(b.took() == lines{"start a", "10 ok", "start a"});
  }
  SECTION("and does not come back when its supervisor stops") {
    b.stop(b.now);
    CHECK(b.took() == lines{"tell b"});
    b.ends("b");
    CHECK(b.took() == lines{"forget b", "forget a", "ended"});
    CHECK(b.m.next_time() == machine::time_point::max());
  }
  SECTION("nor when its time comes while another child is still ending") {
    b.stop(b.now);
    CHECK(b.took() == lines{"tell b"});
    b.now += 100ms;
    b.on_time(b.now);
    CHECK(b.took().empty());
    b.ends("b");
    CHECK(b.took() == lines{"forget b", "forget a", "ended"});
  }
}

TEST_CASE("restarts that wait escalate like others when they are too many") {
  bench b{bench::of(strategy::simple_one_for_one, {2, 1000s})};
  b.begin(lines{});
  b.start_child(b.now, 1, {.key = "a", .restart_delay = {1ms, 1s}});
  b.starts["a"] = {bench::outcome::failed};
  b.crash("a");
  CHECK(b.took() == lines{"start a", "1 ok", "start a"});
  b.now = b.m.next_time();
  b.on_time(b.now);
  CHECK(b.took() == lines{"start a", "escalated a", "forget a", "ended"});
}

TEST_CASE("a restart_delay must make sense, and be of a child that restarts alone") {
  child_spec spec;
  spec.id = "a";
  spec.start = [](const start_context&) -> start_result { return ignore{}; };
  CHECK(check_childspec(spec).empty());
  spec.restart_delay = {1ms, 1ms};
  CHECK(check_childspec(spec).empty());
  for (const auto how : {strategy::one_for_all, strategy::rest_for_one})
    CHECK(check_childspec(spec, auto_shutdown::never, how) == errc::bad_combination);
  for (const auto wrong : {restart_delay{-1ms, 1ms}, restart_delay{2ms, 1ms}}) {
    spec.restart_delay = wrong;
    CHECK(check_childspec(spec) == errc::invalid_child_spec);
  }
}

TEST_CASE("what is asked of a child whose restart failed is answered with that") {
  const auto simple = [](strategy how) { return how == strategy::simple_one_for_one; };
  for (const auto how : {strategy::one_for_one, strategy::one_for_all,
         strategy::rest_for_one, strategy::simple_one_for_one}) {
    INFO(to_string(how));
    bench b{bench::of(how)};
    b.begin(lines{});
    b.start_child("a");
    b.starts["a"] = {bench::outcome::failed};
    b.crash("a");
    CHECK(b.took() == lines{"start a", "1 ok", "start a", "retry a"});
    REQUIRE(b.state("a") == child_state::restarting);
    b.restart_child(b.now, 7, "a");
    b.delete_child(b.now, 8, "a");
    b.start_child("a");
    if (simple(how))
      CHECK(b.took()
        == lines{"7 simple_one_for_one", "8 simple_one_for_one", "2 already_started"});
    else
      CHECK(b.took() == lines{"7 restarting", "8 restarting", "2 already_present"});
    // It is tried again nevertheless.
    b.starts["a"] = {bench::outcome::running};
    b.on_retry(b.now, b.at("a"));
    CHECK(b.took() == lines{"start a"});
    CHECK(b.state("a") == child_state::running);
  }
}

TEST_CASE("while a group is restarted everything else waits, and nothing is forgotten") {
  bench b{bench::of(strategy::one_for_all)};
  b.begin(lines{"a", "b", "c"});
  b.crash("b");
  CHECK(b.took() == lines{"tell c"});
  b.start_child("d");
  b.terminate_child(b.now, 5, "a");
  SECTION("a child that dies before its turn is not told, and not restarted twice") {
    b.crash("a");
    b.ends("c");
    CHECK(
      b.took() == lines{"start a", "start b", "start c", "start d", "1 ok", "tell a"});
    CHECK(b.m.policy().restarts(b.now) == 1);
    b.ends("a");
    CHECK(b.took() == lines{"5 ok"});
  }
  SECTION("a child that dies after its restart has its own restart") {
    b.ends("c");
    CHECK(b.took() == lines{"tell a"});
    b.starts["b"] = {bench::outcome::starting};
    b.ends("a");
    CHECK(b.took() == lines{"start a", "start b"});
    b.crash("a");
    CHECK(b.took().empty());
    b.starts["b"] = {bench::outcome::running};
    b.on_start(b.now, b.at("b"), bench::outcome::running);
    // First what came first: the request for d, the end of a; then the crash is none.
    CHECK(b.took() == lines{"start c", "start d", "1 ok", "5 ok"});
    CHECK(b.m.policy().restarts(b.now) == 1);
  }
  SECTION("a stop ends it") {
    b.stop(b.now);
    CHECK(b.took() == lines{"1 shutdown", "5 shutdown"});
    b.ends("c");
    CHECK(b.took() == lines{"forget c", "forget b", "tell a"});
    b.ends("a");
    CHECK(b.took() == lines{"forget a", "ended"});
  }
}

TEST_CASE("children that are told to end are killed at their time, all by one clock") {
  bench b{bench::of(strategy::simple_one_for_one)};
  b.begin(lines{});
  for (const auto seconds : {5, 1, 3}) {
    const auto key = "c" + std::to_string(seconds);
    b.start_child(b.now, ++b.last,
      {.key = key, .shutdown = shutdown::timeout(std::chrono::seconds{seconds})});
  }
  b.took();
  b.stop(b.now);
  CHECK(b.took() == lines{"tell c5", "tell c1", "tell c3"});
  CHECK(b.m.next_time() == b.now + 1s);
  b.ends("c1");
  CHECK(b.took() == lines{"forget c1"});
  // No timer is left behind for one that has ended.
  CHECK(b.m.next_time() == b.now + 3s);
  b.on_time(b.now + 4s);
  CHECK(b.took() == lines{"killed c3", "kill c3"});
  CHECK(b.m.next_time() == b.now + 5s);
  b.stop(b.now + 4s, b.now + 4s);
  b.on_time(b.now + 4s);
  CHECK(b.took() == lines{"killed c5", "kill c5", "killed c3", "kill c3"});
  b.ends("c3");
  b.ends("c5");
  CHECK(b.took() == lines{"forget c3", "forget c5", "ended"});
  CHECK(b.m.next_time() == machine::time_point::max());
}

TEST_CASE("beyond the intensity all are ended, and requests are refused") {
  bench b{bench::of(strategy::rest_for_one, {.max_restarts = 1})};
  b.begin(lines{"a", "b"});
  b.crash("b");
  CHECK(b.took() == lines{"start b"});
  b.crash("a");
  CHECK(b.took() == lines{"escalated a", "tell b"});
  b.start_child("c");
  CHECK(b.took() == lines{"1 shutdown"});
  b.crash("b");
  CHECK(b.took() == lines{"forget b", "forget a", "ended"});
}

TEST_CASE("places are used again, and what is late for the old tenant is not the new's") {
  bench b{bench::of(strategy::simple_one_for_one)};
  b.begin(lines{});
  b.start_child("a");
  const auto old = b.at("a");
  b.terminate_child(b.now, 9, "a");
  b.ends("a");
  b.start_child("b");
  REQUIRE(b.at("b").where == old.where);
  CHECK_FALSE(b.on_exit(b.now, old, exit_class::error));
  b.terminate_child(b.now, 10, old);
  CHECK(b.log.back() == "10 not_found");
  CHECK(b.m.size() == 1);
  CHECK(b.m.active() == 1);
}

TEST_CASE("the significant children that run are counted through restarts and ends") {
  machine_options options;
  options.auto_shutdown = auto_shutdown::all_significant;
  bench b{options};
  b.begin(std::vector<child_rules>{{.key = "a"},
    {.key = "b", .restart = restart_type::transient, .significant = true},
    {.key = "c", .restart = restart_type::transient, .significant = true}});
  b.took();
  b.crash("b");
  b.terminate_child(b.now, 1, "b");
  b.ends("b");
  CHECK(b.took() == lines{"start b", "tell b", "1 ok"});
  b.on_exit(b.now, b.at("c"), exit_class::normal);
  CHECK(b.took() == lines{"forget c", "forget b", "tell a"});
}

TEST_CASE("no time to end means told and killed at once, and brutal_kill not told") {
  bench b;
  b.begin(std::vector<child_rules>{{.key = "a", .shutdown = shutdown::timeout(0s)},
    {.key = "b", .shutdown = shutdown::brutal_kill()},
    {.key = "c", .shutdown = shutdown::timeout(caf::timespan::max() - 1ns)}});
  b.took();
  b.stop(b.now);
  // However long: it is not too long for the clock.
  CHECK(b.took() == lines{"tell c"});
  CHECK(b.m.next_time() == machine::time_point::max());
  b.ends("c");
  CHECK(b.took() == lines{"forget c", "kill b"});
  b.ends("b");
  CHECK(b.took() == lines{"forget b", "tell a"});
  CHECK(b.m.next_time() == b.now);
  b.on_time(b.now);
  CHECK(b.took() == lines{"killed a", "kill a"});
}

TEST_CASE("a shutdown time must not be negative") {
  child_spec spec;
  spec.id = "a";
  spec.start = [](const start_context&) -> start_result { return ignore{}; };
  for (const auto good : {shutdown::timeout(0s), shutdown::timeout(caf::infinite),
         shutdown::brutal_kill(), shutdown::infinity(), shutdown{}}) {
    spec.shutdown = good;
    CHECK(check_childspec(spec).empty());
  }
  for (const auto wrong : {caf::timespan{-1}, caf::timespan::min()}) {
    spec.shutdown = shutdown::timeout(wrong);
    CHECK_FALSE(spec.shutdown->is_brutal_kill());
    CHECK(check_childspec(spec) == errc::invalid_child_spec);
  }
}

TEST_CASE("max_children does not count those whose end has been asked for, as in OTP") {
  bench b{{strategy::simple_one_for_one, {}, auto_shutdown::never, 2}};
  b.begin(lines{});
  b.start_child("a");
  b.start_child("b");
  b.start_child("c");
  CHECK(b.took() == lines{"start a", "1 ok", "start b", "2 ok", "3 max_children"});
  b.terminate_child(b.now, 10, "a");
  b.terminate_child(b.now, 11, "a");
  b.start_child("c");
  b.start_child("d");
  CHECK(b.took() == lines{"tell a", "start c", "4 ok", "5 max_children"});
  b.ends("a");
  b.start_child("d");
  CHECK(b.took() == lines{"forget a", "10 ok", "11 not_found", "6 max_children"});
}

TEST_CASE("a start without end can be ended whatever else has to wait for it") {
  bench b{bench::of(strategy::one_for_all)};
  SECTION("in the very first start") {
    b.starts["b"] = {bench::outcome::starting};
    b.begin(std::vector<child_rules>{{.key = "a"}, {.key = "b"}, {.key = "c"}});
    CHECK(b.took() == lines{"start a", "start b"});
    b.start_child("d");
    b.terminate_child(b.now, 9, "a");
    SECTION("by its key") {
      b.terminate_child(b.now, 10, "b");
    }
    SECTION("by its handle") {
      b.terminate_child(b.now, 10, b.at("b"));
    }
    CHECK(b.took() == lines{"tell b"});
    b.ends("b");
    // The rest goes on without it.
    CHECK(b.took() == lines{"10 ok", "start c", "ready", "start d", "1 ok", "tell a"});
    CHECK(b.state("b") == child_state::undefined);
  }
  SECTION("in the restart of a group") {
    b.begin(lines{"a", "b", "c"});
    b.starts["b"] = {bench::outcome::starting};
    b.crash("c");
    b.ends("b");
    // It was asked for before the start had begun.
    b.terminate_child(b.now, 8, "c");
    b.terminate_child(b.now, 9, "b");
    b.took();
    b.ends("a");
    CHECK(b.took() == lines{"start a", "start b", "tell b"});
    b.ends("b");
    CHECK(b.took() == lines{"9 ok", "start c", "tell c"});
    b.ends("c");
    CHECK(b.took() == lines{"8 ok"});
  }
  SECTION("when it is a request's that waited, like its end, for another") {
    b.begin(lines{});
    b.starts["a"] = b.starts["b"] = {bench::outcome::starting};
    b.start_child("a");
    b.start_child("b");
    b.terminate_child(b.now, 9, "b");
    CHECK(b.took() == lines{"start a"});
    b.terminate_child(b.now, 8, "a");
    b.ends("a");
    CHECK(
      b.took() == lines{"tell a", "1 shutdown", "forget a", "8 ok", "start b", "tell b"});
    b.ends("b");
    CHECK(b.took() == lines{"2 shutdown", "forget b", "9 ok"});
  }
  SECTION("and by a stop's deadline, which has come when it is zero") {
    b.starts["b"] = {bench::outcome::later};
    b.begin(std::vector<child_rules>{
      {.key = "a", .shutdown = shutdown::infinity()}, {.key = "b"}, {.key = "c"}});
    b.took();
    b.stop(b.now, b.now);
    CHECK(b.took() == lines{"forget c", "killed a", "kill a", "killed b", "forget b"});
    b.ends("a");
    CHECK(b.took() == lines{"forget a", "ended"});
  }
}
