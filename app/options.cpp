#include "options.hpp"

#include "../actors/sasl/credentials_source.hpp"
#include "../actors/transport/tls.hpp"
#include "../base/thrown_by.hpp"
#include "../protocol/names.hpp"
#include "../protocol/text.hpp"
#include "settings_reader.hpp"

#include <algorithm>
#include <utility>

namespace cafka {

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

const std::string& worker_name(
  const application_options& options, const std::string& name) {
  return name.empty() || name == "kafka_ex" ? options.default_worker : name;
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
  use(result.sasl, application.sasl);
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
  // The same ranges as the application's.
  auto all = application;
  all.client_id = *result.client_id;
  all.metadata_max_age = *result.metadata_max_age;
  all.coordinator_query_interval = *result.coordinator_query_interval;
  all.request_timeout = *result.request_timeout;
  all.auto_offset_reset = *result.auto_offset_reset;
  all.receive_message_max_bytes = *result.receive_message_max_bytes;
  if ((wrong = row::wrong_in(all)))
    return wrong;
  return result;
}

error check(const application_options& options) {
  auto wrong = row::wrong_in(options);
  const auto look_into = [&](const auto& block, std::string_view path) {
    if (wrong)
      return;
    wrong = row::wrong_in(block);
    if (wrong)
      wrong.detail = std::string{path} + '.' + wrong.detail;
  };
  look_into(options.ssl_options, "ssl_options");
  look_into(options.sasl, "sasl");
  look_into(options.sasl.oidc, "sasl.oidc");
  look_into(options.sasl.kerberos, "sasl.kerberos");
  const auto look = [&](const auto& all, std::string_view of) {
    for (const auto& [name, each] : all) {
      if (wrong)
        return;
      auto named = each;
      named.name = name;
      wrong = check(named);
      if (wrong)
        wrong.detail = std::string{of} + '.' + protocol::shown(name) + '.' + wrong.detail;
    }
  };
  look(options.producers, "producers");
  look(options.consumers, "consumers");
  return wrong;
}

result<application_options> options_from(const caf::settings& config) {
  application_options options;
  const auto found = config.find("cafka");
  if (found == config.end())
    return options;
  const auto* block = caf::get_if<caf::settings>(&found->second);
  if (block == nullptr)
    return error{error_code::invalid_argument, "cafka: must be a block { ... }"};
  settings_reader in{"cafka", *block};
  each_setting(options, in);
  if (auto wrong = in.outcome())
    return wrong;
  return options;
}

result<actors::connection_options> connection_options_from(
  const application_options& application, const worker_init& init, std::string name) {
  const auto all = merged(application, init);
  if (!all)
    return all.error();
  auto brokers = all->brokers.endpoints();
  if (!brokers)
    return brokers.error();
  actors::connection_options result;
  result.name = std::move(name);
  result.brokers = *std::move(brokers);
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
    std::max(application.reconnect_backoff, application.reconnect_backoff_max);
  result.retry_backoff = application.retry_backoff;
  result.retry_backoff_max =
    std::max(application.retry_backoff, application.retry_backoff_max);
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
  if (!all->sasl->mechanism.empty()) {
    const auto& oidc = all->sasl->oidc;
    const auto has_provider = !oidc.token_endpoint_url.empty();
    if (has_provider && init.sasl && oidc != application.sasl.oidc)
      return error{error_code::invalid_argument,
        "sasl.oidc of a worker must be that of the application, whose tokens it has"};
    auto source = actors::credentials_source::make(
      *all->sasl, has_provider ? application.tokens : nullptr);
    if (!source)
      return source.error();
    result.sasl = *std::move(source);
  }
  return result;
}

} // namespace cafka
