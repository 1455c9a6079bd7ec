#pragma once

#include <cafka/protocol/messages/api_versions.hpp>
#include <cafka/protocol/messages/create_topics.hpp>
#include <cafka/protocol/messages/delete_topics.hpp>
#include <cafka/protocol/messages/fetch.hpp>
#include <cafka/protocol/messages/find_coordinator.hpp>
#include <cafka/protocol/messages/heartbeat.hpp>
#include <cafka/protocol/messages/init_producer_id.hpp>
#include <cafka/protocol/messages/join_group.hpp>
#include <cafka/protocol/messages/leave_group.hpp>
#include <cafka/protocol/messages/list_offsets.hpp>
#include <cafka/protocol/messages/metadata.hpp>
#include <cafka/protocol/messages/offset_commit.hpp>
#include <cafka/protocol/messages/offset_fetch.hpp>
#include <cafka/protocol/messages/produce.hpp>
#include <cafka/protocol/messages/sasl_authenticate.hpp>
#include <cafka/protocol/messages/sasl_handshake.hpp>
#include <cafka/protocol/messages/sync_group.hpp>

namespace cafka::protocol {

namespace detail {

template <class... Requests>
struct request_list {};

template <class Visitor, class... Requests>
void for_each_request(Visitor&& visit, request_list<Requests...>) {
  (visit.template operator()<Requests, typename Requests::response>(), ...);
}

} // namespace detail

/// Every API that cafka speaks, by its request; a new one is a pair of files and its name
/// here.
using all_requests = detail::request_list< //
  produce_request, fetch_request, list_offsets_request, metadata_request,
  offset_commit_request, offset_fetch_request, find_coordinator_request,
  join_group_request, heartbeat_request, leave_group_request, sync_group_request,
  sasl_handshake_request, api_versions_request, create_topics_request,
  delete_topics_request, init_producer_id_request, sasl_authenticate_request>;

/// Calls `visit.operator()<Request, Response>()` for every API.
template <class Visitor>
void for_each_api(Visitor&& visit) {
  detail::for_each_request(visit, all_requests{});
}

/// Calls `visit.operator()<Message>()` for every request and every response.
template <class Visitor>
void for_each_message(Visitor&& visit) {
  for_each_api([&visit]<class Request, class Response>() {
    visit.template operator()<Request>();
    visit.template operator()<Response>();
  });
}

} // namespace cafka::protocol
