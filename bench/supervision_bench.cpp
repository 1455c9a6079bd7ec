// Named children under a simple_one_for_one supervisor: started, all killed, all back
// under their names. bench/supervision.exs does the same with Elixir's DynamicSupervisor
// and Registry.
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
#include <caf/spawn_options.hpp>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <malloc.h>
#include <map>
#include <string>
#include <thread>

namespace {

using namespace cafka;
using namespace cafka::supervision;

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
};

figures measure(caf::actor_system& sys, std::size_t count) {
  figures result;
  auto names = std::make_shared<registry>();
  auto supervisor = start_supervisor(sys,
    {.strategy = strategy::simple_one_for_one,
      .intensity = {10'000'000, std::chrono::seconds{60}},
      .names = names});
  if (!supervisor)
    fail(to_string(supervisor.error()));
  std::vector<std::string> all;
  for (std::size_t i = 0; i < count; ++i)
    all.push_back("worker_" + std::to_string(i));
  std::vector<caf::strong_actor_ptr> first(count);
  const auto heap_before = heap();
  auto began = bench::clock::now();
  {
    caf::scoped_actor self{sys};
    for (std::size_t i = 0; i < count; ++i) {
      child_spec spec;
      spec.name = all[i];
      spec.start = [](const start_context& c) {
        return start_result{caf::actor_cast<caf::strong_actor_ptr>(
          c.system().spawn<caf::lazy_init>(worker))};
      };
      ask_here(self, *supervisor, start_child{std::move(spec)})
        .receive([&](caf::strong_actor_ptr& child) { first[i] = std::move(child); },
          [](const caf::error& e) { fail(to_string(e)); });
    }
  }
  result.start_us =
    bench::microseconds(bench::clock::now() - began) / static_cast<double>(count);
  result.bytes = (heap() - heap_before) / static_cast<double>(count);
  began = bench::clock::now();
  for (const auto& child : first)
    post_exit(child, caf::exit_reason::kill);
  for (std::size_t i = 0; i < count; ++i)
    if (names->wait_for(all[i], first[i], began + std::chrono::minutes{1}) == nullptr)
      fail(all[i] + " is not back");
  result.back_ms = bench::microseconds(bench::clock::now() - began) / 1000;
  if (names->size() != count)
    fail("a name is lost");
  first.clear();
  began = bench::clock::now();
  {
    caf::scoped_actor self{sys};
    ask(self, *supervisor, caf::infinite, stop{})
      .receive([] {}, [](const caf::error& e) { fail(to_string(e)); });
  }
  result.stop_ms = bench::microseconds(bench::clock::now() - began) / 1000;
  *supervisor = nullptr;
  // By CAF's own count.
  const auto until = bench::clock::now() + std::chrono::seconds{30};
  while (running_actors(sys) > 0) {
    if (bench::clock::now() > until)
      fail(std::to_string(running_actors(sys)) + " actors are left");
    std::this_thread::yield();
  }
  return result;
}

/// The best of several runs: what disturbs only ever adds.
figures best_of(int runs, caf::actor_system& sys, std::size_t count) {
  auto best = measure(sys, count);
  for (int i = 1; i < runs; ++i) {
    const auto next = measure(sys, count);
    best.start_us = std::min(best.start_us, next.start_us);
    best.back_ms = std::min(best.back_ms, next.back_ms);
    best.stop_ms = std::min(best.stop_ms, next.stop_ms);
  }
  return best;
}

void print(const char* who, std::size_t count, const figures& f) {
  std::printf("%-8s %9zu %13.2f %13.0f %13.1f %13.1f\n", who, count, f.start_us, f.bytes,
    f.back_ms, f.stop_ms);
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
  std::puts("named children of a simple_one_for_one supervisor, the best of 3 runs\n");
  std::printf("%-8s %9s %13s %13s %13s %13s\n", "", "children", "us a start",
    "bytes a child", "all back, ms", "stopped, ms");
  for (const std::size_t count : {1'000, 10'000, 100'000}) {
    const auto ours = best_of(3, sys, count);
    print("cafka", count, ours);
    const auto found = theirs.find(count);
    if (found == theirs.end())
      continue;
    const auto& e = found->second;
    print("Elixir", count, e);
    std::printf("%-8s %9s %13.2f %13.2f %13.2f %13.2f\n", "ratio", "",
      ours.start_us / e.start_us, ours.bytes / e.bytes, ours.back_ms / e.back_ms,
      ours.stop_ms / e.stop_ms);
  }
}
