#include "dispatcher_shell.hpp"

#include "log_sink.hpp"

#include <caf/sec.hpp>

#include <algorithm>
#include <random>
#include <string>

namespace cafka::actors {

protocol::dispatcher_options dispatcher_options_of(
  const worker_options& connection, std::string_view component) {
  protocol::dispatcher_options result;
  result.bootstrap = connection.uris;
  result.client_id = connection.client_id;
  result.release = connection.kafka_version;
  result.request_timeout = connection.request_timeout;
  result.socket_timeout = connection.socket_timeout;
  result.max_throttle = connection.max_throttle;
  result.reconnect.initial = connection.reconnect_backoff;
  result.reconnect.max = connection.reconnect_backoff_max;
  result.retry.initial = connection.retry_backoff;
  result.retry.max = connection.retry_backoff_max;
  result.seed = std::random_device{}();
  if (connection.log != nullptr)
    result.tell_from = connection.log->level_of(component);
  return result;
}

std::vector<connection_status> connections_of(
  const protocol::dispatcher& all, protocol::time_point now) {
  std::vector<connection_status> result;
  for (const auto& l : all.links()) {
    const auto held = std::chrono::ceil<milliseconds>(l.held_until - now);
    result.push_back({l.broker, l.address, l.up, static_cast<std::uint32_t>(l.in_flight),
      !l.last_error ? std::string{} : to_string(l.last_error),
      std::max(held, milliseconds{0})});
  }
  return result;
}

#ifdef CAF_ENABLE_EXCEPTIONS
caf::error reason_of(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& e) {
    return caf::make_error(caf::sec::runtime_error, std::string{e.what()});
  } catch (...) {
    return caf::make_error(
      caf::sec::runtime_error, std::string{"an exception of unknown type"});
  }
}
#endif

} // namespace cafka::actors
