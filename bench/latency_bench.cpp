// One request's round trip on a real Kafka: by a bare blocking socket, asked by an actor,
// asked from a plain thread; all three in turn, in the same run.

#include "bench.hpp"
#include <cafka/app/application.hpp>
#include <cafka/app/configuration.hpp>
#include <cafka/protocol/messages/api_versions.hpp>
#include <cafka/protocol/messages/list_offsets.hpp>
#include <cafka/protocol/messages/produce.hpp>
#include <cafka/protocol/records/batch_builder.hpp>
#include <cafka/protocol/schema/codec.hpp>
#include <cafka/supervision/caf_compat.hpp>

#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>

#include <cstdlib>
#include <cstring>
#include <functional>
#include <future>
#include <iostream>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdexcept>
#include <sys/socket.h>
#include <unistd.h>

namespace {

using namespace cafka;
namespace proto = cafka::protocol;

constexpr int rounds = 20;
constexpr int requests_per_round = 500;
constexpr std::int16_t list_offsets_version = 7;
constexpr std::int16_t produce_version = 9;

/// The least that can be done: one socket, one request, one answer.
class bare_socket {
public:
  explicit bare_socket(const endpoint& to) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (getaddrinfo(to.host.c_str(), std::to_string(to.port).c_str(), &hints, &found)
      != 0)
      throw std::runtime_error("cannot resolve " + to_string(to));
    fd_ = ::socket(found->ai_family, SOCK_STREAM, 0);
    const auto failed = ::connect(fd_, found->ai_addr, found->ai_addrlen) != 0;
    freeaddrinfo(found);
    if (failed)
      throw std::runtime_error("cannot connect to " + to_string(to));
    const int one = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  }
  bare_socket(const bare_socket&) = delete;
  bare_socket& operator=(const bare_socket&) = delete;
  ~bare_socket() { ::close(fd_); }

  template <class Request>
  void ask(const Request& request, std::int16_t version) {
    const auto frame = proto::encode_request(request, version, ++id_, "bench");
    std::vector<std::byte> bytes;
    for (const auto& part : frame->parts)
      bytes.insert(bytes.end(), part.view().begin(), part.view().end());
    if (::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL)
      != static_cast<ssize_t>(bytes.size()))
      throw std::runtime_error("short write");
    std::byte head[4];
    read_exactly(head, sizeof head);
    std::vector<std::byte> body(proto::detail::load_big<std::uint32_t>(head));
    read_exactly(body.data(), body.size());
    const auto answer = proto::decode_response<typename Request::response>(
      proto::shared_bytes::from(std::move(body)), version);
    if (!answer)
      throw std::runtime_error(to_string(answer.error()));
  }

private:
  void read_exactly(std::byte* to, std::size_t count) {
    while (count > 0) {
      const auto n = ::recv(fd_, to, count, 0);
      if (n <= 0)
        throw std::runtime_error("the broker closed the connection");
      to += n;
      count -= static_cast<std::size_t>(n);
    }
  }

  int fd_ = -1;
  std::int32_t id_ = 0;
};

template <class T>
T must(result<T> x) {
  if (!x)
    throw std::runtime_error(to_string(x.error()));
  return *std::move(x);
}

/// Asks a worker `count` times in a row, each time when the last answer is there.
template <class Request, class Reply>
caf::behavior asking(caf::event_based_actor* self, worker_actor worker, Request request,
  int count, std::vector<double>* samples, std::promise<void>* done) {
  struct loop {
    std::function<void()> next;
  };
  auto state = std::make_shared<loop>();
  auto left = std::make_shared<int>(count);
  state->next = [=] {
    if ((*left)-- == 0) {
      state->next = nullptr;
      done->set_value();
      self->quit();
      return;
    }
    const auto began = bench::clock::now();
    ask(self, worker, caf::infinite, request)
      .then(
        [=](const result<Reply>& reply) {
          samples->push_back(bench::microseconds(bench::clock::now() - began));
          if (!reply)
            std::cerr << to_string(reply.error()) << '\n';
          auto next = state->next;
          next();
        },
        [=](const caf::error& e) {
          std::cerr << to_string(e) << '\n';
          done->set_value();
          self->quit();
        });
  };
  auto first = state->next;
  first();
  return {[](int) {}};
}

struct row {
  std::string name;
  std::vector<double> samples;
};

