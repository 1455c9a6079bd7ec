#include "scenario.hpp"
#include <cafka/supervision/supervisor.hpp>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/init_global_meta_objects.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <caf/sec.hpp>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <optional>
#include <set>
#include <sstream>
#include <stdexcept>

CAF_BEGIN_TYPE_ID_BLOCK(otp_runner, caf::first_custom_type_id)

CAF_ADD_ATOM(otp_runner, cafka::supervision::otp, crash_atom)
CAF_ADD_ATOM(otp_runner, cafka::supervision::otp, end_atom)

CAF_END_TYPE_ID_BLOCK(otp_runner)

namespace cafka::supervision::otp {

namespace {

const char* word(const caf::error& reason) {
  switch (classify(reason)) {
  case exit_class::normal: return "normal";
  case exit_class::shutdown: return "shutdown";
  case exit_class::killed: return "killed";
  case exit_class::error: return "error";
  }
  return "?";
}

/// What happened, in order, and who is there.
struct world {
  std::vector<std::string> lines;
  std::map<std::string, caf::strong_actor_ptr> alive;
  std::map<std::string, caf::strong_actor_ptr> last; // also of those that have ended
  std::map<std::string, std::vector<std::string>> starts_left;
  std::uint64_t ended = 0;

  void started(const std::string& name, caf::strong_actor_ptr who) {
    alive[name] = last[name] = std::move(who);
  }

  void down(const std::string& name, caf::actor_id who, const caf::error& reason) {
    lines.push_back("down " + name + ' ' + word(reason));
    ++ended;
    if (const auto i = alive.find(name); i != alive.end() && i->second->id() == who)
      alive.erase(i);
  }

  /// The next outcome of a child's start: the last of the list is for ever.
  std::string outcome(const std::string& name, const std::string& list) {
    auto& left = starts_left[name];
    if (left.empty()) {
      std::istringstream in{list};
      for (std::string one; std::getline(in, one, ',');)
        left.push_back(one);
    }
    auto next = left.front();
    if (left.size() > 1)
      left.erase(left.begin());
    return next;
  }
};

/// A child that ends as its scenario says, and says when it does.
class child : public caf::event_based_actor {
public:
  child(caf::actor_config& cfg, world& w, std::string name, std::string ends)
    : event_based_actor(cfg), world_(w), name_(std::move(name)), ends_(std::move(ends)) {}

  caf::behavior make_behavior() override {
    set_exception_handler(
      [](std::exception_ptr&) { return caf::make_error(caf::sec::runtime_error); });
    if (ends_ != "told")
      trap_exit(this, [this](caf::exit_msg& msg) { told_to_end(msg.reason); });
    return {
      [this](crash_atom, const std::string& how) {
        if (how == "normal")
          quit();
        else if (how == "shutdown")
          quit(caf::exit_reason::user_shutdown);
        else if (how == "shutdown_term")
          quit(caf::make_error(errc::shutdown, std::string{"term"}));
        else if (how == "error")
          quit(caf::sec::runtime_error);
        else
          throw std::runtime_error("told to throw");
      },
      [this](end_atom) { quit(caf::exit_reason::user_shutdown); },
    };
  }

  // Runs before anybody else hears of the end.
  void on_exit() override {
    world_.down(name_, id(), fail_state());
    event_based_actor::on_exit();
  }

private:
  void told_to_end(const caf::error& why) {
    // What is none of its supervisor's wishes ends it, as it does on OTP.
    if (classify(why) != exit_class::shutdown)
      quit(why);
    else if (ends_ == "normal")
      quit();
    else if (ends_ == "error")
      quit(caf::sec::runtime_error);
    else if (ends_.starts_with("slow:"))
      tell_after(this, caf::actor_cast<caf::actor>(this),
        std::chrono::milliseconds{std::stoi(ends_.substr(5))}, end_atom_v);
  }

  world& world_;
  std::string name_;
  std::string ends_;
};

/// One scenario's supervisors, and the thread that runs them.
class play {
public:
  play(const scenario& what, std::ostream& out)
    : what_(what), out_(out), system_(config_) {
    for (const auto& n : what.nodes)
      nodes_[n.name] = n;
  }

  void run() {
    out_ << "== " << what_.title << '\n';
    for (const auto& step : what_.steps)
      act(step);
    act({"end"});
  }

private:
  struct testing_config : caf::actor_system_config {
    testing_config() { set("caf.scheduler.policy", "testing"); }
  };

  caf::scheduler::test_coordinator& scheduler() {
    return static_cast<caf::scheduler::test_coordinator&>(system_.scheduler());
  }

  // -- starting -------------------------------------------------------------------------

