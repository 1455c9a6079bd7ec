#include <cafka/app/cli/commands.hpp>
#include <cafka/app/cli/session.hpp>

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <iostream>
#include <limits>

namespace cafka::cli {

namespace {

/// Bytes of lines that are collected for one batch: well below a broker's limit of 1 MB.
constexpr std::size_t batch_bytes = 500'000;

/// Fetches in a row that bring nothing below the end of the log until we give up; each
/// waits half a second.
constexpr int most_empty_fetches = 10;

std::string place(const std::string& topic, partition_id partition) {
  return topic + '/' + std::to_string(partition.value());
}

/// What standard input still has for us without waiting.
bool more_is_there() {
  return std::cin.rdbuf()->in_avail() > 0;
}

} // namespace

exit_code run(const metadata_arguments& what, application& app, printer& out) {
  metadata request;
  if (!what.topics.empty())
    request.topics = what.topics;
  const auto cluster = app.metadata(request);
  if (!cluster) {
    report("cannot ask for metadata", cluster.error());
    return exit_failed;
  }
  out.print(*cluster);
  auto code = exit_ok;
  for (const auto& topic : cluster->topics) {
    if (topic.status != error_code::none && !what.topics.empty()) {
      report("topic " + topic.name, {topic.status, {}});
      code = exit_failed;
    }
  }
  return code;
}

exit_code run(const produce_arguments& what, application& app, printer& out) {
  produce batch;
  batch.topic = what.topic;
  batch.partition = what.partition;
  batch.required_acks = what.required_acks;
  batch.compression = what.compression;
  std::size_t bytes = 0;
  std::size_t written = 0;
  const auto send = [&]() -> bool {
    if (batch.records.empty())
      return true;
    const auto where = app.produce(batch);
    if (!where) {
      report(fmt::format("cannot produce lines {} to {} to {}", written + 1,
               written + batch.records.size(), place(what.topic, what.partition)),
        where.error());
      return false;
    }
    out.print(*where, batch.records.size());
    written += batch.records.size();
    batch.records.clear();
    bytes = 0;
    return true;
  };
  // Unsynchronized, the stream has a buffer and can tell what is there.
  std::ios::sync_with_stdio(false);
  std::string text;
  while (std::getline(std::cin, text)) {
    record next;
    next.headers = what.headers;
    if (what.key_delimiter.empty()) {
      next.value = text;
    } else if (const auto at = text.find(what.key_delimiter); at == std::string::npos) {
      if (!send())
        return exit_failed;
      report(fmt::format("cannot produce line {}", written + 1),
        {error_code::invalid_argument,
          fmt::format("it has no key: \"{}\" is not in it; the {} line{} before it {} "
                      "written",
            what.key_delimiter, written, written == 1 ? "" : "s",
            written == 1 ? "was" : "were")});
      return exit_failed;
    } else {
      next.key = text.substr(0, at);
      next.value = text.substr(at + what.key_delimiter.size());
    }
    bytes += text.size();
    batch.records.push_back(std::move(next));
    if (batch.records.size() >= what.batch_size || bytes >= batch_bytes
      || !more_is_there()) {
      if (!send())
        return exit_failed;
      out.flush();
    }
  }
  if (std::cin.bad()) {
    report("cannot read standard input",
      {error_code::invalid_argument, fmt::format("after line {}", written)});
    return exit_failed;
  }
  return send() ? exit_ok : exit_failed;
}

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
    request.offset = *found->offset;
  } else {
    request.offset = std::get<log_offset>(what.from);
  }
  std::optional<log_offset> end;
  int empty = 0;
  auto left = what.count.value_or(std::numeric_limits<std::int64_t>::max());
  do {
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
    const auto next = std::max(request.offset, got->records.next_offset());
    empty = next == request.offset ? empty + 1 : 0;
    request.offset = next;
    if (empty == most_empty_fetches) {
      report("cannot fetch from " + where,
        {error_code::timed_out,
          fmt::format("nothing comes at offset {}, and the log ends at {}", next.value(),
            end->value())});
      return exit_failed;
    }
  } while ((what.all || what.count) && left > 0 && request.offset < *end);
  return exit_ok;
}

exit_code run(const offsets_arguments& what, application& app, printer& out) {
  std::vector<partition_id> partitions;
  if (what.partition) {
    partitions.push_back(*what.partition);
  } else {
    metadata request;
    request.topics = {what.topic};
    const auto cluster = app.metadata(request);
    auto wrong = cluster.error();
    if (cluster && !cluster->topics.empty())
      wrong.code = cluster->topics.front().status;
    if (wrong.code != error_code::none || cluster->topics.empty()) {
      report("cannot find the partitions of " + what.topic, wrong);
      return exit_failed;
    }
    for (const auto& p : cluster->topics.front().partitions)
      partitions.push_back(p.id);
  }
  auto code = exit_ok;
  for (const auto partition : partitions) {
    for (const auto& [name, moment] : what.at) {
      const auto found = app.offset(what.topic, partition, moment);
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

exit_code run(const api_versions_arguments& what, application& app, printer& out) {
  api_versions request;
  request.broker = what.broker;
  const auto versions = app.api_versions(request);
  if (!versions) {
    report("cannot ask for API versions", versions.error());
    return exit_failed;
  }
  out.print(*versions);
  return exit_ok;
}

} // namespace cafka::cli
