// How long the leader of a group takes to make a plan, for groups of several sizes.

#include "bench.hpp"
#include <cafka/protocol/assignors/assignor.hpp>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>

namespace {

using namespace cafka::protocol;

double cpu_now() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

struct group_size {
  const char* name;
  int topics;
  int partitions; ///< Of each topic.
  int members;
  int runs;
};

std::string numbered(const char* what, int number) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%s-%05d", what, number);
  return text.data();
}

group_view uniform(const group_size& size) {
  group_view view;
  std::vector<std::string> names;
  for (int t = 0; t != size.topics; ++t) {
    names.push_back(numbered("topic", t));
    view.topics.push_back({.name = names.back(), .partitions = size.partitions});
  }
  for (int m = 0; m != size.members; ++m)
    view.members.push_back(
      {.member_id = numbered("member", m), .subscription = {.topics = names}});
  return view;
}

/// One member reads half of the topics.
group_view one_different(const group_size& size) {
  auto view = uniform(size);
  auto& topics = view.members.back().subscription.topics;
  topics.resize((topics.size() + 1) / 2);
  return view;
}

/// Three racks, two of them with a replica of each partition.
group_view with_racks(group_view view) {
  const std::array<std::string, 3> racks{"zone-a", "zone-b", "zone-c"};
  for (std::size_t m = 0; m != view.members.size(); ++m)
    view.members[m].subscription.rack_id = racks[m % 3];
  std::size_t next = 0;
  for (auto& t : view.topics) {
    for (int p = 0; p != t.partitions; ++p, ++next)
      t.racks.push_back({racks[next % 3], racks[(next + 1 + next / 3 % 2) % 3]});
  }
  return view;
}

/// All have what a plan has given them.
group_view settled(const assignor& with, group_view view) {
  const auto plan = with.assign(view);
  for (std::size_t m = 0; m != view.members.size(); ++m) {
    const auto& mine = (*plan)[m];
    auto& s = view.members[m].subscription;
    s.owned_partitions = mine;
    s.generation_id = 1;
    s.user_data = shared_bytes::copy_of(
      with.user_data({.topics = s.topics, .owned = mine, .generation = 1}));
  }
  return view;
}

group_view one_left(group_view view) {
  view.members.erase(view.members.begin() + 1);
  return view;
}

group_view one_joined(group_view view) {
  view.members.push_back({.member_id = "a-new-one",
    .subscription = {.topics = view.members.front().subscription.topics,
      .rack_id = view.members.front().subscription.rack_id}});
  return view;
}

void measure(const group_size& size, const char* what, const assignor& with,
  const group_view& view) {
  std::vector<double> times;
  for (int i = 0; i != size.runs; ++i) {
    const auto began = cpu_now();
    const auto plan = with.assign(view);
    times.push_back(cpu_now() - began);
    if (!plan) {
      std::printf("%s\n", to_string(plan.error()).c_str());
      std::exit(1);
    }
  }
  std::printf("%-13s %-20s %-30s %8.2f ms\n", size.name, with.name.c_str(), what,
    bench::median(times));
  std::fflush(stdout);
}

void measure_all(const group_size& size) {
  for (const auto& with : {range_assignor(), roundrobin_assignor(), sticky_assignor(),
         cooperative_sticky_assignor()}) {
    const auto sticky = static_cast<bool>(with.user_data);
    measure(size, "uniform", with, uniform(size));
    measure(size, "one different subscription", with, one_different(size));
    if (with.name != "roundrobin")
      measure(size, "racks", with, with_racks(uniform(size)));
    if (!sticky)
      continue;
    measure(size, "racks, one different", with, with_racks(one_different(size)));
    for (const auto& [name, view] : {std::pair{"uniform", uniform(size)},
           std::pair{"one different", one_different(size)},
           std::pair{"racks", with_racks(uniform(size))}}) {
      const auto before = settled(with, view);
      const auto words = std::string{name};
      measure(size, (words + ", settled").c_str(), with, before);
      measure(size, (words + ", one leaves").c_str(), with, one_left(before));
      measure(size, (words + ", one joins").c_str(), with, one_joined(before));
    }
  }
}

} // namespace

int main() {
  for (const auto& size : {group_size{"2,000x1,000", 20, 100, 1'000, 21},
         group_size{"40,000x800", 200, 200, 800, 11},
         group_size{"50,000x1,000", 100, 500, 1'000, 11},
         group_size{"1.0Mx2,000", 500, 2'000, 2'000, 5}})
    measure_all(size);
}
