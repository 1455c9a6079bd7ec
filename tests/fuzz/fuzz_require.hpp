#pragma once

#include <cafka/protocol/result.hpp>

#include <cstdio>
#include <cstdlib>

/// Ends the program, so that the fuzzer keeps the input, unless `holds`.
inline void require(bool holds, const char* what) {
  if (holds)
    return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

/// The same where there must be no error, which is told.
inline void require_none(const cafka::protocol::error& why, const char* what) {
  if (why)
    std::fprintf(stderr, "%s\n", to_string(why).c_str());
  require(!why, what);
}
