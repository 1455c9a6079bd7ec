#include <cafka/app/cli/commands.hpp>
#include <cafka/app/cli/session.hpp>
#include <cafka/app/cli/text.hpp>

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <limits>

namespace cafka::cli {

namespace {

/// Fetches in a row that bring nothing below the end of the log until we give up; each
/// waits half a second.
constexpr int most_empty_fetches = 10;

} // namespace

exit_code run(const fetch_arguments& what, application& app, printer& out) {
  const auto where = place(what.topic, what.partition);
  if (what.count == 0)
    return exit_ok;
  fetch request;
  request.topic = what.topic;
  request.partition = what.partition;
  request.max_bytes = what.max_bytes;
  request.isolation = what.isolation;
  request.wait_time = milliseconds{500};
  // A group of the configuration file is none of this command's business.
  request.auto_commit = false;
  log_offset from;
  if (const auto* moment = std::get_if<offset_time>(&what.from)) {
    list_offsets ask;
    ask.topic = what.topic;
    ask.partition = what.partition;
    ask.time = *moment;
    ask.isolation = what.isolation;
    const auto found = app.offset(ask);
    if (!found) {
      report("cannot find where to begin in " + where, found.error());
      return exit_failed;
    }
    if (!found->offset)
      return exit_ok; // No record is that late.
    from = *found->offset;
  } else {
    from = std::get<log_offset>(what.from);
  }
  std::optional<log_offset> end;
  int empty = 0;
  auto left = what.count.value_or(std::numeric_limits<std::int64_t>::max());
  do {
    request.offset = from;
    const auto got = app.fetch(request);
    if (!got) {
      report("cannot fetch from " + where, got.error());
      return exit_failed;
    }
    if (!end)
      end = what.isolation == isolation_level::read_committed ? got->last_stable_offset
                                                              : got->high_watermark;
    for (const auto& record : got->records) {
      if (left == 0 || ((what.all || what.count) && record.offset >= *end))
        break;
      out.print(what.topic, what.partition, record);
      --left;
    }
    if (!out.flush())
      break;
    const auto next = std::max(from, got->records.next_offset());
    empty = next == from ? empty + 1 : 0;
    from = next;
    if (empty == most_empty_fetches) {
      report("cannot fetch from " + where,
        {error_code::timed_out,
          fmt::format("nothing comes at offset {}, and the log ends at {}", next.value(),
            end->value())});
      return exit_failed;
    }
  } while ((what.all || what.count) && left > 0 && from < *end);
  return exit_ok;
}

exit_code run(const offsets_arguments& what, application& app, printer& out) {
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
  auto code = exit_ok;
  for (const auto partition : partitions) {
    for (const auto& [name, moment] : what.at) {
      const auto found =
        app.offset({.topic = what.topic, .partition = partition, .time = moment});
      if (!found) {
        report(
          "cannot ask for the " + name + " offset of " + place(what.topic, partition),
          found.error());
        code = exit_failed;
      } else {
        out.print(*found, name);
      }
    }
  }
  return code;
}

} // namespace cafka::cli
