#pragma once

#include "../wire/writer.hpp"
#include "field_types.hpp"

namespace cafka::protocol {

/// Visits a description to write one struct in one version.
///
/// A field that the version lacks must hold its default or be ignorable; otherwise the
/// writer is left with an error that names it.
class encoder {
public:
  encoder(writer& out, std::int16_t version, bool flexible)
    : out_(out), version_(version), flexible_(flexible) {}

  template <class T, class... Options>
  void field(std::string_view name, const T& x, Options... options) {
    const auto spec = detail::spec_of(options...);
    if (!spec.versions.contains(version_)) {
      if (!spec.ignorable && !detail::is_default(x, spec))
        fail_absent(name);
      return;
    }
    const auto nullable = spec.null_versions.contains(version_);
    if (spec.tag < 0) {
      value(name, x, nullable);
    } else if (!detail::is_default(x, spec)) {
      tagged_field tagged{spec.tag, writer{64}};
      encoder{tagged.content, version_, flexible_}.value(name, x, nullable);
      tagged_.push_back(std::move(tagged));
    }
  }

  /// Describes `m` to a visitor of its own and ends the struct.
  template <class M>
  void structure(const M& m) {
    encoder inner{out_, version_, flexible_};
    describe(inner, m);
    inner.finish();
  }

private:
  struct tagged_field {
    std::int32_t tag;
    writer content;
  };

  template <class T>
  void value(std::string_view name, const T& x, bool nullable) {
    if constexpr (detail::is_optional<T>) {
      optional(name, x, nullable);
    } else if constexpr (std::same_as<T, uuid>) {
      out_.raw(std::as_bytes(std::span{x.bytes}));
    } else if constexpr (detail::scalar<T>) {
      put(detail::plain(x));
    } else if constexpr (std::same_as<T, std::string>) {
      put_text(name, x);
    } else if constexpr (std::same_as<T, secret_bytes>) {
      put_bytes(name, x.value);
    } else if constexpr (std::same_as<T, shared_bytes>) {
      put_bytes(name, x);
    } else if constexpr (detail::is_array<T>) {
      put_size(name, x.size());
      for (const auto& element : x)
        value(name, element, false);
    } else {
      structure(x);
    }
  }

  template <class T>
  void optional(std::string_view name, const std::optional<T>& x, bool nullable) {
    if (x) {
      if constexpr (detail::structure<T>)
        if (nullable)
          out_.i8(1);
      value(name, *x, false);
    } else if (!nullable) {
      fail_null(name);
    } else if constexpr (detail::structure<T>) {
      out_.i8(-1);
    } else if constexpr (std::same_as<T, std::string>) {
      put_null_text();
    } else {
      put_null();
    }
  }

  void put(bool x) { out_.boolean(x); }
  void put(std::int8_t x) { out_.i8(x); }
  void put(std::int16_t x) { out_.i16(x); }
  void put(std::int32_t x) { out_.i32(x); }
  void put(std::int64_t x) { out_.i64(x); }
  void put(std::uint16_t x) { out_.u16(x); }
  void put(std::uint32_t x) { out_.u32(x); }
  void put(double x) { out_.f64(x); }

  void put_text(std::string_view name, std::string_view text);
  void put_bytes(std::string_view name, const shared_bytes& bytes);
  /// The length of bytes or the count of an array.
  void put_size(std::string_view name, std::size_t size);
  void put_null_text();
  void put_null();
  void finish();

  void fail_absent(std::string_view name);
  void fail_null(std::string_view name);

  writer& out_;
  std::int16_t version_;
  bool flexible_;
  std::vector<tagged_field> tagged_;
};

} // namespace cafka::protocol
