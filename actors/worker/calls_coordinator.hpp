#pragma once

// What the calls to a group's coordinator have in common.

#include "calls_common.hpp"

namespace cafka::actors {

/// Whether the coordinator, or the next one, may answer otherwise in a moment.
inline bool coordinator_may_recover(error_code e) {
  switch (e) {
  case error_code::coordinator_load_in_progress:
  case error_code::coordinator_not_available:
  case error_code::not_coordinator: return true;
  default: return false;
  }
}

/// A call about one group.
template <class Request, class Reply>
class coordinated_call : public replying_call<Request, Reply> {
public:
  using replying_call<Request, Reply>::replying_call;

  [[nodiscard]] bool may_retry(error_code e) const override {
    return coordinator_may_recover(e);
  }

protected:
  [[nodiscard]] error about_group(error_code e) const {
    return {e, "group " + this->request_.group};
  }
};

template <class Message, class Request>
protocol::call::traits to_coordinator(const Request& request) {
  auto what = traits_of<Message>(request.api_version);
  what.where = protocol::coordinator_of{protocol::coordinator_type::group, request.group};
  what.lane = protocol::lane::group;
  return what;
}

/// The call, unless something is wrong with the request.
template <class Call, class Request, class Reply>
std::unique_ptr<protocol::call> make_coordinated(error wrong, protocol::call::traits what,
  Request request, reply_function<Reply> reply) {
  if (request.group.empty())
    wrong = {
      error_code::invalid_group_id, "no group is named, and the worker belongs to none"};
  else if (auto bad = protocol::check_name("group", request.group))
    wrong = std::move(bad);
  if (!wrong)
    return std::make_unique<Call>(std::move(what), std::move(request), std::move(reply));
  reply(std::move(wrong));
  return nullptr;
}

} // namespace cafka::actors
