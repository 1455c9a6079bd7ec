#include "offset_fetch.hpp"

#include "../messages/offset_fetch.hpp"
#include "offset_calls.hpp"

namespace cafka {

namespace calls {

namespace {

class offset_fetch_call final
  : public coordinator_call<offset_fetch, protocol::offset_fetch_request> {
public:
  using coordinator_call::coordinator_call;

  static error check(const offset_fetch& asked) {
    if (auto wrong = check_group(asked.group))
      return wrong;
    if (!asked.topics)
      return {};
    for (const auto& t : *asked.topics) {
      if (auto wrong = protocol::check_topic_name(t.topic))
        return wrong;
      for (const auto p : t.partitions) {
        if (auto wrong = check_partition(t.topic, p))
          return wrong;
      }
    }
    return {};
  }

  static void route(traits& to, const offset_fetch& asked) {
    to_coordinator(to, asked);
    to.versions = offsets_by_name(to.versions);
    if (!asked.topics)
      to.need(2, "asking for all topics needs"); // KIP-88
    if (asked.require_stable)
      to.need(7, "require_stable needs"); // KIP-447
  }

  result<wire> fill(std::int16_t version, const cluster&) override {
    wire out;
    out.require_stable = asked_.require_stable;
    if (version >= 8) {
      auto& group = out.groups.emplace_back();
      group.group_id = asked_.group;
      group.topics = topics<std::vector<protocol::offset_fetch_request_group_topic>>();
    } else {
      out.group_id = asked_.group;
      out.topics = topics<std::vector<protocol::offset_fetch_request_topic>>();
    }
    return out;
  }

  error take(response answer, std::int16_t version, cluster&) override {
    answer_.group = asked_.group;
    answer_.offsets.clear();
    if (version < 8)
      return take(answer.error_code, answer.topics);
    if (answer.groups.size() != 1)
      return {error_code::malformed_response,
        "the answer is about " + std::to_string(answer.groups.size())
          + " groups, and one was asked about"};
    return take(answer.groups.front().error_code, answer.groups.front().topics);
  }

  [[nodiscard]] bool may_retry(error_code e) const override {
    return coordinator_call::may_retry(e) || e == error_code::unstable_offset_commit;
  }

private:
  template <class Topics>
  [[nodiscard]] std::optional<Topics> topics() const {
    if (!asked_.topics)
      return std::nullopt;
    Topics all;
    for (const auto& t : *asked_.topics) {
      auto& to = topic_in(all, t.topic).partition_indexes;
      to.insert(to.end(), t.partitions.begin(), t.partitions.end());
    }
    return all;
  }

  template <class Topics>
  error take(error_code e, const Topics& topics) {
    if (e != error_code::none)
      return about_group(e);
    refusals refused;
    for (const auto& t : topics) {
      for (const auto& p : t.partitions) {
        // What brokers of old, and those that do not know the topic, say for nothing.
        const bool nothing = p.committed_offset.value() < 0
          || p.error_code == error_code::unknown_topic_or_partition;
        if (p.error_code != error_code::unknown_topic_or_partition)
          refused.add(t.name, p.partition_index, p.error_code);
        answer_.offsets.push_back({t.name, p.partition_index,
          nothing ? std::optional<log_offset>{} : p.committed_offset,
          p.committed_leader_epoch, p.metadata.value_or("")});
      }
    }
    return refused.outcome(asked_.group);
  }
};

} // namespace

} // namespace calls

std::unique_ptr<protocol::call> make_call(
  offset_fetch asked, const call_context& around, reply_function<fetched_offsets> reply) {
  return calls::start<calls::offset_fetch_call>(
    std::move(asked), around, std::move(reply));
}

} // namespace cafka
