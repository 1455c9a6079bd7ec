#include <cafka/protocol/sasl/oidc/token_client.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <algorithm>

using namespace cafka::protocol;
using namespace cafka::protocol::sasl;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {

oidc_options some_options() {
  oidc_options o;
  o.token_endpoint_url = "https://login.example.com/token";
  o.client_id = "me";
  o.client_secret = "hidden-1";
  return o;
}

/// A token client in virtual time, and what it has said.
struct driven_client {
  token_client client;
  time_point now{1'000h};
  wall_time wall{480'000h};

  std::vector<read_material> reads = {};
  std::vector<send_http> requests = {};
  std::vector<token_ready> ready = {};
  std::vector<token_failed> failed = {};
  std::vector<token_log> log = {};
  bool reads_by_itself = true;
  std::string client_secret = "hidden-1";

  explicit driven_client(const oidc_options& o = some_options(), std::uint32_t seed = 7)
    : client(o, seed) {}

  void take() {
    while (client.has_effects())
      for (auto& e : client.take_effects())
        std::visit([this](auto& x) { put(x); }, e);
  }

  using milliseconds = std::chrono::milliseconds;
  void asks(token_waiter who, milliseconds within = 60s) {
    client.ask(now, who, now + within);
    take();
  }
  /// Lets the time pass up to `until`, with the events in between.
  void pass(std::chrono::nanoseconds time) {
    const auto until = now + time;
    while (client.next_time() <= until) {
      const auto next = std::max(client.next_time(), now);
      wall += std::chrono::duration_cast<wall_time::duration>(next - now);
      now = next;
      client.on_time(now);
      take();
      REQUIRE(client.next_time() > now); // What has been done is not due again.
    }
    wall += std::chrono::duration_cast<wall_time::duration>(until - now);
    now = until;
  }
  void answers(int status, const std::string& body, std::string location = {}) {
    REQUIRE_FALSE(requests.empty());
    client.on_response(
      now, wall, requests.back().attempt, {status, std::move(location), secret{body}});
    take();
  }
  void grants(const std::string& token, int life) {
    answers(200,
      R"({"access_token":")" + token + R"(","token_type":"Bearer","expires_in":)"
        + std::to_string(life) + "}");
  }
  void does_not_answer(error_code code = error_code::connection_failed) {
    REQUIRE_FALSE(requests.empty());
    client.on_no_response(
      now, requests.back().attempt, {code, "login.example.com:443: refused"});
    take();
  }
  /// The token that the last answer gave.
  [[nodiscard]] std::string given() const {
    return ready.empty() ? std::string{}
                         : std::string{ready.back().token->value.reveal()};
  }
  [[nodiscard]] std::chrono::nanoseconds until_next() const {
    return client.next_time() - now;
  }

private:
  void put(read_material& x) {
    reads.push_back(x);
    if (!reads_by_itself)
      return;
    oidc_material with;
    with.client_secret = client_secret;
    client.on_material(now, wall, x.attempt, with);
  }
  void put(send_http& x) { requests.push_back(std::move(x)); }
  void put(token_ready& x) { ready.push_back(std::move(x)); }
  void put(token_failed& x) { failed.push_back(std::move(x)); }
  void put(token_log& x) { log.push_back(std::move(x)); }
};

/// All that was said for people.
std::string words_of(const driven_client& d) {
  std::string all;
  for (const auto& f : d.failed)
    all += to_string(f.why) + '\n';
  for (const auto& l : d.log)
    all += l.text + '\n';
  return all;
}

std::size_t loud_lines(const driven_client& d) {
  return static_cast<std::size_t>(std::ranges::count_if(
    d.log, [](const token_log& l) { return l.level >= log_level::info; }));
}

} // namespace

TEST_CASE("one request is under way, however many ask", "[oidc]") {
  driven_client d;
  for (token_waiter who = 1; who <= 50; ++who)
    d.asks(who);
  REQUIRE(d.requests.size() == 1);
  CHECK(d.requests.front().timeout == 10s);
  CHECK(d.ready.empty());
  d.grants("t1", 3'600);
  CHECK(d.ready.size() == 50);
  for (const auto& r : d.ready)
    CHECK(r.token == d.ready.front().token);
  CHECK(d.given() == "t1");
  CHECK(d.client.counted().attempts == 1);
}

TEST_CASE("a token that holds is given at once, and nobody is asked", "[oidc]") {
  driven_client d;
  d.asks(1);
  d.grants("t1", 3'600);
  d.pass(2'000s);
  d.asks(2);
  CHECK(d.ready.size() == 2);
  CHECK(d.requests.size() == 1);
}

TEST_CASE(
  "a token is replaced at a random moment from 75 to 85 percent of its life", "[oidc]") {
  auto least = 100'000s, most = 0s;
  for (std::uint32_t seed = 1; seed <= 400; ++seed) {
    driven_client d{some_options(), seed};
    d.asks(1);
    d.grants("t1", 10'000);
    const auto at = std::chrono::floor<std::chrono::seconds>(d.until_next());
    least = std::min(least, at);
    most = std::max(most, at);
  }
  CHECK(least >= 7'500s);
  CHECK(least < 7'520s);
  CHECK(most <= 8'500s);
  CHECK(most > 8'480s);
}

TEST_CASE(
  "a token is replaced a buffer before its end, and not before a least time", "[oidc]") {
  auto o = some_options();
  SECTION("the buffer") {
    driven_client d{o};
    d.asks(1);
    d.grants("t1", 1'000); // 750 s at the earliest without it
    CHECK(d.until_next() == 700s);
  }
  SECTION("the least time goes before the buffer") {
    o.refresh_min_period = 900s;
    driven_client d{o};
    d.asks(1);
    d.grants("t1", 1'201);
    CHECK(d.until_next() == 901s);
    driven_client e{o};
    e.asks(1);
    e.grants("t1", 1'250);
    CHECK(e.until_next() == 950s);
    o.refresh_window = 50;
    o.refresh_jitter = 0;
    driven_client f{o};
    f.asks(1);
    f.grants("t1", 1'300);
    CHECK(f.until_next() == 900s);
  }
  SECTION("with a shorter life than both neither counts") {
    driven_client d{o};
    d.asks(1);
    d.grants("t1", 360);
    CHECK(d.until_next() >= 270s);
    CHECK(d.until_next() <= 306s);
  }
}

TEST_CASE("a token that somebody was given is replaced in time, one that nobody was is "
          "not",
  "[oidc]") {
  driven_client d;
  d.asks(1);
  d.grants("t1", 3'600);
  d.pass(3'400s);
  REQUIRE(d.requests.size() == 2);
  d.grants("t2", 3'600);
  CHECK(d.ready.size() == 1);
  // Nobody asks: the second one ends by itself, and is not kept in memory.
  d.pass(10'000s);
  CHECK(d.requests.size() == 2);
  CHECK(d.client.present() == nullptr);
  CHECK(d.client.next_time() == time_point::max());
  d.asks(2);
  CHECK(d.requests.size() == 3);
}

TEST_CASE("one that nobody was given is replaced when it is asked for late", "[oidc]") {
  driven_client d;
  d.asks(1);
  d.grants("t1", 3'600);
  d.pass(d.until_next());
  d.grants("t2", 3'600);
  d.pass(3'400s);
  REQUIRE(d.requests.size() == 2);
  d.asks(2);
  CHECK(d.given() == "t2");
  CHECK(d.requests.size() == 3);
}

TEST_CASE(
  "a replacement that fails leaves the token that holds to those who ask", "[oidc]") {
  driven_client d;
  d.asks(1);
  d.grants("t1", 1'000);
  d.pass(d.until_next());
  REQUIRE(d.requests.size() == 2);
  SECTION("also while the provider has not answered yet") {
    d.asks(2);
    CHECK(d.ready.size() == 2);
    CHECK(d.given() == "t1");
    d.grants("t2", 1'000);
    CHECK(d.ready.size() == 2);
    d.asks(3);
    CHECK(d.given() == "t2");
  }
  SECTION("and one that ends soon where there is no other") {
    d.pass(296s);
    d.asks(2);
    CHECK(d.ready.size() == 1);
    SECTION("not where there is") {
      d.grants("t2", 1'000);
      CHECK(d.given() == "t2");
      return;
    }
    SECTION("after a failure, for whatever reason") {
      if (GENERATE(true, false))
        d.answers(401, R"({"error":"invalid_client"})");
      else
        d.does_not_answer();
    }
    SECTION("at the deadline") {
      d.asks(3, 1s);
      d.pass(1s);
      d.does_not_answer();
    }
    CHECK(d.ready.size() >= 2);
    CHECK(d.given() == "t1");
    CHECK(d.failed.empty());
  }
  SECTION("and in the pause after a failure, and while it is tried again") {
    d.does_not_answer();
    d.asks(3);
    CHECK(d.ready.size() == 2);
    d.pass(d.until_next());
    REQUIRE(d.requests.size() == 3);
    d.asks(4);
    CHECK(d.ready.size() == 3);
    d.grants("t2", 1'000);
    d.asks(5);
    CHECK(d.given() == "t2");
  }
  SECTION("until it ends; then it is tried no more, as nobody waits") {
    d.does_not_answer();
    for (int i = 0; i < 100 && d.client.next_time() != time_point::max(); ++i) {
      const auto before = d.requests.size();
      d.pass(d.until_next());
      if (d.requests.size() != before)
        d.does_not_answer();
    }
    CHECK(d.client.present() == nullptr);
    CHECK(d.client.next_time() == time_point::max());
    CHECK(loud_lines(d) == 1);
    d.asks(2);
    CHECK(d.ready.size() == 1);
  }
}

TEST_CASE("what may pass is tried again after 100 ms, twice that, up to 10 s", "[oidc]") {
  driven_client d;
  d.asks(1, 1h);
  double nominal = 100;
  for (std::size_t i = 1; i <= 20; ++i) {
    REQUIRE(d.requests.size() == i);
    if (i % 2 == 0)
      d.answers(503, "busy");
    else
      d.does_not_answer(error_code::timed_out);
    const auto wait = std::chrono::duration<double, std::milli>(d.until_next()).count();
    CHECK(wait >= nominal * 0.79);
    CHECK(wait <= nominal * 1.21);
    nominal = std::min(nominal * 2, 10'000.0);
    d.pass(d.until_next());
  }
  CHECK(d.failed.empty());
  d.grants("t1", 3'600);
  CHECK(d.given() == "t1");
  CHECK(d.client.counted().attempts == 21);
  CHECK(d.client.counted().failures == 20);
  // Told once when it began, once when it was over.
  CHECK(loud_lines(d) == 2);
  CHECK_THAT(words_of(d), ContainsSubstring("there is a token again, after 20 failures"));
  // The next time it begins anew.
  d.pass(d.until_next());
  d.does_not_answer();
  CHECK(loud_lines(d) == 3);
  CHECK(d.until_next() <= 121ms);
}

TEST_CASE("one that waits is told at its deadline why there is no token", "[oidc]") {
  driven_client d;
  SECTION("the provider has not answered") {
    d.asks(1, 5s);
    d.pass(6s);
    REQUIRE(d.failed.size() == 1);
    CHECK(d.failed.front().who == 1);
    CHECK(d.failed.front().why.code == error_code::timed_out);
    CHECK(d.failed.front().why.detail
      == "no token in time: https://login.example.com/token has not answered yet");
    // The request goes on: its token is for the next one.
    d.grants("t1", 3'600);
    d.asks(2);
    CHECK(d.given() == "t1");
  }
  SECTION("it cannot serve now") {
    d.asks(1, 250ms);
    d.asks(2, 1h);
    d.answers(503, "");
    d.pass(130ms);
    d.answers(503, "");
    d.pass(130ms);
    REQUIRE(d.failed.size() == 1);
    CHECK(d.failed.front().why.detail
      == "no token in time, after 2 failures, the last: https://login.example.com/token: "
         "HTTP 503");
    CHECK(d.ready.empty());
  }
  SECTION("one that went is told nothing") {
    d.asks(1, 5s);
    d.client.withdraw(1);
    d.pass(6s);
    CHECK(d.failed.empty());
  }
}

TEST_CASE("what does not pass by itself is told at once to all who wait", "[oidc]") {
  driven_client d;
  d.asks(1);
  d.asks(2);
  const auto status = GENERATE(400, 401, 402, 403, 404, 405, 406, 407, 409, 410, 411, 412,
    413, 414, 415, 501, 505, 302, 200);
  CAPTURE(status);
  d.answers(status, "");
  REQUIRE(d.failed.size() == 2);
  CHECK_THAT(
    d.failed.front().why.detail, ContainsSubstring("https://login.example.com/token: "));
  // In the pause after it nobody asks the provider, and nobody waits.
  d.asks(3);
  CHECK(d.failed.size() == 3);
  CHECK(d.requests.size() == 1);
  d.pass(1'300ms);
  CHECK(d.requests.size() == 1); // Nobody wants it.
  d.client_secret = "hidden-2";
  d.asks(4);
  REQUIRE(d.requests.size() == 2);
  CHECK(d.requests[0].request.authorization != d.requests[1].request.authorization);
  d.grants("t1", 3'600);
  CHECK(d.given() == "t1");
}

TEST_CASE("statuses that may pass are no reason to give up", "[oidc]") {
  driven_client d;
  d.asks(1);
  d.answers(GENERATE(408, 416, 425, 429, 500, 502, 503, 504, 599), "");
  CHECK(d.failed.empty());
  d.pass(d.until_next());
  CHECK(d.requests.size() == 2);
}

TEST_CASE("the pauses after a lasting failure grow from 1 s to 10 s", "[oidc]") {
  driven_client d;
  double nominal = 1'000;
  for (std::size_t i = 1; i <= 8; ++i) {
    d.asks(i);
    REQUIRE(d.requests.size() == i);
    d.answers(401, R"({"error":"invalid_client"})");
    d.pass(std::chrono::microseconds{static_cast<int>(nominal * 790)});
    d.asks(100 + i);
    CHECK(d.requests.size() == i);
    CHECK(d.failed.size() == 2 * i);
    d.pass(std::chrono::microseconds{static_cast<int>(nominal * 420)});
    nominal = std::min(nominal * 2, 10'000.0);
  }
  CHECK(loud_lines(d) == 1);
}

TEST_CASE("TLS that does not come about is told at once", "[oidc]") {
  driven_client d;
  d.asks(1);
  d.does_not_answer(error_code::tls_failed);
  REQUIRE(d.failed.size() == 1);
  CHECK(d.failed.front().why.code == error_code::tls_failed);
}

TEST_CASE(
  "files that cannot be read are told at once, and read anew each time", "[oidc]") {
  driven_client d;
  d.reads_by_itself = false;
  d.asks(1);
  REQUIRE(d.reads.size() == 1);
  d.client.on_no_material(
    d.now, d.reads.back().attempt, {error_code::invalid_argument, "no such file"});
  d.take();
  REQUIRE(d.failed.size() == 1);
  CHECK(d.failed.front().why.detail == "no such file");
  CHECK(d.requests.empty());
  d.pass(2s);
  d.reads_by_itself = true;
  d.asks(2);
  CHECK(d.reads.size() == 2);
  CHECK(d.requests.size() == 1);
}

TEST_CASE("a token that a broker has refused is given to nobody any more", "[oidc]") {
  driven_client d;
  d.asks(1);
  d.grants("t1", 3'600);
  d.pass(10s);
  d.client.on_refused(d.now);
  CHECK(d.client.present() == nullptr);
  d.asks(2);
  REQUIRE(d.requests.size() == 2);
  d.grants("t2", 3'600);
  CHECK(d.given() == "t2");
  // Another connection's refusal is of the first one: this one is new.
  d.pass(999ms);
  d.client.on_refused(d.now);
  d.asks(3);
  CHECK(d.given() == "t2");
  CHECK(d.requests.size() == 2);
  d.pass(1ms);
  d.client.on_refused(d.now);
  d.asks(4);
  CHECK(d.requests.size() == 3);
  CHECK(d.ready.size() == 3);
}

TEST_CASE("answers to earlier attempts, and twice the same, are of no effect", "[oidc]") {
  driven_client d;
  d.asks(1);
  const auto first = d.requests.back().attempt;
  d.does_not_answer();
  d.pass(d.until_next());
  REQUIRE(d.requests.size() == 2);
  d.client.on_response(
    d.now, d.wall, first, {200, {}, R"({"access_token":"old","expires_in":60})"});
  d.client.on_no_response(d.now, first, {error_code::timed_out, "late"});
  d.client.on_no_material(d.now, first, {error_code::invalid_argument, "late"});
  d.take();
  CHECK(d.ready.empty());
  CHECK(d.failed.empty());
  d.grants("t1", 3'600);
  d.grants("t2", 3'600);
  CHECK(d.ready.size() == 1);
  CHECK(d.given() == "t1");
}

TEST_CASE("a token's life begins when it was asked for", "[oidc]") {
  driven_client d;
  SECTION("by expires_in") {
    d.asks(1);
    d.pass(4s);
    d.grants("t1", 100);
    CHECK(d.ready.back().token->expires == d.now + 96s);
  }
  SECTION("one that is over when it comes is none") {
    d.asks(1);
    d.pass(4s);
    d.grants("t1", 4);
    CHECK(d.ready.empty());
    CHECK(d.failed.empty());
    CHECK_THAT(
      words_of(d), ContainsSubstring("its answer took 4 s, and the token held for 4 s"));
    d.pass(d.until_next());
    d.grants("t2", 4);
    CHECK(d.given() == "t2");
  }
}

TEST_CASE(
  "a provider that gives the same short token again and again is not flooded", "[oidc]") {
  driven_client d;
  d.asks(1);
  // It keeps its token and tells what is left of it.
  int left = 100;
  const auto end = d.now + 100s;
  d.grants("t1", left);
  std::size_t answered = 1;
  while (d.now < end && d.client.next_time() < end) {
    d.pass(d.until_next());
    if (d.requests.size() == answered)
      continue;
    ++answered;
    left =
      static_cast<int>(std::chrono::floor<std::chrono::seconds>(end - d.now).count());
    if (left > 0)
      d.grants("t1", left);
    else
      d.does_not_answer();
    d.asks(1'000 + answered);
  }
  CHECK(answered < 15);
  // Nor one whose tokens hold for a second.
  driven_client short_life;
  short_life.asks(1);
  short_life.grants("t1", 1);
  CHECK(short_life.until_next() == 1s);
}

TEST_CASE("no secret and no token is in any word that is said", "[oidc]") {
  auto o = some_options();
  driven_client d{o};
  const auto header = [&] {
    return std::string{d.requests.back().request.authorization.reveal()};
  };
  d.asks(1);
  // The provider repeats what it was sent, and sends tokens that cannot be used.
  d.answers(
    400, R"({"error":"invalid_client","error_description":"not hidden-1 but another"})");
  d.pass(20s);
  d.asks(2);
  d.answers(401, R"({"error":")" + header().substr(6) + R"("})");
  d.pass(20s);
  d.asks(3);
  d.answers(302, "", "https://other.example.com/?secret=hidden-1");
  d.pass(20s);
  d.asks(4);
  d.answers(200, R"({"access_token":"token-1","expires_in":"token-1"})");
  d.pass(20s);
  d.asks(5);
  d.answers(200, R"({"access_token":"token-1 ","expires_in":60})");
  d.pass(20s);
  d.asks(6);
  d.answers(200, R"("token-1)");
  d.pass(20s);
  d.asks(7);
  d.answers(503, "token-1 hidden-1");
  d.pass(100ms);
  CHECK(d.failed.size() == 6);
  const auto words = words_of(d);
  CHECK_THAT(words, ContainsSubstring("(words that repeat a secret)"));
  CHECK_THAT(words, !ContainsSubstring("hidden-1"));
  CHECK_THAT(words, !ContainsSubstring("token-1"));
  CHECK_THAT(words, !ContainsSubstring(header().substr(6)));
}
