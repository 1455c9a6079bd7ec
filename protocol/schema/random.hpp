#pragma once

#include "field_types.hpp"

namespace cafka::protocol {

/// Numbers that look random and repeat with the seed (splitmix64).
class random_source {
public:
  explicit random_source(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    auto x = state_ += 0x9E3779B97F4A7C15U;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9U;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBU;
    return x ^ (x >> 31);
  }

  /// A number below `bound`, which is above 0.
  std::uint64_t below(std::uint64_t bound) { return next() % bound; }

private:
  std::uint64_t state_;
};

/// Visits a description to fill a struct with values that are legal in one version; what
/// the version lacks keeps the value it has.
class randomizer {
public:
  randomizer(random_source& source, std::int16_t version)
    : source_(source), version_(version) {}

  template <class T, class... Options>
  void field(std::string_view, T& x, Options... options) {
    const auto spec = detail::spec_of(options...);
    // Every fourth tagged field stays unset, to have both forms.
    if (!spec.versions.contains(version_) || (spec.tag >= 0 && source_.below(4) == 0))
      return;
    value(x, spec.null_versions.contains(version_));
  }

  template <class M>
  void structure(M& m) {
    randomizer inner{source_, version_};
    describe(inner, m);
  }

private:
  template <class T>
  void value(T& x, bool nullable) {
    if constexpr (detail::is_optional<T>) {
      if (nullable && source_.below(4) == 0)
        x.reset();
      else
        value(x.emplace(), false);
    } else if constexpr (std::same_as<T, uuid>) {
      for (auto& byte : x.bytes)
        byte = static_cast<std::uint8_t>(source_.next());
    } else if constexpr (std::same_as<T, bool>) {
      x = source_.below(2) == 1;
    } else if constexpr (std::same_as<T, double>) {
      x = static_cast<double>(source_.next()) / 1024;
    } else if constexpr (detail::scalar<T>) {
      x = static_cast<T>(static_cast<decltype(detail::plain(T{}))>(number()));
    } else if constexpr (std::same_as<T, std::string>) {
      x = text();
    } else if constexpr (std::same_as<T, secret_bytes>) {
      x.value = bytes();
    } else if constexpr (std::same_as<T, shared_bytes>) {
      x = bytes();
    } else if constexpr (detail::is_array<T>) {
      x.resize(static_cast<std::size_t>(source_.below(4)));
      for (auto& element : x)
        value(element, false);
    } else {
      structure(x);
    }
  }

  std::uint64_t number();
  std::string text();
  shared_bytes bytes();

  random_source& source_;
  std::int16_t version_;
};

} // namespace cafka::protocol
