#pragma once

#include "scripted_peer.hpp"
#include <cafka/protocol/messages/api_versions.hpp>
#include <cafka/protocol/messages/fetch.hpp>
#include <cafka/protocol/messages/list_offsets.hpp>
#include <cafka/protocol/messages/metadata.hpp>
#include <cafka/protocol/records/batch_builder.hpp>
#include <cafka/protocol/schema/header.hpp>
#include <cafka/protocol/words.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <mutex>

namespace cafka::testing {

/// Broker 1, which leads every partition, alone. In each partition are numbers, in
/// batches of ten; each record's value is its offset.
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
    std::size_t largest_answer = SIZE_MAX;
    /// Broker 2 leads every partition, and is there, until `lead`.
    std::optional<protocol::endpoint> led_by = std::nullopt;
  };

  fetching_broker() : fetching_broker(behaviour{}) {}
  explicit fetching_broker(behaviour how)
    : how_(how),
      leads_(!how.led_by),
      peer_([this](scripted_peer::session& s) { serve(s); }) {
    address_ = peer_.address();
    ready_ = true;
    ready_.notify_all();
  }
  ~fetching_broker() {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
    changed_.notify_all();
  }

  [[nodiscard]] protocol::endpoint address() const { return address_; }

  /// So many more batches for each partition.
  void append(int batches) {
    const std::lock_guard lock{mutex_};
    for (auto& log : logs_) {
      for (int i = 0; i != batches; ++i)
        log.push_back(batch_at(static_cast<std::int64_t>(log.size()) * batch_records));
    }
    changed_.notify_all();
  }

  /// From here on this one leads.
  void lead() { leads_ = true; }

