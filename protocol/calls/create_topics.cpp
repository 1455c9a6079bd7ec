#include "create_topics.hpp"

#include "../messages/create_topics.hpp"
#include "topic_calls.hpp"

namespace cafka {

namespace calls {

namespace {

error check_new_topic(const new_topic& t) {
  const auto refuse = [&](const std::string& why) {
    return error{error_code::invalid_argument, "topic " + t.name + ": " + why};
  };
  if (auto wrong = protocol::check_topic_name(t.name))
    return wrong;
  for (const auto& [name, value] : t.configs) {
    if (auto wrong = first_of({protocol::check_name("config", name),
          check_name("the value of config " + name.substr(0, 60), value)});
        wrong)
      return refuse(wrong.detail);
  }
  if (t.partitions == 0 || t.partitions < -1)
    return refuse("partitions is " + std::to_string(t.partitions)
      + ", allowed are -1 (the broker's default) and 1 or more");
  if (t.replication_factor == 0 || t.replication_factor < -1)
    return refuse("replication_factor is " + std::to_string(t.replication_factor)
      + ", allowed are -1 (the broker's default) and 1 or more");
  if (!t.replica_assignment.empty() && (t.partitions != -1 || t.replication_factor != -1))
    return refuse("replica_assignment says how many partitions and replicas there are: "
                  "partitions and replication_factor must be -1");
  return {};
}

class create_topics_call final
  : public operation_call<create_topics, protocol::create_topics_request> {
public:
  using operation_call::operation_call;

  static error check(const create_topics& asked) {
    if (asked.topics.empty())
      return invalid("there are no topics to create");
    for (const auto& t : asked.topics) {
      if (auto wrong = check_new_topic(t))
        return wrong;
    }
    return {};
  }

  static void route(traits& to, const create_topics& asked) {
    to_controller(to, asked.timeout, asked.deadline);
    to.repeatable = asked.validate_only;
    if (asked.validate_only)
      to.need(1, "validate_only needs");
    for (const auto& t : asked.topics) {
      if (t.replica_assignment.empty() && (t.partitions < 0 || t.replication_factor < 0))
        to.need(4, "the broker's default for partitions or replicas needs"); // KIP-464
    }
  }

  result<wire> fill(std::int16_t, const cluster&) override {
    wire out;
    out.timeout_ms = in_milliseconds(timeout_of(asked_.timeout, asked_.deadline));
    out.validate_only = asked_.validate_only;
    for (const auto& t : asked_.topics) {
      auto& topic = out.topics.emplace_back();
      topic.name = t.name;
      topic.num_partitions = t.partitions;
      topic.replication_factor = t.replication_factor;
      for (std::size_t p = 0; p != t.replica_assignment.size(); ++p)
        topic.assignments.push_back(
          {static_cast<std::int32_t>(p), t.replica_assignment[p]});
      for (const auto& [name, value] : t.configs)
        topic.configs.push_back({name, value});
    }
    return out;
  }

  error take(response answer, std::int16_t, cluster& known) override {
    std::vector<std::string> names;
    for (const auto& t : asked_.topics)
      names.push_back(t.name);
    auto outcome = take_results(names, answer.topics, answer_);
    if (!outcome && !asked_.validate_only)
      forget_changed(answer_, known);
    return outcome;
  }

private:
  [[nodiscard]] error unread(error why) const override {
    return asked_.validate_only ? why : may_be_done(why);
  }
};

} // namespace

} // namespace calls

std::unique_ptr<protocol::call> make_call(
  create_topics asked, const call_context& around, reply_function<topic_results> reply) {
  return calls::start<calls::create_topics_call>(
    std::move(asked), around, std::move(reply));
}

} // namespace cafka
