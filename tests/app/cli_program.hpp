#pragma once

#include <string>
#include <vector>

/// How a run of the command line ended.
struct program_run {
  int exit_code = -1; ///< -1 when a signal ended it.
  std::string out;
  std::string err;

  /// What it printed, line by line.
  [[nodiscard]] std::vector<std::string> lines() const;
};

/// Runs the command line to its end.
program_run run_cafka(std::vector<std::string> args, const std::string& input = {});

/// A file that goes when its owner does.
class temporary_file {
public:
  explicit temporary_file(const std::string& content = {});
  temporary_file(const temporary_file&) = delete;
  temporary_file& operator=(const temporary_file&) = delete;
  ~temporary_file();

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string content() const;

private:
  std::string path_;
};
