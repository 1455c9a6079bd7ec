#include "fetching_broker.hpp"
#include "worker_fixture.hpp"
#include <cafka/actors/stream/stream_actor.hpp>
#include <cafka/supervision/caf_compat.hpp>

#include <caf/scoped_actor.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

// A worker, and a stream on one, behind a link that is slower than their deadlines.

using namespace cafka;
using namespace cafka::testing;
using Catch::Matchers::ContainsSubstring;

namespace {

/// A broker with batches of 50 kB that come at 100 kB/s, and a worker that considers it
/// dead after 150 ms of silence.
struct slow_link {
  slow_link() {
    broker.append(4);
    actors::connection_options options;
    options.name = "w";
    options.brokers = {broker.address()};
    options.initial_topics = {"topic"};
    options.socket_timeout = 150ms;
    options.transport.progress_interval = 20ms;
    options.reconnect_backoff = 2ms;
    options.retry_backoff = 2ms;
    f.workers.push_back(actors::spawn_worker(f.system, std::move(options), f.factory));
  }

  result<fetched> ask(fetch request) {
    caf::scoped_actor self{f.system};
    result<fetched> got{error_code::worker_down};
    cafka::ask(self, f.workers.front(), caf::infinite, std::move(request))
      .receive([&](result<fetched>& reply) { got = std::move(reply); },
        [](const caf::error&) {});
    return got;
  }

  fetching_broker broker{{.padding = 5'000, .pace = 100'000}};
  worker_fixture f;
};

fetch one_batch(milliseconds deadline) {
  fetch request;
  request.topic = "topic";
  request.offset = 0;
  request.max_bytes = 1;
  request.deadline = deadline;
  return request;
}

} // namespace

TEST_CASE("an answer that takes longer than socket_timeout to arrive is taken") {
  slow_link s;
  const auto got = s.ask(one_batch(20s));
  INFO(to_string(got.error()));
  REQUIRE(got);
  CHECK(got->records.size() == 10);
}

TEST_CASE("a fetch whose deadline passes meanwhile says how much had arrived") {
  slow_link s;
  const auto got = s.ask(one_batch(300ms));
  REQUIRE_FALSE(got);
  CHECK(got.error().code == error_code::timed_out);
  CHECK_THAT(got.error().detail,
    ContainsSubstring("only ") && ContainsSubstring(" bytes of the answer from "));
  // The rest of it does not keep the next one waiting, which has a deadline that waits.
  auto patient = one_batch(300ms);
  patient.while_arriving = true;
  CHECK(s.ask(patient));
}

TEST_CASE("a stream reads batches that take longer than its deadline") {
  slow_link s;
  protocol::stream_client_options settings;
  settings.records = one_batch(0ms);
  settings.records.max_bytes = 120'000;
  settings.cursor.start = 0;
  settings.cursor.max_bytes = 120'000;
  settings.cursor.deadline = 400ms;
  settings.cursor.no_wait_at_logend = true;
  caf::scoped_actor self{s.f.system};
  const auto stream = actors::spawn_stream(
    s.f.system, settings,
    [w = s.f.workers.front()](
      const caf::strong_actor_ptr&) -> result<worker_actor> { return w; },
    caf::actor_cast<caf::strong_actor_ptr>(self));
  cafka::post(stream, stream_credit{10});
  std::size_t records = 0;
  bool over = false;
  while (!over) {
    self->receive([&](const stream_batch& b) { records += b.records.size(); },
      [&](const stream_end& e) {
        over = true;
        CHECK(e.outcome == error{});
      });
  }
  CHECK(records == 40);
  caf::scoped_actor stopper{s.f.system};
  cafka::ask(stopper, stream, caf::infinite, stream_stop{})
    .receive([](const stream_end&) {}, [](const caf::error&) {});
}
