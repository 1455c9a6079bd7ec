// The offsets that groups keep, and who keeps them.
#include "../../protocol/machines/coordinator_lookup.hpp"
#include "../../protocol/messages/find_coordinator.hpp"
#include "../../protocol/messages/offset_commit.hpp"
#include "../../protocol/messages/offset_fetch.hpp"
#include "../../protocol/text.hpp"
#include "calls_coordinator.hpp"

namespace cafka::actors {

namespace {

/// From here on topics go by their ids, which a coordinator's clients need not know; the
/// version before says the same by name.
constexpr std::int16_t last_offsets_by_name = 9;

/// Up to here a commit says how long it is kept.
constexpr std::int16_t last_with_retention = 4;

/// The place of a topic in a request that goes topic by topic.
template <class Topics>
auto& topic_in(Topics& topics, const std::string& name) {
  const auto found =
    std::ranges::find_if(topics, [&](const auto& t) { return t.name == name; });
  if (found != topics.end())
    return *found;
  auto& fresh = topics.emplace_back();
  fresh.name = name;
  return fresh;
}

/// More than so many bytes about single partitions no error has.
constexpr std::size_t longest_detail = 2'000;

/// Collects what became of partitions: the first code, and each that was refused.
class refusals {
public:
  void add(const std::string& topic, partition_id p, error_code e) {
    if (e == error_code::none)
      return;
    if (!outcome_)
      outcome_.code = e;
    outcome_.detail += (outcome_.detail.empty() ? "" : ", ") + at(topic, p);
    if (e != outcome_.code)
      outcome_.detail += " (" + to_string(e) + ')';
    outcome_.detail = protocol::shown(outcome_.detail, longest_detail);
  }

  [[nodiscard]] error outcome(const std::string& group) const {
    if (!outcome_)
      return {};
    return {outcome_.code, "group " + group + ": " + outcome_.detail};
  }

private:
  error outcome_;
};

class offset_commit_call final : public coordinated_call<offset_commit, done> {
public:
  using coordinated_call::coordinated_call;

  result<frame> encode(std::int16_t version, std::int32_t correlation_id,
    std::string_view client_id, const cluster&) override {
    protocol::offset_commit_request out;
    out.group_id = request_.group;
    if (version >= 1) {
      out.generation_id_or_member_epoch = request_.generation;
      out.member_id = request_.member_id;
    }
    out.group_instance_id = request_.group_instance_id;
    if (request_.retention >= milliseconds{0})
      out.retention_time_ms = request_.retention.count();
    for (const auto& o : request_.offsets) {
      auto& p = topic_in(out.topics, o.topic).partitions.emplace_back();
      p.partition_index = o.partition;
      p.committed_offset = o.offset;
      if (version >= 6)
        p.committed_leader_epoch = o.epoch;
      p.committed_metadata = o.metadata;
    }
    return encode_request(out, version, correlation_id, client_id);
  }

  error receive(std::int16_t version, const shared_bytes& payload, cluster&) override {
    const auto answer = read_answer<protocol::offset_commit_response>(payload, version);
    if (!answer)
      return answer.error();
    refusals refused;
    // What the answer leaves out, or says with a code that is not known, may be kept.
    for (const auto& o : request_.offsets)
      refused.add(o.topic, o.partition, code_of(*answer, o));
    return refused.outcome(request_.group);
  }

