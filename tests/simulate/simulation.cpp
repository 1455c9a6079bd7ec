#include "simulation.hpp"

#include "settings.hpp"

#include <algorithm>

namespace cafka::simulate {

using namespace std::chrono_literals;

namespace {

/// Once all is well, all have by then what they waited for.
constexpr auto usual_patience = 10s;
/// What goes on is given so much more.
constexpr auto most_rounds_of_patience = 20;
/// After so long an earlier epoch counts, with some more to ask.
constexpr auto time_to_go_back = 65s;
/// A member that is gone is waited for until its session is over, and then the others
/// join.
constexpr auto patience_with_groups = 60s;
/// The same where a login that was refused is tried again after 10 s at most.
constexpr auto patience_with_logins = 25s;

/// Some clients of a cluster, and what is done to them.
class life {
public:
  life(const run_options& options, chosen all)
    : all_(std::move(all)),
      world_(options.seed, all_.cluster),
      bad_(world_, all_.troubles),
      calm_(options.calm) {
    world_.story.listener = options.story;
    for (const auto& t : all_.topics) {
      std::map<std::string, std::string> configs;
      if (t.max_message_bytes > 0)
        configs["max.message.bytes"] = std::to_string(t.max_message_bytes);
      world_.cluster.create_topic(t.name, t.partitions, t.replicas, std::move(configs));
    }
    for (auto& p : all_.producers)
      add<producer>("producer", p);
    for (auto& c : all_.consumers) {
      c.drops_one_in = options.wrong == defect::drops ? 50 : 0;
      c.doubles_one_in = options.wrong == defect::doubles ? 50 : 0;
      add<consumer>("consumer", c);
    }
    for (const auto& w : all_.workers)
      workers_.push_back(&add<worker>("worker", w));
    for (const auto& [s, asked] : all_.streams)
      add<stream>("stream", s, *workers_[asked]);
    for (auto& [m, number] : all_.members) {
      m.loses_nothing = calm_;
      if (groups_.size() <= number)
        groups_.push_back(
          std::make_shared<group_book>(world_, "group" + std::to_string(number)));
      add<member>("member", m, groups_[number]);
    }
    if (options.length > duration{})
      all_.length = options.length;
    if (!all_.mechanisms.empty())
      patience_ = patience_with_logins;
    if (!all_.members.empty())
      patience_ = patience_with_groups;
  }

  run_outcome live() {
    run_outcome out;
    try {
      all_of_it(out);
    } catch (const broken_promise& e) {
      out.broken = e.what();
    }
    out.lasted = world_.now - begun_;
    out.steps = world_.steps;
    out.records = world_.book.totals();
    for (const auto& f : world_.flows) {
      out.most_requests = std::max(out.most_requests, f.most_requests);
      out.most_connections = std::max(out.most_connections, f.most_connections);
    }
    return out;
  }

private:
  template <class Actor, class... Args>
  Actor& add(const std::string& kind, Args&&... args) {
    auto made = std::make_unique<Actor>(
      world_, kind + std::to_string(world_.actors.size()), std::forward<Args>(args)...);
    auto& it = *made;
    world_.actors.push_back(std::move(made));
    return it;
  }

  void all_of_it(run_outcome& out) {
    for (const auto& a : world_.actors)
      a->begin();
    auto random = world_.random.fork("rounds");
    for (const auto end = begun_ + all_.length; world_.now < end;) {
      if (random.chance(100)) // A long rest.
        rest(random.between(1min, 20min));
      run_checked(random.between(1s, 20s));
      if (!calm_)
        bad_.begin();
      run_checked(random.between(1s, 60s));
      bad_.end();
      recover(out);
    }
    finish();
  }

  void rest(duration by) {
    set_busy(false);
    run_checked(by);
    set_busy(true);
  }

  void run_checked(duration by) {
    for (const auto end = world_.now + by; world_.now < end;) {
      world_.run(std::min<duration>(1s, end - world_.now));
      check();
    }
  }

  void check() {
    for (const auto& a : world_.actors)
      a->check();
  }

  void set_busy(bool busy) {
    for (const auto& a : world_.actors)
      a->set_busy(busy);
  }

  [[nodiscard]] std::string waits() {
    for (const auto& a : world_.actors) {
      if (auto why = a->waits_for(); !why.empty())
        return a->name() + ": " + why;
    }
    return "";
  }

  /// Until nobody waits for anything; not without progress for so long, nor for ever.
  void wait(time_point until, std::chrono::seconds patience, std::string_view what) {
    const auto last = until + most_rounds_of_patience * patience;
    for (auto before = waits(); !before.empty();) {
      if (world_.now >= until)
        throw broken_promise{
          std::to_string(patience.count()) + std::string{what} + before};
      world_.run(100ms);
      auto now = waits();
      if (now != before)
        until = std::min(std::max(until, world_.now + patience), last);
      before = std::move(now);
    }
  }

  /// All is well: soon nobody waits for anything, and every promise is kept.
  void recover(run_outcome& out) {
    set_busy(false);
    auto well = world_.now;
    for (const auto& a : world_.actors)
      well = std::max(well, a->stalled_until());
    const auto patience = patience_
      + (std::exchange(world_.lied_about_leaders, false) ? time_to_go_back : 0s);
    const auto until = well + patience;
    wait(until, patience, " s after all is well, ");
    out.longest_recovery =
      std::max(out.longest_recovery, std::max(world_.now, well) - well);
    check();
    world_.book.read_all();
    world_.book.check_order();
    if (world_.now < until) // What went on may have taken longer.
      world_.run(until - world_.now);
    for (auto* w : workers_)
      w->probe();
    world_.run(patience_);
    // What was made anew may be noticed only now.
    wait(
      world_.now + patience, patience, " s after it was asked, although all is well, ");
    check();
    set_busy(true);
  }

  void finish() {
    set_busy(false);
    world_.run(1s);
    // Those who are asked end last.
    for (auto at = world_.actors.rbegin(); at != world_.actors.rend(); ++at) {
      (*at)->stop();
      const auto until = world_.now + patience_;
      while (!(*at)->waits_for().empty()) {
        if (world_.now >= until)
          throw broken_promise{std::to_string(patience_.count())
            + " s after it was stopped, " + (*at)->name() + " waits "
            + (*at)->waits_for()};
        world_.run(100ms);
      }
    }
    world_.run(30s); // What is on its way arrives.
    world_.book.read_all();
    world_.book.check_order();
    for (const auto& a : world_.actors)
      a->gone();
  }

  chosen all_;
  world world_;
  troubles bad_;
  const bool calm_;
  std::vector<worker*> workers_;
  std::vector<std::shared_ptr<group_book>> groups_;
  std::chrono::seconds patience_ = usual_patience;
  const time_point begun_ = world_.now;
};

} // namespace

run_outcome simulate(const run_options& options) {
  auto all = choose(random_source{options.seed}.fork("choice"), options.edition);
  return life{options, std::move(all)}.live();
}

} // namespace cafka::simulate
