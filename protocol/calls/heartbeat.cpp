#include "heartbeat.hpp"

#include "../messages/heartbeat.hpp"
#include "coordinator_call.hpp"

namespace cafka {

namespace calls {

namespace {

class heartbeat_call final
  : public coordinator_call<heartbeat, protocol::heartbeat_request> {
public:
  using coordinator_call::coordinator_call;

  static void complete(heartbeat& asked, const call_context& around) {
    coordinator_call::complete(asked, around);
    const auto session = around.groups.timeouts_of(around.now, asked.group).session;
    if (asked.deadline <= milliseconds{0} && session > milliseconds{0})
      asked.deadline = std::min(around.defaults.request_timeout, session);
  }

  static error check(const heartbeat& asked) {
    return first_of({check_group(asked.group), check_member(asked)});
  }

  static void route(traits& to, const heartbeat& asked) {
    to_coordinator(to, asked);
    if (asked.group_instance_id)
      to.need(3, "group_instance_id needs"); // KIP-345
  }

  result<wire> fill(std::int16_t, const cluster&) override {
    wire out;
    out.group_id = asked_.group;
    out.generation_id = asked_.generation;
    out.member_id = asked_.member_id;
    out.group_instance_id = asked_.group_instance_id;
    return out;
  }

  error take(response answer, std::int16_t, cluster&) override {
    return answer.error_code == error_code::none ? error{}
                                                 : about_group(answer.error_code);
  }
};

} // namespace

} // namespace calls

std::unique_ptr<protocol::call> make_call(
  heartbeat asked, const call_context& around, reply_function<done> reply) {
  return calls::start<calls::heartbeat_call>(std::move(asked), around, std::move(reply));
}

} // namespace cafka
