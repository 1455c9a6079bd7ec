#pragma once

#include "ledger.hpp"
#include "random.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace cafka::simulate {

/// Faults of the simulation's own, to see that they are noticed.
enum class defect : std::uint8_t {
  none,
  drops,   ///< A consumer does not hand out a batch that it has.
  doubles, ///< It hands one out once more.
};

/// Grows with the faults that the simulation knows, so that a seed that found something
/// keeps its story.
inline constexpr int latest_edition = 4;

struct run_options {
  std::uint64_t seed = 1;
  /// Which faults there are: those that this edition knew.
  int edition = latest_edition;
  /// How long it lasts, about; zero: as the seed says, some minutes.
  duration length{};
  defect wrong = defect::none;
  /// Without any fault: clients come and go, and members of groups lose nothing.
  bool calm = false;
  /// Is told the story, line by line.
  std::function<void(const std::string&)> story = {};
};

struct run_outcome {
  /// The promise that was broken; nothing: none was.
  std::optional<std::string> broken;
  /// By the world's clock.
  duration lasted{};
  std::uint64_t steps = 0;
  /// Of one client, within a second.
  std::uint32_t most_requests = 0;
  std::uint32_t most_connections = 0;
  ledger::counts records;
  /// The longest that it took until all had what they waited for, once all was well.
  duration longest_recovery{};
};

/// A life of some clients with a cluster: times full of faults, and times in which all is
/// well and what was promised is compared. All of it follows from the seed.
[[nodiscard]] run_outcome simulate(const run_options& options);

} // namespace cafka::simulate
