#include "http_peer.hpp"
#include "tls_peer.hpp"
#include <cafka/actors/sasl/token_source.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <atomic>
#include <condition_variable>
#include <mutex>

using namespace cafka::testing;
using cafka::actors::asio_transport_factory;
using cafka::actors::log_sink;
using cafka::actors::make_token_source;
using cafka::actors::token_source;
using cafka::actors::token_source_settings;
using cafka::protocol::error_code;
using cafka::protocol::log_level;
using Catch::Matchers::ContainsSubstring;
using namespace std::chrono_literals;

namespace {

using outcome = cafka::protocol::result<token_source::token>;

std::chrono::steady_clock::time_point in(std::chrono::milliseconds time) {
  return std::chrono::steady_clock::now() + time;
}

std::string granted(const std::string& token, int life = 3'600) {
  return http_answer(200,
    R"({"access_token":")" + token + R"(","token_type":"Bearer","expires_in":)"
      + std::to_string(life) + "}");
}

/// A provider that answers the nth request with what `answer(n, request)` says.
class provider {
public:
  using answers = std::function<std::string(int n, const std::string& request)>;

  explicit provider(answers a)
    : answers_(std::move(a)), peer_([this](scripted_peer::session& s) {
        const auto request = read_http(s);
        int n = 0;
        {
          const std::lock_guard lock{mutex_};
          n = ++count_;
          changed_.notify_all();
        }
        s.send(as_bytes(answers_(n, request)));
        s.wait_until_closed();
      }) {}

  [[nodiscard]] std::string url() const {
    return "http://" + to_string(peer_.address()) + "/token";
  }
  [[nodiscard]] int count() {
    const std::lock_guard lock{mutex_};
    return count_;
  }
  bool wait_for(int count) {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(lock, 20s, [&] { return count_ >= count; });
  }

private:
  answers answers_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int count_ = 0;
  scripted_peer peer_;
};

/// What a test needs of a source.
struct sources {
  std::shared_ptr<asio_transport_factory> io = std::make_shared<asio_transport_factory>();
  std::mutex mutex = {};
  std::string lines = {};
  std::shared_ptr<log_sink> log = std::make_shared<log_sink>(
    [this](
      log_level, std::string_view component, std::string_view, std::string_view text) {
      const std::lock_guard lock{mutex};
      lines.append(component).append(": ").append(text).append("\n");
    },
    log_level::debug, std::map<std::string, log_level>{});

  ~sources() { io->stop(1s); }

  [[nodiscard]] token_source_settings settings(const std::string& url) const {
    token_source_settings s;
    s.options.token_endpoint_url = url;
    s.options.client_id = "me";
    s.options.client_secret = "hidden-1";
    s.io = io;
    s.log = log;
    return s;
  }
  static std::shared_ptr<token_source> made(const token_source_settings& s) {
    auto source = make_token_source(s);
    INFO(to_string(source.error()));
    REQUIRE(source);
    return *source;
  }
  static std::string why_not(const token_source_settings& s) {
    const auto source = make_token_source(s);
    REQUIRE_FALSE(source);
    CHECK(source.error().code == error_code::invalid_argument);
    return source.error().detail;
  }
  static outcome ask(
    token_source& source, std::chrono::milliseconds within = 15s, bool refused = false) {
    awaited<outcome> result;
    source.ask(in(within), refused, result.taker());
    return result.get();
  }
  /// Asks again and again until `enough` says so.
  template <class F>
  static outcome ask_until(token_source& source, bool refused, F enough) {
    const auto end = in(20s);
    while (true) {
      auto result = ask(source, 15s, refused);
      if (enough(result))
        return result;
      REQUIRE(std::chrono::steady_clock::now() < end);
    }
  }
  static std::string text_of(const outcome& what) {
    return what ? std::string{(*what)->value.reveal()} : to_string(what.error());
  }
};

} // namespace

TEST_CASE("all connections share one token, and one request for it", "[oidc]") {
  sources s;
  provider p{[](int n, const std::string&) { return granted("t" + std::to_string(n)); }};
  const auto source = s.made(s.settings(p.url()));
  std::vector<awaited<outcome>> results(100);
  for (auto& r : results)
    source->ask(in(15s), false, r.taker());
  for (auto& r : results)
    CHECK(s.text_of(r.get()) == "t1");
  CHECK(s.text_of(s.ask(*source)) == "t1");
  CHECK(p.count() == 1);
}

TEST_CASE("a token is replaced by itself before it ends", "[oidc]") {
  sources s;
  provider p{
    [](int n, const std::string&) { return granted("t" + std::to_string(n), 2); }};
  const auto source = s.made(s.settings(p.url()));
  CHECK(s.text_of(s.ask(*source)) == "t1");
  CHECK(p.wait_for(2));
}

TEST_CASE("a token that a broker refused is replaced", "[oidc]") {
  sources s;
  provider p{[](int n, const std::string&) { return granted("t" + std::to_string(n)); }};
  const auto source = s.made(s.settings(p.url()));
  CHECK(s.text_of(s.ask(*source)) == "t1");
  // One that has just come is another one's; a broker takes longer than that.
  const auto second =
    s.ask_until(*source, true, [&](auto& r) { return s.text_of(r) == "t2"; });
  CHECK(second);
  CHECK(p.count() == 2);
}

