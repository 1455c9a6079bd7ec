// Membership of consumer groups: join, sync, heartbeat, leave.
#include "../../protocol/messages/heartbeat.hpp"
#include "../../protocol/messages/join_group.hpp"
#include "../../protocol/messages/leave_group.hpp"
#include "../../protocol/messages/sync_group.hpp"
#include "calls_coordinator.hpp"

namespace cafka::actors {

namespace {

std::string text_of(const shared_bytes& bytes) {
  return std::string{bytes.text()};
}

std::string member_of(const leaving_member& m) {
  return m.group_instance_id ? "instance " + *m.group_instance_id
                             : "member " + m.member_id;
}

class join_group_call final : public coordinated_call<join_group, joined_group> {
public:
  using coordinated_call::coordinated_call;

  result<frame> encode(std::int16_t version, std::int32_t correlation_id,
    std::string_view client_id, const cluster&) override {
    protocol::join_group_request out;
    out.group_id = request_.group;
    out.session_timeout_ms = in_milliseconds(request_.session_timeout);
    if (version >= 1)
      out.rebalance_timeout_ms = in_milliseconds(request_.rebalance_timeout);
    out.member_id = request_.member_id;
    out.group_instance_id = request_.group_instance_id;
    out.protocol_type = request_.protocol_type;
    for (const auto& p : request_.protocols)
      out.protocols.push_back({p.name, shared_bytes::copy_of(p.metadata)});
    if (version >= 8)
      out.reason = request_.reason;
    return encode_request(out, version, correlation_id, client_id);
  }

  error receive(std::int16_t version, const shared_bytes& payload, cluster&) override {
    const auto answer = read_answer<protocol::join_group_response>(payload, version);
    if (!answer)
      return answer.error();
    if (answer->error_code == error_code::member_id_required) {
      id_taken_ = !answer->member_id.empty() && request_.member_id.empty();
      request_.member_id = answer->member_id;
    }
    if (answer->error_code != error_code::none)
      return about_group(answer->error_code);
    answer_.group = request_.group;
    answer_.generation = answer->generation_id;
    answer_.protocol_type = answer->protocol_type.value_or(request_.protocol_type);
    answer_.protocol_name = answer->protocol_name.value_or("");
    answer_.leader = answer->leader;
    answer_.member_id = answer->member_id;
    answer_.skip_assignment = answer->skip_assignment;
    answer_.members.clear();
    for (const auto& m : answer->members)
      answer_.members.push_back({m.member_id, m.group_instance_id, text_of(m.metadata)});
    return {};
  }

  /// The id that the broker wants taken (KIP-394) is taken, once.
  [[nodiscard]] bool may_retry(error_code e) const override {
    return e == error_code::member_id_required ? id_taken_
                                               : coordinated_call::may_retry(e);
  }

  /// A member without an id that joins again is another member to the broker, and the
  /// group waits in vain for the first.
  [[nodiscard]] bool repeatable() const override {
    return !request_.member_id.empty() || request_.group_instance_id.has_value();
  }

private:
  bool id_taken_ = false;
};

class sync_group_call final : public coordinated_call<sync_group, synced_group> {
public:
  using coordinated_call::coordinated_call;

  result<frame> encode(std::int16_t version, std::int32_t correlation_id,
    std::string_view client_id, const cluster&) override {
    protocol::sync_group_request out;
    out.group_id = request_.group;
    out.generation_id = request_.generation;
    out.member_id = request_.member_id;
    out.group_instance_id = request_.group_instance_id;
    if (version >= 5) {
      out.protocol_type = request_.protocol_type;
      out.protocol_name = request_.protocol_name;
    }
    for (const auto& a : request_.assignments)
      out.assignments.push_back({a.member_id, shared_bytes::copy_of(a.assignment)});
    return encode_request(out, version, correlation_id, client_id);
  }

  error receive(std::int16_t version, const shared_bytes& payload, cluster&) override {
    const auto answer = read_answer<protocol::sync_group_response>(payload, version);
    if (!answer)
      return answer.error();
    if (answer->error_code != error_code::none)
      return about_group(answer->error_code);
    answer_.protocol_type = answer->protocol_type.value_or(request_.protocol_type);
    answer_.protocol_name = answer->protocol_name.value_or(request_.protocol_name);
    answer_.assignment = text_of(answer->assignment);
    return {};
  }
};

class heartbeat_call final : public coordinated_call<heartbeat, done> {
public:
  using coordinated_call::coordinated_call;

  result<frame> encode(std::int16_t version, std::int32_t correlation_id,
    std::string_view client_id, const cluster&) override {
    protocol::heartbeat_request out;
    out.group_id = request_.group;
    out.generation_id = request_.generation;
    out.member_id = request_.member_id;
    out.group_instance_id = request_.group_instance_id;
    return encode_request(out, version, correlation_id, client_id);
  }

  error receive(std::int16_t version, const shared_bytes& payload, cluster&) override {
    const auto answer = read_answer<protocol::heartbeat_response>(payload, version);
    if (!answer)
      return answer.error();
    return answer->error_code == error_code::none ? error{}
                                                  : about_group(answer->error_code);
  }
};

class leave_group_call final : public coordinated_call<leave_group, left_group> {
public:
  using coordinated_call::coordinated_call;

  result<frame> encode(std::int16_t version, std::int32_t correlation_id,
    std::string_view client_id, const cluster&) override {
    lost_ = std::exchange(sent_, true) || lost_;
    protocol::leave_group_request out;
    out.group_id = request_.group;
    if (version < 3) {
      out.member_id = request_.members.front().member_id;
    } else {
      for (const auto& m : request_.members) {
        out.members.push_back({m.member_id, m.group_instance_id,
          version >= 5 ? m.reason : std::optional<std::string>{}});
      }
    }
    return encode_request(out, version, correlation_id, client_id);
  }

