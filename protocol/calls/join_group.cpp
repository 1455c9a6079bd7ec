#include "join_group.hpp"

#include "../messages/join_group.hpp"
#include "coordinator_call.hpp"

namespace cafka {

namespace calls {

namespace {

class join_group_call final
  : public coordinator_call<join_group, protocol::join_group_request> {
public:
  using coordinator_call::coordinator_call;

  static void complete(join_group& asked, const call_context& around) {
    coordinator_call::complete(asked, around);
    around.groups.joined(
      around.now, asked.group, {asked.rebalance_timeout, asked.session_timeout});
    if (asked.deadline <= milliseconds{0})
      asked.deadline = around.defaults.request_timeout + asked.rebalance_timeout;
  }

  static error check(const join_group& asked) {
    if (auto wrong = check_group(asked.group))
      return wrong;
    if (asked.protocols.empty())
      return invalid("there is no protocol to join with");
    if (asked.session_timeout <= milliseconds{0}
      || asked.rebalance_timeout <= milliseconds{0})
      return invalid("session_timeout and rebalance_timeout must be more than zero");
    for (const auto& p : asked.protocols) {
      if (auto wrong = protocol::check_name("protocol", p.name))
        return wrong;
    }
    return first_of(
      {check_ids(asked), protocol::check_name("protocol_type", asked.protocol_type),
        check_name("reason", asked.reason)});
  }

  static void route(traits& to, const join_group& asked) {
    to_coordinator(to, asked);
    to.lane = protocol::lane::resting;
    // The broker waits for the most patient member, which may be another one.
    to.answer_timeout =
      std::max({asked.rebalance_timeout, asked.session_timeout, asked.deadline});
    if (asked.group_instance_id)
      to.need(5, "group_instance_id needs"); // KIP-345
  }

  result<wire> fill(std::int16_t version, const cluster&) override {
    wire out;
    out.group_id = asked_.group;
    out.session_timeout_ms = in_milliseconds(asked_.session_timeout);
    if (version >= 1)
      out.rebalance_timeout_ms = in_milliseconds(asked_.rebalance_timeout);
    out.member_id = asked_.member_id;
    out.group_instance_id = asked_.group_instance_id;
    out.protocol_type = asked_.protocol_type;
    for (const auto& p : asked_.protocols)
      out.protocols.push_back({p.name, shared_bytes::copy_of(p.metadata)});
    if (version >= 8)
      out.reason = asked_.reason;
    return out;
  }

  error take(response answer, std::int16_t, cluster&) override {
    if (answer.error_code == error_code::member_id_required) {
      id_taken_ = !answer.member_id.empty() && asked_.member_id.empty();
      asked_.member_id = answer.member_id;
    }
    if (answer.error_code != error_code::none)
      return about_group(answer.error_code);
    answer_.group = asked_.group;
    answer_.generation = answer.generation_id;
    answer_.protocol_type = answer.protocol_type.value_or(asked_.protocol_type);
    answer_.protocol_name = answer.protocol_name.value_or("");
    answer_.leader = answer.leader;
    answer_.member_id = answer.member_id;
    answer_.skip_assignment = answer.skip_assignment;
    answer_.members.clear();
    for (const auto& m : answer.members)
      answer_.members.push_back({m.member_id, m.group_instance_id, text_of(m.metadata)});
    return {};
  }

  /// The id that the broker wants taken (KIP-394) is taken, once.
  [[nodiscard]] bool may_retry(error_code e) const override {
    return e == error_code::member_id_required ? id_taken_
                                               : coordinator_call::may_retry(e);
  }

  /// A member without an id that joins again is another member to the broker, and the
  /// group would never get the first.
  [[nodiscard]] bool repeatable() const override {
    return !asked_.member_id.empty() || asked_.group_instance_id.has_value();
  }

private:
  bool id_taken_ = false;
};

} // namespace

} // namespace calls

std::unique_ptr<protocol::call> make_call(
  join_group asked, const call_context& around, reply_function<joined_group> reply) {
  return calls::start<calls::join_group_call>(std::move(asked), around, std::move(reply));
}

} // namespace cafka
