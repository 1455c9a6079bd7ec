#pragma once

#include "temporary_file.hpp"

#include <string>
#include <sys/types.h>
#include <vector>

/// How a run of the command line ended.
struct program_run {
  int exit_code = -1; ///< -1 when a signal ended it.
  std::string out;
  std::string err;

  /// What it printed, line by line.
  [[nodiscard]] std::vector<std::string> lines() const;
};

/// Environment variables as `NAME=VALUE`.
using variables = std::vector<std::string>;

/// Runs a program to its end. It has no environment but `PATH`, `HOME`, which is no
/// directory, and what is given: nobody's own settings change what the tests see.
program_run run_program(const std::string& program, std::vector<std::string> args,
  const std::string& input = {}, const variables& environment = {});

/// Runs the command line to its end.
program_run run_cafka(std::vector<std::string> args, const std::string& input = {},
  const variables& environment = {});

/// The same with a standard output that nobody reads, from the start; `out` stays empty.
program_run run_cafka_unread(
  std::vector<std::string> args, const std::string& input = {});

/// The command line while it runs: its standard input and output are pipes, its standard
/// error is a terminal. What does not happen within a minute and a half fails the test.
class running_cafka {
public:
  explicit running_cafka(std::vector<std::string> args);
  running_cafka(const running_cafka&) = delete;
  running_cafka& operator=(const running_cafka&) = delete;
  /// Kills it if it still runs.
  ~running_cafka();

  void write(const std::string& input);
  void close_input();

  /// Waits until it has printed so many lines in all; returns all of them.
  std::vector<std::string> read_lines(std::size_t count);
  /// Waits until the terminal has shown this; returns all that it has shown.
  std::string read_errors(const std::string& until);
  /// Reads no more of what it prints.
  void close_output();

  void signal(int number) const;

  /// How many threads it has now.
  [[nodiscard]] std::size_t threads() const;

  /// Waits for its end; with all that it has printed.
  program_run wait();

private:
  void read_more(int fd, std::string& to);

  pid_t child_ = -1;
  int in_ = -1;
  int out_ = -1;
  int terminal_ = -1;
  std::string printed_;
  std::string errors_;
};
