#include "producer_calls.hpp"

#include "../../protocol/messages/init_producer_id.hpp"
#include "../../protocol/messages/produce.hpp"
#include "../../protocol/text.hpp"

#include <algorithm>

namespace cafka::actors {

namespace {

using protocol::cluster;
using protocol::frame;
using protocol::shared_bytes;

/// From here on topics go by their ids (KIP-516).
constexpr std::int16_t produce_by_id_since = 13;
/// The first that takes v2 batches (KIP-98), and the first that takes zstd (KIP-110).
constexpr std::int16_t batches_since = 3;
constexpr std::int16_t zstd_since = 7;

/// The broker's words become part of errors.
void show_words(protocol::partition_produce_response& p) {
  if (p.error_message)
    p.error_message = protocol::shown(*p.error_message);
  for (auto& e : p.record_errors) {
    if (e.batch_index_error_message)
      e.batch_index_error_message = protocol::shown(*e.batch_index_error_message);
  }
}

class batches_call final : public protocol::call {
public:
  batches_call(producer_events& to, broker_id broker, std::uint64_t request,
    const producer_options& options)
    : call(wanted(broker, options)), to_(to), request_(request), options_(options) {}

  result<frame> encode(std::int16_t version, std::int32_t correlation_id,
    std::string_view client_id, const cluster&) override {
    const auto items = to_.fill(request_);
    if (items.empty())
      return {error_code::not_found, "there is nothing to send"};
    protocol::produce_request out;
    out.acks = options_.acks;
    out.timeout_ms = static_cast<std::int32_t>(
      std::min<std::int64_t>(options_.request_timeout.count(), INT32_MAX));
    const std::string* topic = nullptr;
    for (const auto& item : items) {
      if (item.topic != topic) {
        topic = item.topic;
        auto& t = out.topic_data.emplace_back();
        if (version < produce_by_id_since)
          t.name = *topic;
        else if (item.topic_id.is_zero())
          return {error_code::unknown_topic_id, *topic};
        else
          t.topic_id = item.topic_id;
      }
      out.topic_data.back().partition_data.push_back({item.partition, item.batch});
    }
    return encode_request(out, version, correlation_id, client_id);
  }

  error receive(std::int16_t version, const shared_bytes& payload, cluster&) override {
    auto answer = read_answer<protocol::produce_response>(payload, version);
    if (!answer)
      return answer.error();
    for (auto& t : answer->responses) {
      for (auto& p : t.partition_responses)
        show_words(p);
    }
    answer_ = *std::move(answer);
    return {};
  }

  /// What is tried again is the machine's decision, and it chooses the batches anew.
  [[nodiscard]] bool may_retry(error_code) const override { return false; }

  /// With sequence numbers, sending batches once more does no harm.
  [[nodiscard]] bool expendable() const override { return options_.idempotence; }

  void finish(error outcome) override {
    if (outcome)
      to_.failed(request_, outcome);
    else if (answer_)
      to_.answered(request_, *answer_);
    else
      to_.sent(request_);
  }

private:
  static traits wanted(broker_id broker, const producer_options& options) {
    traits what;
    what.key = protocol::produce_request::key;
    what.versions = protocol::produce_request::versions;
    what.need(batches_since, "a producer needs");
    if (options.compression == codec::zstd)
      what.need(zstd_since, "zstd needs");
    what.where = broker;
    what.patience = options.request_timeout;
    what.repeatable = false;
    what.answered = options.acks != 0;
    what.quota_extends_deadline = true;
    return what;
  }

  producer_events& to_;
  std::uint64_t request_;
  const producer_options& options_;
  std::optional<protocol::produce_response> answer_;
};

class identity_call final : public protocol::call {
public:
  explicit identity_call(producer_events& to) : call(wanted()), to_(to) {}

  result<frame> encode(std::int16_t version, std::int32_t correlation_id,
    std::string_view client_id, const cluster&) override {
    protocol::init_producer_id_request out;
    out.transactional_id.reset();
    out.transaction_timeout_ms = INT32_MAX;
    to_.asking(what().key);
    return encode_request(out, version, correlation_id, client_id);
  }

  error receive(std::int16_t version, const shared_bytes& payload, cluster&) override {
    auto answer = read_answer<protocol::init_producer_id_response>(payload, version);
    if (!answer)
      return answer.error();
    answer_ = *std::move(answer);
    return {answer_.error_code, {}};
  }

  void finish(error outcome) override {
    if (!outcome)
      to_.identified(answer_.producer_id, answer_.producer_epoch);
    else
      to_.not_identified(outcome);
  }

private:
  static traits wanted() {
    traits what;
    what.key = protocol::init_producer_id_request::key;
    what.versions = protocol::init_producer_id_request::versions;
    return what;
  }

  producer_events& to_;
  protocol::init_producer_id_response answer_;
};

} // namespace

std::unique_ptr<protocol::call> make_produce_call(producer_events& to, broker_id broker,
  std::uint64_t request, const producer_options& options) {
  return std::make_unique<batches_call>(to, broker, request, options);
}

std::unique_ptr<protocol::call> make_identity_call(producer_events& to) {
  return std::make_unique<identity_call>(to);
}

} // namespace cafka::actors