  error receive(std::int16_t version, const shared_bytes& payload, cluster&) override {
    const auto answer = read_answer<protocol::leave_group_response>(payload, version);
    if (!answer)
      return answer.error();
    sent_ = false;
    answer_.members.clear();
    if (version < 3) {
      // Its one code is about the group as well as about the member.
      if (may_retry(answer->error_code))
        return about_group(answer->error_code);
      add(request_.members.front().member_id, {}, answer->error_code);
    } else {
      if (answer->error_code != error_code::none)
        return about_group(answer->error_code);
      for (const auto& m : answer->members)
        add(m.member_id, m.group_instance_id, m.error_code);
    }
    const bool none_left = std::ranges::all_of(
      answer_.members, [](const left_member& m) { return m.status != error_code::none; });
    if (!none_left)
      return {};
    if (answer_.members.empty())
      return {error_code::malformed_response, "the answer leaves out the members"};
    std::string who;
    for (const auto& m : request_.members)
      who += (who.empty() ? "" : ", ") + member_of(m);
    return {answer_.members.front().status, "group " + request_.group + ": " + who};
  }

private:
  void add(std::string id, std::optional<std::string> instance, error_code status) {
    // An attempt whose answer was lost has taken it out.
    if (lost_ && status == error_code::unknown_member_id)
      status = error_code::none;
    answer_.members.push_back({std::move(id), std::move(instance), status});
  }

  bool sent_ = false; // And not answered.
  bool lost_ = false;
};

/// What all requests of a member have.
template <class Request>
error check_ids(const Request& request) {
  return first_of({protocol::check_name("member_id", request.member_id),
    check_name("group_instance_id", request.group_instance_id)});
}

template <class Request>
error check_member(const Request& request) {
  const auto generation = request.generation;
  const auto& member_id = request.member_id;
  if (generation < 0)
    return {error_code::invalid_argument,
      "generation is " + std::to_string(generation) + ", as joined_group says it is not"};
  if (member_id.empty())
    return {error_code::invalid_argument, "there is no member_id"};
  return check_ids(request);
}

error check(const join_group& request) {
  if (request.protocols.empty())
    return {error_code::invalid_argument, "there is no protocol to join with"};
  if (request.session_timeout <= milliseconds{0}
    || request.rebalance_timeout <= milliseconds{0})
    return {error_code::invalid_argument,
      "session_timeout and rebalance_timeout must be more than zero"};
  for (const auto& p : request.protocols) {
    if (auto wrong = protocol::check_name("protocol", p.name))
      return wrong;
  }
  return first_of(
    {check_ids(request), protocol::check_name("protocol_type", request.protocol_type),
      check_name("reason", request.reason)});
}

error check(const leave_group& request) {
  if (request.members.empty())
    return {error_code::invalid_argument, "there are no members to leave"};
  for (const auto& m : request.members) {
    if (m.member_id.empty() && !m.group_instance_id)
      return {error_code::invalid_argument,
        "a member has neither a member_id nor a group_instance_id"};
    if (auto wrong = first_of({check_ids(m), check_name("reason", m.reason)}); wrong)
      return wrong;
  }
  return {};
}

} // namespace

std::unique_ptr<protocol::call> make_call(
  join_group request, reply_function<joined_group> reply) {
  auto what = to_coordinator<protocol::join_group_request>(request);
  what.lane = protocol::lane::resting;
  // The broker waits for the most patient member, which may be another one.
  what.patience =
    std::max({request.rebalance_timeout, request.session_timeout, request.deadline});
  if (request.group_instance_id)
    what.need(5, "group_instance_id needs"); // KIP-345
  auto wrong = check(request);
  return make_coordinated<join_group_call>(
    std::move(wrong), std::move(what), std::move(request), std::move(reply));
}

std::unique_ptr<protocol::call> make_call(
  sync_group request, reply_function<synced_group> reply) {
  auto what = to_coordinator<protocol::sync_group_request>(request);
  what.lane = protocol::lane::resting;
  what.patience = request.deadline;
  // From version 5 on the broker wants to be told both (KIP-559).
  if (request.protocol_type.empty() || request.protocol_name.empty())
    what.versions.max = 4;
  if (request.group_instance_id)
    what.need(3, "group_instance_id needs"); // KIP-345
  auto wrong = first_of(
    {check_member(request), protocol::check_name("protocol_type", request.protocol_type),
      protocol::check_name("protocol_name", request.protocol_name)});
  for (const auto& a : request.assignments) {
    if (!wrong)
      wrong = protocol::check_name("member_id", a.member_id);
  }
  return make_coordinated<sync_group_call>(
    std::move(wrong), std::move(what), std::move(request), std::move(reply));
}

std::unique_ptr<protocol::call> make_call(heartbeat request, reply_function<done> reply) {
  auto what = to_coordinator<protocol::heartbeat_request>(request);
  if (request.group_instance_id)
    what.need(3, "group_instance_id needs"); // KIP-345
  auto wrong = check_member(request);
  return make_coordinated<heartbeat_call>(
    std::move(wrong), std::move(what), std::move(request), std::move(reply));
}

std::unique_ptr<protocol::call> make_call(
  leave_group request, reply_function<left_group> reply) {
  auto what = to_coordinator<protocol::leave_group_request>(request);
  if (request.members.size() > 1)
    what.need(3, "several members at a time need"); // KIP-345
  for (const auto& m : request.members) {
    if (m.group_instance_id)
      what.need(3, "group_instance_id needs"); // KIP-345
  }
  auto wrong = check(request);
  return make_coordinated<leave_group_call>(
    std::move(wrong), std::move(what), std::move(request), std::move(reply));
}

} // namespace cafka::actors
