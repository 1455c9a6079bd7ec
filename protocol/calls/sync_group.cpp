#include "sync_group.hpp"

#include "../messages/sync_group.hpp"
#include "coordinator_call.hpp"

namespace cafka {

namespace calls {

namespace {

class sync_group_call final
  : public coordinator_call<sync_group, protocol::sync_group_request> {
public:
  using coordinator_call::coordinator_call;

  static void complete(sync_group& asked, const call_context& around) {
    coordinator_call::complete(asked, around);
    if (asked.deadline <= milliseconds{0})
      asked.deadline = around.defaults.request_timeout
        + around.groups.timeouts_of(around.now, asked.group).rebalance;
  }

  static error check(const sync_group& asked) {
    if (auto wrong = first_of({check_group(asked.group), check_member(asked),
          protocol::check_name("protocol_type", asked.protocol_type),
          protocol::check_name("protocol_name", asked.protocol_name)}))
      return wrong;
    for (const auto& a : asked.assignments) {
      if (auto wrong = protocol::check_name("member_id", a.member_id))
        return wrong;
    }
    return {};
  }

  static void route(traits& to, const sync_group& asked) {
    to_coordinator(to, asked);
    to.lane = protocol::lane::resting;
    to.answer_timeout = asked.deadline;
    // From version 5 on the broker wants to be told both (KIP-559).
    if (asked.protocol_type.empty() || asked.protocol_name.empty())
      to.versions.max = 4;
    if (asked.group_instance_id)
      to.need(3, "group_instance_id needs"); // KIP-345
  }

  result<wire> fill(std::int16_t version, const cluster&) override {
    wire out;
    out.group_id = asked_.group;
    out.generation_id = asked_.generation;
    out.member_id = asked_.member_id;
    out.group_instance_id = asked_.group_instance_id;
    if (version >= 5) {
      out.protocol_type = asked_.protocol_type;
      out.protocol_name = asked_.protocol_name;
    }
    for (const auto& a : asked_.assignments)
      out.assignments.push_back({a.member_id, shared_bytes::copy_of(a.assignment)});
    return out;
  }

  error take(response answer, std::int16_t, cluster&) override {
    if (answer.error_code != error_code::none)
      return about_group(answer.error_code);
    answer_.protocol_type = answer.protocol_type.value_or(asked_.protocol_type);
    answer_.protocol_name = answer.protocol_name.value_or(asked_.protocol_name);
    answer_.assignment = text_of(answer.assignment);
    return {};
  }
};

} // namespace

} // namespace calls

std::unique_ptr<protocol::call> make_call(
  sync_group asked, const call_context& around, reply_function<synced_group> reply) {
  return calls::start<calls::sync_group_call>(std::move(asked), around, std::move(reply));
}

} // namespace cafka
