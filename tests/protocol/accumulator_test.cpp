#include "allocation_counter.hpp"

#include <cafka/protocol/machines/accumulator.hpp>
#include <cafka/protocol/records/batch_builder.hpp>
#include <cafka/protocol/records/record_batch.hpp>

#include <catch2/catch_test_macros.hpp>

#include <map>
#include <thread>

using namespace cafka::protocol;

namespace {

struct fixture {
  explicit fixture(accumulator_options options = {}, std::int32_t partitions = 1)
    : batches(std::move(options)) {
    std::size_t refused = 0;
    REQUIRE(batches.set_partitions(topic(), partitions, refused).empty());
  }

  topic_buffers& topic() { return batches.topic("t"); }

  accumulator::appended add(std::string_view value, partition_id p = -1) {
    outgoing_record r;
    r.value = as_bytes(value);
    r.partition = p;
    return batches.append(topic(), r, timestamp{}, nullptr);
  }

  std::vector<std::string> taken(partition_id p = 0) {
    std::vector<std::string> all;
    auto& buffers = *topic().ever.at(static_cast<std::size_t>(p.value()));
    while (auto filled = batches.take(buffers, true)) {
      const auto sealed = filled->builder.seal();
      batch_reader in{*sealed};
      record_batch batch;
      REQUIRE(in.next(batch));
      for (const auto& r : batch)
        all.emplace_back(as_text(*r.value));
    }
    return all;
  }

  accumulator batches;
};

} // namespace

TEST_CASE("a record takes no allocation once its batch has grown") {
  fixture f;
  const std::string value(100, 'x');
  // The first batch of a partition grows; the next begins as large as that.
  while (f.topic().ever[0]->closed.empty())
    REQUIRE(f.add(value).status == error_code::none);
  auto& t = f.topic();
  outgoing_record r;
  r.value = as_bytes(value);
  const allocation_counter counter;
  for (int i = 0; i != 5'000; ++i)
    static_cast<void>(f.batches.append(t, r, timestamp{}, nullptr));
  CHECK(counter.count() == 0);
}

TEST_CASE("buffers that came back are used again, and the budget holds") {
  accumulator_options o;
  o.buffer_memory = 64 * 1024;
  o.batch_size = 4'000;
  fixture f{o};
  const std::string value(1'000, 'x');
  std::size_t count = 0;
  while (f.add(value).status == error_code::none)
    ++count;
  CHECK(f.add(value).status == error_code::queue_full);
  CHECK(f.batches.starved());
  CHECK(f.batches.pool().used() <= o.buffer_memory);
  CHECK(f.taken().size() == count);
  CHECK(f.batches.pool().used() == 0);
  std::size_t again = 0;
  while (f.add(value).status == error_code::none)
    ++again;
  CHECK(again == count);
}

TEST_CASE("records that are too large, or for no partition, or too late are refused") {
  accumulator_options o;
  o.max_record_size = 2'000;
  fixture f{o, 2};
  CHECK(f.add(std::string(3'000, 'x')).status == error_code::message_too_large);
  CHECK(f.add("x", 2).status == error_code::unknown_topic_or_partition);
  CHECK(f.add("x", 1).partition == partition_id{1});
  f.batches.close();
  CHECK(f.add("x", 1).status == error_code::closed);
}

TEST_CASE("a record larger than a batch goes alone") {
  accumulator_options o;
  o.batch_size = 100;
  fixture f{o};
  const std::string large(5'000, 'x');
  REQUIRE(f.add("a").status == error_code::none);
  REQUIRE(f.add(large).status == error_code::none);
  REQUIRE(f.add("b").status == error_code::none);
  CHECK(f.taken() == std::vector<std::string>{"a", large, "b"});
}

TEST_CASE("keyless records are spread evenly, in runs, and rather over short queues") {
  accumulator_options o;
  o.sticky_size = 1'000;
  o.batch_size = 4'000;
  fixture f{o, 4};
  std::map<std::int32_t, int> even;
  const std::string value(93, 'x');
  int runs = 0;
  partition_id before = -1;
  for (int i = 0; i != 40'000; ++i) {
    const auto p = f.add(value).partition;
    ++even[p.value()];
    runs += p != before ? 1 : 0;
    before = p;
  }
  for (const auto& [p, count] : even)
    CHECK((count > 8'000 && count < 12'000));
  CHECK(runs > 2'000);
  CHECK(runs < 4'100);
  for (int p = 0; p != 4; ++p)
    static_cast<void>(f.taken(p));
  SECTION("a queue that is long gets less") {
    f.topic().ever[2]->backlog = 1'000'000;
    std::map<std::int32_t, int> uneven;
    for (int i = 0; i != 40'000; ++i)
      ++uneven[f.add(value).partition.value()];
    CHECK(uneven[2] < 5'000);
  }
  SECTION("no leader, no records") {
    for (const int p : {0, 1, 3})
      f.topic().ever[static_cast<std::size_t>(p)]->led = false;
    for (int i = 0; i != 1'000; ++i)
      static_cast<void>(f.add(value));
    for (int i = 0; i != 100; ++i)
      CHECK(f.add(value).partition == partition_id{2});
  }
}

TEST_CASE("records from several threads are all there, each thread's in its order") {
  fixture f{{}, 1};
  constexpr int each = 20'000;
  std::vector<std::thread> threads;
  for (int t = 0; t != 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i != each; ++i)
        static_cast<void>(f.add(std::to_string(t) + ' ' + std::to_string(i)));
    });
  std::vector<std::string> all;
  // While they send, someone takes.
  while (all.size() < 4 * each) {
    for (auto& text : f.taken())
      all.push_back(std::move(text));
  }
  for (auto& t : threads)
    t.join();
  std::map<int, int> next;
  for (const auto& text : all)
    REQUIRE(next[std::stoi(text)]++ == std::stoi(text.substr(text.find(' '))));
  CHECK(next.size() == 4);
}

TEST_CASE("a batch stamped anew is the same but for who sent it") {
  batch_builder builder;
  for (int i = 0; i != 10; ++i)
    REQUIRE(builder.append({}, as_bytes("value"), timestamp{}));
  seal_options first;
  first.producer_id = 7;
  first.producer_epoch = 1;
  first.base_sequence = 30;
  const auto before = *builder.seal(first);
  seal_options second = first;
  second.producer_epoch = 2;
  second.base_sequence = 0;
  batch_reader in{restamped(before, second)};
  record_batch batch;
  REQUIRE(in.next(batch)); // Its checksum is right.
  CHECK(batch.info().producer_id == 7);
  CHECK(batch.info().producer_epoch == 2);
  CHECK(batch.info().base_sequence == 0);
  CHECK(batch.info().record_count == 10);
  CHECK(restamped(restamped(before, second), first) == before);
}
