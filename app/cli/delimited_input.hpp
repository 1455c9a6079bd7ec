#pragma once

#include "../../protocol/result.hpp"

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace cafka::cli {

/// The pieces of a file, a pipe or a terminal, each of which a delimiter ends. What
/// stands behind the last delimiter is a piece too, unless it is empty.
class delimited_input {
public:
  /// Reads from the descriptor `fd`, which stays the caller's. `delimiter` is not empty.
  delimited_input(int fd, std::string delimiter);

  /// Whether `next` answers without waiting for somebody to write; waits for that so
  /// long, after each piece of what is written.
  [[nodiscard]] bool ready(std::chrono::milliseconds timeout = {});

  /// The next piece without its delimiter, valid until the next call; nothing at the end.
  ///
  /// Error `invalid_argument` with the system's words where nothing can be read.
  [[nodiscard]] protocol::result<std::optional<std::string_view>> next();

private:
  [[nodiscard]] bool find();
  void read_more();

  int fd_;
  std::string delimiter_;
  std::string buffer_;
  // In the buffer: where the next piece begins, how far it was searched, and where it
  // ends.
  std::size_t begin_ = 0;
  std::size_t searched_ = 0;
  std::optional<std::size_t> end_;
  bool at_end_ = false;
  protocol::error wrong_;
};

} // namespace cafka::cli
