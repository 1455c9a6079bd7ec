#include <cafka/supervision/supervisor_machine.hpp>

#include <catch2/catch_test_macros.hpp>

#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

using namespace cafka::supervision;
using namespace std::chrono_literals;

namespace {

using machine = supervisor_machine;
using outcome = machine::start_outcome;

/// A machine among actors that start, end and answer whenever the dice say so. What is
/// asserted holds in each order of events, on the way and at the end.
class simulation {
public:
  explicit simulation(std::uint64_t seed)
    : random_(seed), strategy_(pick(strategies)), machine_(options()) {}

  void run() {
    if (strategy_ != strategy::simple_one_for_one)
      for (const auto* key : {"a", "b", "c"})
        if (one_in(2))
          keys_[machine_.add(rules(key))] = key;
    machine_.begin(now_);
    carry_out();
    for (auto step = 5 + roll(60); step > 0 && ended_ == 0; --step) {
      if (one_in(2))
        ask();
      else
        happen();
    }
    if (one_in(2))
      settle();
    machine_.stop(now_, one_in(3) ? now_ + 1s : machine::time_point::max());
    carry_out();
    calm_ = true;
    while (happen() || pass_time())
      ;
    CHECK(ended_ == 1);
    CHECK(ready_ <= 1);
    CHECK(machine_.size() == 0);
    CHECK(machine_.active() == 0);
    CHECK(machine_.next_time() == machine::time_point::max());
    CHECK(unanswered_.empty());
    CHECK(up_.empty());
  }

private:
  static constexpr strategy strategies[] = {strategy::one_for_one, strategy::one_for_all,
    strategy::rest_for_one, strategy::simple_one_for_one};
  static constexpr const char* keys[] = {"a", "b", "c", "d", "e"};

  struct body {
    machine::incarnation who;
    bool stubborn = false; // ends only when it is killed
    bool ending = false;   // its end is on the way
  };

  struct its_end {
    machine::incarnation who;
    exit_class how;
  };
  struct start_report {
    machine::incarnation who;
  };
  struct another_try {
    machine::incarnation who;
  };
  using event = std::variant<its_end, start_report, another_try>;

  // -- what the machine wants -----------------------------------------------------------

  // After each event. The outcome of a start is told from within.
  void carry_out() {
    while (machine_.has_effects())
      for (const auto& effect : machine_.take_effects())
        std::visit([this](const auto& e) { on_effect(e); }, effect);
  }

  void on_effect(const machine::call_start& e) {
    CHECK(machine_.on_start(now_, e.child, start(e.child)));
  }

  outcome start(machine::incarnation who) {
    // Nothing is started twice, and nothing while it stops.
    REQUIRE_FALSE(up_.contains(who.where));
    REQUIRE(started_.insert(who.number).second);
    REQUIRE_FALSE(machine_.stopping());
    trying_again_.erase(who.where);
    const auto how = calm_ ? 0 : roll(10);
    if (how < 6) {
      come_up(who);
      // It may have ended by the time it is known.
      if (!calm_ && one_in(8))
        end(who, exit_class::error);
      return outcome::running;
    }
    if (how == 6)
      return outcome::failed;
    if (how == 7) {
      put_out_.insert(key(who.where));
      return outcome::ignored;
    }
    coming_.push_back(start_report{who});
    if (one_in(2))
      return outcome::later;
    come_up(who);
    return outcome::starting;
  }

  void on_effect(const machine::ask_to_end& e) {
    const auto& its = body_of(e.child);
    if (!its.stubborn)
      end(e.child, one_in(4) ? exit_class::error : exit_class::shutdown);
  }

  void on_effect(const machine::kill_child& e) {
    body_of(e.child);
    end(e.child, exit_class::killed);
  }

  void on_effect(const machine::retry_later& e) {
    trying_again_.insert(e.child.where);
    coming_.push_back(another_try{e.child});
  }

  void on_effect(const machine::took_in& e) {
    REQUIRE(unanswered_.contains(e.from));
    REQUIRE(keys_.try_emplace(e.where, brought_.at(e.from)).second);
  }

