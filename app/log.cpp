#include "log.hpp"

#include "../actors/sasl/credentials_source.hpp"
#include "../actors/transport/tls.hpp"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <utility>

namespace cafka {

namespace {

constexpr const char* logger_name = "cafka";

spdlog::level::level_enum spdlog_level(log_level level) {
  switch (level) {
  case log_level::trace: return spdlog::level::trace;
  case log_level::debug: return spdlog::level::debug;
  case log_level::info: return spdlog::level::info;
  case log_level::warning: return spdlog::level::warn;
  case log_level::error: return spdlog::level::err;
  case log_level::critical: return spdlog::level::critical;
  case log_level::off: break;
  }
  return spdlog::level::off;
}

/// The program's own logger of that name; else one that nobody else sees: spdlog's table
/// of loggers and its default are the program's.
std::shared_ptr<spdlog::logger> logger() {
  if (auto own = spdlog::get(logger_name))
    return own;
  auto made = std::make_shared<spdlog::logger>(
    logger_name, std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
  made->set_pattern("%Y-%m-%d %H:%M:%S.%e %^%l%$ %n: %v");
  made->set_level(spdlog::level::trace); // What is wanted is decided before.
  return made;
}

void write_to(spdlog::logger& to, log_level level, std::string_view component,
  std::string_view name, std::string_view text) {
  if (name.empty())
    to.log(spdlog_level(level), "{}: {}", component, text);
  else
    to.log(spdlog_level(level), "{} {}: {}", component, name, text);
}

std::string reason_of(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    return "an exception of unknown type";
  }
}

/// `on_log`; that it throws is told once, elsewhere.
class guarded {
public:
  explicit guarded(actors::log_sink::writer on_log) : on_log_(std::move(on_log)) {}

  void operator()(log_level level, std::string_view component, std::string_view name,
    std::string_view text) const {
    try {
      on_log_(level, component, name, text);
    } catch (...) {
      if (!told_->exchange(true))
        write_to(*logger(), log_level::error, "log", {},
          "on_log has thrown; this is not reported again: "
            + reason_of(std::current_exception()));
      throw;
    }
  }

private:
  actors::log_sink::writer on_log_;
  std::shared_ptr<std::atomic<bool>> told_ = std::make_shared<std::atomic<bool>>(false);
};

} // namespace

const std::vector<std::string>& log_components() {
  static const std::vector<std::string> all{
    "worker", "producer", "consumer", "group", "stream", "token", "supervisor"};
  return all;
}

result<std::shared_ptr<actors::log_sink>> make_log(const application_options& options) {
  for (const auto& [component, level] : options.log_levels) {
    if (std::ranges::find(log_components(), component) != log_components().end())
      continue;
    std::string known;
    for (const auto& each : log_components())
      known += (known.empty() ? "" : ", ") + each;
    return error{error_code::invalid_argument,
      "log_levels: \"" + component + "\" is no component; there are: " + known};
  }
  actors::log_sink::writer write;
  if (options.on_log)
    write = guarded{options.on_log};
  else
    write = [to = logger()](log_level level, std::string_view component,
              std::string_view name,
              std::string_view text) { write_to(*to, level, component, name, text); };
  return std::make_shared<actors::log_sink>(
    std::move(write), options.log_level, options.log_levels);
}

void log_event(actors::log_sink& log, const supervision::supervision_event& event) {
  using supervision::event_kind;
  auto level = log_level::debug;
  switch (event.kind) {
  case event_kind::escalated: level = log_level::critical; break;
  case event_kind::start_failed:
  case event_kind::restarted:
  case event_kind::restart_failed:
  case event_kind::observer_failed:
  case event_kind::killed: level = log_level::warning; break;
  case event_kind::ignored:
  case event_kind::auto_shutdown:
  case event_kind::started:
  case event_kind::exited:
  case event_kind::removed:
  case event_kind::stopped: break;
  }
  if (level < log.level_of("supervisor"))
    return;
  auto text = to_string(event);
  if (const auto prefix = event.supervisor + ": "; text.starts_with(prefix))
    text.erase(0, prefix.size());
  log.write(level, "supervisor", event.supervisor, text);
}

std::vector<std::string> risks_of(const actors::connection_options& connection) {
  std::vector<std::string> all;
  const auto& tls = connection.transport.tls;
  if (tls != nullptr) {
    switch (tls->options().verify) {
    case ssl_verify::verify_peer: break;
    case ssl_verify::verify_chain:
      all.emplace_back(
        "takes a broker's certificate for whatever host it is (ssl_options.verify = "
        "verify_chain): a server with any certificate from the same CA can pretend to be "
        "a broker");
      break;
    case ssl_verify::verify_none:
      all.emplace_back(
        "does not check brokers' certificates (ssl_options.verify = verify_none): a "
        "server between the program and the brokers can read and change everything");
    }
  }
  if (tls == nullptr && connection.sasl != nullptr) {
    for (const auto m : connection.sasl->mechanisms()) {
      if (m == sasl_mechanism::plain || m == sasl_mechanism::oauthbearer)
        all.push_back("may log in by " + std::string{to_string(m)}
          + " without TLS: " + (m == sasl_mechanism::plain ? "the password" : "the token")
          + " can be read on the way to the brokers");
    }
  }
  return all;
}

void warn_of(const std::vector<std::string>& risks, actors::log_sink& log,
  const std::string& component, const std::string& name) {
  for (const auto& text : risks)
    log.write(log_level::warning, component, name, text);
}

} // namespace cafka
