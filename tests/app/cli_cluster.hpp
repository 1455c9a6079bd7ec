#pragma once

#include "cli_program.hpp"
#include "embedded_broker.hpp"

#include <catch2/catch_test_macros.hpp>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

/// A cluster of three brokers with a topic `orders` of two partitions, and the command
/// line on it.
class cluster {
public:
  cluster() {
    auto started = cafka::cli::embedded_broker::start(3);
    REQUIRE(started);
    broker_ = *std::move(started);
    REQUIRE(broker_->create_topic("orders", 2, 3));
  }

  /// The command line's arguments for this cluster.
  [[nodiscard]] std::vector<std::string> args(std::vector<std::string> given) const {
    given.insert(given.end(), {"--brokers", broker_->bootstrap()});
    return given;
  }

  [[nodiscard]] program_run run(
    std::vector<std::string> given, const std::string& input = {}) const {
    auto result = run_cafka(args(std::move(given)), input);
    UNSCOPED_INFO("stdout: " << result.out << "\nstderr: " << result.err);
    return result;
  }

  [[nodiscard]] cafka::cli::embedded_broker& brokers() const { return *broker_; }

private:
  std::unique_ptr<cafka::cli::embedded_broker> broker_;
};

/// Every line as JSON; one that is not JSON fails the test.
inline std::vector<nlohmann::json> objects(const program_run& run) {
  std::vector<nlohmann::json> result;
  for (const auto& line : run.lines())
    result.push_back(nlohmann::json::parse(line));
  return result;
}

inline std::string numbered_lines(int count) {
  std::string result;
  for (int i = 0; i < count; ++i)
    result += "line " + std::to_string(i) + '\n';
  return result;
}
