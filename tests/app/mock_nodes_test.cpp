// Two nodes that are connected by CAF's middleman: what one sends to the other arrives,
// is answered with an error, or is lost alone.

#include "fixture_mock.hpp"

#include <caf/io/middleman.hpp>
#include <caf/scoped_actor.hpp>

using namespace cafka;
using namespace cafka::testing;

namespace {

struct node_config : configuration {
  node_config() {
    set("caf.scheduler.max-threads", std::size_t{2});
    load<caf::io::middleman>();
  }
};

constexpr auto loopback = "127.0.0.1";

} // namespace

TEST_CASE(
  "no message of a supervisor or worker silences the connection to another node") {
  caf::io::middleman::init_global_meta_objects();
  mock_cluster cluster;
  const auto topic = cluster.create_topic("nodes");
  node_config here_config;
  caf::actor_system here{here_config};
  auto options = service::quiet();
  options.brokers = cluster.brokers();
  auto app = REQUIRE_VALUE(application::start(here, std::move(options)));
  const auto worker = REQUIRE_VALUE(app->create_worker("w", {}, test_timeout));
  const auto workers = caf::actor_cast<supervision::supervisor_actor>(
    REQUIRE_VALUE(app->tree()).children[0].child.handle);
  const auto worker_port = here.middleman().publish(worker, 0, loopback);
  const auto workers_port = here.middleman().publish(workers, 0, loopback);
  REQUIRE(worker_port);
  REQUIRE(workers_port);

  node_config there_config;
  caf::actor_system there{there_config};
  const auto far_worker =
    there.middleman().remote_actor<worker_actor>(loopback, *worker_port);
  const auto far_workers = there.middleman().remote_actor<supervision::supervisor_actor>(
    loopback, *workers_port);
  REQUIRE(far_worker);
  REQUIRE(far_workers);
  const auto still_connected = [&] {
    list_offsets request{.topic = topic, .partition = 0};
    request.deadline = test_timeout;
    static_cast<void>(REQUIRE_VALUE(ask_one<listed_offset>(there, *far_worker, request)));
  };
  still_connected();
  caf::scoped_actor self{there};

  SECTION("a specification arrives without its functions") {
    ask(self, *far_workers, test_timeout, supervision::get_childspec{.name = "w"})
      .receive(
        [](const supervision::child_spec& spec) {
          CHECK(spec.name == "w");
          CHECK_FALSE(spec.start);
        },
        [](const caf::error& e) { FAIL(to_string(e)); });
  }
  SECTION("a child cannot be started from there, and it is said why") {
    supervision::child_spec spec;
    spec.name = "x";
    spec.start = [](const supervision::start_context&) -> supervision::start_result {
      return supervision::ignore{};
    };
    ask(self, *far_workers, test_timeout, supervision::start_child{spec})
      .receive([](const caf::strong_actor_ptr&) { FAIL("it was started"); },
        [](const caf::error& e) {
          INFO(to_string(e));
          CHECK(e == supervision::errc::invalid_child_spec);
          CHECK(to_string(e).find("does not travel") != std::string::npos);
        });
  }
  SECTION("a batch that was read here is lost, and nothing else is") {
    post(caf::actor_cast<caf::strong_actor_ptr>(*far_worker), consumed_batch{});
  }
  SECTION("a consumer here refuses to deliver there") {
    consumer_options to_there;
    to_there.deliver_to = caf::actor_cast<caf::actor>(*far_worker);
    auto far_app_options = service::quiet();
    far_app_options.brokers = cluster.brokers();
    auto far_app = REQUIRE_VALUE(application::start(there, std::move(far_app_options)));
    const auto refused = far_app->consumer(to_there);
    REQUIRE_FALSE(refused);
    INFO(to_string(refused.error()));
    CHECK(refused.error().code == error_code::invalid_argument);
    CHECK(refused.error().detail.find("deliver_to") != std::string::npos);
  }
  still_connected();
}
