#pragma once

#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace cafka::actors {

/// Calls a function of the program. What it throws goes no further: it is returned in
/// words, `<who> threw: <what>`; nothing when it threw nothing.
template <class F>
std::optional<std::string> contained(std::string_view who, F&& call) {
  try {
    std::forward<F>(call)();
    return std::nullopt;
  } catch (const std::exception& e) {
    return std::string{who} + " threw: " + e.what();
  } catch (...) {
    return std::string{who} + " threw an unknown exception";
  }
}

} // namespace cafka::actors
