#include <cafka/app/application.hpp>
#include <cafka/app/configuration.hpp>
#include <cafka/app/settings.hpp>
#include <cafka/app/settings_text.hpp>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

// The table of settings: all that comes from it.

using namespace cafka;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {

caf::settings parsed(const std::string& text) {
  configuration config;
  std::istringstream in{text};
  const auto wrong = config.parse({}, in);
  INFO(text << " -> " << to_string(wrong));
  REQUIRE(wrong.empty());
  return caf::content(config);
}

application_options read(const std::string& block) {
  auto options = options_from(parsed("cafka { " + block + " }"));
  INFO(block << " -> " << to_string(options.error()));
  REQUIRE(options);
  return *std::move(options);
}

error refusal(const std::string& block) {
  const auto options = options_from(parsed("cafka { " + block + " }"));
  INFO(block);
  REQUIRE_FALSE(options);
  CHECK(options.error().code == error_code::invalid_argument);
  return options.error();
}

// -- rows and members -------------------------------------------------------------------

/// Which members the rows are of, and by which keys.
struct members {
  std::vector<const void*> all;
  std::vector<std::string> keys;

  template <class Member, class Kind>
  void operator()(std::string_view key, const Member& m, const Kind&, const row::about&) {
    all.push_back(&m);
    keys.emplace_back(key);
  }
};

template <class Options, class... Member>
void check_rows(const Options& options, const Member&... member) {
  members found;
  each_setting(options, found);
  const std::vector<const void*> wanted{&member...};
  for (std::size_t i = 0; i != wanted.size(); ++i) {
    INFO("member " << i + 1 << " of " << wanted.size());
    CHECK(std::ranges::count(found.all, wanted[i]) == 1);
  }
  CHECK(found.all.size() == wanted.size());
  const std::set<std::string> keys{found.keys.begin(), found.keys.end()};
  CHECK(keys.size() == found.keys.size());
}

// -- ranges -----------------------------------------------------------------------------

/// Values outside of a row's range, as a file spells them.
struct outside {
  struct value {
    std::string key;
    std::string text;
    std::string range;
  };
  std::vector<value> all;

  template <class Member, class Kind>
  void operator()(std::string_view, const Member&, const Kind&, const row::about&) {}
  template <class Number>
  void operator()(
    std::string_view key, const Number&, const row::whole& w, const row::about&) {
    all.push_back({std::string{key}, std::to_string(w.min - 1), row::range(w)});
    if (w.max < INT64_MAX)
      all.push_back({std::string{key}, std::to_string(w.max + 1), row::range(w)});
  }
  template <class Rep, class Period>
  void operator()(std::string_view key, const std::chrono::duration<Rep, Period>&,
    const row::period& p, const row::about&) {
    const auto step = std::is_same_v<Period, std::ratio<1>> ? 1'000 : 1;
    all.push_back(
      {std::string{key}, std::to_string(p.min.count() - step) + "ms", row::range(p)});
    if (p.max != milliseconds::max())
      all.push_back(
        {std::string{key}, std::to_string(p.max.count() + step) + "ms", row::range(p)});
  }
};

/// Makes the member of one key as small as can be, or smaller than allowed.
struct too_small {
  std::string key;

  template <class Member, class Kind>
  void operator()(std::string_view, Member&, const Kind&, const row::about&) {}
  template <std::integral Number>
  void operator()(std::string_view k, Number& n, const row::whole& w, const row::about&) {
    if (k == key)
      n = static_cast<Number>(w.min - 1);
  }
  template <std::integral Number>
  void operator()(std::string_view k, std::optional<Number>& n, const row::whole& w,
    const row::about&) {
    if (k == key)
      n = static_cast<Number>(w.min - 1);
  }
  template <class Rep, class Period>
  void operator()(std::string_view k, std::chrono::duration<Rep, Period>& d,
    const row::period& p, const row::about&) {
    if (k == key)
      d = std::chrono::duration_cast<std::chrono::duration<Rep, Period>>(p.min)
        - std::chrono::duration<Rep, Period>{1};
  }
};

template <class Options>
void check_ranges(const std::string& before, const std::string& after) {
  const Options defaults;
  outside values;
  each_setting(defaults, values);
  CHECK(values.all.size() > 8);
  std::set<std::string> keys;
  for (const auto& v : values.all) {
    // The smallest of all numbers has none below it.
    if (v.key == "compression_level")
      continue;
    keys.insert(v.key);
    const auto wrong = refusal(before + v.key + " = " + v.text + after);
    INFO(wrong.detail);
    CHECK_THAT(wrong.detail, ContainsSubstring(v.key + " = "));
    CHECK_THAT(wrong.detail, ContainsSubstring(v.range));
  }
  for (const auto& key : keys) {
    Options options;
    too_small make{key};
    each_setting(options, make);
    const auto wrong = check(options);
    INFO(key << ": " << wrong.detail);
    CHECK(wrong.code == error_code::invalid_argument);
    CHECK_THAT(wrong.detail, ContainsSubstring(key + " = "));
  }
}

// -- documentation ----------------------------------------------------------------------

std::string content_of(const std::string& path) {
  std::ifstream file{path};
  INFO(path);
  REQUIRE(file.is_open());
  std::ostringstream all;
  all << file.rdbuf();
  return all.str();
}

/// Whether the files shall be written anew: `make settings`.
bool shall_write() {
  return std::getenv("CAFKA_WRITE_DOCS") != nullptr;
}

void expect_content(const std::string& path, const std::string& wanted) {
  if (shall_write())
    std::ofstream{path} << wanted;
  INFO(path << " is not what the table of settings says: run `make settings`");
  CHECK(content_of(path) == wanted);
}

/// The page with the table of a block between its marks.
std::string with_table(const std::string& page, const std::string& block) {
  const auto begin_mark = "<!-- settings: " + block + " -->\n";
  const std::string end_mark = "<!-- end of settings -->";
  const auto begin = page.find(begin_mark);
  REQUIRE(begin != std::string::npos);
  const auto end = page.find(end_mark, begin);
  REQUIRE(end != std::string::npos);
  return page.substr(0, begin + begin_mark.size())
    + settings_table(block == "application" ? "" : block) + page.substr(end);
}

} // namespace