  void on_effect(const machine::reply& e) {
    // Each request is answered once.
    const auto i = unanswered_.find(e.to);
    REQUIRE(i != unanswered_.end());
    if (e.code == machine::ok && e.where != machine::nowhere)
      CHECK(up_.contains(e.where));
    if (e.code == errc::start_failed && e.where != machine::nowhere)
      put_out_.insert(key(e.where));
    if (e.code == machine::ok && !i->second.empty())
      put_out_.insert(i->second);
    unanswered_.erase(i);
  }

  void on_effect(const machine::undefine& e) {
    REQUIRE_FALSE(up_.contains(e.where));
    // The rest of its group waited for that try, and is left down, as in OTP.
    if (trying_again_.erase(e.where) > 0 && strategy_ != strategy::one_for_one)
      put_out_.insert(std::begin(keys), std::end(keys));
  }
  void on_effect(const machine::forget& e) {
    REQUIRE_FALSE(up_.contains(e.where));
    put_out_.erase(key(e.where));
    keys_.erase(e.where);
  }
  void on_effect(const machine::report&) {}
  void on_effect(const machine::became_ready&) { ++ready_; }
  void on_effect(const machine::not_ready&) { CHECK(ready_ == 0); }
  void on_effect(const machine::ended_all&) { ++ended_; }

  // -- dice -----------------------------------------------------------------------------

  std::size_t roll(std::size_t sides) {
    return static_cast<std::size_t>(random_() % sides);
  }
  bool one_in(std::size_t n) { return roll(n) == 0; }

  template <class T, std::size_t N>
  T pick(T const (&from)[N]) {
    return from[roll(N)];
  }

  machine_options options() {
    machine_options result;
    result.strategy = strategy_;
    result.intensity = {one_in(2) ? roll(4) : 1000, 1s};
    constexpr auto_shutdown when[] = {auto_shutdown::never,
      auto_shutdown::any_significant, auto_shutdown::all_significant};
    if (strategy_ != strategy::simple_one_for_one)
      result.auto_shutdown = auto_ = pick(when);
    if (one_in(3))
      result.max_children = 1 + roll(4);
    return result;
  }

  child_rules rules(const std::string& key) {
    constexpr restart_type types[] = {
      restart_type::permanent, restart_type::transient, restart_type::temporary};
    const shutdown ways[] = {
      shutdown::brutal_kill(), shutdown::timeout(1s), shutdown{}, shutdown::infinity()};
    child_rules result;
    result.key = key;
    result.restart = pick(types);
    result.shutdown = pick(ways);
    result.significant = auto_ != auto_shutdown::never
      && result.restart != restart_type::permanent && one_in(2);
    const auto alone =
      strategy_ == strategy::one_for_one || strategy_ == strategy::simple_one_for_one;
    if (alone && one_in(3))
      result.restart_delay = {1ms, 8ms};
    return result;
  }

  const std::string& key(machine::place where) const { return keys_.at(where); }

  // -- actors ---------------------------------------------------------------------------

  void come_up(machine::incarnation who) {
    // One that would never end must have a time at which it is killed.
    const auto stubborn = !machine_.rules(who.where).shutdown.is_infinity() && one_in(4);
    up_[who.where] = {who, stubborn};
  }

  const body& body_of(machine::incarnation who) const {
    const auto i = up_.find(who.where);
    REQUIRE(i != up_.end());
    REQUIRE(i->second.who == who);
    return i->second;
  }

  void end(machine::incarnation who, exit_class how) {
    if (!std::exchange(up_.at(who.where).ending, true))
      coming_.push_back(its_end{who, how});
  }

  // -- events ---------------------------------------------------------------------------

  void ask() {
    const std::string which = pick(keys);
    const auto where = machine_.find(which);
    const auto request = ++last_request_;
    auto& ends = unanswered_[request];
    switch (roll(6)) {
    case 0:
    case 1:
      brought_[request] = which;
      machine_.start_child(now_, request, rules(which));
      break;
    case 2:
      ends = which;
      machine_.terminate_child(now_, request, which);
      break;
    case 3:
      ends = which;
      if (where != machine::nowhere)
        machine_.terminate_child(now_, request, machine_.at(where));
      else
        machine_.terminate_child(now_, request, which);
      break;
    case 4: machine_.restart_child(now_, request, which); break;
    default: machine_.delete_child(now_, request, which);
    }
    carry_out();
  }

