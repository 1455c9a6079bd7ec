#include "worker_fixture.hpp"
#include <cafka/supervision/caf_compat.hpp>

#include <caf/event_based_actor.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include <algorithm>
#include <condition_variable>
#include <mutex>

using namespace cafka;
using namespace cafka::testing;
using protocol::api_key;
using std::chrono::steady_clock;
using session = scripted_broker::session;

namespace {

/// What a loaded machine may add to a deadline.
constexpr milliseconds lateness{5'000};

/// For what must be answered well.
constexpr milliseconds test_timeout{30'000};

std::string why(const protocol::error& e) {
  return to_string(e);
}

/// Whether a question that could not be answered ended as it may: at its deadline, or
/// with the last failure where that left no time for another attempt, or where another
/// would not help: an answer that is too large, or a hang-up after each handshake, as of
/// a broker that wants a login.
bool gave_up(const protocol::error& e) {
  return !e.detail.empty()
    && (e.code == error_code::timed_out || e.code == error_code::disconnected
      || e.code == error_code::malformed_response || e.code == error_code::frame_too_large
      || e.code == error_code::illegal_sasl_state);
}

/// Answers honestly until the given API is asked, then does something else and closes,
/// unless the broker has reformed.
scripted_broker::script until(
  api_key key, std::function<void(session&, const bytes&, const honest_broker&)> then) {
  return [=](session& s, const honest_broker& honest) {
    while (const auto request = s.read_frame()) {
      if (honest_broker::key_of(*request) == key && !honest.reformed()) {
        then(s, *request, honest);
        return;
      }
      const auto answer = honest.answer(*request);
      if (answer && !s.send(*answer))
        return;
    }
  };
}

/// Answers honestly, but closes once so many bytes have gone out, at the latest before
/// the last byte of an answer to ListOffsets.
scripted_broker::script cut_after(std::size_t size) {
  return [size](session& s, const honest_broker& honest) {
    auto left = size;
    while (const auto request = s.read_frame()) {
      const auto answer = honest.answer(*request);
      if (!answer)
        return;
      if (honest_broker::key_of(*request) == api_key::list_offsets)
        left = std::min(left, answer->size() - 1);
      const auto part = std::min(left, answer->size());
      s.send(protocol::byte_view{*answer}.first(part));
      left -= part;
      if (left == 0)
        return;
    }
  };
}

/// Bytes that an honest broker sends until it has answered one ListOffsets.
std::size_t exchange_size() {
  std::atomic<std::size_t> sum = 0;
  scripted_broker broker{[&sum](session& s, const honest_broker& honest) {
    while (const auto request = s.read_frame()) {
      const auto answer = honest.answer(*request);
      sum += answer->size();
      s.send(*answer);
    }
  }};
  worker_fixture f;
  REQUIRE(f.latest(f.worker({broker.address()}), test_timeout));
  REQUIRE(broker.peer().frames().size() == 3);
  return sum;
}

bytes garbage(std::size_t size) {
  bytes all(size);
  std::uint32_t x = 1;
  for (auto& b : all) {
    x = x * 1664525 + 1013904223;
    b = static_cast<std::byte>(x >> 24);
  }
  return all;
}

bytes big_endian(std::uint32_t x) {
  bytes all;
  for (int shift = 24; shift >= 0; shift -= 8)
    all.push_back(static_cast<std::byte>(x >> shift));
  return all;
}

struct misbehaviour {
  std::string name;
  std::function<void(session&, const bytes&, const honest_broker&)> act;
};

std::vector<misbehaviour> misbehaviours() {
  return {
    {"closes", [](session&, const bytes&, const honest_broker&) {}},
    {"resets", [](session& s, const bytes&, const honest_broker&) { s.reset(); }},
    {"announces a frame of 2 GiB",
      [](session& s, const bytes&, const honest_broker&) {
        s.send(big_endian(0x7fffffff));
        s.wait_until_closed();
      }},
    {"announces a frame of negative length",
      [](session& s, const bytes&, const honest_broker&) {
        s.send(big_endian(0xffffffff));
        s.wait_until_closed();
      }},
    {"answers with another correlation id",
      [](session& s, const bytes& request, const honest_broker& honest) {
        auto answer = *honest.answer(request);
        answer[4] = static_cast<std::byte>(0x55);
        s.send(answer);
        s.wait_until_closed();
      }},
    {"sends an empty frame",
      [](session& s, const bytes&, const honest_broker&) {
        s.send_frame({});
        s.wait_until_closed();
      }},
    {"sends bytes without sense",
      [](session& s, const bytes&, const honest_broker&) {
        s.send(garbage(1'000));
        s.wait_until_closed();
      }},
    {"sends a frame without sense",
      [](session& s, const bytes&, const honest_broker&) {
        s.send_frame(garbage(1'000));
        s.wait_until_closed();
      }},
  };
}

/// Many questions of one actor, and how often each was answered.
class questions {
public:
  questions(caf::actor_system& system, const worker_actor& w, std::size_t count,
    milliseconds deadline)
    : state_(std::make_shared<state>()) {
    state_->times.resize(count);
    state_->replies.resize(count);
    system.spawn([s = state_, w, deadline](caf::event_based_actor* self) {
      for (std::size_t i = 0; i != s->times.size(); ++i) {
        list_offsets request;
        request.topic = "topic";
        request.deadline = deadline;
        ask(self, w, caf::infinite, std::move(request))
          .then([s, i](result<listed_offset>& r) { s->take(i, std::move(r)); },
            [s, i](caf::error& e) {
              s->take(i, error{error_code::worker_down, to_string(e)});
            });
      }
    });
  }

  bool wait() {
    std::unique_lock lock{state_->mutex};
    return state_->changed.wait_for(
      lock, test_timeout, [&] { return state_->taken >= state_->times.size(); });
  }

  bool each_once_with(error_code code) {
    const std::lock_guard lock{state_->mutex};
    return std::ranges::all_of(state_->times, [](auto n) { return n == 1; })
      && std::ranges::all_of(
        state_->replies, [&](const auto& r) { return r.error().code == code; });
  }

private:
  struct state {
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<std::size_t> times;
    std::vector<result<listed_offset>> replies;
    std::size_t taken = 0;

    void take(std::size_t i, result<listed_offset> r) {
      const std::lock_guard lock{mutex};
      replies[i] = std::move(r);
      ++times[i];
      ++taken;
      changed.notify_all();
    }
  };

  std::shared_ptr<state> state_;
};

} // namespace

TEST_CASE("a worker asks a peer that answers") {
  scripted_broker broker;
  worker_fixture f;
  const auto w = f.worker({broker.address()});
  const auto found = f.latest(w, test_timeout);
  INFO(why(found.error()));
  REQUIRE(found);
  CHECK(found->offset == log_offset{42});
  const auto written = f.produce_one(w, test_timeout);
  REQUIRE(written);
  CHECK(written->base_offset == log_offset{7});
  const auto unconfirmed = f.produce_one(w, test_timeout, 0);
  REQUIRE(unconfirmed);
  CHECK_FALSE(unconfirmed->base_offset);
  CHECK(broker.peer().accepted() == 1);
}

TEST_CASE("a worker understands answers that come byte by byte") {
  scripted_broker broker{[](session& s, const honest_broker& honest) {
    while (const auto request = s.read_frame()) {
      if (!s.send_byte_by_byte(*honest.answer(*request)))
        return;
    }
  }};
  worker_fixture f;
  CHECK(f.latest(f.worker({broker.address()}), test_timeout));
}

TEST_CASE("a peer that refuses is an error at the deadline, and is found again later") {
  worker_fixture f;
  std::optional<refusing_port> closed{std::in_place};
  const auto address = closed->address();
  const auto w = f.worker({address});
  const auto began = steady_clock::now();
  const auto late = f.latest(w, 200ms);
  CHECK(steady_clock::now() - began < 200ms + lateness);
  INFO(why(late.error()));
  CHECK(late.error().code == error_code::timed_out);
  CHECK(late.error().detail.find(to_string(address)) != std::string::npos);
  CHECK(late.error().detail.find("refused") != std::string::npos);
  const auto unsent = f.produce_one(w, 200ms);
  // Nothing was sent: nothing is unknown.
  CHECK(unsent.error().code == error_code::timed_out);
  closed.reset();
  scripted_broker broker{address.port};
  const auto found = f.latest(w, test_timeout);
  INFO(why(found.error()));
  CHECK(found);
}

TEST_CASE("a peer that swallows connections is an error at the deadline") {
  unanswering_port hole;
  worker_fixture f;
  const auto w = f.worker({hole.address()});
  const auto began = steady_clock::now();
  const auto late = f.latest(w, 1'500ms);
  CHECK(steady_clock::now() - began < 1'500ms + lateness);
  INFO(why(late.error()));
  CHECK(late.error().code == error_code::timed_out);
  CHECK(late.error().detail.find(to_string(hole.address())) != std::string::npos);
}

TEST_CASE("a peer that takes everything and says nothing is considered lost") {
  scripted_broker broker{[](session& s, const honest_broker&) { s.wait_until_closed(); }};
  worker_fixture f;
  const auto w = f.worker({broker.address()});
  const auto began = steady_clock::now();
  const auto late = f.latest(w, 300ms);
  CHECK(steady_clock::now() - began < 300ms + lateness);
  CHECK(late.error().code == error_code::timed_out);
  REQUIRE(broker.peer().wait_for_accepted(2));
  broker.reform();
  const auto found = f.latest(w, test_timeout);
  INFO(why(found.error()));
  CHECK(found);
}

TEST_CASE("one good broker in the list is enough") {
  refusing_port closed;
  unanswering_port hole;
  scripted_broker silent{[](session& s, const honest_broker&) { s.wait_until_closed(); }};
  scripted_broker mad{[](session& s, const honest_broker&) { s.send(garbage(100)); }};
  scripted_broker good;
  worker_fixture f;
  const auto w = f.worker(
    {closed.address(), hole.address(), silent.address(), mad.address(), good.address()});
  const auto found = f.latest(w, test_timeout);
  INFO(why(found.error()));
  CHECK(found);
}

TEST_CASE("an exchange that is cut at any byte is taken up again on another connection") {
  const auto size = exchange_size();
  REQUIRE(size > 100);
  worker_fixture f;
  for (std::size_t cut = 0; cut != size; ++cut) {
    INFO("cut after " << cut << " of " << size << " bytes");
    scripted_broker broker{cut_after(cut), 1};
    const auto w = f.worker({broker.address()});
    const auto found = f.latest(w, test_timeout);
    INFO(why(found.error()));
    REQUIRE(found);
    CHECK(found->offset == log_offset{42});
    CHECK(broker.peer().accepted() >= 2);
    f.stop(w);
  }
}

TEST_CASE("a peer that cuts every exchange at the same byte is an error, then recovers") {
  const auto size = exchange_size();
  worker_fixture f;
  for (std::size_t cut = 0; cut != size; ++cut) {
    INFO("cut after " << cut << " of " << size << " bytes");
    scripted_broker broker{cut_after(cut)};
    const auto w = f.worker({broker.address()});
    const auto began = steady_clock::now();
    const auto late = f.latest(w, 30ms);
    CHECK(steady_clock::now() - began < 30ms + lateness);
    INFO(why(late.error()));
    CHECK(gave_up(late.error()));
    broker.reform();
    const auto found = f.latest(w, test_timeout);
    INFO(why(found.error()));
    REQUIRE(found);
    f.stop(w);
  }
}

TEST_CASE("a produce whose answer is cut at any byte has an unknown outcome, once") {
  std::atomic<std::size_t> size = 1;
  for (std::size_t cut = 0; cut != size; ++cut) {
    scripted_broker broker{until(api_key::produce,
      [&](session& s, const bytes& request, const honest_broker& honest) {
        const auto answer = *honest.answer(request);
        size = answer.size();
        s.send(protocol::byte_view{answer}.first(cut));
      })};
    worker_fixture f;
    const auto w = f.worker({broker.address()});
    INFO("cut after " << cut << " of " << size << " bytes");
    const auto unknown = f.produce_one(w, test_timeout);
    INFO(why(unknown.error()));
    CHECK(unknown.error().code == error_code::outcome_unknown);
    CHECK(broker.asked(api_key::produce) == 1);
    broker.reform();
    CHECK(f.produce_one(w, test_timeout));
  }
  CHECK(size > 20);
}

TEST_CASE(
  "whatever a peer does, the caller has one answer in time and the worker lives") {
  const auto all = misbehaviours();
  const auto stage =
    GENERATE(api_key::api_versions, api_key::metadata, api_key::list_offsets);
  const auto which = GENERATE_REF(range(std::size_t{0}, all.size()));
  INFO("a peer that " << all[which].name << " when asked for " << name(stage));
  scripted_broker broker{until(stage, all[which].act)};
  worker_fixture f;
  const auto w = f.worker({broker.address()});
  const auto began = steady_clock::now();
  const auto late = f.latest(w, 200ms);
  CHECK(steady_clock::now() - began < 200ms + lateness);
  INFO(why(late.error()));
  CHECK(gave_up(late.error()));
  broker.reform();
  const auto found = f.latest(w, test_timeout);
  INFO(why(found.error()));
  CHECK(found);
}

TEST_CASE(
  "whatever a peer does to a produce, its caller is told that the outcome is unknown") {
  const auto all = misbehaviours();
  const auto which = GENERATE_REF(range(std::size_t{0}, all.size()));
  INFO("a peer that " << all[which].name);
  scripted_broker broker{until(api_key::produce, all[which].act)};
  worker_fixture f;
  const auto w = f.worker({broker.address()});
  const auto unknown = f.produce_one(w, test_timeout);
  INFO(why(unknown.error()));
  CHECK(unknown.error().code == error_code::outcome_unknown);
  CHECK(broker.asked(api_key::produce) == 1);
  broker.reform();
  CHECK(f.produce_one(w, test_timeout));
}

TEST_CASE("an answer that cannot be read is an error that says so") {
  // The right correlation id, and then nothing that ListOffsets could be.
  scripted_broker broker{until(api_key::list_offsets,
                           [](session& s, const bytes& request, const honest_broker&) {
                             auto payload = garbage(200);
                             const auto id = big_endian(static_cast<std::uint32_t>(
                               honest_broker::correlation_id_of(request)));
                             std::ranges::copy(id, payload.begin());
                             s.send_frame(payload);
                             s.wait_until_closed();
                           }),
    1};
  worker_fixture f;
  const auto w = f.worker({broker.address()});
  const auto bad = f.latest(w, test_timeout);
  INFO(why(bad.error()));
  CHECK(bad.error().code == error_code::malformed_response);
  CHECK(bad.error().detail.find("ListOffsets") != std::string::npos);
  const auto status = f.status(w);
  REQUIRE(status);
  CHECK(status->pending == 0);
}

TEST_CASE(
  "a peer that is silent in the middle is given up, and the question asked again") {
  const auto stage =
    GENERATE(api_key::api_versions, api_key::metadata, api_key::list_offsets);
  scripted_broker broker{
    until(stage,
      [](session& s, const bytes&, const honest_broker&) { s.wait_until_closed(); }),
    1};
  worker_fixture f;
  const auto found = f.latest(f.worker({broker.address()}), test_timeout);
  INFO(why(found.error()));
  CHECK(found);
  CHECK(broker.peer().accepted() >= 2);
}

TEST_CASE("everyone who asked a silent peer is answered by the deadline") {
  scripted_broker broker{until(api_key::list_offsets,
    [](session& s, const bytes&, const honest_broker&) { s.wait_until_closed(); })};
  worker_fixture f;
  const auto w = f.worker({broker.address()});
  questions asked{f.system, w, 500, 300ms};
  REQUIRE(asked.wait());
  CHECK(asked.each_once_with(error_code::timed_out));
  const auto status = f.status(w);
  REQUIRE(status);
  CHECK(status->pending == 0);
}

TEST_CASE("a worker that is stopped answers everyone that it was stopped") {
  scripted_broker broker{until(api_key::list_offsets,
    [](session& s, const bytes&, const honest_broker&) { s.wait_until_closed(); })};
  worker_fixture f;
  const auto w = f.worker({broker.address()});
  questions asked{f.system, w, 500, test_timeout};
  // 500 from the actor: those that came are pending.
  auto pending = [&] { return f.status(w)->pending; };
  const auto until_then = steady_clock::now() + test_timeout;
  while (pending() != 500)
    REQUIRE(steady_clock::now() < until_then);
  f.stop(w);
  REQUIRE(asked.wait());
  CHECK(asked.each_once_with(error_code::closed));
}

TEST_CASE("a worker that is killed leaves no caller without an answer") {
  scripted_broker broker{until(api_key::list_offsets,
    [](session& s, const bytes&, const honest_broker&) { s.wait_until_closed(); })};
  worker_fixture f;
  const auto w = f.worker({broker.address()});
  questions asked{f.system, w, 500, test_timeout};
  auto pending = [&] { return f.status(w)->pending; };
  const auto until_then = steady_clock::now() + test_timeout;
  while (pending() != 500)
    REQUIRE(steady_clock::now() < until_then);
  post_exit(w, caf::exit_reason::kill);
  REQUIRE(asked.wait());
  CHECK(asked.each_once_with(error_code::worker_down));
  // Its connections are closed with it.
  CHECK(broker.peer().wait_for_sessions_ended());
}
