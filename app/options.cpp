#include "options.hpp"

#include "../actors/transport/tls.hpp"
#include "../base/thrown_by.hpp"
#include "../protocol/names.hpp"
#include "log.hpp"

#include <caf/config_value.hpp>

#include <algorithm>
#include <limits>
#include <utility>

namespace cafka {

namespace {

/// Reads the values of one block and remembers what was wrong first.
class block_reader {
public:
  block_reader(std::string name, const caf::settings& block)
    : name_(std::move(name)), block_(block) {}

  template <class T>
  void number(const std::string& key, T& out, std::int64_t min, std::int64_t max) {
    const auto* value = take(key);
    if (value == nullptr)
      return;
    const auto x = caf::get_as<std::int64_t>(*value);
    if (!x || *x < min || *x > max)
      refuse(key, *value,
        "a whole number from " + std::to_string(min) + " to " + std::to_string(max));
    else
      out = static_cast<T>(*x);
  }

  template <class Rep, class Period>
  void duration(
    const std::string& key, std::chrono::duration<Rep, Period>& out, bool zero_allowed) {
    using duration_type = std::chrono::duration<Rep, Period>;
    const auto* value = take(key);
    if (value == nullptr)
      return;
    const auto x = caf::get_as<caf::timespan>(*value);
    const auto rounded =
      x ? std::chrono::duration_cast<duration_type>(*x) : duration_type{};
    if (!x || rounded != *x || rounded < duration_type::zero()
      || (!zero_allowed && rounded == duration_type::zero()))
      refuse(key, *value,
        std::string{"a duration such as 100ms, 30s or 1min, in whole "}
          + (std::is_same_v<Period, std::ratio<1>> ? "seconds" : "milliseconds")
          + (zero_allowed ? ", zero allowed" : ", more than zero"));
    else
      out = rounded;
  }

  void text(const std::string& key, std::string& out) {
    const auto* value = take(key);
    if (value == nullptr)
      return;
    const auto x = caf::get_as<std::string>(*value);
    // CAF would make a text of a block, too.
    if (!x || x->empty() || holds_block(*value))
      refuse(key, *value, "a text that is not empty");
    else
      out = *x;
  }

  /// A text that may be empty.
  void any_text(const std::string& key, std::string& out) {
    if (const auto* value = take(key)) {
      if (const auto* x = caf::get_if<std::string>(value))
        out = *x;
      else
        refuse(key, *value, "a text in quotation marks");
    }
  }

  /// The same, and never shown.
  void hidden_text(const std::string& key, secret& out) {
    if (const auto* value = take(key)) {
      if (const auto* x = caf::get_if<std::string>(value))
        out = *x;
      else
        refuse_unseen(key, "a text in quotation marks");
    }
  }

  /// One of a few words.
  template <class T>
  void word(const std::string& key, T& out,
    const std::vector<std::pair<std::string_view, T>>& words) {
    const auto* value = take(key);
    if (value == nullptr)
      return;
    const auto x = caf::get_as<std::string>(*value);
    std::string allowed;
    for (const auto& [name, meaning] : words) {
      if (x && *x == name) {
        out = meaning;
        return;
      }
      allowed += (allowed.empty() ? "\"" : ", \"") + std::string{name} + '"';
    }
    refuse(key, *value, "one of " + allowed);
  }

  /// A level of the log; whether there is one.
  bool level(const std::string& key, log_level& out) {
    std::vector<std::pair<std::string_view, log_level>> all;
    for (const auto l : {log_level::trace, log_level::debug, log_level::info,
           log_level::warning, log_level::error, log_level::critical, log_level::off})
      all.emplace_back(to_string(l), l);
    word(key, out, all);
    return block_.contains(key);
  }

  /// A block within this one; `read` gets its reader.
  template <class Read>
  void block(const std::string& key, Read read) {
    const auto* value = take(key);
    if (value == nullptr)
      return;
    const auto* content = caf::get_if<caf::settings>(value);
    if (content == nullptr)
      return refuse_block(key, *value);
    block_reader inner{name_ + '.' + key, *content};
    read(inner);
    if (auto wrong = inner.outcome(); !wrong_)
      wrong_ = std::move(wrong);
  }

  void boolean(const std::string& key, bool& out) {
    const auto* value = take(key);
    if (value == nullptr)
      return;
    const auto x = caf::get_as<bool>(*value);
    if (!x)
      refuse(key, *value, "true or false");
    else
      out = *x;
  }

