#pragma once

#include "abort_filter.hpp"
#include "batch_order.hpp"
#include "record_run.hpp"

namespace cafka::protocol {

/// Reads the `records` field of a Fetch response, in as many runs as the memory wants:
/// batch by batch, and none is decompressed that there is no room for.
class run_reader {
public:
  /// How much may be decompressed.
  struct allowance {
    /// Bytes there is room for.
    std::size_t room = std::numeric_limits<std::size_t>::max();
    /// Whether one batch may be decompressed that there is no room for.
    bool one_anyhow = true;
    /// After so many bytes the reader returns, so that other work can go on.
    std::size_t enough = std::numeric_limits<std::size_t>::max();
  };

  enum class state : std::uint8_t {
    more,  ///< There was enough; read on into another run.
    waits, ///< The next batch needs more room than there is.
    done,  ///< See `outcome`.
  };

  /// Reads from offset `from` on, as `record_run::read` does. `raw` must live as long as
  /// the runs.
  run_reader(const shared_bytes& raw, log_offset from, std::vector<aborted_span> aborted,
    read_options options);

  /// Reads on into a new run, which may stay without records.
  state read(record_run& run, const allowance& may);

  /// Where the next fetch goes on: behind all that was read, left out or not.
  [[nodiscard]] log_offset next_offset() const { return next_; }
  /// How many bytes of what came have been read.
  [[nodiscard]] std::size_t position() const { return position_; }
  /// Once it is done: why nothing was read; code `none` if anything was.
  [[nodiscard]] const error& outcome() const { return outcome_; }

private:
  [[nodiscard]] bool find();
  void finish();
  void note(const batch_info& info);

  const std::size_t size_;
  const log_offset from_;
  batch_reader in_;
  abort_filter filter_;
  batch_order order_;
  record_batch batch_;
  bool found_ = false;    ///< `batch_` is to be opened.
  std::size_t tried_ = 0; ///< So much room was not enough for it.
  log_offset next_;
  std::size_t position_ = 0;
  bool any_ = false;
  error outcome_;
};

} // namespace cafka::protocol
