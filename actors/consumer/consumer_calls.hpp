#pragma once

#include "../../protocol/machines/consumer_machine.hpp"
#include "../metadata_call.hpp"
#include "consumer.hpp"

namespace cafka::actors {

/// What the consumer's calls bring to and from its machine; all in the consumer's actor.
class consumer_events : public metadata_events {
public:
  virtual std::optional<protocol::fetch_request> fill(
    std::uint64_t request, std::int16_t version) = 0;
  /// `frame` is the answer as it came.
  virtual void answered(std::uint64_t request, protocol::fetch_response r,
    const protocol::shared_bytes& frame) = 0;
  virtual std::optional<protocol::list_offsets_request> fill_offsets(
    std::uint64_t request) = 0;
  virtual void answered(
    std::uint64_t request, const protocol::list_offsets_response& r) = 0;
  virtual void failed(std::uint64_t request, const error& why) = 0;

protected:
  ~consumer_events() = default;
};

/// A Fetch request to one broker; the machine fills it when it can go.
std::unique_ptr<protocol::call> make_fetch_call(consumer_events& to,
  const protocol::consumer_machine::send_fetch& what, const consumer_options& options);
/// The same for a ListOffsets request.
std::unique_ptr<protocol::call> make_list_offsets_call(consumer_events& to,
  const protocol::consumer_machine::send_list_offsets& what,
  const consumer_options& options);

} // namespace cafka::actors
