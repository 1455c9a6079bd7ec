#include <cafka/actors/log_sink.hpp>

#include <catch2/catch_test_macros.hpp>

#include <stdexcept>
#include <vector>

using cafka::actors::log_level;
using cafka::actors::log_sink;

TEST_CASE("a line is written from the level on that its component wants") {
  std::vector<std::string> lines;
  log_sink log{[&](log_level level, std::string_view component, std::string_view name,
                 std::string_view text) {
                 lines.push_back(std::string{to_string(level)} + '|'
                   + std::string{component} + '|' + std::string{name} + '|'
                   + std::string{text});
               },
    log_level::info, {{"producer", log_level::trace}, {"stream", log_level::off}}};
  CHECK(log.level_of("worker") == log_level::info);
  CHECK(log.level_of("producer") == log_level::trace);
  for (const auto* component : {"worker", "producer", "stream"}) {
    log.write(log_level::debug, component, "n", "more");
    log.write(log_level::error, component, "n", "wrong");
  }
  log.write(log_level::off, "worker", "n", "never");
  CHECK(lines
    == std::vector<std::string>{
      "error|worker|n|wrong", "debug|producer|n|more", "error|producer|n|wrong"});
}

TEST_CASE("what a writer throws ends in the log, and is counted") {
  log_sink log{[](log_level, std::string_view, std::string_view, std::string_view text) {
                 if (text == "int")
                   throw 1;
                 throw std::runtime_error{"full"};
               },
    log_level::info, {}};
  log.write(log_level::error, "worker", "w", "int");
  log.write(log_level::error, "worker", "w", "other");
  log.write(log_level::debug, "worker", "w", "not wanted");
  CHECK(log.failures() == 2);
}

TEST_CASE("a log without a writer takes everything and does nothing") {
  log_sink log{{}, log_level::trace, {}};
  log.write(log_level::critical, "worker", "w", "text");
  CHECK(log.failures() == 0);
}