  // Lets something happen; false when nothing is on the way.
  bool happen() {
    if (!calm_ && !up_.empty() && one_in(2)) {
      constexpr exit_class ways[] = {
        exit_class::normal, exit_class::shutdown, exit_class::killed, exit_class::error};
      auto i = up_.begin();
      std::advance(i, roll(up_.size()));
      end(i->second.who, pick(ways));
    }
    if (!calm_ && one_in(8))
      pass_time();
    if (coming_.empty())
      return false;
    // They come from many: any of them may be the next.
    const auto i = coming_.begin() + static_cast<std::ptrdiff_t>(roll(coming_.size()));
    auto what = *i;
    coming_.erase(i);
    std::visit([this](auto& e) { deliver(e); }, what);
    return true;
  }

  bool pass_time() {
    if (machine_.next_time() == machine::time_point::max())
      return false;
    now_ = std::max(now_, machine_.next_time());
    machine_.on_time(now_);
    carry_out();
    return true;
  }

  // As the actor around the machine does it.
  void deliver(const its_end& e) {
    const auto i = up_.find(e.who.where);
    if (i == up_.end() || i->second.who != e.who)
      return;
    up_.erase(i);
    CHECK(machine_.on_exit(now_, e.who, e.how));
    carry_out();
    CHECK_FALSE(machine_.on_exit(now_, e.who, e.how));
  }

  void deliver(const start_report& e) {
    if (!machine_.is_current(e.who))
      return;
    const auto state = machine_.state(e.who.where);
    if (state != child_state::starting && state != child_state::terminating)
      return;
    constexpr outcome ways[] = {
      outcome::running, outcome::running, outcome::failed, outcome::ignored};
    const auto how = pick(ways);
    if (how != outcome::running)
      up_.erase(e.who.where);
    else if (!up_.contains(e.who.where))
      come_up(e.who);
    if (how == outcome::ignored)
      put_out_.insert(key(e.who.where));
    machine_.on_start(now_, e.who, how);
    carry_out();
  }

  void deliver(const another_try& e) {
    machine_.on_retry(now_, e.who);
    carry_out();
  }

  // Once nothing is on the way all are there that should be: nobody is forgotten.
  void settle() {
    calm_ = true;
    while (happen() || pass_time())
      ;
    if (machine_.stopping())
      return;
    CHECK(machine_.quiescent());
    CHECK(unanswered_.empty());
    for (auto p = machine_.first(); p != machine::nowhere; p = machine_.after(p)) {
      INFO("child " << key(p) << " is " << to_string(machine_.state(p)));
      CHECK(up_.contains(p) == (machine_.state(p) == child_state::running));
      if (machine_.rules(p).restart == restart_type::permanent
        && !put_out_.contains(key(p)))
        CHECK(machine_.state(p) == child_state::running);
      else
        CHECK((machine_.state(p) == child_state::running
          || machine_.state(p) == child_state::undefined));
    }
  }

  std::mt19937_64 random_;
  const strategy strategy_;
  auto_shutdown auto_ = auto_shutdown::never;
  machine machine_;
  machine::time_point now_{1000s};
  std::map<machine::place, body> up_; // whose end has not been told
  std::vector<event> coming_;
  std::set<std::uint64_t> started_;
  std::map<machine::request, std::string> unanswered_; // whom they end, if anybody
  std::map<machine::request, std::string> brought_;    // whom they start, if anybody
  std::map<machine::place, std::string> keys_;         // as the effects told them
  std::set<machine::place> trying_again_;
  std::set<std::string> put_out_; // who may be down for a reason
  machine::request last_request_ = 0;
  int ready_ = 0;
  int ended_ = 0;
  bool calm_ = false; // nobody ends by himself, and what starts comes up
};

} // namespace

TEST_CASE(
  "whatever comes in whatever order, nothing is started twice, forgotten or left") {
  for (std::uint64_t seed = 1; seed <= 50'000; ++seed) {
    INFO("seed " << seed);
    simulation{seed}.run();
  }
}
