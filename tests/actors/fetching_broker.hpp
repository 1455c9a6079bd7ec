#pragma once

#include "fake_listener.hpp"
#include <cafka/protocol/words.hpp>

#include <array>
#include <optional>
#include <string>

namespace cafka::testing {

/// Broker 1, which leads every partition of the topics t and topic, alone. In each
/// partition are numbers, in batches of ten; each record's value is its offset.
class fetching_broker {
public:
  static constexpr std::int32_t partitions = 3;
  static constexpr int batch_records = 10;

  struct behaviour {
    /// The newest Fetch it knows. Before 3 there is no limit for a whole answer, and
    /// batches are cut short; before 4 there are message sets.
    std::int16_t newest_fetch = 11;
    codec compression = codec::none;
    /// Each connection ends, after so many Fetch requests, before the answer.
    int fetches_before_cut = INT32_MAX;
    /// Beside the number in each value.
    std::size_t padding = 0;
    /// Bytes per second at which answers to fetches leave; zero: as fast as can be.
    std::size_t pace = 0;
    /// Each connection ends instead of an answer that would be larger.
    std::size_t receive_message_max_bytes = SIZE_MAX;
    /// Broker 2 leads every partition, and is there, until `lead`.
    std::optional<protocol::endpoint> led_by = std::nullopt;
  };

  fetching_broker() : fetching_broker(behaviour{}) {}
  explicit fetching_broker(behaviour how)
    : how_(how),
      listener_(options_of(how), [this](fake_cluster& c) { prepare(c); },
        {.pace = how.pace, .largest_fetch = how.receive_message_max_bytes}) {}

  [[nodiscard]] protocol::endpoint address() const { return listener_.address(1); }

  /// So many more batches for each partition.
  void append(int batches) {
    listener_.with([&](fake_cluster& c) {
      for (const auto* topic : topics) {
        for (std::int32_t p = 0; p != partitions; ++p) {
          for (int i = 0; i != batches; ++i)
            c.append(topic, p, batch_at(c.log(topic, p).end()), how_.compression);
        }
      }
    });
  }

  /// From here on this one leads.
  void lead() {
    listener_.with([](fake_cluster& c) { lead(c, 1); });
  }

private:
  static constexpr std::array<const char*, 2> topics{"t", "topic"};

  static cluster_options options_of(const behaviour& how) {
    // Batches of format 2 came with 0.11.
    constexpr std::int16_t batches_since = 4;
    return {.brokers = how.led_by ? 2 : 1,
      .kafka_version = how.newest_fetch < batches_since
        ? protocol::kafka_version{0, 10, 2}
        : protocol::kafka_version{4, 3}};
  }

  static void lead(fake_cluster& c, std::int32_t broker) {
    for (const auto* topic : topics) {
      for (std::int32_t p = 0; p != partitions; ++p)
        c.move_leader(topic, p, broker);
    }
  }

  void prepare(fake_cluster& c) {
    c.limit(protocol::api_key::fetch, {0, how_.newest_fetch});
    for (const auto* topic : topics)
      c.create_topic(topic, partitions);
    if (how_.led_by) {
      c.set_address(2, *how_.led_by);
      lead(c, 2);
    }
    c.treat(
      protocol::api_key::fetch,
      [this](const seen_request& r) {
        const auto cut = ++fetches_[r.connection] > how_.fetches_before_cut;
        return treatment{cut ? fate::answer_cut : fate::served};
      },
      fake_cluster::always);
  }

  [[nodiscard]] std::vector<protocol::record> batch_at(protocol::log_offset base) const {
    std::vector<protocol::record> all(batch_records);
    for (int i = 0; i != batch_records; ++i) {
      auto& r = all[static_cast<std::size_t>(i)];
      r.value = std::to_string(base.value() + i) + std::string(how_.padding, ' ');
      r.time = timestamp{};
    }
    return all;
  }

  const behaviour how_;
  std::map<std::uint64_t, int> fetches_;
  fake_listener listener_;
};

} // namespace cafka::testing
