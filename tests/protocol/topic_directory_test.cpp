#include <cafka/protocol/machines/topic_directory.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <optional>
#include <random>
#include <string>
#include <vector>

using namespace cafka::protocol;
using namespace std::chrono_literals;

using update = known_topic::update;
using outcome = known_partition::outcome;

namespace {

uuid id_of(std::uint8_t n) {
  uuid id;
  id.bytes[0] = n;
  return id;
}

struct part {
  std::int32_t leader;
  std::int32_t epoch = -1;
};

metadata_response_topic about(
  std::string name, const std::vector<part>& parts, std::uint8_t id = 1) {
  metadata_response_topic t;
  t.name = std::move(name);
  t.topic_id = id_of(id);
  for (const auto& p : parts) {
    auto& x = t.partitions.emplace_back();
    x.partition_index = static_cast<std::int32_t>(t.partitions.size() - 1);
    x.leader_id = p.leader;
    x.leader_epoch = p.epoch;
  }
  return t;
}

metadata_response_topic refusal(std::string name, error_code why) {
  metadata_response_topic t;
  t.name = std::move(name);
  t.error_code = why;
  return t;
}

metadata_response answer(std::vector<metadata_response_topic> topics) {
  metadata_response r;
  r.topics = std::move(topics);
  return r;
}

/// One topic that is told things.
struct hearer {
  update hear(const metadata_response_topic& t) {
    leader_moves moves;
    now += pause;
    return topic.learn(now, t, scope, moves);
  }
  update hear(part p, std::uint8_t id = 1) { return hear(about("t", {p}, id)); }
  [[nodiscard]] const known_partition& at(std::int32_t p = 0) const {
    const auto* found = topic.find(p);
    REQUIRE(found != nullptr);
    return *found;
  }
  [[nodiscard]] std::int32_t leader() const { return at().leader.value(); }

  known_topic topic;
  known_topic::scope scope = known_topic::scope::all;
  time_point now = time_point{} + 1h;
  /// Between what it is told: so that five answers take as long as they must.
  std::chrono::seconds pause =
    known_partition::time_to_go_back / (known_partition::answers_to_go_back - 1);
};

using names = std::vector<std::string>;

/// A directory, the time, and what is asked.
struct bed {
  explicit bed(topic_directory_options o = without_jitter()) : directory(o) {}

  static topic_directory_options without_jitter() {
    topic_directory_options o;
    o.retry_backoff.jitter = 0;
    return o;
  }

  std::optional<names> asked(const topic_directory::filter& f = {}) {
    directory.on_time(now);
    auto q = directory.ask(now, f);
    if (!q)
      return std::nullopt;
    create = q->create;
    elsewhere = q->elsewhere;
    failures = q->failures;
    return q->topics;
  }

  /// Lets the time pass until there is a question; how long that took.
  std::chrono::milliseconds wait(const names& wanted) {
    const auto begun = now;
    while (true) {
      if (const auto q = asked()) {
        CHECK(*q == wanted);
        return std::chrono::duration_cast<std::chrono::milliseconds>(now - begun);
      }
      const auto next = directory.next_time();
      REQUIRE(next != topic_directory::time_point::max());
      REQUIRE(next > now);
      now = next;
    }
  }

  std::vector<topic_directory::change> tell(std::vector<metadata_response_topic> topics) {
    told = answer(std::move(topics));
    return directory.on_metadata(now, told);
  }

  topic_directory::time_point now = topic_directory::time_point{} + 1h;
  metadata_response told;
  topic_directory directory;
  bool create = false;
  bool elsewhere = false;
  std::uint32_t failures = 0;
};

} // namespace

// -- the rule for what goes back --------------------------------------------------------

