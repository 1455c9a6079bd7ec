#include <cafka/app/cli/commands.hpp>
#include <cafka/app/cli/interruption.hpp>
#include <cafka/app/cli/session.hpp>
#include <cafka/app/cli/text.hpp>

#include <algorithm>
#include <map>
#include <mutex>
#include <thread>

namespace cafka::cli {

namespace {

/// How long a broker may hold a fetch at the log's end. Streams of one broker wait behind
/// each other, so many of them wait the less.
constexpr milliseconds longest_wait{100};
constexpr milliseconds shortest_wait{10};

result<log_offset> offset_at(
  application& app, const stream_arguments& what, partition_id p, offset_time moment) {
  list_offsets request;
  request.topic = what.topic;
  request.partition = p;
  request.time = moment;
  request.isolation = what.isolation;
  const auto found = app.offset(request);
  if (!found)
    return found.error();
  return found->offset.value_or(0);
}

/// Says in `options` where to begin.
result<done> begin_at(application& app, const stream_arguments& what, partition_id p,
  stream_options& options) {
  if (!what.from) {
    if (what.group.empty())
      options.time = offset_time::earliest();
  } else if (const auto* offset = std::get_if<log_offset>(&*what.from)) {
    options.offset = *offset;
  } else if (const auto* moment = std::get_if<offset_time>(&*what.from)) {
    options.time = *moment;
  } else if (const auto* before = std::get_if<before_end>(&*what.from)) {
    const auto first = offset_at(app, what, p, offset_time::earliest());
    const auto end = first ? offset_at(app, what, p, offset_time::latest()) : first;
    if (!end)
      return end.error();
    options.offset = std::max(*first, *end + -before->count);
  }
  return done{};
}

/// Streams side by side, each in a thread of its own, and what they print.
class streaming {
public:
  streaming(const stream_arguments& what, application& app, printer& out)
    : what_(what), app_(app), out_(out), left_(what.count) {}

  /// Makes the streams; nothing is read yet.
  result<done> open(const std::vector<partition_id>& partitions) {
    stream_options options;
    options.no_wait_at_logend = what_.exit_at_end;
    options.isolation = what_.isolation;
    options.wait_time = std::max(
      shortest_wait, longest_wait / static_cast<std::int64_t>(partitions.size()));
    if (!what_.group.empty())
      options.consumer_group = what_.group;
    for (const auto p : partitions) {
      auto of_partition = options;
      if (const auto known = begin_at(app_, what_, p, of_partition); !known)
        return error{
          known.error().code, place(what_.topic, p) + ": " + known.error().detail};
      streams_.emplace_back(p, app_.stream(what_.topic, p, std::move(of_partition)));
    }
    return done{};
  }

  exit_code run() {
    const interruption interrupted{[this] { cancel(); }};
    std::vector<std::thread> threads;
    for (const auto& [partition, records] : streams_)
      threads.emplace_back([this, p = partition, &records] { read(p, records); });
    for (auto& t : threads)
      t.join();
    return code_;
  }

private:
  using named_stream = std::pair<partition_id, cafka::stream>;

  void read(partition_id p, const cafka::stream& records) {
    {
      auto at = records.begin();
      while (at != records.end() && print(p, *at)) {
        // Only now it counts as handed over, and may be committed.
        ++at;
        if (is_over())
          break;
      }
    } // The iteration ends here, with its last commit.
    const auto outcome = records.outcome();
    const std::lock_guard guard{mutex_};
    if (outcome || (over_ && outcome.error().code == error_code::closed))
      return;
    report("cannot stream " + place(what_.topic, p), outcome.error());
    code_ = exit_failed;
    cancel_locked();
  }

  /// False when the record was not printed and nothing more is wanted.
  bool print(partition_id p, const stream_record& record) {
    const std::lock_guard guard{mutex_};
    if (over_)
      return false;
    if (what_.format)
      out_.print(*what_.format, what_.topic, p, record);
    else
      out_.print_with_partition(what_.topic, p, record);
    if (left_ && --*left_ == 0)
      cancel_locked();
    // A record that may be committed must be out; others go when no more of them are
    // here.
    auto& seen = seen_[p];
    if (seen.batch != record.batch)
      seen = {record.batch, record.batch->size()};
    const auto last_of_batch = --seen.left == 0;
    if ((!what_.group.empty() || last_of_batch || over_) && !out_.flush()) {
      cancel_locked();
      return false;
    }
    return true;
  }

  bool is_over() {
    const std::lock_guard guard{mutex_};
    return over_;
  }

  void cancel() {
    const std::lock_guard guard{mutex_};
    cancel_locked();
  }

  void cancel_locked() {
    over_ = true;
    for (const auto& [partition, records] : streams_)
      records.cancel();
  }

  /// How many records of a batch are still to come.
  struct progress_in_batch {
    std::shared_ptr<const protocol::fetched_records> batch;
    std::size_t left = 0;
  };

  const stream_arguments& what_;
  application& app_;
  printer& out_;
  std::vector<named_stream> streams_;
  std::mutex mutex_; // For all below, and for `out_`.
  std::optional<std::int64_t> left_;
  std::map<partition_id, progress_in_batch> seen_;
  bool over_ = false;
  exit_code code_ = exit_ok;
};

} // namespace

exit_code run(const stream_arguments& what, application& app, printer& out) {
  if (what.count == 0)
    return exit_ok;
  std::vector<partition_id> partitions;
  if (what.partition) {
    partitions.push_back(*what.partition);
  } else {
    auto all = partitions_of(app, what.topic);
    if (!all) {
      report("cannot find the partitions of " + what.topic, all.error());
      return exit_failed;
    }
    partitions = *std::move(all);
  }
  streaming all{what, app, out};
  if (const auto opened = all.open(partitions); !opened) {
    report("cannot find where to begin", opened.error());
    return exit_failed;
  }
  return all.run();
}

} // namespace cafka::cli
