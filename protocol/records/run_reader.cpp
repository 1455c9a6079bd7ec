#include "run_reader.hpp"

#include <utility>

namespace cafka::protocol {

run_reader::run_reader(const shared_bytes& raw, log_offset from,
  std::vector<aborted_span> aborted, read_options options)
  : size_(raw.size()),
    from_(from),
    in_(raw, options),
    filter_(std::move(aborted)),
    next_(from) {
}

void run_reader::note(const batch_info& info) {
  position_ += info.wire_size;
  if (info.last_offset >= next_) {
    next_ = info.last_offset + 1;
    any_ = true;
  }
}

// Finds the next batch that is to be opened; what is not wanted is only checked.
bool run_reader::find() {
  while (in_.find(batch_)) {
    const auto& info = batch_.info();
    const auto dropped = filter_.drops(info);
    if (info.control || (!dropped && info.last_offset >= from_))
      return true;
    if (auto wrong = order_.check(info)) {
      outcome_ = std::move(wrong);
      return false;
    }
    note(info);
  }
  outcome_ = in_.error();
  return false;
}

run_reader::state run_reader::read(record_run& run, const allowance& may) {
  run.from_ = from_;
  run.next_ = next_;
  auto how = state::done;
  std::size_t worked = 0;
  while (true) {
    if (!found_ && !find())
      break;
    found_ = true;
    const auto& info = batch_.info();
    auto room = std::numeric_limits<std::size_t>::max();
    if (info.compression != codec::none) {
      if (worked >= may.enough) {
        how = state::more;
        break;
      }
      if (!may.one_anyhow || run.decompressed_ > 0) {
        room = may.room - std::min(may.room, run.decompressed_);
        if (room == 0 || room < tried_) {
          how = state::waits;
          break;
        }
      }
    }
    const auto opened = in_.open(batch_, room);
    if (opened == batch_reader::opening::no_room) {
      // To be tried again with twice as much: all tries cost as much as the last one.
      tried_ = room > std::numeric_limits<std::size_t>::max() / 2 ? room : 2 * room;
      how = state::waits;
      break;
    }
    found_ = false;
    tried_ = 0;
    if (opened == batch_reader::opening::failed) {
      outcome_ = in_.error();
      break;
    }
    if (auto wrong = order_.check(info)) {
      outcome_ = std::move(wrong);
      break;
    }
    if (info.compression != codec::none)
      worked += batch_.payload().size();
    if (info.control)
      filter_.marker(batch_);
    else
      run.add(batch_);
    note(info);
  }
  run.next_ = next_;
  if (how == state::done)
    finish();
  return how;
}

void run_reader::finish() {
  position_ = size_;
  if (any_)
    outcome_ = {};
  if (any_ || outcome_)
    return;
  if (in_.partial())
    outcome_ = {error_code::message_too_large,
      "the batch at offset " + std::to_string(from_.value())
        + (in_.partial_size() > 0
            ? " has " + std::to_string(in_.partial_size()) + " bytes"
            : std::string{" does not fit"})
        + ", more than the fetch allows"};
  else
    outcome_ = order_.nothing_behind(from_);
}

} // namespace cafka::protocol
