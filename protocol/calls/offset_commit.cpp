#include "offset_commit.hpp"

#include "../messages/offset_commit.hpp"
#include "offset_calls.hpp"

namespace cafka {

namespace calls {

namespace {

/// Up to here a commit says how long it is kept.
constexpr std::int16_t last_with_retention = 4;

class offset_commit_call final
  : public coordinator_call<offset_commit, protocol::offset_commit_request> {
public:
  using coordinator_call::coordinator_call;

  static error check(const offset_commit& asked) {
    if (auto wrong = check_group(asked.group))
      return wrong;
    if (asked.offsets.empty())
      return invalid("there are no offsets to commit");
    for (const auto& o : asked.offsets) {
      if (auto wrong = check_partition(o.topic, o.partition))
        return wrong;
      if (o.offset.value() < 0)
        return invalid("offset " + std::to_string(o.offset.value()) + " of "
          + at(o.topic, o.partition) + " is negative");
      if (auto wrong = protocol::check_name("metadata", o.metadata))
        return wrong;
    }
    return check_ids(asked);
  }

  static void route(traits& to, const offset_commit& asked) {
    to_coordinator(to, asked);
    to.versions = offsets_by_name(to.versions);
    if (!asked.member_id.empty() || asked.generation >= 0)
      to.need(1, "a member's commit needs");
    if (asked.group_instance_id)
      to.need(7, "group_instance_id needs"); // KIP-345
    if (asked.retention >= milliseconds{0}) {
      to.need(2, "retention needs");
      to.versions.max = last_with_retention; // KIP-211
    }
  }

  result<wire> fill(std::int16_t version, const cluster&) override {
    wire out;
    out.group_id = asked_.group;
    if (version >= 1) {
      out.generation_id_or_member_epoch = asked_.generation;
      out.member_id = asked_.member_id;
    }
    out.group_instance_id = asked_.group_instance_id;
    if (asked_.retention >= milliseconds{0})
      out.retention_time_ms = asked_.retention.count();
    for (const auto& o : asked_.offsets) {
      auto& p = topic_in(out.topics, o.topic).partitions.emplace_back();
      p.partition_index = o.partition;
      p.committed_offset = o.offset;
      if (version >= 6)
        p.committed_leader_epoch = o.epoch;
      p.committed_metadata = o.metadata;
    }
    return out;
  }

  error take(response answer, std::int16_t, cluster&) override {
    refusals refused;
    // What the answer leaves out, or says with a code that is not known, may be kept.
    for (const auto& o : asked_.offsets)
      refused.add(o.topic, o.partition, code_of(answer, o));
    return refused.outcome(asked_.group);
  }

  /// The same offset committed twice is committed.
  [[nodiscard]] bool may_retry(error_code e) const override {
    return coordinator_call::may_retry(e) || e == error_code::request_timed_out;
  }

private:
  static error_code code_of(
    const protocol::offset_commit_response& answer, const offset_to_commit& o) {
    for (const auto& t : answer.topics) {
      if (t.name != o.topic)
        continue;
      for (const auto& p : t.partitions) {
        if (p.partition_index == o.partition)
          return is_kafkas(p.error_code) ? p.error_code : error_code::outcome_unknown;
      }
    }
    return error_code::outcome_unknown;
  }
};

} // namespace

} // namespace calls

std::unique_ptr<protocol::call> make_call(
  offset_commit asked, const call_context& around, reply_function<done> reply) {
  return calls::start<calls::offset_commit_call>(
    std::move(asked), around, std::move(reply));
}

} // namespace cafka
