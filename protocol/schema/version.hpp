#pragma once

#include "../../base/inspect.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>

namespace cafka::protocol {

/// Versions of an API, both ends included.
struct version_range {
  /// The lowest version.
  std::int16_t min = 0;
  /// The highest version.
  std::int16_t max = 0;

  /// Whether the version is in the range.
  [[nodiscard]] constexpr bool contains(std::int16_t version) const {
    return version >= min && version <= max;
  }
  /// Whether the range holds no version.
  [[nodiscard]] constexpr bool empty() const { return min > max; }

  friend constexpr bool operator==(version_range, version_range) = default;
};

CAFKA_INSPECT(version_range, min, max)

/// The versions that both ranges contain.
constexpr version_range common(version_range a, version_range b) {
  return {std::max(a.min, b.min), std::min(a.max, b.max)};
}

/// The range in words: `3 to 13`, `0 only`, `none`.
[[nodiscard]] std::string to_string(version_range range);

/// Stands for all later versions.
inline constexpr std::int16_t newest_version = std::numeric_limits<std::int16_t>::max();

/// What a description says about a field beside its name and type.
struct field_spec {
  /// Versions that have the field.
  version_range versions{0, newest_version};
  /// Versions in which it may be null.
  version_range null_versions{0, -1};
  /// Its tag, where it travels among the tagged fields; -1 where it does not.
  std::int32_t tag = -1;
  /// Whether it may be dropped in silence on versions without it.
  bool ignorable = false;
  /// Whether bytes are record batches; they are written alike.
  bool records = false;
  /// The value that counts as "not set", for numbers and truth values; texts, ids and
  /// arrays have the empty one.
  std::int64_t default_value = 0;
  /// Whether "not set" is null.
  bool default_null = false;
};

namespace detail {

struct since_option {
  version_range versions;
  constexpr void apply(field_spec& spec) const { spec.versions = versions; }
};

struct null_option {
  version_range versions;
  constexpr void apply(field_spec& spec) const { spec.null_versions = versions; }
};

struct tag_option {
  std::int32_t tag;
  constexpr void apply(field_spec& spec) const { spec.tag = tag; }
};

struct ignorable_option {
  constexpr void apply(field_spec& spec) const { spec.ignorable = true; }
};

struct records_option {
  constexpr void apply(field_spec& spec) const { spec.records = true; }
};

struct default_option {
  std::int64_t value;
  bool null;
  constexpr void apply(field_spec& spec) const {
    spec.default_value = value;
    spec.default_null = null;
  }
};

template <class... Options>
constexpr field_spec spec_of(Options... options) {
  field_spec spec;
  (options.apply(spec), ...);
  return spec;
}

} // namespace detail

/// The field exists from version `first` on.
constexpr detail::since_option since(std::int16_t first) {
  return {{first, newest_version}};
}

/// The field exists in versions `first` to `last`.
constexpr detail::since_option between(std::int16_t first, std::int16_t last) {
  return {{first, last}};
}

/// The field may be null from version `first` on.
constexpr detail::null_option null_since(std::int16_t first) {
  return {{first, newest_version}};
}

/// The field may be null in versions `first` to `last`.
constexpr detail::null_option null_between(std::int16_t first, std::int16_t last) {
  return {{first, last}};
}

/// The field travels as the tagged field number `tag` (KIP-482).
constexpr detail::tag_option tagged(std::int32_t tag) {
  return {tag};
}

/// The field may be dropped in silence on versions without it.
inline constexpr detail::ignorable_option ignorable{};

/// The bytes are record batches.
inline constexpr detail::records_option record_batches{};

/// The field's value when it is not set; the struct's initialiser says the same.
constexpr detail::default_option def(std::int64_t value) {
  return {value, false};
}

/// As above, for a field that is null when it is not set.
constexpr detail::default_option def(std::nullptr_t) {
  return {0, true};
}

} // namespace cafka::protocol
