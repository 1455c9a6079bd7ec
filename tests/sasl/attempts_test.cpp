// How often brokers hear of a login that fails; CAFKA_SOAK makes it a minute.
#include "counting_proxy.hpp"
#include "login_kafka.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdlib>
#include <functional>
#include <mutex>
#include <thread>

using namespace cafka;
using namespace cafka::testing;
using steady = std::chrono::steady_clock;

namespace {

/// What logs in.
enum class kind : std::uint8_t { worker, producer, consumer };

/// A login that fails.
struct failure {
  std::string name;
  std::string listener;
  sasl_options login;
  error_code code;
  /// What is refused is asked for anew once: so many connections come in a row.
  std::size_t at_once = 1;
  kind who = kind::worker;
  /// The pause after them.
  milliseconds pause{1'000};
  /// Where the broker is dialled.
  std::string host = "localhost";
};

/// Something that cannot log in, and is asked for something all the time.
class refused_client {
public:
  explicit refused_client(failure what)
    : what_(std::move(what)),
      proxy_(what_.listener.find(':') == std::string::npos ? at(what_.listener)
                                                           : what_.listener),
      client_(options()) {
    threads_.emplace_back([this] { ask(); });
  }
  refused_client(const refused_client&) = delete;
  refused_client& operator=(const refused_client&) = delete;
  ~refused_client() { end(); }

  [[nodiscard]] bool has_paused(std::size_t times) const {
    return proxy_.arrivals().size() >= what_.at_once + times;
  }

  /// Begins to end: the others need not wait for it.
  void ask_no_more() { ended_ = true; }

