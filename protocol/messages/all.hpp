#pragma once

// Every API that cafka speaks: one line each.
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

#include <utility>

namespace cafka::protocol {

namespace detail {

template <class Visitor, std::int16_t... Keys>
void for_each_key(Visitor& visit, std::integer_sequence<std::int16_t, Keys...>) {
  const auto visit_key = [&visit]<std::int16_t Key>() {
    using api = api_of<static_cast<api_key>(Key)>;
    if constexpr (requires { typename api::request; })
      visit.template operator()<typename api::request, typename api::request::response>();
  };
  (visit_key.template operator()<Keys>(), ...);
}

} // namespace detail

/// Calls `visit.operator()<Request, Response>()` for every API, by key.
template <class Visitor>
void for_each_api(Visitor&& visit) {
  constexpr std::int16_t keys = 128; // Kafka 4.3 ends at 92.
  detail::for_each_key(visit, std::make_integer_sequence<std::int16_t, keys>{});
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
