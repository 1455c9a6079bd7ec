#pragma once

#include "field_types.hpp"

namespace cafka::protocol {

/// Visits a description to write it down: one line for each field in one version, for the
/// comparison with Kafka's own schemas.
///
/// A line is made of tab-separated columns: message, version, path (`Topics.Name`),
/// whether the version has the field, type, `nullable` or `-`, default, tag or `-`,
/// `ignorable` or
/// `-`. The fields of a struct stand below it, unless the version lacks the struct.
class schema_dumper {
public:
  schema_dumper(std::string& out, std::string_view message, std::int16_t version,
    std::string path = {})
    : out_(out), message_(message), version_(version), path_(std::move(path)) {}

  template <class T, class... Options>
  void field(std::string_view name, const T& initial, Options... options) {
    const auto spec = detail::spec_of(options...);
    const auto present = spec.versions.contains(version_);
    line(name, type_name<T>(spec), default_text<T>(spec), spec);
    if (!detail::is_default(initial, spec))
      mismatch(name);
    if (present)
      nested<T>(name);
  }

private:
  template <class T>
  static std::string type_name(const field_spec& spec) {
    if constexpr (detail::is_optional<T>)
      return type_name<typename T::value_type>(spec);
    else if constexpr (detail::is_array<T>)
      return "[]" + type_name<typename T::value_type>(spec);
    else if constexpr (detail::bytes_like<T>)
      return spec.records ? "records" : "bytes";
    else if constexpr (std::same_as<T, std::string>)
      return "string";
    else if constexpr (std::same_as<T, uuid>)
      return "uuid";
    else if constexpr (std::same_as<T, bool>)
      return "bool";
    else if constexpr (std::same_as<T, double>)
      return "float64";
    else if constexpr (detail::scalar<T>)
      return number_name(
        std::is_signed_v<decltype(detail::plain(T{}))>, sizeof(detail::plain(T{})));
    else
      return "struct";
  }

  template <class T>
  static std::string default_text(const field_spec& spec) {
    if (spec.default_null)
      return "null";
    if constexpr (std::same_as<T, bool>)
      return spec.default_value != 0 ? "true" : "false";
    else if constexpr (detail::scalar<T> && !std::same_as<T, uuid>)
      return std::to_string(spec.default_value);
    else
      return "empty";
  }

  template <class T>
  void nested(std::string_view name) {
    if constexpr (detail::is_optional<T> || detail::is_array<T>) {
      nested<typename T::value_type>(name);
    } else if constexpr (detail::structure<T>) {
      schema_dumper inner{out_, message_, version_, path_ + std::string{name} + '.'};
      const T element{};
      describe(inner, element);
    }
  }

  static std::string number_name(bool is_signed, std::size_t size);
  void line(std::string_view name, const std::string& type, const std::string& initial,
    const field_spec& spec);
  void mismatch(std::string_view name);

  std::string& out_;
  std::string_view message_;
  std::int16_t version_;
  std::string path_;
};

} // namespace cafka::protocol
