#include "commands.hpp"
#include "interruption.hpp"
#include "session.hpp"
#include "text.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <map>

namespace cafka::cli {

namespace {

/// How long records are waited for before it is looked whether somebody wants an end.
constexpr milliseconds look_around{100};

std::string places(const std::vector<topic_partition>& those) {
  constexpr std::size_t most = 20;
  std::string text;
  for (const auto& p : those) {
    if (&p == those.data() + most)
      return text + " and " + counted(those.size() - most, "other");
    text += (text.empty() ? "" : ", ") + place(p.topic, p.partition);
  }
  return text.empty() ? "nothing" : text;
}

/// One run: a member of a group, which prints what the group gives it.
class consuming {
public:
  consuming(const consume_arguments& what, application& app, printer& out)
    : what_(what), app_(app), out_(out), left_(what.count) {}

  exit_code run() {
    const interruption interrupted{[this] { over_ = true; }};
    if (const auto opened = open(); !opened) {
      report("cannot consume as a member of " + what_.group, opened.error());
      return exit_failed;
    }
    while (!over_)
      step();
    // What was printed is committed with this. It waits for the group's coordinator.
    if (const auto closed = consumer_.close(what_.timeout); !closed && code_ == exit_ok) {
      report("cannot leave the group " + what_.group, closed.error());
      code_ = exit_failed;
    }
    return code_;
  }

private:
  result<done> open() {
    auto options = what_.configured;
    options.name = "cafka-consume";
    options.group = what_.group;
    options.isolation = what_.isolation;
    // "none" ends a command at its first partition without a commit.
    options.auto_offset_reset = what_.auto_offset_reset == offset_reset::none
      ? offset_reset::earliest
      : what_.auto_offset_reset;
    if (what_.protocol)
      options.membership.group_protocol = *what_.protocol;
    if (!what_.assignors.empty())
      options.membership.assignors = what_.assignors;
    if (!what_.instance_id.empty())
      options.membership.group_instance_id = what_.instance_id;
    auto started = app_.consumer(options);
    if (!started)
      return started.error();
    consumer_ = *std::move(started);
    return consumer_.subscribe(group_subscription{what_.topics, what_.pattern});
  }

  void step() {
    const auto got = consumer_.poll(look_around);
    if (!got)
      return fail("cannot go on as a member of " + what_.group, got.error());
    for (const auto& e : got->group)
      on_event(e);
    for (const auto& e : got->errors)
      on_error(e);
    if (got->batches.empty()) {
      if (what_.exit_at_end && !over_ && is_at_end())
        over_ = true;
      return;
    }
    std::map<topic_partition, part> parts;
    for (const auto& batch : got->batches)
      print(batch, parts[{batch.topic(), batch.partition()}]);
    // Whatever is not printed is not the program's: another member is to have it.
    if (!out_.flush()) {
      for (auto& [which, p] : parts)
        p.next = p.first;
      over_ = true;
    }
    if (over_)
      give_back(parts);
  }

  /// What came of a partition with one poll.
  struct part {
    log_offset first = -1; ///< Of all records.
    log_offset next = -1;  ///< Behind the last that was printed.
    log_offset end = -1;   ///< Behind the last of all.
  };

  void print(const consumed_batch& batch, part& to) {
    for (const auto& record : batch) {
      if (to.first.value() < 0)
        to.first = to.next = record.offset;
      if (over_)
        break;
      if (what_.format)
        out_.print(*what_.format, batch.topic(), batch.partition(), record);
      else
        out_.print_with_topic(batch.topic(), batch.partition(), record);
      to.next = record.offset + 1;
      if (left_ && --*left_ == 0)
        over_ = true;
    }
    to.end = batch.next();
    if (!over_)
      to.next = to.end;
  }

  /// Goes back to where printing stopped, and commits that; all else is acknowledged when
  /// the consumer is closed.
  void give_back(const std::map<topic_partition, part>& parts) {
    std::vector<offset_of_partition> printed;
    for (const auto& [which, p] : parts) {
      if (p.next == p.end)
        continue;
      static_cast<void>(
        consumer_.seek(which.topic, which.partition, start_at::offset(p.next)));
      if (p.next != p.first)
        printed.push_back({which, p.next});
    }
    if (printed.empty())
      return;
    if (const auto done = consumer_.commit(printed, what_.timeout); !done)
      fail("cannot commit for " + what_.group, done.error());
  }

  /// Whether nothing is left of what it reads.
  bool is_at_end() {
    const auto as_member = consumer_.membership(what_.timeout);
    if (!as_member || as_member->state != "stable"
      || !as_member->waits_for_offsets.empty())
      return false;
    const auto reads = consumer_.status(what_.timeout);
    return reads && std::ranges::all_of(reads->partitions, [](const auto& p) {
      return p.log_end.value() >= 0 && p.position >= p.log_end;
    });
  }

  // -- what is told ---------------------------------------------------------------------

  void on_event(const group_event& e) {
    if (what_.quiet)
      return;
    auto text = fmt::format("{} {}", to_string(e.kind), places(e.partitions));
    if (e.why)
      text += ": " + to_string(e.why);
    std::fputs(fmt::format("cafka: {}: {}\n", what_.group, text).c_str(), stderr);
  }

  void on_error(const partition_error& e) {
    const auto where = place(e.topic, e.partition);
    if (!e.why)
      std::fputs(fmt::format("cafka: {} is read again\n", where).c_str(), stderr);
    else if (e.why.code == error_code::invalid_record && !e.halted) {
      report("in " + where, e.why);
      code_ = exit_failed;
    } else if (e.halted)
      fail("cannot consume " + where, e.why);
    else
      std::fputs(
        fmt::format("cafka: nothing comes of {} for now: {}\n", where, to_string(e.why))
          .c_str(),
        stderr);
  }

  void fail(const std::string& what, const error& why) {
    report(what, why);
    code_ = exit_failed;
    over_ = true;
  }

  const consume_arguments& what_;
  application& app_;
  printer& out_;
  consumer consumer_;
  std::optional<std::int64_t> left_;
  std::atomic<bool> over_ = false;
  exit_code code_ = exit_ok;
};

} // namespace

exit_code run(const consume_arguments& what, application& app, printer& out) {
  if (what.count == 0)
    return exit_ok;
  return consuming{what, app, out}.run();
}

} // namespace cafka::cli
