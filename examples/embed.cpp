// A service with an actor system of its own embeds cafka.
//
// The service has its own configuration and its own message types. It starts and stops
// workers by name while it runs, and an actor of its own talks to them by typed messages.
//
//   example_embed --brokers localhost:9092 --topic example-embed

#include <cafka/cafka.hpp>
#include <cafka/supervision/caf_compat.hpp>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/init_global_meta_objects.hpp>
#include <caf/scoped_actor.hpp>

#include <cstdlib>
#include <iostream>

using namespace std::chrono_literals;

// -- the service's own messages ---------------------------------------------------------
//
// They keep their numbers; cafka's begin 500 later.

/// Asks the service to write an order down in Kafka and to read it back.
struct place_order {
  std::string customer;
  std::string article;
};

template <class Inspector>
bool inspect(Inspector& f, place_order& x) {
  return f.object(x).fields(
    f.field("customer", x.customer), f.field("article", x.article));
}

CAF_BEGIN_TYPE_ID_BLOCK(shop, first_custom_type_id)
CAF_ADD_TYPE_ID(shop, (place_order))
CAF_END_TYPE_ID_BLOCK(shop)

// -- the service's own configuration ----------------------------------------------------

struct shop_config : caf::actor_system_config {
  std::string brokers;
  std::string topic = "example-embed";

  shop_config() {
    // Where the tests run, this names the cluster.
    if (const auto* from_environment = std::getenv("CAFKA_KAFKA"))
      brokers = from_environment;
    opt_group{custom_options_, "global"}
      .add(brokers, "brokers", "brokers to ask first, as host:port,host:port")
      .add(topic, "topic", "the topic of the orders");
    // cafka's messages are answered soonest with this policy.
    set("caf.scheduler.policy", "sharing");
  }

  // What --dump-config prints: no passwords.
  caf::settings dump_content() const override {
    return cafka::redacted(actor_system_config::dump_content());
  }
};

// -- an actor of the service ------------------------------------------------------------

/// Answers `place_order` with the order as Kafka has it.
caf::behavior clerk(
  caf::event_based_actor* self, cafka::worker_actor worker, std::string topic) {
  return {[self, worker, topic](const place_order& order) {
    auto answer = self->make_response_promise<std::string>();
    // An error that cafka reports becomes an error of ours.
    auto fail = [answer](const cafka::error& e) mutable {
      answer.deliver(caf::make_error(caf::sec::runtime_error, to_string(e)));
    };
    auto lost = [answer](const caf::error& e) mutable { answer.deliver(e); };

    cafka::produce write{.topic = topic,
      .partition = 0,
      .records = {{.key = order.customer, .value = order.article}},
      .deadline = 10s};
    cafka::ask(self, worker, caf::infinite, std::move(write))
      .then(
        [=](const cafka::result<cafka::produced>& written) mutable {
          if (!written)
            return fail(written.error());
          cafka::fetch read{.topic = topic,
            .partition = 0,
            .offset = *written->base_offset,
            .wait_time = 1s,
            .deadline = 10s};
          cafka::ask(self, worker, caf::infinite, read)
            .then(
              [=](const cafka::result<cafka::fetched>& found) mutable {
                if (!found)
                  return fail(found.error());
                if (found->records.empty())
                  return fail({cafka::error_code::not_found, "the order is not there"});
                const auto record = to_record(*found->records.begin());
                answer.deliver(*record.key + " ordered " + *record.value);
              },
              lost);
        },
        lost);
    return answer;
  }};
}

// -- the service ------------------------------------------------------------------------

int run(caf::actor_system& system, const shop_config& config) {
  // cafka lives in our actor system. Workers are ours to start.
  auto started = cafka::application::start(
    system, {.brokers = config.brokers, .disable_default_worker = true});
  if (!started) {
    std::cerr << "cafka does not start: " << to_string(started.error()) << '\n';
    return 1;
  }
  auto& kafka = **started;

  int failures = 0;
  for (const std::string name : {"morning", "evening"}) {
    // A worker for as long as it is needed.
    const auto worker =
      kafka.create_worker(name, {.initial_topics = {config.topic}}, 10s);
    if (!worker) {
      std::cerr << name << " does not start: " << to_string(worker.error()) << '\n';
      return 1;
    }
    const auto at_the_desk = system.spawn(clerk, *worker, config.topic);
    caf::scoped_actor customer{system};
    cafka::ask(
      customer, at_the_desk, caf::infinite, place_order{"ada", "the " + name + " paper"})
      .receive(
        [&](const std::string& text) {
          std::cout << name << ": " << text << '\n';
          failures += text != "ada ordered the " + name + " paper";
        },
        [&](const caf::error& e) {
          std::cerr << name << ": " << to_string(e) << '\n';
          ++failures;
        });
    // The clerk holds a worker's handle: it goes first.
    cafka::post_exit(at_the_desk, caf::exit_reason::user_shutdown);
    if (const auto stopped = kafka.stop_worker(name); !stopped) {
      std::cerr << name << " does not stop: " << to_string(stopped.error()) << '\n';
      ++failures;
    }
  }
  std::cout << "workers left: " << kafka.workers().size() << '\n';
  failures += !kafka.workers().empty();
  return failures == 0 ? 0 : 1;
}

int main(int argc, char** argv) {
  // Both before the actor system is made.
  cafka::init_global_meta_objects();
  caf::init_global_meta_objects<caf::id_block::shop>();
  shop_config config;
  if (const auto wrong = config.parse(argc, argv); !wrong.empty()) {
    std::cerr << to_string(wrong) << '\n';
    return 2;
  }
  if (config.brokers.empty()) {
    std::cerr << "Which cluster? Say --brokers=host:port, or set CAFKA_KAFKA.\n";
    return 2;
  }
  caf::actor_system system{config};
  return run(system, config);
}