void print(const std::string& what, std::vector<row>& rows) {
  const auto bare50 = bench::percentile(rows[0].samples, 0.5);
  const auto bare99 = bench::percentile(rows[0].samples, 0.99);
  std::printf(
    "\n%s, %d requests each, in turn\n", what.c_str(), rounds * requests_per_round);
  std::printf("%-28s %9s %9s %9s %12s %12s\n", "asked by", "p50 us", "p99 us", "p99.9 us",
    "p50 - bare", "p99 - bare");
  for (auto& r : rows) {
    const auto p50 = bench::percentile(r.samples, 0.5);
    const auto p99 = bench::percentile(r.samples, 0.99);
    std::printf("%-28s %9.1f %9.1f %9.1f %+12.1f %+12.1f\n", r.name.c_str(), p50, p99,
      bench::percentile(r.samples, 0.999), p50 - bare50, p99 - bare99);
  }
}

template <class Reply, class Bare, class Request, class Blocking>
void measure(const std::string& what, caf::actor_system& sys, const worker_actor& worker,
  Bare bare, const Request& request, Blocking blocking) {
  std::vector<row> rows{
    {"a bare blocking socket", {}}, {"an actor", {}}, {"a plain thread", {}}};
  for (int round = -1; round < rounds; ++round) {
    for (auto& r : rows)
      r.samples.reserve(rounds * requests_per_round);
    if (round == 0) {
      // What came before was for warming up.
      for (auto& r : rows)
        r.samples.clear();
    }
    for (int i = 0; i < requests_per_round; ++i) {
      const auto began = bench::clock::now();
      bare();
      rows[0].samples.push_back(bench::microseconds(bench::clock::now() - began));
    }
    std::promise<void> done;
    sys.spawn(asking<Request, Reply>, worker, request, requests_per_round,
      &rows[1].samples, &done);
    done.get_future().wait();
    for (int i = 0; i < requests_per_round; ++i) {
      const auto began = bench::clock::now();
      must(blocking());
      rows[2].samples.push_back(bench::microseconds(bench::clock::now() - began));
    }
  }
  print(what, rows);
}

int run(const std::string& brokers) {
  configuration config;
  caf::actor_system sys{config};
  auto app = must(application::start(
    sys, {.brokers = brokers, .client_id = "bench", .disable_default_worker = true}));
  const auto worker = must(app->create_worker("bench"));
  const std::string topic = "cafka-bench-" + std::to_string(::getpid());
  must(app->produce(topic, 0, std::string(100, 'x'), {.worker = "bench"}));
  auto known = must(app->metadata({.topics = {{topic}}}, "bench"));
  const auto leader = known.topics.at(0).partitions.at(0).leader;
  const auto broker = std::ranges::find(known.brokers, leader, &broker_info::id);
  bare_socket bare{broker->address};

  proto::list_offsets_request raw_offsets;
  raw_offsets.topics.emplace_back().name = topic;
  raw_offsets.topics[0].partitions.emplace_back().timestamp = -1;
  const list_offsets offsets{.topic = topic, .partition = 0};
  measure<listed_offset>(
    "ListOffsets", sys, worker, [&] { bare.ask(raw_offsets, list_offsets_version); },
    offsets, [&] { return app->latest_offset(topic, 0, "bench"); });

  proto::batch_builder builder;
  if (!builder.append({{}, std::string(100, 'x'), {}, timestamp{milliseconds{1}}}, {}))
    return 1;
  const auto batch = must(builder.seal());
  proto::produce_request raw_produce;
  raw_produce.acks = 1;
  raw_produce.timeout_ms = 1'000;
  raw_produce.topic_data.emplace_back().name = topic;
  raw_produce.topic_data[0].partition_data.emplace_back().records = batch;
  cafka::produce one;
  one.topic = topic;
  one.records.push_back({{}, std::string(100, 'x'), {}, timestamp{milliseconds{1}}});
  one.required_acks = 1;
  measure<produced>(
    "Produce, one record of 100 bytes, acks 1", sys, worker,
    [&] { bare.ask(raw_produce, produce_version); }, one,
    [&] { return app->produce(one, "bench"); });
  return 0;
}

} // namespace

int main(int argc, char** argv) {
  const char* brokers = argc > 1 ? argv[1] : std::getenv("CAFKA_KAFKA");
  if (brokers == nullptr) {
    std::cerr << "usage: latency_bench HOST:PORT,... (or set CAFKA_KAFKA)\n";
    return 2;
  }
  try {
    return run(brokers);
  } catch (const std::exception& e) {
    std::cerr << "latency_bench: " << e.what() << '\n';
    return 1;
  }
}
