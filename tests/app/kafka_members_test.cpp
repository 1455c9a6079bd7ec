#include "../groups/members.hpp"
#include "fixture_kafka.hpp"

#include <catch2/generators/catch_generators.hpp>

#include <future>
#include <regex>

using namespace cafka;
using namespace cafka::testing;
using group_fixture::member_of;
using group_fixture::program;
using group_fixture::tally;

namespace {

/// A topic that is written to all the time, and a group that reads it.
struct group_at_work {
  explicit group_at_work(int count) : partitions(count) {}
  ~group_at_work() { stop_writing(); }
  group_at_work(const group_at_work&) = delete;
  group_at_work& operator=(const group_at_work&) = delete;

  void write() {
    auto p = REQUIRE_VALUE(app.producer("writer"));
    writer = std::thread{[this, p] {
      while (!over) {
        for (int i = 0; i != 50; ++i, ++sent)
          static_cast<void>(p.send(topic,
            {.value = std::to_string(sent),
              .partition = partition_id{sent % partitions}}));
        std::this_thread::sleep_for(5ms);
      }
      static_cast<void>(p.flush(30s));
    }};
  }
  void stop_writing() {
    over = true;
    if (writer.joinable())
      writer.join();
  }

  kafka_cluster kafka;
  service s{kafka.brokers()};
  application& app = *s.app;
  int partitions;
  std::string topic = kafka.create_topic("members", partitions);
  std::string group = unique_name("members");
  tally all;
  std::atomic<bool> over = false;
  int sent = 0;
  std::thread writer;
};

/// A member that notes when it has read each partition at first and at last.
class timed_reader {
public:
  using time = std::chrono::steady_clock::time_point;

  timed_reader(application& app, consumer_options options, const std::string& topic)
    : consumer_(REQUIRE_VALUE(app.consumer(std::move(options)))) {
    REQUIRE(consumer_.subscribe({topic}));
    thread_ = std::thread{[this] {
      while (!stopped_) {
        const auto got = consumer_.poll(10ms);
        if (!got)
          return;
        const auto now = std::chrono::steady_clock::now();
        const std::lock_guard guard{mutex_};
        for (const auto& b : got->batches) {
          first_.emplace(b.partition(), now);
          last_[b.partition()] = now;
        }
      }
    }};
  }
  timed_reader(const timed_reader&) = delete;
  timed_reader& operator=(const timed_reader&) = delete;
  ~timed_reader() {
    stopped_ = true;
    thread_.join();
    static_cast<void>(consumer_.close(5s));
  }

  [[nodiscard]] std::size_t has() const { return consumer_.assignment().size(); }
  [[nodiscard]] std::map<partition_id, time> first() const {
    const std::lock_guard guard{mutex_};
    return first_;
  }
  [[nodiscard]] std::map<partition_id, time> last() const {
    const std::lock_guard guard{mutex_};
    return last_;
  }

private:
  consumer consumer_;
  mutable std::mutex mutex_;
  std::map<partition_id, time> first_, last_;
  std::atomic<bool> stopped_ = false;
  std::thread thread_;
};

} // namespace

TEST_CASE("groups: a partition that goes to another member is without a reader for a "
          "moment") {
  const auto by = GENERATE(member_protocol::classic, member_protocol::consumer);
  group_at_work w{6};
  w.write();
  timed_reader one{w.app, member_of(w.group, "one", by), w.topic};
  REQUIRE(eventually([&] { return one.first().size() == 6; }));
  const auto began = std::chrono::steady_clock::now();
  timed_reader two{w.app, member_of(w.group, "two", by), w.topic};
  REQUIRE(eventually([&] { return two.first().size() == 3; }));
  const std::chrono::duration<double> share = std::chrono::steady_clock::now() - began;
  std::chrono::duration<double> longest{0};
  for (const auto& [p, at] : two.first())
    longest = std::max<std::chrono::duration<double>>(longest, at - one.last()[p]);
  INFO(to_string(by) << ": " << longest.count() << " s without a reader, "
                     << share.count() << " s until it reads its share");
  CHECK(longest < 3s); // The machine may be busy.
}