TEST_CASE("an earlier epoch counts once five answers in a row have told it") {
  const auto id = GENERATE(std::uint8_t{1}, std::uint8_t{0});
  hearer h;
  h.hear({2, 5}, id);
  for (int i = 1; i != known_partition::answers_to_go_back; ++i) {
    CHECK(h.hear({1, 3}, id) == update::known);
    CHECK(h.at().last == outcome::earlier);
    CHECK(h.leader() == 2);
    CHECK(h.at().epoch == leader_epoch{5});
  }
  h.hear({1, 3}, id);
  CHECK(h.at().last == outcome::counted);
  CHECK(h.leader() == 1);
  CHECK(h.at().epoch == leader_epoch{3});
}

TEST_CASE(
  "a broker that is apart may tell an earlier epoch often, for less than a minute") {
  hearer h;
  h.pause = 1s;
  h.hear({2, 5});
  for (int i = 0; i != 60; ++i) {
    h.hear({1, 3});
    CHECK(h.leader() == 2);
  }
  h.hear({1, 3});
  CHECK(h.leader() == 1);
  // Without ids it may be another topic, whose epochs are its own.
  hearer old;
  old.pause = 1s;
  old.hear({2, 5}, 0);
  for (int i = 1; i != known_partition::answers_to_go_back; ++i)
    old.hear({1, 3}, 0);
  CHECK(old.leader() == 2);
  old.hear({1, 3}, 0);
  CHECK(old.leader() == 1);
}

TEST_CASE("an epoch that its own leader does not know is soon given up") {
  hearer h;
  h.pause = 1s;
  h.hear({2, 5});
  h.topic.on_disowned(0, 2);
  CHECK(h.leader() == 2);
  // It counts as one of the answers.
  for (int i = 2; i != known_partition::answers_to_go_back; ++i) {
    h.hear({1, 3});
    CHECK(h.leader() == 2);
  }
  h.hear({1, 3});
  CHECK(h.leader() == 1);
  // Another broker may be behind.
  hearer other;
  other.pause = 1s;
  other.hear({2, 5});
  for (int i = 0; i != 20; ++i) {
    other.topic.on_disowned(0, 3);
    other.hear({1, 3});
  }
  CHECK(other.leader() == 2);
}

TEST_CASE("earlier epochs need not agree with each other to be many") {
  hearer h;
  h.hear({2, 9});
  for (int i = 1; i != known_partition::answers_to_go_back; ++i)
    h.hear({1, i});
  CHECK(h.leader() == 2);
  h.hear({3, 4});
  CHECK(h.leader() == 3);
}

TEST_CASE("answers that are out of date now and then never count") {
  hearer h;
  h.hear({2, 5});
  for (int i = 0; i != 100; ++i) {
    for (int n = 1; n != known_partition::answers_to_go_back; ++n)
      h.hear({1, 3});
    h.hear({2, 5});
    CHECK(h.leader() == 2);
  }
}

TEST_CASE("a leader that does its work is not left, whatever is told") {
  hearer h;
  h.hear({2, 5});
  for (int i = 0; i != 100; ++i) {
    h.hear({1, 3});
    CHECK(h.topic.doubted());
    h.topic.on_led(0, 2);
    CHECK(h.leader() == 2);
  }
  // Another broker's work says nothing of it.
  for (int i = 0; i != known_partition::answers_to_go_back; ++i) {
    h.hear({1, 3});
    h.topic.on_led(0, 3);
  }
  CHECK(h.leader() == 1);
}

TEST_CASE("the same epoch counts, with whatever leader") {
  hearer h;
  h.hear({2, 5});
  h.hear({3, 5});
  CHECK(h.leader() == 3);
  h.hear({-1, 5});
  CHECK(h.leader() == -1);
}

TEST_CASE("a leader without an epoch counts: brokers without epochs have no other") {
  hearer h;
  h.hear({2, 20});
  h.hear({1});
  CHECK(h.leader() == 1);
  CHECK(h.at().epoch == leader_epoch{-1});
  h.hear({2, 20});
  CHECK(h.leader() == 2);
}

