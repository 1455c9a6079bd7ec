#include "metadata_call.hpp"

#include "../protocol/machines/topics_question.hpp"

#include <utility>

namespace cafka::actors {

namespace {

using protocol::cluster;
using protocol::frame;
using protocol::shared_bytes;

class topics_call final : public protocol::call {
public:
  topics_call(metadata_events& to, std::vector<std::string> topics, bool create,
    protocol::target where)
    : call(wanted(std::move(where))), to_(to), question_(std::move(topics), create) {}

  result<frame> encode(std::int16_t version, std::int32_t correlation_id,
    std::string_view client_id, const cluster&) override {
    to_.asking(what().key);
    return encode_request(question_.request(version), version, correlation_id, client_id);
  }

  error receive(
    std::int16_t version, const shared_bytes& payload, cluster& known) override {
    auto answer = read_answer<protocol::metadata_response>(payload, version);
    if (!answer)
      return answer.error();
    question_.keep_asked(*answer, version);
    // The brokers' addresses are what the dispatcher wants to know of it.
    known.update_brokers(*answer);
    answer_ = *std::move(answer);
    return {};
  }

  void finish(error outcome) override {
    if (!outcome)
      to_.learned(answer_);
    else
      to_.learned_nothing(outcome);
  }

private:
  static traits wanted(protocol::target where) {
    traits what;
    what.where = std::move(where);
    what.key = protocol::metadata_request::key;
    what.versions = protocol::metadata_request::versions;
    what.elsewhere = true;
    what.while_arriving = true; // There may be much of it, and the way may be slow.
    return what;
  }

  metadata_events& to_;
  protocol::topics_question question_;
  protocol::metadata_response answer_;
};

} // namespace

std::unique_ptr<protocol::call> make_metadata_call(metadata_events& to,
  std::vector<std::string> topics, bool create, protocol::target where) {
  return std::make_unique<topics_call>(to, std::move(topics), create, std::move(where));
}

} // namespace cafka::actors
