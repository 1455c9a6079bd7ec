#include "commands.hpp"
#include "offsets_of.hpp"
#include "session.hpp"
#include "text.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <limits>

namespace cafka::cli {

namespace {

/// Fetches in a row that bring nothing below the end of the log until we give up; each
/// waits half a second.
constexpr int most_empty_fetches = 10;

/// With the time of the record there, where a time was asked for; no offset where no
/// record is that late.
result<listed_offset> offset_at(application& app, const offsets_arguments& what,
  partition_id partition, const position& where) {
  if (const auto* at = std::get_if<start_at>(&where); at != nullptr && at->is_moment()) {
    list_offsets request;
    request.topic = what.topic;
    request.partition = partition;
    request.time = moment_of(*at);
    return app.offset(request);
  }
  const auto found = offsets_of(
    app, what.topic, {partition}, where, isolation_level::read_uncommitted, what.timeout);
  if (!found)
    return found.error();
  listed_offset result;
  result.topic = what.topic;
  result.partition = partition;
  result.offset = found->front();
  return result;
}

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
  const auto offset_of = [&](const position& place) {
    return offsets_of(
      app, what.topic, {what.partition}, place, what.isolation, what.timeout);
  };
  const auto begins = offset_of(what.from);
  if (!begins) {
    report("cannot find where to begin in " + where, begins.error());
    return exit_failed;
  }
  auto from = begins->front();
  auto until = log_offset{std::numeric_limits<std::int64_t>::max()};
  if (what.until) {
    const auto ends = offset_of(*what.until);
    if (!ends) {
      report("cannot find where to end in " + where, ends.error());
      return exit_failed;
    }
    until = ends->front();
    if (from >= until)
      return exit_ok;
  }
  const auto goes_on = what.all || what.count || what.until;
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
      end = std::min(until,
        what.isolation == isolation_level::read_committed ? got->last_stable_offset
                                                          : got->high_watermark);
    for (const auto& record : got->records) {
      if (left == 0 || (goes_on && record.offset >= *end))
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
  } while (goes_on && left > 0 && from < *end);
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
    for (const auto& [name, where] : what.at) {
      const auto found = offset_at(app, what, partition, where);
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