TEST_CASE("that nobody leads, without an epoch, takes away no epoch") {
  hearer h;
  h.hear({2, 5});
  for (int i = 1; i != known_partition::answers_to_go_back; ++i) {
    h.hear({-1, -1});
    CHECK(h.leader() == 2);
  }
  h.hear({-1, -1});
  CHECK(h.leader() == -1);
  CHECK(h.at().epoch == leader_epoch{5});
  h.hear({1, 4}); // Out of date.
  CHECK(h.leader() == -1);
  h.hear({3, 6});
  CHECK(h.leader() == 3);
}

TEST_CASE("each partition counts for itself") {
  hearer h;
  h.hear(about("t", {{2, 5}, {2, 5}}));
  for (int i = 0; i != known_partition::answers_to_go_back; ++i)
    h.hear(about("t", {{1, 3}, {2, 5}}));
  CHECK(h.at(0).leader == broker_id{1});
  CHECK(h.at(1).leader == broker_id{2});
  CHECK(h.at(1).earlier == 0);
}

TEST_CASE("a leader that another broker names counts if it is newer") {
  known_partition p;
  p.learn(time_point{}, 2, 5, true);
  CHECK_FALSE(p.learn_newer(3, 5));
  CHECK_FALSE(p.learn_newer(3, 4));
  CHECK_FALSE(p.learn_newer(-1, 9));
  CHECK(p.leader == broker_id{2});
  CHECK(p.learn_newer(3, 6));
  CHECK(p.leader == broker_id{3});
}

// -- a topic made anew ------------------------------------------------------------------

TEST_CASE("another id is another topic, whose epochs begin anew") {
  hearer h;
  h.hear({2, 5}, 1);
  CHECK(h.hear({1, 0}, 2) == update::recreated);
  CHECK(h.leader() == 1);
  CHECK(h.topic.id() == id_of(2));
}

TEST_CASE("the id that a topic had before counts once five answers have told it") {
  hearer h;
  h.hear({2, 5}, 1);
  h.hear({1, 0}, 2);
  for (int i = 1; i != known_partition::answers_to_go_back; ++i) {
    CHECK(h.hear({2, 5}, 1) == update::outdated);
    CHECK(h.leader() == 1);
    CHECK(h.topic.id() == id_of(2));
  }
  CHECK(h.hear({2, 5}, 1) == update::recreated);
  CHECK(h.leader() == 2);
  CHECK(h.topic.id() == id_of(1));
}

TEST_CASE("a topic made anew is not lost to brokers that are out of date now and then") {
  hearer h;
  h.hear({2, 5}, 1);
  h.hear({1, 0}, 2);
  for (int i = 0; i != 100; ++i) {
    h.hear({2, 5}, 1);
    h.hear({1, 0}, 2);
    CHECK(h.topic.id() == id_of(2));
  }
}

TEST_CASE("an answer without an id does not take the id away") {
  hearer h;
  h.hear({2, 5}, 1);
  CHECK(h.hear({2, 5}, 0) == update::known);
  CHECK(h.topic.id() == id_of(1));
  // Nor is a first one a topic made anew.
  hearer other;
  other.hear({2, 5}, 0);
  CHECK(other.hear({1, 4}, 1) == update::known);
  CHECK(other.leader() == 2);
  CHECK(other.topic.id() == id_of(1));
}

TEST_CASE("a topic that is gone for a moment keeps its epochs, where ids tell it apart") {
  hearer h;
  h.hear({2, 5}, 1);
  CHECK(h.hear(refusal("t", error_code::unknown_topic_or_partition)) == update::refused);
  CHECK(h.topic.status() == error_code::unknown_topic_or_partition);
  CHECK(h.topic.partition_count() == 0);
  h.hear({1, 3}, 1);
  CHECK(h.leader() == 2);
  // Without ids it may be another one.
  hearer old;
  old.hear({2, 5}, 0);
  old.hear(refusal("t", error_code::unknown_topic_or_partition));
  old.hear({1, 0}, 0);
  CHECK(old.leader() == 1);
}

// -- of which partitions something is kept ----------------------------------------------

