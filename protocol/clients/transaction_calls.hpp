#pragma once

// The requests between a producer's transactions and its dispatcher; for their source
// alone.

#include "../messages/add_offsets_to_txn.hpp"
#include "../messages/add_partitions_to_txn.hpp"
#include "../messages/end_txn.hpp"
#include "../messages/init_producer_id.hpp"
#include "../messages/txn_offset_commit.hpp"
#include "producer_client.hpp"

#include <utility>

namespace cafka::protocol {

// -- what the versions differ in --------------------------------------------------------

inline void adapt(init_producer_id_request& what, std::int16_t version) {
  if (version < 3) {
    what.producer_id = -1;
    what.producer_epoch = -1;
  }
}
inline void adapt(txn_offset_commit_request& what, std::int16_t version) {
  if (version < 3) {
    what.generation_id = -1;
    what.member_id.clear();
    what.group_instance_id.reset();
  }
  if (version >= 2)
    return;
  for (auto& t : what.topics) {
    for (auto& p : t.partitions)
      p.committed_leader_epoch = -1;
  }
}
template <class Request>
void adapt(Request&, std::int16_t) {
}

// -- which broker is to blame -----------------------------------------------------------

/// The first error that says that another broker coordinates.
template <class Response>
bool says_moved(const Response& answer) {
  const auto moved = [](error_code e) {
    return e == error_code::not_coordinator || e == error_code::coordinator_not_available;
  };
  if constexpr (requires { answer.results_by_topic_v3_and_below; }) {
    for (const auto& t : answer.results_by_topic_v3_and_below) {
      for (const auto& p : t.results_by_partition) {
        if (moved(p.partition_error_code))
          return true;
      }
    }
    return false;
  } else if constexpr (requires { answer.topics; }) {
    for (const auto& t : answer.topics) {
      for (const auto& p : t.partitions) {
        if (moved(p.error_code) || p.error_code == error_code::request_timed_out)
          return true;
      }
    }
    return false;
  } else {
    return moved(answer.error_code);
  }
}

/// A request of a transaction to a coordinator. What is tried again is the machine's
/// decision, and every attempt is reported to it: one that was lost may have been carried
/// out.
template <class Request>
class producer_client::transaction_call final : public call {
public:
  using response = typename Request::response;

  transaction_call(
    producer_client& of, std::uint64_t request, Request what, const traits& to)
    : call(to), of_(of), request_(request), what_(std::move(what)) {}

  result<frame> encode(std::int16_t version, std::int32_t correlation_id,
    std::string_view client_id, const cluster&) override {
    auto out = what_;
    adapt(out, version);
    sent_at_ = of_.now_;
    return encode_request(out, version, correlation_id, client_id);
  }

  error receive(
    std::int16_t version, const shared_bytes& payload, cluster& known) override {
    auto answer = read_answer<response>(payload, version);
    if (!answer)
      return answer.error();
    answer_ = *std::move(answer);
    version_ = version;
    if (says_moved(answer_))
      known.forget_coordinator(std::get<coordinator_of>(what().where));
    return {};
  }

  [[nodiscard]] bool may_retry(error_code) const override { return false; }

  void finish(error outcome) override {
    if (outcome) {
      of_.transaction_->on_failure(of_.now_, request_, outcome);
      return;
    }
    of_.effects_.emplace_back(request_took{Request::key, of_.now_ - sent_at_});
    of_.take_answer(request_, answer_, version_);
  }

private:
  producer_client& of_;
  std::uint64_t request_;
  Request what_;
  response answer_;
  std::int16_t version_ = 0;
  time_point sent_at_;
};

} // namespace cafka::protocol
