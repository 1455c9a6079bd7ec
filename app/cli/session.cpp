#include "session.hpp"

#include "../settings_text.hpp"
#include "flag_words.hpp"

#include <caf/actor_system_config.hpp>
#include <spdlog/fmt/fmt.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <unistd.h>

namespace cafka::cli {

namespace {

/// How settings are called, once they are read; until then nobody logs.
flag_words& words() {
  static flag_words all;
  return all;
}

/// Writes a line of the log in the words of the command line.
class flag_words_formatter final : public spdlog::custom_flag_formatter {
public:
  void format(const spdlog::details::log_msg& message, const std::tm& /*time*/,
    spdlog::memory_buf_t& out) override {
    const auto text = words().in({message.payload.data(), message.payload.size()});
    out.append(text.data(), text.data() + text.size());
  }

  [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<flag_words_formatter>();
  }
};

/// What was met last on the way to a broker is told behind what it led to, as
/// `DISCONNECTED: no broker can be reached: TLS_FAILED: ...`.
error_code cause_of(const error& why) {
  auto cause = why.code;
  auto last = std::string::npos;
  for (const auto& known : protocol::error_table()) {
    const auto at = why.detail.rfind(std::string{known.name} + ": ");
    if (at == std::string::npos || (at != 0 && why.detail[at - 1] != ' ')
      || (last != std::string::npos && at < last))
      continue;
    last = at;
    cause = known.code;
  }
  return cause;
}

bool is_about_connections(error_code code) {
  switch (code) {
  case error_code::connection_failed:
  case error_code::disconnected:
  case error_code::timed_out: return true;
  default: return false;
  }
}

std::string_view advice(error_code code) {
  switch (code) {
  case error_code::connection_failed:
  case error_code::disconnected:
    return "see that a Kafka broker listens there, or name others with --brokers "
           "HOST:PORT";
  case error_code::illegal_sasl_state:
    return "log in, with --sasl-mechanism, --sasl-username and --sasl-password-file, or "
           "name a listener of the broker that wants no login, with --brokers HOST:PORT";
  case error_code::sasl_not_enabled:
    return "leave out --sasl-mechanism, or name the broker's SASL listener, with "
           "--brokers "
           "HOST:PORT";
  case error_code::unsupported_sasl_mechanism:
    return "name one that the broker has, with --sasl-mechanism";
  case error_code::sasl_authentication_failed:
    return "see that name and password are right: --sasl-username, --sasl-password-file";
  case error_code::bearer_token_refused:
    return "see that the token holds and is for this cluster: --sasl-token-file";
  case error_code::credentials_unavailable:
    return "see that the file is there and can be read (--sasl-password-file, "
           "--sasl-token-file, --sasl-keytab), or that the provider or the KDC gives "
           "what "
           "it is asked for; docs/sasl.md";
  case error_code::tls_failed:
    return "see what is said of TLS above; cafka metadata --help has the flags for it";
  case error_code::timed_out:
    return "give it more time with --timeout, or see with --verbose what it waits for";
  case error_code::unknown_topic_or_partition:
    return "cafka metadata lists the topics and partitions there are";
  case error_code::topic_already_exists:
    return "cafka topics describe shows what it is like";
  case error_code::invalid_replication_factor:
  case error_code::invalid_replica_assignment:
    return "cafka metadata lists the brokers there are";
  case error_code::illegal_generation:
  case error_code::unknown_member_id:
  case error_code::fenced_instance_id:
  case error_code::rebalance_in_progress:
    return "join the group again: cafka groups join";
  case error_code::offset_out_of_range:
    return "cafka offsets shows the range that the log has";
  case error_code::unsupported_api_version:
  case error_code::unsupported_version:
    return "cafka api-versions shows what the broker knows";
  case error_code::outcome_unknown:
    return "see before trying again whether it was carried out: cafka fetch shows "
           "records, cafka topics list topics";
  case error_code::frame_too_large:
    return "raise --receive-max-bytes, or ask for less at a time";
  case error_code::message_too_large:
  case error_code::record_list_too_large:
    return "raise the topic's max.message.bytes, or write smaller records";
  case error_code::batch_too_large:
    return "raise what the message names, in the file of --config, or read on behind the "
           "batch";
  case error_code::not_enough_replicas:
  case error_code::not_enough_replicas_after_append:
    return "bring the missing brokers back, or ask for less with --acks 1";
  default: return protocol::is_retriable(code) ? "it may pass: try again" : "";
  }
}

/// What the command line says of TLS goes before the configuration file.
result<done> add_tls(const common_arguments& common, application_options& to) {
  auto& ssl = to.ssl_options;
  const auto take = [&](const std::string& from, std::string& option) {
    if (!from.empty()) {
      option = from;
      to.use_ssl = true;
    }
  };
  to.use_ssl =
    to.use_ssl || common.tls || common.tls_no_verify || common.tls_verify_chain;
  // Named here, a file or directory of CAs is all that is trusted.
  if (!common.ca_file.empty() || !common.ca_dir.empty())
    ssl.cacertfile = ssl.cacertdir = {};
  // A key of the configuration file would not fit another certificate.
  if (!common.cert.empty())
    ssl.keyfile = {};
  if (!common.cert.empty() || !common.key_password_file.empty()) {
    ssl.password.clear();
    ssl.password_file = ssl.password_env = {};
  }
  take(common.ca_file, ssl.cacertfile);
  take(common.ca_dir, ssl.cacertdir);
  take(common.cert, ssl.certfile);
  take(common.key, ssl.keyfile);
  take(common.crl_file, ssl.crlfile);
  take(common.server_name, ssl.server_name);
  if (common.tls_verify_chain)
    ssl.verify = ssl_verify::verify_chain;
  if (common.tls_no_verify) {
    ssl.verify = ssl_verify::verify_none;
    // Nothing of the configuration file is looked up then.
    if (common.crl_file.empty())
      ssl.crlfile = {};
  }
  if (!common.key_password_file.empty()) {
    std::ifstream file{common.key_password_file};
    std::string line;
    if (!std::getline(file, line))
      return error{error_code::invalid_argument,
        "--key-password-file " + common.key_password_file
          + ": has no first line to read"};
    ssl.password = std::move(line);
    to.use_ssl = true;
  }
  return done{};
}

/// What the command line says of the login goes before the configuration file.
result<done> add_sasl(const common_arguments& common, application_options& to) {
  auto& sasl = to.sasl;
  if (!common.sasl_mechanism.empty()) {
    auto named = parse_sasl_mechanisms(common.sasl_mechanism);
    if (!named)
      return named.error();
    sasl.mechanism = *std::move(named);
  }
  if (!common.sasl_username.empty())
    sasl.username = common.sasl_username;
  if (!common.sasl_password_file.empty()) {
    sasl.password.clear();
    sasl.password_env = {};
    sasl.password_file = common.sasl_password_file;
  }
  if (!common.sasl_token_file.empty()) {
    sasl.token.clear();
    sasl.oidc.token_endpoint_url.clear();
    sasl.token_file = common.sasl_token_file;
  }
  if (!common.sasl_keytab.empty())
    sasl.kerberos.keytab = common.sasl_keytab;
  if (!common.sasl_principal.empty())
    sasl.kerberos.principal = common.sasl_principal;
  if (!common.sasl_service_name.empty())
    sasl.kerberos.service_name = common.sasl_service_name;
  if (!common.oidc_url.empty()) {
    sasl.token.clear();
    sasl.token_file.clear();
    sasl.oidc.token_endpoint_url = common.oidc_url;
  }
  if (!common.oidc_client_id.empty())
    sasl.oidc.client_id = common.oidc_client_id;
  if (!common.oidc_client_secret_file.empty()) {
    sasl.oidc.client_secret.clear();
    sasl.oidc.client_secret_env.clear();
    sasl.oidc.client_secret_file = common.oidc_client_secret_file;
  }
  if (!common.oidc_scope.empty())
    sasl.oidc.scope = common.oidc_scope;
  return done{};
}

std::string environment(const char* name) {
  const auto* value = std::getenv(name);
  return value == nullptr ? std::string{} : std::string{value};
}

/// The configuration file to read; empty: none.
std::string file_for(const common_arguments& common) {
  if (!common.config_file.empty())
    return common.config_file;
  if (auto named = environment("CAFKA_CONFIG"); !named.empty())
    return named;
  auto directory = environment("XDG_CONFIG_HOME");
  if (directory.empty()) {
    const auto home = environment("HOME");
    if (home.empty())
      return {};
    directory = home + "/.config";
  }
  auto usual = directory + "/cafka.conf";
  std::error_code ignored;
  return std::filesystem::exists(usual, ignored) ? usual : std::string{};
}

/// The names of what the block `cafka` sets, as `ssl_options.verify`.
std::set<std::string> set_in(const caf::settings& content) {
  std::set<std::string> result;
  const auto walk = [&](const auto& self, const caf::settings& block,
                      const std::string& before) -> void {
    for (const auto& [name, value] : block) {
      const auto path = before + std::string{name};
      result.insert(path);
      if (const auto* inner = caf::get_if<caf::settings>(&value))
        self(self, *inner, path + '.');
    }
  };
  if (const auto* block = caf::get_if<caf::settings>(&content, "cafka"))
    walk(walk, *block, {});
  return result;
}

/// The row of a setting, by its key or KafkaEx's name for it; null: there is none.
const setting_text* row_of(const std::string& path) {
  const auto first = path.substr(0, path.find('.'));
  const auto last = first == path ? 0 : path.rfind('.') + 1;
  const auto key = path.substr(last);
  auto block = last == 0 ? std::string{} : path.substr(0, last - 1);
  if (settings_of(block).empty()) // The name of a producer, say, stands between them.
    block = settings_of(first).empty() ? std::string{} : first;
  const auto& rows = settings_of(block);
  const auto found = std::ranges::find_if(rows, [&](const setting_text& r) {
    return r.key == key || (!key.empty() && r.alias == key);
  });
  return found == rows.end() ? nullptr : &*found;
}

/// Adds what `-X` says to what the file says, and its keys to those that are set.
error add_settings(
  const common_arguments& common, caf::settings& content, std::set<std::string>& made) {
  for (const auto& [key, text] : common.settings) {
    auto value = caf::config_value{text};
    // Lists, blocks and what is in quotes are written as a file has them.
    if (text.starts_with('[') || text.starts_with('{') || text.starts_with('"')) {
      auto parsed = caf::config_value::parse(text);
      if (!parsed)
        return error{error_code::invalid_argument,
          "-X " + key + ": its value cannot be read: " + to_string(parsed.error())};
      value = *std::move(parsed);
    }
    // What the file says of it, by either of its names, is of no meaning any more.
    const auto* row = row_of(key);
    const auto found = content.find("cafka");
    if (row != nullptr && !row->alias.empty() && found != content.end()) {
      if (auto* block = caf::get_if<caf::settings>(&found->second)) {
        block->container().erase(row->key);
        block->container().erase(row->alias);
      }
    }
    caf::put(content, "cafka." + key, std::move(value));
    made.insert(key);
  }
  return {};
}

bool is_set_by_line(const common_arguments& common, std::string_view key) {
  return std::ranges::any_of(
    common.settings, [&](const auto& one) { return one.first == key; });
}

/// Of what the file has set, what the command line leaves as it is.
std::set<std::string> not_changed(
  std::set<std::string> made, const common_arguments& common) {
  const auto changed = [&](bool here, const char* name) {
    if (here)
      made.erase(name);
  };
  changed(!common.ca_file.empty() || !common.ca_dir.empty(), "ssl_options.cacertfile");
  changed(!common.ca_file.empty() || !common.ca_dir.empty(), "ssl_options.cacertdir");
  changed(!common.cert.empty(), "ssl_options.certfile");
  changed(!common.cert.empty() || !common.key.empty(), "ssl_options.keyfile");
  changed(!common.crl_file.empty(), "ssl_options.crlfile");
  changed(!common.server_name.empty(), "ssl_options.server_name");
  changed(!common.key_password_file.empty(), "ssl_options.password");
  changed(common.tls_no_verify || common.tls_verify_chain, "ssl_options.verify");
  changed(!common.sasl_mechanism.empty(), "sasl.mechanism");
  changed(!common.sasl_username.empty(), "sasl.username");
  changed(!common.sasl_password_file.empty(), "sasl.password");
  changed(!common.sasl_password_file.empty(), "sasl.password_file");
  changed(!common.sasl_token_file.empty(), "sasl.token");
  changed(!common.sasl_token_file.empty(), "sasl.token_file");
  changed(!common.sasl_keytab.empty(), "sasl.kerberos.keytab");
  changed(!common.sasl_principal.empty(), "sasl.kerberos.principal");
  changed(!common.sasl_service_name.empty(), "sasl.kerberos.service_name");
  changed(!common.oidc_url.empty(), "sasl.oidc.token_endpoint_url");
  changed(!common.oidc_client_id.empty(), "sasl.oidc.client_id");
  changed(!common.oidc_client_secret_file.empty(), "sasl.oidc.client_secret");
  changed(!common.oidc_client_secret_file.empty(), "sasl.oidc.client_secret_file");
  changed(!common.oidc_scope.empty(), "sasl.oidc.scope");
  changed(common.receive_message_max_bytes.has_value(), "receive_message_max_bytes");
  changed(common.timeout.has_value(), "request_timeout");
  changed(!common.kafka_version.empty(), "kafka_version");
  return made;
}

} // namespace

void report(std::string_view what, const error& why) {
  auto text = fmt::format("cafka: {}: {}\n", what, words().in(to_string(why)));
  const auto cause = is_about_connections(why.code) ? cause_of(why) : why.code;
  if (const auto meaning = protocol::text(cause);
      !meaning.empty() && cause != error_code::invalid_argument)
    text += fmt::format("  why: {}\n", meaning);
  if (const auto hint = advice(cause); !hint.empty())
    text += fmt::format("  try: {}\n", hint);
  std::fputs(text.c_str(), stderr);
}

bool may_pass(error_code code) {
  switch (code) {
  case error_code::timed_out:
  case error_code::outcome_unknown:
  case error_code::disconnected:
  case error_code::connection_failed:
  case error_code::worker_down: return true;
  default: return protocol::is_retriable(code);
  }
}

result<settings> read_settings(const common_arguments& common) {
  settings result;
  result.config = std::make_unique<configuration>();
  std::set<std::string> made;
  bool timeout_is_set = false;
  bool level_is_set = false;
  if (const auto file_name = file_for(common); !file_name.empty()) {
    std::ifstream file{file_name};
    if (!file.is_open())
      return error{error_code::invalid_argument, file_name + " cannot be opened"};
    if (const auto wrong = result.config->parse({}, file); !wrong.empty())
      return error{error_code::invalid_argument, file_name + ": " + to_string(wrong)};
    auto options = options_from(caf::content(*result.config));
    if (!options)
      return error{
        error_code::invalid_argument, file_name + ": " + options.error().detail};
    result.options = *std::move(options);
    made = set_in(caf::content(*result.config));
    result.names_brokers = !common.config_file.empty() && made.contains("brokers");
  }
  if (!common.settings.empty()) {
    auto content = caf::content(*result.config);
    if (auto wrong = add_settings(common, content, made))
      return wrong;
    auto options = options_from(content);
    if (!options)
      return error{error_code::invalid_argument, "-X: " + options.error().detail};
    result.options = *std::move(options);
    result.names_brokers = result.names_brokers || is_set_by_line(common, "brokers");
  }
  timeout_is_set = made.contains("request_timeout");
  level_is_set = made.contains("log_level");
  words() = flag_words{not_changed(made, common)};
  const auto of_environment = environment("CAFKA_BROKERS");
  if (!common.brokers.empty()) {
    result.options.brokers = common.brokers;
  } else if (!of_environment.empty() && !result.names_brokers) {
    if (const auto read = protocol::parse_endpoints(of_environment); !read)
      return error{error_code::invalid_argument, "CAFKA_BROKERS: " + read.error().detail};
    result.options.brokers = of_environment;
  }
  if (!common.kafka_version.empty()) {
    if (auto wrong =
          read_kafka_version(common.kafka_version, result.options.kafka_version))
      return wrong;
  }
  result.names_timeout = timeout_is_set || common.timeout;
  if (common.receive_message_max_bytes)
    result.options.receive_message_max_bytes = *common.receive_message_max_bytes;
  if (const auto added = add_tls(common, result.options); !added)
    return added.error();
  if (const auto added = add_sasl(common, result.options); !added)
    return added.error();
  if (common.timeout)
    result.options.request_timeout = *common.timeout;
  else if (!timeout_is_set)
    result.options.request_timeout = default_timeout;
  if (common.verbose > 0) {
    result.options.log_level = common.verbose > 1 ? log_level::trace : log_level::debug;
    result.options.log_levels.clear();
  } else if (!level_is_set) {
    result.options.log_level = log_level::warning;
  }
  return result;
}

void set_up_log() {
  auto logger = spdlog::stderr_color_mt("cafka");
  logger->set_level(spdlog::level::trace);
  // On a terminal a line may meet the one that shows how far the work is.
  const std::string begin = ::isatty(STDERR_FILENO) == 1 ? "\r\033[K" : "";
  auto lines = std::make_unique<spdlog::pattern_formatter>();
  lines->add_flag<flag_words_formatter>('*').set_pattern(begin + "%H:%M:%S.%e %^%l%$ %*");
  logger->set_formatter(std::move(lines));
}

result<done> session::connect() {
  // The worker is created by itself, so that a cluster that does not answer is an error
  // now and here.
  const auto name = settings_.options.default_worker;
  auto options = settings_.options;
  options.disable_default_worker = true;
  auto started = application::start(system_, std::move(options));
  if (!started)
    return started.error();
  app_ = *std::move(started);
  const auto worker = app_->create_worker(name);
  if (!worker)
    return worker.error();
  return done{};
}

} // namespace cafka::cli
