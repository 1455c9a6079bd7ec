#pragma once

#include "../../../protocol/messages/add_offsets_to_txn.hpp"
#include "../../../protocol/messages/add_partitions_to_txn.hpp"
#include "../../../protocol/messages/api_versions.hpp"
#include "../../../protocol/messages/consumer_group_describe.hpp"
#include "../../../protocol/messages/consumer_group_heartbeat.hpp"
#include "../../../protocol/messages/create_topics.hpp"
#include "../../../protocol/messages/delete_groups.hpp"
#include "../../../protocol/messages/delete_topics.hpp"
#include "../../../protocol/messages/describe_groups.hpp"
#include "../../../protocol/messages/describe_producers.hpp"
#include "../../../protocol/messages/describe_transactions.hpp"
#include "../../../protocol/messages/end_txn.hpp"
#include "../../../protocol/messages/fetch.hpp"
#include "../../../protocol/messages/find_coordinator.hpp"
#include "../../../protocol/messages/heartbeat.hpp"
#include "../../../protocol/messages/init_producer_id.hpp"
#include "../../../protocol/messages/join_group.hpp"
#include "../../../protocol/messages/leave_group.hpp"
#include "../../../protocol/messages/list_groups.hpp"
#include "../../../protocol/messages/list_offsets.hpp"
#include "../../../protocol/messages/list_transactions.hpp"
#include "../../../protocol/messages/metadata.hpp"
#include "../../../protocol/messages/offset_commit.hpp"
#include "../../../protocol/messages/offset_delete.hpp"
#include "../../../protocol/messages/offset_fetch.hpp"
#include "../../../protocol/messages/offset_for_leader_epoch.hpp"
#include "../../../protocol/messages/produce.hpp"
#include "../../../protocol/messages/sasl_authenticate.hpp"
#include "../../../protocol/messages/sasl_handshake.hpp"
#include "../../../protocol/messages/sync_group.hpp"
#include "../../../protocol/messages/txn_offset_commit.hpp"
#include "../../../protocol/messages/write_txn_markers.hpp"
#include "../state.hpp"

#include <functional>
#include <variant>

// Each API of the fake cluster has a file here: what a broker does with its request, and
// how the versions differ.

