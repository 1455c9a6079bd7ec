#pragma once

#include "../result.hpp"
#include "../wire/reader.hpp"

#include <concepts>
#include <cstddef>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cafka::protocol {

/// Whose clock a record's time is from. Source: KIP-32.
enum class timestamp_type : std::int8_t {
  none = -1,           ///< A v0 message: no time at all.
  create_time = 0,     ///< The producer's.
  log_append_time = 1, ///< The broker's, one for a whole batch.
};

/// A record's time where it has none.
inline constexpr timestamp no_timestamp{std::chrono::milliseconds{-1}};

/// The bytes of `text`.
[[nodiscard]] inline byte_view as_bytes(std::string_view text) {
  return std::as_bytes(std::span{text});
}

/// The bytes as text; they are not checked to be UTF-8.
[[nodiscard]] inline std::string_view as_text(byte_view bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// A view of bytes, given as bytes or as text.
class text_or_bytes : public byte_view {
public:
  /// No bytes.
  constexpr text_or_bytes() = default;
  /// The bytes, such as a span of them.
  template <std::convertible_to<byte_view> Bytes>
  constexpr text_or_bytes(const Bytes& bytes) : byte_view(bytes) {}
  /// The bytes of a text, which must outlive this.
  template <std::convertible_to<std::string_view> Text>
  text_or_bytes(const Text& text) : byte_view(as_bytes(std::string_view{text})) {}
  text_or_bytes(std::nullptr_t) = delete;
};

/// A header of a record, as views on the batch or on the program's memory.
struct header_view {
  /// The header's name.
  std::string_view key;
  /// Nothing is Kafka's null.
  std::optional<text_or_bytes> value;

  /// The value as text; empty for null.
  [[nodiscard]] std::string_view text() const {
    return value ? as_text(*value) : std::string_view{};
  }
};

/// The headers of a record, decoded one by one while they are walked; keys may repeat.
///
/// Allocates nothing and is valid as long as the batch's bytes are.
class header_range {
public:
  /// Decodes one header after the other.
  class iterator {
  public:
    using value_type = header_view;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;
    using iterator_concept = std::forward_iterator_tag;

    iterator() : in_(byte_view{}) {}
    /// `bytes` hold `count` headers.
    iterator(byte_view bytes, std::int32_t count) : in_(bytes), left_(count) { read(); }

    const header_view& operator*() const { return current_; }
    const header_view* operator->() const { return &current_; }
    iterator& operator++() {
      --left_;
      read();
      return *this;
    }
    iterator operator++(int) {
      auto before = *this;
      ++*this;
      return before;
    }
    /// Compares iterators on the same record.
    friend bool operator==(const iterator& a, const iterator& b) {
      return a.left_ == b.left_;
    }

  private:
    void read();

    reader in_;
    std::int32_t left_ = 0;
    header_view current_;
  };

  header_range() = default;
  /// `bytes` hold `count` headers, checked when the record was read.
  header_range(byte_view bytes, std::int32_t count) : bytes_(bytes), count_(count) {}

  [[nodiscard]] iterator begin() const { return {bytes_, count_}; }
  [[nodiscard]] iterator end() const { return {}; }
  /// How many headers there are.
  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(count_); }
  [[nodiscard]] bool empty() const { return count_ == 0; }
  /// The headers as they stand in the batch.
  [[nodiscard]] byte_view bytes() const { return bytes_; }

private:
  byte_view bytes_;
  std::int32_t count_ = 0;
};

struct record;

/// A record, as a view on the batch it came in.
struct record_view {
  /// The record's place in its partition's log.
  log_offset offset = -1;
  /// The record's time; see `time_type`.
  timestamp time = no_timestamp;
  /// Whose clock `time` is from.
  timestamp_type time_type = timestamp_type::none;
  /// The key; nothing is Kafka's null: no key.
  std::optional<byte_view> key;
  /// The value; nothing is Kafka's null: in a compacted topic, a tombstone.
  std::optional<byte_view> value;
  /// The headers, in order.
  header_range headers;

  /// The value as text; empty for null, which `value` distinguishes from an empty one. It
  /// is not checked to be UTF-8, and is valid as long as the batch's bytes are.
  [[nodiscard]] std::string_view text() const {
    return value ? as_text(*value) : std::string_view{};
  }
  /// The key as text, likewise.
  [[nodiscard]] std::string_view key_text() const {
    return key ? as_text(*key) : std::string_view{};
  }

  /// `to_record`: a copy that owns its bytes.
  [[nodiscard]] record copy() const;
};

/// A record that owns its bytes: what a producer is given, and a copy of what a consumer
/// was handed.
struct record {
  /// A header's name, and its value or null.
  using header = std::pair<std::string, std::optional<std::string>>;

  /// Nothing is Kafka's null: no key.
  std::optional<std::string> key = {};
  /// Nothing is Kafka's null: in a compacted topic, a tombstone.
  std::optional<std::string> value = {};
  /// In order; keys may repeat, values may be null.
  std::vector<header> headers = {};
  /// Without one, a producer takes the present.
  std::optional<timestamp> time = {};

  /// The value as text; empty for null, which `value` distinguishes from an empty one.
  [[nodiscard]] std::string_view text() const {
    return value ? std::string_view{*value} : std::string_view{};
  }
  /// The key as text, likewise.
  [[nodiscard]] std::string_view key_text() const {
    return key ? std::string_view{*key} : std::string_view{};
  }

  friend bool operator==(const record&, const record&) = default;

  template <class Inspector>
  friend bool inspect(Inspector& f, record& x) {
    const auto get_time = [&x] {
      return x.time ? std::optional{std::int64_t{x.time->time_since_epoch().count()}}
                    : std::nullopt;
    };
    const auto set_time = [&x](std::optional<std::int64_t> milliseconds) {
      x.time.reset();
      if (milliseconds)
        x.time = timestamp{std::chrono::milliseconds{*milliseconds}};
      return true;
    };
    return f.object(x).fields(f.field("key", x.key), f.field("value", x.value),
      f.field("headers", x.headers), f.field("time", get_time, set_time));
  }
};

/// A copy that owns its bytes; the offset is left behind, a missing time stays missing.
[[nodiscard]] record to_record(const record_view& from);

/// What a record of a control batch says; unknown numbers are kept. Source: Kafka's
/// `ControlRecordType`.
enum class control_type : std::int16_t {
  abort = 0,
  commit = 1,
  leader_change = 2,
  snapshot_header = 3,
  snapshot_footer = 4,
  kraft_version = 5,
  kraft_voters = 6,
};

/// A record of a control batch, which is for the client and never for its user.
struct control_marker {
  /// What it marks.
  control_type type = control_type::abort;
  /// The coordinator's epoch; of `abort` and `commit` only, else -1.
  std::int32_t coordinator_epoch = -1;

  friend bool operator==(const control_marker&, const control_marker&) = default;
};

/// Reads a record of a control batch. Errors: `invalid_record`. Source: KIP-98.
[[nodiscard]] result<control_marker> control_marker_of(const record_view& from);

} // namespace cafka::protocol
