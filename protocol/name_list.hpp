#pragma once

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cafka::protocol {

/// Names as a message lists them: a vector of strings whose braces hold names.
///
/// `{"a", "b"}` is two names, and so is `{{"a", "b"}}`, which a plain vector of strings
/// takes for one: the text between two addresses.
class name_list : public std::vector<std::string> {
public:
  /// One name within braces.
  class name {
  public:
    /// A text.
    name(const char* text) : text_(text) {}
    /// A text.
    name(std::string text) : text_(std::move(text)) {}
    /// A text.
    name(std::string_view text) : text_(text) {}
    name(std::nullptr_t) = delete;

  private:
    friend class name_list;
    std::string text_;
  };

  name_list() = default;
  /// The names, in order.
  name_list(std::vector<std::string> names)
    : std::vector<std::string>(std::move(names)) {}
  /// The names, in order.
  name_list(std::initializer_list<name> names) {
    reserve(names.size());
    for (const auto& each : names)
      push_back(each.text_);
  }

  template <class Inspector>
  friend bool inspect(Inspector& f, name_list& x) {
    return f.apply(static_cast<std::vector<std::string>&>(x));
  }
};

} // namespace cafka::protocol