  void brokers(const std::string& key, broker_list& out) {
    const auto* value = take(key);
    if (value == nullptr)
      return;
    // A list, or one text with commas; asked for a list, CAF would read the text as one.
    std::string joined;
    if (const auto* one = caf::get_if<std::string>(value)) {
      joined = *one;
    } else if (const auto list = caf::get_as<std::vector<std::string>>(*value)) {
      for (const auto& item : *list)
        joined += (joined.empty() ? "" : ",") + item;
    }
    const auto all = protocol::parse_endpoints(joined);
    if (!all)
      refuse(key, *value, "brokers as [\"host:port\", ...] (" + all.error().detail + ")");
    else
      out = *all;
  }

  void names(const std::string& key, std::vector<std::string>& out) {
    const auto* value = take(key);
    if (value == nullptr)
      return;
    // Asked for a list, CAF would read a text as one.
    const auto* one = caf::get_if<std::string>(value);
    const auto all = caf::get_as<std::vector<std::string>>(*value);
    if (one != nullptr || !all || std::ranges::count(*all, std::string{}) > 0
      || holds_block(*value))
      refuse(key, *value, "a list of names as [\"a\", \"b\"]");
    else
      out = *all;
  }

  void release(const std::string& key, std::optional<protocol::kafka_version>& out) {
    const auto* value = take(key);
    if (value == nullptr)
      return;
    // A number it cannot be: 0.10 would be 0.1.
    const auto* text = caf::get_if<std::string>(value);
    const auto read = text == nullptr
      ? error{error_code::invalid_argument, "it needs quotes"}
      : read_kafka_version(*text, out);
    if (read)
      refuse(
        key, *value, "\"ask\" or a release such as \"0.9.0.1\" (" + read.detail + ")");
  }

  /// What was wrong first, a key that nobody asked about included.
  [[nodiscard]] error outcome() {
    for (const auto& [key, value] : block_) {
      if (std::ranges::find(known_, key) == known_.end() && !wrong_) {
        std::string all;
        for (const auto& k : known_)
          all += (all.empty() ? "" : ", ") + k;
        wrong_ = {error_code::invalid_argument,
          name_ + '.' + key + " is no setting; there are: " + all};
      }
    }
    return wrong_;
  }

private:
  const caf::config_value* take(const std::string& key) {
    known_.push_back(key);
    const auto found = block_.find(key);
    return found == block_.end() ? nullptr : &found->second;
  }

  void refuse(
    const std::string& key, const caf::config_value& value, const std::string& allowed) {
    if (holds_block(value))
      return refuse_unseen(key, allowed);
    if (!wrong_)
      wrong_ = {error_code::invalid_argument,
        name_ + '.' + key + " = " + to_string(value) + ": must be " + allowed};
  }

  /// A text in the place of a block may be meant for what is in the block.
  void refuse_block(const std::string& key, const caf::config_value& value) {
    const std::string allowed = "a block { ... }";
    if (caf::get_if<std::string>(&value) != nullptr
      || caf::get_if<caf::config_value::list>(&value) != nullptr)
      refuse_unseen(key, allowed);
    else
      refuse(key, value, allowed);
  }

  /// Whether there may be a password within it that stands at the wrong place.
  static bool holds_block(const caf::config_value& value) {
    if (const auto* list = caf::get_if<caf::config_value::list>(&value))
      return std::ranges::any_of(*list, &block_reader::holds_block);
    return caf::get_if<caf::settings>(&value) != nullptr;
  }

  /// The same for a value that must not be shown.
  void refuse_unseen(const std::string& key, const std::string& allowed) {
    if (!wrong_)
      wrong_ = {error_code::invalid_argument,
        name_ + '.' + key + " = <redacted>: must be " + allowed};
  }

