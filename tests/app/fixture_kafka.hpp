#pragma once

#include "fixture.hpp"
#include <cafka/protocol/schema/codec.hpp>

#include <map>
#include <optional>
#include <string_view>

namespace cafka::testing {

/// A program that has ended, and what it said.
struct finished {
  int status = -1;
  std::string out;
  std::string err;
};

/// Runs a program to its end, or for ten minutes: on a loaded machine a broker takes long
/// to start.
[[nodiscard]] finished run_program(
  std::vector<std::string> command, std::string_view input = {});

/// The text's lines, without their ends.
[[nodiscard]] std::vector<std::string> lines(std::string_view text);

/// One blocking socket to a broker, for what a worker does not ask.
class raw_connection {
public:
  explicit raw_connection(const endpoint& broker);
  ~raw_connection();
  raw_connection(const raw_connection&) = delete;
  raw_connection& operator=(const raw_connection&) = delete;

  template <class Request>
  typename Request::response ask(const Request& request, std::int16_t version) {
    const auto out =
      protocol::encode_request(request, version, ++last_, "cafka-kafka-tests");
    return REQUIRE_VALUE(protocol::decode_response<typename Request::response>(
      exchange(REQUIRE_VALUE(out)), version));
  }

private:
  protocol::shared_bytes exchange(const protocol::frame& request);

  int fd_;
  std::int32_t last_ = 0;
};

/// The cluster of three brokers that the tests are given: CAFKA_KAFKA is its bootstrap
/// list, and CAFKA_KAFKA_DIR its directory, for `scripts/kafka`.
class kafka_cluster {
public:
  /// Fails the test with a clear sentence where the environment names none.
  kafka_cluster();
  /// Lets every broker run again.
  ~kafka_cluster();
  kafka_cluster(const kafka_cluster&) = delete;
  kafka_cluster& operator=(const kafka_cluster&) = delete;

  [[nodiscard]] const std::string& brokers() const { return brokers_; }
  /// The bootstrap list of another listener: "TLS", "MTLS", ...
  [[nodiscard]] static std::string brokers(const std::string& listener);
  /// The path of one of the files that TLS needs.
  [[nodiscard]] static std::string certificate(const std::string& name);

  /// Makes a topic with three replicas of each partition and waits until all brokers
  /// know of it. Partition `p` is led by broker `p % 3 + 1`. Returns its name.
  std::string create_topic(const std::string& prefix, std::int32_t partitions = 1,
    const std::map<std::string, std::string>& settings = {});

  /// The broker that leads a partition of a new topic.
  static broker_id first_leader(partition_id p) { return p.value() % 3 + 1; }

  /// Ends a broker at once (SIGKILL).
  void kill(broker_id id);
  /// Starts one that was killed, and waits until it answers.
  void start(broker_id id);
  /// The same with all three at once.
  void kill_all();
  void start_all();
  /// Freezes a broker (SIGSTOP), and lets it go on.
  void pause(broker_id id);
  void resume(broker_id id);

  /// Runs one of Kafka's own tools.
  [[nodiscard]] finished tool(
    std::vector<std::string> command, std::string_view input = {}) const;

private:
  void control(const std::string& what, broker_id id);
  static void control_all(const std::string& what);
  /// Waits until every broker knows of all of them.
  void wait_until_whole();
  /// Whether every partition gets its first leader and all replicas, waiting for it.
  bool is_placed(const std::string& topic, std::int32_t partitions);

  std::string brokers_;
  std::vector<endpoint> endpoints_;
  std::optional<broker_id> killed_;
  bool all_killed_ = false;
  std::optional<broker_id> paused_;
};

} // namespace cafka::testing
