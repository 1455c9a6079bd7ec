#pragma once

// The requests between a member's machines and its dispatcher; for their sources alone.

#include "../messages/consumer_group_heartbeat.hpp"
#include "../messages/heartbeat.hpp"
#include "../messages/join_group.hpp"
#include "../messages/leave_group.hpp"
#include "../messages/offset_commit.hpp"
#include "../messages/offset_fetch.hpp"
#include "../messages/sync_group.hpp"
#include "group_client.hpp"
#include "topics_query.hpp"

#include <utility>

namespace cafka::protocol {

// -- what the versions differ in --------------------------------------------------------

inline void restrict_versions(call::traits& to, const join_group_request& what) {
  if (what.group_instance_id)
    to.need(5, "group_instance_id needs"); // KIP-345
}
inline void restrict_versions(call::traits& to, const sync_group_request& what) {
  if (what.group_instance_id)
    to.need(3, "group_instance_id needs");
}
inline void restrict_versions(call::traits& to, const heartbeat_request& what) {
  if (what.group_instance_id)
    to.need(3, "group_instance_id needs");
}
inline void restrict_versions(call::traits& to, const leave_group_request& what) {
  if (what.members.front().group_instance_id)
    to.need(3, "group_instance_id needs");
}
inline void restrict_versions(call::traits& to, const consumer_group_heartbeat_request&) {
  to.need(1, "a member that makes its own id needs"); // KIP-1082
}
inline void restrict_versions(call::traits& to, const offset_commit_request& what) {
  to.versions.max = 9; // From 10 on by ids, which say the same.
  to.need(what.group_instance_id ? 7 : 1, "a member's commit needs");
}
inline void restrict_versions(call::traits& to, const offset_fetch_request&) {
  to.versions.max = 9;
  to.need(1, "a group's offsets need"); // Before, they are kept elsewhere.
}

inline void adapt(join_group_request& what, std::int16_t version) {
  if (version < 1)
    what.rebalance_timeout_ms = -1;
  if (version < 8)
    what.reason.reset();
}
inline void adapt(sync_group_request& what, std::int16_t version) {
  if (version < 5) {
    what.protocol_type.reset();
    what.protocol_name.reset();
  }
}
inline void adapt(heartbeat_request&, std::int16_t) {
}
inline void adapt(consumer_group_heartbeat_request&, std::int16_t) {
}
inline void adapt(leave_group_request& what, std::int16_t version) {
  if (version < 3)
    what.members.clear();
  else
    what.member_id.clear();
}
inline void adapt(offset_commit_request& what, std::int16_t version) {
  if (version >= 6)
    return;
  for (auto& t : what.topics) {
    for (auto& p : t.partitions)
      p.committed_leader_epoch = -1;
  }
}
inline void adapt(offset_fetch_request& what, std::int16_t version) {
  if (version < 7)
    what.require_stable = false;
  if (version < 8) {
    what.groups.clear();
  } else {
    what.group_id.clear();
    what.topics->clear();
  }
  if (version < 9) {
    for (auto& g : what.groups) {
      g.member_id.reset();
      g.member_epoch = -1;
    }
  }
}

// -- the error that an answer as a whole has --------------------------------------------

inline bool is_about_coordinator(error_code e) {
  return e == error_code::coordinator_load_in_progress
    || e == error_code::coordinator_not_available || e == error_code::not_coordinator;
}

template <class Response>
error_code whole_error(const Response& answer) {
  return answer.error_code;
}
inline error_code whole_error(const offset_commit_response& answer) {
  // What is wrong with the coordinator stands with each partition.
  for (const auto& t : answer.topics) {
    for (const auto& p : t.partitions)
      return p.error_code;
  }
  return error_code::none;
}
inline error_code whole_error(const offset_fetch_response& answer) {
  if (answer.error_code != error_code::none)
    return answer.error_code;
  if (!answer.groups.empty())
    return answer.groups.front().error_code;
  // Before version 2 it stands with each partition.
  for (const auto& t : answer.topics) {
    for (const auto& p : t.partitions) {
      if (is_about_coordinator(p.error_code))
        return p.error_code;
    }
  }
  return error_code::none;
}

// -- the calls --------------------------------------------------------------------------

/// A request of a member to its coordinator. Only that there is another coordinator is
/// mended here; all else is for the machines.
template <class Request>
class group_client::member_call final : public call {
public:
  using response = typename Request::response;

