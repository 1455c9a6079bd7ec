#pragma once

// What CAF calls inspection: how a type is written for another node, and read there.
// Nothing here needs CAF: any class with its interface of an inspector will do.

#include <string>
#include <type_traits>

/// CAFKA_INSPECT(type, member...): inspects a struct by its members, all of them, in the
/// namespace of the struct. A member that is left out does not compile: the structured
/// binding needs as many names as there are members.
#define CAFKA_INSPECT(type, ...)                                                         \
  template <class Inspector>                                                             \
  bool inspect(Inspector& inspector_, type& object_) {                                   \
    { [[maybe_unused]] auto& [__VA_ARGS__] = object_; }                                  \
    return inspector_.object(object_).fields(CAFKA_FIELDS(__VA_ARGS__));                 \
  }

/// CAFKA_INSPECT_EMPTY(type): inspects a struct that has no members.
#define CAFKA_INSPECT_EMPTY(type)                                                        \
  template <class Inspector>                                                             \
  bool inspect(Inspector& inspector_, type& object_) {                                   \
    static_assert(std::is_empty_v<type>);                                                \
    return inspector_.object(object_).fields();                                          \
  }

/// CAFKA_INSPECT_ENUM(type, first, last): inspects an enumeration whose values are
/// everything from `first` to `last`; see `inspect_enum`.
#define CAFKA_INSPECT_ENUM(type, first, last)                                            \
  template <class Inspector>                                                             \
  bool inspect(Inspector& inspector_, type& value_) {                                    \
    return ::cafka::inspect_enum(inspector_, value_, type::first, type::last);           \
  }

// Up to 256 members, by repeated expansion.
#define CAFKA_EXPAND(...)                                                                \
  CAFKA_EXPAND3(CAFKA_EXPAND3(CAFKA_EXPAND3(CAFKA_EXPAND3(__VA_ARGS__))))
#define CAFKA_EXPAND3(...)                                                               \
  CAFKA_EXPAND2(CAFKA_EXPAND2(CAFKA_EXPAND2(CAFKA_EXPAND2(__VA_ARGS__))))
#define CAFKA_EXPAND2(...)                                                               \
  CAFKA_EXPAND1(CAFKA_EXPAND1(CAFKA_EXPAND1(CAFKA_EXPAND1(__VA_ARGS__))))
#define CAFKA_EXPAND1(...) __VA_ARGS__
#define CAFKA_PARENTHESES ()
#define CAFKA_FIELDS(...) __VA_OPT__(CAFKA_EXPAND(CAFKA_FIELD(__VA_ARGS__)))
#define CAFKA_FIELD(member, ...)                                                         \
  inspector_.field(#member, object_.member)                                              \
    __VA_OPT__(, CAFKA_FIELD_AGAIN CAFKA_PARENTHESES(__VA_ARGS__))
#define CAFKA_FIELD_AGAIN() CAFKA_FIELD

namespace cafka {

/// Inspects an enumeration of consecutive values: by name, if it has a `to_string`, where
/// people read it, and by number elsewhere. What is out of range fails the inspection.
template <class Inspector, class Enum>
bool inspect_enum(Inspector& f, Enum& x, Enum first, Enum last) {
  using number = std::underlying_type_t<Enum>;
  const auto lowest = static_cast<number>(first), highest = static_cast<number>(last);
  if constexpr (requires {
                  std::string{to_string(x)};
                  f.has_human_readable_format();
                }) {
    if (f.has_human_readable_format()) {
      const auto get = [&x] { return std::string{to_string(x)}; };
      const auto set = [&](const std::string& name) {
        for (auto i = lowest; i <= highest; ++i) {
          if (name == std::string{to_string(static_cast<Enum>(i))}) {
            x = static_cast<Enum>(i);
            return true;
          }
        }
        return false;
      };
      return f.apply(get, set);
    }
  }
  const auto get = [&x] { return static_cast<number>(x); };
  const auto set = [&](number value) {
    if (value < lowest || value > highest)
      return false;
    x = static_cast<Enum>(value);
    return true;
  };
  return f.apply(get, set);
}

} // namespace cafka
