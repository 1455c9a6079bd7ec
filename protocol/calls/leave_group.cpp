#include "leave_group.hpp"

#include "../messages/leave_group.hpp"
#include "coordinator_call.hpp"

namespace cafka {

namespace calls {

namespace {

std::string member_of(const leaving_member& m) {
  return m.group_instance_id ? "instance " + *m.group_instance_id
                             : "member " + m.member_id;
}

class leave_group_call final
  : public coordinator_call<leave_group, protocol::leave_group_request> {
public:
  using coordinator_call::coordinator_call;

  static error check(const leave_group& asked) {
    if (auto wrong = check_group(asked.group))
      return wrong;
    if (asked.members.empty())
      return invalid("there are no members to leave");
    for (const auto& m : asked.members) {
      if (m.member_id.empty() && !m.group_instance_id)
        return invalid("a member has neither a member_id nor a group_instance_id");
      if (auto wrong = first_of({check_ids(m), check_name("reason", m.reason)}))
        return wrong;
    }
    return {};
  }

  static void route(traits& to, const leave_group& asked) {
    to_coordinator(to, asked);
    if (asked.members.size() > 1)
      to.need(3, "several members at a time need"); // KIP-345
    for (const auto& m : asked.members) {
      if (m.group_instance_id)
        to.need(3, "group_instance_id needs"); // KIP-345
    }
  }

  result<wire> fill(std::int16_t version, const cluster&) override {
    lost_ = std::exchange(sent_, true) || lost_;
    wire out;
    out.group_id = asked_.group;
    if (version < 3) {
      out.member_id = asked_.members.front().member_id;
    } else {
      for (const auto& m : asked_.members) {
        out.members.push_back({m.member_id, m.group_instance_id,
          version >= 5 ? m.reason : std::optional<std::string>{}});
      }
    }
    return out;
  }

  error take(response answer, std::int16_t version, cluster&) override {
    sent_ = false;
    answer_.members.clear();
    if (version < 3) {
      // Its one code is about the group as well as about the member.
      if (may_retry(answer.error_code))
        return about_group(answer.error_code);
      add(asked_.members.front().member_id, {}, answer.error_code);
    } else {
      if (answer.error_code != error_code::none)
        return about_group(answer.error_code);
      for (const auto& m : answer.members)
        add(m.member_id, m.group_instance_id, m.error_code);
    }
    const bool none_left = std::ranges::all_of(
      answer_.members, [](const left_member& m) { return m.status != error_code::none; });
    if (!none_left)
      return {};
    if (answer_.members.empty())
      return {error_code::malformed_response, "the answer leaves out the members"};
    std::string who;
    for (const auto& m : asked_.members)
      who += (who.empty() ? "" : ", ") + member_of(m);
    return {answer_.members.front().status, "group " + asked_.group + ": " + who};
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

} // namespace

} // namespace calls

std::unique_ptr<protocol::call> make_call(
  leave_group asked, const call_context& around, reply_function<left_group> reply) {
  return calls::start<calls::leave_group_call>(
    std::move(asked), around, std::move(reply));
}

} // namespace cafka
