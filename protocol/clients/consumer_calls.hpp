#pragma once

// The requests between a consumer's machine and its dispatcher; for their sources alone.

#include "../messages/fetch.hpp"
#include "../messages/list_offsets.hpp"
#include "consumer_client.hpp"
#include "topics_query.hpp"

#include <utility>

namespace cafka::protocol {

/// A Fetch request to one broker; the machine fills it when it can go. What is tried
/// again is the machine's decision, and it chooses anew what to ask.
class consumer_client::fetch_call final : public call {
public:
  fetch_call(consumer_client& of, const consumer_machine::send_fetch& what)
    : call(wanted(what, of.options_)), of_(of), request_(what.request) {}

  result<frame> encode(std::int16_t version, std::int32_t correlation_id,
    std::string_view client_id, const cluster& known) override;
  error receive(
    std::int16_t version, const shared_bytes& payload, cluster& known) override;
  void finish(error outcome) override;

  [[nodiscard]] bool may_retry(error_code) const override { return false; }
  [[nodiscard]] bool repeatable() const override { return false; }
  [[nodiscard]] bool expendable() const override { return true; }

private:
  static traits wanted(
    const consumer_machine::send_fetch& what, const consumer_client_options& options);

  consumer_client& of_;
  std::uint64_t request_;
  fetch_response answer_;
  shared_bytes frame_;
};

/// A ListOffsets request to one broker, likewise.
class consumer_client::offsets_call final : public call {
public:
  offsets_call(consumer_client& of, const consumer_machine::send_list_offsets& what)
    : call(wanted(what, of.options_)), of_(of), request_(what.request) {}

  result<frame> encode(std::int16_t version, std::int32_t correlation_id,
    std::string_view client_id, const cluster& known) override;
  error receive(
    std::int16_t version, const shared_bytes& payload, cluster& known) override;
  void finish(error outcome) override;

  [[nodiscard]] bool may_retry(error_code) const override { return false; }
  [[nodiscard]] bool repeatable() const override { return false; }
  [[nodiscard]] bool expendable() const override { return true; }

private:
  static traits wanted(const consumer_machine::send_list_offsets& what,
    const consumer_client_options& options);

  consumer_client& of_;
  std::uint64_t request_;
  list_offsets_response answer_;
};

class consumer_client::topics_query final : public topic_metadata_call {
public:
  topics_query(consumer_client& of, consumer_machine::ask_metadata& what, target where)
    : topic_metadata_call(std::move(what.topics), false, std::move(where),
      std::min(what.answer_timeout, of.options_.cluster.request_timeout)),
      of_(of) {}

  void finish(error outcome) override;

private:
  void on_sent() override { sent_at_ = of_.now_; }

  consumer_client& of_;
  time_point sent_at_;
};

} // namespace cafka::protocol
