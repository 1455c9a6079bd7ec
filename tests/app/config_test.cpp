#include <cafka/actors/transport/tls.hpp>
#include <cafka/app/configuration.hpp>
#include <cafka/app/options.hpp>
#include <cafka/supervision/caf_compat.hpp>

#include <caf/actor_system_config.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <fstream>
#include <iostream>
#include <memory>
#include <sstream>

using namespace cafka;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {

/// What CAF makes of a configuration file's text.
caf::settings parsed(std::istream& text) {
  configuration config;
  const auto wrong = config.parse({}, text);
  INFO(to_string(wrong));
  REQUIRE(wrong.empty());
  return caf::content(config);
}

caf::settings parsed(const std::string& text) {
  std::istringstream in{text};
  return parsed(in);
}

caf::settings example(const std::string& name) {
  std::ifstream file{std::string{CAFKA_CONFIGS} + '/' + name};
  INFO(name);
  REQUIRE(file.is_open());
  return parsed(file);
}

application_options options(const caf::settings& content) {
  auto read = options_from(content);
  INFO(to_string(read.error()));
  REQUIRE(read);
  return *std::move(read);
}

/// The names that `options_from` knows, as its error for another name lists them.
std::vector<std::string> known_settings(
  const std::string& block = "cafka { ", const std::string& end = " }") {
  const auto refused = options_from(parsed(block + "no_such_setting = 1" + end));
  REQUIRE_FALSE(refused);
  const auto text = refused.error().detail;
  const auto begin = text.find("there are: ");
  REQUIRE(begin != std::string::npos);
  std::istringstream in{text.substr(begin + 11)};
  std::vector<std::string> names;
  for (std::string name; std::getline(in >> std::ws, name, ',');)
    names.push_back(name);
  return names;
}

} // namespace

