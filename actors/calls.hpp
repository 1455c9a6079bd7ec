#pragma once

#include <cafka/actors/interfaces.hpp>
#include <cafka/protocol/machines/call.hpp>

#include <functional>
#include <memory>

namespace cafka::actors {

/// Takes the outcome of a call, once.
template <class T>
using reply_function = std::function<void(result<T>)>;

// From a message to the call that the dispatcher carries: checks it, encodes it in the
// version agreed on, reads the answer. A message that asks for nonsense is answered with
// `invalid_argument` at once, and there is no call: null. The deadline must be set.

/// `create_topic`: an unknown topic may be created. `now`: the time of records that have
/// none.
std::unique_ptr<protocol::call> make_call(
  produce request, bool create_topic, timestamp now, reply_function<produced> reply);
std::unique_ptr<protocol::call> make_call(fetch request, reply_function<fetched> reply);
std::unique_ptr<protocol::call> make_call(
  list_offsets request, reply_function<listed_offset> reply);
std::unique_ptr<protocol::call> make_call(
  metadata request, reply_function<cluster_metadata> reply);
std::unique_ptr<protocol::call> make_call(
  api_versions request, reply_function<supported_versions> reply);

} // namespace cafka::actors
