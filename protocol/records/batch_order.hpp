#pragma once

#include "record_batch.hpp"

#include <string>

namespace cafka::protocol {

/// Checks that the batches of one answer follow each other: each begins behind the end of
/// the one before. The first may begin before the offset that was asked for.
class batch_order {
public:
  /// To be asked for each batch in turn, once it is opened if it is opened at all: of a
  /// compressed v0 or v1 message the first offset is not known before. Code `none`, or
  /// `corrupt_message`: the batch must not be read.
  [[nodiscard]] error check(const batch_info& batch) {
    constexpr auto none = std::numeric_limits<std::int64_t>::max();
    if (batch.last_offset.value() == none)
      return {error_code::corrupt_message, "no offset can follow the batch's last one"};
    if (batch.base_offset <= last_)
      return {error_code::corrupt_message,
        "the batch at offset " + std::to_string(batch.base_offset.value())
          + " is not behind the batch before it, which ends with offset "
          + std::to_string(last_.value())};
    last_ = batch.last_offset;
    return {};
  }

  /// Why an answer brought nothing that lies at `from` or behind it.
  [[nodiscard]] error nothing_behind(log_offset from) const {
    if (last_.value() < 0)
      return {};
    return {error_code::corrupt_message,
      "offset " + std::to_string(from.value())
        + " was asked for, and everything that came is before it, up to offset "
        + std::to_string(last_.value())};
  }

private:
  log_offset last_ = -1;
};

} // namespace cafka::protocol
