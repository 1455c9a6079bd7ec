#pragma once

#include "fake_listener.hpp"
#include <cafka/protocol/records/batch_builder.hpp>
#include <cafka/protocol/words.hpp>

#include <functional>

namespace cafka::testing {

/// Two brokers, 1 and 2, that answer as Kafka does, but for what they are told to lie in.
///
/// Broker 1 leads partition 0 of the topic `topic`, the lie's partition, and broker 2
/// partition 1, of which nobody lies. Each partition has a log of numbers, in batches of
/// ten; each record's value is its offset.
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
      listener_({.brokers = 2}, [this](fake_cluster& c) { prepare(c); }) {}

  [[nodiscard]] std::vector<protocol::endpoint> addresses() const {
    return listener_.addresses();
  }
  /// Requests and connections so far, of both.
  [[nodiscard]] std::size_t requests() const { return listener_.requests(); }

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
  /// What is changed in a part of an answer, and in the whole.
  template <class Request, class Response, class Change>
  static void lie(fake_cluster& c, Change change) {
    c.change<Request>([change](const seen_request& seen, const Request& asked,
                        Response& response) { change(seen.broker, asked, response); });
  }

  void prepare(fake_cluster& c) {
    using namespace protocol;
    // Topics go by their names, coordinators one by one, and each fetch says all it
    // wants.
    c.limit(api_key::produce, {3, 9});
    c.limit(api_key::fetch, {4, 12});
    c.limit(api_key::list_offsets, {1, 5});
    c.limit(api_key::metadata, {0, 9});
    c.limit(api_key::find_coordinator, {0, 3});
    for (const auto broker : {1, 2})
      c.set_session_limit(broker, 0);
    c.set_waits(1, lies_.waits);
    c.create_topic("topic", 2);
    for (std::int32_t p = 0; p != 2; ++p) {
      for (std::int64_t base = 0; base != records; base += batch_records)
        c.append_batch("topic", p, batch(base));
    }
    lie<metadata_request, metadata_response>(c, [this](int, const auto&, auto& r) {
      if (lies_.metadata)
        lies_.metadata(r);
    });
    lie<find_coordinator_request, find_coordinator_response>(
      c, [this](int, const auto&, auto& r) {
        if (lies_.coordinator)
          lies_.coordinator(r);
      });
    lie<init_producer_id_request, init_producer_id_response>(
      c, [this](int, const auto&, auto& r) {
        if (lies_.producer_id)
          lies_.producer_id(r);
      });
    lie<list_offsets_request, list_offsets_response>(
      c, [this](int, const auto&, auto& r) {
        for (auto& t : r.topics) {
          for (auto& x : t.partitions) {
            if (x.partition_index == partition_id{0} && lies_.offsets)
              lies_.offsets(x);
          }
        }
      });
    lie_about_records(c);
    c.change_bytes([this](const seen_request& seen, bytes& all) {
      if (seen.broker == 1 && lies_.frame && seen.header.key != api_key::api_versions)
        lies_.frame(seen.header.key, all);
    });
  }

  void lie_about_records(fake_cluster& c) {
    using namespace protocol;
    lie<produce_request, produce_response>(c, [this](int broker, const auto&, auto& r) {
      for (auto& t : r.responses) {
        for (auto& x : t.partition_responses) {
          if (x.index == partition_id{0} && lies_.produce)
            lies_.produce(x);
        }
      }
      if (broker == 1 && lies_.whole_produce)
        lies_.whole_produce(r);
    });
    lie<fetch_request, fetch_response>(c, [this](int broker, const auto& asked, auto& r) {
      for (auto& t : r.responses) {
        for (auto& x : t.partitions) {
          if (x.partition_index == partition_id{0} && lies_.fetch)
            lies_.fetch(x, asked_of(asked), broker);
        }
      }
      if (broker == 1 && lies_.whole_fetch)
        lies_.whole_fetch(r);
    });
  }

  /// What a fetch wants of partition 0.
  static protocol::fetch_partition asked_of(const protocol::fetch_request& asked) {
    for (const auto& t : asked.topics) {
      for (const auto& p : t.partitions) {
        if (p.partition == partition_id{0})
          return p;
      }
    }
    return {};
  }

  const lies lies_;
  fake_listener listener_;
};

} // namespace cafka::testing
