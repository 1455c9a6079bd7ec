#include "token_source.hpp"

#include "../transport/file_text.hpp"
#include "../transport/resolver.hpp"
#include "../transport/tls.hpp"
#include "token_material.hpp"

#include <caf/telemetry/metric_registry.hpp>

#include <mutex>
#include <optional>
#include <random>
#include <unordered_map>
#include <utility>

namespace cafka::actors {

namespace {

using namespace protocol::sasl;
using protocol::error;
using protocol::error_code;
using protocol::result;
using protocol::time_point;

time_point steady_now() {
  return time_point::clock::now();
}

wall_time wall_now() {
  return wall_time::clock::now();
}

error source_closed() {
  return {error_code::closed, "the source of tokens has ended"};
}

/// What is asked of providers, in CAF's registry; docs/metrics.md lists it.
class token_metrics {
public:
  explicit token_metrics(caf::telemetry::metric_registry& in) {
    // CAF takes no pointer to characters where clang compiles it.
    constexpr std::string_view prefix = "cafka.token";
    const auto counter = [&](std::string_view name, std::string_view help) {
      return in.counter_singleton(prefix, name, help, "1", true);
    };
    requests_ = counter("requests", "Times that a token was asked of a provider.");
    failures_ = counter("failures", "Of them, those that brought none.");
  }

  /// Adds what has come since the last time.
  void update(const token_client::counts& now) {
    requests_->inc(static_cast<std::int64_t>(now.attempts - told_.attempts));
    failures_->inc(static_cast<std::int64_t>(now.failures - told_.failures));
    told_ = now;
  }

private:
  caf::telemetry::int_counter* requests_;
  caf::telemetry::int_counter* failures_;
  token_client::counts told_;
};

/// A token that somebody else writes into a file.
class file_tokens final : public token_source {
public:
  file_tokens(std::string path, token_source_settings settings)
    : path_(std::move(path)),
      claim_(std::move(settings.options.sub_claim_name)),
      io_(std::move(settings.io)) {}

  void ask(time_point, bool, taker done) override {
    // A file may be slow, and the caller an actor.
    const bool runs =
      io_->run([path = path_, claim = claim_, done] { done(read(path, claim)); });
    if (!runs)
      done(source_closed());
  }

private:
  static result<token> read(const std::string& path, const std::string& claim) {
    const auto refuse = [&](const std::string& why) {
      return error{error_code::credentials_unavailable, path + ": " + why};
    };
    auto text = file_text(path, largest_token_answer);
    if (!text)
      return refuse(text.error().detail);
    auto read = read_token_text(*text, claim, wall_now());
    protocol::wipe(*text);
    if (!read)
      return refuse(read.error().detail);
    return token{std::make_shared<const oauth_token>(oauth_token{
      std::move(read->value), steady_now() + read->life, std::move(read->subject)})};
  }

