#pragma once

#include <exception>
#include <optional>
#include <string>
#include <utility>

namespace cafka {

/// Calls a function of the program. What it throws goes no further: it is returned in
/// words; nothing when it threw nothing.
template <class F>
std::optional<std::string> thrown_by(F&& call) {
  try {
    std::forward<F>(call)();
    return std::nullopt;
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    return "an exception of unknown type";
  }
}

} // namespace cafka
