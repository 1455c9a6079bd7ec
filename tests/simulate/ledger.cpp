#include "ledger.hpp"

#include <cafka/protocol/records/record_batch.hpp>

#include <algorithm>
#include <charconv>

namespace cafka::simulate {

using namespace protocol;

// -- records ----------------------------------------------------------------------------

std::string to_string(record_id id) {
  return std::to_string(id.source) + '.' + std::to_string(id.number);
}

std::string to_string(const place& p) {
  return p.first + '/' + std::to_string(p.second);
}

std::string value_of(record_id id, std::size_t size) {
  auto text = to_string(id) + '.';
  text += std::to_string(size) + '.';
  const auto letter = static_cast<char>('a' + id.number % 26);
  text.resize(text.size() + size, letter);
  return text;
}

record_id id_of(std::optional<byte_view> value) {
  if (!value)
    throw broken_promise{"a record without its value"};
  const auto* at = reinterpret_cast<const char*>(value->data());
  const auto* const end = at + value->size();
  record_id id;
  std::size_t size = 0;
  const auto number = [&](auto& x) {
    const auto [rest, wrong] = std::from_chars(at, end, x);
    if (wrong != std::errc{} || rest == end || *rest != '.')
      throw broken_promise{"a record that nobody wrote"};
    at = rest + 1;
  };
  number(id.source);
  number(id.number);
  number(size);
  if (static_cast<std::size_t>(end - at) != size
    || (size > 0 && (*at != static_cast<char>('a' + id.number % 26) || end[-1] != *at)))
    throw broken_promise{"record " + to_string(id) + " is not as it was written"};
  return id;
}

ledger::entry& ledger::at(record_id id) {
  if (id.source >= sources_.size() || id.number >= sources_[id.source].records.size())
    throw broken_promise{"record " + to_string(id) + " was sent by nobody"};
  return sources_[id.source].records[id.number];
}

void ledger::broken(record_id id, const std::string& what) const {
  throw broken_promise{
    "record " + to_string(id) + " of " + sources_[id.source].name + ' ' + what};
}

// -- senders ----------------------------------------------------------------------------

std::uint32_t ledger::add_source(std::string name, guarantees what) {
  sources_.push_back({std::move(name), what, {}, 0});
  return static_cast<std::uint32_t>(sources_.size() - 1);
}

record_id ledger::next(std::uint32_t number) {
  auto& from = sources_[number];
  from.records.emplace_back();
  ++from.open;
  ++totals_.sent;
  return {number, static_cast<std::uint32_t>(from.records.size() - 1)};
}

void ledger::not_taken(record_id id) {
  auto& mine = at(id);
  mine.what = fate::not_taken;
  --sources_[id.source].open;
  --totals_.sent;
}

void ledger::outcome(
  record_id id, const place& where, const error& why, log_offset offset) {
  auto& mine = at(id);
  if (mine.what != fate::open)
    broken(id, "has a second outcome: " + protocol::to_string(why));
  --sources_[id.source].open;
  if (where.second >= 0)
    read(where);
  if (why.code == error_code::outcome_unknown) {
    mine.what = fate::unknown;
    ++totals_.unknown;
    return;
  }
  if (why) {
    mine.what = fate::failed;
    ++totals_.failed;
    if (mine.written > 0)
      broken(id, "is in the log, and was said not to be: " + protocol::to_string(why));
    return;
  }
  mine.what = fate::acknowledged;
  ++totals_.acknowledged;
  if (!sources_[id.source].what.acknowledged)
    return;
  // A leader that has lost what it knew of a producer takes any number first, also one
  // behind a batch that it never had: that counts as written then, without an offset, and
  // no producer can know better.
  if (mine.written == 0 && offset.value() < 0 && may_be_unknown(where, id))
    return;
  if (mine.written == 0 && !mine.taken_away)
    broken(id, "was acknowledged, and is not in the log of " + to_string(where));
  if (offset.value() < 0 || mine.taken_away)
    return;
  known_from_.try_emplace(
    {where, id.source}, static_cast<std::uint32_t>(sources_[id.source].records.size()));
  const auto& log = logs_[where];
  const auto at = static_cast<std::size_t>(offset.value());
  if (at >= log.at.size() || log.at[at] != id)
    broken(id,
      "is not at " + to_string(where) + ' ' + std::to_string(offset.value())
        + ", as was said");
}

// -- logs -------------------------------------------------------------------------------

void ledger::write(const place& where, record_id id) {
  auto& mine = at(id);
  ++mine.written;
  if (mine.written > 1 && sources_[id.source].what.once)
    broken(id, "was written twice, the second time to " + to_string(where));
  if (mine.what == fate::failed)
    broken(id, "was said not to be in the log, and now is in " + to_string(where));
  if (mine.what == fate::not_taken)
    broken(id, "was not taken, and is in the log of " + to_string(where));
}

void ledger::take_away(record_id id) {
  auto& mine = at(id);
  --mine.written;
  mine.taken_away = true;
  ++totals_.taken_away;
}

void ledger::read(const place& where) {
  const auto id = cluster_.topic_id(where.first);
  if (id.is_zero())
    return;
  auto& mine = logs_[where];
  mine.topic = id;
  const auto& log = cluster_.log(where.first, where.second);
  const log_offset known = static_cast<std::int64_t>(mine.at.size());
  if (log.end() <= known)
    return;
  const auto bytes = shared_bytes::from(
    log.read(known, log.end(), std::numeric_limits<std::size_t>::max(), true).bytes);
  batch_reader in{bytes};
  record_batch batch;
  while (in.next(batch)) {
    for (const auto& r : batch) {
      if (r.offset < known)
        continue;
      if (r.offset.value() != static_cast<std::int64_t>(mine.at.size()))
        throw broken_promise{"the log of " + to_string(where) + " has a hole"};
      mine.at.push_back(id_of(r.value));
      write(where, mine.at.back());
    }
  }
}

void ledger::read_all() {
  for (const auto& topic : cluster_.topics()) {
    for (std::int32_t p = 0; p != cluster_.partitions(topic); ++p)
      read({topic, p});
  }
}

void ledger::truncates(const place& where, log_offset end) {
  read(where);
  auto& mine = logs_[where];
  const auto kept = std::min(static_cast<std::size_t>(end.value()), mine.at.size());
  for (auto i = kept; i != mine.at.size(); ++i) {
    take_away(mine.at[i]);
    mine.gone.emplace_back(static_cast<std::int64_t>(i), mine.at[i]);
  }
  mine.at.resize(kept);
  // What was not acknowledged may be written again, behind what is gone.
  mine.ordered = 0;
  mine.last.clear();
  disturb(where);
}

void ledger::trims(const place& where) {
  read(where);
  disturb(where);
}

void ledger::removes(const std::string& topic) {
  for (std::int32_t p = 0; p != cluster_.partitions(topic); ++p) {
    const place where{topic, p};
    truncates(where, 0);
    logs_[where].topic = {};
    // A reader by name may see first that the log is shorter, and then that it is
    // another.
    disturb(where);
  }
}

void ledger::disturb(const place& where) {
  ++disturbed_[where];
  std::erase_if(known_from_, [&](const auto& k) { return k.first.first == where; });
}

bool ledger::may_be_unknown(const place& where, record_id id) const {
  const auto known = known_from_.find({where, id.source});
  return disturbed_.contains(where)
    && (known == known_from_.end() || id.number < known->second);
}

std::uint64_t ledger::disturbances(const place& where) const {
  const auto found = disturbed_.find(where);
  return found == disturbed_.end() ? 0 : found->second;
}

// -- readers ----------------------------------------------------------------------------

void ledger::handed_out(
  const std::string& to, const place& where, log_offset offset, record_id id) {
  ++totals_.handed_out;
  auto& mine = logs_[where];
  const auto at = static_cast<std::size_t>(offset.value());
  if (at >= mine.at.size())
    read(where);
  if (at < mine.at.size() && mine.at[at] == id)
    return;
  if (std::ranges::find(mine.gone, std::pair{offset.value(), id}) == mine.gone.end())
    throw broken_promise{to + " was handed record " + to_string(id) + " as "
      + to_string(where) + ' ' + std::to_string(offset.value())
      + ", which never was there"};
}

// -- order ------------------------------------------------------------------------------

void ledger::check_order() {
  for (auto& [where, log] : logs_) {
    for (; log.ordered != log.at.size(); ++log.ordered) {
      const auto id = log.at[log.ordered];
      const auto& from = sources_[id.source];
      const auto& mine = from.records[id.number];
      // A log that lost what it knew of a producer takes any number first.
      if (!from.what.ordered || mine.what != fate::acknowledged
        || may_be_unknown(where, id))
        continue;
      auto& last = log.last[id.source];
      if (id.number + 1 <= last)
        broken(id,
          "lies behind record " + std::to_string(last - 1) + " in " + to_string(where));
      last = id.number + 1;
    }
  }
}

} // namespace cafka::simulate
