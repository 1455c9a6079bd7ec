#include "embedded_broker.hpp"

#include <librdkafka/rdkafka.h>
// Needs the header above.
#include <librdkafka/rdkafka_mock.h>

#include <array>
#include <dlfcn.h>

namespace cafka::cli {

namespace {

/// The functions of librdkafka that are used here, as far as it could be loaded.
///
/// It is loaded, not linked: the command line runs where it is not installed, too.
class rdkafka {
public:
  explicit rdkafka(const std::string& file)
    : handle_(dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL)) {
    find(conf_new, "rd_kafka_conf_new");
    find(conf_destroy, "rd_kafka_conf_destroy");
    find(conf_set_log_cb, "rd_kafka_conf_set_log_cb");
    find(make, "rd_kafka_new");
    find(destroy, "rd_kafka_destroy");
    find(err2str, "rd_kafka_err2str");
    find(cluster_new, "rd_kafka_mock_cluster_new");
    find(cluster_destroy, "rd_kafka_mock_cluster_destroy");
    find(cluster_bootstraps, "rd_kafka_mock_cluster_bootstraps");
    find(set_apiversion, "rd_kafka_mock_set_apiversion");
    find(topic_create, "rd_kafka_mock_topic_create");
    find(partition_set_leader, "rd_kafka_mock_partition_set_leader");
    find(broker_set_down, "rd_kafka_mock_broker_set_down");
    find(broker_set_up, "rd_kafka_mock_broker_set_up");
  }

  /// Why it cannot be used; empty: it can.
  [[nodiscard]] const std::string& why_not() const { return why_not_; }

  decltype(&rd_kafka_conf_new) conf_new = nullptr;
  decltype(&rd_kafka_conf_destroy) conf_destroy = nullptr;
  decltype(&rd_kafka_conf_set_log_cb) conf_set_log_cb = nullptr;
  decltype(&rd_kafka_new) make = nullptr;
  decltype(&rd_kafka_destroy) destroy = nullptr;
  decltype(&rd_kafka_err2str) err2str = nullptr;
  decltype(&rd_kafka_mock_cluster_new) cluster_new = nullptr;
  decltype(&rd_kafka_mock_cluster_destroy) cluster_destroy = nullptr;
  decltype(&rd_kafka_mock_cluster_bootstraps) cluster_bootstraps = nullptr;
  decltype(&rd_kafka_mock_set_apiversion) set_apiversion = nullptr;
  decltype(&rd_kafka_mock_topic_create) topic_create = nullptr;
  decltype(&rd_kafka_mock_partition_set_leader) partition_set_leader = nullptr;
  decltype(&rd_kafka_mock_broker_set_down) broker_set_down = nullptr;
  decltype(&rd_kafka_mock_broker_set_up) broker_set_up = nullptr;

private:
  template <class Function>
  void find(Function& function, const char* name) {
    if (handle_ != nullptr)
      function = reinterpret_cast<Function>(dlsym(handle_, name));
    if (function == nullptr && why_not_.empty()) {
      const char* why = dlerror();
      why_not_ = why != nullptr ? why : std::string{name} + " is missing";
    }
  }

  // It stays loaded: its threads may outlive what was made of it by a moment.
  void* handle_;
  std::string why_not_;
};

} // namespace

struct embedded_broker::impl {
  explicit impl(const std::string& file) : lib(file) {}
  impl(const impl&) = delete;
  impl& operator=(const impl&) = delete;

  ~impl() {
    if (cluster != nullptr)
      lib.cluster_destroy(cluster);
    if (client != nullptr)
      lib.destroy(client);
  }

  [[nodiscard]] result<done> outcome(
    rd_kafka_resp_err_t code, const std::string& what) const {
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
      return done{};
    return error{error_code::unknown_server_error,
      "the embedded broker cannot " + what + ": " + lib.err2str(code)};
  }

  const rdkafka lib;
  rd_kafka_t* client = nullptr;
  rd_kafka_mock_cluster_t* cluster = nullptr;
  int brokers = 0;
};

result<std::unique_ptr<embedded_broker>> embedded_broker::start(
  int brokers, const std::string& library) {
  auto content = std::make_unique<impl>(library);
  const auto& lib = content->lib;
  if (!lib.why_not().empty())
    return error{error_code::not_found,
      "the embedded broker is librdkafka's, which cannot be loaded (" + lib.why_not()
        + "): install it (Debian's package librdkafka1), or name a cluster by --brokers"};
  std::array<char, 512> why{};
  auto* conf = lib.conf_new();
  // It would write to standard error; what matters comes back as a code.
  lib.conf_set_log_cb(conf, [](const rd_kafka_t*, int, const char*, const char*) {});
  content->client = lib.make(RD_KAFKA_PRODUCER, conf, why.data(), why.size());
  if (content->client == nullptr) {
    lib.conf_destroy(conf);
    return error{error_code::unknown_server_error,
      std::string{"librdkafka does not start: "} + why.data()};
  }
  content->brokers = brokers;
  content->cluster = lib.cluster_new(content->client, brokers);
  if (content->cluster == nullptr)
    return error{error_code::unknown_server_error,
      "librdkafka's mock cluster does not start with " + std::to_string(brokers)
        + " brokers"};
  // From version 4 on, librdkafka 2.0 answers with a leader epoch of 8 bytes, not 4.
  if (const auto limited = content->outcome(
        lib.set_apiversion(content->cluster,
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
  return impl_->lib.cluster_bootstraps(impl_->cluster);
}

result<done> embedded_broker::create_topic(
  const std::string& name, int partitions, int replicas) {
  const auto what = "create topic " + name;
  auto made = impl_->outcome(
    impl_->lib.topic_create(impl_->cluster, name.c_str(), partitions, replicas), what);
  for (int p = 0; made && p < partitions; ++p)
    made = impl_->outcome(impl_->lib.partition_set_leader(
                            impl_->cluster, name.c_str(), p, p % impl_->brokers + 1),
      what);
  return made;
}

result<done> embedded_broker::set_down(broker_id id) {
  return impl_->outcome(impl_->lib.broker_set_down(impl_->cluster, id.value()),
    "bring broker " + std::to_string(id.value()) + " down");
}

result<done> embedded_broker::set_up(broker_id id) {
  return impl_->outcome(impl_->lib.broker_set_up(impl_->cluster, id.value()),
    "bring broker " + std::to_string(id.value()) + " up");
}

} // namespace cafka::cli
