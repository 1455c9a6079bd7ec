#include "fixture.hpp"
#include <cafka/protocol/records/batch_order.hpp>

using namespace fake_fixture;

namespace {

/// What a broker says of an idempotent producer's batch.
struct sequences : fixture {
  explicit sequences(cluster_options options = {}) : fixture(std::move(options)) {
    cluster.create_topic("t");
  }

  error_code write(std::int32_t sequence, int count = 1, std::int16_t epoch = 0) {
    const auto x = only(ask(producing(sealed(count, 7, epoch, sequence)), version));
    offset = x.base_offset.value();
    return x.error_code;
  }

  std::int16_t version = 9;
  std::int64_t offset = -1;
};

cluster_options of_release(kafka_version release) {
  cluster_options options;
  options.kafka_version = release;
  return options;
}

} // namespace

TEST_CASE("records are appended, one batch behind the other") {
  fixture f;
  f.cluster.create_topic("t");
  CHECK(
    only(f.ask(producing(batch_of(numbered(3), {})), 9)).base_offset == log_offset{0});
  CHECK(
    only(f.ask(producing(batch_of(numbered(2, 3), {})), 9)).base_offset == log_offset{3});
  const auto& log = f.cluster.log("t", 0);
  CHECK(log.end() == log_offset{5});
  const auto records = log.records();
  REQUIRE(records.size() == 5);
  for (std::size_t i = 0; i != records.size(); ++i) {
    CHECK(records[i].offset == log_offset{static_cast<std::int64_t>(i)});
    CHECK(records[i].record.value == std::to_string(i));
  }
}

TEST_CASE("each of the last five batches once more is no error and not written again") {
  sequences s;
  for (int i = 0; i != 7; ++i)
    REQUIRE(s.write(i) == error_code::none);
  for (int i = 2; i != 7; ++i) {
    CHECK(s.write(i) == error_code::none);
    CHECK(s.offset == i);
  }
  CHECK(s.write(1) == error_code::out_of_order_sequence_number);
  CHECK(s.write(8) == error_code::out_of_order_sequence_number);
  // The same first sequence, with more in it.
  CHECK(s.write(6, 2) == error_code::out_of_order_sequence_number);
  CHECK(s.write(7) == error_code::none);
  CHECK(s.cluster.log("t", 0).end() == log_offset{8});
}

TEST_CASE("a new epoch begins with sequence 0, and one that is over is refused") {
  sequences s;
  REQUIRE(s.write(0) == error_code::none);
  CHECK(s.write(1, 1, 1) == error_code::out_of_order_sequence_number);
  CHECK(s.write(0, 1, 1) == error_code::none);
  CHECK(s.write(1, 1, 0) == error_code::invalid_producer_epoch);
  CHECK(s.write(1, 1, 1) == error_code::none);
}

TEST_CASE("a producer that is not known begins anywhere, before 2.5 with 0 alone") {
  sequences now;
  CHECK(now.write(5) == error_code::none);
  CHECK(now.write(6) == error_code::none);

  sequences old{of_release({2, 3})};
  old.version = 7;
  CHECK(old.write(5) == error_code::unknown_producer_id);
  CHECK(old.write(0) == error_code::none);
  old.cluster.forget_batches();
  CHECK(old.write(1) == error_code::unknown_producer_id);
  CHECK(old.write(0, 1, 1) == error_code::none);
}

TEST_CASE("before 2.0 a sequence that lies before what is known is a duplicate") {
  sequences old{of_release({1, 1})};
  old.version = 5;
  for (int i = 0; i != 6; ++i)
    REQUIRE(old.write(i) == error_code::none);
  CHECK(old.write(0) == error_code::duplicate_sequence_number);
  CHECK(old.write(9) == error_code::out_of_order_sequence_number);
}

