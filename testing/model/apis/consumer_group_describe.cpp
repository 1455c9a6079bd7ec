#include "api.hpp"

// ConsumerGroupDescribe, versions 0 and 1, since 4.0 (KIP-848).
//
// Each group has its own error: GROUP_ID_NOT_FOUND for one of the classic protocol too.
// Since 1 there is the type of a member. Everything is allowed: the bits of authorized
// operations, where they are asked for, are all that apply to a group.

namespace cafka::testing {

using namespace protocol;

namespace {

consumer_group_describe_group failed(const std::string& group, error_code why) {
  consumer_group_describe_group out;
  out.group_id = group;
  out.error_code = why;
  out.error_message = std::string{text(why)};
  return out;
}

consumer_group_describe_group described(
  const request_context& c, const std::string& name, bool with_operations) {
  if (const auto why = may_coordinate(c, name); why != error_code::none)
    return failed(name, why);
  const auto* group = c.cluster.consumers_of(name);
  if (group == nullptr)
    return failed(name, error_code::group_id_not_found);
  auto out = group->describe(c.cluster.topics_for_groups());
  out.group_id = name;
  if (with_operations)
    out.authorized_operations = all_of_group(c.broker.release);
  return out;
}

} // namespace

outcome<consumer_group_describe_response> handle(
  const request_context& c, const consumer_group_describe_request& asked) {
  consumer_group_describe_response response;
  for (const auto& name : asked.group_ids)
    response.groups.push_back(described(c, name, asked.include_authorized_operations));
  return response;
}

consumer_group_describe_response refuse(
  const consumer_group_describe_request& asked, std::int16_t, error_code why) {
  consumer_group_describe_response response;
  for (const auto& name : asked.group_ids)
    response.groups.push_back(failed(name, why));
  return response;
}

} // namespace cafka::testing
