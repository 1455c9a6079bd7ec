// Named children under a simple_one_for_one supervisor: started, all killed, all back
// under their names, all stopped. bench/supervision.exs does the same with Elixir's
// DynamicSupervisor and Registry. What of it is CAF's own shows a plain actor here, which
// spawns, watches, spawns again and ends its children, and does nothing else for them.
//
//   supervision_bench [ELIXIR_OUTPUT]
//
// ELIXIR_OUTPUT is what that script printed in the same run: then the ratios are printed,
// too.

#include "bench.hpp"
#include <cafka/supervision/caf_compat.hpp>
#include <cafka/supervision/run_here.hpp>
#include <cafka/supervision/supervisor.hpp>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/init_global_meta_objects.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include <atomic>
#include <cstdlib>
#include <deque>
#include <fstream>
#include <iostream>
#include <malloc.h>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace cafka;
using namespace cafka::supervision;

constexpr std::size_t most_children = 100'000;

[[noreturn]] void fail(const std::string& why) {
  std::fprintf(stderr, "supervision_bench: %s\n", why.c_str());
  std::exit(1);
}

caf::behavior worker(caf::event_based_actor*) {
  return {[](int x) { return x; }};
}

/// Bytes on the heap now.
double heap() {
  const auto info = mallinfo2();
  return static_cast<double>(info.uordblks + info.hblkhd);
}

struct figures {
  double start_us = 0; ///< for one child
  double bytes = 0;    ///< of one child
  double back_ms = 0;  ///< for all of them
  double stop_ms = 0;
  // Processor time for one child, microseconds.
  double start_cpu = 0;
  double back_cpu = 0;
  double stop_cpu = 0;
};

start_result start_worker(const start_context& c) {
  return caf::actor_cast<caf::strong_actor_ptr>(spawn_here(c.system(), worker));
}

/// Children of a supervisor, with names.
class supervised {
public:
  explicit supervised(caf::actor_system& sys) {
    auto started = start_supervisor(sys,
      {.strategy = strategy::simple_one_for_one,
        .intensity = {10'000'000, std::chrono::seconds{60}},
        .names = names_});
    if (!started)
      fail(to_string(started.error()));
    handle_ = std::move(*started);
  }

  [[nodiscard]] const supervisor_actor& handle() const { return handle_; }

  /// Until each name yields somebody other than `first`. From the last on, so that this
  /// thread does not wake up for each of them.
  void wait_until_back(const std::vector<std::string>& all,
    const std::vector<caf::strong_actor_ptr>& first) {
    const auto until = bench::clock::now() + std::chrono::minutes{1};
    for (auto i = all.size(); i-- > 0;)
      if (names_->wait_for(all[i], first[i], until) == nullptr)
        fail(all[i] + " is not back");
    if (names_->size() != all.size())
      fail("a name is lost");
  }

private:
  std::shared_ptr<registry> names_ = std::make_shared<registry>();
  supervisor_actor handle_;
};

/// Children of an actor without names, specifications and limits.
class plain {
public:
  explicit plain(caf::actor_system& sys)
    : handle_(sys.spawn([state = state_](caf::event_based_actor* self) -> caf::behavior {
        const auto start = [=](std::uint32_t place) {
          auto& child = state->children[place];
          child = std::get<caf::strong_actor_ptr>(start_worker({self->system()}));
          watch(self, child, [place](const caf::error& reason) {
            return supervision::detail::child_down{place, 0, reason};
          });
        };
        return {
          [=](const start_child&) {
            state->children.emplace_back();
            start(static_cast<std::uint32_t>(state->children.size() - 1));
            return state->children.back();
          },
          [=](const supervision::detail::child_down& down) {
            if (!state->stopping) {
              start(down.place);
              ++state->back;
              return;
            }
            state->children[down.place] = nullptr;
            if (++state->ended == state->children.size()) {
              state->all_ended.deliver();
              self->quit();
            }
          },
          [=](stop) {
            state->stopping = true;
            for (const auto& child : state->children)
              post_exit(child, caf::exit_reason::user_shutdown);
            state->all_ended = self->make_response_promise<void>();
            return state->all_ended;
          },
        };
      })) {}

  [[nodiscard]] const caf::actor& handle() const { return handle_; }

  void wait_until_back(
    const std::vector<std::string>& all, const std::vector<caf::strong_actor_ptr>&) {
    while (state_->back < all.size())
      std::this_thread::sleep_for(std::chrono::microseconds{100});
  }

private:
  struct shared {
    std::deque<caf::strong_actor_ptr> children;
    std::atomic<std::size_t> back = 0;
    std::size_t ended = 0;
    bool stopping = false;
    caf::typed_response_promise<void> all_ended;
  };

  std::shared_ptr<shared> state_ = std::make_shared<shared>();
  caf::actor handle_;
};

/// Time and processor time since the one before.
class lap {
public:
  double next(double& cpu, std::size_t count) {
    const auto now = bench::clock::now();
    const auto used = bench::cpu_nanoseconds();
    const auto took = bench::microseconds(now - std::exchange(began_, now));
    cpu = (used - std::exchange(used_, used)) / 1000 / static_cast<double>(count);
    return took;
  }

private:
  bench::clock::time_point began_ = bench::clock::now();
  double used_ = bench::cpu_nanoseconds();
};

