// What users do with secrets, and that none of them stands in what is told.
#include "login_kafka.hpp"

#include <caf/deep_to_string.hpp>
#include <caf/telemetry/collector/prometheus.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <mutex>

using namespace cafka;
using namespace cafka::testing;
using Catch::Matchers::ContainsSubstring;

namespace {

std::string content_of(const std::string& path) {
  std::ifstream in{path};
  return {std::istreambuf_iterator<char>{in}, {}};
}

/// A command's output, both ways.
struct output {
  int status = 0;
  std::string text;
};

output run(const std::string& command) {
  const auto said = variable("CAFKA_KAFKA_SASL_DIR") + "/said";
  output done;
  done.status = std::system((command + " >" + said + " 2>&1").c_str());
  done.text = content_of(said);
  return done;
}

std::string file_with(const std::string& name, const std::string& text) {
  auto path = variable("CAFKA_KAFKA_SASL_DIR") + '/' + name;
  std::ofstream{path} << text << '\n';
  return path;
}

/// All that an application tells, at the most talkative level.
class everything_told {
public:
  void add(const std::string& text) {
    const std::lock_guard lock{mutex_};
    text_ += text + '\n';
  }
  application_options listen(application_options o) {
    o.log_level = log_level::trace;
    o.on_log = [this](auto, std::string_view component, std::string_view name,
                 std::string_view text) {
      add(std::string{component} + ' ' + std::string{name} + ' ' + std::string{text});
    };
    o.on_event = [this](const supervision::supervision_event& e) { add(to_string(e)); };
    return o;
  }
  [[nodiscard]] std::string text() const {
    const std::lock_guard lock{mutex_};
    return text_;
  }

private:
  mutable std::mutex mutex_;
  std::string text_;
};

} // namespace

TEST_CASE("the command line logs in by its flags", "[sasl_kafka]") {
  const auto folder = variable("CAFKA_KAFKA_SASL_DIR");
  const auto password = file_with("alice.password", "alice-secret");
  const auto provider = file_with("odd.secret", "se:cr et%+,=");
  const auto token = file_with("alice.token",
    std::string{std::get<sasl_token>(
      unsigned_token().credentials({{}, sasl_mechanism::oauthbearer, false}).value())
                  .token.reveal()});
  struct way {
    std::string listener;
    std::string flags;
  };
  const auto by_name = " --sasl-username alice --sasl-password-file " + password;
  for (const auto& w : std::vector<way>{
         {"plain", "--sasl-mechanism PLAIN" + by_name},
         {"scram", "--sasl-mechanism SCRAM-SHA-512,PLAIN" + by_name},
         {"krb",
           "--sasl-mechanism GSSAPI --sasl-principal alice@CAFKA.TEST "
           "--sasl-kerberos-service-name kafka --sasl-keytab "
             + folder + "/alice.keytab"},
         {"oauthu", "--sasl-mechanism OAUTHBEARER --sasl-token-file " + token},
         {"oauth",
           "--sasl-mechanism OAUTHBEARER --sasl-oidc-scope kafka "
           "--sasl-oidc-client-id 'o:d d%+&=' --sasl-oidc-client-secret-file "
             + provider + " --sasl-oidc-token-endpoint-url "
             + variable("CAFKA_KAFKA_TOKENS") + "/token"},
         {"all_tls",
           "--tls --ca-file " + variable("CAFKA_KAFKA_DIR")
             + "/tls/ca.crt --sasl-mechanism SCRAM-SHA-256" + by_name},
       }) {
    const auto done =
      run(CAFKA_CLI " metadata -vv --brokers " + at(w.listener) + ' ' + w.flags);
    INFO(w.flags << '\n' << done.text);
    CHECK(done.status == 0);
    CHECK_THAT(done.text, ContainsSubstring("logged in by"));
    for (const auto* secret : {"alice-secret", "se:cr", "cr%20et"})
      CHECK_THAT(done.text, !ContainsSubstring(secret));
  }
}

TEST_CASE("a delegation token logs in by SCRAM", "[sasl_kafka]") {
  const auto made = run(CAFKA_KAFKA_SCRIPT " token");
  REQUIRE(made.status == 0);
  const auto last = made.text.substr(0, made.text.find_last_not_of('\n') + 1);
  const auto line = last.substr(last.rfind('\n') + 1);
  auto login = by_password({sasl_mechanism::scram_sha_256},
    line.substr(0, line.find(' ')), line.substr(line.find(' ') + 1));
  login.tokenauth = true;
  client c{"scram", login};
  const auto worker = c.app->create_worker("w", {}, test_timeout);
  INFO(to_string(worker.error()));
  REQUIRE(worker);
  CHECK(status_of(*c.app).connected);
}

TEST_CASE("no secret stands in anything that is told", "[sasl_kafka]") {
  everything_told told;
  std::vector<std::string> secrets{"alice-secret", "wrong-one", "se:cr et%+,="};
  const auto tries = [&](const std::string& listener, sasl_options login) {
    const auto given = login;
    client c{told.listen(client::options_for(listener, std::move(login), false))};
    told.add(to_string(given.password) + to_string(given.token));
    const auto worker = c.app->create_worker("w", {}, test_timeout);
    told.add(to_string(worker.error()));
    if (worker) {
      write_and_read(*c.app, fresh_topic(*c.app));
      told.add(caf::deep_to_string(status_of(*c.app)));
      // What this worker was given goes to nobody who asks.
      told.add(caf::deep_to_string(c.app->build_worker_options({}).value()));
    }
    caf::telemetry::collector::prometheus page;
    const auto text = page.collect_from(c.system.metrics());
    told.add(std::string{text.begin(), text.end()});
  };
  using enum sasl_mechanism;
  for (const auto m : {plain, scram_sha_256}) {
    const auto* listener = m == plain ? "plain" : "scram";
    tries(listener, alice(m));
    tries(listener, by_password({m}, "alice", "wrong-one"));
    tries(listener, by_password({m}, "bob", "se:cr et%+,="));
  }
  tries("oauth", by_provider());
  auto wrong = by_provider();
  wrong.oidc.client_secret = "wrong-one";
  tries("oauth", wrong);
  const auto token = unsigned_token().credentials({{}, oauthbearer, false}).value();
  auto by_value = sasl_options{};
  by_value.mechanism = {oauthbearer};
  by_value.token = std::get<sasl_token>(token).token;
  secrets.emplace_back(by_value.token.reveal());
  tries("oauthu", by_value);
  tries("oauth", by_value);
  tries("krb", by_keytab("alice"));
  const auto text = told.text();
  // It is all of it.
  CHECK_THAT(text, ContainsSubstring("logged in by SCRAM-SHA-256 as alice"));
  CHECK_THAT(text, ContainsSubstring("logged in by GSSAPI as alice@CAFKA.TEST"));
  CHECK_THAT(text, ContainsSubstring("SASL_AUTHENTICATION_FAILED"));
  CHECK_THAT(text, ContainsSubstring("cafka_login_authentications"));
  for (const auto& secret : secrets) {
    INFO(secret);
    CHECK(text.find(secret) == std::string::npos);
    CHECK(text.find(protocol::sasl::base64(secret)) == std::string::npos);
  }
  CHECK(content_of("/proc/self/cmdline").find("secret") == std::string::npos);
}
