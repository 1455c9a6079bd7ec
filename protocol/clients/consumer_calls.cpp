#include "consumer_calls.hpp"

#include <algorithm>

namespace cafka::protocol {

namespace {

/// From here on topics go by their ids (KIP-516).
constexpr std::int16_t fetch_by_id_since = 13;
/// The first that know transactions (KIP-98).
constexpr std::int16_t committed_fetch_since = 4;
constexpr std::int16_t committed_offsets_since = 2;

/// Longer deadlines would overflow when something is added to them.
constexpr std::chrono::milliseconds longest_timeout = std::chrono::hours{24 * 365};

} // namespace

// -- fetch ------------------------------------------------------------------------------

call::traits consumer_client::fetch_call::wanted(
  const consumer_machine::send_fetch& what, const consumer_client_options& options) {
  traits t;
  t.key = fetch_request::key;
  t.versions = fetch_request::versions;
  if (options.machine.read_committed)
    t.need(committed_fetch_since, "read_committed needs");
  if (!what.by_id)
    t.versions.max = fetch_by_id_since - 1;
  t.where = what.broker;
  t.lane = lane::long_poll;
  t.answer_timeout = options.machine.fetch_max_wait;
  t.deadline = t.answer_timeout + std::min(options.request_timeout, longest_timeout);
  // How much it asks for follows the pace; a single batch takes as long as it takes.
  t.while_arriving = true;
  return t;
}

result<frame> consumer_client::fetch_call::encode(std::int16_t version,
  std::int32_t correlation_id, std::string_view client_id, const cluster&) {
  of_.sent_at_[request_] = of_.now_;
  auto out = of_.machine_.fill(of_.now_, request_, version);
  if (!out)
    return {error_code::not_found, "there is nothing to ask"};
  // Before version 3 there is no limit for the whole answer.
  if (version < 3)
    out->max_bytes = fetch_request{}.max_bytes;
  return encode_request(*out, version, correlation_id, client_id);
}

error consumer_client::fetch_call::receive(
  std::int16_t version, const shared_bytes& payload, cluster&) {
  auto answer = read_answer<fetch_response>(payload, version);
  if (!answer)
    return answer.error();
  answer_ = *std::move(answer);
  frame_ = payload;
  return {};
}

void consumer_client::fetch_call::finish(error outcome) {
  if (!outcome) {
    of_.take_answer(request_, std::move(answer_), frame_);
    return;
  }
  of_.sent_at_.erase(request_);
  of_.machine_.on_failure(of_.now_, request_, outcome);
}

// -- offsets ----------------------------------------------------------------------------

call::traits consumer_client::offsets_call::wanted(
  const consumer_machine::send_list_offsets& what,
  const consumer_client_options& options) {
  traits t;
  t.key = list_offsets_request::key;
  t.versions = list_offsets_request::versions;
  if (options.machine.read_committed)
    t.need(committed_offsets_since, "read_committed needs");
  t.where = what.broker;
  t.deadline = options.request_timeout;
  return t;
}

result<frame> consumer_client::offsets_call::encode(std::int16_t version,
  std::int32_t correlation_id, std::string_view client_id, const cluster&) {
  of_.sent_at_[request_] = of_.now_;
  auto out = of_.machine_.fill_offsets(of_.now_, request_);
  if (!out)
    return {error_code::not_found, "there is nothing to ask"};
  if (version < committed_offsets_since)
    out->isolation_level = 0;
  return encode_request(*out, version, correlation_id, client_id);
}

error consumer_client::offsets_call::receive(
  std::int16_t version, const shared_bytes& payload, cluster&) {
  auto answer = read_answer<list_offsets_response>(payload, version);
  if (!answer)
    return answer.error();
  answer_ = *std::move(answer);
  return {};
}

void consumer_client::offsets_call::finish(error outcome) {
  if (!outcome) {
    of_.took(api_key::list_offsets, request_);
    of_.machine_.on_offsets(of_.now_, request_, answer_);
    return;
  }
  of_.sent_at_.erase(request_);
  of_.machine_.on_failure(of_.now_, request_, outcome);
}

// -- topics -----------------------------------------------------------------------------

void consumer_client::topics_query::finish(error outcome) {
  if (outcome) {
    of_.machine_.on_metadata_failed(of_.now_, outcome);
    return;
  }
  of_.effects_.emplace_back(request_took{api_key::metadata, of_.now_ - sent_at_});
  of_.machine_.on_metadata(of_.now_, answer_);
}

} // namespace cafka::protocol
