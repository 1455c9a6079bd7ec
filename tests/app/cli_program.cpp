#include "cli_program.hpp"

#include <catch2/catch_test_macros.hpp>

#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <spawn.h>
#include <sstream>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

std::vector<std::string> program_run::lines() const {
  std::vector<std::string> result;
  std::istringstream in{out};
  for (std::string line; std::getline(in, line);)
    result.push_back(line);
  return result;
}

temporary_file::temporary_file(const std::string& content)
  : path_((std::filesystem::temp_directory_path() / "cafka-test-XXXXXX").string()) {
  const auto fd = ::mkstemp(path_.data());
  REQUIRE(fd >= 0);
  ::close(fd);
  std::ofstream{path_, std::ios::binary} << content;
}

temporary_file::~temporary_file() {
  ::unlink(path_.c_str());
}

std::string temporary_file::content() const {
  std::ostringstream all;
  all << std::ifstream{path_, std::ios::binary}.rdbuf();
  return all.str();
}

program_run run_cafka(std::vector<std::string> args, const std::string& input) {
  const temporary_file in{input};
  const temporary_file out;
  const temporary_file err;
  args.insert(args.begin(), CAFKA_CLI);
  std::vector<char*> argv;
  for (auto& arg : args)
    argv.push_back(arg.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t files;
  REQUIRE(::posix_spawn_file_actions_init(&files) == 0);
  ::posix_spawn_file_actions_addopen(
    &files, STDIN_FILENO, in.path().c_str(), O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(
    &files, STDOUT_FILENO, out.path().c_str(), O_WRONLY, 0);
  ::posix_spawn_file_actions_addopen(
    &files, STDERR_FILENO, err.path().c_str(), O_WRONLY, 0);
  pid_t child = 0;
  const auto spawned =
    ::posix_spawn(&child, CAFKA_CLI, &files, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&files);
  REQUIRE(spawned == 0);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, out.content(), err.content()};
}