private:
  [[nodiscard]] protocol::shared_bytes batch_at(std::int64_t base) const {
    protocol::builder_options options;
    options.compression = how_.compression;
    options.base_offset = base;
    const auto filled = [&](auto builder) {
      for (std::int64_t i = 0; i != batch_records; ++i) {
        const auto text = std::to_string(base + i) + std::string(how_.padding, ' ');
        static_cast<void>(
          builder.append(std::nullopt, protocol::as_bytes(text), timestamp{}));
      }
      return *builder.seal();
    };
    if (how_.newest_fetch < 4)
      return filled(protocol::message_set_builder{1, options});
    return filled(protocol::batch_builder{options});
  }

  void serve(scripted_peer::session& s) {
    ready_.wait(false);
    int fetches = 0;
    while (const auto request = s.read_frame()) {
      protocol::reader in{protocol::byte_view{*request}};
      const auto header = read_request_header(in);
      const auto respond = [&](const auto& response) {
        bytes all;
        const auto frame =
          protocol::encode_response(response, header.version, header.correlation_id);
        for (const auto& part : frame->parts)
          all.insert(all.end(), part.view().begin(), part.view().end());
        return header.key == protocol::api_key::fetch ? send_slowly(s, all) : s.send(all);
      };
      bool goes_on = true;
      switch (header.key) {
      case protocol::api_key::api_versions: goes_on = respond(versions()); break;
      case protocol::api_key::metadata: {
        protocol::metadata_request asked;
        decode(in, asked, header.version);
        goes_on = respond(metadata(asked));
        break;
      }
      case protocol::api_key::list_offsets: {
        protocol::list_offsets_request asked;
        decode(in, asked, header.version);
        goes_on = respond(offsets(asked));
        break;
      }
      case protocol::api_key::fetch: {
        protocol::fetch_request asked;
        decode(in, asked, header.version);
        if (++fetches > how_.fetches_before_cut)
          return;
        goes_on = respond(fetch(asked, header.version));
        break;
      }
      default: return;
      }
      if (!goes_on)
        return;
    }
  }

  /// In pieces, by the pace.
  bool send_slowly(scripted_peer::session& s, const bytes& all) {
    if (how_.pace == 0)
      return all.size() <= how_.largest_answer && s.send(all);
    if (all.size() > how_.largest_answer)
      return false;
    const auto begin = std::chrono::steady_clock::now();
    for (std::size_t sent = 0; sent < all.size();) {
      const auto spent = std::chrono::steady_clock::now() - begin;
      const auto due = static_cast<std::size_t>(
        std::chrono::duration<double>(spent).count() * static_cast<double>(how_.pace));
      const auto more = std::min(std::max(due, sent) - sent, all.size() - sent);
      if (!s.send(protocol::byte_view{all}.subspan(sent, more)))
        return false;
      sent += more;
      std::unique_lock lock{mutex_};
      changed_.wait_for(lock, milliseconds{10}, [this] { return stopping_; });
    }
    return true;
  }

  [[nodiscard]] protocol::api_versions_response versions() const {
    protocol::api_versions_response response;
    response.api_keys = {{1, 0, how_.newest_fetch}, {2, 1, 5}, {3, 0, 9}, {18, 0, 3}};
    return response;
  }

  [[nodiscard]] protocol::metadata_response metadata(
    const protocol::metadata_request& asked) const {
    protocol::metadata_response response;
    response.brokers.push_back({1, address_.host, address_.port, std::nullopt});
    response.controller_id = 1;
    if (how_.led_by)
      response.brokers.push_back({2, how_.led_by->host, how_.led_by->port, std::nullopt});
    if (!asked.topics)
      return response;
    for (const auto& wanted : *asked.topics) {
      auto& topic = response.topics.emplace_back();
      topic.name = wanted.name;
      for (std::int32_t p = 0; p != partitions; ++p) {
        auto& partition = topic.partitions.emplace_back();
        partition.partition_index = p;
        partition.leader_id = leads_ ? 1 : 2;
        if (how_.led_by)
          partition.leader_epoch = leads_ ? 1 : 0;
        partition.replica_nodes = partition.isr_nodes = {1};
      }
    }
    return response;
  }

  protocol::list_offsets_response offsets(const protocol::list_offsets_request& asked) {
    const std::lock_guard lock{mutex_};
    protocol::list_offsets_response response;
    for (const auto& t : asked.topics) {
      auto& topic = response.topics.emplace_back();
      topic.name = t.name;
      for (const auto& p : t.partitions) {
        auto& x = topic.partitions.emplace_back();
        x.partition_index = p.partition_index;
        x.offset = p.timestamp == -2 ? 0 : end_of(p.partition_index);
      }
    }
    return response;
  }

  [[nodiscard]] std::int64_t end_of(partition_id p) const {
    return static_cast<std::int64_t>(logs_[place(p)].size()) * batch_records;
  }
  static std::size_t place(partition_id p) { return static_cast<std::size_t>(p.value()); }

  protocol::fetch_response fetch(
    const protocol::fetch_request& asked, std::int16_t version) {
    std::unique_lock lock{mutex_};
    changed_.wait_for(lock, milliseconds{asked.max_wait_ms}, [&] {
      for (const auto& t : asked.topics) {
        for (const auto& p : t.partitions) {
          if (p.fetch_offset.value() < end_of(p.partition))
            return true;
        }
      }
      return stopping_;
    });
    protocol::fetch_response response;
    std::size_t all = 0;
    for (const auto& t : asked.topics) {
      auto& topic = response.responses.emplace_back();
      topic.topic = t.topic;
      for (const auto& p : t.partitions) {
        auto& x = topic.partitions.emplace_back();
        x.partition_index = p.partition;
        x.high_watermark = end_of(p.partition);
        x.last_stable_offset = x.high_watermark;
        bytes records;
        const auto& log = logs_[place(p.partition)];
        const auto limit = static_cast<std::size_t>(p.partition_max_bytes);
        for (auto i = static_cast<std::size_t>(p.fetch_offset.value()) / batch_records;
             i < log.size(); ++i) {
          const auto after = records.size() + log[i].size();
          const auto first = all == 0 && records.empty();
          if (version >= 3 && !first
            && (after > limit || all + after > static_cast<std::size_t>(asked.max_bytes)))
            break;
          records.insert(records.end(), log[i].view().begin(), log[i].view().end());
          if (version < 3 && records.size() >= limit) {
            records.resize(limit);
            break;
          }
        }
        all += records.size();
        x.records = protocol::shared_bytes::from(std::move(records));
      }
    }
    return response;
  }

  const behaviour how_;
  std::atomic<bool> leads_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::array<std::vector<protocol::shared_bytes>, partitions> logs_;
  bool stopping_ = false;
  protocol::endpoint address_;
  std::atomic<bool> ready_ = false;
  scripted_peer peer_;
};

} // namespace cafka::testing