template <class Keeper>
figures measure(caf::actor_system& sys, std::size_t count) {
  figures result;
  Keeper keeper{sys};
  std::vector<std::string> all;
  for (std::size_t i = 0; i < count; ++i)
    all.push_back("worker_" + std::to_string(i));
  std::vector<caf::strong_actor_ptr> first(count);
  const auto each = static_cast<double>(count);
  caf::scoped_actor self{sys};
  const auto heap_before = heap();
  lap time;
  for (std::size_t i = 0; i < count; ++i) {
    child_spec spec;
    spec.name = all[i];
    spec.start = start_worker;
    ask_here(self, keeper.handle(), start_child{std::move(spec)})
      .receive([&](caf::strong_actor_ptr& child) { first[i] = std::move(child); },
        [](const caf::error& e) { fail(to_string(e)); });
  }
  result.start_us = time.next(result.start_cpu, count) / each;
  result.bytes = (heap() - heap_before) / each;
  time = {};
  for (const auto& child : first)
    post_exit(child, caf::exit_reason::kill);
  keeper.wait_until_back(all, first);
  result.back_ms = time.next(result.back_cpu, count) / 1000;
  first.clear();
  time = {};
  ask(self, keeper.handle(), caf::infinite, stop{})
    .receive([] {}, [](const caf::error& e) { fail(to_string(e)); });
  result.stop_ms = time.next(result.stop_cpu, count) / 1000;
  return result;
}

/// Until no actor is left, by CAF's own count.
void wait_for_nobody(caf::actor_system& sys) {
  const auto until = bench::clock::now() + std::chrono::seconds{30};
  while (running_actors(sys) > 0) {
    if (bench::clock::now() > until)
      fail(std::to_string(running_actors(sys)) + " actors are left");
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
}

constexpr double figures::*times[] = {&figures::start_us, &figures::back_ms,
  &figures::stop_ms, &figures::start_cpu, &figures::back_cpu, &figures::stop_cpu};

/// The best of several runs, since what disturbs only ever adds. Each run has as many
/// children in all, a thousand of them again and again: the processor time of other
/// threads is known to some milliseconds.
template <class Keeper>
figures best_of(int runs, caf::actor_system& sys, std::size_t count) {
  const auto rounds = most_children / count;
  figures best;
  for (int run = 0; run < runs; ++run) {
    figures mean;
    for (std::size_t i = 0; i < rounds; ++i) {
      const auto next = measure<Keeper>(sys, count);
      for (const auto figure : times)
        mean.*figure += next.*figure / static_cast<double>(rounds);
      // What it needs at first: later ones find what the first left.
      if (run == 0 && i == 0)
        best.bytes = next.bytes;
      wait_for_nobody(sys);
    }
    for (const auto figure : times)
      best.*figure = run == 0 ? mean.*figure : std::min(best.*figure, mean.*figure);
  }
  return best;
}

void print(const char* who, std::size_t count, const figures& f) {
  std::printf("%-8s %9zu %13.2f %13.0f %13.1f %13.1f\n", who, count, f.start_us, f.bytes,
    f.back_ms, f.stop_ms);
}

void print_cpu(const char* who, std::size_t count, const figures& f) {
  std::printf("%-10s %9zu %11.2f %13.2f %11.2f %13.0f\n", who, count, f.start_cpu,
    f.back_cpu, f.stop_cpu, f.bytes);
}

/// What the other one printed: count, microseconds, bytes, milliseconds, milliseconds.
std::map<std::size_t, figures> read(const char* path) {
  std::map<std::size_t, figures> result;
  std::ifstream in{path};
  std::size_t count = 0;
  figures f;
  while (in >> count >> f.start_us >> f.bytes >> f.back_ms >> f.stop_ms)
    result[count] = f;
  if (result.empty())
    fail(std::string{path} + " has no figures");
  return result;
}

} // namespace

int main(int argc, char** argv) {
  caf::init_global_meta_objects<caf::id_block::cafka_supervision>();
  caf::core::init_global_meta_objects();
  caf::actor_system_config config;
  config.set("caf.scheduler.policy", "sharing");
  caf::actor_system sys{config};
  std::map<std::size_t, figures> theirs;
  if (argc > 1)
    theirs = read(argv[1]);
  constexpr int runs = 5;
  constexpr std::size_t counts[] = {1'000, 10'000, most_children};
  std::map<std::size_t, figures> ours;
  std::printf(
    "named children of a simple_one_for_one supervisor, the best of %d runs\n\n", runs);
  std::printf("%-8s %9s %13s %13s %13s %13s\n", "", "children", "us a start",
    "bytes a child", "all back, ms", "stopped, ms");
  for (const auto count : counts) {
    const auto& f = ours[count] = best_of<supervised>(runs, sys, count);
    print("cafka", count, f);
    const auto found = theirs.find(count);
    if (found == theirs.end())
      continue;
    const auto& e = found->second;
    print("Elixir", count, e);
    std::printf("%-8s %9s %13.2f %13.2f %13.2f %13.2f\n", "ratio", "",
      f.start_us / e.start_us, f.bytes / e.bytes, f.back_ms / e.back_ms,
      f.stop_ms / e.stop_ms);
  }
  std::puts("\nprocessor time of one child, and what of it is CAF's own\n");
  std::printf("%-10s %9s %11s %13s %11s %13s\n", "", "children", "us to start",
    "us to restart", "us to end", "bytes");
  for (const auto count : counts) {
    print_cpu("plain CAF", count, best_of<plain>(runs, sys, count));
    print_cpu("cafka", count, ours[count]);
  }
}
