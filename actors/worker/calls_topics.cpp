#include "../../protocol/messages/create_topics.hpp"
#include "../../protocol/messages/delete_topics.hpp"
#include "../../protocol/text.hpp"
#include "calls_common.hpp"

namespace cafka::actors {

namespace {

/// Puts the broker's results in the order of the questions. An error only when the broker
/// was not the controller, and nothing has happened.
template <class Results>
error take_results(
  const std::vector<std::string>& asked, const Results& results, topic_results& out) {
  out.topics.clear();
  std::size_t elsewhere = 0;
  for (const auto& name : asked) {
    const auto found = std::ranges::find_if(
      results, [&](const auto& r) { return std::optional<std::string>{r.name} == name; });
    auto& result = out.topics.emplace_back();
    result.name = name;
    if (found == results.end()) {
      result.status = error_code::outcome_unknown;
      result.message = "the answer leaves it out";
      continue;
    }
    result.status = found->error_code;
    if constexpr (requires { found->error_message; })
      result.message = protocol::shown(found->error_message.value_or(""));
    if (!is_kafkas(result.status)) {
      result.message = to_string(error{result.status, result.message});
      result.status = error_code::outcome_unknown;
    }
    elsewhere += result.status == error_code::not_controller ? 1 : 0;
  }
  if (elsewhere == asked.size())
    return {error_code::not_controller, out.topics.front().message};
  return {};
}

void forget_changed(const topic_results& results, cluster& known) {
  for (const auto& t : results.topics) {
    if (t.status == error_code::none)
      known.forget_topic(t.name);
  }
}

class create_topics_call final : public replying_call<create_topics, topic_results> {
public:
  using replying_call::replying_call;

  result<frame> encode(std::int16_t version, std::int32_t correlation_id,
    std::string_view client_id, const cluster&) override {
    protocol::create_topics_request out;
    out.timeout_ms = in_milliseconds(request_.timeout);
    out.validate_only = request_.validate_only;
    for (const auto& t : request_.topics) {
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
    return encode_request(out, version, correlation_id, client_id);
  }

  error receive(
    std::int16_t version, const shared_bytes& payload, cluster& known) override {
    const auto answer = read_answer<protocol::create_topics_response>(payload, version);
    if (!answer)
      return request_.validate_only ? answer.error() : may_be_done(answer.error());
    std::vector<std::string> names;
    for (const auto& t : request_.topics)
      names.push_back(t.name);
    auto outcome = take_results(names, answer->topics, answer_);
    if (!outcome && !request_.validate_only)
      forget_changed(answer_, known);
    return outcome;
  }
};

class delete_topics_call final : public replying_call<delete_topics, topic_results> {
public:
  using replying_call::replying_call;

  result<frame> encode(std::int16_t version, std::int32_t correlation_id,
    std::string_view client_id, const cluster&) override {
    protocol::delete_topics_request out;
    out.timeout_ms = in_milliseconds(request_.timeout);
    if (version >= 6) {
      for (const auto& name : request_.topics)
        out.topics.emplace_back().name = name;
    } else {
      out.topic_names = request_.topics;
    }
    return encode_request(out, version, correlation_id, client_id);
  }

  error receive(
    std::int16_t version, const shared_bytes& payload, cluster& known) override {
    const auto answer = read_answer<protocol::delete_topics_response>(payload, version);
    if (!answer)
      return may_be_done(answer.error());
    auto outcome = take_results(request_.topics, answer->responses, answer_);
    if (!outcome)
      forget_changed(answer_, known);
    return outcome;
  }
};

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

/// Not to be sent again after a lost answer: the answer to the second would be about what
/// the first has done.
template <class Message, class Request>
protocol::call::traits to_controller(const Request& request) {
  auto what = traits_of<Message>(request.api_version);
  what.where = protocol::controller_broker{};
  // The broker waits until the topics are there, or gone.
  what.lane = protocol::lane::resting;
  what.patience = request.timeout;
  what.repeatable = false;
  return what;
}

} // namespace

std::unique_ptr<protocol::call> make_call(
  create_topics request, reply_function<topic_results> reply) {
  error wrong;
  if (request.topics.empty())
    wrong = {error_code::invalid_argument, "there are no topics to create"};
  for (const auto& t : request.topics) {
    if (!wrong)
      wrong = check_new_topic(t);
  }
  if (wrong) {
    reply(std::move(wrong));
    return nullptr;
  }
  if (request.timeout <= milliseconds{0})
    request.timeout = request.deadline;
  auto what = to_controller<protocol::create_topics_request>(request);
  what.repeatable = request.validate_only;
  if (request.validate_only)
    what.need(1, "validate_only needs");
  for (const auto& t : request.topics) {
    if (t.replica_assignment.empty() && (t.partitions < 0 || t.replication_factor < 0))
      what.need(4, "the broker's default for partitions or replicas needs"); // KIP-464
  }
  return std::make_unique<create_topics_call>(
    std::move(what), std::move(request), std::move(reply));
}

std::unique_ptr<protocol::call> make_call(
  delete_topics request, reply_function<topic_results> reply) {
  error wrong;
  if (request.topics.empty())
    wrong = {error_code::invalid_argument, "there are no topics to delete"};
  for (const auto& name : request.topics) {
    if (!wrong)
      wrong = protocol::check_topic_name(name);
  }
  if (wrong) {
    reply(std::move(wrong));
    return nullptr;
  }
  if (request.timeout <= milliseconds{0})
    request.timeout = request.deadline;
  auto what = to_controller<protocol::delete_topics_request>(request);
  return std::make_unique<delete_topics_call>(
    std::move(what), std::move(request), std::move(reply));
}

} // namespace cafka::actors
