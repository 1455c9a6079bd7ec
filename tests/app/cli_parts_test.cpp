#include "temporary_file.hpp"
#include <cafka/app/cli/delimited_input.hpp>
#include <cafka/app/cli/position.hpp>
#include <cafka/app/cli/progress.hpp>
#include <cafka/app/cli/record_format.hpp>
#include <cafka/app/cli/text.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <array>
#include <fcntl.h>
#include <unistd.h>

using namespace cafka;
using namespace cafka::cli;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {

std::string formatted(const std::string& format, const protocol::record_view& record) {
  auto parsed = record_format::parse(format);
  REQUIRE(parsed);
  std::string result;
  parsed->append(result, "orders", 3, record);
  return result;
}

protocol::record_view some_record() {
  protocol::record_view result;
  result.offset = 42;
  result.time = timestamp{1'700'000'000'000ms};
  result.key = protocol::as_bytes("key");
  result.value = protocol::as_bytes("value");
  return result;
}

/// Both ends of a pipe.
struct pipe_ends {
  std::array<int, 2> fds{};

  pipe_ends() { REQUIRE(::pipe2(fds.data(), O_CLOEXEC) == 0); }
  pipe_ends(const pipe_ends&) = delete;
  pipe_ends& operator=(const pipe_ends&) = delete;
  ~pipe_ends() {
    ::close(fds[0]);
    end();
  }

  void write(const std::string& text) {
    REQUIRE(
      ::write(fds[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  }
  void end() {
    if (fds[1] >= 0)
      ::close(fds[1]);
    fds[1] = -1;
  }
};

std::optional<std::string> piece(delimited_input& in) {
  const auto next = in.next();
  REQUIRE(next);
  return *next ? std::optional{std::string{**next}} : std::nullopt;
}

} // namespace

TEST_CASE("a format prints what each of its letters says") {
  const auto record = some_record();
  CHECK(formatted("%t/%p@%o %T %k=%s", record) == "orders/3@42 1700000000000 key=value");
  CHECK(formatted("%K %S", record) == "3 5");
  CHECK(formatted("100%%%s", record) == "100%value");
  CHECK(formatted("%R", record) == std::string("\0\0\0\5", 4));
  CHECK(formatted("\\x41\\x7\\t\\r\\n\\\\", record) == "A\a\t\r\n\\");
  CHECK(formatted("", record).empty());
}

TEST_CASE("a format tells null from empty by its length") {
  auto record = some_record();
  record.key.reset();
  record.value.reset();
  CHECK(formatted("[%k|%K|%s|%S]", record) == "[|-1||-1]");
  CHECK(formatted("%R", record) == "\xff\xff\xff\xff");
  record.value = protocol::as_bytes("");
  CHECK(formatted("%s|%S", record) == "|0");
  auto parsed = record_format::parse("%k|%s");
  REQUIRE(parsed);
  parsed->name_nulls(true);
  std::string text;
  parsed->append(text, "orders", 0, record);
  CHECK(text == "NULL|");
}

TEST_CASE("a wrong format is told with its place") {
  struct wrong {
    std::string format;
    std::string says;
  };
  const auto w = GENERATE(wrong{"%s %q", "character 4"}, wrong{"%", "character 1"},
    wrong{"%s\\", "from character 3 on, character 1"},
    wrong{"ab\\q", "from character 1 on, character 3"},
    wrong{"\\xzz", "from character 1 on, character 1"});
  const auto parsed = record_format::parse(w.format);
  REQUIRE_FALSE(parsed);
  CHECK(parsed.error().code == error_code::invalid_argument);
  CHECK_THAT(parsed.error().detail,
    ContainsSubstring(w.says) && ContainsSubstring('"' + w.format + '"'));
}

TEST_CASE("pieces end at their delimiter, wherever reads end") {
  pipe_ends p;
  delimited_input in{p.fds[0], "--"};
  p.write("a--b-");
  CHECK(piece(in) == "a");
  CHECK_FALSE(in.ready());
  p.write("-c---d");
  CHECK(in.ready());
  CHECK(piece(in) == "b");
  CHECK(piece(in) == "c");
  CHECK_FALSE(in.ready());
  p.end();
  CHECK(in.ready());
  CHECK(piece(in) == "-d");
  CHECK(piece(in) == std::nullopt);
  CHECK(piece(in) == std::nullopt);
}

TEST_CASE("empty pieces are pieces, and an empty rest is none") {
  pipe_ends p;
  delimited_input in{p.fds[0], "\n"};
  p.write("\n\nx\n");
  p.end();
  CHECK(piece(in) == "");
  CHECK(piece(in) == "");
  CHECK(piece(in) == "x");
  CHECK(piece(in) == std::nullopt);
}

TEST_CASE("a piece larger than any buffer comes whole") {
  const std::string large(3'000'000, 'x');
  const temporary_file file{large + "\nsmall"};
  const auto fd = ::open(file.path().c_str(), O_RDONLY | O_CLOEXEC);
  REQUIRE(fd >= 0);
  delimited_input in{fd, "\n"};
  CHECK(piece(in) == large);
  CHECK(piece(in) == "small");
  CHECK(piece(in) == std::nullopt);
  ::close(fd);
}

TEST_CASE("what cannot be read is an error with the system's words") {
  const auto directory = ::open("/", O_RDONLY | O_CLOEXEC);
  REQUIRE(directory >= 0);
  delimited_input in{directory, "\n"};
  const auto next = in.next();
  ::close(directory);
  REQUIRE_FALSE(next);
  CHECK_THAT(next.error().detail, ContainsSubstring("directory"));
}

TEST_CASE("progress of a known length has a bar, a percentage and the time left") {
  work_done work{1'000, 25'000'000, 100'000'000, 5'000ms};
  const auto line = progress_line(work, 100);
  CHECK(line
    == "[#######                       ]  25%  25.0 MB  1000 records  5.0 MB/s  0:15 "
       "left");
  // What does not fit goes: first the bar, then the rest from its end.
  CHECK_THAT(
    progress_line(work, 60), ContainsSubstring("] ") && ContainsSubstring("0:15"));
  CHECK(progress_line(work, 50) == " 25%  25.0 MB  1000 records  5.0 MB/s  0:15 left");
  CHECK(progress_line(work, 4) == " 25%");
  work.bytes = 200'000'000; // The file grew.
  CHECK_THAT(progress_line(work, 100), ContainsSubstring("] 100%"));
  CHECK_THAT(progress_line({0, 0, 0, 0ms}, 100), ContainsSubstring("  0%"));
}

TEST_CASE("progress of an unknown length has counts and rates") {
  CHECK(progress_line({12, 999, {}, 1'000ms}, 80) == "999 B  12 records  999 B/s");
  CHECK(progress_line({1, 1'500, {}, 500ms}, 80) == "1.5 kB  1 records  3.0 kB/s");
}

TEST_CASE("a time is a number, a date, or how long ago it was") {
  const timestamp now{milliseconds{1'700'000'000'000}};
  CHECK(parse_time("0", now) == timestamp{});
  CHECK(parse_time("1970-01-01T00:00:01.5Z", now) == timestamp{1'500ms});
  CHECK(parse_time("-250ms", now) == now - 250ms);
  CHECK(parse_time("-90s", now) == now - 90s);
  CHECK(parse_time("-5min", now) == now - 5min);
  CHECK(parse_time("-1h", now) == now - 1h);
  CHECK(parse_time("-2d", now) == now - 48h);
  for (const auto* wrong : {"-1", "-h", "-1w", "--1h", "-1.5h", "1h", "-", "",
         "-99999999999999999d", "-9223372036854775807h"})
    CHECK_FALSE(parse_time(wrong, now));
}

TEST_CASE("a position is named in the same words everywhere") {
  const timestamp now{milliseconds{1'700'000'000'000}};
  const auto moment = [&](const char* text) {
    const auto read = parse_position(text, now);
    REQUIRE(read);
    const auto at = std::get<protocol::start_at>(*read);
    CHECK(at.is_moment());
    return at.value();
  };
  CHECK(moment("beginning") == -2);
  CHECK(moment("earliest") == -2);
  CHECK(moment("end") == -1);
  CHECK(moment("latest") == -1);
  CHECK(moment("max-timestamp") == -3);
  CHECK(moment("@-1h") == 1'699'996'400'000);
  CHECK(moment("-1h") == 1'699'996'400'000);
  CHECK(moment("@1500") == 1'500);
  CHECK(moment("@1970-01-01T00:00:02Z") == 2'000);
  CHECK(moment("1970-01-01T00:00:02Z") == 2'000);
  CHECK(std::get<protocol::start_at>(*parse_position("42", now))
    == protocol::start_at::offset(42));
  CHECK(std::get<before_end>(*parse_position("-10", now)).count == 10);
  CHECK(std::get<before_end>(*parse_position("-0", now)).count == 0);
  for (const auto* wrong : {"", "@", "middle", "@soon", "--5", "@@5", "stored", "-0x1"})
    CHECK_FALSE(parse_position(wrong, now));
}
