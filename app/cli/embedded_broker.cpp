#include <cafka/app/cli/embedded_broker.hpp>

#include <librdkafka/rdkafka.h>
// Needs the header above.
#include <librdkafka/rdkafka_mock.h>

#include <array>

namespace cafka::cli {

namespace {

result<done> outcome(rd_kafka_resp_err_t code, const std::string& what) {
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
    return done{};
  return error{error_code::unknown_server_error,
    "the embedded broker cannot " + what + ": " + rd_kafka_err2str(code)};
}

} // namespace

struct embedded_broker::impl {
  rd_kafka_t* client = nullptr;
  rd_kafka_mock_cluster_t* cluster = nullptr;
  int brokers = 0;

  impl() = default;
  impl(const impl&) = delete;
  impl& operator=(const impl&) = delete;

  ~impl() {
    if (cluster != nullptr)
      rd_kafka_mock_cluster_destroy(cluster);
    if (client != nullptr)
      rd_kafka_destroy(client);
  }
};

result<std::unique_ptr<embedded_broker>> embedded_broker::start(int brokers) {
  auto content = std::make_unique<impl>();
  std::array<char, 512> why{};
  auto* conf = rd_kafka_conf_new();
  // It would write to standard error; what matters comes back as a code.
  rd_kafka_conf_set_log_cb(conf, [](const rd_kafka_t*, int, const char*, const char*) {});
  content->client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why.data(), why.size());
  if (content->client == nullptr) {
    rd_kafka_conf_destroy(conf);
    return error{error_code::unknown_server_error,
      std::string{"librdkafka does not start: "} + why.data()};
  }
  content->brokers = brokers;
  content->cluster = rd_kafka_mock_cluster_new(content->client, brokers);
  if (content->cluster == nullptr)
    return error{error_code::unknown_server_error,
      "librdkafka's mock cluster does not start with " + std::to_string(brokers)
        + " brokers"};
  // From version 4 on, librdkafka 2.0 answers with a leader epoch of 8 bytes, not 4.
  if (const auto limited =
        outcome(rd_kafka_mock_set_apiversion(content->cluster,
                  static_cast<std::int16_t>(protocol::api_key::list_offsets), 0, 3),
          "limit ListOffsets");
      !limited)
    return limited.error();
  return std::unique_ptr<embedded_broker>{new embedded_broker{std::move(content)}};
}

embedded_broker::embedded_broker(std::unique_ptr<impl> content)
  : impl_(std::move(content)) {
}

embedded_broker::~embedded_broker() = default;

std::string embedded_broker::bootstrap() const {
  return rd_kafka_mock_cluster_bootstraps(impl_->cluster);
}

result<done> embedded_broker::create_topic(
  const std::string& name, int partitions, int replicas) {
  const auto what = "create topic " + name;
  auto made = outcome(
    rd_kafka_mock_topic_create(impl_->cluster, name.c_str(), partitions, replicas), what);
  for (int p = 0; made && p < partitions; ++p)
    made = outcome(rd_kafka_mock_partition_set_leader(
                     impl_->cluster, name.c_str(), p, p % impl_->brokers + 1),
      what);
  return made;
}

result<done> embedded_broker::set_down(broker_id id) {
  return outcome(rd_kafka_mock_broker_set_down(impl_->cluster, id.value()),
    "bring broker " + std::to_string(id.value()) + " down");
}

result<done> embedded_broker::set_up(broker_id id) {
  return outcome(rd_kafka_mock_broker_set_up(impl_->cluster, id.value()),
    "bring broker " + std::to_string(id.value()) + " up");
}

} // namespace cafka::cli
