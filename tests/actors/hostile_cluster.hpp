#pragma once

#include "scripted_peer.hpp"
#include <cafka/protocol/messages/api_versions.hpp>
#include <cafka/protocol/messages/fetch.hpp>
#include <cafka/protocol/messages/find_coordinator.hpp>
#include <cafka/protocol/messages/init_producer_id.hpp>
#include <cafka/protocol/messages/list_offsets.hpp>
#include <cafka/protocol/messages/metadata.hpp>
#include <cafka/protocol/messages/produce.hpp>
#include <cafka/protocol/records/batch_builder.hpp>
#include <cafka/protocol/schema/header.hpp>
#include <cafka/protocol/words.hpp>

#include <array>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>

namespace cafka::testing {

/// Two brokers, 1 and 2, that answer as Kafka does, but for what they are told to lie in.
///
/// Broker 1 leads partition 0 of every topic, the lie's partition, and broker 2 partition
/// 1, of which nobody lies. Each partition has a log of numbers, in batches of ten; each
/// record's value is its offset.
class hostile_cluster {
public:
  static constexpr std::int64_t records = 50;
  static constexpr std::int64_t batch_records = 10;

  /// What is done to answers before they are sent; what is not set is honest. `broker` is
  /// the one that answers.
  struct lies {
    std::function<void(protocol::metadata_response&)> metadata;
    std::function<void(protocol::find_coordinator_response&)> coordinator;
    std::function<void(protocol::init_producer_id_response&)> producer_id;
    /// The part of the answer about partition 0, as the others below.
    std::function<void(protocol::partition_produce_response&)> produce;
    std::function<void(protocol::list_offsets_partition_response&)> offsets;
    std::function<void(
      protocol::fetch_partition_data&, const protocol::fetch_partition&, int broker)>
      fetch;
    /// The whole answer of broker 1.
    std::function<void(protocol::produce_response&)> whole_produce;
    std::function<void(protocol::fetch_response&)> whole_fetch;
    /// The frame of broker 1, behind its length.
    std::function<void(protocol::api_key, bytes&)> frame;
    /// Whether broker 1 waits as a fetch says.
    bool waits = true;
  };

  explicit hostile_cluster(lies told)
    : lies_(std::move(told)),
      first_([this](scripted_peer::session& s) { serve(1, s); }),
      second_([this](scripted_peer::session& s) { serve(2, s); }) {
    ready_ = true;
    ready_.notify_all();
  }
  ~hostile_cluster() {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
    changed_.notify_all();
  }

  [[nodiscard]] std::vector<protocol::endpoint> addresses() const {
    return {first_.address(), second_.address()};
  }
  /// Requests and connections so far, of both.
  [[nodiscard]] std::size_t requests() const { return requests_; }

  /// The batch of the log with the offsets from `base` on.
  static protocol::shared_bytes batch(
    std::int64_t base, std::int64_t count = batch_records) {
    protocol::builder_options options;
    options.base_offset = base;
    protocol::batch_builder builder{options};
    for (std::int64_t i = 0; i != count; ++i)
      static_cast<void>(builder.append(
        std::nullopt, protocol::as_bytes(std::to_string(base + i)), timestamp{}));
    return *builder.seal();
  }

private:
  void serve(int broker, scripted_peer::session& s) {
    ready_.wait(false);
    ++requests_;
    while (const auto request = s.read_frame()) {
      ++requests_;
      // Decoded records are slices of this.
      const auto payload = protocol::shared_bytes::copy_of(*request);
      protocol::reader in{payload};
      const auto header = read_request_header(in);
      if (!answer(broker, s, in, header))
        return;
    }
  }

  bool answer(int broker, scripted_peer::session& s, protocol::reader& in,
    const protocol::request_header& header) {
    const auto respond = [&](const auto& response) {
      bytes all;
      const auto frame =
        protocol::encode_response(response, header.version, header.correlation_id);
      for (const auto& part : frame->parts)
        all.insert(all.end(), part.view().begin(), part.view().end());
      if (broker == 1 && lies_.frame && header.key != protocol::api_key::api_versions)
        lies_.frame(header.key, all);
      return s.send(all);
    };
    const auto asked = [&](auto request) {
      decode(in, request, header.version);
      return request;
    };
    using protocol::api_key;
    switch (header.key) {
    case api_key::api_versions: {
      protocol::api_versions_response response;
      response.api_keys = {
        {0, 3, 9}, {1, 4, 12}, {2, 1, 5}, {3, 0, 9}, {10, 0, 3}, {18, 0, 3}, {22, 0, 4}};
      return respond(response);
    }
    case api_key::metadata: return respond(metadata(asked(protocol::metadata_request{})));
    case api_key::find_coordinator: {
      protocol::find_coordinator_response response;
      response.node_id = 1;
      response.host = first_.address().host;
      response.port = first_.port();
      if (lies_.coordinator)
        lies_.coordinator(response);
      return respond(response);
    }
    case api_key::init_producer_id: {
      protocol::init_producer_id_response response;
      response.producer_id = 7;
      response.producer_epoch = 0;
      if (lies_.producer_id)
        lies_.producer_id(response);
      return respond(response);
    }
    case api_key::produce:
      return respond(produce(broker, asked(protocol::produce_request{})));
    case api_key::list_offsets:
      return respond(offsets(asked(protocol::list_offsets_request{})));
    case api_key::fetch: return respond(fetch(broker, asked(protocol::fetch_request{})));
    default: return false;
    }
  }

