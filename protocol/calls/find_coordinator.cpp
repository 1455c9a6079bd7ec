#include "find_coordinator.hpp"

#include "../machines/coordinator_lookup.hpp"
#include "../messages/find_coordinator.hpp"
#include "coordinator_call.hpp"

namespace cafka {

namespace calls {

namespace {

class find_coordinator_call final
  : public operation_call<find_coordinator, protocol::find_coordinator_request> {
public:
  using operation_call::operation_call;

  static void complete(find_coordinator& asked, const call_context& around) {
    if (asked.type == coordinator_type::group)
      complete_group(asked.key, around);
  }

  static error check(const find_coordinator& asked) {
    if (asked.key.empty())
      return check_group(asked.key);
    return protocol::check_name(
      asked.type == coordinator_type::group ? "group" : "transactional id", asked.key);
  }

  static void route(traits& to, const find_coordinator& asked) {
    to.versions = protocol::lookup_versions({asked.type, asked.key});
    if (asked.type == coordinator_type::transaction)
      to.who_needs = "transactions need";
  }

  result<wire> fill(std::int16_t version, const cluster&) override {
    return protocol::lookup_request(wanted(), version);
  }

  [[nodiscard]] std::optional<protocol::coordinator_of> looks_up() const override {
    return wanted();
  }

  error take(response answer, std::int16_t version, cluster& known) override {
    const auto found = protocol::found_in(wanted(), version, answer);
    if (!found)
      return found.error();
    known.learn_coordinator(wanted(), found->id, found->address);
    answer_ = {asked_.key, found->id, found->address};
    return {};
  }

private:
  [[nodiscard]] protocol::coordinator_of wanted() const {
    return {asked_.type, asked_.key};
  }
};

} // namespace

} // namespace calls

std::unique_ptr<protocol::call> make_call(find_coordinator asked,
  const call_context& around, reply_function<found_coordinator> reply) {
  return calls::start<calls::find_coordinator_call>(
    std::move(asked), around, std::move(reply));
}

} // namespace cafka