TEST_CASE("only partitions that are watched are kept, where that is wanted") {
  hearer h;
  h.scope = known_topic::scope::watched;
  h.topic.watch(7);
  h.topic.watch(1);
  h.topic.watch(1);
  auto t = about("t", std::vector<part>(5, part{3, 1}));
  std::swap(t.partitions[1], t.partitions[4]); // Brokers need not sort them.
  h.hear(t);
  REQUIRE(h.topic.partitions().size() == 2);
  CHECK(h.at(1).leader == broker_id{3});
  CHECK(h.at(7).last == outcome::left_out);
  h.topic.unwatch(1);
  CHECK(h.topic.find(1) == nullptr);
}

TEST_CASE(
  "partitions that are not numbered from 0 on are refused, where that is wanted") {
  hearer h;
  h.scope = known_topic::scope::dense;
  auto t = about("t", {{1, 1}, {1, 1}});
  t.partitions[1].partition_index = GENERATE(2, -1, INT32_MAX, INT32_MIN);
  CHECK(h.hear(t) == update::malformed);
  CHECK(h.topic.partitions().empty());
  CHECK(h.hear(about("t", {})) == update::malformed);
}

// -- when what is asked -----------------------------------------------------------------

TEST_CASE("a topic is asked about once it is wanted, at once the first time") {
  bed b;
  CHECK_FALSE(b.asked());
  auto& t = b.directory.use("t", b.now);
  CHECK_FALSE(b.asked());
  b.directory.want(t);
  CHECK(b.asked() == names{"t"});
  CHECK_FALSE(b.asked()); // One at a time.
  b.tell({about("t", {{1, 1}})});
  CHECK_FALSE(b.asked());
  CHECK(b.directory.next_time() == topic_directory::time_point::max());
}

TEST_CASE("what an answer did not tell is asked for again after a pause") {
  bed b;
  b.directory.want(b.directory.use("t", b.now));
  b.wait({"t"});
  b.directory.want_all(); // While it is under way.
  b.tell({});
  CHECK(b.wait({"t"}) == topic_directory::leader_pause);
  b.tell({});
  b.directory.want_all(topic_directory::unknown_pause);
  b.directory.want_all(); // The shorter one holds.
  CHECK(b.wait({"t"}) == topic_directory::leader_pause);
  b.tell({});
  b.directory.want_all(topic_directory::unknown_pause);
  CHECK(b.wait({"t"}) == topic_directory::unknown_pause);
}

TEST_CASE("a new topic waits for no pause of others") {
  bed b;
  b.directory.want(b.directory.use("a", b.now));
  b.wait({"a"});
  b.directory.want(b.directory.use("b", b.now));
  b.tell({});
  CHECK(b.wait({"a", "b"}) == 0ms);
}

TEST_CASE("a topic that nothing is wanted of lets others wait as before") {
  auto o = bed::without_jitter();
  o.names_all = false;
  bed b{o};
  b.directory.use("a", b.now);
  auto& t = b.directory.use("b", b.now);
  b.directory.want(t);
  CHECK(b.wait({"b"}) == 0ms);
  b.tell({});
  b.directory.want(t);
  CHECK(b.wait({"b"}) == topic_directory::leader_pause);
}

TEST_CASE("a topic of which all that is known is of no use is asked about as a new one") {
  bed b;
  auto& t = b.directory.use("t", b.now);
  b.directory.want(t);
  b.wait({"t"});
  b.tell({refusal("t", error_code::unknown_topic_or_partition)});
  b.directory.want_anew(t);
  CHECK(b.wait({"t"}) == 0ms);
}

TEST_CASE("questions that fail are asked again with a growing pause") {
  bed b;
  b.directory.want(b.directory.use("t", b.now));
  b.wait({"t"});
  for (const auto pause : {20ms, 40ms, 80ms, 160ms, 320ms, 640ms, 1'000ms, 1'000ms}) {
    b.directory.on_failure(b.now, {error_code::disconnected, "cut"});
    CHECK(b.directory.last_error().code == error_code::disconnected);
    CHECK(b.wait({"t"}) == pause);
  }
  CHECK(b.failures == 8);
  b.tell({about("t", {{1, 1}})});
  CHECK_FALSE(b.directory.last_error());
  b.directory.want_all();
  CHECK(b.wait({"t"}) == topic_directory::leader_pause);
  CHECK(b.failures == 0);
}

