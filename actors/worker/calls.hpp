#pragma once

#include "../../protocol/machines/call.hpp"
#include "../../protocol/machines/partitioner.hpp"
#include "../interfaces.hpp"

#include <functional>
#include <memory>

namespace cafka::actors {

/// Takes the outcome of a call, once.
template <class T>
using reply_function = std::function<void(result<T>)>;

// From a message to the call that the dispatcher carries: checks it, encodes it in the
// version agreed on, reads the answer. A message that asks for nonsense is answered with
// `invalid_argument` at once, and there is no call: null. The deadline must be set.

/// What a produce call takes from its worker.
struct produce_surroundings {
  /// Whether an unknown topic may be created.
  bool create_topic = false;
  /// The time of records that have none.
  timestamp now;
  /// Chooses the partition where none is named; `random` is for it.
  protocol::partitioner choose;
  std::uint32_t random = 0;
};

std::unique_ptr<protocol::call> make_call(
  produce request, produce_surroundings around, reply_function<produced> reply);
/// The offset must be named.
std::unique_ptr<protocol::call> make_call(fetch request, reply_function<fetched> reply);
std::unique_ptr<protocol::call> make_call(
  list_offsets request, reply_function<listed_offset> reply);
std::unique_ptr<protocol::call> make_call(
  metadata request, reply_function<cluster_metadata> reply);
std::unique_ptr<protocol::call> make_call(
  api_versions request, reply_function<supported_versions> reply);

/// Offsets are fetched from where they are committed to: version 0 of both is about
/// ZooKeeper, and all others about Kafka. A pin that is left out becomes 0 if the other
/// is.
void pair_pins(
  std::optional<std::int16_t>& offset_fetch, std::optional<std::int16_t>& offset_commit);
/// Error `unsupported_api_version` for a pin that no broker can serve, of what is asked
/// beside a fetch.
[[nodiscard]] error check_pins(
  std::optional<std::int16_t> offset_fetch, std::optional<std::int16_t> offset_commit);
/// The same for a fetch itself.
[[nodiscard]] error check_fetch_pin(std::optional<std::int16_t> pinned);

std::unique_ptr<protocol::call> make_call(
  create_topics request, reply_function<topic_results> reply);
std::unique_ptr<protocol::call> make_call(
  delete_topics request, reply_function<topic_results> reply);

// The group must be named in these; without one the answer is `invalid_group_id`.
std::unique_ptr<protocol::call> make_call(
  offset_commit request, reply_function<done> reply);
std::unique_ptr<protocol::call> make_call(
  offset_fetch request, reply_function<fetched_offsets> reply);
std::unique_ptr<protocol::call> make_call(
  find_coordinator request, reply_function<found_coordinator> reply);
std::unique_ptr<protocol::call> make_call(
  join_group request, reply_function<joined_group> reply);
std::unique_ptr<protocol::call> make_call(
  sync_group request, reply_function<synced_group> reply);
std::unique_ptr<protocol::call> make_call(heartbeat request, reply_function<done> reply);
std::unique_ptr<protocol::call> make_call(
  leave_group request, reply_function<left_group> reply);

} // namespace cafka::actors
