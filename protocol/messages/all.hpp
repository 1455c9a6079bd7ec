#pragma once

// Every API that cafka speaks: one line each.
#include "add_offsets_to_txn.hpp"
#include "add_partitions_to_txn.hpp"
#include "api_versions.hpp"
#include "consumer_group_describe.hpp"
#include "consumer_group_heartbeat.hpp"
#include "create_topics.hpp"
#include "delete_groups.hpp"
#include "delete_topics.hpp"
#include "describe_cluster.hpp"
#include "describe_groups.hpp"
#include "describe_producers.hpp"
#include "describe_transactions.hpp"
#include "end_txn.hpp"
#include "fetch.hpp"
#include "find_coordinator.hpp"
#include "heartbeat.hpp"
#include "init_producer_id.hpp"
#include "join_group.hpp"
#include "leave_group.hpp"
#include "list_groups.hpp"
#include "list_offsets.hpp"
#include "list_transactions.hpp"
#include "metadata.hpp"
#include "offset_commit.hpp"
#include "offset_delete.hpp"
#include "offset_fetch.hpp"
#include "offset_for_leader_epoch.hpp"
#include "produce.hpp"
#include "sasl_authenticate.hpp"
#include "sasl_handshake.hpp"
#include "sync_group.hpp"
#include "txn_offset_commit.hpp"
#include "write_txn_markers.hpp"

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
