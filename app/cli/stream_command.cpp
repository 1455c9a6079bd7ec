#include "commands.hpp"
#include "committer.hpp"
#include "interruption.hpp"
#include "offsets_of.hpp"
#include "session.hpp"
#include "text.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <map>

namespace cafka::cli {

namespace {

using clock = std::chrono::steady_clock;

/// How long records are waited for before it is looked whether somebody wants an end.
constexpr milliseconds look_around{100};
/// The same where the end of the log is the end: what lies behind the last record to be
/// printed (marks of transactions, gaps) is read without a word.
constexpr milliseconds look_for_end{20};

/// The partitions that are wanted, of those that there are.
result<std::vector<partition_id>> wanted_partitions(
  application& app, const stream_arguments& what) {
  auto all = partitions_of(app, what.topic);
  if (!all || !what.partition)
    return all;
  if (!std::ranges::binary_search(*all, *what.partition))
    return error{error_code::unknown_topic_or_partition,
      "there is no " + place(what.topic, *what.partition) + ": " + what.topic + " has "
        + counted(all->size(), "partition")};
  return std::vector{*what.partition};
}

/// Where a group goes on in each of the partitions.
result<std::vector<start_at>> stored_starts(application& app,
  const stream_arguments& what, const std::vector<partition_id>& partitions) {
  offset_fetch request;
  request.group = what.group;
  request.topics.emplace().push_back({what.topic, partitions});
  const auto stored = app.offset_fetch(request);
  if (!stored)
    return stored.error();
  // Where it has committed nothing.
  const auto fresh =
    protocol::place_of(what.auto_offset_reset).value_or(start_at::earliest());
  std::map<partition_id, start_at> found;
  for (const auto& o : stored->offsets) {
    if (o.topic == what.topic && o.offset)
      found[o.partition] = start_at::offset(*o.offset);
  }
  std::vector<start_at> result;
  for (const auto p : partitions) {
    const auto known = found.find(p);
    result.push_back(known == found.end() ? fresh : known->second);
  }
  return result;
}

/// Where reading goes on that began beyond the end, as the settings say.
result<start_at> within_log(
  const stream_arguments& what, partition_id p, start_at where, log_offset end) {
  if (where.is_moment() || where.value() <= end.value())
    return where;
  if (const auto place = protocol::place_of(what.auto_offset_reset))
    return *place;
  return error{error_code::offset_out_of_range,
    fmt::format("{} ends at offset {}, and {} is wanted", place(what.topic, p),
      end.value(), where.value())};
}

/// One run: reads partitions with one consumer, and prints what comes.
class streaming {
public:
  streaming(const stream_arguments& what, application& app, printer& out)
    : what_(what), app_(app), out_(out), left_(what.count) {}

  exit_code run() {
    const interruption interrupted{[this] { over_ = true; }};
    if (const auto opened = open(); !opened) {
      report("cannot stream " + what_.topic, opened.error());
      return exit_failed;
    }
    while (!over_ && !(has_end_ && open_.empty()))
      step();
    // What the last batches had to say.
    if (const auto rest = consumer_.poll(milliseconds{0}); rest && !over_)
      on_errors(rest->errors);
    if (commits_) {
      if (const auto failed = commits_->finish(); failed)
        fail("cannot commit for " + what_.group, failed);
    }
    static_cast<void>(consumer_.close(look_around));
    return code_;
  }

private:
  /// A partition that is read.
  struct partition_state {
    /// Where reading ends; of no meaning without `has_end_`.
    log_offset end = -1;
    /// All before it has been dealt with; -1: nobody knows yet.
    log_offset read_to = -1;
    /// What keeps it from being read, and since when that is known.
    std::optional<std::pair<clock::time_point, error>> trouble = {};
  };

