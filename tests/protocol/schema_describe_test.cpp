#include <cafka/protocol/schema/describe.hpp>

#include <catch2/catch_test_macros.hpp>

using namespace cafka::protocol;

// What Kafka's schemas may contain and none of today's messages does.
namespace cafka::protocol {

struct odd_part {
  std::int32_t number = 0;
  std::string remark;

  friend bool operator==(const odd_part&, const odd_part&) = default;
};

template <class F, class M>
  requires of<M, odd_part>
void describe(F& f, M& m) {
  f.field("Number", m.number, since(0));
  f.field("Remark", m.remark, since(1), tagged(0));
}

struct odd_message {
  static constexpr std::string_view name = "OddMessage";
  static constexpr api_key key = api_key::produce;
  static constexpr version_range versions{0, 2};
  static constexpr std::int16_t flexible_since = 1;

  std::optional<odd_part> part = odd_part{};
  double ratio = 0;
  std::uint16_t small = 0;
  std::uint32_t wide = 0;
  std::optional<shared_bytes> blob;
  std::vector<uuid> ids;
  std::optional<odd_part> tagged_part;
  std::string tagged_text;
  std::optional<std::vector<std::string>> tagged_list;

  friend bool operator==(const odd_message&, const odd_message&) = default;
};

template <class F, class M>
  requires of<M, odd_message>
void describe(F& f, M& m) {
  f.field("Part", m.part, since(0), null_since(1));
  f.field("Ratio", m.ratio, since(0));
  f.field("Small", m.small, since(0));
  f.field("Wide", m.wide, between(0, 1));
  f.field("Blob", m.blob, since(0), null_since(0), def(nullptr));
  f.field("Ids", m.ids, since(0));
  f.field("TaggedPart", m.tagged_part, since(1), null_since(1), def(nullptr), tagged(5));
  f.field("TaggedText", m.tagged_text, since(1), tagged(1));
  f.field("TaggedList", m.tagged_list, since(2), null_since(2), def(nullptr), tagged(3));
}

CAFKA_COMPILE_MESSAGE(odd_message);

} // namespace cafka::protocol

namespace {

shared_bytes encoded(const odd_message& message, std::int16_t version) {
  writer out;
  encode(out, message, version);
  REQUIRE(out.error().empty());
  return shared_bytes::from(out.bytes());
}

std::string hex(const shared_bytes& bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const auto b : bytes.view()) {
    text += digits[std::to_integer<unsigned>(b) >> 4];
    text += digits[std::to_integer<unsigned>(b) & 0x0F];
  }
  return text;
}

} // namespace

TEST_CASE(
  "a nullable struct carries a marker where it may be null, none where it may not") {
  odd_message message;
  message.part->number = 9;
  const std::string rest = "0000000000000000" // ratio
                           "0000";
  CHECK(hex(encoded(message, 0))
    == "00000009" + rest
      + "00000000"
        "ffffffff"
        "00000000");
  CHECK(hex(encoded(message, 2))
    == "01"
       "00000009"
       "00"
      + rest
      + "00"
        "01"
        "00");
  message.part.reset();
  CHECK(hex(encoded(message, 2))
    == "ff" + rest
      + "00"
        "01"
        "00");
  writer out;
  encode(out, message, 0);
  CHECK(out.error() == "Part must not be null in version 0");
}

TEST_CASE("a marker of a nullable struct other than 1 and -1 is refused") {
  auto bytes = std::vector<std::byte>(40);
  reader in{byte_view{bytes}};
  odd_message message;
  CHECK(decode(in, message, 2) == "Part");
  CHECK(in.error() == wire_error::bad_value);
}

TEST_CASE("tagged fields are written by ascending tag, however they are described") {
  odd_message message;
  message.part.reset();
  message.tagged_part = odd_part{1, "x"};
  message.tagged_text = "y";
  message.tagged_list = std::vector<std::string>{"z"};
  const auto bytes = encoded(message, 2);
  CHECK(hex(bytes)
    == "ff"
       "0000000000000000"
       "0000"
       "00"
       "01"
       "03"
       "0102"
       "0279"
       "0303"
       "02027a"
       "050a"
       "01"
       "00000001"
       "01"
       "0002"
       "0278");
  reader in{bytes};
  odd_message again;
  CHECK(decode(in, again, 2).empty());
  CHECK(in.ok());
  CHECK(again == message);
}

TEST_CASE("arbitrary messages with every kind of field survive the round trip") {
  random_source source{4};
  for (int i = 0; i < 300; ++i) {
    const auto version = static_cast<std::int16_t>(i % 3);
    const auto message = random_message<odd_message>(source, version);
    reader in{encoded(message, version)};
    odd_message again;
    decode(in, again, version);
    REQUIRE(in.ok());
    REQUIRE(in.remaining() == 0);
    REQUIRE(again == message);
  }
}

TEST_CASE("the dump of a description names every property") {
  const auto dump = schema_dump<odd_message>();
  CHECK(dump.starts_with("OddMessage\t0\t\t-\n"
                         "OddMessage\t0\tPart\tpresent\tstruct\t-\tempty\t-\t-\n"
                         "OddMessage\t0\tPart.Number\tpresent\tint32\t-\t0\t-\t-\n"
                         "OddMessage\t0\tPart.Remark\tabsent\tstring\t-\tempty\t0\t-\n"));
  CHECK(dump.find("OddMessage\t1\t\tflexible\n") != std::string::npos);
  CHECK(dump.find("OddMessage\t2\tTaggedList\tpresent\t[]string\tnullable\tnull\t3\t-\n")
    != std::string::npos);
  CHECK(
    dump.find("OddMessage\t2\tWide\tabsent\tuint32\t-\t0\t-\t-\n") != std::string::npos);
}
