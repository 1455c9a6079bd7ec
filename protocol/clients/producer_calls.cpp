// The requests between a producer's machine and its dispatcher.
#include "producer_calls.hpp"

#include "../messages/init_producer_id.hpp"
#include "../messages/produce.hpp"
#include "../text.hpp"

#include <algorithm>

namespace cafka::protocol {

namespace {

/// From here on topics go by their ids (KIP-516).
constexpr std::int16_t produce_by_id_since = 13;
/// The first that takes v2 batches (KIP-98), and the first that takes zstd (KIP-110).
constexpr std::int16_t batches_since = 3;
constexpr std::int16_t zstd_since = 7;
/// From here on a batch adds its partition to its transaction (KIP-890).
constexpr std::int16_t transactions_v2_since = 12;

/// Beyond what a broker may take by the request's own words.
constexpr std::chrono::milliseconds answer_grace{10'000};

/// The broker's words become part of errors.
void show_words(partition_produce_response& p) {
  if (p.error_message)
    p.error_message = shown(*p.error_message);
  for (auto& e : p.record_errors) {
    if (e.batch_index_error_message)
      e.batch_index_error_message = shown(*e.batch_index_error_message);
  }
}

} // namespace

call::traits producer_client::produce_call::wanted(
  broker_id broker, const producer_client& of) {
  const auto& options = of.options_;
  traits what;
  what.key = produce_request::key;
  what.versions = produce_request::versions;
  what.need(batches_since, "a producer needs");
  if (options.compression == codec::zstd)
    what.need(zstd_since, "zstd needs");
  if (of.transaction_ && of.transaction_->is_v2())
    what.need(transactions_v2_since, "transaction.version 2 needs");
  else if (of.transaction_)
    what.versions.max = transactions_v2_since - 1;
  what.where = broker;
  what.deadline = options.request_timeout + answer_grace;
  what.answer_timeout = options.request_timeout;
  what.repeatable = false;
  what.answered = options.acks != 0;
  what.quota_extends_deadline = true;
  return what;
}

result<frame> producer_client::produce_call::encode(std::int16_t version,
  std::int32_t correlation_id, std::string_view client_id, const cluster&) {
  of_.sent_at_[request_] = of_.now_;
  const auto items = of_.machine_.fill(of_.now_, request_);
  if (items.empty())
    return {error_code::not_found, "there is nothing to send"};
  const auto& options = of_.options_;
  produce_request out;
  if (!options.transactional_id.empty())
    out.transactional_id = options.transactional_id;
  out.acks = options.acks;
  out.timeout_ms = static_cast<std::int32_t>(
    std::min<std::int64_t>(options.request_timeout.count(), INT32_MAX));
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

error producer_client::produce_call::receive(
  std::int16_t version, const shared_bytes& payload, cluster&) {
  auto answer = read_answer<produce_response>(payload, version);
  if (!answer)
    return answer.error();
  for (auto& t : answer->responses) {
    for (auto& p : t.partition_responses)
      show_words(p);
  }
  answer_ = *std::move(answer);
  return {};
}

void producer_client::produce_call::finish(error outcome) {
  const auto sent = of_.sent_at_.find(request_);
  if (!outcome && answer_ && sent != of_.sent_at_.end())
    of_.effects_.emplace_back(request_took{api_key::produce, of_.now_ - sent->second});
  if (sent != of_.sent_at_.end())
    of_.sent_at_.erase(sent);
  if (outcome)
    of_.machine_.on_failure(of_.now_, request_, outcome);
  else if (answer_)
    of_.machine_.on_answer(of_.now_, request_, *answer_);
  else
    of_.machine_.on_sent(of_.now_, request_);
}

void producer_client::topics_query::finish(error outcome) {
  if (outcome) {
    of_.machine_.on_metadata_failed(of_.now_, outcome);
    return;
  }
  of_.effects_.emplace_back(request_took{api_key::metadata, of_.now_ - sent_at_});
  of_.machine_.on_metadata(of_.now_, answer_);
  of_.effects_.emplace_back(topics_learned{});
}

result<frame> producer_client::identity_call::encode(std::int16_t version,
  std::int32_t correlation_id, std::string_view client_id, const cluster&) {
  init_producer_id_request out;
  out.transactional_id.reset();
  out.transaction_timeout_ms = INT32_MAX;
  sent_at_ = of_.now_;
  return encode_request(out, version, correlation_id, client_id);
}

error producer_client::identity_call::receive(
  std::int16_t version, const shared_bytes& payload, cluster&) {
  auto answer = read_answer<init_producer_id_response>(payload, version);
  if (!answer)
    return answer.error();
  answer_ = *std::move(answer);
  return {answer_.error_code, {}};
}

void producer_client::identity_call::finish(error outcome) {
  if (outcome) {
    of_.machine_.on_identity_failed(of_.now_, outcome);
    return;
  }
  of_.effects_.emplace_back(request_took{api_key::init_producer_id, of_.now_ - sent_at_});
  of_.machine_.on_identity(of_.now_, answer_.producer_id, answer_.producer_epoch);
}

call::traits producer_client::identity_call::wanted(std::chrono::milliseconds deadline) {
  traits what;
  what.key = init_producer_id_request::key;
  what.versions = init_producer_id_request::versions;
  what.deadline = deadline;
  return what;
}

} // namespace cafka::protocol
