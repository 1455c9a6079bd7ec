#pragma once

#include "../machines/call.hpp"
#include "../machines/cluster.hpp"
#include "../machines/topics_question.hpp"
#include "../messages/metadata.hpp"

#include <string>
#include <utility>
#include <vector>

namespace cafka::protocol {

/// A Metadata request about some topics, for a machine that knows its topics itself. The
/// dispatcher learns from it where the brokers listen.
class topic_metadata_call : public call {
public:
  /// Without `topics` about all there are.
  topic_metadata_call(std::optional<std::vector<std::string>> topics, bool create,
    target where, std::chrono::milliseconds deadline)
    : call(wanted(std::move(where), deadline)), question_(std::move(topics), create) {}

  result<frame> encode(std::int16_t version, std::int32_t correlation_id,
    std::string_view client_id, const cluster&) override {
    on_sent();
    return encode_request(question_.request(version), version, correlation_id, client_id);
  }

  error receive(
    std::int16_t version, const shared_bytes& payload, cluster& known) override {
    auto answer = read_answer<metadata_response>(payload, version);
    if (!answer)
      return answer.error();
    question_.keep_asked(*answer, version);
    known.update_brokers(*answer);
    answer_ = *std::move(answer);
    return {};
  }

protected:
  metadata_response answer_;

private:
  virtual void on_sent() = 0;

  static traits wanted(target where, std::chrono::milliseconds deadline) {
    traits what;
    what.where = std::move(where);
    what.key = metadata_request::key;
    what.versions = metadata_request::versions;
    what.deadline = deadline;
    what.elsewhere = true;
    what.while_arriving = true; // There may be much of it, and the way may be slow.
    return what;
  }

  topics_question question_;
};

} // namespace cafka::protocol
