#include "fixture_mock.hpp"

#include <array>

namespace cafka::testing {

mock_cluster::mock_cluster(int brokers) : size_(brokers) {
  std::array<char, 256> why{};
  auto* settings = rd_kafka_conf_new();
  // It has no bootstrap list, and need not say so.
  rd_kafka_conf_set(settings, "log_level", "3", nullptr, 0);
  client_ = rd_kafka_new(RD_KAFKA_PRODUCER, settings, why.data(), why.size());
  INFO(why.data());
  REQUIRE(client_ != nullptr);
  cluster_ = rd_kafka_mock_cluster_new(client_, brokers);
  REQUIRE(cluster_ != nullptr);
  // From version 4 on librdkafka 2.0 writes the leader's epoch twice.
  REQUIRE(rd_kafka_mock_set_apiversion(
            cluster_, static_cast<std::int16_t>(protocol::api_key::list_offsets), 0, 3)
    == RD_KAFKA_RESP_ERR_NO_ERROR);
}

mock_cluster::~mock_cluster() {
  rd_kafka_mock_cluster_destroy(cluster_);
  rd_kafka_destroy(client_);
}

std::string mock_cluster::brokers() const {
  return rd_kafka_mock_cluster_bootstraps(cluster_);
}

std::string mock_cluster::create_topic(const std::string& prefix, int partitions) {
  auto name = unique_name(prefix);
  REQUIRE(rd_kafka_mock_topic_create(cluster_, name.c_str(), partitions, size_)
    == RD_KAFKA_RESP_ERR_NO_ERROR);
  for (int p = 0; p != partitions; ++p)
    set_leader(name, p, p % size_ + 1);
  return name;
}

void mock_cluster::push_errors(
  protocol::api_key api, const std::vector<error_code>& errors) {
  std::vector<rd_kafka_resp_err_t> numbers;
  for (const auto e : errors)
    numbers.push_back(static_cast<rd_kafka_resp_err_t>(e));
  rd_kafka_mock_push_request_errors_array(
    cluster_, static_cast<std::int16_t>(api), numbers.size(), numbers.data());
}

void mock_cluster::hang_up_on(protocol::api_key api, broker_id broker) {
  REQUIRE(rd_kafka_mock_broker_push_request_error_rtts(cluster_, broker.value(),
            static_cast<std::int16_t>(api), 1, RD_KAFKA_RESP_ERR__TRANSPORT, 0)
    == RD_KAFKA_RESP_ERR_NO_ERROR);
}

void mock_cluster::set_round_trip(broker_id broker, milliseconds late) {
  REQUIRE(
    rd_kafka_mock_broker_set_rtt(cluster_, broker.value(), static_cast<int>(late.count()))
    == RD_KAFKA_RESP_ERR_NO_ERROR);
}

void mock_cluster::set_down(broker_id broker) {
  REQUIRE(rd_kafka_mock_broker_set_down(cluster_, broker.value())
    == RD_KAFKA_RESP_ERR_NO_ERROR);
}

void mock_cluster::set_up(broker_id broker) {
  REQUIRE(
    rd_kafka_mock_broker_set_up(cluster_, broker.value()) == RD_KAFKA_RESP_ERR_NO_ERROR);
}

void mock_cluster::set_follower(
  const std::string& topic, partition_id p, broker_id broker) {
  REQUIRE(rd_kafka_mock_partition_set_follower(
            cluster_, topic.c_str(), p.value(), broker.value())
    == RD_KAFKA_RESP_ERR_NO_ERROR);
}

void mock_cluster::set_leader(
  const std::string& topic, partition_id p, broker_id broker) {
  REQUIRE(
    rd_kafka_mock_partition_set_leader(cluster_, topic.c_str(), p.value(), broker.value())
    == RD_KAFKA_RESP_ERR_NO_ERROR);
}

} // namespace cafka::testing
