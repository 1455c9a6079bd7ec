#pragma once

#include "../../protocol/machines/call.hpp"
#include "../../protocol/machines/producer_machine.hpp"
#include "../metadata_call.hpp"
#include "producer_core.hpp"

namespace cafka::actors {

/// What the producer's calls bring to and from its machine; all in the producer's actor.
class producer_events : public metadata_events {
public:
  virtual std::vector<protocol::producer_machine::item> fill(std::uint64_t request) = 0;
  virtual void answered(std::uint64_t request, const protocol::produce_response& r) = 0;
  virtual void sent(std::uint64_t request) = 0;
  virtual void failed(std::uint64_t request, const error& why) = 0;
  virtual void identified(std::int64_t id, std::int16_t epoch) = 0;
  virtual void not_identified(const error& why) = 0;

protected:
  ~producer_events() = default;
};

/// A Produce request to one broker; the machine fills it when it can go.
std::unique_ptr<protocol::call> make_produce_call(producer_events& to, broker_id broker,
  std::uint64_t request, const producer_options& options);
std::unique_ptr<protocol::call> make_identity_call(producer_events& to);

} // namespace cafka::actors