  start_function start_of(const std::string& name, const word_options& options) {
    return [this, name, list = options.get("start", "ok"),
             ends = options.get("ends", "told")](const start_context& c) -> start_result {
      const auto how = world_.outcome(name, list);
      if (how == "ok") {
        world_.lines.push_back("start " + name
          + (c.arguments().empty() ? ""
                                   : " with " + c.arguments().get_as<std::string>(0)));
        auto started = caf::actor_cast<caf::strong_actor_ptr>(
          c.system().spawn<child>(world_, name, ends));
        world_.started(name, started);
        return started;
      }
      if (how == "ignore") {
        world_.lines.push_back("ignore " + name);
        return ignore{};
      }
      world_.lines.push_back("fail " + name);
      if (how == "exception")
        throw std::runtime_error("told to throw");
      return caf::make_error(caf::sec::runtime_error);
    };
  }

  child_spec spec_of(const node& n) {
    child_spec spec;
    spec.id = n.name;
    if (n.is_supervisor) {
      spec.type = child_type::supervisor;
      spec.start = [this, n](const start_context& c) -> start_result {
        return starting{start_supervisor_node(n, c.later())};
      };
    } else {
      spec.start = start_of(n.name, n.options);
    }
    const auto restart = n.options.get("restart", "permanent");
    spec.restart = restart == "permanent" ? restart_type::permanent
      : restart == "transient"            ? restart_type::transient
                                          : restart_type::temporary;
    spec.significant = n.options.has("significant");
    if (const auto how = n.options.get("shutdown", ""); how == "brutal_kill")
      spec.shutdown = shutdown::brutal_kill();
    else if (how == "infinity")
      spec.shutdown = shutdown::infinity();
    else if (!how.empty())
      spec.shutdown = shutdown::timeout(std::chrono::milliseconds{std::stoi(how)});
    return spec;
  }

  caf::strong_actor_ptr start_supervisor_node(const node& n, start_later ready) {
    const auto how = n.options.get("strategy", "one_for_one");
    const auto when = n.options.get("auto", "never");
    const auto max = n.options.get("max", "3/5");
    const auto slash = max.find('/');
    supervisor_options options;
    options.name = n.name;
    options.strategy = how == "one_for_one" ? strategy::one_for_one
      : how == "one_for_all"                ? strategy::one_for_all
      : how == "rest_for_one"               ? strategy::rest_for_one
                                            : strategy::simple_one_for_one;
    options.auto_shutdown = when == "never" ? auto_shutdown::never
      : when == "any_significant"           ? auto_shutdown::any_significant
                                            : auto_shutdown::all_significant;
    options.intensity = {std::stoul(max.substr(0, slash)),
      std::chrono::seconds{std::stoi(max.substr(slash + 1))}};
    if (n.options.has("max_children"))
      options.max_children = std::stoul(n.options.get("max_children", ""));
    if (n.options.has("extra"))
      options.extra_arguments = caf::make_message(n.options.get("extra", ""));
    for (const auto& below : what_.nodes)
      if (below.in == n.name)
        options.children.push_back(spec_of(below));
    // Somebody is there only once it has started.
    auto up = std::make_shared<bool>(false);
    auto self = std::make_shared<caf::weak_actor_ptr>();
    options.ready = start_later{[this, up, self, ready, n](start_result result) {
      if (auto* failed = std::get_if<caf::error>(&result))
        return ready.failed(std::move(*failed));
      *up = true;
      world_.started(n.name, caf::actor_cast<caf::strong_actor_ptr>(*self));
      ready.started();
    }};
    auto started = caf::actor_cast<caf::strong_actor_ptr>(
      spawn_supervisor(system_, std::move(options)));
    *self = caf::actor_cast<caf::weak_actor_ptr>(started);
    started->get()->attach_functor(
      [this, up, name = n.name, id = started->id()](const caf::error& reason) {
        if (*up)
          world_.down(name, id, reason);
      });
    return started;
  }

  // -- steps ----------------------------------------------------------------------------

  void act(const std::vector<std::string>& step) {
    const auto answer = answer_to(step);
    settle();
    out_ << '>';
    for (const auto& w : step)
      out_ << ' ' << w;
    out_ << '\n';
    auto lines = std::exchange(world_.lines, {});
    if (what_.unordered)
      sort_ends(lines);
    // How often a restart fails before the next step is a matter of chance.
    if (what_.loops)
      std::erase_if(lines, [](const auto& line) { return line.starts_with("fail "); });
    for (const auto& line : lines)
      out_ << line << '\n';
    if (!answer.empty())
      out_ << "= " << answer << '\n';
  }

