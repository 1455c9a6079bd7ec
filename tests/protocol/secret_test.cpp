#include <cafka/protocol/secret.hpp>

#include <catch2/catch_test_macros.hpp>

#include <ostream>

using cafka::protocol::secret;
using cafka::protocol::wipe;

namespace {

template <class T>
concept streamable = requires(std::ostream& out, const T& x) {
  out << x;
};

/// An inspector as CAF's: for people, or between machines.
template <bool Loading, bool ForPeople>
struct field_of {
  static constexpr bool is_loading = Loading;
  std::string text;

  [[nodiscard]] bool has_human_readable_format() const { return ForPeople; }

  template <class Get, class Set>
  bool apply(Get get, Set set) {
    if constexpr (Loading)
      return set(text);
    text = get();
    return true;
  }
};

} // namespace

TEST_CASE("a secret is shown as redacted, and one that is empty as nothing") {
  const secret some = "sesame";
  CHECK(to_string(some) == "<redacted>");
  CHECK(to_string(secret{}).empty());
  STATIC_CHECK_FALSE(streamable<secret>);
  STATIC_CHECK_FALSE(std::is_convertible_v<secret, std::string>);
  STATIC_CHECK_FALSE(std::is_convertible_v<secret, std::string_view>);
}

TEST_CASE("a secret is for its owner what it was made of") {
  secret one = "sesame";
  const secret two = std::string{"sesame"};
  CHECK(one == two);
  CHECK(one.reveal() == "sesame");
  CHECK(one != secret{"Sesame"});
  one = two;
  CHECK(one == two);
  const auto& same = one;
  one = same;
  CHECK(one == two);
  one.clear();
  CHECK(one.empty());
  CHECK(one == secret{});
}

TEST_CASE("a secret leaves its text nowhere behind") {
  std::string text = "sesame";
  const auto* where = text.data();
  secret one{std::move(text)};
  // A short text lies within the string, which is still there.
  CHECK(std::string_view(where, 6) == std::string_view("\0\0\0\0\0\0", 6));
  const auto held = one.reveal();
  secret two = std::move(one);
  CHECK(two.reveal().data() == held.data());
  CHECK(one.empty()); // NOLINT(bugprone-use-after-move): that it is empty is promised.
  const auto before = two.reveal();
  two.clear();
  // Its capacity is kept, so that the bytes can still be looked at.
  CHECK(std::string_view(before.data(), 6) == std::string_view("\0\0\0\0\0\0", 6));
  std::string longer(100, 'x');
  const auto* far = longer.data();
  wipe(longer);
  CHECK(longer.empty());
  CHECK(std::string_view(far, 100) == std::string(100, '\0'));
}

TEST_CASE("an inspector for people sees no secret, one between machines carries it") {
  secret some = "sesame";
  field_of<false, true> printer;
  CHECK(inspect(printer, some));
  CHECK(printer.text == "<redacted>");
  field_of<false, false> writer;
  CHECK(inspect(writer, some));
  field_of<true, false> reader{writer.text};
  secret read;
  CHECK(inspect(reader, read));
  CHECK(read == some);
}
