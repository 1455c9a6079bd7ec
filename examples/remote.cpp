// A worker is reached from another process, through CAF's middleman.
//
// One process has the connections to Kafka and publishes a worker at a port:
//
//   example_remote --serve --brokers=localhost:9092
//
// It prints the port, and ends when its standard input does. Another process asks the
// worker, by the same messages as if it were its own:
//
//   example_remote --ask=PORT
//
// CAF does not encrypt what the two say, and anyone who reaches the port may use the
// worker: the port is bound to loopback here.

#include <cafka/cafka.hpp>
#include <cafka/supervision/caf_compat.hpp>

#include <caf/actor_system.hpp>
#include <caf/io/middleman.hpp>
#include <caf/scoped_actor.hpp>

#include <cstdlib>
#include <iostream>
#include <limits>

using namespace std::chrono_literals;

namespace {

constexpr auto loopback = "127.0.0.1";

struct remote_config : cafka::configuration {
  bool serve = false;
  std::uint16_t ask_port = 0;
  std::string brokers;
  std::string topic = "example-remote";

  remote_config() {
    if (const auto* from_environment = std::getenv("CAFKA_KAFKA"))
      brokers = from_environment;
    opt_group{custom_options_, "global"}
      .add(serve, "serve", "start a worker and publish it")
      .add(ask_port, "ask", "ask the worker that is published at this port")
      .add(brokers, "brokers", "brokers to ask first, as host:port,host:port")
      .add(topic, "topic", "the topic to write to and read from");
    load<caf::io::middleman>();
  }
};

int serve(caf::actor_system& system, const remote_config& config) {
  auto started = cafka::application::start(
    system, {.brokers = config.brokers, .disable_default_worker = true});
  if (!started) {
    std::cerr << "cafka does not start: " << to_string(started.error()) << '\n';
    return 1;
  }
  auto& kafka = **started;
  const auto worker = kafka.create_worker("shared", {}, 10s);
  if (!worker) {
    std::cerr << "no worker: " << to_string(worker.error()) << '\n';
    return 1;
  }
  // Port 0: a free one is chosen.
  const auto port = system.middleman().publish(*worker, 0, loopback);
  if (!port) {
    std::cerr << "cannot publish the worker: " << to_string(port.error()) << '\n';
    return 1;
  }
  std::cout << *port << std::endl;
  std::cin.ignore(std::numeric_limits<std::streamsize>::max());
  if (const auto unpublished = system.middleman().unpublish(*worker, *port); !unpublished)
    std::cerr << "cannot unpublish: " << to_string(unpublished.error()) << '\n';
  return kafka.stop() ? 0 : 1;
}

/// Asks the worker over there and waits for its answer.
template <class Reply, class Request>
cafka::result<Reply> ask_worker(
  caf::scoped_actor& self, const cafka::worker_actor& worker, const Request& request) {
  cafka::result<Reply> answer;
  cafka::ask(self, worker, 20s, request)
    .receive([&](cafka::result<Reply>& reply) { answer = std::move(reply); },
      [&](const caf::error& e) {
        // The process over there is gone, or the network between us.
        answer = cafka::error{cafka::error_code::worker_down, to_string(e)};
      });
  return answer;
}

int ask_remote(caf::actor_system& system, const remote_config& config) {
  // A typed handle: CAF checks that what is published there understands these messages.
  const auto worker =
    system.middleman().remote_actor<cafka::worker_actor>(loopback, config.ask_port);
  if (!worker) {
    std::cerr << "nothing to ask at port " << config.ask_port << ": "
              << to_string(worker.error()) << '\n';
    return 1;
  }
  caf::scoped_actor self{system};
  const cafka::produce write{.topic = config.topic,
    .partition = 0,
    .records = {{.key = "from", .value = "another process", .headers = {{"n", "1"}}}},
    .deadline = 15s};
  const auto written = ask_worker<cafka::produced>(self, *worker, write);
  if (!written) {
    std::cerr << "cannot produce: " << to_string(written.error()) << '\n';
    return 1;
  }
  const auto found = ask_worker<cafka::fetched>(self, *worker,
    cafka::fetch{.topic = config.topic,
      .partition = 0,
      .offset = *written->base_offset,
      .wait_time = 1s,
      .deadline = 15s});
  if (!found || found->records.empty()) {
    std::cerr << "cannot fetch: " << to_string(found.error()) << '\n';
    return 1;
  }
  const auto record = to_record(*found->records.begin());
  std::cout << "offset " << written->base_offset->value() << ": " << *record.key << ' '
            << *record.value << '\n';
  if (record.value != write.records[0].value
    || record.headers != write.records[0].headers)
    return 1;
  // An error over there is an error here.
  const auto nowhere = ask_worker<cafka::fetched>(
    self, *worker, cafka::fetch{.topic = config.topic, .partition = -1, .offset = 0});
  std::cout << "and of partition -1 it says: " << to_string(nowhere.error()) << '\n';
  return nowhere.error().code == cafka::error_code::invalid_argument ? 0 : 1;
}

} // namespace

int main(int argc, char** argv) {
  // The middleman has message types of its own; cafka::configuration sees to cafka's.
  caf::io::middleman::init_global_meta_objects();
  remote_config config;
  if (const auto wrong = config.parse(argc, argv); !wrong.empty()) {
    std::cerr << to_string(wrong) << '\n';
    return 2;
  }
  if (config.serve == (config.ask_port != 0)
    || (config.serve && config.brokers.empty())) {
    std::cerr << "Say --serve --brokers=host:port (or set CAFKA_KAFKA), or --ask=PORT.\n";
    return 2;
  }
  caf::actor_system system{config};
  return config.serve ? serve(system, config) : ask_remote(system, config);
}
