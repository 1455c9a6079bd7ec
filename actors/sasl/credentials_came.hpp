#pragma once

#include "../../protocol/result.hpp"
#include "../../protocol/sasl/credentials.hpp"

#include <cstdint>
#include <memory>

namespace cafka::actors {

/// To who has asked for them: credentials for a login, or why there are none.
struct credentials_came {
  /// The connection that logs in.
  std::uint64_t id = 0;
  /// To be taken out once.
  std::shared_ptr<protocol::result<protocol::sasl::login>> what = {};
};

} // namespace cafka::actors
