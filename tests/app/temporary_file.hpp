#pragma once

#include <string>

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
