// What a program writes by hand: braces, numbers with a meaning, results.

#include <cafka/app/application.hpp>

#include <catch2/catch_test_macros.hpp>

#include <csignal>
#include <sstream>
#include <sys/wait.h>
#include <type_traits>
#include <unistd.h>
#include <unordered_set>

using namespace cafka;
using namespace std::chrono_literals;

namespace {

std::vector<std::string> names(const std::vector<std::string>& all) {
  return all;
}

std::string brokers(const broker_list& all) {
  const auto found = all.endpoints();
  if (!found)
    return to_string(found.error());
  std::ostringstream text;
  for (const auto& e : *found)
    text << e << ' ';
  return text.str();
}

/// What a child process says on standard error before it is aborted.
std::string last_words(void (*what)()) {
  int pipe[2];
  REQUIRE(::pipe(pipe) == 0);
  const auto child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    std::signal(SIGABRT, SIG_DFL);
    ::dup2(pipe[1], 2);
    what();
    ::_exit(0);
  }
  ::close(pipe[1]);
  std::string words;
  char buffer[256];
  for (ssize_t n = 0; (n = ::read(pipe[0], buffer, sizeof buffer)) > 0;)
    words.append(buffer, static_cast<std::size_t>(n));
  ::close(pipe[0]);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFSIGNALED(status));
  return words;
}

} // namespace

TEST_CASE("names within braces are names, with one pair of braces or two") {
  const auto both = std::vector<std::string>{"foo-x", "bar-x"};
  CHECK(names(delete_topics{.topics = {"foo-x", "bar-x"}}.topics) == both);
  CHECK(names(delete_topics{.topics = {{"foo-x", "bar-x"}}}.topics) == both);
  CHECK(names(*metadata{.topics = {{"foo-x", "bar-x"}}}.topics) == both);
  CHECK(names(*metadata{.topics = both}.topics) == both);
  CHECK(names(worker_init{.initial_topics = {"foo-x", "bar-x"}}.initial_topics) == both);
  CHECK(
    names(delete_topics{.topics = {"foo"}}.topics) == std::vector<std::string>{"foo"});
  CHECK(
    names(delete_topics{.topics = {{"foo"}}}.topics) == std::vector<std::string>{"foo"});
  const std::string text = "a";
  CHECK(names({text, std::string{"b"}}) == std::vector<std::string>{"a", "b"});
}

TEST_CASE("brokers within braces are text, endpoints, or a host and a port") {
  CHECK(brokers("h1:1,h2") == "h1:1 h2:9092 ");
  CHECK(brokers({"h1:1", "h2:2"}) == "h1:1 h2:2 ");
  CHECK(brokers(worker_init{.brokers = {{"h1:1"}}}.brokers) == "h1:1 ");
  CHECK(brokers(worker_init{.brokers = {{"h1:1", "h2:2"}}}.brokers) == "h1:1 h2:2 ");
  CHECK(brokers(worker_init{.brokers = {{"h1", 1}, {"h2", 2}}}.brokers) == "h1:1 h2:2 ");
  CHECK(brokers(worker_init{.brokers = {{"h1", 1}}}.brokers) == "h1:1 ");
  CHECK(brokers(std::vector<endpoint>{{"h1", 1}}) == "h1:1 ");
  CHECK(brokers({"h1:x"}).find("h1:x") != std::string::npos);
  CHECK(broker_list{}.empty());
  CHECK(broker_list{""}.empty());
  CHECK_FALSE(broker_list{"h1"}.empty());
}

TEST_CASE("no text is no name") {
  CHECK_FALSE(std::is_constructible_v<consumer_group_setting, std::nullptr_t>);
  CHECK_FALSE(std::is_constructible_v<broker_list, std::nullptr_t>);
  CHECK_FALSE(std::is_constructible_v<worker_ref, std::nullptr_t>);
  CHECK_FALSE(std::is_constructible_v<name_list::name, std::nullptr_t>);
}

TEST_CASE("numbers with a meaning, endpoints and errors are printed and hashed") {
  std::ostringstream text;
  text << partition_id{3} << ' ' << log_offset{-1} << ' ' << error_code::timed_out << ' '
       << error{error_code::closed, "done"} << ' ' << endpoint{"::1", 5};
  CHECK(text.str() == "3 -1 TIMED_OUT CLOSED: done [::1]:5");
  CHECK(std::unordered_set<partition_id>{1, 2, 1}.size() == 2);
  CHECK(std::unordered_set<endpoint>{{"a", 1}, {"a", 2}, {"a", 1}}.size() == 2);
  CHECK(std::unordered_set<error>{
          {error_code::closed, "a"}, {error_code::closed, "b"}, {error_code::closed, "a"}}
          .size()
    == 2);
  CHECK(std::unordered_set<error_code>{error_code::closed}.size() == 1);
}

TEST_CASE("a moment of any precision is the first whole millisecond not before it") {
  using std::chrono::sys_time;
  CHECK(offset_time{sys_time<std::chrono::nanoseconds>{1'000'001ns}}.value == 2);
  CHECK(offset_time{sys_time<std::chrono::seconds>{3s}}.value == 3'000);
  CHECK(start_at::time(sys_time<std::chrono::microseconds>{1'000us}).value() == 1);
  CHECK(offset_time{std::chrono::system_clock::now()}.value > 0);
}

TEST_CASE("a result that is an error throws its words, or ends the program with them") {
  const result<int> good = 7;
  CHECK(good.value() == 7);
  const result<int> bad = error{error_code::timed_out, "too late"};
  try {
    static_cast<void>(bad.value());
    FAIL("there is no value");
  } catch (const bad_result& e) {
    CHECK(std::string{e.what()} == "TIMED_OUT: too late");
    CHECK(e.error().code == error_code::timed_out);
  }
  const auto dereferenced = last_words([] {
    const result<int> none = error{error_code::timed_out, "too late"};
    std::exit(*none);
  });
  CHECK(dereferenced.find("TIMED_OUT: too late") != std::string::npos);
  const auto followed = last_words([] {
    const result<std::string> none = error{error_code::closed, {}};
    std::exit(static_cast<int>(none->size()));
  });
  CHECK(followed.find("CLOSED") != std::string::npos);
}
