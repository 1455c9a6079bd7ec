#include "describe_cluster.hpp"

#include "../messages/describe_cluster.hpp"
#include "../text.hpp"
#include "operation_call.hpp"

namespace cafka {

namespace calls {

namespace {

class describe_cluster_call final
  : public operation_call<describe_cluster, protocol::describe_cluster_request> {
public:
  using operation_call::operation_call;

  static error check(const describe_cluster&) { return {}; }

  static void route(traits& to, const describe_cluster& asked) {
    if (asked.include_fenced_brokers)
      to.need(2, "include_fenced_brokers needs"); // KIP-1073
  }

  result<wire> fill(std::int16_t, const cluster&) override {
    wire out;
    out.include_cluster_authorized_operations = asked_.include_authorized_operations;
    out.include_fenced_brokers = asked_.include_fenced_brokers;
    return out;
  }

  error take(response answer, std::int16_t, cluster&) override {
    if (answer.error_code != error_code::none)
      return {answer.error_code, protocol::shown(answer.error_message.value_or(""))};
    answer_ = {};
    answer_.cluster_id = std::move(answer.cluster_id);
    answer_.controller = answer.controller_id;
    for (auto& b : answer.brokers) {
      auto address = protocol::told_endpoint(b.host, b.port);
      answer_.brokers.push_back({b.broker_id,
        address ? *std::move(address) : endpoint{{}, 0}, std::move(b.rack), b.is_fenced});
    }
    std::ranges::sort(answer_.brokers, {}, &described_broker::id);
    if (asked_.include_authorized_operations)
      answer_.authorized_operations = answer.cluster_authorized_operations;
    return {};
  }
};

} // namespace

} // namespace calls

std::unique_ptr<protocol::call> make_call(describe_cluster asked,
  const call_context& around, reply_function<described_cluster> reply) {
  return calls::start<calls::describe_cluster_call>(
    std::move(asked), around, std::move(reply));
}

} // namespace cafka