TEST_CASE("a broker that was killed knows of each producer the last batch") {
  sequences s;
  for (int i = 0; i != 3; ++i)
    REQUIRE(s.write(i) == error_code::none);
  const auto led = s.cluster.leader("t", 0);
  REQUIRE(led == 1);
  s.cluster.kill(1);
  CHECK(s.cluster.leader("t", 0) == 2);
  // The replica that leads now has seen all of them.
  CHECK(
    only(s.ask(producing(sealed(1, 7, 0, 0)), 9, 2, 2)).error_code == error_code::none);
  s.cluster.restart(1);
  s.cluster.move_leader("t", 0, 1);
  CHECK(s.write(1) == error_code::out_of_order_sequence_number);
  CHECK(s.write(2) == error_code::none);
  CHECK(s.offset == 2);
  CHECK(s.write(3) == error_code::none);
}

TEST_CASE("a log that loses its end knows of each producer what is left") {
  sequences s;
  for (int i = 0; i != 10; ++i)
    REQUIRE(s.write(i) == error_code::none);
  s.cluster.truncate("t", 0, 2);
  CHECK(s.write(9) == error_code::out_of_order_sequence_number);
  CHECK(s.write(0) == error_code::out_of_order_sequence_number);
  CHECK(s.write(1) == error_code::none); // It is there already.
  CHECK(s.offset == 1);
  CHECK(s.write(2) == error_code::none);
  CHECK(s.cluster.log("t", 0).end() == log_offset{3});
  // Of whom nothing is left nothing is known.
  s.cluster.truncate("t", 0, 0);
  CHECK(s.write(9) == error_code::none);
}

TEST_CASE("sequences start over at zero behind the largest") {
  sequences s;
  constexpr auto last = std::numeric_limits<std::int32_t>::max();
  REQUIRE(s.write(last) == error_code::none);
  CHECK(s.write(0) == error_code::none);
  s.cluster.forget_producers();
  REQUIRE(s.write(last, 3) == error_code::none);
  CHECK(s.write(2) == error_code::none);
}

TEST_CASE("what a broker refuses of a batch, by its error") {
  fixture f;
  f.cluster.create_topic("t", 1, 0, {{"max.message.bytes", "200"}});
  const auto small = batch_of(numbered(1), {});
  const auto code = [&](const produce_request& request, std::int16_t version = 9) {
    return only(f.ask(request, version)).error_code;
  };
  CHECK(code(producing(batch_of(numbered(50), {}))) == error_code::message_too_large);
  CHECK(code(producing(small, 2)) == error_code::invalid_required_acks);
  CHECK(code(producing(small, -1, 1)) == error_code::unknown_topic_or_partition);
  CHECK(code(producing(small, -1, 0, "u")) == error_code::unknown_topic_or_partition);
  CHECK(code(producing(small), 13) == error_code::unknown_topic_id);
  auto two = std::vector<std::byte>{small.view().begin(), small.view().end()};
  two.insert(two.end(), small.view().begin(), small.view().end());
  CHECK(
    code(producing(shared_bytes::from(std::move(two)))) == error_code::invalid_record);
  auto damaged = std::vector<std::byte>{small.view().begin(), small.view().end()};
  damaged.back() ^= std::byte{1};
  CHECK(code(producing(shared_bytes::from(std::move(damaged))))
    == error_code::corrupt_message);
  builder_options later;
  later.base_offset = 5;
  batch_builder builder{later};
  REQUIRE(builder.append(a_record("x"), {}));
  CHECK(code(producing(*builder.seal())) == error_code::invalid_record);
  const auto zstd = batch_of(numbered(1), {}, codec::zstd);
  CHECK(code(producing(zstd), 6) == error_code::unsupported_compression_type);
  CHECK(code(producing(zstd), 7) == error_code::none);
}

TEST_CASE("records without a key have no place in a compacted topic") {
  fixture f;
  f.cluster.create_topic("t", 1, 0, {{"cleanup.policy", "compact"}});
  CHECK(only(f.ask(producing(batch_of(numbered(1), {})), 9)).error_code
    == error_code::invalid_record);
  auto keyed = a_record("x");
  keyed.key.emplace("k");
  CHECK(only(f.ask(producing(batch_of({keyed}, {})), 9)).error_code == error_code::none);
}

