// A partition as a lazy range for plain threads, and by credit for an actor.
//
//   example_stream localhost:9092

#include <cafka/cafka.hpp>
#include <cafka/supervision/caf_compat.hpp>

#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/scoped_actor.hpp>

#include <cstdlib>
#include <iostream>

using namespace std::chrono_literals;

namespace {

const std::string topic = "example-stream";

/// Writes ten records; says where the first one is.
cafka::result<cafka::log_offset> write_some(cafka::application& kafka) {
  cafka::produce batch;
  batch.topic = topic;
  batch.partition = 0;
  batch.deadline = 20s;
  for (int i = 1; i <= 10; ++i)
    batch.records.push_back({.value = "Msg " + std::to_string(i)});
  const auto written = kafka.produce(batch);
  if (!written)
    return written.error();
  return *written->base_offset;
}

// -- the range --------------------------------------------------------------------------

cafka::result<cafka::done> read_as_range(
  cafka::application& kafka, cafka::log_offset first) {
  // It would wait for more at the log's end; two records are not so far. With gcc, and
  // with clang 16 and later, `records | std::views::take(2)` is shorter.
  const auto records = kafka.stream(topic, 0, {.offset = first});
  cafka::log_offset next = first;
  for (const auto& r : records) {
    std::cout << "range: " << r.text() << '\n';
    next = r.offset + 1;
    if (next == first + 2)
      break;
  }
  // The same stream yields the same records; this one goes on behind them.
  for (const auto& r : records.from(next)) {
    std::cout << "from there: " << r.text() << '\n';
    break;
  }

  // This one ends where the log does.
  const auto rest = kafka.stream(topic, 0, {.no_wait_at_logend = true, .offset = next});
  std::size_t bytes = 0;
  for (const auto& r : rest)
    bytes += r.text().size();
  std::cout << "the rest has " << bytes << " bytes\n";
  // An iteration does not throw: it ends, and this says why.
  return rest.outcome();
}

// -- the actor --------------------------------------------------------------------------

/// Asks for a stream's batches one by one, and sends its maker the number of records.
caf::behavior counting(caf::event_based_actor* self, caf::actor maker) {
  auto count = std::make_shared<std::size_t>(0);
  return {
    [=](const cafka::stream_batch& batch) {
      for (const auto& r : batch.records) {
        std::cout << "actor: " << r.text() << '\n';
        ++*count;
      }
      // One batch more; all of this one is dealt with, and may be committed.
      cafka::tell(self, self->current_sender(), cafka::stream_credit{1, batch.next()});
    },
    [=](const cafka::stream_end& end) {
      if (end.outcome.code != cafka::error_code::none)
        std::cerr << "the stream ended: " << to_string(end.outcome) << '\n';
      cafka::tell(self, maker, *count);
    },
  };
}

cafka::result<cafka::done> read_as_actor(
  cafka::application& kafka, caf::actor_system& system, cafka::log_offset first) {
  caf::scoped_actor self{system};
  const auto consumer = system.spawn(counting, caf::actor{self});
  const auto stream =
    kafka.stream_to(caf::actor_cast<caf::strong_actor_ptr>(consumer), topic, 0,
      {.no_wait_at_logend = true, .consumer_group = "example-stream", .offset = first});
  if (!stream)
    return stream.error();
  // Nothing is read before there is credit.
  cafka::tell(self, *stream, cafka::stream_credit{1});
  self->receive([](std::size_t count) { std::cout << count << " records\n"; });
  // It would end with its consumer as well, but this tells what it has committed.
  cafka::result<cafka::done> outcome{cafka::done{}};
  cafka::ask(self, *stream, 30s, cafka::stream_stop{})
    .receive(
      [&](const cafka::stream_end& end) {
        if (end.committed)
          std::cout << "committed " << end.committed->value() - first.value() << '\n';
        if (end.commit_error.code != cafka::error_code::none)
          outcome = end.commit_error;
      },
      [&](const caf::error& e) {
        outcome = cafka::error{cafka::error_code::closed, to_string(e)};
      });
  cafka::post_exit(consumer, caf::exit_reason::user_shutdown);
  return outcome;
}

} // namespace

int main(int argc, char** argv) {
  const char* brokers = argc > 1 ? argv[1] : std::getenv("CAFKA_KAFKA");
  if (brokers == nullptr) {
    std::cerr << "Which cluster? Say " << argv[0] << " host:port, or set CAFKA_KAFKA.\n";
    return 2;
  }
  cafka::configuration config;
  caf::actor_system system{config};
  auto started = cafka::application::start(system, {.brokers = brokers});
  if (!started) {
    std::cerr << "cafka does not start: " << to_string(started.error()) << '\n';
    return 1;
  }
  auto& kafka = **started;

  const auto first = write_some(kafka);
  if (!first) {
    std::cerr << "cannot produce: " << to_string(first.error()) << '\n';
    return 1;
  }
  if (const auto read = read_as_range(kafka, *first); !read) {
    std::cerr << "the range ended: " << to_string(read.error()) << '\n';
    return 1;
  }
  if (const auto read = read_as_actor(kafka, system, *first); !read) {
    std::cerr << "the actor's stream ended: " << to_string(read.error()) << '\n';
    return 1;
  }
}