TEST_CASE("each member of the options has one row") {
  SECTION("of the application") {
    const application_options o;
    const auto& [a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16,
      a17, a18, a19, a20, a21, a22, a23, a24, a25, a26, a27, a28, a29, a30, a31, a32, a33,
      a34, a35, a36, a37, a38, a39, a40, a41, a42, a43, a44] = o;
    check_rows(o, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16,
      a17, a18, a19, a20, a21, a22, a23, a24, a25, a26, a27, a28, a29, a30, a31, a32, a33,
      a34, a35, a36, a37, a38, a39, a40, a41, a42, a43, a44);
  }
  SECTION("of TLS") {
    const ssl_options o;
    const auto& [a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14] = o;
    check_rows(o, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14);
  }
  SECTION("of logins") {
    const sasl_options o;
    const auto& [a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14] = o;
    check_rows(o, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14);
  }
  SECTION("of tickets") {
    const kerberos_options o;
    const auto& [a1, a2, a3] = o;
    check_rows(o, a1, a2, a3);
  }
  SECTION("of tokens") {
    const oidc_options o;
    const auto& [a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16,
      a17, a18, a19, a20, a21, a22, a23, a24, a25, a26, a27, a28] = o;
    check_rows(o, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16,
      a17, a18, a19, a20, a21, a22, a23, a24, a25, a26, a27, a28);
  }
  SECTION("of a producer") {
    const producer_options o;
    const auto& [a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16,
      a17, a18, a19, a20, a21] = o;
    check_rows(o, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16,
      a17, a18, a19, a20, a21);
  }
  SECTION("of a consumer") {
    const consumer_options o;
    const auto& [a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16,
      a17] = o;
    check_rows(
      o, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17);
  }
  SECTION("of a membership") {
    const group_options o;
    const auto& [a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12] = o;
    check_rows(o, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12);
  }
}

TEST_CASE("a file and a program are held to the range of the same row") {
  SECTION("of the application") {
    check_ranges<application_options>("", "");
  }
  SECTION("of a producer") {
    check_ranges<producer_options>("producers { orders { ", " } }");
  }
  SECTION("of a consumer") {
    check_ranges<consumer_options>("consumers { orders { ", " } }");
    check_ranges<group_options>("consumers { orders { membership { ", " } } }");
  }
}

