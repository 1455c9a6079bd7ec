#include "kafka_version.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <initializer_list>
#include <iterator>

namespace cafka::protocol {

namespace {

constexpr kafka_version v0_8_0{0, 8, 0};
constexpr kafka_version v0_8_1{0, 8, 1};
constexpr kafka_version v0_8_2{0, 8, 2};
constexpr kafka_version v0_9_0{0, 9, 0};
constexpr kafka_version v0_10_0{0, 10, 0};
constexpr kafka_version v0_10_1{0, 10, 1};
constexpr kafka_version v0_10_2{0, 10, 2};
constexpr kafka_version v0_11_0{0, 11, 0};
constexpr kafka_version v1_0{1, 0};
constexpr kafka_version v1_1{1, 1};
constexpr kafka_version v2_0{2, 0};
constexpr kafka_version v2_1{2, 1};
constexpr kafka_version v2_2{2, 2};
constexpr kafka_version v2_3{2, 3};
constexpr kafka_version v2_4{2, 4};
constexpr kafka_version v2_5{2, 5};
constexpr kafka_version v2_6{2, 6};
constexpr kafka_version v2_7{2, 7};
constexpr kafka_version v2_8{2, 8};
constexpr kafka_version v3_0{3, 0};
constexpr kafka_version v3_1{3, 1};
constexpr kafka_version v3_2{3, 2};
constexpr kafka_version v3_3{3, 3};
constexpr kafka_version v3_4{3, 4};
constexpr kafka_version v3_5{3, 5};
constexpr kafka_version v3_6{3, 6};
constexpr kafka_version v3_7{3, 7};
constexpr kafka_version v3_8{3, 8};
constexpr kafka_version v3_9{3, 9};
constexpr kafka_version v4_0{4, 0};
constexpr kafka_version v4_1{4, 1};
constexpr kafka_version v4_2{4, 2};
constexpr kafka_version v4_3{4, 3};

constexpr kafka_version releases[] = {v0_8_0, v0_8_1, v0_8_2, v0_9_0, v0_10_0, v0_10_1,
  v0_10_2, v0_11_0, v1_0, v1_1, v2_0, v2_1, v2_2, v2_3, v2_4, v2_5, v2_6, v2_7, v2_8,
  v3_0, v3_1, v3_2, v3_3, v3_4, v3_5, v3_6, v3_7, v3_8, v3_9, v4_0, v4_1, v4_2, v4_3};

static_assert(std::ranges::is_sorted(releases));

/// One API: when each of its versions came, from version 0 on, and which one is the first
/// that brokers since 4.0 know (KIP-896).
struct api_history {
  api_key key;
  std::initializer_list<kafka_version> since;
  std::int16_t first_since_4_0 = 0;
};

constexpr api_history histories[] = {
  {api_key::produce,
    {v0_8_0, v0_9_0, v0_10_0, v0_11_0, v1_0, v1_0, v2_0, v2_1, v2_4, v2_8, v3_7, v3_8,
      v4_0, v4_1},
    3},
  {api_key::fetch,
    {v0_8_0, v0_9_0, v0_10_0, v0_10_1, v0_11_0, v0_11_0, v1_0, v1_1, v2_0, v2_1, v2_1,
      v2_3, v2_7, v3_1, v3_5, v3_5, v3_7, v3_9, v4_1},
    4},
  {api_key::list_offsets,
    {v0_8_0, v0_10_1, v0_11_0, v2_0, v2_1, v2_2, v2_8, v3_0, v3_5, v3_9, v4_0, v4_2}, 1},
  {api_key::metadata,
    {v0_8_0, v0_10_0, v0_10_1, v0_11_0, v0_11_0, v1_0, v2_0, v2_1, v2_3, v2_4, v2_8, v2_8,
      v3_1, v4_0}},
  {api_key::offset_commit,
    {v0_8_1, v0_8_2, v0_9_0, v0_11_0, v2_0, v2_1, v2_1, v2_3, v2_4, v3_7, v4_2}, 2},
  {api_key::offset_fetch,
    {v0_8_1, v0_8_2, v0_10_2, v0_11_0, v2_0, v2_1, v2_4, v2_5, v3_0, v3_7, v4_2}, 1},
  {api_key::find_coordinator, {v0_8_2, v0_11_0, v2_0, v2_4, v3_0, v3_8, v3_9}},
  {api_key::join_group,
    {v0_9_0, v0_10_1, v0_11_0, v2_0, v2_2, v2_3, v2_4, v2_5, v3_2, v3_2}},
  {api_key::heartbeat, {v0_9_0, v0_11_0, v2_0, v2_3, v2_4}},
  {api_key::leave_group, {v0_9_0, v0_11_0, v2_0, v2_4, v2_4, v3_2}},
  {api_key::sync_group, {v0_9_0, v0_11_0, v2_0, v2_3, v2_4, v2_5}},
  {api_key::describe_groups, {v0_9_0, v0_11_0, v2_0, v2_3, v2_4, v2_4, v4_0}},
  {api_key::list_groups, {v0_9_0, v0_11_0, v2_0, v2_4, v2_6, v3_8}},
  {api_key::sasl_handshake, {v0_10_0, v1_0}},
  {api_key::api_versions, {v0_10_0, v0_11_0, v2_0, v2_4, v3_9}},
  {api_key::create_topics, {v0_10_1, v0_10_2, v0_11_0, v2_0, v2_4, v2_4, v2_7, v2_8}, 2},
  {api_key::delete_topics, {v0_10_1, v0_11_0, v2_0, v2_1, v2_4, v2_7, v2_8}, 1},
  {api_key::delete_records, {v0_11_0, v2_0, v2_6}},
  {api_key::init_producer_id, {v0_11_0, v2_0, v2_4, v2_5, v2_7, v3_8}},
  {api_key::offset_for_leader_epoch, {v0_11_0, v2_0, v2_1, v2_3, v2_8}, 2},
  {api_key::add_partitions_to_txn, {v0_11_0, v2_0, v2_7, v2_8, v3_6, v3_8}},
  {api_key::add_offsets_to_txn, {v0_11_0, v2_0, v2_7, v2_8, v3_8}},
  {api_key::end_txn, {v0_11_0, v2_0, v2_7, v2_8, v3_8, v4_0}},
  {api_key::write_txn_markers, {v0_11_0, v2_8, v4_2}, 1},
  {api_key::txn_offset_commit, {v0_11_0, v2_0, v2_1, v2_5, v3_8, v4_0}},
  {api_key::describe_acls, {v0_11_0, v2_0, v2_5, v3_3}, 1},
  {api_key::create_acls, {v0_11_0, v2_0, v2_5, v3_3}, 1},
  {api_key::delete_acls, {v0_11_0, v2_0, v2_5, v3_3}, 1},
  {api_key::describe_configs, {v0_11_0, v1_1, v2_0, v2_6, v2_8}, 1},
  {api_key::alter_configs, {v0_11_0, v2_0, v2_8}},
  {api_key::alter_replica_log_dirs, {v1_0, v2_0, v2_8}, 1},
  {api_key::describe_log_dirs, {v1_0, v2_0, v2_6, v3_2, v3_3, v4_3}, 1},
  {api_key::sasl_authenticate, {v1_0, v2_2, v2_5}},
  {api_key::create_partitions, {v1_0, v2_0, v2_5, v2_7}},
  {api_key::create_delegation_token, {v1_1, v2_0, v2_4, v3_3}, 1},
  {api_key::renew_delegation_token, {v1_1, v2_0, v2_5}, 1},
  {api_key::expire_delegation_token, {v1_1, v2_0, v2_5}, 1},
  {api_key::describe_delegation_token, {v1_1, v2_0, v2_5, v3_3}, 1},
  {api_key::delete_groups, {v1_1, v2_0, v2_4}},
  {api_key::elect_leaders, {v2_2, v2_4, v2_4}},
  {api_key::incremental_alter_configs, {v2_3, v2_4}},
  {api_key::alter_partition_reassignments, {v2_4, v4_1}},
  {api_key::list_partition_reassignments, {v2_4}},
  {api_key::offset_delete, {v2_4}},
  {api_key::describe_client_quotas, {v2_6, v2_8}},
  {api_key::alter_client_quotas, {v2_6, v2_8}},
  {api_key::describe_user_scram_credentials, {v2_7}},
  {api_key::alter_user_scram_credentials, {v2_7}},
  {api_key::describe_cluster, {v2_8, v3_7, v4_0}},
  {api_key::describe_producers, {v2_8}},
  {api_key::describe_transactions, {v3_0}},
  {api_key::list_transactions, {v3_0, v3_8, v4_1}},
  {api_key::consumer_group_heartbeat, {v4_0, v4_0}},
  {api_key::consumer_group_describe, {v4_0, v4_0}},
};

static_assert(std::ranges::is_sorted(histories, {}, &api_history::key));

const api_history* find_history(api_key key) {
  const auto* found = std::ranges::lower_bound(histories, key, {}, &api_history::key);
  return found == std::end(histories) || found->key != key ? nullptr : found;
}

} // namespace

std::string to_string(kafka_version v) {
  auto text = std::to_string(v.major_) + '.' + std::to_string(v.minor_);
  if (v.has_patch())
    text += '.' + std::to_string(v.patch_);
  return text;
}

result<kafka_version> parse_kafka_version(std::string_view text) {
  // Up to four numbers, of which the fourth, as in 0.8.2.2, says nothing here.
  constexpr std::size_t most = 4;
  std::array<std::uint8_t, most> numbers{};
  std::size_t count = 0;
  const auto* at = text.data();
  const auto* const end = at + text.size();
  while (count < most) {
    const auto [behind, failed] = std::from_chars(at, end, numbers[count]);
    if (failed != std::errc{})
      break;
    at = behind;
    ++count;
    if (at == end || *at != '.')
      break;
    ++at;
  }
  const auto [major, minor, patch, fix] = numbers;
  if (at == end && count >= 2 && (major == 0 || count < most) && text.back() != '.') {
    const kafka_version v{major, minor, major == 0 ? patch : std::uint8_t{0}};
    if (std::ranges::binary_search(releases, v))
      return v;
  }
  return {error_code::invalid_argument,
    '"' + std::string{text} + "\" is no release of Kafka's from "
      + to_string(*std::begin(releases)) + " to " + to_string(*std::rbegin(releases))
      + ", such as 0.9.0.1 or 2.8"};
}

version_table versions_of(kafka_version release) {
  std::vector<version_table::entry> entries;
  for (const auto& api : histories) {
    const auto known = std::ranges::upper_bound(api.since, release) - api.since.begin();
    const version_range versions{release >= v4_0 ? api.first_since_4_0 : std::int16_t{0},
      static_cast<std::int16_t>(known - 1)};
    if (!versions.empty())
      entries.push_back({api.key, versions});
  }
  return version_table{std::move(entries)};
}

std::optional<kafka_version> first_release_with(api_key key, std::int16_t version) {
  const auto* api = find_history(key);
  if (api == nullptr || version < 0
    || static_cast<std::size_t>(version) >= api->since.size())
    return std::nullopt;
  return api->since.begin()[version];
}

} // namespace cafka::protocol