  std::string name_;
  const caf::settings& block_;
  std::vector<std::string> known_;
  error wrong_;
};

/// Less than that does not even agree on versions.
constexpr std::int32_t least_receive_max_bytes = 1'024;

void read(block_reader& in, ssl_options& out) {
  in.any_text("cacertfile", out.cacertfile);
  in.any_text("cacertdir", out.cacertdir);
  in.any_text("certfile", out.certfile);
  in.any_text("keyfile", out.keyfile);
  in.hidden_text("password", out.password);
  in.word("verify", out.verify,
    {{"verify_peer", ssl_verify::verify_peer}, {"verify_chain", ssl_verify::verify_chain},
      {"verify_none", ssl_verify::verify_none}});
  in.any_text("server_name", out.server_name);
  in.word("min_version", out.min_version,
    {{"1.2", tls_version::tls_1_2}, {"1.3", tls_version::tls_1_3}});
  in.any_text("ciphers", out.ciphers);
  in.any_text("password_file", out.password_file);
  in.any_text("password_env", out.password_env);
  in.any_text("crlfile", out.crlfile);
  in.word("crl_check", out.crl_check,
    {{"peer", ssl_crl_check::peer}, {"chain", ssl_crl_check::chain}});
}

} // namespace

bool broker_list::empty() const {
  if (const auto* yields = std::get_if<function>(&content_))
    return *yields == nullptr;
  const auto& items = std::get<std::vector<item>>(content_);
  const auto is_empty = [](const item& i) {
    const auto* text = std::get_if<std::string>(&i.content_);
    return text != nullptr && text->empty();
  };
  return items.empty() || (items.size() == 1 && is_empty(items.front()));
}

namespace {

/// The program's function; what it throws is its answer.
result<std::vector<endpoint>> call(const broker_list::function& yields) {
  auto result = cafka::result<std::vector<endpoint>>{std::vector<endpoint>{}};
  if (yields) {
    if (const auto thrown = thrown_by([&] { result = yields(); }))
      return error{error_code::invalid_argument,
        "the function that yields the brokers threw: " + *thrown};
  }
  return result;
}

} // namespace

result<std::vector<endpoint>> broker_list::endpoints() const {
  auto all = std::vector<endpoint>{};
  if (const auto* yields = std::get_if<function>(&content_)) {
    auto yielded = call(*yields);
    if (!yielded)
      return yielded.error();
    all = *std::move(yielded);
  } else {
    for (const auto& i : std::get<std::vector<item>>(content_)) {
      if (const auto* known = std::get_if<endpoint>(&i.content_)) {
        all.push_back(*known);
        continue;
      }
      const auto read = protocol::parse_endpoints(std::get<std::string>(i.content_));
      if (!read)
        return read.error();
      all.insert(all.end(), read->begin(), read->end());
    }
  }
  if (all.empty())
    return error{error_code::invalid_argument, "there are no brokers in the list"};
  for (const auto& e : all) {
    if (e.host.empty() || e.port == 0)
      return error{error_code::invalid_argument,
        "broker \"" + to_string(e) + "\": host or port is missing"};
  }
  return all;
}

error read_kafka_version(
  std::string_view text, std::optional<protocol::kafka_version>& out) {
  if (text == "ask") {
    out.reset();
    return {};
  }
  const auto release = protocol::parse_kafka_version(text);
  if (release)
    out = *release;
  return release.error();
}

bool valid_consumer_group(const consumer_group_setting& group) {
  return !group.empty() && group.name() != "";
}

result<worker_init> merged(
  const application_options& application, const worker_init& init) {
  auto result = init;
  const auto use = [](auto& own, const auto& common) {
    if (!own)
      own = common;
  };
  if (result.brokers.empty())
    result.brokers = application.brokers;
  if (result.consumer_group.empty())
    result.consumer_group = application.consumer_group;
  use(result.client_id, application.client_id);
  use(result.metadata_max_age, application.metadata_max_age);
  use(result.coordinator_query_interval, application.coordinator_query_interval);
  use(result.request_timeout, application.request_timeout);
  use(result.auto_offset_reset, application.auto_offset_reset);
  use(result.partitioner, application.partitioner);
  use(result.kafka_version, application.kafka_version);
  use(result.receive_message_max_bytes, application.receive_message_max_bytes);
  use(result.use_ssl, application.use_ssl);
  use(result.ssl_options, application.ssl_options);
  if (result.initial_topics.empty())
    result.initial_topics = application.initial_topics;
  if (!valid_consumer_group(result.consumer_group))
    return error{error_code::invalid_group_id,
      "consumer_group is empty; allowed are a name and no_consumer_group"};
  auto wrong = protocol::check_name("client_id", *result.client_id);
  if (!wrong)
    wrong = protocol::check_name(
      "consumer_group", result.consumer_group.name().value_or(std::string{}));
  for (const auto& topic : result.initial_topics) {
    if (!wrong)
      wrong = protocol::check_topic_name(topic);
  }
  if (wrong)
    return wrong;
  if (*result.request_timeout <= milliseconds{0})
    return error{error_code::invalid_argument, "request_timeout must be more than zero"};
  if (*result.metadata_max_age < milliseconds{0}
    || *result.coordinator_query_interval < milliseconds{0})
    return error{error_code::invalid_argument,
      "metadata_max_age and coordinator_query_interval must not be negative"};
  if (*result.receive_message_max_bytes < std::size_t{least_receive_max_bytes}
    || *result.receive_message_max_bytes > INT32_MAX)
    return error{error_code::invalid_argument,
      "receive_message_max_bytes = " + std::to_string(*result.receive_message_max_bytes)
        + ": must be from " + std::to_string(least_receive_max_bytes) + " to "
        + std::to_string(INT32_MAX)};
  return result;
}

result<application_options> options_from(const caf::settings& config) {
  application_options options;
  const auto found = config.find("cafka");
  if (found == config.end())
    return options;
  const auto* block = caf::get_if<caf::settings>(&found->second);
  if (block == nullptr)
    return error{error_code::invalid_argument, "cafka: must be a block { ... }"};
  block_reader in{"cafka", *block};
  in.brokers("brokers", options.brokers);
  in.text("client_id", options.client_id);
  in.boolean("disable_default_worker", options.disable_default_worker);
  in.text("default_worker", options.default_worker);
  in.duration("metadata_max_age", options.metadata_max_age, true);
  in.duration("coordinator_query_interval", options.coordinator_query_interval, true);
  std::string group;
  in.any_text("consumer_group", group);
  if (!group.empty())
    options.consumer_group = group;
  in.names("initial_topics", options.initial_topics);
  in.word<actors::offset_reset>("auto_offset_reset", options.auto_offset_reset,
    {{"none", actors::offset_reset::none}, {"earliest", actors::offset_reset::earliest},
      {"latest", actors::offset_reset::latest}});
  in.duration("auto_commit_interval", options.auto_commit_interval, true);
  in.number("commit_threshold", options.commit_threshold, 1, 1'000'000'000);
  std::vector<std::pair<std::string_view, protocol::partitioner>> choices;
  for (const auto& p : protocol::partitioners())
    choices.emplace_back(p.name, p.choose);
  in.word("partitioner", options.partitioner, choices);
  in.duration("request_timeout", options.request_timeout, false);
  in.duration("connect_timeout", options.connect_timeout, false);
  in.duration("socket_timeout", options.socket_timeout, false);
  in.duration("max_throttle", options.max_throttle, true);
  in.number("receive_message_max_bytes", options.receive_message_max_bytes,
    least_receive_max_bytes, INT32_MAX);
  in.duration("unknown_topic_wait", options.unknown_topic_wait, true);
  in.duration("reconnect_backoff", options.reconnect_backoff, false);
  in.boolean("allow_auto_topic_creation", options.allow_auto_topic_creation);
  constexpr auto largest = std::numeric_limits<std::int64_t>::max();
  in.number("max_decompressed_bytes", options.max_decompressed_bytes, 1, largest);
  in.number("max_decompression_ratio", options.max_decompression_ratio, 0, largest);
  in.release("kafka_version", options.kafka_version);
  in.boolean("use_ssl", options.use_ssl);
  in.block("ssl_options", [&](block_reader& tls) { read(tls, options.ssl_options); });
  in.number("max_restarts", options.max_restarts, 0, 1'000'000);
  in.duration("max_seconds", options.max_seconds, false);
  in.duration("restart_delay", options.restart_delay, true);
  in.boolean("isolate_workers", options.isolate_workers);
  in.number("io_threads", options.io_threads, 1, 64);
  in.level("log_level", options.log_level);
  in.block("log_levels", [&](block_reader& levels) {
    for (const auto& component : log_components()) {
      auto own = options.log_level;
      if (levels.level(component, own))
        options.log_levels[component] = own;
    }
  });
  in.duration("stop_timeout", options.stop_timeout, false);
  if (auto wrong = in.outcome())
    return wrong;
  return options;
}

result<actors::connection_options> worker_options_from(
  const application_options& application, const worker_init& init, std::string name) {
  const auto all = merged(application, init);
  if (!all)
    return all.error();
  auto uris = all->brokers.endpoints();
  if (!uris)
    return uris.error();
  actors::connection_options result;
  result.name = std::move(name);
  result.brokers = *std::move(uris);
  result.consumer_group = all->consumer_group.name();
  result.client_id = *all->client_id;
  result.metadata_max_age = *all->metadata_max_age;
  result.coordinator_query_interval = *all->coordinator_query_interval;
  result.auto_offset_reset = *all->auto_offset_reset;
  result.partitioner = all->partitioner;
  result.request_timeout = *all->request_timeout;
  result.initial_topics = all->initial_topics;
  result.socket_timeout = application.socket_timeout;
  result.max_throttle = application.max_throttle;
  result.unknown_topic_wait = application.unknown_topic_wait;
  result.reconnect_backoff = application.reconnect_backoff;
  result.reconnect_backoff_max =
    std::max(milliseconds{1'000}, application.reconnect_backoff);
  result.allow_auto_topic_creation = application.allow_auto_topic_creation;
  result.max_decompressed_bytes = application.max_decompressed_bytes;
  result.max_decompression_ratio = application.max_decompression_ratio;
  result.kafka_version = all->kafka_version;
  result.transport.connect_timeout = application.connect_timeout;
  result.log = application.log;
  result.transport.receive_message_max_bytes = *all->receive_message_max_bytes;
  // Bytes must be told of well before their broker would be considered dead.
  result.transport.progress_interval =
    std::clamp(application.socket_timeout / 4, milliseconds{1}, milliseconds{250});
  if (*all->use_ssl) {
    auto tls = actors::tls_context::make(*all->ssl_options);
    if (!tls)
      return tls.error();
    result.transport.tls = *std::move(tls);
  }
  return result;
}

} // namespace cafka
