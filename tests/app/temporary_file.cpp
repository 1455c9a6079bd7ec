#include "temporary_file.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <unistd.h>

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
