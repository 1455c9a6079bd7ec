#pragma once

#include "fixture.hpp"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

namespace cafka::testing {

/// librdkafka's cluster in this process: its brokers are numbered from 1.
class mock_cluster {
public:
  explicit mock_cluster(int brokers = 3);
  ~mock_cluster();
  mock_cluster(const mock_cluster&) = delete;
  mock_cluster& operator=(const mock_cluster&) = delete;

  [[nodiscard]] std::string brokers() const;

  /// Makes a topic whose partition `p` is led by broker `p % brokers + 1`.
  std::string create_topic(const std::string& prefix, int partitions = 1);

  /// The next requests of this API, to whichever broker, are answered with these errors.
  void push_errors(protocol::api_key api, const std::vector<error_code>& errors);

  /// The next request of this API to this broker ends its connection, unanswered.
  void hang_up_on(protocol::api_key api, broker_id broker);

  /// Every answer of the broker is late by so much.
  void set_round_trip(broker_id broker, milliseconds late);
  void set_down(broker_id broker);
  void set_up(broker_id broker);
  /// Who is named to readers as the replica close by.
  void set_follower(const std::string& topic, partition_id p, broker_id broker);
  /// Broker -1: the partition has no leader.
  void set_leader(const std::string& topic, partition_id p, broker_id broker);

private:
  int size_;
  rd_kafka_t* client_;
  rd_kafka_mock_cluster_t* cluster_;
};

} // namespace cafka::testing
