#include "consumer_fixture.hpp"
#include "dispatcher_fixture.hpp"
#include "producer_fixture.hpp"

#include <catch2/generators/catch_generators.hpp>

// A cluster that goes back: it was restored from a backup, or an unclean election has
// ended badly. Each broker tells an earlier leader epoch than before, or the id that the
// topic had before. Worker, producer and consumer follow after some answers, while
// answers that are out of date now and then change nothing.

namespace {

using namespace cafka::protocol;
using namespace std::chrono_literals;

uuid id_of(std::uint8_t n) {
  uuid id;
  id.bytes[0] = n;
  return id;
}

/// Topic `t` of one partition, as broker 1, 2 and 3 tell of it.
metadata_response says(std::int32_t leader, std::int32_t epoch, std::uint8_t id = 1) {
  auto answer = dispatcher_fixture::about({1, 2, 3}, {{"t", {leader}, epoch}}, 3);
  answer.topics[0].topic_id = id_of(id);
  return answer;
}

/// Nobody waits longer.
constexpr auto longest = 100s;

/// Broker 1 is asked once such answers have come for a minute, and not much later.
template <class Client>
void follows_after_a_minute(Client& c, const metadata_response& answer) {
  constexpr int too_many = 700;
  const auto began = c.present();
  const auto answers = c.answers_until(1, answer, too_many);
  const auto took = c.present() - began;
  CHECK(answers >= known_partition::answers_to_go_back);
  CHECK(answers < too_many);
  CHECK(took >= known_partition::time_to_go_back);
  CHECK(took < known_partition::time_to_go_back + 5s);
}

// -- the three of them ------------------------------------------------------------------

/// Each can be told metadata, and says after how many answers it asks broker `wanted`.
struct worker : dispatcher_fixture::bed {
  worker() : bed(with_topic()) {
    start(says(2, 5));
    call = submit(dispatcher_fixture::asking_leader("t"), longest);
    welcome(2);
    for (const auto& [id, place] : open)
      up.insert(id);
  }

  static dispatcher_options with_topic() {
    auto o = plain();
    o.initial_topics = {"t"};
    return o;
  }

  /// Lets a leader refuse, and answers metadata so, until somebody else is asked.
  int answers_until(broker_id wanted, const metadata_response& answer, int most) {
    int answers = 0;
    while (answers < most) {
      if (count(api_key::list_offsets) > 0) {
        const auto r = take(api_key::list_offsets);
        const auto to = open.at(r.connection);
        if (to == dispatcher_fixture::address(wanted.value())) {
          this->answer(r, dispatcher_fixture::offsets());
          return answers;
        }
        this->answer(r, dispatcher_fixture::offsets(error_code::not_leader_or_follower));
      } else if (count(api_key::metadata) > 0) {
        answer_metadata(answer);
        ++answers;
      } else if (const auto fresh = not_welcome()) {
        welcome(*fresh);
      } else {
        tick();
      }
    }
    return answers;
  }

  /// A broker with a connection that it has not taken yet.
  std::optional<std::int32_t> not_welcome() {
    for (const auto& [id, place] : open) {
      if (up.insert(id).second)
        return place.host.back() - '0';
    }
    return std::nullopt;
  }

  [[nodiscard]] time_point present() const { return now; }

  std::shared_ptr<dispatcher_fixture::fate> call;
  std::set<std::uint64_t> up;
};

struct producer : cafka::testing::single {
  producer() {
    send();
    take_asked();
    machine.on_metadata(cafka::testing::virtual_now, says(2, 5));
    machine.on_identity(cafka::testing::virtual_now, 7, 0);
  }

  [[nodiscard]] static time_point present() { return cafka::testing::virtual_now; }
  bool take_asked() { return !next<producer_machine::ask_metadata>().empty(); }

  int answers_until(broker_id wanted, const metadata_response& answer, int most) {
    using cafka::testing::virtual_now;
    const auto end = virtual_now + longest;
    int answers = 0;
    while (answers < most && virtual_now < end) {
      for (const auto& a : machine.take_effects()) {
        if (std::holds_alternative<producer_machine::ask_metadata>(a)) {
          ++answers;
          machine.on_metadata(virtual_now, answer);
        } else if (const auto* r = std::get_if<producer_machine::send_request>(&a)) {
          const auto items = machine.fill(virtual_now, r->request);
          if (items.empty()) {
            machine.on_failure(virtual_now, r->request, {error_code::not_found, {}});
          } else if (r->broker == wanted) {
            this->answer(r->request, error_code::none);
            return answers;
          } else {
            this->answer(r->request, error_code::not_leader_or_follower);
          }
        }
      }
      if (machine.has_effects())
        continue;
      virtual_now = std::max(virtual_now, std::min(machine.next_time(), end));
      machine.on_time(virtual_now);
    }
    return most;
  }
};

struct consumer : consumer_fixture::fixture {
  consumer() : fixture(options()) {
    assign(0, start_at::offset(5));
    REQUIRE(next<consumer_machine::ask_metadata>());
    m.on_metadata(now, says(2, 5));
    turn();
  }

  static consumer_machine_options options() {
    consumer_machine_options o;
    o.reset = start_at::earliest();
    return o;
  }