TEST_CASE("the defaults are within their ranges") {
  CHECK_FALSE(check(application_options{}));
  CHECK_FALSE(check(producer_options{}));
  CHECK_FALSE(check(consumer_options{}));
}

TEST_CASE("what is of one protocol of groups alone is refused with the other") {
  const auto refused = [](const group_options& o, std::string_view key) {
    const auto wrong = check(o);
    CHECK(wrong.code == error_code::invalid_argument);
    CHECK(wrong.detail.find(key) != std::string::npos);
    CHECK(wrong.detail.find("group_protocol") != std::string::npos);
  };
  group_options o;
  o.remote_assignor = "uniform";
  refused(o, "remote_assignor");
  o.group_protocol = member_protocol::automatic;
  CHECK_FALSE(check(o));
  o.group_protocol = member_protocol::consumer;
  CHECK_FALSE(check(o));
  o.assignors = {"range"};
  refused(o, "assignors");
  o.group_protocol = member_protocol::automatic;
  CHECK_FALSE(check(o));
  o.group_protocol = member_protocol::consumer;
  o.assignors = group_options{}.assignors;
  o.own_assignors = {{"mine", {}, {}, protocol::range_assignor().assign}};
  refused(o, "own_assignors");
  o.group_protocol = member_protocol::automatic;
  CHECK_FALSE(check(o));
}

TEST_CASE("a worker behaves as the application does, where neither says anything") {
  const auto told = connection_options_from({}, {}, "w");
  REQUIRE(told);
  const actors::connection_options own;
  CHECK(told->client_id == own.client_id);
  CHECK(told->metadata_max_age == own.metadata_max_age);
  CHECK(told->coordinator_query_interval == own.coordinator_query_interval);
  CHECK(told->auto_offset_reset == own.auto_offset_reset);
  CHECK(told->request_timeout == own.request_timeout);
  CHECK(told->socket_timeout == own.socket_timeout);
  CHECK(told->max_throttle == own.max_throttle);
  CHECK(told->unknown_topic_wait == own.unknown_topic_wait);
  CHECK(told->reconnect_backoff == own.reconnect_backoff);
  CHECK(told->reconnect_backoff_max == own.reconnect_backoff_max);
  CHECK(told->retry_backoff == own.retry_backoff);
  CHECK(told->retry_backoff_max == own.retry_backoff_max);
  CHECK(told->allow_auto_topic_creation == own.allow_auto_topic_creation);
  CHECK(told->max_decompressed_bytes == own.max_decompressed_bytes);
  CHECK(told->max_decompression_ratio == own.max_decompression_ratio);
  CHECK(told->transport.connect_timeout == own.transport.connect_timeout);
  CHECK(
    told->transport.receive_message_max_bytes == own.transport.receive_message_max_bytes);
}

TEST_CASE("back-offs go to the worker, and the longest is not less than the first") {
  const auto options = read("reconnect_backoff = 2s, reconnect_backoff_max = 5s, "
                            "retry_backoff = 3s, retry_backoff_max = 1s");
  const auto worker = connection_options_from(options, {}, "w");
  REQUIRE(worker);
  CHECK(worker->reconnect_backoff == 2s);
  CHECK(worker->reconnect_backoff_max == 5s);
  CHECK(worker->retry_backoff == 3s);
  CHECK(worker->retry_backoff_max == 3s);
}

TEST_CASE("KafkaEx's names are read, and one of two names for the same is refused") {
  const auto options = read("sleep_for_reconnect = 400ms, metadata_update_interval = 1s, "
                            "consumer_group_update_interval = 2s, commit_interval = 3s");
  CHECK(options.reconnect_backoff == 400ms);
  CHECK(options.metadata_max_age == 1s);
  CHECK(options.coordinator_query_interval == 2s);
  CHECK(options.auto_commit_interval == 3s);
  CHECK_THAT(refusal("sleep_for_reconnect = 400ms, reconnect_backoff = 1s").detail,
    ContainsSubstring("cafka.sleep_for_reconnect is reconnect_backoff by another name"));
  CHECK_THAT(refusal("sleep_for_reconnect = 0s").detail,
    ContainsSubstring("cafka.sleep_for_reconnect = 0s: must be a duration"));
}

