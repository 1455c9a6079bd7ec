#pragma once

#include "../../protocol/result.hpp"
#include "../../protocol/schema/api_key.hpp"
#include "../../testing/model/exchange.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace cafka::cli {

/// A topic that `cafka broker` begins with.
struct broker_topic {
  std::string name;
  std::int32_t partitions = 1;
};

/// What happens to requests of an API.
struct broker_fault {
  protocol::api_key key = protocol::api_key::produce;
  testing::treatment how;
  /// In place of the above: refused with this.
  std::optional<protocol::error_code> error;
  int times = testing::always;
};

/// Reads `NAME[:PARTITIONS]`; the error says what is wrong.
[[nodiscard]] protocol::result<broker_topic> parse_broker_topic(const std::string& text);

/// Reads `API:WHAT[:TIMES]`; the error says what is wrong.
[[nodiscard]] protocol::result<broker_fault> parse_broker_fault(const std::string& text);

} // namespace cafka::cli
