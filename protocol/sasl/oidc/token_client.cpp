#include "token_client.hpp"

#include <algorithm>
#include <utility>

namespace cafka::protocol::sasl {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// Least time from one token to the next, whatever brokers and providers do.
constexpr seconds least_period{1};
/// A token that holds for so long is good for a login, also where it is to be replaced.
constexpr seconds enough_left{5};
/// Pauses after a failure that does not pass by itself.
constexpr milliseconds lasting_backoff{1'000};

std::string shown_url(const std::string& text) {
  const auto url = parse_http_url(text);
  return url ? to_string(*url) : std::string{"the token endpoint"};
}

std::string in_seconds(time_point::duration d) {
  return std::to_string(std::chrono::ceil<seconds>(d).count()) + " s";
}

} // namespace

token_client::token_client(oidc_options options, std::uint32_t seed)
  : options_(std::move(options)),
    where_(shown_url(options_.token_endpoint_url)),
    random_(seed) {
}

// -- events -----------------------------------------------------------------------------

void token_client::ask(time_point now, token_waiter who, time_point deadline) {
  on_time(now);
  const bool pausing = phase_ == phase::resting && now < pause_until_;
  // Nobody waits who need not: with a provider that hangs, a session could end meanwhile.
  if (is_fresh(now) || holds(now + enough_left)
    || (holds(now) && (pausing || failed_ > 0))) {
    hand_out(who);
    return step(now);
  }
  if (pausing && lasting_)
    return say(token_failed{who, last_failure_});
  waiting_.emplace(who, deadline);
  on_time(now);
}

void token_client::withdraw(token_waiter who) {
  waiting_.erase(who);
}

void token_client::on_refused(time_point now) {
  if (token_ != nullptr && now - obtained_ >= least_period)
    token_ = nullptr;
}

void token_client::on_material(
  time_point now, wall_time wall, std::uint64_t attempt, const oidc_material& with) {
  if (attempt != attempt_ || phase_ != phase::reading)
    return;
  auto request = token_request(options_, with, wall);
  if (!request)
    return fail(now, request.error(), true);
  phase_ = phase::calling;
  sent_ = now;
  hidden_ = std::move(request->hidden);
  say(send_http{attempt_, std::move(request->http), options_.request_timeout});
}

void token_client::on_no_material(
  time_point now, std::uint64_t attempt, const error& why) {
  if (attempt == attempt_ && phase_ == phase::reading)
    fail(now, why, true);
}

void token_client::on_response(
  time_point now, wall_time wall, std::uint64_t attempt, const http_response& answer) {
  if (attempt != attempt_ || phase_ != phase::calling)
    return;
  if (answer.status == 200 || answer.status == 201) {
    // It is as old as the request, at most.
    const auto sent = wall - (now - sent_);
    auto granted = read_token_answer(answer.body.reveal(), options_.sub_claim_name,
      std::chrono::time_point_cast<wall_time::duration>(sent));
    if (!granted)
      return fail(
        now, {granted.error().code, where_ + ": " + granted.error().detail}, true);
    return accept(now, *std::move(granted));
  }
  auto words = where_ + ": " + refusal_words(answer, hidden_);
  const bool lasting = !is_retriable_status(answer.status);
  fail(now, {error_code::credentials_unavailable, std::move(words)}, lasting);
}

void token_client::on_no_response(
  time_point now, std::uint64_t attempt, const error& why) {
  if (attempt != attempt_ || phase_ != phase::calling)
    return;
  const bool lasting =
    why.code == error_code::tls_failed || why.code == error_code::invalid_argument;
  fail(now, why, lasting);
}

void token_client::on_time(time_point now) {
  if (token_ != nullptr && !holds(now))
    token_ = nullptr;
  for (auto at = waiting_.begin(); at != waiting_.end();) {
    if (at->second > now) {
      ++at;
      continue;
    }
    const auto who = at->first;
    at = waiting_.erase(at);
    if (token_ != nullptr)
      hand_out(who);
    else
      say(token_failed{who, overdue()});
  }
  step(now);
}

time_point token_client::next_time() const {
  auto at = next_attempt();
  for (const auto& [who, deadline] : waiting_)
    at = std::min(at, deadline);
  return token_ == nullptr ? at : std::min(at, token_->expires);
}

std::vector<token_effect> token_client::take_effects() {
  return std::exchange(effects_, {});
}

// -- what follows -----------------------------------------------------------------------

bool token_client::holds(time_point now) const {
  return token_ != nullptr && now < token_->expires;
}

bool token_client::is_fresh(time_point now) const {
  return holds(now) && now < refresh_at_;
}

time_point token_client::next_attempt() const {
  if (phase_ != phase::resting)
    return time_point::max();
  if (!waiting_.empty())
    return pause_until_;
  return token_ != nullptr && used_ ? std::max(refresh_at_, pause_until_)
                                    : time_point::max();
}

void token_client::step(time_point now) {
  if (next_attempt() <= now)
    begin(now);
}

void token_client::begin(time_point now) {
  phase_ = phase::reading;
  sent_ = now;
  ++attempt_;
  ++counts_.attempts;
  say(read_material{attempt_});
}

void token_client::accept(time_point now, granted_token granted) {
  const auto life = granted.life;
  if (sent_ + life <= now)
    return fail(now,
      {error_code::malformed_response,
        where_ + ": its answer took " + in_seconds(now - sent_)
          + ", and the token held for " + in_seconds(life)},
      false);
  if (failed_ > 0)
    say(token_log{log_level::info,
      where_ + ": there is a token again, after " + std::to_string(failed_)
        + (failed_ == 1 ? " failure" : " failures")});
  phase_ = phase::resting;
  hidden_.clear();
  failed_ = 0;
  last_failure_ = {};
  lasting_ = false;
  pause_until_ = time_point::min();
  token_ = std::make_shared<const oauth_token>(
    oauth_token{std::move(granted.value), sent_ + life, std::move(granted.subject)});
  obtained_ = now;
  used_ = false;
  refresh_at_ = std::max(refresh_time(sent_, life), now + least_period);
  say(token_log{log_level::debug,
    where_ + ": a token that holds for " + in_seconds(token_->expires - now)});
  for (const auto& [who, deadline] : std::exchange(waiting_, {}))
    hand_out(who);
}

void token_client::fail(time_point now, error why, bool lasting) {
  phase_ = phase::resting;
  hidden_.clear();
  ++failed_;
  ++counts_.failures;
  last_failure_ = std::move(why);
  lasting_ = lasting;
  backoff_options pauses{options_.retry_backoff, options_.retry_backoff_max};
  if (lasting)
    pauses.initial = std::min(std::max(pauses.initial, lasting_backoff), pauses.max);
  pause_until_ = now + backoff(pauses, failed_, random_);
  log_failure(now, lasting);
  const bool any = holds(now);
  if (any || lasting)
    for (const auto& [who, deadline] : std::exchange(waiting_, {})) {
      if (any)
        hand_out(who);
      else
        say(token_failed{who, last_failure_});
    }
  on_time(now);
}

void token_client::log_failure(time_point now, bool lasting) {
  // Once aloud, until it is over.
  auto text = "no token: " + last_failure_.detail;
  if (holds(now))
    text += "; the present one holds for " + in_seconds(token_->expires - now);
  text += lasting ? "; not tried before " : "; tried again in ";
  text +=
    std::to_string(std::chrono::ceil<milliseconds>(pause_until_ - now).count()) + " ms";
  say(token_log{failed_ == 1 ? log_level::warning : log_level::debug, std::move(text)});
}

void token_client::hand_out(token_waiter who) {
  used_ = true;
  say(token_ready{who, token_});
}

time_point token_client::refresh_time(time_point from, seconds life) {
  std::uniform_real_distribution<double> moved(
    options_.refresh_window - options_.refresh_jitter,
    options_.refresh_window + options_.refresh_jitter);
  const auto part = std::min(moved(random_), 100.0) / 100;
  auto at = from
    + milliseconds{
      static_cast<std::int64_t>(part * static_cast<double>(milliseconds{life}.count()))};
  // As Kafka's client does: with a short life neither of them can be kept.
  if (life > options_.refresh_min_period + options_.refresh_buffer) {
    at = std::min<time_point>(at, from + life - options_.refresh_buffer);
    at = std::max<time_point>(at, from + options_.refresh_min_period);
  }
  return at;
}

error token_client::overdue() const {
  if (last_failure_)
    return {error_code::timed_out,
      "no token in time, after " + std::to_string(failed_)
        + (failed_ == 1 ? " failure: " : " failures, the last: ") + last_failure_.detail};
  return {error_code::timed_out, "no token in time: " + where_ + " has not answered yet"};
}

} // namespace cafka::protocol::sasl