TEST_CASE("all topics in use are asked about again and again") {
  auto o = bed::without_jitter();
  o.update_interval = 3s;
  o.names_all = GENERATE(true, false);
  bed b{o};
  b.directory.start(b.now);
  auto& a = b.directory.use("a", b.now);
  b.directory.use("b", b.now);
  CHECK(b.wait({"a", "b"}) == 3s);
  b.tell({about("a", {{1, 1}}), about("b", {{1, 1}})});
  // Questions about single topics do not put that off.
  b.now += 2s;
  if (!o.names_all) {
    b.directory.want(a);
    b.wait({"a"});
    b.tell({about("a", {{1, 1}})});
    CHECK(b.wait({"a", "b"}) == 1s);
  } else {
    CHECK(b.wait({"a", "b"}) == 1s);
  }
}

TEST_CASE("a question names what is wanted, where it need not name all") {
  auto o = bed::without_jitter();
  o.names_all = false;
  bed b{o};
  auto& a = b.directory.use("a", b.now);
  auto& other = b.directory.use("b", b.now);
  b.directory.want(a);
  CHECK(b.asked() == names{"a"});
  b.tell({about("a", {{1, 1}})});
  b.directory.want(other);
  CHECK(b.asked() == names{"b"});
  SECTION("and again what an answer leaves out, if its owner wants") {
    const auto changes = b.tell({});
    REQUIRE(changes.size() == 1);
    CHECK(changes[0].what == update::left_out);
    CHECK(changes[0].about == &other);
  }
  SECTION("and again when it has failed") {
    b.directory.on_failure(b.now, {error_code::timed_out, {}});
    b.wait({"b"});
  }
}

TEST_CASE("there is no question without a topic, unless brokers are asked for as well") {
  auto o = bed::without_jitter();
  o.about_brokers = GENERATE(true, false);
  bed b{o};
  b.directory.want_all();
  CHECK(b.asked() == (o.about_brokers ? std::optional{names{}} : std::nullopt));
  if (o.about_brokers)
    b.tell({});
  b.directory.use("t", b.now);
  b.directory.want_all();
  const auto nothing = [](const auto&) { return false; };
  CHECK(b.asked(nothing) == (o.about_brokers ? std::optional{names{}} : std::nullopt));
}

TEST_CASE("a topic that may be made is not asked about with those that must not be") {
  bed b;
  topic_directory::may_create(b.directory.use("made", b.now));
  b.directory.use("never", b.now);
  b.directory.want_all();
  CHECK(b.asked() == names{"made"});
  CHECK(b.create);
  b.tell({about("made", {{1, 1}})});
  CHECK(b.asked() == names{"made", "never"});
  CHECK_FALSE(b.create);
  b.tell({refusal("never", error_code::unknown_topic_or_partition)});
  // What is known is in no danger.
  topic_directory::may_create(b.directory.use("more", b.now));
  b.directory.want_all();
  CHECK(b.asked() == names{"made", "more"});
  CHECK(b.create);
}

TEST_CASE("after a leader has contradicted what was told, another broker is asked") {
  bed b;
  b.directory.want(b.directory.use("t", b.now));
  b.wait({"t"});
  CHECK_FALSE(b.elsewhere);
  b.tell({about("t", {{2, 5}})});
  b.directory.on_stale("t", 0, 1); // It never led.
  b.directory.want_all();
  b.wait({"t"});
  CHECK_FALSE(b.elsewhere);
  b.tell({about("t", {{2, 5}})});
  b.directory.on_stale("t", 0, 2);
  CHECK(b.directory.find("t")->find(0)->leader == broker_id{-1});
  b.directory.want_all();
  b.wait({"t"});
  CHECK(b.elsewhere);
  b.tell({about("t", {{1, 3}})});
  CHECK(b.directory.find("t")->find(0)->leader == broker_id{-1});
  b.directory.want_all();
  b.wait({"t"});
  CHECK_FALSE(b.elsewhere);
}

