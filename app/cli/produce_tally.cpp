#include "produce_tally.hpp"

#include <algorithm>
#include <limits>

namespace cafka::cli {

void record_origins::begin(std::uint64_t first, std::string file, bool lines) {
  parts_.push_back({first, std::move(file), lines});
}

std::string record_origins::text(std::uint64_t record) const {
  const auto behind = std::ranges::upper_bound(parts_, record, {}, &part::first);
  if (behind == parts_.begin())
    return "record " + std::to_string(record + 1);
  const auto& from = *std::prev(behind);
  if (!from.lines)
    return from.file;
  return "line " + std::to_string(record - from.first + 1)
    + (from.file.empty() ? "" : " of " + from.file);
}

void produce_tally::taken(
  partition_id p, std::uint64_t number, std::uint64_t record, std::size_t bytes) {
  const auto at = static_cast<std::size_t>(p.value());
  if (runs_.size() <= at)
    runs_.resize(at + 1);
  auto& runs = runs_[at];
  constexpr std::uint64_t most = std::numeric_limits<std::uint32_t>::max();
  if (!runs.empty()) {
    auto& last = runs.back();
    if (last.number + last.count == number && last.record + last.count == record
      && last.count < most && last.bytes + std::uint64_t{bytes} <= most) {
      ++last.count;
      last.bytes += static_cast<std::uint32_t>(bytes);
      return;
    }
  }
  runs.push_back({number, record, 1,
    static_cast<std::uint32_t>(std::min<std::uint64_t>(bytes, most))});
}

void produce_tally::refused(std::uint64_t record, partition_id p, error why) {
  ++summary_.not_written;
  note_failure(record, p, why);
}

void produce_tally::note_failure(std::uint64_t record, partition_id p, const error& why) {
  if (!failure_ || record < failure_->record)
    failure_ = {record, p, why};
}

void produce_tally::reported(const delivery& d) {
  const auto at = static_cast<std::size_t>(d.partition.value());
  if (d.partition.value() < 0 || at >= runs_.size())
    return;
  auto& runs = runs_[at];
  const auto end = d.first_number + static_cast<std::uint64_t>(std::max(d.count, 0));
  auto next = d.first_number;
  auto r = std::ranges::upper_bound(
    runs, next, {}, [](const run& x) { return x.number + x.count; });
  while (r != runs.end() && r->number < end) {
    const auto first = std::max(next, r->number);
    const auto count =
      static_cast<std::uint32_t>(std::min(end, r->number + r->count) - first);
    // Where only a part of a run is told, its bytes are as good as its share.
    const auto bytes = count == r->count
      ? r->bytes
      : static_cast<std::uint32_t>(std::uint64_t{r->bytes} * count / r->count);
    if (!d.error) {
      summary_.records += count;
      summary_.bytes += bytes;
      auto& part = summary_.partitions[d.partition];
      part.records += count;
      if (d.base_offset.value() >= 0) {
        const auto offset =
          d.base_offset + static_cast<std::int64_t>(first - d.first_number);
        if (part.base_offset.value() < 0 || offset < part.base_offset)
          part.base_offset = offset;
        part.last_offset = std::max(part.last_offset, offset + (std::int64_t{count} - 1));
      }
    } else {
      (d.error.code == error_code::outcome_unknown ? summary_.unknown
                                                   : summary_.not_written) += count;
      note_failure(r->record + (first - r->number), d.partition, d.error);
    }
    next = first + count;
    if (count == r->count) {
      r = runs.erase(r);
    } else if (first == r->number) {
      r->number += count;
      r->record += count;
      r->count -= count;
      r->bytes -= bytes;
      ++r;
    } else {
      // What came before it, and what comes behind it, go on waiting.
      const auto before = static_cast<std::uint32_t>(first - r->number);
      const auto behind = r->count - before - count;
      const auto left = r->bytes - bytes;
      run rest{next, r->record + before + count, behind, 0};
      r->bytes =
        static_cast<std::uint32_t>(std::uint64_t{left} * before / (before + behind));
      rest.bytes = left - r->bytes;
      r->count = before;
      ++r;
      if (behind > 0)
        r = std::next(runs.insert(r, rest));
    }
  }
}

} // namespace cafka::cli
