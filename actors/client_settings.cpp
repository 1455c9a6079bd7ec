#include "client_settings.hpp"

#include "log_sink.hpp"
#include "sasl/credentials_source.hpp"
#include "transport/tls.hpp"

#include <random>
#include <utility>

namespace cafka::actors {

protocol::dispatcher_options dispatcher_options_of(
  const connection_options& connection, std::string_view component) {
  protocol::dispatcher_options result;
  result.brokers = connection.brokers;
  result.client_id = connection.client_id;
  result.kafka_version = connection.kafka_version;
  result.request_timeout = connection.request_timeout;
  result.socket_timeout = connection.socket_timeout;
  result.max_throttle = connection.max_throttle;
  result.reconnect_backoff.initial = connection.reconnect_backoff;
  result.reconnect_backoff.max = connection.reconnect_backoff_max;
  result.retry_backoff.initial = connection.retry_backoff;
  result.retry_backoff.max = connection.retry_backoff_max;
  if (connection.sasl != nullptr) {
    result.sasl_mechanisms = connection.sasl->mechanisms();
    result.sasl_keys = connection.sasl->keys();
  }
  result.seed = std::random_device{}();
  if (connection.log != nullptr)
    result.tell_from = connection.log->level_of(component);
  return result;
}

shell_settings shell_settings_of(const connection_options& connection,
  std::shared_ptr<transport_factory> transports, std::string_view component,
  std::string name) {
  // The files belong to no connection: whichever finds that they are wrong, it is told
  // once.
  if (const auto& tls = connection.transport.tls;
      tls != nullptr && connection.log != nullptr)
    tls->tell([log = connection.log, component, name](log_level level,
                const std::string& text) { log->write(level, component, name, text); });
  return {std::move(transports), connection.transport, connection.log, connection.sasl,
    component, std::move(name)};
}

} // namespace cafka::actors