  member_call(group_client& of, std::uint64_t request, Request what, const traits& to)
    : call(to), of_(of), request_(request), what_(std::move(what)) {}

  result<frame> encode(std::int16_t version, std::int32_t correlation_id,
    std::string_view client_id, const cluster&) override {
    sent_at_ = of_.now_;
    auto out = what_;
    adapt(out, version);
    return encode_request(out, version, correlation_id, client_id);
  }

  error receive(std::int16_t version, const shared_bytes& payload, cluster&) override {
    auto answer = read_answer<response>(payload, version);
    if (!answer)
      return answer.error();
    answer_ = *std::move(answer);
    const auto whole = whole_error(answer_);
    // That of an OffsetFetch stands in place of all partitions.
    const auto nothing_else = Request::key == api_key::offset_fetch;
    if (may_retry(whole) || (nothing_else && whole != error_code::none))
      return {whole, "group " + of_.options_.member.group};
    return {};
  }

  [[nodiscard]] bool may_retry(error_code e) const override {
    return is_about_coordinator(e);
  }

  [[nodiscard]] bool repeatable() const override {
    // A member without an id that joins again is another member to the broker.
    if constexpr (Request::key == api_key::join_group)
      return !what_.member_id.empty() || what_.group_instance_id.has_value();
    // What a lost answer has said does not come again, unless the member says all anew.
    else if constexpr (Request::key == api_key::consumer_group_heartbeat)
      return what_.member_epoch < 0;
    else
      return true;
  }

  [[nodiscard]] bool expendable() const override {
    return repeatable() || Request::key == api_key::consumer_group_heartbeat;
  }

  void finish(error outcome) override {
    if (outcome)
      return of_.failed(Request::key, request_, outcome);
    of_.effects_.emplace_back(request_took{Request::key, of_.now_ - sent_at_});
    of_.answered(request_, answer_);
  }

private:
  group_client& of_;
  std::uint64_t request_;
  Request what_;
  time_point sent_at_;
  response answer_;
};

/// The names of topics, by their ids.
class group_client::names_query final : public call {
public:
  names_query(group_client& of, std::uint64_t request, std::vector<uuid> ids)
    : call(wanted(of.options_.cluster.request_timeout)),
      of_(of),
      request_(request),
      ids_(std::move(ids)) {}

  result<frame> encode(std::int16_t version, std::int32_t correlation_id,
    std::string_view client_id, const cluster&) override {
    metadata_request out;
    out.allow_auto_topic_creation = false;
    for (const auto& id : ids_)
      out.topics->push_back({id, std::nullopt});
    return encode_request(out, version, correlation_id, client_id);
  }

  error receive(
    std::int16_t version, const shared_bytes& payload, cluster& known) override {
    auto answer = read_answer<metadata_response>(payload, version);
    if (!answer)
      return answer.error();
    known.update_brokers(*answer);
    answer_ = *std::move(answer);
    return {};
  }

  void finish(error outcome) override {
    if (outcome)
      of_.with<reconciling_member>(
        [&](auto& m) { m.on_failure(of_.now_, request_, outcome); });
    else
      of_.on_names(request_, answer_);
  }

private:
  static traits wanted(std::chrono::milliseconds deadline) {
    traits what;
    what.where = any_broker{};
    what.key = metadata_request::key;
    what.versions = metadata_request::versions;
    what.need(12, "topics by their ids need");
    what.deadline = deadline;
    what.elsewhere = true;
    what.while_arriving = true;
    return what;
  }

  group_client& of_;
  std::uint64_t request_;
  std::vector<uuid> ids_;
  metadata_response answer_;
};

class group_client::topics_query final : public topic_metadata_call {
public:
  topics_query(group_client& of, std::optional<std::vector<std::string>> topics)
    : topic_metadata_call(
      topics, false, any_broker{}, of.options_.cluster.request_timeout),
      of_(of),
      about_all_(!topics) {}

  void finish(error outcome) override {
    if (outcome) {
      of_.directory_.on_failure(of_.now_, outcome);
      return;
    }
    static_cast<void>(of_.directory_.on_metadata(of_.now_, answer_));
    of_.on_topics(answer_, about_all_);
  }

private:
  void on_sent() override {}

  group_client& of_;
  bool about_all_;
};

} // namespace cafka::protocol