namespace cafka::testing {

/// What a handler is told beside the request.
struct request_context {
  fake_state& cluster;
  fake_broker& broker;
  time_point now;
  std::int16_t version = 0;
  /// Empty where the client does not say who it is.
  std::string client_id = {};
  /// The connection's login; null without a connection.
  fake_login* login = nullptr;
};

/// There is no answer, as to a Produce with acks of 0.
struct no_answer {};

/// The connection ends instead of an answer.
struct hang_up {};

/// The answer is not there yet.
template <class Response>
struct waiting {
  /// When it comes at the latest.
  time_point until;
  /// Asked again whenever something has changed, and when the time is over.
  std::function<std::optional<Response>(time_point now)> again;
};

template <class Response>
using outcome = std::variant<Response, waiting<Response>, no_answer, hang_up>;

outcome<protocol::api_versions_response> handle(
  const request_context& c, const protocol::api_versions_request& asked);
outcome<protocol::metadata_response> handle(
  const request_context& c, const protocol::metadata_request& asked);
outcome<protocol::produce_response> handle(
  const request_context& c, const protocol::produce_request& asked);
outcome<protocol::fetch_response> handle(
  const request_context& c, const protocol::fetch_request& asked);
outcome<protocol::list_offsets_response> handle(
  const request_context& c, const protocol::list_offsets_request& asked);
outcome<protocol::init_producer_id_response> handle(
  const request_context& c, const protocol::init_producer_id_request& asked);
outcome<protocol::find_coordinator_response> handle(
  const request_context& c, const protocol::find_coordinator_request& asked);
outcome<protocol::offset_commit_response> handle(
  const request_context& c, const protocol::offset_commit_request& asked);
outcome<protocol::offset_fetch_response> handle(
  const request_context& c, const protocol::offset_fetch_request& asked);
outcome<protocol::create_topics_response> handle(
  const request_context& c, const protocol::create_topics_request& asked);
outcome<protocol::delete_topics_response> handle(
  const request_context& c, const protocol::delete_topics_request& asked);
outcome<protocol::join_group_response> handle(
  const request_context& c, const protocol::join_group_request& asked);
outcome<protocol::sync_group_response> handle(
  const request_context& c, const protocol::sync_group_request& asked);
outcome<protocol::heartbeat_response> handle(
  const request_context& c, const protocol::heartbeat_request& asked);
outcome<protocol::leave_group_response> handle(
  const request_context& c, const protocol::leave_group_request& asked);
outcome<protocol::consumer_group_heartbeat_response> handle(
  const request_context& c, const protocol::consumer_group_heartbeat_request& asked);
outcome<protocol::consumer_group_describe_response> handle(
  const request_context& c, const protocol::consumer_group_describe_request& asked);
outcome<protocol::describe_groups_response> handle(
  const request_context& c, const protocol::describe_groups_request& asked);
outcome<protocol::list_groups_response> handle(
  const request_context& c, const protocol::list_groups_request& asked);
outcome<protocol::delete_groups_response> handle(
  const request_context& c, const protocol::delete_groups_request& asked);
outcome<protocol::offset_delete_response> handle(
  const request_context& c, const protocol::offset_delete_request& asked);
outcome<protocol::offset_for_leader_epoch_response> handle(
  const request_context& c, const protocol::offset_for_leader_epoch_request& asked);
outcome<protocol::add_offsets_to_txn_response> handle(
  const request_context& c, const protocol::add_offsets_to_txn_request& asked);
outcome<protocol::add_partitions_to_txn_response> handle(
  const request_context& c, const protocol::add_partitions_to_txn_request& asked);
outcome<protocol::end_txn_response> handle(
  const request_context& c, const protocol::end_txn_request& asked);
outcome<protocol::write_txn_markers_response> handle(
  const request_context& c, const protocol::write_txn_markers_request& asked);
outcome<protocol::txn_offset_commit_response> handle(
  const request_context& c, const protocol::txn_offset_commit_request& asked);
outcome<protocol::describe_producers_response> handle(
  const request_context& c, const protocol::describe_producers_request& asked);
outcome<protocol::describe_transactions_response> handle(
  const request_context& c, const protocol::describe_transactions_request& asked);
outcome<protocol::list_transactions_response> handle(
  const request_context& c, const protocol::list_transactions_request& asked);
outcome<protocol::sasl_handshake_response> handle(
  const request_context& c, const protocol::sasl_handshake_request& asked);
outcome<protocol::sasl_authenticate_response> handle(
  const request_context& c, const protocol::sasl_authenticate_request& asked);

// The same refused as a whole: the error stands wherever the answer has a place for one
// about something that was asked for.

protocol::api_versions_response refuse(
  const protocol::api_versions_request& asked, std::int16_t, protocol::error_code why);
protocol::metadata_response refuse(
  const protocol::metadata_request& asked, std::int16_t, protocol::error_code why);
protocol::produce_response refuse(
  const protocol::produce_request& asked, std::int16_t, protocol::error_code why);
protocol::fetch_response refuse(
  const protocol::fetch_request& asked, std::int16_t, protocol::error_code why);
protocol::list_offsets_response refuse(
  const protocol::list_offsets_request& asked, std::int16_t, protocol::error_code why);
protocol::init_producer_id_response refuse(
  const protocol::init_producer_id_request& asked, std::int16_t,
  protocol::error_code why);
protocol::find_coordinator_response refuse(
  const protocol::find_coordinator_request& asked, std::int16_t version,
  protocol::error_code why);
protocol::offset_commit_response refuse(
  const protocol::offset_commit_request& asked, std::int16_t, protocol::error_code why);
protocol::offset_fetch_response refuse(const protocol::offset_fetch_request& asked,
  std::int16_t version, protocol::error_code why);
protocol::create_topics_response refuse(
  const protocol::create_topics_request& asked, std::int16_t, protocol::error_code why);
protocol::delete_topics_response refuse(const protocol::delete_topics_request& asked,
  std::int16_t version, protocol::error_code why);
protocol::join_group_response refuse(
  const protocol::join_group_request& asked, std::int16_t, protocol::error_code why);
protocol::sync_group_response refuse(
  const protocol::sync_group_request& asked, std::int16_t, protocol::error_code why);
protocol::heartbeat_response refuse(
  const protocol::heartbeat_request& asked, std::int16_t, protocol::error_code why);
protocol::leave_group_response refuse(
  const protocol::leave_group_request& asked, std::int16_t, protocol::error_code why);
protocol::consumer_group_heartbeat_response refuse(
  const protocol::consumer_group_heartbeat_request& asked, std::int16_t,
  protocol::error_code why);
protocol::consumer_group_describe_response refuse(
  const protocol::consumer_group_describe_request& asked, std::int16_t,
  protocol::error_code why);
protocol::describe_groups_response refuse(
  const protocol::describe_groups_request& asked, std::int16_t, protocol::error_code why);
protocol::list_groups_response refuse(
  const protocol::list_groups_request& asked, std::int16_t, protocol::error_code why);
protocol::delete_groups_response refuse(
  const protocol::delete_groups_request& asked, std::int16_t, protocol::error_code why);
protocol::offset_delete_response refuse(
  const protocol::offset_delete_request& asked, std::int16_t, protocol::error_code why);
protocol::offset_for_leader_epoch_response refuse(
  const protocol::offset_for_leader_epoch_request& asked, std::int16_t,
  protocol::error_code why);
protocol::add_offsets_to_txn_response refuse(
  const protocol::add_offsets_to_txn_request& asked, std::int16_t version,
  protocol::error_code why);
protocol::add_partitions_to_txn_response refuse(
  const protocol::add_partitions_to_txn_request& asked, std::int16_t version,
  protocol::error_code why);
protocol::end_txn_response refuse(
  const protocol::end_txn_request& asked, std::int16_t version, protocol::error_code why);
protocol::write_txn_markers_response refuse(
  const protocol::write_txn_markers_request& asked, std::int16_t version,
  protocol::error_code why);
protocol::txn_offset_commit_response refuse(
  const protocol::txn_offset_commit_request& asked, std::int16_t version,
  protocol::error_code why);
protocol::describe_producers_response refuse(
  const protocol::describe_producers_request& asked, std::int16_t version,
  protocol::error_code why);
protocol::describe_transactions_response refuse(
  const protocol::describe_transactions_request& asked, std::int16_t version,
  protocol::error_code why);
protocol::list_transactions_response refuse(
  const protocol::list_transactions_request& asked, std::int16_t version,
  protocol::error_code why);
protocol::sasl_handshake_response refuse(
  const protocol::sasl_handshake_request& asked, std::int16_t, protocol::error_code why);
protocol::sasl_authenticate_response refuse(
  const protocol::sasl_authenticate_request& asked, std::int16_t,
  protocol::error_code why);

/// The bits of all operations that apply to a group, for whom everything is allowed:
/// Read, Delete and Describe; since 4.0, where groups have configs, also DescribeConfigs
/// and AlterConfigs.
[[nodiscard]] inline std::int32_t all_of_group(protocol::kafka_version release) {
  constexpr std::int32_t once = 0b1'0100'1000;
  constexpr std::int32_t configs = 0b1100'0000'0000;
  return release >= protocol::kafka_version{4, 0} ? once | configs : once;
}

/// The type by which FindCoordinator asks about groups.
inline constexpr std::int8_t group_key = 0;
/// The type by which FindCoordinator asks about transactional ids.
inline constexpr std::int8_t transaction_key = 1;

/// Whether the broker answers for a transactional id: INVALID_REQUEST for an empty one,
/// COORDINATOR_NOT_AVAILABLE where the broker reaches no others, NOT_COORDINATOR where
/// another one coordinates it.
[[nodiscard]] inline protocol::error_code may_coordinate_transaction(
  const request_context& c, const std::string& id) {
  if (id.empty())
    return protocol::error_code::invalid_request;
  if (c.cluster.apart())
    return protocol::error_code::coordinator_not_available;
  return c.cluster.coordinator(transaction_key, id) == c.broker.id
    ? protocol::error_code::none
    : protocol::error_code::not_coordinator;
}

/// PRODUCER_FENCED in the words of versions that do not have it.
[[nodiscard]] inline protocol::error_code fenced_in(
  protocol::error_code why, bool knows_fenced) {
  return why == protocol::error_code::producer_fenced && !knows_fenced
    ? protocol::error_code::invalid_producer_epoch
    : why;
}

/// Whether the broker answers for a group: INVALID_GROUP_ID for one without a name, which
/// some APIs take for a name like others,
/// COORDINATOR_NOT_AVAILABLE where the broker reaches no others, NOT_COORDINATOR where
/// another one coordinates it.
[[nodiscard]] inline protocol::error_code may_coordinate(
  const request_context& c, const std::string& group, bool wants_name = true) {
  if (group.empty() && wants_name)
    return protocol::error_code::invalid_group_id;
  if (c.cluster.apart())
    return protocol::error_code::coordinator_not_available;
  return c.cluster.coordinator(group_key, group) == c.broker.id
    ? protocol::error_code::none
    : protocol::error_code::not_coordinator;
}

/// What a broker answers that cannot hand a request on to the controller: nothing until
/// the request's own time is over, and then REQUEST_TIMED_OUT.
template <class Request>
outcome<typename Request::response> answer_late(
  const request_context& c, const Request& asked, std::int32_t timeout_ms) {
  waiting<typename Request::response> later;
  later.until = c.now + std::chrono::milliseconds{timeout_ms};
  later.again = [asked, version = c.version, until = later.until](
                  time_point now) -> std::optional<typename Request::response> {
    if (now < until)
      return std::nullopt;
    return refuse(asked, version, protocol::error_code::request_timed_out);
  };
  return later;
}

/// An answer that is an error alone.
template <class Response>
[[nodiscard]] Response failed_with(protocol::error_code why) {
  Response response;
  response.error_code = why;
  return response;
}

/// The topic that a request names, by its id from a version on.
template <class Topic>
fake_topic* topic_of(fake_state& cluster, const Topic& t, bool by_id) {
  return by_id ? cluster.find(t.topic_id) : cluster.find(t.name);
}

/// Whether the client may ask this broker about this partition, by the epoch that it
/// believes in; -1 for a client that does not say.
///
/// NOT_LEADER_OR_FOLLOWER where the broker is no replica; then FENCED_LEADER_EPOCH for an
/// epoch that is over, UNKNOWN_LEADER_EPOCH for one to come (KIP-320), and
/// NOT_LEADER_OR_FOLLOWER for a follower that may not serve.
[[nodiscard]] inline protocol::error_code may_serve(const request_context& c,
  const fake_partition& p, protocol::leader_epoch believed, bool follower_may = false) {
  using protocol::error_code;
  if (std::find(p.replicas.begin(), p.replicas.end(), c.broker.id) == p.replicas.end())
    return error_code::not_leader_or_follower;
  if (believed.value() >= 0 && believed.value() < p.epoch)
    return error_code::fenced_leader_epoch;
  if (believed.value() > p.epoch)
    return error_code::unknown_leader_epoch;
  return p.leader == c.broker.id || follower_may ? error_code::none
                                                 : error_code::not_leader_or_follower;
}

/// Tells of the broker that leads, once, beside the error that it is not this one.
template <class Response>
void name_leader(const request_context& c, const fake_partition& p,
  protocol::leader_id_and_epoch& out, Response& response) {
  out = {p.leader, p.epoch};
  const auto found = c.cluster.brokers.find(p.leader);
  if (found == c.cluster.brokers.end()
    || std::any_of(response.node_endpoints.begin(), response.node_endpoints.end(),
      [&](const auto& n) { return n.node_id == protocol::broker_id{p.leader}; }))
    return;
  const auto& b = found->second;
  response.node_endpoints.push_back({b.id, b.address.host, b.address.port, b.rack});
}

} // namespace cafka::testing