  result<done> open() {
    const auto partitions = wanted_partitions(app_, what_);
    if (!partitions)
      return partitions.error();
    for (const auto p : *partitions)
      open_[p] = {};
    // Before anything is read: what comes later is not waited for.
    std::vector<log_offset> log_ends;
    if (what_.exit_at_end) {
      auto ends = ask(*partitions, start_at::latest());
      if (!ends)
        return ends.error();
      log_ends = *std::move(ends);
    }
    if (const auto found = find_ends(*partitions, log_ends); !found)
      return found.error();
    auto starts = find_starts(*partitions, log_ends);
    if (!starts)
      return starts.error();
    for (std::size_t i = 0; i != partitions->size(); ++i) {
      const auto p = (*partitions)[i];
      auto& start = (*starts)[i];
      if (what_.exit_at_end) {
        const auto found = within_log(what_, p, start, log_ends[i]);
        if (!found)
          return found.error();
        start = *found;
      }
      if (!start.is_moment())
        open_[p].read_to = start.value();
    }
    auto options = what_.configured;
    options.name = "cafka-stream";
    options.isolation = what_.isolation;
    options.auto_offset_reset = what_.auto_offset_reset;
    options.request_timeout = std::max(options.request_timeout, what_.timeout);
    auto started = app_.consumer(options);
    if (!started)
      return started.error();
    consumer_ = *std::move(started);
    std::vector<assigned_partition> all;
    for (std::size_t i = 0; i != partitions->size(); ++i)
      all.push_back({what_.topic, (*partitions)[i], (*starts)[i]});
    if (const auto assigned = consumer_.assign(all); !assigned)
      return assigned.error();
    if (!what_.group.empty())
      commits_.emplace(
        commit_options{what_.group, what_.topic, what_.auto_commit_interval,
          what_.commit_threshold, what_.timeout},
        app_);
    return done{};
  }

  result<std::vector<log_offset>> ask(
    const std::vector<partition_id>& partitions, const position& where) {
    return offsets_of(
      app_, what_.topic, partitions, where, what_.isolation, what_.timeout);
  }

  /// Where reading ends in each partition, if it does.
  result<done> find_ends(const std::vector<partition_id>& partitions,
    const std::vector<log_offset>& log_ends) {
    auto ends = log_ends;
    if (what_.until) {
      const auto found = ask(partitions, *what_.until);
      if (!found)
        return found.error();
      for (std::size_t i = 0; i != ends.size(); ++i)
        ends[i] = std::min(ends[i], (*found)[i]);
      if (ends.empty())
        ends = *found;
    }
    has_end_ = !ends.empty();
    for (std::size_t i = 0; i != ends.size(); ++i)
      open_[partitions[i]].end = ends[i];
    return done{};
  }

  result<std::vector<start_at>> find_starts(const std::vector<partition_id>& partitions,
    const std::vector<log_offset>& log_ends) {
    const auto everywhere = [&](start_at where) {
      return std::vector<start_at>(partitions.size(), where);
    };
    if (!what_.from && what_.group.empty())
      return everywhere(start_at::earliest());
    const auto* where = what_.from ? std::get_if<position>(&*what_.from) : nullptr;
    if (where == nullptr)
      return stored_starts(app_, what_, partitions);
    // What needs no answer before the consumer asks.
    const auto* at = std::get_if<start_at>(where);
    if (at != nullptr && at->is_moment() && *at != start_at::max_timestamp())
      return everywhere(*at);
    // Before the end that this run goes to, if it goes to one: the log may have grown.
    const auto* before = std::get_if<before_end>(where);
    const auto before_own = before != nullptr && !log_ends.empty();
    const auto found =
      ask(partitions, before_own ? position{start_at::earliest()} : *where);
    if (!found)
      return found.error();
    std::vector<start_at> result;
    for (std::size_t i = 0; i != partitions.size(); ++i) {
      auto offset = (*found)[i];
      if (before_own)
        offset = std::max(offset, log_ends[i] + -before->count);
      result.push_back(start_at::offset(offset));
    }
    return result;
  }

  void step() {
    const auto got = consumer_.poll(has_end_ ? look_for_end : look_around);
    if (!got) {
      fail("cannot stream " + what_.topic, got.error());
      return;
    }
    on_errors(got->errors);
    for (const auto& batch : got->batches) {
      if (over_)
        break;
      print(batch);
    }
    const auto out = got->batches.empty() || out_.flush();
    if (!out)
      over_ = true; // Nobody takes it.
    if (!over_) {
      pass_gaps(got->batches.empty());
      if (has_end_)
        close_those_at_end();
      look_at_troubles();
    }
    note_printed(out);
  }

