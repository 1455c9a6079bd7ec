#pragma once

// The requests between a producer's machine and its dispatcher; for their sources alone.

#include "../messages/init_producer_id.hpp"
#include "../messages/produce.hpp"
#include "producer_client.hpp"
#include "topics_query.hpp"

#include <optional>
#include <utility>

namespace cafka::protocol {

/// A Produce request to one broker; the machine fills it when it can go.
class producer_client::produce_call final : public call {
public:
  produce_call(producer_client& of, broker_id broker, std::uint64_t request)
    : call(wanted(broker, of)), of_(of), request_(request) {}

  result<frame> encode(std::int16_t version, std::int32_t correlation_id,
    std::string_view client_id, const cluster& known) override;
  error receive(
    std::int16_t version, const shared_bytes& payload, cluster& known) override;
  void finish(error outcome) override;

  /// What is tried again is the machine's decision, and it chooses the batches anew.
  [[nodiscard]] bool may_retry(error_code) const override { return false; }
  /// With sequence numbers, sending batches once more does no harm.
  [[nodiscard]] bool expendable() const override { return of_.options_.idempotence; }

private:
  static traits wanted(broker_id broker, const producer_client& of);

  producer_client& of_;
  std::uint64_t request_;
  std::optional<produce_response> answer_;
};

class producer_client::topics_query final : public topic_metadata_call {
public:
  topics_query(producer_client& of, std::vector<std::string> topics, bool create)
    : topic_metadata_call(
      std::move(topics), create, any_broker{}, of.options_.cluster.request_timeout),
      of_(of) {}

  void finish(error outcome) override;

private:
  void on_sent() override { sent_at_ = of_.now_; }

  producer_client& of_;
  time_point sent_at_;
};

class producer_client::identity_call final : public call {
public:
  explicit identity_call(producer_client& of)
    : call(wanted(of.options_.cluster.request_timeout)), of_(of) {}

  result<frame> encode(std::int16_t version, std::int32_t correlation_id,
    std::string_view client_id, const cluster& known) override;
  error receive(
    std::int16_t version, const shared_bytes& payload, cluster& known) override;
  void finish(error outcome) override;

private:
  static traits wanted(std::chrono::milliseconds deadline);

  producer_client& of_;
  time_point sent_at_;
  init_producer_id_response answer_;
};

} // namespace cafka::protocol
