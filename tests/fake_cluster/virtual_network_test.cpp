#include "fixture.hpp"
#include <cafka/testing/model/virtual_network.hpp>

using namespace fake_fixture;

namespace {

/// A client that writes down what happens to it.
struct client : fixture {
  client() : network(cluster) {
    cluster.create_topic("t");
    network.latency = [] { return 10ms; };
  }

  template <class Request>
  void say(const Request& request, std::int16_t version, std::uint64_t connection = 1) {
    const auto frame = encode_request(request, version, ++correlation, "test");
    REQUIRE(frame);
    network.send(now, connection, *frame);
  }

  /// Turns until nothing is to come, or so long.
  void turn(milliseconds longest = 10s) {
    const auto until = now + longest;
    while (network.next_time() <= until) {
      now = std::max(now, network.next_time());
      for (const auto& what : network.on_time(now))
        std::visit([this](const auto& x) { note(x); }, what);
    }
    now = until;
  }

  void note(const virtual_network::came_up& x) { tell(x.connection, "up"); }
  void note(const virtual_network::came_frame& x) { tell(x.connection, "frame"); }
  void note(const virtual_network::went_down& x) { tell(x.connection, name(x.why.code)); }
  void tell(std::uint64_t connection, const std::string& what) {
    log.push_back(std::to_string((now - begin) / 1ms)
      + " ms: " + std::to_string(connection) + ' ' + what);
  }
  std::vector<std::string> take_log() { return std::exchange(log, {}); }

  using lines = std::vector<std::string>;
  virtual_network network;
  const time_point begin = now;
  lines log;
};

} // namespace

TEST_CASE("bytes take their time both ways, and a broker's waiting is between them") {
  client c;
  c.network.connect(c.now, 1, c.cluster.address(1));
  auto request = fetching(0);
  request.max_wait_ms = 100;
  c.say(api_versions_request{"test", "1"}, 3);
  c.say(request, 12);
  c.turn();
  CHECK(
    c.take_log() == client::lines{"10 ms: 1 up", "20 ms: 1 frame", "120 ms: 1 frame"});
}

TEST_CASE("nobody listens where a broker is away, or where there is none") {
  client c;
  c.cluster.kill(2);
  c.network.connect(c.now, 1, c.cluster.address(2));
  c.network.connect(c.now, 2, {"elsewhere", 1});
  c.turn();
  CHECK(c.take_log()
    == client::lines{"10 ms: 1 CONNECTION_FAILED", "10 ms: 2 CONNECTION_FAILED"});
}

TEST_CASE("a broker that dies ends its connections, what was under way to it is lost") {
  client c;
  c.network.connect(c.now, 1, c.cluster.address(1));
  c.turn(1s);
  c.say(producing(batch_of(numbered(1), {})), 9);
  c.cluster.kill(1);
  c.turn();
  // The cluster knows a connection by its first frame, which finds the broker dead.
  CHECK(c.take_log() == client::lines{"10 ms: 1 up", "1020 ms: 1 DISCONNECTED"});
  CHECK(c.cluster.log("t", 0).end() == log_offset{0});
}

TEST_CASE("a client that goes leaves behind what it has sent, one that is cut does not") {
  client c;
  c.network.connect(c.now, 1, c.cluster.address(1));
  c.network.connect(c.now, 2, c.cluster.address(1));
  c.turn(1s);
  c.say(producing(batch_of(numbered(1), {})), 9, 1);
  c.say(producing(batch_of(numbered(1), {})), 9, 2);
  c.network.disconnect(c.now, 1);
  c.network.cut(c.now, 2);
  c.turn();
  CHECK(c.cluster.log("t", 0).end() == log_offset{1});
  CHECK(c.take_log()
    == client::lines{"10 ms: 1 up", "10 ms: 2 up", "1010 ms: 2 DISCONNECTED"});
  CHECK(c.cluster.is_free(1));
}