TEST_CASE("the example of all settings says what the defaults are") {
  const auto content = example("defaults.conf");
  const auto read = options(content);
  const application_options expected;
  CHECK(*read.brokers.endpoints() == *expected.brokers.endpoints());
  CHECK(read.client_id == expected.client_id);
  CHECK(read.disable_default_worker == expected.disable_default_worker);
  CHECK(read.default_worker == expected.default_worker);
  CHECK(read.metadata_max_age == expected.metadata_max_age);
  CHECK(read.consumer_group == expected.consumer_group);
  CHECK(read.coordinator_query_interval == expected.coordinator_query_interval);
  CHECK(read.initial_topics == expected.initial_topics);
  CHECK(read.auto_offset_reset == expected.auto_offset_reset);
  CHECK(read.auto_commit_interval == expected.auto_commit_interval);
  CHECK(read.commit_threshold == expected.commit_threshold);
  const protocol::partition_choice choice{"t", protocol::as_bytes("a key"), 1'000, 0};
  CHECK(read.partitioner(choice) == expected.partitioner(choice));
  CHECK(read.max_decompressed_bytes == expected.max_decompressed_bytes);
  CHECK(read.max_decompression_ratio == expected.max_decompression_ratio);
  CHECK(read.request_timeout == expected.request_timeout);
  CHECK(read.connect_timeout == expected.connect_timeout);
  CHECK(read.socket_timeout == expected.socket_timeout);
  CHECK(read.max_throttle == expected.max_throttle);
  CHECK(read.receive_message_max_bytes == expected.receive_message_max_bytes);
  CHECK(read.unknown_topic_wait == expected.unknown_topic_wait);
  CHECK(read.reconnect_backoff == expected.reconnect_backoff);
  CHECK(read.reconnect_backoff_max == expected.reconnect_backoff_max);
  CHECK(read.retry_backoff == expected.retry_backoff);
  CHECK(read.retry_backoff_max == expected.retry_backoff_max);
  CHECK(read.allow_auto_topic_creation == expected.allow_auto_topic_creation);
  CHECK(read.kafka_version == expected.kafka_version);
  CHECK(read.use_ssl == expected.use_ssl);
  CHECK(read.ssl_options == expected.ssl_options);
  CHECK(read.max_restarts == expected.max_restarts);
  CHECK(read.max_seconds == expected.max_seconds);
  CHECK(read.restart_delay == expected.restart_delay);
  CHECK(read.isolate_workers == expected.isolate_workers);
  CHECK(read.io_threads == expected.io_threads);
  CHECK(read.stop_timeout == expected.stop_timeout);
  CHECK(read.log_level == expected.log_level);
  CHECK(read.log_levels == expected.log_levels);
  REQUIRE(read.producers.size() == 1);
  const auto& producer = read.producers.at("example");
  CHECK(producer.linger == producer_options{}.linger);
  CHECK(producer.delivery_timeout == producer_options{}.delivery_timeout);
  CHECK(producer.acks == producer_options{}.acks);
  CHECK_FALSE(producer.compression_level);
  REQUIRE(read.consumers.size() == 1);
  const auto& consumer = read.consumers.at("example");
  CHECK(consumer.fetch_max_bytes == consumer_options{}.fetch_max_bytes);
  CHECK(consumer.auto_offset_reset == consumer_options{}.auto_offset_reset);
  CHECK_FALSE(consumer.max_decompressed_bytes);
}

TEST_CASE("the log's levels are read, and what is none is named") {
  const auto read = options(parsed(R"(cafka {
    log_level = "off"
    log_levels { producer = "debug", supervisor = "critical" }
  })"));
  CHECK(read.log_level == log_level::off);
  CHECK(read.log_levels
    == std::map<std::string, log_level>{
      {"producer", log_level::debug}, {"supervisor", log_level::critical}});
  const auto wrong = options_from(parsed(R"(cafka { log_level = "verbose" })"));
  REQUIRE_FALSE(wrong);
  CHECK_THAT(wrong.error().detail,
    ContainsSubstring("cafka.log_level = verbose: must be one of \"trace\", \"debug\""));
  const auto unknown =
    options_from(parsed(R"(cafka { log_levels { workers = "off" } })"));
  REQUIRE_FALSE(unknown);
  CHECK_THAT(unknown.error().detail,
    ContainsSubstring("cafka.log_levels.workers is no setting; there are: worker, "));
}

TEST_CASE(
  "groups, topics, resets and partitioners are read, and what cannot be is named") {
  const auto read = options(parsed(
    "cafka { consumer_group = \"g\", initial_topics = [\"a\", \"b\"], "
    "auto_offset_reset = \"latest\", auto_commit_interval = 0s, commit_threshold = 7, "
    "partitioner = \"crc32\" }"));
  CHECK(read.consumer_group == consumer_group_setting{"g"});
  CHECK(read.initial_topics == std::vector<std::string>{"a", "b"});
  CHECK(read.auto_offset_reset == actors::offset_reset::latest);
  CHECK(read.auto_commit_interval == milliseconds{0});
  CHECK(read.commit_threshold == 7);
  const protocol::partition_choice choice{"t", protocol::as_bytes("a key"), 1'000, 0};
  CHECK(read.partitioner(choice) == protocol::crc32_partitioner(choice));
  const auto refusal = [](const std::string& setting) {
    return options_from(parsed("cafka { " + setting + " }")).error().detail;
  };
  CHECK(
    refusal("auto_offset_reset = \"newest\"").find("\"latest\"") != std::string::npos);
  const auto legacy = options(parsed("cafka { partitioner = \"legacy\" }"));
  CHECK(legacy.partitioner(choice) == protocol::legacy_partitioner(choice));
  CHECK(refusal("partitioner = \"md5\"").find("\"murmur2\"") != std::string::npos);
  CHECK(
    refusal("commit_threshold = -1").find("commit_threshold = -1") != std::string::npos);
  CHECK(options(parsed("cafka { commit_threshold = 0 }")).commit_threshold == 0);
  CHECK(refusal("max_decompressed_bytes = 0").find("max_decompressed_bytes = 0")
    != std::string::npos);
  CHECK(refusal("max_decompression_ratio = -1").find("max_decompression_ratio = -1")
    != std::string::npos);
  CHECK(refusal("initial_topics = \"a\"").find("initial_topics") != std::string::npos);
  CHECK(refusal("consumer_group = 7").find("consumer_group = 7") != std::string::npos);
}

TEST_CASE("the example of all settings leaves none out") {
  const auto content = example("defaults.conf");
  const auto* block = caf::get_if<caf::settings>(&content, "cafka");
  REQUIRE(block != nullptr);
  const auto names = known_settings();
  CHECK(names.size() == block->size());
  for (const auto& name : names) {
    INFO(name);
    CHECK(block->contains(name));
  }
  for (const std::string inside : {"ssl_options", "sasl"}) {
    const auto* inner = caf::get_if<caf::settings>(&content, "cafka." + inside);
    REQUIRE(inner != nullptr);
    const auto of_block = known_settings("cafka { " + inside + " { ", " } }");
    CHECK(of_block.size() == inner->size());
    for (const auto& name : of_block) {
      INFO(name);
      CHECK(inner->contains(name));
    }
  }
}

TEST_CASE("the block of ssl_options says how TLS is spoken") {
  const auto read = options(parsed(R"(cafka {
    use_ssl = true
    ssl_options {
      cacertfile = "ca.crt", cacertdir = "cas", certfile = "c.crt", keyfile = "c.key",
      password = "sesame", verify = "verify_none", server_name = "kafka",
      min_version = "1.3", ciphers = "ECDHE", crlfile = "ca.crl", crl_check = "chain"
    }
  })"));
  CHECK(read.use_ssl);
  CHECK(read.ssl_options
    == ssl_options{"ca.crt", "cas", "c.crt", "c.key", "sesame", ssl_verify::verify_none,
      "kafka", tls_version::tls_1_3, "ECDHE", "ca.crl", ssl_crl_check::chain});
}

TEST_CASE("the block of ssl_options says where the password of the key is") {
  const auto of_file =
    options(parsed(R"(cafka { ssl_options { password_file = "/run/secrets/key" } })"));
  CHECK(of_file.ssl_options == ssl_options{.password_file = "/run/secrets/key"});
  const auto of_variable =
    options(parsed(R"(cafka { ssl_options { password_env = "KEY_PASSWORD" } })"));
  CHECK(of_variable.ssl_options == ssl_options{.password_env = "KEY_PASSWORD"});
}

TEST_CASE("what --dump-config prints shows no password") {
  configuration config;
  std::istringstream file{R"(
    dump-config = true
    cafka { client_id = "orders", ssl_options { password = "sesame", keyfile = "c.key" } }
    caf { openssl { passphrase = "sesame" } }
    shop { accounts = [ { name = "a", api_secret = "sesame" } ], password = "" })"};
  std::ostringstream printed;
  auto* const before = std::cout.rdbuf(printed.rdbuf());
  const auto wrong = config.parse({}, file);
  std::cout.rdbuf(before);
  REQUIRE(wrong.empty());
  CHECK_THAT(printed.str(), !ContainsSubstring("sesame"));
  // CAF 1.0 and later print texts in quotation marks.
  const std::string redacted = CAFKA_CAF_HAS_MAIL ? "\"<redacted>\"" : "<redacted>";
  CHECK_THAT(printed.str(), ContainsSubstring("password = " + redacted));
  CHECK_THAT(printed.str(), ContainsSubstring("passphrase = " + redacted));
  CHECK_THAT(printed.str(), ContainsSubstring("orders") && ContainsSubstring("c.key"));
  // cafka itself sees what stands in the file.
  CHECK(options(caf::content(config)).ssl_options.password == "sesame");
}

TEST_CASE("a worker speaks TLS when it or its application says so, and as it says") {
  application_options application;
  CHECK(connection_options_from(application, {}, "w")->transport.tls == nullptr);
  application.ssl_options.ciphers = "ECDHE-RSA-AES128-GCM-SHA256";
  CHECK(connection_options_from(application, {}, "w")->transport.tls == nullptr);
  const auto own = connection_options_from(application, {.use_ssl = true}, "w");
  REQUIRE(own);
  REQUIRE(own->transport.tls != nullptr);
  CHECK(own->transport.tls->options() == application.ssl_options);
  application.use_ssl = true;
  const ssl_options other{.server_name = "kafka"};
  const auto another = connection_options_from(application, {.ssl_options = other}, "w");
  REQUIRE(another);
  CHECK(another->transport.tls->options() == other);
  CHECK(connection_options_from(application, {.use_ssl = false}, "w")->transport.tls
    == nullptr);
  const auto refused = connection_options_from(
    application, {.ssl_options = ssl_options{.cacertfile = "/no/such/file"}}, "w");
  REQUIRE_FALSE(refused);
  CHECK(refused.error()
    == error{error_code::invalid_argument,
      "ssl_options.cacertfile = /no/such/file: cannot be read: no such file or "
      "directory"});
}

TEST_CASE("a password of the wrong kind is refused without being shown") {
  const auto refused = options_from(parsed("cafka { ssl_options { password = 1234 } }"));
  REQUIRE_FALSE(refused);
  CHECK_THAT(refused.error().detail, ContainsSubstring("cafka.ssl_options.password"));
  CHECK_THAT(refused.error().detail, !ContainsSubstring("1234"));
}

TEST_CASE("a password at a wrong place of the configuration is not shown either") {
  const auto* const text = GENERATE(R"(cafka = [ { password = "sesame" } ])",
    R"(cafka = "password = sesame")", R"(cafka { ssl_options = "password = sesame" })",
    R"(cafka { ssl_options = [ "password", "sesame" ] })",
    R"(cafka { client_id { password = "sesame" } })",
    R"(cafka { initial_topics = [ [ { password = "sesame" } ] ] })",
    R"(cafka { ssl_options { verify { password = "sesame" } } })",
    R"(cafka { ssl_options { passwort = "sesame" } })");
  const auto refused = options_from(parsed(text));
  REQUIRE_FALSE(refused);
  CHECK_THAT(refused.error().detail, !ContainsSubstring("sesame"));
}

TEST_CASE("the example of a service sets what it says") {
  const auto content = example("service.conf");
  const auto read = options(content);
  CHECK(*read.brokers.endpoints()
    == std::vector<endpoint>{{"kafka-1.example.com", 9093}, {"kafka-2.example.com", 9093},
      {"kafka-3.example.com", 9093}});
  CHECK(read.use_ssl);
  CHECK(read.ssl_options
    == ssl_options{.cacertfile = "/etc/orders/kafka-ca.crt",
      .certfile = "/etc/orders/kafka-client.crt",
      .keyfile = "/etc/orders/kafka-client.key"});
  CHECK(read.client_id == "orders-service");
  CHECK(read.disable_default_worker);
  CHECK(read.request_timeout == 5s);
  CHECK(read.connect_timeout == 2s);
  CHECK(read.unknown_topic_wait == 0s);
  CHECK_FALSE(read.allow_auto_topic_creation);
  CHECK(read.stop_timeout == 8s);
  CHECK(read.max_restarts == application_options{}.max_restarts);
  CHECK(caf::get_or(content, "caf.scheduler.policy", std::string{}) == "sharing");
  CHECK(caf::get_or(content, "caf.scheduler.max-threads", std::int64_t{0}) == 4);
}

TEST_CASE("the brokers' release is a text, or they are asked") {
  CHECK(options(parsed(R"(cafka { kafka_version = "0.10.2.2" })")).kafka_version
    == protocol::kafka_version{0, 10, 2});
  CHECK_FALSE(options(parsed(R"(cafka { kafka_version = "ask" })")).kafka_version);
  for (const std::string wrong : {"\"1.2\"", "\"\"", "0.10", "true", "[\"0.9\"]"}) {
    INFO(wrong);
    const auto read = options_from(parsed("cafka { kafka_version = " + wrong + " }"));
    REQUIRE_FALSE(read);
    CHECK_THAT(read.error().detail,
      ContainsSubstring("cafka.kafka_version = ")
        && ContainsSubstring("must be \"ask\" or a release"));
  }
}

TEST_CASE("a worker's release is its own, else the application's") {
  application_options application;
  application.kafka_version = protocol::kafka_version{0, 9, 0};
  CHECK(connection_options_from(application, {}, "w")->kafka_version
    == protocol::kafka_version{0, 9, 0});
  worker_init init;
  init.kafka_version = protocol::kafka_version{0, 8, 2};
  CHECK(connection_options_from(application, init, "w")->kafka_version
    == protocol::kafka_version{0, 8, 2});
}

TEST_CASE("brokers are a list or one text with commas") {
  const std::vector<endpoint> both{{"a", 9092}, {"b", 1}};
  CHECK(
    *options(parsed(R"(cafka { brokers = ["a", "b:1"] })")).brokers.endpoints() == both);
  CHECK(
    *options(parsed(R"(cafka { brokers = "a:9092, b:1" })")).brokers.endpoints() == both);
}

TEST_CASE("without a block the defaults are taken") {
  const auto read = options(parsed("caf { }"));
  CHECK(read.request_timeout == application_options{}.request_timeout);
  CHECK(read.client_id == "cafka");
}

TEST_CASE("a wrong value is refused with its key, itself and what is allowed") {
  struct wrong {
    std::string setting, key, value, allowed;
  };
  const auto w = GENERATE(
    wrong{"io_threads = 0", "cafka.io_threads", "0", "a whole number from 1 to 64"},
    wrong{"io_threads = 65", "cafka.io_threads", "65", "a whole number from 1 to 64"},
    wrong{"io_threads = \"many\"", "cafka.io_threads", "many", "a whole number"},
    wrong{"max_restarts = -1", "cafka.max_restarts", "-1", "from 0 to 1000000"},
    wrong{"receive_message_max_bytes = 1023", "cafka.receive_message_max_bytes", "1023",
      "from 1024 to 2147483647"},
    wrong{"ssl_options { crl_check = \"all\" }", "cafka.ssl_options.crl_check", "all",
      "peer"},
    wrong{"request_timeout = 0s", "cafka.request_timeout", "0", "more than zero"},
    wrong{
      "request_timeout = 500us", "cafka.request_timeout", "500", "whole milliseconds"},
    wrong{"request_timeout = \"soon\"", "cafka.request_timeout", "soon",
      "a duration such as 100ms"},
    wrong{"max_seconds = 1500ms", "cafka.max_seconds", "1.5s", "whole seconds"},
    wrong{"unknown_topic_wait = \"never\"", "cafka.unknown_topic_wait", "never",
      "zero or more"},
    wrong{"client_id = \"\"", "cafka.client_id", "", "a text that is not empty"},
    wrong{
      "disable_default_worker = 3", "cafka.disable_default_worker", "3", "true or false"},
    wrong{"brokers = []", "cafka.brokers", "[]", "host:port"},
    wrong{"brokers = [\"a:b\"]", "cafka.brokers", "a:b", "host:port"},
    wrong{"brokers = \"a:70000\"", "cafka.brokers", "a:70000", "host:port"},
    wrong{"use_ssl = \"yes\"", "cafka.use_ssl", "yes", "true or false"},
    wrong{"ssl_options = 3", "cafka.ssl_options", "3", "must be a block"},
    wrong{"ssl_options { verify = \"off\" }", "cafka.ssl_options.verify", "off",
      "\"verify_peer\", \"verify_chain\", \"verify_none\""},
    wrong{"ssl_options { min_version = \"1.1\" }", "cafka.ssl_options.min_version", "1.1",
      "\"1.2\", \"1.3\""},
    wrong{"ssl_options { keyfile = 3 }", "cafka.ssl_options.keyfile", "3", "a text"},
    wrong{"ssl_options { cafile = \"x\" }", "cafka.ssl_options.cafile", "", "cacertfile"},
    wrong{"clientid = \"x\"", "cafka.clientid", "", "client_id"});
  const auto refused = options_from(parsed("cafka { " + w.setting + " }"));
  INFO(w.setting << " -> " << to_string(refused.error()));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == error_code::invalid_argument);
  CHECK_THAT(refused.error().detail, ContainsSubstring(w.key));
  CHECK_THAT(refused.error().detail, ContainsSubstring(w.value));
  CHECK_THAT(refused.error().detail, ContainsSubstring(w.allowed));
}

TEST_CASE("a block that is none is refused") {
  const auto refused = options_from(parsed("cafka = 3"));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == error_code::invalid_argument);
  CHECK_THAT(refused.error().detail, ContainsSubstring("must be a block"));
}
