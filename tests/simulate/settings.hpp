#pragma once

#include "consumer.hpp"
#include "member.hpp"
#include "producer.hpp"
#include "stream.hpp"
#include "troubles.hpp"
#include "worker.hpp"
#include <cafka/protocol/sasl/scram_keys.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace cafka::simulate {

/// What a seed has chosen for a world.
struct chosen {
  testing::cluster_options cluster;
  /// With which clients log in; none: they do not.
  std::vector<protocol::sasl::mechanism> mechanisms;
  std::shared_ptr<protocol::sasl::scram_keys> keys;
  struct topic {
    std::string name;
    std::int32_t partitions = 1;
    std::int16_t replicas = 3;
    std::size_t max_message_bytes = 0; ///< Zero: as it is by default.
  };
  std::vector<topic> topics;
  std::vector<producer_settings> producers;
  std::vector<consumer_settings> consumers;
  std::vector<worker_settings> workers;
  /// With the worker that each asks.
  std::vector<std::pair<stream_settings, std::size_t>> streams;
  /// Members of groups, with their groups' numbers.
  std::vector<std::pair<member_settings, std::size_t>> members;
  trouble_settings troubles;
  duration length;
};

/// `edition` says which faults there are, as `run_options` has it.
[[nodiscard]] chosen choose(random_source random, int edition);

} // namespace cafka::simulate
