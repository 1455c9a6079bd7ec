#include "hostile_lies.hpp"

#include <cafka/protocol/records/checksum.hpp>

#include <atomic>
#include <memory>

namespace cafka::testing {

namespace {

using protocol::api_key;

/// What one record of a bomb decompresses to.
constexpr std::size_t bomb_size = 32 * megabyte;

// -- what is lied with ------------------------------------------------------------------

protocol::shared_bytes joined(const std::vector<protocol::shared_bytes>& parts) {
  bytes all;
  for (const auto& part : parts)
    all.insert(all.end(), part.view().begin(), part.view().end());
  return protocol::shared_bytes::from(std::move(all));
}

/// So many small batches that decompress to `bomb_size` each.
protocol::shared_bytes bombs(std::int64_t count) {
  const std::string zeros(bomb_size - 100, '\0');
  std::vector<protocol::shared_bytes> parts;
  for (std::int64_t i = 0; i != count; ++i) {
    protocol::builder_options options;
    options.base_offset = i;
    options.compression = codec::zstd;
    options.max_size = INT32_MAX;
    protocol::batch_builder builder{options};
    static_cast<void>(
      builder.append(std::nullopt, protocol::as_bytes(zeros), timestamp{}));
    parts.push_back(*builder.seal());
  }
  return joined(parts);
}

/// A batch that says that its last record has another offset, with a checksum that fits.
protocol::shared_bytes with_last_delta(
  const protocol::shared_bytes& batch, std::uint32_t delta) {
  bytes all{batch.view().begin(), batch.view().end()};
  const auto put = [&](std::size_t at, std::uint32_t x) {
    for (std::size_t i = 0; i != 4; ++i)
      all[at + i] = static_cast<std::byte>(x >> (24 - 8 * i));
  };
  put(23, delta);
  put(17, protocol::crc32c(protocol::byte_view{all}.subspan(21)));
  return protocol::shared_bytes::from(std::move(all));
}

/// Partition 0 always has the same records, as far as they are not behind its offset.
lies records_are(const protocol::shared_bytes& bytes) {
  lies all;
  all.fetch = [bytes](auto& x, const auto&, int) { x.records = bytes; };
  return all;
}

lies fetch_fails_with(error_code code) {
  lies all;
  all.fetch = [code](auto& x, const auto&, int) {
    x.error_code = code;
    x.records = protocol::shared_bytes{};
  };
  return all;
}

lies produce_fails_with(error_code code, const std::string& text = {}) {
  lies all;
  all.produce = [code, text](auto& x) {
    x.error_code = code;
    if (!text.empty())
      x.error_message = text;
  };
  return all;
}

lies frames_are(api_key of, std::function<void(bytes&)> change) {
  lies all;
  all.frame = [of, change](api_key key, bytes& frame) {
    if (key == of)
      change(frame);
  };
  return all;
}

void put_big_endian(bytes& frame, std::size_t at, std::uint32_t x) {
  for (std::size_t i = 0; i != 4; ++i)
    frame[at + i] = static_cast<std::byte>(x >> (24 - 8 * i));
}

// -- the table --------------------------------------------------------------------------

} // namespace

std::vector<lie> lies_about_records() {
  std::vector<lie> all;
  const auto add = [&](std::string name, lies how) -> lie& {
    all.push_back({std::move(name), std::move(how)});
    return all.back();
  };
  {
    auto& x =
      add("sixteen batches of a few kB decompress to 512 MiB", records_are(bombs(16)));
    x.consumer = {.told = {error_code::none},
      .records = 16,
      .memory = 16 * megabyte + bomb_size + 64 * megabyte};
    x.worker = {.told = {error_code::none},
      .records = 1,
      .memory = 32 * megabyte + bomb_size + 64 * megabyte};
    x.reads = [](auto& o) {
      o.buffer_memory = 16 * megabyte;
      o.max_decompression_ratio = 0;
    };
  }
  {
    auto& x = add("a batch decompresses beyond all reason", records_are(bombs(1)));
    x.consumer = {.told = {error_code::batch_too_large},
      .text = "max_decompression_ratio",
      .memory = bomb_size + 64 * megabyte};
    x.reads = [](auto& o) { o.max_decompression_ratio = 1'000; };
  }
  {
    auto& x = add("a batch decompresses to more than is allowed", records_are(bombs(1)));
    x.consumer = {.told = {error_code::batch_too_large},
      .text = "max_decompressed_bytes",
      .memory = 64 * megabyte};
    x.reads = [](auto& o) { o.max_decompressed_bytes = megabyte; };
  }
  {
    lies how;
    how.fetch = [](auto& x, const auto& asked, int) {
      const auto at = asked.fetch_offset.value();
      if (at < hostile_cluster::records)
        x.records =
          joined({hostile_cluster::batch(at, 5), hostile_cluster::batch(at + 2, 5)});
    };
    auto& x = add("batches overlap", how);
    x.consumer = {.told = {error_code::none}};
    x.worker = {.told = {error_code::none}, .records = 5};
  }
  {
    auto& x = add("batches go back",
      records_are(joined({hostile_cluster::batch(0), hostile_cluster::batch(10),
        hostile_cluster::batch(0)})));
    x.consumer = {
      .told = {error_code::corrupt_message}, .text = "is not behind the batch before it"};
    x.worker = {.told = {error_code::none}, .records = 20};
  }
  {
    auto& x =
      add("the first batch, over and over", records_are(hostile_cluster::batch(0)));
    x.consumer = {.told = {error_code::corrupt_message}, .text = "is before it"};
    x.worker = {.told = {error_code::none}, .records = 10};
  }
  {
    lies how;
    how.fetch = [](auto& x, const auto& asked, int) {
      const auto at = asked.fetch_offset.value();
      if (at < hostile_cluster::records)
        x.records = with_last_delta(hostile_cluster::batch(at), 4);
    };
    auto& x = add("a batch has records behind its last offset", how);
    x.consumer = {.told = {error_code::invalid_record}, .text = "offsets out of order"};
    x.worker = {.told = {error_code::invalid_record}, .text = "offsets out of order"};
  }
  {
    auto& x = add("a batch ends before it begins",
      records_are(with_last_delta(hostile_cluster::batch(0), 0xFFFF'FFF0)));
    x.consumer = x.worker = {.told = {error_code::corrupt_message}};
  }
  {
    lies how;
    how.whole_fetch = [](auto& r) {
      auto twice = r.responses;
      for (auto& t : twice)
        r.responses.push_back(t);
    };
    auto& x = add("each partition is in the answer twice", how);
    x.consumer = {.told = {error_code::none}};
    x.worker = {.told = {error_code::none}};
  }
  {
    auto& x = add("a frame of 99,999,999 bytes is announced, and does not come",
      frames_are(api_key::fetch, [](bytes& frame) {
        frame.resize(100);
        put_big_endian(frame, 0, 99'999'999);
      }));
    x.consumer = {.memory = 64 * megabyte};
    x.worker = {
      .told = {error_code::timed_out, error_code::disconnected}, .memory = 64 * megabyte};
  }
  return all;
}

std::vector<lie> other_lies() {
  std::vector<lie> all;
  const auto add = [&](std::string name, lies how) -> lie& {
    all.push_back({std::move(name), std::move(how)});
    return all.back();
  };
  const codes gave_up{error_code::timed_out, error_code::disconnected,
    error_code::malformed_response, error_code::not_leader_or_follower,
    error_code::outcome_unknown};
  // -- who leads
  {
    lies how = fetch_fails_with(error_code::not_leader_or_follower);
    const auto epoch = std::make_shared<std::atomic<int>>(1);
    how.fetch = [fails = how.fetch, epoch](auto& x, const auto& asked, int broker) {
      fails(x, asked, broker);
      x.current_leader.leader_id = 3 - broker;
      x.current_leader.leader_epoch = ++*epoch;
    };
    auto& x = add("each broker says that the other leads, by a higher epoch", how);
    x.consumer = {.others = false};
    x.worker = {.told = gave_up};
  }
  {
    lies how;
    how.fetch = [](auto& x, const auto&, int broker) {
      x.records = protocol::shared_bytes{};
      x.preferred_read_replica = 3 - broker;
    };
    auto& x = add("each broker says that the other is the closer replica", how);
    x.consumer = {.others = false};

    auto& y = add("the same, and the client has a rack", how);
    y.consumer = {.others = false};
    y.reads = [](auto& o) { o.client_rack = std::string(3, 'r'); };
  }
  {
    auto& x = add("no offset is in range, and ListOffsets says that it is",
      fetch_fails_with(error_code::offset_out_of_range));
    x.consumer = must{};
    x.reads = [](auto& o) { o.auto_offset_reset = actors::offset_reset::earliest; };
    x.worker = {.told = {error_code::offset_out_of_range}};
  }
  // -- how long
  {
    lies how;
    how.waits = false;
    how.fetch = [](auto& x, const auto& asked, int) {
      x.records = protocol::shared_bytes{};
      x.high_watermark = x.last_stable_offset = asked.fetch_offset;
    };
    auto& x = add("there is nothing, and the broker does not wait", how);
    x.consumer = must{};

    how.fetch = [](auto& part, const auto&, int) {
      part.records = protocol::shared_bytes{};
    };
    auto& y =
      add("there is something, it does not come, and the broker does not wait", how);
    y.consumer = must{};
  }
  {
    lies how;
    how.whole_fetch = [](auto& r) { r.throttle_time_ms = INT32_MAX; };
    how.whole_produce = [](auto& r) { r.throttle_time_ms = INT32_MAX; };
    auto& x = add("the client is to be silent for 24 days", how);
    x.consumer = {.told = {error_code::timed_out}};
    x.producer = {.told = {error_code::none}};
    x.worker = {.told = {error_code::none}};
  }
  // -- whose answer
  {
    const auto changed = [](bytes& frame) { put_big_endian(frame, 4, 0x7fff'0000); };
    auto& x =
      add("a fetch's answer has another number", frames_are(api_key::fetch, changed));
    x.consumer = {.nothing = true};
    x.worker = {.told = gave_up};

    auto& y =
      add("a produce's answer has another number", frames_are(api_key::produce, changed));
    y.producer = y.worker = {.told = {error_code::outcome_unknown}};
    y.worker_produces = true;
  }
  {
    lies how;
    how.whole_fetch = [](auto& r) { r.responses.clear(); };
    auto& x = add("a fetch's answer leaves the partition out", how);
    x.consumer = must{};
    x.worker = {.told = {error_code::malformed_response}};
  }
  // -- delivery results
  {
    lies how;
    how.whole_produce = [](auto& r) { r.responses.clear(); };
    auto& x = add("a produce's answer leaves the partition out", how);
    x.producer = x.worker = {.told = {error_code::outcome_unknown}};
    x.worker_produces = true;
  }
  {
    auto& x = add("an error that nobody knows, for a produce",
      produce_fails_with(static_cast<error_code>(9'999)));
    x.producer = x.worker = {.told = {error_code::outcome_unknown}};
    x.worker_produces = true;
  }
  {
    const std::string escapes = "\x1b[2J\x1b]0;owned\x07 \xc2\x9b"
                                "31m \xe2\x80\xae";
    std::string text;
    while (text.size() + escapes.size() <= INT16_MAX)
      text += escapes;
    auto& x = add("an error's text is as long as can be, of escape sequences",
      produce_fails_with(error_code::policy_violation, text));
    x.producer = x.worker = {.told = {error_code::policy_violation}};
    x.worker_produces = true;
  }
  {
    lies how;
    how.producer_id = [](auto& r) { r.producer_id = -1; };
    auto& x = add("a producer's id is -1", how);
    x.producer = {.told = gave_up, .others = false};
  }
  // -- what the cluster is like
  {
    lies how;
    how.metadata = [](auto& r) {
      for (auto& t : r.topics) {
        auto far = t.partitions.front();
        far.partition_index = INT32_MAX;
        t.partitions.push_back(far);
      }
    };
    auto& x = add("a topic has a partition 2^31 - 1", how);
    x.consumer = x.worker = {.told = {error_code::none}};
    // It needs all numbers up to the last to choose among them.
    x.producer = {.told = {error_code::timed_out}, .others = false};
  }
  {
    lies how;
    how.metadata = [](auto& r) {
      r.brokers.front().host = std::string{"127.0.0.1\0.example.org", 22};
    };
    auto& x = add("a broker's name has a NUL in it", how);
    x.consumer = {.nothing = true};
    x.producer =
      x.worker = {.told = {error_code::timed_out, error_code::disconnected,
                    error_code::connection_failed, error_code::malformed_response}};
  }
  return all;
}

} // namespace cafka::testing