TEST_CASE("groups: a group changes from one protocol to the other, member by member") {
  group_at_work w{6};
  const auto to = GENERATE(member_protocol::consumer, member_protocol::classic);
  const auto from = to == member_protocol::consumer ? member_protocol::classic
                                                    : member_protocol::consumer;
  w.write();
  program one{w.app, member_of(w.group, "one", from), w.all, {w.topic}};
  program two{w.app, member_of(w.group, "two", from), w.all, {w.topic}};
  REQUIRE(eventually([&] { return one.has().size() == 3 && two.has().size() == 3; }));
  program three{w.app, member_of(w.group, "three", to), w.all, {w.topic}};
  REQUIRE(eventually([&] {
    return one.has().size() == 2 && two.has().size() == 2 && three.has().size() == 2;
  }));
  CHECK(REQUIRE_VALUE(one.handle().membership()).protocol == to_string(from));
  CHECK(REQUIRE_VALUE(three.handle().membership()).protocol == to_string(to));
  one.close();
  REQUIRE(eventually([&] { return two.has().size() == 3 && three.has().size() == 3; }));
  two.close();
  program four{w.app, member_of(w.group, "four", to), w.all, {w.topic}};
  REQUIRE(eventually([&] { return three.has().size() == 3 && four.has().size() == 3; }));
  w.stop_writing();
  REQUIRE(
    eventually([&] { return w.all.records() == static_cast<std::size_t>(w.sent); }));
  CHECK(one.count(group_event_kind::lost) + two.count(group_event_kind::lost) == 0);
  CHECK(w.all.twice() == 0);
}

TEST_CASE("groups: the broker finds the topics of a pattern") {
  kafka_cluster kafka;
  service s{kafka.brokers()};
  const auto prefix = unique_name("pattern");
  const auto first = kafka.create_topic(prefix + "-a", 2);
  auto c = REQUIRE_VALUE(
    s.app->consumer(member_of(unique_name("by"), "one", member_protocol::consumer)));
  REQUIRE(c.subscribe(pattern{prefix + "-[ab].*"}));
  REQUIRE(eventually([&] { return c.poll(20ms) && c.assignment().size() == 2; }));
  SECTION("also those that are made later") {
    static_cast<void>(kafka.create_topic(prefix + "-b", 3));
    REQUIRE(eventually([&] { return c.poll(20ms) && c.assignment().size() == 5; }));
  }
  SECTION("and refuses what is none") {
    REQUIRE(c.subscribe(pattern{prefix + "-("}));
    error why;
    REQUIRE(eventually([&] {
      const auto got = c.poll(20ms);
      why = got.error();
      return !got;
    }));
    CHECK(why.code == error_code::invalid_regular_expression);
    CHECK(why.detail.find("RE2") != std::string::npos);
  }
}

TEST_CASE("groups: members of a real Kafka come and go, and nothing is read twice") {
  group_at_work w{6};
  auto options = member_of(w.group, "one");
  SECTION("cooperative") {
  }
  SECTION("by the consumer protocol") {
    options.membership.group_protocol = member_protocol::consumer;
    options.membership.remote_assignor = "range";
  }
  SECTION("by the brokers' own protocol") {
    options.membership.group_protocol = member_protocol::automatic;
  }
  SECTION("eager") {
    options.membership.assignors = {"range"};
  }
  w.write();
  program one{w.app, options, w.all, {w.topic}};
  REQUIRE(eventually([&] { return one.has().size() == 6; }));
  options.name = "two";
  program two{w.app, options, w.all, {w.topic}};
  REQUIRE(eventually([&] { return one.has().size() == 3 && two.has().size() == 3; }));
  options.name = "three";
  program three{w.app, options, w.all, {w.topic}};
  REQUIRE(eventually([&] { return three.has().size() == 2 && one.has().size() == 2; }));
  one.close();
  REQUIRE(eventually([&] { return two.has().size() == 3 && three.has().size() == 3; }));
  two.close();
  REQUIRE(eventually([&] { return three.has().size() == 6; }));
  w.stop_writing();
  REQUIRE(
    eventually([&] { return w.all.records() == static_cast<std::size_t>(w.sent); }));
  CHECK(w.all.twice() == 0);
}

