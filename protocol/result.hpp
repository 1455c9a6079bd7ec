#pragma once

#include <cafka/protocol/error_code.hpp>

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

  /// The value; without one, the behaviour is undefined as with `std::expected`.
  [[nodiscard]] T& operator*() & { return *std::get_if<0>(&content_); }
  [[nodiscard]] const T& operator*() const& { return *std::get_if<0>(&content_); }
  [[nodiscard]] T&& operator*() && { return std::move(*std::get_if<0>(&content_)); }
  [[nodiscard]] T* operator->() { return std::get_if<0>(&content_); }
  [[nodiscard]] const T* operator->() const { return std::get_if<0>(&content_); }

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