TEST_CASE("a secret that is replaced in its file is used by the next attempt", "[oidc]") {
  sources s;
  const scratch_folder files;
  provider p{[](int n, const std::string& request) {
    // "me:new" in base64.
    return request.find("Basic bWU6bmV3\r\n") == std::string::npos
      ? http_answer(401, R"({"error":"invalid_client"})")
      : granted("t" + std::to_string(n));
  }};
  auto with = s.settings(p.url());
  with.options.client_secret = {};
  with.options.client_secret_file = files.path("secret");
  const auto source = s.made(with);
  const auto none = s.ask(*source);
  REQUIRE_FALSE(none);
  CHECK(none.error().code == error_code::credentials_unavailable);
  CHECK(none.error().detail
    == "sasl.oidc.client_secret_file = " + files.path("secret")
      + ": cannot be read: no such file or directory");
  CHECK(p.count() == 0);
  files.write("secret", "old\n");
  const auto refused = s.ask_until(*source, false, [&](auto&) { return p.count() == 1; });
  REQUIRE_FALSE(refused);
  CHECK_THAT(refused.error().detail, ContainsSubstring("HTTP 401, invalid_client"));
  files.write("secret", "new\nsecond line");
  const auto result = s.ask_until(*source, false, [](auto& r) { return r.has_value(); });
  CHECK(s.text_of(result) == "t2");
}

TEST_CASE(
  "a provider that is away is told at the deadline, with address and reason", "[oidc]") {
  sources s;
  const refusing_port port;
  const auto url = "http://" + to_string(port.address()) + "/token";
  const auto source = s.made(s.settings(url));
  const auto result = s.ask(*source, 300ms);
  REQUIRE_FALSE(result);
  CHECK(result.error().code == error_code::timed_out);
  CHECK_THAT(result.error().detail, ContainsSubstring(url + ": connection refused"));
}

TEST_CASE("a source or I/O threads that end tell all who wait", "[oidc]") {
  sources s;
  scripted_peer silent{scripted_peer::silent()};
  const auto url = "http://" + to_string(silent.address()) + "/token";
  auto source = s.made(s.settings(url));
  awaited<outcome> waits;
  source->ask(in(1h), false, waits.taker());
  REQUIRE(silent.wait_for_accepted(1));
  source = nullptr;
  CHECK(waits.get().error().code == error_code::closed);

  const auto other = s.made(s.settings(url));
  s.io->stop(1s);
  CHECK(s.ask(*other).error().code == error_code::closed);
}

TEST_CASE("a token in a file is read for each that asks", "[oidc]") {
  sources s;
  const scratch_folder files;
  token_source_settings with;
  with.options.token_endpoint_url = "file://" + files.path("token");
  with.io = s.io;
  const auto source = s.made(with);
  const auto none = s.ask(*source);
  REQUIRE_FALSE(none);
  CHECK(none.error().code == error_code::credentials_unavailable);
  CHECK(none.error().detail
    == files.path("token") + ": cannot be read: no such file or directory");
  files.write("token", "first\n");
  CHECK(s.text_of(s.ask(*source)) == "first");
  files.write("token", " second ");
  CHECK(s.text_of(s.ask(*source)) == "second");
  files.write("token", "a\nb");
  CHECK(s.ask(*source).error().detail
    == files.path("token") + ": holds something other than one token");
}

TEST_CASE("over TLS a provider is asked whose certificate is trusted", "[oidc][tls]") {
  sources s;
  const authority ca{"cafka test CA"};
  const scratch_folder files;
  tls_peer peer{{ca.issue()}, [](tls_session& t) {
                  read_http(t);
                  t.send(as_bytes(granted("t1")));
                  t.wait_until_closed();
                }};
  auto with = s.settings("https://" + to_string(peer.by_name()) + "/token");
  with.tls.cacertfile = files.write("ca.crt", ca.certificate());
  CHECK(s.text_of(s.ask(*s.made(with))) == "t1");
  with.tls.cacertfile = files.write("other.crt", authority{"another CA"}.certificate());
  const auto refused = s.ask(*s.made(with));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == error_code::tls_failed);
}

TEST_CASE("settings that make no sense are refused before anything is asked", "[oidc]") {
  sources s;
  CHECK_THAT(s.why_not(s.settings("login")), ContainsSubstring("token_endpoint_url"));
  CHECK_THAT(s.why_not(s.settings("file:token")),
    ContainsSubstring("a file is named as in file:///run/secrets/token"));
  auto with = s.settings("https://localhost/token");
  with.tls.cacertfile = "/nonexistent/ca.crt";
  CHECK_THAT(s.why_not(with), ContainsSubstring("ssl_options.cacertfile"));
}

TEST_CASE("secrets that travel unencrypted are warned of, and never logged", "[oidc]") {
  sources s;
  s.made(s.settings("http://login.example.com/token"));
  {
    const std::lock_guard lock{s.mutex};
    CHECK(s.lines
      == "token: http://login.example.com/token: secrets and tokens travel unencrypted, "
         "for the URL does not begin with https://\n");
    s.lines.clear();
  }
  provider p{[](int n, const std::string& request) {
    return n == 1
      ? http_answer(503, R"({"error":"hidden-1","error_description":"hidden-1"})")
      : n == 2 ? http_answer(500, request)
               : granted("token-1");
  }};
  const auto source = s.made(s.settings(p.url()));
  CHECK(s.text_of(s.ask(*source)) == "token-1");
  const std::lock_guard lock{s.mutex};
  CHECK_THAT(s.lines, ContainsSubstring("HTTP 503"));
  CHECK_THAT(s.lines, ContainsSubstring("there is a token again, after 2 failures"));
  for (const auto* word : {"hidden-1", "token-1", "bWU6aGlkZGVuLTE"})
    CHECK_THAT(s.lines, !ContainsSubstring(word));
}
