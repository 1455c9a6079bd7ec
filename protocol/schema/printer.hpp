#pragma once

#include "field_types.hpp"

namespace cafka::protocol {

/// Visits a description to print a struct for people: `{ErrorCode: NONE, Host: "a"}`.
///
/// Bytes are shown by their size, secrets not at all.
class printer {
public:
  /// Appends to `out`.
  explicit printer(std::string& out) : out_(out) {}

  /// Prints one field.
  template <class T, class... Options>
  void field(std::string_view name, const T& x, Options...) {
    next(name);
    value(x);
  }

  /// Describes `m` to a visitor of its own, in braces.
  template <class M>
  void structure(const M& m) {
    out_ += '{';
    printer inner{out_};
    describe(inner, m);
    out_ += '}';
  }

private:
  template <class T>
  void value(const T& x) {
    if constexpr (detail::is_optional<T>) {
      if (x)
        value(*x);
      else
        out_ += "null";
    } else if constexpr (std::same_as<T, uuid>) {
      out_ += to_string(x);
    } else if constexpr (std::same_as<T, error_code>) {
      out_ += protocol::name(x);
    } else if constexpr (std::same_as<T, bool>) {
      out_ += x ? "true" : "false";
    } else if constexpr (detail::scalar<T>) {
      out_ += std::to_string(detail::plain(x));
    } else if constexpr (std::same_as<T, std::string>) {
      text(x);
    } else if constexpr (std::same_as<T, secret_bytes>) {
      out_ += "<secret>";
    } else if constexpr (std::same_as<T, shared_bytes>) {
      bytes(x);
    } else if constexpr (detail::is_array<T>) {
      out_ += '[';
      for (auto separator = ""; const auto& element : x) {
        out_ += separator;
        separator = ", ";
        value(element);
      }
      out_ += ']';
    } else {
      structure(x);
    }
  }

  void next(std::string_view name);
  void text(std::string_view text);
  void bytes(const shared_bytes& bytes);

  std::string& out_;
  bool first_ = true;
};

} // namespace cafka::protocol
