// The program: lives of clients by seed, and the story of one that went wrong.
#include "simulation.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>

using namespace cafka::simulate;

namespace {

constexpr auto usage =
  R"(usage: cafka-simulate [--seed N | --seeds FROM:COUNT] [--hours H | --seconds S]
                      [--edition E] [--calm] [--trace] [--wrong W]

Lives of whole clients with a cluster that fails, in virtual time, by seed.

  --seed N           this one
  --seeds FROM:COUNT so many from this one on; 1:100 unless told
  --hours H          how long each lasts, in virtual hours; some minutes unless told
  --seconds S        the same in virtual seconds
  --edition E        only the faults that this edition of the simulation knew
  --calm             without any fault
  --trace            tells the story
  --wrong W          drops or doubles: a fault of the simulation's own, which must be noticed

The exit status is 0 when every promise was kept, 1 when one was broken, 2 for a usage that
makes no sense. A seed that failed is printed with the promise that was broken.
)";

struct asked {
  run_options run;
  std::uint64_t from = 1;
  std::uint64_t count = 100;
  bool traces = false;
};

[[noreturn]] void refuse(std::string_view what) {
  std::cerr << "cafka-simulate: " << what << '\n' << usage;
  std::exit(2);
}

asked read(int argc, char** argv) {
  asked a;
  const auto number = [](const std::string& text) -> std::uint64_t {
    try {
      return std::stoull(text);
    } catch (const std::exception&) {
      refuse('\'' + text + "' is no number");
    }
  };
  for (int i = 1; i != argc; ++i) {
    const std::string_view what = argv[i];
    if (what == "--trace") {
      a.traces = true;
      continue;
    }
    if (what == "--calm") {
      a.run.calm = true;
      continue;
    }
    if (what == "--help") {
      std::cout << usage;
      std::exit(0);
    }
    if (i + 1 == argc)
      refuse(std::string{what} + ": unknown, or without its value");
    const std::string value = argv[++i];
    if (what == "--seed") {
      a.from = number(value);
      a.count = 1;
    } else if (what == "--seeds") {
      const auto colon = value.find(':');
      if (colon == std::string::npos)
        refuse("--seeds takes FROM:COUNT");
      a.from = number(value.substr(0, colon));
      a.count = number(value.substr(colon + 1));
    } else if (what == "--hours") {
      a.run.length = std::chrono::hours{number(value)};
    } else if (what == "--seconds") {
      a.run.length = std::chrono::seconds{number(value)};
    } else if (what == "--edition") {
      a.run.edition = static_cast<int>(number(value));
    } else if (what == "--wrong" && (value == "drops" || value == "doubles")) {
      a.run.wrong = value == "drops" ? defect::drops : defect::doubles;
    } else {
      refuse(std::string{what} + ' ' + value + ": unknown");
    }
  }
  return a;
}

double hours(duration d) {
  return std::chrono::duration<double, std::ratio<3'600>>(d).count();
}

} // namespace

int main(int argc, char** argv) {
  auto a = read(argc, argv);
  if (a.traces)
    a.run.story = [](const std::string& line) { std::cout << line << '\n'; };
  const auto began = std::chrono::steady_clock::now();
  duration lasted{};
  std::uint64_t failed = 0;
  run_outcome all;
  for (std::uint64_t i = 0; i != a.count; ++i) {
    a.run.seed = a.from + i;
    const auto one = simulate(a.run);
    lasted += one.lasted;
    all.steps += one.steps;
    all.most_requests = std::max(all.most_requests, one.most_requests);
    all.most_connections = std::max(all.most_connections, one.most_connections);
    all.longest_recovery = std::max(all.longest_recovery, one.longest_recovery);
    all.records.sent += one.records.sent;
    all.records.acknowledged += one.records.acknowledged;
    all.records.unknown += one.records.unknown;
    all.records.failed += one.records.failed;
    all.records.taken_away += one.records.taken_away;
    all.records.handed_out += one.records.handed_out;
    if (one.broken) {
      ++failed;
      std::cout << "seed " << a.run.seed << ": " << *one.broken << std::endl;
    }
  }
  const auto took = std::chrono::steady_clock::now() - began;
  std::cout << a.count << " seeds, " << failed << " failed; " << hours(lasted)
            << " virtual hours in " << std::chrono::duration<double>(took).count()
            << " s, " << hours(lasted) / hours(std::chrono::duration_cast<duration>(took))
            << " to one\n"
            << all.steps << " steps; records: " << all.records.sent << " sent, "
            << all.records.acknowledged << " acknowledged, " << all.records.unknown
            << " unknown, " << all.records.failed << " not written, "
            << all.records.taken_away << " taken from logs, " << all.records.handed_out
            << " handed out\n"
            << "most within a second: " << all.most_requests << " requests, "
            << all.most_connections << " connections; longest recovery "
            << std::chrono::duration<double>(all.longest_recovery).count() << " s\n";
  return failed == 0 ? 0 : 1;
}
