#include "raw.hpp"

#include "context.hpp"

#include <utility>

namespace cafka {

protocol::target protocol::usual_target(api_key key) {
  switch (key) {
  case api_key::create_topics:
  case api_key::delete_topics:
  case api_key::create_partitions:
  case api_key::elect_leaders:
  case api_key::alter_partition_reassignments:
  case api_key::list_partition_reassignments:
  case api_key::create_delegation_token:
  case api_key::renew_delegation_token:
  case api_key::expire_delegation_token:
  case api_key::alter_client_quotas:
  case api_key::alter_user_scram_credentials:
  case api_key::update_features:
  case api_key::add_raft_voter:
  case api_key::remove_raft_voter:
  case api_key::unregister_controller:
  case api_key::unregister_broker: return controller_broker{};
  default: return any_broker{};
  }
}

std::unique_ptr<protocol::call> make_call(
  raw_request asked, const call_context& around, reply_function<raw_response> reply) {
  if (asked.what == nullptr) {
    reply(error{error_code::invalid_argument, "there is no request"});
    return nullptr;
  }
  asked.options.deadline =
    asked.deadline > milliseconds{0} ? asked.deadline : around.defaults.request_timeout;
  return asked.what->make(
    asked.options, [reply = std::move(reply)](result<std::shared_ptr<const void>> got) {
      reply(got.transform(
        [](std::shared_ptr<const void> what) { return raw_response{std::move(what)}; }));
    });
}

} // namespace cafka
