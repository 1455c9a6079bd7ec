#pragma once

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <signal.h>
#include <stdexcept>
#include <string>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace bench {

/// librdkafka's mock cluster in a child process, so that its time is not the client's.
/// To be made before the first thread.
class mock_process {
public:
  /// With these topics and numbers of partitions; others are made when they are used.
  explicit mock_process(const std::vector<std::pair<std::string, int>>& topics = {}) {
    int pipe_ends[2];
    if (::pipe(pipe_ends) != 0)
      throw std::runtime_error("no pipe");
    child_ = ::fork();
    if (child_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      char errors[512];
      auto* conf = rd_kafka_conf_new();
      rd_kafka_conf_set(conf, "client.id", "mock", errors, sizeof errors);
      rd_kafka_conf_set(conf, "log_level", "3", errors, sizeof errors);
      auto* handle = rd_kafka_new(RD_KAFKA_PRODUCER, conf, errors, sizeof errors);
      auto* cluster = rd_kafka_mock_cluster_new(handle, 1);
      // In version 8 librdkafka 2.0 leaves out a field of each topic, from version 9 on
      // librdkafka 2.16 writes a byte too many.
      rd_kafka_mock_set_apiversion(cluster, 3, 0, 7);
      for (const auto& [name, partitions] : topics)
        rd_kafka_mock_topic_create(cluster, name.c_str(), partitions, 1);
      const std::string brokers = rd_kafka_mock_cluster_bootstraps(cluster);
      (void)!::write(pipe_ends[1], brokers.data(), brokers.size());
      ::close(pipe_ends[1]);
      ::pause();
      ::_exit(0);
    }
    ::close(pipe_ends[1]);
    char buffer[256];
    const auto n = ::read(pipe_ends[0], buffer, sizeof buffer);
    ::close(pipe_ends[0]);
    brokers_.assign(buffer, n > 0 ? static_cast<std::size_t>(n) : 0);
  }
  mock_process(const mock_process&) = delete;
  mock_process& operator=(const mock_process&) = delete;
  ~mock_process() {
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
  }

  [[nodiscard]] const std::string& brokers() const { return brokers_; }

private:
  pid_t child_ = -1;
  std::string brokers_;
};

} // namespace bench
