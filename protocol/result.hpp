#pragma once

#include "../base/inspect.hpp"
#include "error_code.hpp"

#include <functional>
#include <iosfwd>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

namespace cafka::protocol {

/// What went wrong: a code to act on and words for a person.
struct error {
  /// `none` where nothing went wrong.
  error_code code = error_code::none;
  /// What it was about: a topic, a broker, a limit. May be empty.
  std::string detail;

  /// Whether something went wrong, as with `std::error_code`: `if (const auto e = ...)`.
  explicit operator bool() const { return code != error_code::none; }

  friend bool operator==(const error&, const error&) = default;
};

CAFKA_INSPECT(error, code, detail)

/// The code's name and the detail: `NOT_LEADER_OR_FOLLOWER: foo/0`.
[[nodiscard]] std::string to_string(const error& e);
std::ostream& operator<<(std::ostream& out, const error& e);

/// Thrown by `result::value`: its words are the error's.
class bad_result : public std::runtime_error {
public:
  /// From the error of the result.
  explicit bad_result(protocol::error why);

  /// The error of the result.
  [[nodiscard]] const protocol::error& error() const { return why_; }

private:
  protocol::error why_;
};

/// Ends the program with the error's words on standard error: the value of a result was
/// used that has none.
[[noreturn]] void no_value(const error& why);

/// For operations that answer with nothing but success.
struct done {
  friend bool operator==(done, done) = default;
};

CAFKA_INSPECT_EMPTY(done)

template <class T>
class result;

/// Whether a type is a `result`.
template <class T>
inline constexpr bool is_result = false;
/// A `result` is one.
template <class T>
inline constexpr bool is_result<result<T>> = true;

/// A `T`, or the error that stands in its place.
template <class T>
class [[nodiscard]] result {
public:
  using value_type = T;

  /// Holds an error `unknown_server_error`: a reply that was not filled in.
  result() : content_(protocol::error{error_code::unknown_server_error, {}}) {}
  /// Holds a value or an error.
  result(T value) : content_(std::move(value)) {}
  /// Holds a value or an error.
  result(protocol::error e) : content_(std::move(e)) {}
  /// Holds a value or an error.
  result(error_code code, std::string detail = {})
    : content_(protocol::error{code, std::move(detail)}) {}

  /// Whether there is a value.
  [[nodiscard]] bool has_value() const { return content_.index() == 0; }
  /// Whether there is a value.
  explicit operator bool() const { return has_value(); }

  /// The value. Without one, the program ends with the error's words on standard error:
  /// ask `has_value` first, or use `value`.
  [[nodiscard]] T& operator*() & { return held(*this); }
  /// The value; without one, the program ends with the error's words.
  [[nodiscard]] const T& operator*() const& { return held(*this); }
  /// The value; without one, the program ends with the error's words.
  [[nodiscard]] T&& operator*() && { return std::move(held(*this)); }
  /// The value; without one, the program ends with the error's words.
  [[nodiscard]] T* operator->() { return &held(*this); }
  /// The value; without one, the program ends with the error's words.
  [[nodiscard]] const T* operator->() const { return &held(*this); }

  /// The value; throws `bad_result` without one.
  T& value() & { return checked(*this); }
  /// The value; throws `bad_result` without one.
  const T& value() const& { return checked(*this); }
  /// The value; throws `bad_result` without one.
  T&& value() && { return std::move(checked(*this)); }

  /// The error; without one, an error with code `none`.
  [[nodiscard]] protocol::error error() const {
    const auto* e = std::get_if<1>(&content_);
    return e == nullptr ? protocol::error{} : *e;
  }

  /// The value, or `otherwise` where there is none.
  template <class U>
  [[nodiscard]] T value_or(U&& otherwise) const& {
    return has_value() ? std::get<0>(content_)
                       : static_cast<T>(std::forward<U>(otherwise));
  }
  /// The value, or `otherwise` where there is none.
  template <class U>
  [[nodiscard]] T value_or(U&& otherwise) && {
    return has_value() ? std::get<0>(std::move(content_))
                       : static_cast<T>(std::forward<U>(otherwise));
  }

  /// What `f(value)` returns, a `result` itself; without a value, this error. As in
  /// `std::expected`.
  template <class F>
  auto and_then(F&& f) const& {
    return chained(*this, std::forward<F>(f));
  }
  /// As above, moving the value.
  template <class F>
  auto and_then(F&& f) && {
    return chained(std::move(*this), std::forward<F>(f));
  }

  /// A `result` of what `f(value)` returns; without a value, this error. A `result<done>`
  /// where it returns nothing. As in `std::expected`.
  template <class F>
  auto transform(F&& f) const& {
    return transformed(*this, std::forward<F>(f));
  }
  /// As above, moving the value.
  template <class F>
  auto transform(F&& f) && {
    return transformed(std::move(*this), std::forward<F>(f));
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

  template <class Self, class F>
  static auto chained(Self&& self, F&& f) {
    using next =
      std::remove_cvref_t<std::invoke_result_t<F, decltype(*std::forward<Self>(self))>>;
    static_assert(is_result<next>, "and_then's function returns a result; see transform");
    if (!self.has_value())
      return next{self.error()};
    return std::invoke(std::forward<F>(f), *std::forward<Self>(self));
  }

  template <class Self, class F>
  static auto transformed(Self&& self, F&& f) {
    using made =
      std::remove_cvref_t<std::invoke_result_t<F, decltype(*std::forward<Self>(self))>>;
    using next = result<std::conditional_t<std::is_void_v<made>, done, made>>;
    if (!self.has_value())
      return next{self.error()};
    if constexpr (std::is_void_v<made>) {
      std::invoke(std::forward<F>(f), *std::forward<Self>(self));
      return next{done{}};
    } else {
      return next{std::invoke(std::forward<F>(f), *std::forward<Self>(self))};
    }
  }

  std::variant<T, protocol::error> content_;
};

} // namespace cafka::protocol

template <>
struct std::hash<cafka::protocol::error> {
  std::size_t operator()(const cafka::protocol::error& e) const noexcept {
    return std::hash<std::string>{}(e.detail) * 31
      + static_cast<std::size_t>(static_cast<std::uint16_t>(e.code));
  }
};