  [[nodiscard]] protocol::metadata_response metadata(
    const protocol::metadata_request& asked) const {
    protocol::metadata_response response;
    response.brokers.push_back({1, first_.address().host, first_.port(), std::nullopt});
    response.brokers.push_back({2, second_.address().host, second_.port(), std::nullopt});
    response.controller_id = 1;
    if (asked.topics) {
      for (const auto& wanted : *asked.topics) {
        auto& topic = response.topics.emplace_back();
        topic.name = wanted.name;
        for (std::int32_t p = 0; p != 2; ++p) {
          auto& partition = topic.partitions.emplace_back();
          partition.partition_index = p;
          partition.leader_id = p + 1;
          partition.leader_epoch = 1;
          partition.replica_nodes = partition.isr_nodes = {1, 2};
        }
      }
    }
    if (lies_.metadata)
      lies_.metadata(response);
    return response;
  }

  protocol::produce_response produce(int broker, const protocol::produce_request& asked) {
    protocol::produce_response response;
    for (const auto& t : asked.topic_data) {
      auto& topic = response.responses.emplace_back();
      topic.name = t.name;
      for (const auto& p : t.partition_data) {
        auto& x = topic.partition_responses.emplace_back();
        x.index = p.index;
        x.base_offset = next_offset_++;
        if (p.index == partition_id{0} && lies_.produce)
          lies_.produce(x);
      }
    }
    if (broker == 1 && lies_.whole_produce)
      lies_.whole_produce(response);
    return response;
  }

  [[nodiscard]] protocol::list_offsets_response offsets(
    const protocol::list_offsets_request& asked) const {
    protocol::list_offsets_response response;
    for (const auto& t : asked.topics) {
      auto& topic = response.topics.emplace_back();
      topic.name = t.name;
      for (const auto& p : t.partitions) {
        auto& x = topic.partitions.emplace_back();
        x.partition_index = p.partition_index;
        x.offset = p.timestamp == -2 ? 0 : records;
        if (p.partition_index == partition_id{0} && lies_.offsets)
          lies_.offsets(x);
      }
    }
    return response;
  }

  protocol::fetch_response fetch(int broker, const protocol::fetch_request& asked) {
    auto any = false;
    for (const auto& t : asked.topics)
      for (const auto& p : t.partitions)
        any = any || p.fetch_offset.value() < records;
    if (!any && (lies_.waits || broker != 1)) {
      std::unique_lock lock{mutex_};
      changed_.wait_for(lock, milliseconds{asked.max_wait_ms}, [&] { return stopping_; });
    }
    protocol::fetch_response response;
    for (const auto& t : asked.topics) {
      auto& topic = response.responses.emplace_back();
      topic.topic = t.topic;
      for (const auto& p : t.partitions) {
        auto& x = topic.partitions.emplace_back();
        x.partition_index = p.partition;
        x.high_watermark = x.last_stable_offset = records;
        bytes all;
        for (auto base = p.fetch_offset.value() / batch_records * batch_records;
             base < records; base += batch_records) {
          const auto one = batch(base);
          all.insert(all.end(), one.view().begin(), one.view().end());
        }
        x.records = protocol::shared_bytes::from(std::move(all));
        if (p.partition == partition_id{0} && lies_.fetch)
          lies_.fetch(x, p, broker);
      }
    }
    if (broker == 1 && lies_.whole_fetch)
      lies_.whole_fetch(response);
    return response;
  }

  const lies lies_;
  std::atomic<std::size_t> requests_ = 0;
  std::atomic<std::int64_t> next_offset_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::atomic<bool> ready_ = false;
  scripted_peer first_;
  scripted_peer second_;
};

} // namespace cafka::testing