TEST_CASE("groups: a member of Java's client shares a group with ours") {
  group_at_work w{6};
  auto options = member_of(w.group, "ours");
  const std::vector<std::string> cooperative{"--assignment-strategy",
    "org.apache.kafka.clients.consumer.CooperativeStickyAssignor"};
  const std::vector<std::string> consumer{"--group-protocol", "consumer"};
  std::vector<std::string> how = cooperative;
  SECTION("cooperative-sticky") {
  }
  SECTION("range") {
    options.membership.assignors = {"range"};
    how.back() = "org.apache.kafka.clients.consumer.RangeAssignor";
  }
  SECTION("by the consumer protocol") {
    options.membership.group_protocol = member_protocol::consumer;
    how = consumer;
  }
  SECTION("ours by the consumer protocol, theirs by the classic one") {
    options.membership.group_protocol = member_protocol::consumer;
  }
  SECTION("theirs by the consumer protocol, ours by the classic one") {
    how = consumer;
  }
  constexpr std::size_t of_java = 500;
  program ours{w.app, options, w.all, {w.topic}};
  REQUIRE(eventually([&] { return ours.has().size() == 6; }));
  auto java = std::async(std::launch::async, [&] {
    std::vector<std::string> all{"org.apache.kafka.tools.VerifiableConsumer",
      "--bootstrap-server", w.kafka.brokers(), "--topic", w.topic, "--group-id", w.group,
      "--reset-policy", "earliest", "--max-messages", std::to_string(of_java)};
    all.insert(all.end(), how.begin(), how.end());
    return w.kafka.tool(all);
  });
  REQUIRE(eventually([&] { return ours.has().size() == 3; }));
  w.write();
  const auto done = java.get();
  INFO(done.out << done.err);
  REQUIRE(done.status == 0);
  REQUIRE(eventually([&] { return ours.has().size() == 6; }));
  w.stop_writing();
  const std::regex range{
    R"re("partition":([0-9]+),"count":[0-9]+,"minOffset":([0-9]+),"maxOffset":([0-9]+))re"};
  std::size_t theirs = 0;
  for (const auto& line : lines(done.out)) {
    if (line.find("records_consumed") == line.npos)
      continue;
    for (std::sregex_iterator at{line.begin(), line.end(), range}, end; at != end; ++at) {
      const partition_id p{std::stoi((*at)[1])};
      for (auto o = std::stoll((*at)[2]); o <= std::stoll((*at)[3]); ++o, ++theirs)
        w.all.add({w.topic, p}, o);
    }
  }
  CHECK(theirs >= of_java);
  REQUIRE(
    eventually([&] { return w.all.records() == static_cast<std::size_t>(w.sent); }));
  CHECK(w.all.twice() == 0);
}

TEST_CASE("groups: a static member that comes back in time finds its partitions") {
  const auto by = GENERATE(member_protocol::classic, member_protocol::consumer);
  group_at_work w{4};
  auto options = member_of(w.group, "one", by);
  options.membership.group_instance_id = "a";
  options.membership.session_timeout = 20s;
  auto other = member_of(w.group, "two", by);
  other.membership.group_instance_id = "b";
  program two{w.app, other, w.all, {w.topic}};
  w.write();
  std::vector<topic_partition> had;
  std::int32_t generation = -1;
  {
    program one{w.app, options, w.all, {w.topic}};
    REQUIRE(eventually([&] { return one.has().size() == 2 && two.has().size() == 2; }));
    had = one.has();
    generation = REQUIRE_VALUE(one.handle().membership()).generation;
    one.close();
  }
  options.name = "again";
  program again{w.app, options, w.all, {w.topic}};
  REQUIRE(eventually([&] { return again.has().size() == 2; }));
  CHECK(again.has() == had);
  CHECK(REQUIRE_VALUE(two.handle().membership()).generation == generation);
  w.stop_writing();
  REQUIRE(
    eventually([&] { return w.all.records() == static_cast<std::size_t>(w.sent); }));
  CHECK(w.all.twice() == 0);
}

