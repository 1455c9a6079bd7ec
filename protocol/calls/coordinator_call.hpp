#pragma once

// What the calls to a group's coordinator have in common; for their sources alone.

#include "operation_call.hpp"

namespace cafka::calls {

/// Fills in the client's group where the request names none.
inline void complete_group(std::string& group, const call_context& around) {
  if (group.empty() && around.defaults.consumer_group)
    group = *around.defaults.consumer_group;
}

inline std::string text_of(const shared_bytes& bytes) {
  return std::string{bytes.text()};
}

inline error check_group(const std::string& group) {
  if (group.empty())
    return {
      error_code::invalid_group_id, "no group is named, and the worker belongs to none"};
  return protocol::check_name("group", group);
}

/// A call about one group.
template <class Asked, class Wire>
class coordinator_call : public operation_call<Asked, Wire> {
public:
  using operation_call<Asked, Wire>::operation_call;

  static void complete(Asked& asked, const call_context& around) {
    complete_group(asked.group, around);
  }

  /// Whether the coordinator, or the next one, may answer otherwise in a moment.
  [[nodiscard]] bool may_retry(error_code e) const override {
    return e == error_code::coordinator_load_in_progress
      || e == error_code::coordinator_not_available || e == error_code::not_coordinator;
  }

protected:
  static void to_coordinator(traits& what, const Asked& asked) {
    what.where = protocol::coordinator_of{protocol::coordinator_type::group, asked.group};
    what.lane = protocol::lane::group;
  }

  [[nodiscard]] error about_group(error_code e) const {
    return {e, "group " + this->asked_.group};
  }
};

/// What all requests of a member have.
template <class Asked>
error check_ids(const Asked& asked) {
  return first_of({protocol::check_name("member_id", asked.member_id),
    check_name("group_instance_id", asked.group_instance_id)});
}

template <class Asked>
error check_member(const Asked& asked) {
  if (asked.generation < 0)
    return invalid("generation is " + std::to_string(asked.generation)
      + ", as joined_group says it is not");
  if (asked.member_id.empty())
    return invalid("there is no member_id");
  return check_ids(asked);
}

} // namespace cafka::calls
