#pragma once

#include "../../actors/interfaces.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace cafka::cli {

/// How a record is printed, as kcat's option `-f` spells it.
///
/// `%s` is the value, `%k` the key, `%S` and `%K` their lengths (-1 for null), `%R` the
/// value's length as four bytes, the highest first, `%T` the time in milliseconds since
/// 1970 (-1 for none), `%h` the headers as `name=value,name=value`, `%t` the topic, `%p`
/// the partition, `%o` the offset, `%%` a percent sign. Escapes are those of `unescaped`.
class record_format {
public:
  /// Error `invalid_argument` names what is wrong, and its place counted from 1.
  [[nodiscard]] static result<record_format> parse(std::string_view text);

  /// Null keys and values become `NULL` instead of nothing.
  void name_nulls(bool yes) { names_nulls_ = yes; }

  /// Appends the record to `to`, whatever bytes it has, and nothing else.
  void append(std::string& to, const std::string& topic, partition_id partition,
    const protocol::record_view& record) const;

private:
  enum class field : std::uint8_t {
    value,
    value_length,
    value_length_binary,
    key,
    key_length,
    time,
    headers,
    topic,
    partition,
    offset,
  };

  static std::optional<field> field_of(char letter);

  std::vector<std::variant<std::string, field>> pieces_;
  bool names_nulls_ = false;
};

} // namespace cafka::cli
