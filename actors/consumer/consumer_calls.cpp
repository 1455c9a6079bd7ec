#include "consumer_calls.hpp"

#include <algorithm>

namespace cafka::actors {

namespace {

using protocol::cluster;
using protocol::frame;
using protocol::shared_bytes;

/// From here on topics go by their ids (KIP-516).
constexpr std::int16_t fetch_by_id_since = 13;
/// The first that know transactions (KIP-98).
constexpr std::int16_t committed_fetch_since = 4;
constexpr std::int16_t committed_offsets_since = 2;

class partitions_call final : public protocol::call {
public:
  partitions_call(consumer_events& to, const protocol::consumer_machine::send_fetch& what,
    const consumer_options& options)
    : call(wanted(what, options)), to_(to), request_(what.request) {}

  result<frame> encode(std::int16_t version, std::int32_t correlation_id,
    std::string_view client_id, const cluster&) override {
    auto out = to_.fill(request_, version);
    if (!out)
      return {error_code::not_found, "there is nothing to ask"};
    // Before version 3 there is no limit for the whole answer.
    if (version < 3)
      out->max_bytes = protocol::fetch_request{}.max_bytes;
    return encode_request(*out, version, correlation_id, client_id);
  }

  error receive(std::int16_t version, const shared_bytes& payload, cluster&) override {
    auto answer = read_answer<protocol::fetch_response>(payload, version);
    if (!answer)
      return answer.error();
    answer_ = *std::move(answer);
    frame_ = payload;
    return {};
  }

  /// What is tried again is the machine's decision, and it chooses anew what to ask.
  [[nodiscard]] bool may_retry(error_code) const override { return false; }
  [[nodiscard]] bool repeatable() const override { return false; }
  [[nodiscard]] bool expendable() const override { return true; }

  void finish(error outcome) override {
    if (!outcome)
      to_.answered(request_, std::move(answer_), frame_);
    else
      to_.failed(request_, outcome);
  }

private:
  static traits wanted(
    const protocol::consumer_machine::send_fetch& what, const consumer_options& options) {
    traits t;
    t.key = protocol::fetch_request::key;
    t.versions = protocol::fetch_request::versions;
    if (options.isolation == isolation_level::read_committed)
      t.need(committed_fetch_since, "read_committed needs");
    if (!what.by_id)
      t.versions.max = fetch_by_id_since - 1;
    t.where = what.broker;
    t.lane = protocol::lane::long_poll;
    t.patience = options.fetch_max_wait;
    // How much it asks for follows the pace; a single batch takes as long as it takes.
    t.while_arriving = true;
    return t;
  }

  consumer_events& to_;
  std::uint64_t request_;
  protocol::fetch_response answer_;
  shared_bytes frame_;
};

class offsets_call final : public protocol::call {
public:
  offsets_call(consumer_events& to,
    const protocol::consumer_machine::send_list_offsets& what,
    const consumer_options& options)
    : call(wanted(what, options)), to_(to), request_(what.request) {}

  result<frame> encode(std::int16_t version, std::int32_t correlation_id,
    std::string_view client_id, const cluster&) override {
    auto out = to_.fill_offsets(request_);
    if (!out)
      return {error_code::not_found, "there is nothing to ask"};
    if (version < committed_offsets_since)
      out->isolation_level = 0;
    return encode_request(*out, version, correlation_id, client_id);
  }

  error receive(std::int16_t version, const shared_bytes& payload, cluster&) override {
    auto answer = read_answer<protocol::list_offsets_response>(payload, version);
    if (!answer)
      return answer.error();
    answer_ = *std::move(answer);
    return {};
  }

  [[nodiscard]] bool may_retry(error_code) const override { return false; }
  [[nodiscard]] bool repeatable() const override { return false; }
  [[nodiscard]] bool expendable() const override { return true; }

  void finish(error outcome) override {
    if (!outcome)
      to_.answered(request_, answer_);
    else
      to_.failed(request_, outcome);
  }

private:
  static traits wanted(const protocol::consumer_machine::send_list_offsets& what,
    const consumer_options& options) {
    traits t;
    t.key = protocol::list_offsets_request::key;
    t.versions = protocol::list_offsets_request::versions;
    if (options.isolation == isolation_level::read_committed)
      t.need(committed_offsets_since, "read_committed needs");
    t.where = what.broker;
    return t;
  }

  consumer_events& to_;
  std::uint64_t request_;
  protocol::list_offsets_response answer_;
};

} // namespace

std::unique_ptr<protocol::call> make_fetch_call(consumer_events& to,
  const protocol::consumer_machine::send_fetch& what, const consumer_options& options) {
  return std::make_unique<partitions_call>(to, what, options);
}

std::unique_ptr<protocol::call> make_list_offsets_call(consumer_events& to,
  const protocol::consumer_machine::send_list_offsets& what,
  const consumer_options& options) {
  return std::make_unique<offsets_call>(to, what, options);
}

} // namespace cafka::actors