  // Who ends first is nobody's decision where all are told at once.
  static void sort_ends(std::vector<std::string>& lines) {
    const auto is_end = [](const std::string& line) { return line.starts_with("down "); };
    for (auto from = lines.begin(); from != lines.end();) {
      from = std::find_if(from, lines.end(), is_end);
      const auto to = std::find_if_not(from, lines.end(), is_end);
      std::sort(from, to);
      from = to;
    }
  }

  std::string answer_to(const std::vector<std::string>& step) {
    const auto& verb = step[0];
    if (verb == "begin")
      return begin();
    if (verb == "wait") {
      scheduler().advance_time(std::chrono::milliseconds{std::stoi(step[1])});
      return {};
    }
    if (verb == "end")
      return end_with(root().name, caf::exit_reason::user_shutdown);
    if (verb == "exit")
      return end_with(step[1], caf::exit_reason::user_shutdown);
    if (verb == "crash")
      return crash(step[1], step[2]);
    if (!world_.alive.contains(step[1]))
      return "gone";
    const auto sup = caf::actor_cast<supervisor_actor>(world_.alive[step[1]]);
    const auto dynamic =
      nodes_[step[1]].options.get("strategy", "") == "simple_one_for_one";
    if (verb == "start")
      return start(sup, step);
    if (verb == "terminate") {
      terminate_child request;
      if (!dynamic)
        request.id = step[2];
      else if (world_.last.contains(step[2]))
        request.child = world_.last[step[2]];
      else
        return "not_found"; // As with a pid that is no child's.
      return ask_and_run<void>(sup, request, [] { return std::string{"ok"}; });
    }
    if (verb == "restart")
      return ask_and_run<caf::strong_actor_ptr>(
        sup, restart_child{step[2]}, started_word);
    if (verb == "delete")
      return ask_and_run<void>(
        sup, delete_child{step[2]}, [] { return std::string{"ok"}; });
    if (verb == "spec")
      return ask_and_run<child_spec>(sup, get_childspec{.id = step[2]}, spec_word);
    if (verb == "which")
      return ask_and_run<std::vector<child_info>>(
        sup, which_children{}, dynamic ? which_types : which_word);
    if (verb == "count")
      return ask_and_run<child_counts>(sup, count_children{}, count_word);
    throw std::runtime_error("there is no step " + verb);
  }

  const node& root() const {
    return *std::ranges::find_if(what_.nodes, [](const node& n) { return n.in.empty(); });
  }

  std::string begin() {
    auto answer = std::make_shared<std::string>();
    root_ = start_supervisor_node(root(), start_later{[answer](const start_result& how) {
      *answer = std::holds_alternative<caf::error>(how) ? "error" : "ok";
    }});
    settle([answer] { return !answer->empty(); });
    return *answer;
  }

  std::string crash(const std::string& name, const std::string& how) {
    if (how == "kill")
      return end_with(name, caf::exit_reason::kill);
    const auto i = world_.alive.find(name);
    if (i == world_.alive.end())
      return "gone";
    post(i->second, crash_atom_v, how);
    return {};
  }

  std::string end_with(const std::string& name, caf::exit_reason reason) {
    const auto i = world_.alive.find(name);
    if (i == world_.alive.end())
      return "gone";
    post_exit(i->second, reason);
    return {};
  }

  std::string start(const supervisor_actor& sup, const std::vector<std::string>& step) {
    const auto& name = step[2];
    node n{false, name, step[1], word_options{step, 3}};
    auto spec = spec_of(n);
    nodes_.try_emplace(name, n);
    return ask_and_run<caf::strong_actor_ptr>(
      sup, start_child{std::move(spec)}, started_word);
  }

  template <class T, class Request, class F>
  std::string ask_and_run(const supervisor_actor& sup, Request request, F word_of) {
    auto answer = std::make_shared<std::string>();
    auto answered = std::make_shared<bool>(false);
    const auto failed = [answer, answered](const caf::error& e) {
      *answered = true;
      *answer = error_word(e);
    };
    system_.spawn([=](caf::event_based_actor* self) mutable {
      auto pending = ask(self, sup, caf::infinite, std::move(request));
      if constexpr (std::is_void_v<T>)
        std::move(pending).then(
          [=] {
            *answered = true;
            *answer = word_of();
          },
          failed);
      else
        std::move(pending).then(
          [=](const T& x) {
            *answered = true;
            *answer = word_of(x);
          },
          failed);
    });
    settle([answered] { return *answered; });
    return *answer;
  }

