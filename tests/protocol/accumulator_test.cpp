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
    REQUIRE(batches.set_partitions(topic(), partitions).empty());
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
    // Its first record makes a partition.
    auto* const buffers = accumulator::partition_of(topic(), p);
    if (buffers == nullptr)
      return all;
    while (auto filled = batches.take(*buffers, true)) {
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
  do
    REQUIRE(f.add(value).status == error_code::none);
  while (accumulator::partition_of(f.topic(), 0)->closed.empty());
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
  CHECK(f.batches.take_starvation());
  CHECK(f.batches.pool().used() <= o.buffer_memory);
  CHECK(f.taken().size() == count);
  CHECK(f.batches.pool().used() == 0);
  std::size_t again = 0;
  while (f.add(value).status == error_code::none)
    ++again;
  CHECK(again == count);
}

TEST_CASE("records that have waited for their topic take little more than the budget") {
  accumulator_options o;
  o.buffer_memory = 256 * 1024;
  o.batch_size = 64'000;
  accumulator batches{o};
  auto& t = batches.topic("t");
  const std::string value(3'000, 'x');
  outgoing_record r;
  r.value = as_bytes(value);
  for (int i = 0;; ++i) {
    r.partition = i % 40;
    if (batches.append(t, r, timestamp{}, nullptr).status != error_code::none)
      break;
  }
  const auto before = batches.pool().used();
  CHECK(before > o.buffer_memory / 2);
  // Each partition needs a buffer for its two records or three.
  REQUIRE(batches.set_partitions(t, 40).empty());
  CHECK(batches.pool().used() <= before + before / 2);
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

TEST_CASE("a batch is full at its records as well as at its bytes") {
  accumulator_options o;
  o.batch_records = 3;
  fixture f{o};
  for (int i = 0; i != 8; ++i)
    REQUIRE(f.add("x").status == error_code::none);
  auto& buffers = *accumulator::partition_of(f.topic(), 0);
  CHECK(accumulator::peek(buffers).closed);
  std::vector<std::int32_t> counts;
  while (const auto filled = f.batches.take(buffers, true))
    counts.push_back(filled->builder.count());
  CHECK(counts == std::vector<std::int32_t>{3, 3, 2});
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
    accumulator::partition_of(f.topic(), 2)->backlog = 1'000'000;
    std::map<std::int32_t, int> uneven;
    for (int i = 0; i != 40'000; ++i)
      ++uneven[f.add(value).partition.value()];
    CHECK(uneven[2] < 5'000);
  }
  SECTION("no leader, no records") {
    for (const int p : {0, 1, 3})
      accumulator::set_led(f.topic(), p, false);
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

TEST_CASE("who asks for more than there is takes nothing from others, not for a moment") {
  const auto pool = std::make_shared<buffer_pool>(64 * 1024);
  std::atomic<bool> done = false;
  std::thread greedy{[&] {
    while (!done)
      static_cast<void>(pool->take(1024 * 1024));
  }};
  int refused = 0;
  for (int i = 0; i != 200'000; ++i)
    refused += pool->take(4'096).bytes == nullptr ? 1 : 0;
  done = true;
  greedy.join();
  CHECK(refused == 0);
  CHECK(pool->used() == 0);
}

TEST_CASE("a record that no memory would hold is too large, not to be waited for") {
  accumulator_options o;
  o.buffer_memory = 20'000;
  fixture f{o};
  CHECK(f.add(std::string(17'000, 'x')).status == error_code::message_too_large);
  CHECK(f.add(std::string(16'000, 'x')).status == error_code::none);
}

TEST_CASE("what is taken while it closes is there for who looks after that") {
  for (int round = 0; round != 300; ++round) {
    fixture f{{}, 1};
    std::atomic<int> accepted = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t != 3; ++t)
      threads.emplace_back([&] {
        while (f.add("x").status == error_code::none)
          ++accepted;
      });
    while (accepted < 10)
      std::this_thread::yield();
    f.batches.close();
    const auto taken = f.taken();
    for (auto& t : threads)
      t.join();
    REQUIRE(taken.size() == static_cast<std::size_t>(accepted));
  }
}

TEST_CASE("a batch that is too large is made two, with all that was in it") {
  accumulator_options o;
  o.compression = codec::lz4;
  fixture f{o};
  const std::vector<header_view> headers{{"h", as_bytes("v")}};
  std::vector<int> told;
  for (int i = 0; i != 10; ++i) {
    const auto text = std::to_string(i) + (i == 2 ? std::string(1'000, 'x') : "");
    outgoing_record r;
    r.value = as_bytes(text);
    r.headers = headers;
    r.time = timestamp{std::chrono::milliseconds{i}};
    record_callback done = [&told, i](const result<log_offset>&) { told.push_back(i); };
    REQUIRE(f.batches.append(f.topic(), r, timestamp{}, &done).number
      == static_cast<std::uint64_t>(i));
  }
  auto whole = *f.batches.take(*accumulator::partition_of(f.topic(), 0), true);
  const auto sealed = *whole.builder.seal();
  auto [front, back] = *f.batches.split(f.topic(), whole, sealed);
  CHECK(front.first_number == 0);
  CHECK(front.builder.count() == 3);
  CHECK(back.first_number == 3);
  CHECK(back.builder.count() == 7);
  std::vector<std::string> values;
  int at = 0;
  for (auto* half : {&front, &back}) {
    for (const auto& [place, done] : half->callbacks)
      done(log_offset{place});
    batch_reader in{*half->builder.seal()};
    record_batch batch;
    REQUIRE(in.next(batch));
    CHECK(batch.info().compression == codec::lz4);
    for (const auto& r : batch) {
      CHECK(as_text(*r.value).front() == static_cast<char>('0' + at));
      CHECK(r.time == timestamp{std::chrono::milliseconds{at}});
      CHECK(r.headers.size() == 1);
      ++at;
    }
  }
  CHECK(at == 10);
  CHECK(told == std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
  // It is not done again with the next.
  CHECK(f.topic().batch_size < 1'000);
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

TEST_CASE("a topic that nobody holds and that has no records can be released") {
  fixture f;
  int gone = 0;
  const auto release = [&] {
    gone = 0;
    f.batches.release({&f.topic()}, [&](topic_buffers&) { ++gone; });
    return gone == 1;
  };
  SECTION("and comes back anew with the next record") {
    REQUIRE(f.batches.take_new_topics().size() == 1);
    CHECK(release());
    CHECK(f.batches.topic_count() == 0);
    CHECK(f.batches.find("t") == nullptr);
    CHECK(f.batches.append("t", {.value = as_bytes("x")}, timestamp{}, nullptr).status
      == error_code::none);
    CHECK(f.batches.take_new_topics().size() == 1);
    CHECK(f.topic().table.load() == nullptr);
  }
  SECTION("but not while it is held") {
    const auto held = f.batches.hold("t");
    CHECK_FALSE(release());
    REQUIRE(f.add("x").status == error_code::none);
    CHECK(f.taken().size() == 1);
  }
  SECTION("but not while records wait, nor while nobody has seen them") {
    REQUIRE(f.add("x").status == error_code::none);
    CHECK_FALSE(release());
    CHECK(f.taken().size() == 1);
    CHECK_FALSE(release());
    REQUIRE(f.batches.take_changed().size() == 1);
    accumulator::partition_of(f.topic(), 0)->backlog = 0;
    CHECK(release());
  }
}

TEST_CASE("a thousand topics cost no more each than ten thousand") {
  const auto cost = [](int topics) {
    const allocation_counter counter;
    accumulator batches{accumulator_options{}};
    for (int i = 0; i != topics; ++i)
      static_cast<void>(batches.hold("topic-" + std::to_string(i)));
    return counter.bytes() / static_cast<std::size_t>(topics);
  };
  const auto few = cost(1'000);
  const auto many = cost(10'000);
  INFO(few << " bytes each, " << many);
  CHECK(many < few * 5 / 4 + 200);
  CHECK(many < 1'300);
}

TEST_CASE("a million partitions cost what their numbers do until records come for them") {
  const allocation_counter counter;
  fixture f{{}, 1'000'000};
  CHECK(counter.bytes() < 40'000'000);
  REQUIRE(f.add("x", 999'999).status == error_code::none);
  CHECK(f.taken(999'999).size() == 1);
}

TEST_CASE("threads that name topics find them while others are released and made again") {
  fixture f;
  std::atomic<bool> done = false;
  std::atomic<int> taken = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t != 3; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i != 20'000; ++i) {
        const auto name = "t" + std::to_string((i + t) % 7);
        if (f.batches.append(name, {.value = as_bytes("x")}, timestamp{}, nullptr).status
          == error_code::none)
          ++taken;
      }
      done = true;
    });
  int got = 0;
  const auto drain = [&] {
    static_cast<void>(f.batches.take_new_topics());
    static_cast<void>(f.batches.take_changed());
    const auto all = f.batches.topics();
    for (auto* t : all) {
      for (auto& b : f.batches.take_unassigned(*t))
        got += b.builder.count();
    }
    f.batches.release(all, [](topic_buffers&) {});
  };
  while (!done)
    drain();
  for (auto& t : threads)
    t.join();
  drain();
  CHECK(got == taken);
  CHECK(taken == 60'000);
}

namespace {

std::chrono::steady_clock::time_point present;

} // namespace

TEST_CASE("a record's time begins when it is taken, and not when its topic is known") {
  using namespace std::chrono_literals;
  present = std::chrono::steady_clock::time_point{1h};
  accumulator batches{{.clock = [] { return present; }}};
  auto& t = batches.topic("t");
  const auto add = [&](std::int32_t partition) {
    outgoing_record r;
    r.partition = partition;
    REQUIRE(batches.append(t, r, timestamp{}, nullptr).status == error_code::none);
  };
  const auto first = present;
  add(0);
  present += 1min;
  add(1);
  present += 1min;
  REQUIRE(batches.set_partitions(t, 2).empty());
  const auto since = [&](std::int32_t p) {
    return accumulator::peek(*accumulator::partition_of(t, p)).since;
  };
  // They were in one batch; no record may be given more time than it had.
  CHECK(since(0) == first);
  CHECK(since(1) == first);
  present += 1min;
  add(1);
  CHECK(since(1) == first);
}