TEST_CASE(
  "groups: the coordinator of a real Kafka dies, and nobody reads anything twice") {
  group_at_work w{6};
  auto options = member_of(
    w.group, "one", GENERATE(member_protocol::classic, member_protocol::consumer));
  program one{w.app, options, w.all, {w.topic}};
  options.name = "two";
  program two{w.app, options, w.all, {w.topic}};
  REQUIRE(eventually([&] { return one.has().size() == 3 && two.has().size() == 3; }));
  w.write();
  REQUIRE(eventually([&] { return w.all.records() > 500; }));
  w.s.connect("w");
  const auto is = REQUIRE_VALUE(w.app.consumer_group_metadata({.key = w.group}, "w"));
  w.kafka.kill(is.id);
  const auto so_far = w.all.records();
  REQUIRE(eventually([&] { return w.all.records() > so_far + 2'000; }));
  REQUIRE(one.handle().membership());
  w.kafka.start(is.id);
  w.stop_writing();
  REQUIRE(
    eventually([&] { return w.all.records() == static_cast<std::size_t>(w.sent); }));
  CHECK(one.count(group_event_kind::lost) + two.count(group_event_kind::lost) == 0);
  CHECK(w.all.twice() == 0);
}

TEST_CASE(
  "groups: supervised handlers on a real Kafka share a topic, and what one cannot "
  "handle is in the dead-letter topic") {
  group_at_work w{6};
  const auto letters = w.kafka.create_topic("letters", 1);
  consumer_group_options options;
  options.group = w.group;
  options.topics = {w.topic};
  options.name = "one";
  options.membership.heartbeat_interval = 200ms;
  options.reading.auto_offset_reset = offset_reset::earliest;
  options.on_failure = failure_policy::dead_letter;
  options.dead_letter_topic = letters;
  options.retry_backoff = 10ms;
  std::atomic<bool> crash = true;
  const auto make = [&](const partition_assignment&) {
    return [&](const consumed_batch& b) {
      for (const auto& r : b) {
        if (r.text() == "777")
          return handled::failed(r.offset, "no such customer");
        w.all.add({b.topic(), b.partition()}, r.offset.value());
      }
      // All of it is handled, and none of it acknowledged.
      if (b.partition() == partition_id{5} && crash.exchange(false))
        throw std::runtime_error{"a bug"};
      return b.partition().value() % 2 == 0 ? handled::async_commit()
                                            : handled::sync_commit();
    };
  };
  w.write();
  const auto one = REQUIRE_VALUE(w.app.consumer_group(options, make));
  REQUIRE(eventually([&] { return one.assignment().size() == 6; }));
  options.name = "two";
  const auto two = REQUIRE_VALUE(w.app.consumer_group(options, make));
  REQUIRE(eventually([&] { return two.assignment().size() == 3; }));
  options.name = "three";
  const auto three = REQUIRE_VALUE(w.app.consumer_group(options, make));
  REQUIRE(eventually(
    [&] { return three.assignment().size() == 2 && one.assignment().size() == 2; }));
  REQUIRE(one.close(10s));
  REQUIRE(eventually([&] { return three.assignment().size() == 3; }));
  REQUIRE(eventually([&] { return w.sent > 1'000; }));
  w.stop_writing();
  // But for the dead letter.
  REQUIRE(
    eventually([&] { return w.all.records() + 1 == static_cast<std::size_t>(w.sent); }));
  CHECK_FALSE(crash);
  REQUIRE(two.close(10s));
  REQUIRE(three.close(10s));
  static_cast<void>(w.s.connect("default"));
  // Twice came only what the crash had in hand: a batch of one partition.
  CHECK(w.all.partitions_twice() <= 1);
  for (int p = 0; p != 6; ++p) {
    const auto end = REQUIRE_VALUE(w.app.latest_offset(w.topic, partition_id{p}));
    const auto committed = REQUIRE_VALUE(w.app.offset_fetch({.group = w.group,
      .topics = std::vector<topic_partitions>{{w.topic, {partition_id{p}}}}}));
    REQUIRE(committed.offsets.size() == 1);
    CHECK(committed.offsets.front().offset == end.offset);
  }
  const auto letter = REQUIRE_VALUE(w.app.fetch(letters, partition_id{0}, {.offset = 0}));
  REQUIRE(letter.records.size() == 1);
  CHECK(letter.records.begin()->text() == "777");
}