  // Runs all that can run; time passes only while somebody is waited for.
  template <class F>
  void settle(F done) {
    while (true) {
      if (what_.loops)
        run_in_turn();
      else
        scheduler().run();
      if (done() && (what_.loops || all_settled()))
        return;
      if (!scheduler().trigger_timeout())
        throw std::runtime_error(what_.title + ": it does not come to its end");
    }
  }

  void settle() {
    settle([] { return true; });
  }

  // A restart that fails for ever comes to no end, and leaves no other actor a turn.
  void run_in_turn() {
    auto& jobs = scheduler().jobs;
    for (int i = 0; i < 1000 && scheduler().try_run_once(); ++i)
      if (!jobs.empty())
        std::rotate(jobs.begin(), jobs.begin() + 1, jobs.end());
  }

  bool all_settled() {
    for (const auto& [name, handle] : world_.alive)
      if (const auto i = nodes_.find(name);
          i != nodes_.end() && i->second.is_supervisor) {
        auto quiescent = std::make_shared<bool>(true);
        system_.spawn([=, sup = caf::actor_cast<supervisor_actor>(handle)](
                        caf::event_based_actor* self) {
          ask(self, sup, caf::infinite, get_info{})
            .then(
              [=](
                const supervisor_info& it) { *quiescent = it.quiescent && !it.stopping; },
              [](const caf::error&) {});
        });
        scheduler().run();
        if (!*quiescent)
          return false;
      }
    return true;
  }

  // -- words ----------------------------------------------------------------------------

  static std::string started_word(const caf::strong_actor_ptr& child) {
    return child != nullptr ? "ok" : "ok undefined";
  }

  static std::string error_word(const caf::error& e) {
    for (const auto code : {errc::already_started, errc::already_present, errc::not_found,
           errc::running, errc::restarting, errc::simple_one_for_one, errc::max_children,
           errc::bad_combination})
      if (e == code)
        return to_string(code);
    return "error";
  }

  static std::string spec_word(const child_spec& spec) {
    const auto is_supervisor = spec.type == child_type::supervisor;
    const auto how =
      spec.shutdown.value_or(is_supervisor ? shutdown::infinity() : shutdown{});
    using ms = std::chrono::milliseconds;
    return std::string{to_string(spec.restart)} + ' '
      + (how.is_brutal_kill() ? "brutal_kill"
          : how.is_infinity()
          ? "infinity"
          : std::to_string(std::chrono::floor<ms>(how.time()).count()))
      + ' ' + to_string(spec.type) + (spec.significant ? " true" : " false");
  }

  static std::string which_word(const std::vector<child_info>& all) {
    std::string out;
    for (const auto& c : all)
      out += (out.empty() ? "" : " ") + c.id + ':' + to_string(c.state) + ':'
        + to_string(c.type);
    return out.empty() ? "nobody" : out;
  }

  static std::string which_types(const std::vector<child_info>& all) {
    std::string out;
    for (const auto& c : all)
      out += std::string{out.empty() ? "" : " "} + to_string(c.type);
    return out.empty() ? "nobody" : out;
  }

  static std::string count_word(const child_counts& c) {
    return "specs=" + std::to_string(c.specs) + " active=" + std::to_string(c.active)
      + " supervisors=" + std::to_string(c.supervisors)
      + " workers=" + std::to_string(c.workers);
  }

  const scenario& what_;
  std::ostream& out_;
  std::map<std::string, node> nodes_;
  world world_;
  testing_config config_;
  caf::actor_system system_;
  caf::strong_actor_ptr root_;
};

} // namespace

void run(const scenario& what, std::ostream& out) {
  play{what, out}.run();
}

} // namespace cafka::supervision::otp

int main(int argc, char** argv) {
  using namespace cafka::supervision;
  caf::init_global_meta_objects<caf::id_block::otp_runner>();
  caf::init_global_meta_objects<caf::id_block::cafka_supervision>();
  caf::core::init_global_meta_objects();
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() == 1 && words[0] == "matrix") {
    otp::write_matrix(std::cout);
  } else if (words.size() == 3 && words[0] == "random") {
    const auto first = std::stoull(words[1]);
    for (std::uint64_t i = 0; i < std::stoull(words[2]); ++i)
      otp::write_random(std::cout, first + i);
  } else if (words.size() == 2 && words[0] == "run") {
    std::ifstream file{words[1]};
    if (!file) {
      std::cerr << "otp_scenarios: cannot read " << words[1] << '\n';
      return 1;
    }
    for (const auto& s : otp::read_scenarios(file))
      otp::run(s, std::cout);
  } else {
    std::cerr << "usage: otp_scenarios matrix | random FIRST_SEED COUNT | run FILE\n";
    return 2;
  }
}