TEST_CASE("topics that are not used any more are released, others are kept") {
  auto o = bed::without_jitter();
  o.idle = 10s;
  o.keeps_unused = true;
  bed b{o};
  b.directory.keep("kept");
  b.directory.use("idle", b.now);
  b.directory.use("used", b.now);
  b.tell({about("kept", {{1, 1}}), about("idle", {{1, 1}}), about("used", {{1, 1}}),
    about("asked in passing", {{1, 1}})});
  CHECK(b.directory.known_count() == 4);
  CHECK_FALSE(b.directory.uses("asked in passing"));
  for (int i = 0; i != 15; ++i) {
    b.now += 1s;
    b.directory.use("used", b.now);
    b.directory.on_time(b.now);
  }
  CHECK(b.directory.uses("kept"));
  CHECK(b.directory.uses("used"));
  CHECK(b.directory.find("idle") == nullptr);
  CHECK(b.directory.find("asked in passing") == nullptr);
  b.directory.release("used");
  CHECK(b.directory.find("used") == nullptr);
}

TEST_CASE("what nobody uses is not kept, unless that is wanted") {
  bed b;
  CHECK(b.tell({about("stranger", {{1, 1}})}).empty());
  CHECK(b.directory.find("stranger") == nullptr);
}

TEST_CASE("nothing is asked after the end") {
  auto o = bed::without_jitter();
  o.update_interval = 1s;
  bed b{o};
  b.directory.start(b.now);
  b.directory.want(b.directory.use("t", b.now));
  b.directory.stop();
  CHECK(b.directory.next_time() == topic_directory::time_point::max());
  b.now += 10s;
  CHECK_FALSE(b.asked());
}

// -- by seed ----------------------------------------------------------------------------

// Brokers that learn of leaders one after the other, answers that get lost, and clusters
// that go back, each with a client that asks until it knows who leads.
TEST_CASE("whoever asks long enough knows who leads, wherever the cluster has gone") {
  std::size_t gone_back = 0;
  for (unsigned seed = 1; seed <= 300; ++seed) {
    INFO("seed " << seed);
    std::mt19937 random(seed);
    const auto roll = [&](int sides) {
      return std::uniform_int_distribution<>(0, sides - 1)(random);
    };
    bed b;
    auto& t = b.directory.use("t", b.now);
    part truth{1, 10};
    std::uint8_t id = 1;
    std::vector<std::pair<part, std::uint8_t>> views(3, {truth, id});
    for (int step = 0; step != 200; ++step) {
      switch (roll(12)) {
      case 0: truth = {roll(3), truth.epoch + 1}; break;
      case 1:
        truth = {roll(3), std::max(0, truth.epoch - 1 - roll(5))};
        ++gone_back;
        break;
      case 2:
        id = static_cast<std::uint8_t>(1 + roll(3));
        truth.epoch = 0;
        break;
      default: break;
      }
      views[static_cast<std::size_t>(roll(3))] = {truth, id};
      b.directory.want(t);
      b.wait({"t"});
      const auto& [view, seen] = views[static_cast<std::size_t>(roll(3))];
      if (roll(10) == 0)
        b.directory.on_failure(b.now, {error_code::disconnected, {}});
      else
        b.tell({about("t", {view}, seen)});
    }
    // All brokers have learnt the same: after a few more answers, and some time, so has
    // the client.
    for (int i = 0; i != 2 * known_partition::answers_to_go_back; ++i) {
      b.directory.want(t);
      if (!b.directory.asking())
        b.wait({"t"});
      b.tell({about("t", {truth}, id)});
      b.now += known_partition::time_to_go_back / known_partition::answers_to_go_back;
    }
    REQUIRE(t.find(0) != nullptr);
    CHECK(t.find(0)->leader == broker_id{truth.leader});
    CHECK(t.find(0)->epoch == leader_epoch{truth.epoch});
    CHECK(t.id() == id_of(id));
  }
  CHECK(gone_back > 1'000);
}
