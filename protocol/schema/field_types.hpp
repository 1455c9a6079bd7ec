#pragma once

#include "../error_code.hpp"
#include "secret.hpp"
#include "uuid.hpp"
#include "version.hpp"

#include <concepts>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

// What the visitors of a description have to know about the types of its fields.
namespace cafka::protocol::detail {

template <class T>
inline constexpr bool is_array = false;
template <class T>
inline constexpr bool is_array<std::vector<T>> = true;

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

template <class T>
concept number = std::integral<T> || std::same_as<T, double>;

template <class T>
concept bytes_like = std::same_as<T, shared_bytes> || std::same_as<T, secret_bytes>;

/// Has a size known beforehand and cannot be null.
template <class T>
concept scalar =
  number<T> || is_strong_int<T> || std::same_as<T, error_code> || std::same_as<T, uuid>;

/// Is described by its own `describe`.
template <class T>
concept structure =
  !scalar<
    T> && !bytes_like<T> && !std::same_as<T, std::string> && !is_array<T> && !is_optional<T>;

/// The fewest bytes that a value takes, in any version.
template <class T>
consteval std::size_t least_size() {
  if constexpr (std::same_as<T, uuid>)
    return 16;
  else if constexpr (scalar<T>)
    return sizeof(T);
  else
    return 1;
}

/// The number that a scalar, but for ids, travels as.
template <class T>
constexpr auto plain(const T& x) {
  if constexpr (is_strong_int<T>)
    return x.value();
  else if constexpr (std::same_as<T, error_code>)
    return static_cast<std::int16_t>(x);
  else
    return x;
}

/// Whether a field has the value that counts as "not set".
template <class T>
bool is_default(const T& x, const field_spec& spec) {
  if constexpr (is_optional<T>) {
    return spec.default_null ? !x.has_value() : x.has_value() && is_default(*x, spec);
  } else if constexpr (std::same_as<T, uuid>) {
    return x.is_zero();
  } else if constexpr (std::same_as<T, double>) {
    return x == static_cast<double>(spec.default_value);
  } else if constexpr (scalar<T>) {
    return static_cast<std::int64_t>(plain(x)) == spec.default_value;
  } else if constexpr (std::same_as<T, secret_bytes>) {
    return x.value.empty();
  } else if constexpr (structure<T>) {
    return x == T{};
  } else {
    return x.empty();
  }
}

} // namespace cafka::protocol::detail
