#include "api.hpp"

// DescribeGroups, versions 0 to 6.
//
// A group that does not exist, or is of the consumer protocol, is Dead, and since 6
// GROUP_ID_NOT_FOUND (KIP-1043). What members say and have is told while the group is
// stable. Instance ids since 4, authorized operations since 3: all that apply to a group.

namespace cafka::testing {

using namespace protocol;

namespace {

constexpr std::int16_t not_found_since = 6;

described_group failed(const std::string& group, std::int16_t version, error_code why) {
  described_group out;
  out.group_id = group;
  out.error_code = why;
  if (version >= not_found_since)
    out.error_message = std::string{text(why)};
  return out;
}

described_group described(
  const request_context& c, const std::string& name, bool with_operations) {
  if (const auto why = may_coordinate(c, name, false); why != error_code::none)
    return failed(name, c.version, why);
  described_group out;
  if (const auto* group = c.cluster.group(name)) {
    out = group->describe();
  } else if (c.cluster.has_group(name) && c.cluster.consumers_of(name) == nullptr) {
    out.group_state = "Empty"; // It has offsets alone.
  } else {
    if (c.version >= not_found_since)
      out = failed(name, c.version, error_code::group_id_not_found);
    out.group_state = "Dead";
  }
  out.group_id = name;
  if (with_operations && out.error_code == error_code::none)
    out.authorized_operations = all_of_group(c.broker.release);
  return out;
}

} // namespace

outcome<describe_groups_response> handle(
  const request_context& c, const describe_groups_request& asked) {
  describe_groups_response response;
  for (const auto& name : asked.groups)
    response.groups.push_back(described(c, name, asked.include_authorized_operations));
  return response;
}

describe_groups_response refuse(
  const describe_groups_request& asked, std::int16_t version, error_code why) {
  describe_groups_response response;
  for (const auto& name : asked.groups)
    response.groups.push_back(failed(name, version, why));
  return response;
}

} // namespace cafka::testing