  void print(const consumed_batch& batch) {
    const auto p = batch.partition();
    const auto of = open_.find(p);
    if (of == open_.end())
      return; // It came to its end before.
    of->second.trouble.reset();
    const auto& end = of->second.end;
    auto& printed = printed_[p];
    for (const auto& record : batch) {
      if (has_end_ && record.offset >= end)
        break;
      if (over_)
        return;
      if (what_.format)
        out_.print(*what_.format, what_.topic, p, record);
      else
        out_.print_with_partition(what_.topic, p, record);
      printed.next = record.offset + 1;
      ++printed.records;
      if (left_ && --*left_ == 0) {
        over_ = true;
        return;
      }
    }
    printed.next = has_end_ ? std::min(batch.next(), end) : batch.next();
    of->second.read_to = printed.next;
  }

  /// What is no record (marks of transactions, gaps) is dealt with, too, once all that
  /// was handed out is printed.
  void pass_gaps(bool idle) {
    if (!commits_ || (!idle && !has_end_))
      return;
    for (auto& [p, state] : open_) {
      if (state.read_to.value() < 0)
        continue;
      auto at = consumer_.position(what_.topic, p).value_or(-1);
      if (has_end_)
        at = std::min(at, state.end);
      if (at > state.read_to)
        state.read_to = printed_[p].next = at;
    }
  }

  void close_those_at_end() {
    std::vector<topic_partition> ended;
    for (const auto& [p, state] : open_) {
      if (const auto at = consumer_.position(what_.topic, p); at && *at >= state.end)
        ended.push_back({what_.topic, p});
    }
    if (ended.empty())
      return;
    static_cast<void>(consumer_.unassign(ended));
    for (const auto& e : ended)
      open_.erase(e.partition);
  }

  /// Only what is out may be committed.
  void note_printed(bool out) {
    for (const auto& [p, printed] : printed_) {
      if (commits_ && out && printed.next.value() >= 0)
        commits_->note(p, printed.next, printed.records);
    }
    printed_.clear();
  }

  // -- what goes wrong ------------------------------------------------------------------

  void on_errors(const std::vector<partition_error>& errors) {
    const partition_error* waits = nullptr;
    std::size_t waiting = 0;
    for (const auto& e : errors) {
      const auto found = open_.find(e.partition);
      if (found == open_.end())
        continue;
      auto& trouble = found->second.trouble;
      if (!e.why) {
        trouble.reset();
      } else if (e.why.code == error_code::invalid_record && !e.halted) {
        report("in " + place(what_.topic, e.partition), e.why);
        code_ = exit_failed;
      } else if (e.halted || !may_pass(e.why.code)) {
        fail("cannot stream " + place(what_.topic, e.partition), e.why);
        return;
      } else if (!trouble) {
        trouble.emplace(clock::now(), e.why);
        waits = waits == nullptr ? &e : waits;
        ++waiting;
      }
    }
    if (waits == nullptr)
      return;
    std::fputs(fmt::format("cafka: nothing comes of {}{} for now: {}\n",
                 place(what_.topic, waits->partition),
                 waiting == 1 ? "" : " and " + counted(waiting - 1, "other"),
                 to_string(waits->why))
                 .c_str(),
      stderr);
  }

  void look_at_troubles() {
    const auto now = clock::now();
    for (auto& [p, state] : open_) {
      if (state.trouble && now - state.trouble->first >= what_.timeout) {
        fail("cannot stream " + place(what_.topic, p), state.trouble->second);
        return;
      }
    }
  }

  void fail(const std::string& what, const error& why) {
    report(what, why);
    code_ = exit_failed;
    over_ = true;
  }

  struct printed_part {
    log_offset next = -1;
    std::uint64_t records = 0;
  };

  const stream_arguments& what_;
  application& app_;
  printer& out_;
  consumer consumer_;
  std::optional<committer> commits_;
  /// Whether reading ends somewhere of itself.
  bool has_end_ = false;
  /// What is still to be read.
  std::map<partition_id, partition_state> open_;
  /// What was printed and is not noted for a commit yet.
  std::map<partition_id, printed_part> printed_;
  std::optional<std::int64_t> left_;
  std::atomic<bool> over_ = false;
  exit_code code_ = exit_ok;
};

} // namespace

exit_code run(const stream_arguments& what, application& app, printer& out) {
  if (what.count == 0)
    return exit_ok;
  return streaming{what, app, out}.run();
}

} // namespace cafka::cli
