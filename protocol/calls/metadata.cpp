#include "metadata.hpp"

#include "../machines/topics_question.hpp"
#include "../messages/metadata.hpp"
#include "operation_call.hpp"

namespace cafka {

namespace calls {

namespace {

class metadata_call final : public operation_call<metadata, protocol::metadata_request> {
public:
  using operation_call::operation_call;

  static void complete(metadata& asked, const call_context&) {
    // As KafkaEx has it.
    if (asked.topics && *asked.topics == name_list{""})
      asked.topics.reset();
  }

  static error check(const metadata& asked) {
    for (const auto& name : asked.topics.value_or(name_list{})) {
      if (auto wrong = protocol::check_topic_name(name))
        return wrong;
    }
    return {};
  }

  static void route(traits&, const metadata&) {}

  result<wire> fill(std::int16_t version, const cluster&) override {
    if (version == 0 && asked_.topics && asked_.topics->empty())
      return {error_code::unsupported_api_version,
        "Metadata version 0 cannot ask for no topics"};
    return question().request(version);
  }

  error take(response answer, std::int16_t version, cluster& known) override {
    const bool all = question().keep_asked(answer, version);
    // An old version would take away what a newer one has told, such as topic ids.
    if (!asked_.api_version)
      known.update(answer, all);
    answer_.cluster_id = answer.cluster_id;
    answer_.controller = answer.controller_id;
    for (auto& b : answer.brokers) {
      auto address = protocol::told_endpoint(b.host, b.port);
      answer_.brokers.push_back(
        {b.node_id, address ? *std::move(address) : endpoint{{}, 0}, std::move(b.rack)});
    }
    for (auto& t : answer.topics) {
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
    return {asked_.topics, asked_.allow_auto_topic_creation};
  }
};

} // namespace

} // namespace calls

std::unique_ptr<protocol::call> make_call(
  metadata asked, const call_context& around, reply_function<cluster_metadata> reply) {
  return calls::start<calls::metadata_call>(std::move(asked), around, std::move(reply));
}

} // namespace cafka
