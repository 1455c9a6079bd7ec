#pragma once

// How a setting is described. Each has one row: its key, its member, what is allowed, and
// what it means. Reading a configuration file, checking a program's options and printing
// the documentation are visitors of the rows, so that none of them can know a setting
// that the others do not.
//
// A struct's rows are a function `each_setting(options, visitor)` beside the struct. It
// calls `visitor(key, member, kind, about)` for each member, where `kind` is one of the
// types below. The defaults are those of the struct: for one, ask an object that was
// made without arguments.

#include "result.hpp"

#include <array>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

/// A member's name as its key, and the member: the first two arguments of a visitor.
#define CAFKA_SETTING(member) #member, member

namespace cafka::row {

/// What a row says beside key and kind.
struct about {
  /// What the setting does, and what zero or nothing means; sentences, as documentation
  /// and the example of all settings print them.
  std::string_view says;
  /// KafkaEx's name, which a configuration file may use in its place.
  std::string_view alias = {};
  /// The flag of the command line; empty: `-X key=value` alone.
  std::string_view flag = {};
  /// Whether texts use the key as a word of everyday language, too.
  bool everyday = false;
};

/// A whole number, or nothing where the member may be empty.
struct whole {
  std::int64_t min = 0;
  std::int64_t max = std::numeric_limits<std::int64_t>::max();
  /// What is counted, such as `bytes`.
  std::string_view of = {};
};

/// A duration in whole milliseconds or seconds, whichever its member counts.
struct period {
  std::chrono::milliseconds min{0};
  std::chrono::milliseconds max = std::chrono::milliseconds::max();
};

/// The longest time that Kafka's protocol can express.
inline constexpr std::chrono::milliseconds longest_time{
  std::numeric_limits<std::int32_t>::max()};

struct yes_no {};

/// A text; `empty` is what the empty one means, where it is allowed.
struct text {
  std::string_view empty = {};
};

/// A text that is never shown.
struct hidden_text {};

/// A word and its value.
template <class Value>
struct word {
  std::string_view name;
  Value value;
  /// The flag of the command line that stands for it.
  std::string_view flag = {};
};

/// One of a few words.
template <class Value>
struct choice {
  std::span<const word<Value>> words;
};

template <class Value, std::size_t N>
choice(const std::array<word<Value>, N>&) -> choice<Value>;

/// Texts.
struct names {};

/// SASL mechanisms.
struct mechanisms {};

/// Endpoints.
struct addresses {};

/// The name of a consumer group, or none.
struct group {};

/// A release of Kafka, or `ask`.
struct release {};

/// Levels of the log by component.
struct levels {};

/// Settings within this one.
struct block {};

/// Blocks of settings by names that the program chooses.
struct named_blocks {};

/// What only a program can set: a function, an actor, an object. `shape`: which of them.
struct of_code {
  std::string_view shape;
};

/// The options themselves, as they are or not to be changed.
template <class T, class Options>
concept options_of = std::same_as<std::remove_const_t<T>, Options>;

// -- words ------------------------------------------------------------------------------

/// What is allowed, as errors say it behind "must be".
[[nodiscard]] std::string range(const whole& w);
[[nodiscard]] std::string range(const period& p);
[[nodiscard]] protocol::error refused(
  std::string_view key, const std::string& value, const std::string& must);

template <class Value>
std::string range(const choice<Value>& c) {
  std::string all;
  for (const auto& w : c.words)
    all += (all.empty() ? "\"" : ", \"") + std::string{w.name} + '"';
  return "one of " + all;
}

/// The word for a value; empty: there is none.
template <class Value, class Member>
std::string_view name_of(const choice<Value>& c, const Member& member) {
  for (const auto& w : c.words) {
    if constexpr (std::equality_comparable_with<Member, Value>) {
      if (member == w.value)
        return w.name;
    } else if (const auto* known = member.template target<Value>()) {
      if (*known == w.value)
        return w.name;
    }
  }
  return {};
}

// -- checking ---------------------------------------------------------------------------

/// A visitor that looks whether values are within their ranges, and keeps the first that
/// is not: `key = value: must be ...`.
class check {
public:
  [[nodiscard]] const protocol::error& outcome() const { return wrong_; }

  template <class Member, class Kind>
  void operator()(
    std::string_view key, const Member& member, const Kind& kind, const about&) {
    if (!wrong_)
      look_at(key, member, kind);
  }

private:
  template <class Member, class Kind>
  void look_at(std::string_view, const Member&, const Kind&) {}

  template <std::integral Number>
  void look_at(std::string_view key, const Number& n, const whole& w) {
    if (!std::in_range<std::int64_t>(n) || static_cast<std::int64_t>(n) < w.min
      || static_cast<std::int64_t>(n) > w.max)
      wrong_ = refused(key, std::to_string(n), range(w));
  }

  template <std::integral Number>
  void look_at(std::string_view key, const std::optional<Number>& n, const whole& w) {
    if (n)
      look_at(key, *n, w);
  }

  template <class Rep, class Period>
  void look_at(
    std::string_view key, const std::chrono::duration<Rep, Period>& d, const period& p) {
    // What is too long for milliseconds must not come out as less.
    using own = std::chrono::duration<Rep, Period>;
    if (d >= std::chrono::ceil<own>(p.min)
      && (p.max == std::chrono::milliseconds::max()
        || d <= std::chrono::duration_cast<own>(p.max)))
      return;
    constexpr auto seconds = std::is_same_v<Period, std::ratio<1>>;
    wrong_ = refused(key, std::to_string(d.count()) + (seconds ? "s" : "ms"), range(p));
  }

  void look_at(std::string_view key, const std::string& s, const text& t) {
    if (s.empty() && t.empty.empty())
      wrong_ = refused(key, "\"\"", "a text that is not empty");
  }

  template <class Enum, class Value>
    requires std::is_enum_v<Enum> || std::integral<Enum>
  void look_at(std::string_view key, const Enum& e, const choice<Value>& c) {
    if (name_of(c, e).empty())
      wrong_ = refused(key, std::to_string(static_cast<std::int64_t>(e)), range(c));
  }

  protocol::error wrong_;
};

/// What is wrong with options, by their rows.
template <class Options>
[[nodiscard]] protocol::error wrong_in(const Options& options) {
  check look;
  each_setting(options, look);
  return look.outcome();
}

} // namespace cafka::row
