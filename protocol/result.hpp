#pragma once

#include "error_code.hpp"

#include <functional>
#include <iosfwd>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>

namespace cafka::protocol {

/// What went wrong: a code to act on and words for a person.
struct error {
  error_code code = error_code::none;
  /// What it was about: a topic, a broker, a limit. May be empty.
  std::string detail;

  friend bool operator==(const error&, const error&) = default;

  template <class Inspector>
  friend bool inspect(Inspector& f, error& x) {
    return f.object(x).fields(f.field("code", x.code), f.field("detail", x.detail));
  }
};

/// The code's name and the detail: `NOT_LEADER_OR_FOLLOWER: foo/0`.
[[nodiscard]] std::string to_string(const error& e);
std::ostream& operator<<(std::ostream& out, const error& e);

/// Thrown by `result::value`: its words are the error's.
class bad_result : public std::runtime_error {
public:
  explicit bad_result(protocol::error why);

  [[nodiscard]] const protocol::error& error() const { return why_; }

private:
  protocol::error why_;
};

/// Ends the program with the error's words on standard error: the value of a result was
/// used that has none.
[[noreturn]] void no_value(const error& why);

/// A `T`, or the error that stands in its place.
template <class T>
class [[nodiscard]] result {
public:
  using value_type = T;

  /// Holds an error `unknown_server_error`: a reply that nobody filled in.
  result() : content_(protocol::error{error_code::unknown_server_error, {}}) {}
  result(T value) : content_(std::move(value)) {}
  result(protocol::error e) : content_(std::move(e)) {}
  result(error_code code, std::string detail = {})
    : content_(protocol::error{code, std::move(detail)}) {}

  [[nodiscard]] bool has_value() const { return content_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  /// The value. Without one, the program ends with the error's words on standard error:
  /// ask `has_value` first, or use `value`.
  [[nodiscard]] T& operator*() & { return held(*this); }
  [[nodiscard]] const T& operator*() const& { return held(*this); }
  [[nodiscard]] T&& operator*() && { return std::move(held(*this)); }
  [[nodiscard]] T* operator->() { return &held(*this); }
  [[nodiscard]] const T* operator->() const { return &held(*this); }

  /// The value; throws `bad_result` without one.
  [[nodiscard]] T& value() & { return checked(*this); }
  [[nodiscard]] const T& value() const& { return checked(*this); }
  [[nodiscard]] T&& value() && { return std::move(checked(*this)); }

  /// The error; without one, an error with code `none`.
  [[nodiscard]] protocol::error error() const {
    const auto* e = std::get_if<1>(&content_);
    return e == nullptr ? protocol::error{} : *e;
  }

  friend bool operator==(const result&, const result&) = default;

  template <class Inspector>
  friend bool inspect(Inspector& f, result& x) {
    return f.object(x).fields(f.field("content", x.content_));
  }

private:
  static auto& held(auto& self) {
    auto* value = std::get_if<0>(&self.content_);
    if (value == nullptr)
      no_value(self.error());
    return *value;
  }
  static auto& checked(auto& self) {
    auto* value = std::get_if<0>(&self.content_);
    if (value == nullptr)
      throw bad_result{self.error()};
    return *value;
  }

  std::variant<T, protocol::error> content_;
};

/// For operations that answer with nothing but success.
struct done {
  friend bool operator==(done, done) = default;

  template <class Inspector>
  friend bool inspect(Inspector& f, done& x) {
    return f.object(x).fields();
  }
};

} // namespace cafka::protocol

template <>
struct std::hash<cafka::protocol::error> {
  std::size_t operator()(const cafka::protocol::error& e) const noexcept {
    return std::hash<std::string>{}(e.detail) * 31
      + static_cast<std::size_t>(static_cast<std::uint16_t>(e.code));
  }
};
