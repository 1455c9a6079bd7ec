// What a build without librdkafka's headers has in place of embedded_broker.cpp.
#include "embedded_broker.hpp"

namespace cafka::cli {

namespace {

error none() {
  return {error_code::not_found,
    "the embedded broker is librdkafka's, and this cafka was built without that: name a "
    "cluster by --brokers"};
}

} // namespace

struct embedded_broker::impl {};

result<std::unique_ptr<embedded_broker>> embedded_broker::start(
  int /*brokers*/, const std::string& /*library*/) {
  return none();
}

embedded_broker::embedded_broker(std::unique_ptr<impl> content)
  : impl_(std::move(content)) {
}

embedded_broker::~embedded_broker() = default;

std::string embedded_broker::bootstrap() const {
  return {};
}

result<done> embedded_broker::create_topic(
  const std::string& /*name*/, int /*partitions*/, int /*replicas*/) {
  return none();
}

result<done> embedded_broker::set_down(broker_id /*id*/) {
  return none();
}

result<done> embedded_broker::set_up(broker_id /*id*/) {
  return none();
}

} // namespace cafka::cli