TEST_CASE("a broker that does not lead says who does") {
  fixture f;
  f.cluster.create_topic("t");
  f.cluster.move_leader("t", 0, 3);
  const auto request = producing(batch_of(numbered(1), {}));
  const auto old = f.ask(request, 9);
  CHECK(only(old).error_code == error_code::not_leader_or_follower);
  CHECK(old.node_endpoints.empty());
  const auto now = f.ask(request, 10);
  CHECK(only(now).error_code == error_code::not_leader_or_follower);
  CHECK(only(now).current_leader == leader_id_and_epoch{3, 1});
  REQUIRE(now.node_endpoints.size() == 1);
  CHECK(now.node_endpoints[0].host == "b3");
}

TEST_CASE("without acks there is no answer, and an error ends the connection") {
  fixture f;
  f.cluster.create_topic("t");
  f.send(producing(batch_of(numbered(1), {}), 0), 9);
  CHECK(f.came[1].empty());
  CHECK(f.cluster.log("t", 0).end() == log_offset{1});
  CHECK(f.ended.empty());
  f.send(producing(batch_of(numbered(1), {}), 0, 9), 9);
  CHECK(f.ended == std::vector<std::uint64_t>{1});
}

TEST_CASE("with too few replicas a broker refuses who waits for all of them") {
  fixture f;
  f.cluster.create_topic("t", 1, 3, {{"min.insync.replicas", "2"}});
  f.cluster.kill(2);
  CHECK(
    only(f.ask(producing(batch_of(numbered(1), {})), 9)).error_code == error_code::none);
  f.cluster.kill(3);
  CHECK(only(f.ask(producing(batch_of(numbered(1), {})), 9)).error_code
    == error_code::not_enough_replicas);
  CHECK(only(f.ask(producing(batch_of(numbered(1), {}), 1), 9)).error_code
    == error_code::none);
}

TEST_CASE("a log may stamp its own time, also on what it has already") {
  fixture f;
  f.cluster.create_topic("t", 1, 0, {{"message.timestamp.type", "LogAppendTime"}});
  const auto batch = sealed(2, 7, 0, 0);
  const auto first = only(f.ask(producing(batch), 9));
  const auto time = f.cluster.options().epoch->time_since_epoch() + 1h;
  CHECK(first.log_append_time_ms == milliseconds{time}.count());
  f.pass(5s);
  const auto again = only(f.ask(producing(batch), 9));
  CHECK(again.base_offset == first.base_offset);
  CHECK(again.log_append_time_ms == first.log_append_time_ms);
  for (const auto& r : f.cluster.log("t", 0).records())
    CHECK(r.record.time == timestamp{milliseconds{time}});
  // The checksum covers that time.
  batch_reader in{f.cluster.log("t", 0).batches().at(0)};
  record_batch stored;
  CHECK(in.next(stored));
  CHECK(stored.info().time_type == timestamp_type::log_append_time);
}

TEST_CASE("message sets of old become batches") {
  for (const std::int8_t magic : {0, 1}) {
    for (const auto compression : {codec::none, codec::gzip, codec::lz4, codec::snappy}) {
      fixture f{of_release({2, 8})};
      f.cluster.create_topic("t");
      builder_options options;
      options.compression = compression;
      message_set_builder builder{magic, options};
      for (int i = 0; i != 3; ++i) {
        const auto text = std::to_string(i);
        REQUIRE(builder.append(std::nullopt, as_bytes(text), timestamp{5ms}));
      }
      const auto version = static_cast<std::int16_t>(magic == 0 ? 1 : 2);
      CHECK(
        only(f.ask(producing(*builder.seal()), version)).error_code == error_code::none);
      const auto records = f.cluster.log("t", 0).records();
      REQUIRE(records.size() == 3);
      CHECK(records[2].record.value == "2");
    }
  }
}
