#pragma once

#include <catch2/catch_test_macros.hpp>

#include <cstdlib>
#include <string>

/// A line of `scripts/kafka sasl`, from the environment.
inline std::string variable(const char* name) {
  const auto* value = std::getenv(name);
  INFO(name << " is a line of `scripts/kafka sasl`, of a cluster that is up with --sasl");
  REQUIRE(value != nullptr);
  return value;
}
