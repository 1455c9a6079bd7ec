#include "cli_program.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <poll.h>
#include <spawn.h>
#include <sstream>
#include <sys/wait.h>
#include <unistd.h>

namespace {

constexpr int timeout_ms = 90'000;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> result;
  std::istringstream in{text};
  for (std::string line; std::getline(in, line);)
    result.push_back(line);
  return result;
}

std::vector<char*> pointers_to(std::vector<std::string>& all) {
  std::vector<char*> result;
  for (auto& one : all)
    result.push_back(one.data());
  result.push_back(nullptr);
  return result;
}

/// Starts a program with these as its standard input, output and error.
pid_t spawn(const std::string& program, std::vector<std::string> args,
  const std::array<int, 3>& streams, const variables& given = {}) {
  args.insert(args.begin(), program);
  // Of two with one name the first counts.
  auto environment = given;
  environment.emplace_back("HOME=/no/such/home");
  if (const auto* path = std::getenv("PATH"))
    environment.push_back(std::string{"PATH="} + path);
  const auto argv = pointers_to(args);
  const auto envp = pointers_to(environment);
  posix_spawn_file_actions_t files;
  REQUIRE(::posix_spawn_file_actions_init(&files) == 0);
  for (int i = 0; i != 3; ++i)
    ::posix_spawn_file_actions_adddup2(&files, streams[static_cast<std::size_t>(i)], i);
  pid_t child = 0;
  const auto spawned =
    ::posix_spawn(&child, program.c_str(), &files, nullptr, argv.data(), envp.data());
  ::posix_spawn_file_actions_destroy(&files);
  REQUIRE(spawned == 0);
  return child;
}

int end_of(pid_t child) {
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void close_once(int& fd) {
  if (fd >= 0)
    ::close(fd);
  fd = -1;
}

} // namespace

std::vector<std::string> program_run::lines() const {
  return lines_of(out);
}

program_run run_program(const std::string& program, std::vector<std::string> args,
  const std::string& input, const variables& environment) {
  const temporary_file in{input};
  const temporary_file out;
  const temporary_file err;
  std::array<int, 3> streams{::open(in.path().c_str(), O_RDONLY | O_CLOEXEC),
    ::open(out.path().c_str(), O_WRONLY | O_CLOEXEC),
    ::open(err.path().c_str(), O_WRONLY | O_CLOEXEC)};
  REQUIRE(std::ranges::none_of(streams, [](int fd) { return fd < 0; }));
  const auto child = spawn(program, std::move(args), streams, environment);
  std::ranges::for_each(streams, close_once);
  const auto code = end_of(child);
  return {code, out.content(), err.content()};
}

program_run run_cafka(
  std::vector<std::string> args, const std::string& input, const variables& environment) {
  return run_program(CAFKA_CLI, std::move(args), input, environment);
}

program_run run_cafka_unread(std::vector<std::string> args, const std::string& input) {
  const temporary_file in{input};
  const temporary_file err;
  std::array<int, 2> out{};
  REQUIRE(::pipe2(out.data(), O_CLOEXEC) == 0);
  close_once(out[0]);
  std::array<int, 3> streams{::open(in.path().c_str(), O_RDONLY | O_CLOEXEC), out[1],
    ::open(err.path().c_str(), O_WRONLY | O_CLOEXEC)};
  REQUIRE(std::ranges::none_of(streams, [](int fd) { return fd < 0; }));
  const auto child = spawn(CAFKA_CLI, std::move(args), streams);
  std::ranges::for_each(streams, close_once);
  const auto code = end_of(child);
  return {code, {}, err.content()};
}

running_cafka::running_cafka(std::vector<std::string> args) {
  std::array<int, 2> in{};
  std::array<int, 2> out{};
  REQUIRE(::pipe2(in.data(), O_CLOEXEC) == 0);
  REQUIRE(::pipe2(out.data(), O_CLOEXEC) == 0);
  terminal_ = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  REQUIRE(terminal_ >= 0);
  REQUIRE((::grantpt(terminal_) == 0 && ::unlockpt(terminal_) == 0));
  auto err = ::open(::ptsname(terminal_), O_RDWR | O_NOCTTY | O_CLOEXEC);
  REQUIRE(err >= 0);
  child_ = spawn(CAFKA_CLI, std::move(args), {in[0], out[1], err});
  close_once(in[0]);
  close_once(out[1]);
  close_once(err);
  in_ = in[1];
  out_ = out[0];
}

running_cafka::~running_cafka() {
  if (child_ > 0) {
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
  }
  close_once(in_);
  close_once(out_);
  close_once(terminal_);
}

void running_cafka::write(const std::string& input) {
  REQUIRE(::write(in_, input.data(), input.size()) == static_cast<ssize_t>(input.size()));
}

void running_cafka::close_input() {
  close_once(in_);
}

void running_cafka::close_output() {
  close_once(out_);
}

void running_cafka::read_more(int fd, std::string& to) {
  pollfd one{fd, POLLIN, 0};
  INFO("printed: " << printed_ << "\nerrors: " << errors_);
  REQUIRE(::poll(&one, 1, timeout_ms) == 1);
  std::array<char, 4'096> buffer{};
  const auto got = ::read(fd, buffer.data(), buffer.size());
  // A terminal that nobody writes to any more is an error.
  REQUIRE(got > 0);
  to.append(buffer.data(), static_cast<std::size_t>(got));
}

std::vector<std::string> running_cafka::read_lines(std::size_t count) {
  while (static_cast<std::size_t>(std::ranges::count(printed_, '\n')) < count)
    read_more(out_, printed_);
  return lines_of(printed_);
}

std::string running_cafka::read_errors(const std::string& until) {
  while (errors_.find(until) == std::string::npos)
    read_more(terminal_, errors_);
  return errors_;
}

void running_cafka::signal(int number) const {
  REQUIRE(::kill(child_, number) == 0);
}

std::size_t running_cafka::threads() const {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& thread :
    std::filesystem::directory_iterator{"/proc/" + std::to_string(child_) + "/task"})
    ++count;
  return count;
}

program_run running_cafka::wait() {
  close_input();
  std::array<pollfd, 2> all{pollfd{out_, POLLIN, 0}, pollfd{terminal_, POLLIN, 0}};
  std::array<char, 4'096> buffer{};
  // Both ends come when the program has.
  while (all[0].fd >= 0 || all[1].fd >= 0) {
    INFO("printed: " << printed_ << "\nerrors: " << errors_);
    REQUIRE(::poll(all.data(), all.size(), timeout_ms) > 0);
    for (auto& one : all) {
      if (one.fd < 0 || one.revents == 0)
        continue;
      const auto got = ::read(one.fd, buffer.data(), buffer.size());
      if (got > 0)
        (one.fd == out_ ? printed_ : errors_)
          .append(buffer.data(), static_cast<std::size_t>(got));
      else
        one.fd = -1;
    }
  }
  const auto code = end_of(child_);
  child_ = -1;
  return {code, printed_, errors_};
}
