#pragma once

#include <cafka/actors/interfaces.hpp>

#include <memory>
#include <string>

namespace cafka::cli {

/// A small Kafka cluster inside this process, on loopback ports: librdkafka's mock
/// cluster.
///
/// Its brokers are numbered from 1. It keeps records in memory, creates topics when they
/// are asked about, and knows the older versions of the common APIs.
class embedded_broker {
public:
  /// Errors: `not_found` when it cannot be loaded; `unknown_server_error` with its
  /// reason.
  [[nodiscard]] static result<std::unique_ptr<embedded_broker>> start(
    int brokers = 3, const std::string& library = "librdkafka.so.1");

  embedded_broker(const embedded_broker&) = delete;
  embedded_broker& operator=(const embedded_broker&) = delete;
  ~embedded_broker();

  /// Where its brokers listen, as `host:port,host:port`.
  [[nodiscard]] std::string bootstrap() const;

  /// Partition 0 is led by broker 1, the next by broker 2, and so on in turn.
  result<done> create_topic(const std::string& name, int partitions, int replicas);

  /// Closes a broker's connections and takes no new ones; its partitions keep their
  /// leader.
  result<done> set_down(broker_id id);

  /// Lets a broker take connections again.
  result<done> set_up(broker_id id);

private:
  struct impl;

  explicit embedded_broker(std::unique_ptr<impl> content);

  std::unique_ptr<impl> impl_;
};

} // namespace cafka::cli
