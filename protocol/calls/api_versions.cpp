#include "api_versions.hpp"

#include "../messages/api_versions.hpp"
#include "operation_call.hpp"

namespace cafka {

namespace calls {

namespace {

class api_versions_call final
  : public operation_call<api_versions, protocol::api_versions_request> {
public:
  using operation_call::operation_call;

  static error check(const api_versions&) { return {}; }

  static void route(traits& to, const api_versions& asked) {
    if (asked.broker)
      to.where = *asked.broker;
  }

  result<wire> fill(std::int16_t version, const cluster&) override {
    wire out;
    if (version >= 3) {
      out.client_software_name = protocol::client_software_name;
      out.client_software_version = protocol::client_software_version;
    }
    return out;
  }

  error take(response answer, std::int16_t, cluster&) override {
    if (answer.error_code != error_code::none)
      return {answer.error_code, {}};
    for (const auto& api : answer.api_keys)
      answer_.apis.push_back(
        {static_cast<protocol::api_key>(api.api_key), api.min_version, api.max_version});
    std::ranges::sort(answer_.apis, {}, &api_version_range::key);
    return {};
  }
};

} // namespace

} // namespace calls

std::unique_ptr<protocol::call> make_call(api_versions asked, const call_context& around,
  reply_function<supported_versions> reply) {
  return calls::start<calls::api_versions_call>(
    std::move(asked), around, std::move(reply));
}

} // namespace cafka
