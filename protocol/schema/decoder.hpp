#pragma once

#include "../wire/reader.hpp"
#include "field_types.hpp"

namespace cafka::protocol {

/// Visits a description to read one struct in one version.
///
/// Every length and count is checked against what is left before memory is taken. Fields
/// that the version lacks keep the value they have.
class decoder {
public:
  /// What the decoders of nested structs share.
  struct context {
    reader& in;
    std::int16_t version;
    bool flexible;
    /// The field whose reading failed.
    std::string_view failed_field = {};
  };

  explicit decoder(context& c) : c_(c) {}

  template <class T, class... Options>
  void field(std::string_view name, T& x, Options... options) {
    const auto spec = detail::spec_of(options...);
    if (spec.tag != wanted_ || !spec.versions.contains(c_.version) || !c_.in.ok())
      return;
    found_ = true;
    value(x, spec.null_versions.contains(c_.version));
    if (!c_.in.ok() && c_.failed_field.empty())
      c_.failed_field = name;
  }

  /// Describes `m` to visitors of its own: once for its plain fields, then once for each
  /// tagged field that arrived.
  template <class M>
  void structure(M& m) {
    decoder plain{c_};
    describe(plain, m);
    if (!c_.flexible)
      return;
    std::int64_t last = -1;
    for (auto count = c_.in.uvarint(); count > 0 && c_.in.ok(); --count) {
      const auto tag = next_tag(last);
      auto content = c_.in.sub(c_.in.uvarint());
      context inner{content, c_.version, c_.flexible};
      decoder tagged{inner};
      tagged.wanted_ = tag;
      if (c_.in.ok())
        describe(tagged, m);
      if (tagged.found_)
        finish_tagged(inner);
    }
  }

private:
  static constexpr std::int64_t plain_fields = -1;

  template <class T>
  void value(T& x, bool nullable) {
    if constexpr (detail::is_optional<T>) {
      optional(x, nullable);
    } else if constexpr (std::same_as<T, uuid>) {
      get_uuid(x);
    } else if constexpr (is_strong_int<T>) {
      typename T::rep plain{};
      get(plain);
      x = plain;
    } else if constexpr (std::same_as<T, error_code>) {
      x = error_code_from_wire(c_.in.i16());
    } else if constexpr (detail::scalar<T>) {
      get(x);
    } else if constexpr (std::same_as<T, std::string>) {
      text(x, size_of_text(false));
    } else if constexpr (std::same_as<T, secret_bytes>) {
      bytes(x.value, size_of(1, false));
    } else if constexpr (std::same_as<T, shared_bytes>) {
      bytes(x, size_of(1, false));
    } else if constexpr (detail::is_array<T>) {
      array(x, size_of(detail::least_size<typename T::value_type>(), false));
    } else {
      structure(x);
    }
  }

  template <class T>
  void optional(std::optional<T>& x, bool nullable) {
    if constexpr (detail::structure<T>) {
      if (nullable && is_null_struct())
        x.reset();
      else if (c_.in.ok())
        structure(x.emplace());
    } else {
      std::int32_t size;
      if constexpr (std::same_as<T, std::string>)
        size = size_of_text(nullable);
      else if constexpr (detail::is_array<T>)
        size = size_of(detail::least_size<typename T::value_type>(), nullable);
      else
        size = size_of(1, nullable);
      if (size < 0) {
        x.reset();
      } else if constexpr (std::same_as<T, std::string>) {
        text(x.emplace(), size);
      } else if constexpr (detail::is_array<T>) {
        array(x.emplace(), size);
      } else if constexpr (std::same_as<T, secret_bytes>) {
        bytes(x.emplace().value, size);
      } else {
        bytes(x.emplace(), size);
      }
    }
  }

  template <class T>
  void array(std::vector<T>& x, std::int32_t count) {
    // A struct in memory can be far larger than the byte that it takes at least on the
    // wire: beyond this much, room is taken as the elements arrive.
    constexpr std::size_t most_at_once =
      detail::scalar<T> ? std::numeric_limits<std::size_t>::max() : 16384 / sizeof(T) + 1;
    x.clear();
    x.reserve(std::min(static_cast<std::size_t>(count), most_at_once));
    for (; count > 0 && c_.in.ok(); --count)
      value(x.emplace_back(), false);
  }

  void get(bool& x) { x = c_.in.boolean(); }
  void get(std::int8_t& x) { x = c_.in.i8(); }
  void get(std::int16_t& x) { x = c_.in.i16(); }
  void get(std::int32_t& x) { x = c_.in.i32(); }
  void get(std::int64_t& x) { x = c_.in.i64(); }
  void get(std::uint16_t& x) { x = c_.in.u16(); }
  void get(std::uint32_t& x) { x = c_.in.u32(); }
  void get(double& x) { x = c_.in.f64(); }
  void get_uuid(uuid& x);
  void text(std::string& x, std::int32_t size);
  void bytes(shared_bytes& x, std::int32_t size);

  /// The size of a text that is still to be read; -1 for null, where that is legal.
  std::int32_t size_of_text(bool nullable);
  /// The same for bytes, and for an array whose elements take at least `least` bytes.
  std::int32_t size_of(std::size_t least, bool nullable);
  std::int32_t checked(std::int64_t size, std::size_t least, bool nullable);
  bool is_null_struct();
  std::int64_t next_tag(std::int64_t& last);
  void finish_tagged(context& inner);

  context& c_;
  /// The tag of the fields to read.
  std::int64_t wanted_ = plain_fields;
  bool found_ = false;
};

} // namespace cafka::protocol
