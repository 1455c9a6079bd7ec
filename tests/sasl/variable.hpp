#pragma once

#include <catch2/catch_test_macros.hpp>

#include <cstdlib>
#include <optional>
#include <string>
#include <utility>

/// A line of `scripts/kafka sasl`, from the environment.
inline std::string variable(const char* name) {
  const auto* value = std::getenv(name);
  INFO(name << " is a line of `scripts/kafka sasl`, of a cluster that is up with --sasl");
  REQUIRE(value != nullptr);
  return value;
}

/// A variable of the environment, as long as this lives.
class environment_variable {
public:
  environment_variable(std::string name, const std::string& value)
    : name_(std::move(name)) {
    if (const auto* before = std::getenv(name_.c_str()))
      before_ = before;
    ::setenv(name_.c_str(), value.c_str(), 1);
  }
  environment_variable(const environment_variable&) = delete;
  environment_variable& operator=(const environment_variable&) = delete;
  ~environment_variable() {
    if (before_)
      ::setenv(name_.c_str(), before_->c_str(), 1);
    else
      ::unsetenv(name_.c_str());
  }

private:
  std::string name_;
  std::optional<std::string> before_;
};
