#include "commands.hpp"
#include "offsets_of.hpp"
#include "session.hpp"
#include "text.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cstdio>
#include <map>

namespace cafka::cli {

namespace {

exit_code failed(const std::string& what, const error& why) {
  report(what, why);
  return exit_failed;
}

/// What one consumer of a group is to read.
result<std::string> assignment_of(
  const std::vector<sync_group_arguments::assigned>& all, const std::string& member) {
  consumer_assignment result;
  for (const auto& a : all) {
    if (a.member != member)
      continue;
    auto topic = std::ranges::find(
      result.partitions, a.topic, &protocol::consumer_topic_partitions::topic);
    if (topic == result.partitions.end())
      topic = result.partitions.insert(topic, {a.topic, {}});
    topic->partitions.push_back(a.partition);
  }
  return to_assignment(result);
}

bool has_offset(const fetched_offset& o) {
  return o.offset.has_value();
}

/// Whether a group has committed anything anywhere. Error: brokers before Kafka 0.10.2
/// does not say.
result<bool> has_any_offset(application& app, const std::string& group) {
  offset_fetch request;
  request.group = group;
  const auto found = app.offset_fetch(request);
  if (!found)
    return found.error();
  return std::ranges::any_of(found->offsets, has_offset);
}

} // namespace

exit_code run(const find_coordinator& what, application& app, printer& out) {
  const auto found = app.consumer_group_metadata(what);
  if (!found)
    return failed("cannot find the coordinator of " + what.key, found.error());
  out.print(*found);
  return exit_ok;
}

exit_code run(const join_group_arguments& what, application& app, printer& out) {
  auto request = what.request;
  const auto metadata = to_metadata({.topics = what.topics});
  if (!metadata)
    return failed("cannot join " + request.group, metadata.error());
  for (auto& p : request.protocols) {
    if (p.metadata.empty()
      && (request.protocol_type == "consumer" || !what.topics.empty()))
      p.metadata = *metadata;
  }
  const auto joined = app.join_group(request);
  if (!joined)
    return failed("cannot join " + request.group, joined.error());
  out.print(*joined);
  return exit_ok;
}

exit_code run(const sync_group_arguments& what, application& app, printer& out) {
  auto request = what.request;
  for (const auto& a : what.partitions) {
    if (std::ranges::find(request.assignments, a.member, &member_assignment::member_id)
      != request.assignments.end())
      continue;
    auto assignment = assignment_of(what.partitions, a.member);
    if (!assignment)
      return failed("cannot sync with " + request.group, assignment.error());
    request.assignments.push_back({a.member, *std::move(assignment)});
  }
  const auto synced = app.sync_group(request);
  if (!synced)
    return failed("cannot sync with " + request.group, synced.error());
  out.print(*synced);
  return exit_ok;
}

exit_code run(const heartbeat& what, application& app, printer& out) {
  if (const auto answered = app.heartbeat(what); !answered)
    return failed(
      "cannot keep " + what.member_id + " in " + what.group, answered.error());
  out.print(what);
  return exit_ok;
}

exit_code run(const leave_group& what, application& app, printer& out) {
  const auto left = app.leave_group(what);
  if (!left)
    return failed("cannot leave " + what.group, left.error());
  auto code = exit_ok;
  for (const auto& member : left->members) {
    out.print(member);
    if (member.status != error_code::none)
      code = failed(member.group_instance_id.value_or(member.member_id) + " has not left "
          + what.group,
        {member.status, {}});
  }
  return code;
}

exit_code run(const group_offsets_arguments& what, application& app, printer& out) {
  offset_fetch request;
  request.group = what.group;
  request.require_stable = what.require_stable;
  if (!what.of.empty()) {
    std::map<std::string, std::vector<partition_id>> wanted;
    for (const auto& [topic, partition] : what.of) {
      auto& list = wanted[topic];
      if (partition) {
        list.push_back(*partition);
        continue;
      }
      const auto all = partitions_of(app, topic);
      if (!all)
        return failed("cannot find the partitions of " + topic, all.error());
      list.insert(list.end(), all->begin(), all->end());
    }
    request.topics.emplace();
    for (auto& [topic, list] : wanted) {
      std::ranges::sort(list);
      list.erase(std::unique(list.begin(), list.end()), list.end());
      request.topics->push_back({topic, std::move(list)});
    }
  }
  const auto found = app.offset_fetch(request);
  if (!found)
    return failed("cannot ask for the offsets of " + what.group, found.error());
  if (!std::ranges::any_of(found->offsets, has_offset)) {
    // Brokers answer so for a group that they have never heard of, too.
    if (const auto any = has_any_offset(app, what.group); any && !*any) {
      std::fputs(fmt::format("cafka: no group {} is known to have committed anything\n"
                             "  try: see that the name is right: capitals count\n",
                   escaped(what.group))
                   .c_str(),
        stderr);
      return exit_failed;
    }
  }
  for (const auto& o : found->offsets)
    out.print(o);
  return exit_ok;
}

exit_code run(const commit_arguments& what, application& app, printer& out) {
  auto request = what.request;
  for (std::size_t i = 0; i != request.offsets.size(); ++i) {
    auto& o = request.offsets[i];
    const auto found = offsets_of(app, o.topic, {o.partition}, what.at[i],
      isolation_level::read_uncommitted, what.timeout);
    if (!found)
      return failed("cannot find the offset to commit", found.error());
    o.offset = found->front();
  }
  if (const auto kept = app.offset_commit(request); !kept)
    return failed("cannot commit for " + request.group, kept.error());
  for (const auto& o : request.offsets)
    out.print(o);
  return exit_ok;
}

} // namespace cafka::cli