  const std::string path_;
  const std::string claim_;
  const std::shared_ptr<io_services> io_;
};

/// Does what a `token_client` says, in the I/O threads.
class provider_tokens final : public token_source,
                              public std::enable_shared_from_this<provider_tokens> {
public:
  provider_tokens(token_source_settings settings, std::shared_ptr<tls_context> tls)
    : options_(std::move(settings.options)),
      io_(std::move(settings.io)),
      log_(std::move(settings.log)),
      tls_(std::move(tls)),
      client_(options_, std::random_device{}()) {
    if (settings.metrics != nullptr)
      metrics_.emplace(*settings.metrics);
  }

  ~provider_tokens() override {
    for (auto& [who, done] : waiting_)
      done(source_closed());
  }

  /// Called once, before anything else.
  void begin() {
    alarm_ = io_->make_alarm([weak = weak_from_this()] {
      if (const auto self = weak.lock())
        self->event([](token_client& c) { c.on_time(steady_now()); });
    });
  }

  void ask(time_point deadline, bool refused, taker done) override {
    // Files are read and keys are used there, not in an actor.
    const bool runs = io_->run([weak = weak_from_this(), deadline, refused, done] {
      if (const auto self = weak.lock())
        self->event([&](token_client& c) {
          const auto who = ++self->last_waiter_;
          self->waiting_.emplace(who, done);
          if (refused)
            c.on_refused(steady_now());
          c.ask(steady_now(), who, deadline);
        });
      else
        done(source_closed());
    });
    if (!runs)
      done(source_closed());
  }

private:
  /// What is done when nothing is locked any more, for those who are told may ask again.
  struct outside {
    std::vector<std::pair<taker, result<token>>> told;
    std::vector<send_http> requests;
    std::vector<token_log> lines;
  };

  template <class F>
  void event(F f) {
    outside later;
    {
      const std::lock_guard lock{mutex_};
      f(client_);
      while (client_.has_effects())
        for (auto& e : client_.take_effects())
          std::visit([&](auto& x) { this->act(later, x); }, e);
      if (metrics_)
        metrics_->update(client_.counted());
      if (const auto at = client_.next_time();
          at != std::exchange(rings_at_, at) && at != time_point::max())
        alarm_->set(at);
    }
    for (const auto& line : later.lines)
      if (log_ != nullptr)
        log_->write(line.level, "token", {}, line.text);
    for (auto& r : later.requests)
      send(std::move(r));
    for (auto& [done, what] : later.told)
      done(std::move(what));
  }

  void act(outside&, read_material& x) {
    const auto with = read_token_material(options_);
    if (with)
      client_.on_material(steady_now(), wall_now(), x.attempt, *with);
    else
      client_.on_no_material(steady_now(), x.attempt, with.error());
  }
  void act(outside& later, send_http& x) { later.requests.push_back(std::move(x)); }
  void act(outside& later, token_ready& x) { tell(later, x.who, x.token); }
  void act(outside& later, token_failed& x) { tell(later, x.who, x.why); }
  void act(outside& later, token_log& x) { later.lines.push_back(std::move(x)); }

  void tell(outside& later, token_waiter who, result<token> what) {
    if (auto waiter = waiting_.extract(who))
      later.told.emplace_back(std::move(waiter.mapped()), std::move(what));
  }

  void send(send_http x) {
    http_options how;
    how.timeout = x.timeout;
    how.largest_body = largest_token_answer;
    how.tls = tls_;
    io_->post_http(std::move(x.request), how,
      [weak = weak_from_this(), attempt = x.attempt](const result<http_response>& got) {
        const auto self = weak.lock();
        if (self == nullptr)
          return;
        self->event([&](token_client& c) {
          if (got)
            c.on_response(steady_now(), wall_now(), attempt, *got);
          else
            c.on_no_response(steady_now(), attempt, got.error());
        });
      });
  }

  const oidc_options options_;
  const std::shared_ptr<io_services> io_;
  const std::shared_ptr<log_sink> log_;
  const std::shared_ptr<tls_context> tls_;
  std::unique_ptr<io_alarm> alarm_;

  std::mutex mutex_;
  token_client client_;
  std::optional<token_metrics> metrics_;
  time_point rings_at_ = time_point::max();
  std::unordered_map<token_waiter, taker> waiting_;
  token_waiter last_waiter_ = 0;
};

bool is_this_machine(const std::string& host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

} // namespace

result<std::shared_ptr<token_source>> make_token_source(token_source_settings settings) {
  auto& options = settings.options;
  const std::string_view url = options.token_endpoint_url;
  if (url.starts_with("file:")) {
    auto path = path_of_file_url(url);
    if (path.empty())
      return error{error_code::invalid_argument,
        "sasl.oidc.token_endpoint_url = " + std::string{url}
          + ": a file is named as in file:///run/secrets/token"};
    return std::shared_ptr<token_source>{
      std::make_shared<file_tokens>(std::move(path), std::move(settings))};
  }
  if (auto failed = wrong_in(options))
    return failed;
  const auto where = *parse_http_url(url);
  std::shared_ptr<tls_context> tls;
  if (where.tls) {
    auto made = tls_context::make(settings.tls);
    if (!made)
      return error{made.error().code, "sasl.oidc_" + made.error().detail};
    tls = *std::move(made);
  } else if (!is_this_machine(where.server.host) && settings.log != nullptr) {
    settings.log->write(protocol::log_level::warning, "token", {},
      to_string(where)
        + ": secrets and tokens travel unencrypted, for the URL does not begin with "
          "https://");
  }
  auto source = std::make_shared<provider_tokens>(std::move(settings), std::move(tls));
  source->begin();
  return std::shared_ptr<token_source>{std::move(source)};
}

} // namespace cafka::actors
