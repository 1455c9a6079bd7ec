#include <cafka/protocol/names.hpp>
#include <cafka/protocol/text.hpp>

#include <catch2/catch_test_macros.hpp>

using namespace cafka::protocol;

TEST_CASE("a topic's name has 1 to 255 bytes of UTF-8", "[names]") {
  CHECK(check_topic_name("t").code == error_code::none);
  CHECK(check_topic_name(std::string(255, 'x')).code == error_code::none);
  // What other brokers than Kafka's may have is for them to refuse.
  CHECK(
    check_topic_name("persistent://public/default/t\xc3\xa4").code == error_code::none);
  CHECK(
    check_topic_name("") == error{error_code::invalid_argument, "the topic has no name"});
  CHECK(check_topic_name("a\xff")
    == error{error_code::invalid_argument, "topic \"a\xef\xbf\xbd\" is not UTF-8"});
  const auto long_one = check_topic_name(std::string(40'000, 'x'));
  CHECK(long_one.code == error_code::invalid_argument);
  CHECK(long_one.detail
    == "topic \"" + std::string(60, 'x')
      + "... (40000 bytes)\" is too long, at most 255 bytes can be sent");
}

TEST_CASE("a name in a request has at most 32767 bytes of UTF-8", "[names]") {
  CHECK(check_name("group", "").code == error_code::none);
  CHECK(check_name("group", std::string(32'767, 'x')).code == error_code::none);
  CHECK(
    check_name("group", std::string(32'768, 'x')).code == error_code::invalid_argument);
  CHECK(check_name("group", "\xed\xa0\x80").code == error_code::invalid_argument);
}

TEST_CASE("another's words are shown without what a terminal obeys", "[names]") {
  CHECK(shown("plain text, \xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80")
    == "plain text, \xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
  CHECK(shown("a\nb\tc\r") == "a b c ");
  const std::string r = "\xef\xbf\xbd";
  CHECK(shown("\x1b[2J") == r + "[2J");
  CHECK(shown({"\0", 1}) == r);
  CHECK(shown("\x7f") == r);
  CHECK(shown("\xc2\x9b"
              "31m")
    == r + "31m"); // C1: CSI
  CHECK(shown("\xe2\x80\xae"
              "abc")
    == r + "abc"); // U+202E
  CHECK(shown("\xe2\x81\xa6"
              "abc")
    == r + "abc");                   // U+2066
  CHECK(shown("\xe2\x80\xa8") == r); // U+2028
  CHECK(shown("\xd8\x9c") == r);     // U+061C
  CHECK(shown("\xff\xe2\x82") == r + r + r);
  CHECK(shown("\xe2\x80\x99") == "\xe2\x80\x99"); // An apostrophe.
}

TEST_CASE("another's words are cut between two characters", "[names]") {
  CHECK(shown("abcdef", 6) == "abcdef");
  CHECK(shown("abcdef", 5) == "abcde... (6 bytes)");
  CHECK(shown("abcd\xc3\xa4", 5) == "abcd... (6 bytes)");
  const auto cut = shown(std::string(11'000'000, 'x'));
  CHECK(cut.size() < 540);
  CHECK(cut.ends_with("... (11000000 bytes)"));
}

TEST_CASE("what may be shown is shown as it is", "[names]") {
  for (const std::string text : {"", "abc", "\xc3\xa4", "a\tb", "\xc2\x80", "\xff"}) {
    INFO(text);
    CHECK(may_be_shown(text) == (shown(text) == text));
  }
  CHECK_FALSE(may_be_shown("abcdef", 5));
}