  int answers_until(broker_id wanted, const metadata_response& answer, int most) {
    const auto end = now + longest;
    int answers = 0;
    while (answers < most && now < end) {
      for (const auto& a : std::exchange(actions, {})) {
        if (std::holds_alternative<consumer_machine::ask_metadata>(a)) {
          ++answers;
          m.on_metadata(now, answer);
        } else if (const auto* s = std::get_if<consumer_machine::send_fetch>(&a)) {
          if (s->broker == wanted)
            return answers;
          refuse(*s);
        } else if (const auto* l = std::get_if<consumer_machine::send_list_offsets>(&a)) {
          if (l->broker == wanted)
            return answers;
          m.on_failure(now, l->request, {error_code::disconnected, {}});
        }
      }
      turn();
      if (actions.empty())
        later(std::chrono::ceil<std::chrono::milliseconds>(
          std::max<std::chrono::nanoseconds>(m.next_time() - now, 0ms)));
    }
    return most;
  }

  void refuse(const consumer_machine::send_fetch& s) {
    if (!m.fill(now, s.request, 12)) {
      m.on_failure(now, s.request, {error_code::not_found, {}});
      return;
    }
    fetch_response r;
    r.responses.emplace_back().topic = "t";
    part(r, 0).error_code = refusal;
    static_cast<void>(m.on_answer(now, s.request, r));
  }

  [[nodiscard]] time_point present() const { return now; }

  error_code refusal = error_code::not_leader_or_follower;
};

} // namespace

TEST_CASE("a worker follows a leader whose epoch has gone back for good") {
  worker w;
  follows_after_a_minute(w, says(1, 3));
  CHECK(w.call->succeeded());
}

TEST_CASE("a producer follows a leader whose epoch has gone back for good") {
  producer p;
  follows_after_a_minute(p, says(1, 3));
}

TEST_CASE("a consumer follows a leader whose epoch has gone back for good") {
  consumer c;
  follows_after_a_minute(c, says(1, 3));
}

TEST_CASE("a consumer soon gives up an epoch that its leader does not know") {
  consumer c;
  c.refusal = error_code::unknown_leader_epoch;
  // What the leader says is one of the five.
  CHECK(c.answers_until(1, says(1, 3), 20) == 4);
}

// The topic was recreated, and then the cluster is restored from before that.

TEST_CASE("a worker follows a topic that is the one before again") {
  worker w;
  CHECK(w.answers_until(3, says(3, 0, 2), 20) == 1);
  w.call = w.submit(dispatcher_fixture::asking_leader("t"), longest);
  follows_after_a_minute(w, says(1, 3, 1));
  CHECK(w.call->succeeded());
}

TEST_CASE("a producer follows a topic that is the one before again") {
  producer p;
  CHECK(p.answers_until(3, says(3, 0, 2), 20) == 1);
  p.send();
  follows_after_a_minute(p, says(1, 3, 1));
}

TEST_CASE("a consumer follows a topic that is the one before again") {
  consumer c;
  CHECK(c.answers_until(3, says(3, 0, 2), 20) == 1);
  follows_after_a_minute(c, says(1, 3, 1));
}

// -- a leader that does its work, while brokers are behind ------------------------------

TEST_CASE("a worker is not led away from a leader that does its work") {
  worker w;
  w.answer_offsets(2);
  CHECK(w.call->succeeded());
  for (int i = 0; i != 20; ++i) {
    while (w.count(api_key::metadata) == 0)
      w.tick();
    w.answer_metadata(says(1, 3));
    const auto f = w.submit(dispatcher_fixture::asking_leader("t"));
    w.answer_offsets(2);
    CHECK(f->succeeded());
  }
}

TEST_CASE("a producer is not led away from a leader that does its work") {
  using cafka::testing::virtual_now;
  producer p;
  for (int i = 0; i != 20; ++i) {
    const auto request = p.wait_for<producer_machine::send_request>(1s);
    REQUIRE(request);
    CHECK(request->broker == broker_id{2});
    REQUIRE(p.machine.fill(virtual_now, request->request).size() == 1);
    p.answer(request->request, error_code::none);
    REQUIRE(p.wait_for<producer_machine::ask_metadata>(31s));
    p.machine.on_metadata(virtual_now, says(1, 3));
    p.send();
  }
}

TEST_CASE("a consumer is not led away from a leader that does its work") {
  consumer c;
  auto fetch = c.next<consumer_machine::send_fetch>();
  std::int64_t at = 5;
  for (int i = 0; i != 20; ++i) {
    REQUIRE(fetch);
    CHECK(fetch->broker == broker_id{2});
    REQUIRE(c.m.fill(c.now, fetch->request, 12));
    auto r = consumer_fixture::fixture::answer(0);
    r.responses[0].topic = "t";
    c.part(r, 0, "records");
    const auto got = c.answered(*fetch, r);
    REQUIRE(got.size() == 1);
    c.read(got[0], ++at, 0);
    c.later(31s);
    REQUIRE(c.next<consumer_machine::ask_metadata>());
    c.m.on_metadata(c.now, says(1, 3));
    c.turn();
    fetch = c.next<consumer_machine::send_fetch>();
  }
}

// -- what a broker that refuses says of the leader (KIP-951) ----------------------------

TEST_CASE("a producer goes at once to the leader that a refusal names, if it is newer") {
  using cafka::testing::virtual_now;
  const auto epoch = GENERATE(4, 5, 6);
  producer p;
  const auto sent = p.next_batch();
  REQUIRE(sent);
  produce_response refusal;
  refusal.responses.emplace_back().name = "t";
  auto& x = refusal.responses[0].partition_responses.emplace_back();
  x.error_code = error_code::not_leader_or_follower;
  x.current_leader = {3, epoch};
  p.machine.on_answer(virtual_now, sent->request, refusal);
  const auto next = p.next<producer_machine::send_request>();
  REQUIRE(next.size() == (epoch > 5 ? 1U : 0U));
  if (epoch > 5)
    CHECK(next[0].broker == broker_id{3});
}