TEST_CASE("producers and consumers are set up by their names in a file") {
  const auto options = read(R"(
    producers {
      orders { linger = 20ms, compression = "lz4", compression_level = 9, acks = "all" }
      clicks { acks = 0, idempotence = false, partitioner = "crc32" }
    }
    consumers {
      audit { isolation = "read_committed", auto_offset_reset = "none",
              max_decompression_ratio = 0, client_rack = "eu-1" }
    })");
  REQUIRE(options.producers.size() == 2);
  const auto& orders = options.producers.at("orders");
  CHECK(orders.name == "orders");
  CHECK(orders.linger == 20ms);
  CHECK(orders.compression == codec::lz4);
  CHECK(orders.compression_level == 9);
  CHECK(orders.acks == -1);
  CHECK(orders.batch_size == producer_options{}.batch_size);
  const auto& clicks = options.producers.at("clicks");
  CHECK(clicks.acks == 0);
  CHECK_FALSE(clicks.idempotence);
  const protocol::partition_choice choice{"t", protocol::as_bytes("a key"), 1'000, 0};
  REQUIRE(clicks.partitioner);
  CHECK(clicks.partitioner(choice) == protocol::crc32_partitioner(choice));
  REQUIRE(options.consumers.size() == 1);
  const auto& audit = options.consumers.at("audit");
  CHECK(audit.name == "audit");
  CHECK(audit.isolation == isolation_level::read_committed);
  CHECK(audit.auto_offset_reset == offset_reset::none);
  CHECK(audit.max_decompression_ratio == 0);
  CHECK_FALSE(audit.max_decompressed_bytes);
  CHECK(audit.client_rack == "eu-1");
}

TEST_CASE("what is wrong with a producer or consumer is named by its place in the file") {
  struct wrong {
    std::string block, says;
  };
  const auto w = GENERATE(
    wrong{"producers { orders { linger = \"soon\" } }",
      "cafka.producers.orders.linger = soon: must be a duration such as 100ms, 30s or "
      "1min, in whole milliseconds, from 0 to 2147483647ms"},
    wrong{"producers { orders { compression = \"lzo\" } }",
      "cafka.producers.orders.compression = lzo: must be one of \"none\", \"gzip\", "
      "\"snappy\", \"lz4\", \"zstd\""},
    wrong{
      "producers { orders { acks = 2 } }", "cafka.producers.orders.acks = 2: must be"},
    wrong{"producers { orders { linger = 10s, delivery_timeout = 5s } }",
      "cafka.producers.orders.linger = 10000ms: must be less than delivery_timeout"},
    wrong{"producers { orders { acks = 1 } }",
      "cafka.producers.orders.acks = 1: must be -1 with idempotence"},
    wrong{"producers { orders { on_delivery = 1 } }",
      "cafka.producers.orders.on_delivery is no setting; there are: linger, "},
    wrong{"producers { orders { name = \"other\" } }",
      "cafka.producers.orders.name is no setting"},
    wrong{"producers { linger = 5ms }", "cafka.producers.linger = 5ms: must be a block"},
    wrong{"producers = 3", "cafka.producers = 3: must be a block"},
    wrong{"consumers { audit { fetch_min_bytes = 100, fetch_max_bytes = 10 } }",
      "cafka.consumers.audit.fetch_min_bytes = 100: must be from 0 to 10"},
    wrong{"consumers { audit { check_crcs = 2 } }",
      "cafka.consumers.audit.check_crcs = 2: must be true or false"});
  const auto refused = refusal(w.block);
  INFO(refused.detail);
  CHECK_THAT(refused.detail, ContainsSubstring(w.says));
}

TEST_CASE("an application does not start with options that make no sense") {
  configuration config;
  caf::actor_system system{config};
  const auto start = [&](auto change) {
    application_options options;
    options.disable_default_worker = true;
    change(options);
    return application::start(system, std::move(options)).error();
  };
  const auto threads = start([](auto& o) { o.io_threads = 65; });
  CHECK(threads.code == error_code::invalid_argument);
  CHECK(threads.detail == "io_threads = 65: must be from 1 to 64");
  const auto producer = start([](auto& o) { o.producers["orders"].batch_size = 0; });
  CHECK(producer.code == error_code::invalid_argument);
  CHECK_THAT(producer.detail, ContainsSubstring("producers.orders.batch_size = 0"));
  const auto consumer = start([](auto& o) { o.consumers["audit"].buffer_memory = 1; });
  CHECK_THAT(consumer.detail, ContainsSubstring("consumers.audit.buffer_memory = 1"));
  CHECK_FALSE(start([](auto& o) { o.consumers["audit"].buffer_memory = 4'096; }));
}

TEST_CASE("a producer that is asked for by its name is set up as the options say") {
  configuration config;
  caf::actor_system system{config};
  application_options options;
  // Nobody listens there: records wait.
  options.brokers = "127.0.0.1:1";
  options.disable_default_worker = true;
  options.producers["small"].buffer_memory = 4'096;
  options.producers["small"].max_request_size = 4'096;
  auto app = application::start(system, options);
  REQUIRE(app);
  const auto small = (*app)->producer("small");
  const auto usual = (*app)->producer("usual");
  REQUIRE(small);
  REQUIRE(usual);
  CHECK(small->name() == "small");
  const std::string text(1'000, 'x');
  const auto fill = [&](const producer& p) {
    const auto topic = p.to("t");
    for (int i = 0; i != 20; ++i) {
      const auto taken = p.try_send(topic, {.value = protocol::as_bytes(text)});
      if (taken.status != error_code::none)
        return taken.status;
    }
    return error_code::none;
  };
  CHECK(fill(*small) == error_code::queue_full);
  CHECK(fill(*usual) == error_code::none);
  // It runs already: other options for it are refused.
  CHECK((*app)->producer("small"));
  CHECK((*app)->producer({.name = "small"}).error().code == error_code::already_started);
}

TEST_CASE("a consumer is found by its name, and started once") {
  configuration config;
  caf::actor_system system{config};
  application_options options;
  options.brokers = "127.0.0.1:1";
  options.disable_default_worker = true;
  options.consumers["audit"].fetch_max_bytes = 1'000;
  auto app = application::start(system, options);
  REQUIRE(app);
  const auto first = (*app)->consumer("audit");
  REQUIRE(first);
  REQUIRE(first->assign({{"t", 0}}));
  const auto second = (*app)->consumer("audit");
  REQUIRE(second);
  CHECK(second->assignment() == first->assignment());
  CHECK((*app)->consumer({.name = "audit"}).error().code == error_code::already_started);
  REQUIRE(first->close());
  const auto third = (*app)->consumer("audit");
  REQUIRE(third);
  CHECK(third->assignment().empty());
}

TEST_CASE("the default worker is default, and answers to kafka_ex as well") {
  configuration config;
  caf::actor_system system{config};
  application_options options;
  options.brokers = "127.0.0.1:1";
  auto app = application::start(system, options);
  REQUIRE(app);
  CHECK((*app)->workers() == std::vector<std::string>{"default"});
  const auto worker = (*app)->worker();
  REQUIRE(worker);
  CHECK((*app)->worker("default").value() == *worker);
  CHECK((*app)->worker("kafka_ex").value() == *worker);
  CHECK((*app)->create_worker("kafka_ex", {.wait = false}).error().code
    == error_code::already_started);
  CHECK((*app)->stop_worker("kafka_ex"));
  CHECK((*app)->workers().empty());
  CHECK((*app)->create_worker("kafka_ex", {.wait = false}));
  CHECK((*app)->workers() == std::vector<std::string>{"default"});
}

TEST_CASE("the documentation's tables are those of the settings", "[settings-docs]") {
  const std::string docs = CAFKA_SOURCE "/docs/";
  expect_content(CAFKA_SOURCE "/configs/defaults.conf", settings_example());
  for (const auto& [page, block] : std::vector<std::pair<std::string, std::string>>{
         {"settings.md", "application"}, {"settings.md", "ssl_options"},
         {"settings.md", "sasl"}, {"settings.md", "sasl.oidc"},
         {"settings.md", "sasl.kerberos"}, {"producer.md", "producers"},
         {"consumer.md", "consumers"}, {"groups.md", "consumers.membership"}})
    expect_content(docs + page, with_table(content_of(docs + page), block));
}
