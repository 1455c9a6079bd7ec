#pragma once

#include "random.hpp"
#include <cafka/protocol/words.hpp>

#include <concepts>
#include <cstdio>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace cafka::simulate {

/// A promise that was broken.
class broken_promise : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

/// The story of a run, line by line; without a listener nothing is put into words.
class trace {
public:
  std::function<void(const std::string&)> listener;

  /// A line: who, and then words and numbers.
  template <class... Parts>
  void tell(time_point now, std::string_view who, const Parts&... parts) {
    if (!listener)
      return;
    std::string line = stamp(now);
    line += who;
    (add(line, parts), ...);
    listener(line);
  }

  static void add(std::string& line, std::string_view text) {
    line += ' ';
    line += text;
  }
  static void add(std::string& line, const char* text) {
    add(line, std::string_view{text});
  }
  template <std::integral Number>
  static void add(std::string& line, Number n) {
    add(line, std::string_view{std::to_string(n)});
  }

  /// Seconds since the world began, to the microsecond.
  static std::string stamp(time_point now) {
    const auto us =
      std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch())
        .count();
    char text[40];
    std::snprintf(text, sizeof text, "%6lld.%06lld ",
      static_cast<long long>(us / 1'000'000), static_cast<long long>(us % 1'000'000));
    return text;
  }
};

} // namespace cafka::simulate
