#pragma once

#include "../protocol/machines/call.hpp"
#include "../protocol/messages/metadata.hpp"
#include "types.hpp"

#include <memory>

namespace cafka::actors {

/// What a question about topics brings to whoever asks, in its actor.
class metadata_events {
public:
  /// A request goes out.
  virtual void asking(protocol::api_key what) = 0;
  virtual void learned(const protocol::metadata_response& r) = 0;
  virtual void learned_nothing(const error& why) = 0;

protected:
  ~metadata_events() = default;
};

/// A Metadata request about some topics.
std::unique_ptr<protocol::call> make_metadata_call(metadata_events& to,
  std::vector<std::string> topics, bool create, protocol::target where = {});

} // namespace cafka::actors