  /// The same offset committed twice is committed.
  [[nodiscard]] bool may_retry(error_code e) const override {
    return coordinated_call::may_retry(e) || e == error_code::request_timed_out;
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

class offset_fetch_call final : public coordinated_call<offset_fetch, fetched_offsets> {
public:
  using coordinated_call::coordinated_call;

  result<frame> encode(std::int16_t version, std::int32_t correlation_id,
    std::string_view client_id, const cluster&) override {
    protocol::offset_fetch_request out;
    out.require_stable = request_.require_stable;
    if (version >= 8) {
      auto& group = out.groups.emplace_back();
      group.group_id = request_.group;
      group.topics = topics<std::vector<protocol::offset_fetch_request_group_topic>>();
    } else {
      out.group_id = request_.group;
      out.topics = topics<std::vector<protocol::offset_fetch_request_topic>>();
    }
    return encode_request(out, version, correlation_id, client_id);
  }

  error receive(std::int16_t version, const shared_bytes& payload, cluster&) override {
    const auto answer = read_answer<protocol::offset_fetch_response>(payload, version);
    if (!answer)
      return answer.error();
    answer_.group = request_.group;
    answer_.offsets.clear();
    if (version < 8)
      return take(answer->error_code, answer->topics);
    if (answer->groups.size() != 1)
      return {error_code::malformed_response,
        "the answer is about " + std::to_string(answer->groups.size())
          + " groups, and one was asked about"};
    return take(answer->groups.front().error_code, answer->groups.front().topics);
  }

  [[nodiscard]] bool may_retry(error_code e) const override {
    return coordinated_call::may_retry(e) || e == error_code::unstable_offset_commit;
  }

private:
  template <class Topics>
  [[nodiscard]] std::optional<Topics> topics() const {
    if (!request_.topics)
      return std::nullopt;
    Topics all;
    for (const auto& t : *request_.topics) {
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
    return refused.outcome(request_.group);
  }
};

class find_coordinator_call final
  : public replying_call<find_coordinator, found_coordinator> {
public:
  using replying_call::replying_call;

  result<frame> encode(std::int16_t version, std::int32_t correlation_id,
    std::string_view client_id, const cluster&) override {
    return protocol::encode_lookup(wanted(), version, correlation_id, client_id);
  }

  [[nodiscard]] std::optional<protocol::coordinator_of> looks_up() const override {
    return wanted();
  }

  error receive(
    std::int16_t version, const shared_bytes& payload, cluster& known) override {
    const auto found = protocol::decode_lookup(wanted(), version,
      read_answer<protocol::find_coordinator_response>(payload, version));
    if (!found)
      return found.error();
    known.learn_coordinator(wanted(), found->id, found->address);
    answer_ = {request_.key, found->id, found->address};
    return {};
  }

private:
  [[nodiscard]] protocol::coordinator_of wanted() const {
    return {request_.type, request_.key};
  }
};

error check(const offset_commit& request) {
  if (request.offsets.empty())
    return {error_code::invalid_argument, "there are no offsets to commit"};
  for (const auto& o : request.offsets) {
    if (auto wrong = actors::check(o.topic, o.partition))
      return wrong;
    if (o.offset.value() < 0)
      return {error_code::invalid_argument,
        "offset " + std::to_string(o.offset.value()) + " of " + at(o.topic, o.partition)
          + " is negative"};
    if (auto wrong = protocol::check_name("metadata", o.metadata))
      return wrong;
  }
  return first_of({protocol::check_name("member_id", request.member_id),
    check_name("group_instance_id", request.group_instance_id)});
}

error check(const offset_fetch& request) {
  if (!request.topics)
    return {};
  for (const auto& t : *request.topics) {
    if (auto wrong = protocol::check_topic_name(t.topic))
      return wrong;
    for (const auto p : t.partitions) {
      if (auto wrong = actors::check(t.topic, p))
        return wrong;
    }
  }
  return {};
}

protocol::version_range by_name(protocol::version_range versions) {
  versions.max = last_offsets_by_name;
  return versions;
}

} // namespace

void pair_pins(
  std::optional<std::int16_t>& offset_fetch, std::optional<std::int16_t>& offset_commit) {
  if (!offset_fetch && offset_commit == 0)
    offset_fetch = 0;
  else if (!offset_commit && offset_fetch == 0)
    offset_commit = 0;
}

error check_pins(
  std::optional<std::int16_t> offset_fetch, std::optional<std::int16_t> offset_commit) {
  return first_of({
    protocol::check_pin(protocol::api_key::offset_fetch,
      by_name(protocol::offset_fetch_request::versions), offset_fetch),
    protocol::check_pin(protocol::api_key::offset_commit,
      by_name(protocol::offset_commit_request::versions), offset_commit),
  });
}

std::unique_ptr<protocol::call> make_call(
  offset_commit request, reply_function<done> reply) {
  auto what = to_coordinator<protocol::offset_commit_request>(request);
  what.versions = by_name(what.versions);
  if (!request.member_id.empty() || request.generation >= 0)
    what.need(1, "a member's commit needs");
  if (request.group_instance_id)
    what.need(7, "group_instance_id needs"); // KIP-345
  if (request.retention >= milliseconds{0}) {
    what.need(2, "retention needs");
    what.versions.max = last_with_retention; // KIP-211
  }
  auto wrong = check(request);
  return make_coordinated<offset_commit_call>(
    std::move(wrong), std::move(what), std::move(request), std::move(reply));
}

std::unique_ptr<protocol::call> make_call(
  offset_fetch request, reply_function<fetched_offsets> reply) {
  auto what = to_coordinator<protocol::offset_fetch_request>(request);
  what.versions = by_name(what.versions);
  if (!request.topics)
    what.need(2, "asking for all topics needs"); // KIP-88
  if (request.require_stable)
    what.need(7, "require_stable needs"); // KIP-447
  auto wrong = check(request);
  return make_coordinated<offset_fetch_call>(
    std::move(wrong), std::move(what), std::move(request), std::move(reply));
}

std::unique_ptr<protocol::call> make_call(
  find_coordinator request, reply_function<found_coordinator> reply) {
  if (request.key.empty()) {
    reply(error{
      error_code::invalid_group_id, "no group is named, and the worker belongs to none"});
    return nullptr;
  }
  if (auto wrong = protocol::check_name(
        request.type == coordinator_type::group ? "group" : "transactional id",
        request.key)) {
    reply(std::move(wrong));
    return nullptr;
  }
  auto what = traits_of<protocol::find_coordinator_request>(request.api_version);
  what.versions = protocol::lookup_versions({request.type, request.key});
  if (request.type == coordinator_type::transaction)
    what.who_needs = "transactions need";
  return std::make_unique<find_coordinator_call>(
    std::move(what), std::move(request), std::move(reply));
}

} // namespace cafka::actors
