#include "../../protocol/machines/topics_question.hpp"
#include "../../protocol/messages/api_versions.hpp"
#include "../../protocol/messages/metadata.hpp"
#include "calls_common.hpp"

namespace cafka::actors {

namespace {

// -- metadata ---------------------------------------------------------------------------

class metadata_call final : public replying_call<metadata, cluster_metadata> {
public:
  using replying_call::replying_call;

  result<frame> encode(std::int16_t version, std::int32_t correlation_id,
    std::string_view client_id, const cluster&) override {
    if (version == 0 && request_.topics && request_.topics->empty())
      return {error_code::unsupported_api_version,
        "Metadata version 0 cannot ask for no topics"};
    return encode_request(
      question().request(version), version, correlation_id, client_id);
  }

  error receive(
    std::int16_t version, const shared_bytes& payload, cluster& known) override {
    auto answer = read_answer<protocol::metadata_response>(payload, version);
    if (!answer)
      return answer.error();
    const bool all = question().keep_asked(*answer, version);
    // An old version would take away what a newer one has told, such as topic ids.
    if (!request_.api_version)
      known.update(*answer, all);
    answer_.cluster_id = answer->cluster_id;
    answer_.controller = answer->controller_id;
    for (auto& b : answer->brokers) {
      auto address = protocol::told_endpoint(b.host, b.port);
      answer_.brokers.push_back(
        {b.node_id, address ? *std::move(address) : endpoint{{}, 0}, std::move(b.rack)});
    }
    for (auto& t : answer->topics) {
      auto& topic = answer_.topics.emplace_back();
      topic.name = t.name.value_or("");
      topic.status = t.error_code;
      topic.id = t.topic_id;
      topic.internal = t.is_internal;
      for (auto& p : t.partitions)
        topic.partitions.push_back({p.partition_index, p.error_code, p.leader_id,
          p.leader_epoch, std::move(p.replica_nodes), std::move(p.isr_nodes),
          std::move(p.offline_replicas)});
      std::ranges::sort(topic.partitions, {}, &partition_info::id);
    }
    std::ranges::sort(answer_.brokers, {}, &broker_info::id);
    std::ranges::sort(answer_.topics, {}, &topic_info::name);
    return {};
  }

private:
  [[nodiscard]] protocol::topics_question question() const {
    return {request_.topics, request_.allow_auto_topic_creation};
  }
};

// -- api_versions -----------------------------------------------------------------------

class api_versions_call final : public replying_call<api_versions, supported_versions> {
public:
  using replying_call::replying_call;

  result<frame> encode(std::int16_t version, std::int32_t correlation_id,
    std::string_view client_id, const cluster&) override {
    protocol::api_versions_request out;
    if (version >= 3) {
      out.client_software_name = protocol::client_software_name;
      out.client_software_version = protocol::client_software_version;
    }
    return encode_request(out, version, correlation_id, client_id);
  }

  error receive(std::int16_t version, const shared_bytes& payload, cluster&) override {
    const auto answer = read_answer<protocol::api_versions_response>(payload, version);
    if (!answer)
      return answer.error();
    if (answer->error_code != error_code::none)
      return {answer->error_code, {}};
    for (const auto& api : answer->api_keys)
      answer_.apis.push_back(
        {static_cast<protocol::api_key>(api.api_key), api.min_version, api.max_version});
    std::ranges::sort(answer_.apis, {}, &api_version_range::key);
    return {};
  }
};

} // namespace

std::unique_ptr<protocol::call> make_call(
  metadata request, reply_function<cluster_metadata> reply) {
  // As KafkaEx has it.
  if (request.topics && *request.topics == name_list{""})
    request.topics.reset();
  for (const auto& name : request.topics.value_or(name_list{})) {
    if (auto wrong = protocol::check_topic_name(name)) {
      reply(std::move(wrong));
      return nullptr;
    }
  }
  return std::make_unique<metadata_call>(
    traits_of<protocol::metadata_request>(request.api_version), std::move(request),
    std::move(reply));
}

std::unique_ptr<protocol::call> make_call(
  api_versions request, reply_function<supported_versions> reply) {
  auto what = traits_of<protocol::api_versions_request>(request.api_version);
  if (request.broker)
    what.where = *request.broker;
  return std::make_unique<api_versions_call>(
    std::move(what), std::move(request), std::move(reply));
}

} // namespace cafka::actors