  /// Ends, and compares with what is promised.
  void check() {
    const auto all = proxy_.arrivals();
    end();
    std::string text = what_.name + ':';
    for (const auto& one : all)
      text += ' '
        + std::to_string(
          std::chrono::duration_cast<milliseconds>(one - all.front()).count());
    // 1 s, 2 s, 4 s, 8 s and 10 s from then on, each 20 % less or more; and what a broker
    // takes for its refusal, on a machine under load.
    auto pause = what_.pause;
    for (std::size_t i = what_.at_once; i < all.size(); ++i) {
      const auto gap = all[i] - all[i - 1];
      if (gap < pause * 8 / 10 || gap > pause * 12 / 10 + milliseconds{5'000})
        text += " (attempt " + std::to_string(i + 1) + " was to come after "
          + std::to_string(pause.count()) + " ms)";
      pause = std::min(pause * 2, milliseconds{10'000});
    }
    const std::lock_guard guard{mutex_};
    INFO(text << "; " << told_.size() << " errors, the first: "
              << (told_.empty() ? "none" : to_string(told_.front())));
    CHECK(text.find('(') == text.npos);
    // A consumer is told when it has got nowhere for 10 s.
    if (what_.who != kind::consumer)
      CHECK(std::ranges::count(told_, what_.code, &error::code) > 0);
    CHECK(answers_ == 0);
  }

private:
  application_options options() const {
    auto o = client::options_for("plain", what_.login, false);
    o.brokers = what_.host + ':' + std::to_string(proxy_.port());
    return o;
  }

  void end() {
    ended_ = true;
    for (auto& t : threads_)
      t.join();
    threads_.clear();
  }

  void tell(const error& why) {
    const std::lock_guard guard{mutex_};
    if (why)
      told_.push_back(why);
    else
      ++answers_;
  }

  void ask() {
    const auto again_and_again = [this](const std::function<void()>& f) {
      while (!ended_) {
        f();
        std::this_thread::sleep_for(milliseconds{10});
      }
    };
    switch (what_.who) {
    case kind::worker: {
      if (const auto made =
            client_.app->create_worker("w", {.wait = false}, test_timeout);
          !made)
        return tell(made.error());
      return again_and_again([&] {
        tell(client_.app->call(metadata{.deadline = milliseconds{3'000}}, "w").error());
      });
    }
    case kind::producer: {
      producer_options how;
      how.name = "p";
      how.delivery_timeout = milliseconds{3'000};
      how.on_delivery = [this](const delivery& d) { tell(d.error); };
      auto p = client_.app->producer(how);
      if (!p)
        return tell(p.error());
      return again_and_again(
        [&] { static_cast<void>(p->send("nowhere", {.value = "v"})); });
    }
    case kind::consumer: {
      auto c = client_.app->consumer("c");
      if (!c)
        return tell(c.error());
      if (const auto done = c->assign({{"nowhere", 0, protocol::start_at::earliest()}});
          !done)
        return tell(done.error());
      return again_and_again([&] {
        const auto got = c->poll(milliseconds{100});
        if (!got)
          return tell(got.error());
        for (const auto& e : got->errors)
          tell(e.why);
      });
    }
    }
  }

  const failure what_;
  counting_proxy proxy_;
  client client_;
  std::atomic<bool> ended_ = false;
  std::vector<std::thread> threads_;
  std::mutex mutex_;
  std::vector<error> told_;
  int answers_ = 0;
};

/// All of them at a time, until each has come back a few times.
void count_attempts(const std::vector<failure>& failures) {
  const std::size_t pauses = std::getenv("CAFKA_SOAK") != nullptr ? 6 : 2;
  std::vector<std::unique_ptr<refused_client>> all;
  for (const auto& one : failures)
    all.push_back(std::make_unique<refused_client>(one));
  const auto done = [&] {
    return std::ranges::all_of(
      all, [&](const auto& one) { return one->has_paused(pauses); });
  };
  const auto until = steady::now() + test_timeout + std::chrono::seconds{30};
  while (!done() && steady::now() < until)
    std::this_thread::sleep_for(milliseconds{20});
  CHECK(done());
  for (auto& one : all)
    one->ask_no_more();
  for (auto& one : all)
    one->check();
}

} // namespace

TEST_CASE(
  "brokers hear again of a login that failed after 1 s, 2 s and so on, and no sooner",
  "[sasl_kafka]") {
  using enum sasl_mechanism;
  using enum error_code;
  SECTION("of passwords, tokens and mechanisms, and where no KDC is reached") {
    const environment_variable nowhere{"KRB5_CONFIG", no_kdc()};
    const auto wrong = [](sasl_mechanism m) {
      return by_password({m}, "alice", "wrong-one");
    };
    auto wrong_secret = by_provider();
    wrong_secret.oidc.client_secret = "wrong-one";
    count_attempts({
      {"a wrong password by PLAIN", "plain", wrong(plain), sasl_authentication_failed},
      {"a wrong password by SCRAM-SHA-256", "scram", wrong(scram_sha_256),
        sasl_authentication_failed},
      {"a wrong password by SCRAM-SHA-512", "scram", wrong(scram_sha_512),
        sasl_authentication_failed},
      {"of a producer", "scram", wrong(scram_sha_512), sasl_authentication_failed, 1,
        kind::producer},
      {"of a consumer", "scram", wrong(scram_sha_512), sasl_authentication_failed, 1,
        kind::consumer},
      {"an unknown user", "scram", by_password({scram_sha_256}, "nobody", "x"),
        sasl_authentication_failed},
      {"a mechanism that the broker does not have", "plain", alice(scram_sha_256),
        unsupported_sasl_mechanism},
      {"a token that is forged", "oauth", unsigned_token(), bearer_token_refused, 2},
      {"a secret that the provider does not know", "oauth", wrong_secret,
        credentials_unavailable},
      // The first time may be by chance; the pause is that after a second failure.
      {"no login, where the listener wants one", "plain", {}, illegal_sasl_state, 2,
        kind::worker, milliseconds{2'000}},
      {"a login, where the listener wants none", variable("CAFKA_KAFKA"), alice(plain),
        sasl_not_enabled},
      {"a KDC that nobody reaches", "krb", by_keytab("alice"), credentials_unavailable},
    });
  }
  SECTION("of Kerberos") {
    auto other_key = by_keytab("alice");
    other_key.kerberos.principal = "bob";
    auto other_service = by_keytab("alice");
    other_service.kerberos.service_name = "http";
    count_attempts({
      {"a principal that the KDC does not know", "krb", by_keytab("stranger"),
        credentials_unavailable},
      {"a principal whose key is not in the keytab", "krb", other_key,
        credentials_unavailable},
      {"another service than brokers are", "krb", other_service, credentials_unavailable},
      {"a broker that is dialled by its address", "krb", by_keytab("alice"),
        credentials_unavailable, 1, kind::worker, milliseconds{1'000}, "127.0.0.1"},
    });
  }
}
