#pragma once

#include "../../log_level.hpp"
#include "../../machines/backoff.hpp"
#include "../../machines/time_point.hpp"
#include "token_answer.hpp"
#include "token_request.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <variant>
#include <vector>

namespace cafka::protocol::sasl {

/// A token, for those that asked.
struct oauth_token {
  /// The token.
  secret value;
  /// Until when it holds.
  time_point expires = time_point::max();
  /// Whose it is, as it says itself; empty where it does not.
  std::string subject = {};
};

/// A number of one that asks for a token; its owner chooses it.
using token_waiter = std::uint64_t;

/// Files and the environment are to be read for an attempt: `on_material` or
/// `on_no_material` follows.
struct read_material {
  /// The attempt.
  std::uint64_t attempt = 0;
};

/// A request is to be sent: `on_response` or `on_no_response` follows, within `timeout`.
struct send_http {
  /// The attempt.
  std::uint64_t attempt = 0;
  /// The request.
  http_request request;
  /// How long it may take, connecting included.
  std::chrono::milliseconds timeout{0};
};

/// The answer to one that asked.
struct token_ready {
  /// Who asked.
  token_waiter who = 0;
  /// The token. Null in no case.
  std::shared_ptr<const oauth_token> token;
};

/// The answer to one that asked: there is no token.
struct token_failed {
  /// Who asked.
  token_waiter who = 0;
  /// `timed_out`: none by the deadline, and why; `credentials_unavailable`: the provider
  /// gives none to this client, or a file cannot be read; `invalid_argument`: what files
  /// hold cannot be used; `tls_failed`, `malformed_response`: as the words say.
  error why;
};

/// A line for a log about tokens.
struct token_log {
  /// How much it matters.
  log_level level = log_level::off;
  /// The line; it has no secret in it.
  std::string text;
};

using token_effect =
  std::variant<read_material, send_http, token_ready, token_failed, token_log>;

/// Gets tokens of an OAuth 2 provider for all who ask, and keeps one as long as it holds.
///
/// One request is under way at a time, however many ask. A token is replaced at a random
/// moment around `refresh_window` of its life, if anybody was given it. Meanwhile those
/// who ask get the present token at once, if it holds for 5 s more; one that holds for
/// less is given where the replacement fails. A failure that may pass is tried again
/// until someone gets a token or all deadlines are over; one that does not pass by itself
/// is told at once to all who wait, and to those who ask in the pause after it.
class token_client {
public:
  /// `seed`: of the random moments. `options` are those that `wrong_in` finds right.
  token_client(oidc_options options, std::uint32_t seed);

  // -- events ---------------------------------------------------------------------------

  /// One asks for a token: `token_ready` or `token_failed` follows, by the deadline.
  /// `who` is not waiting already.
  void ask(time_point now, token_waiter who, time_point deadline);
  /// One does not wait any more; nothing follows for it.
  void withdraw(token_waiter who);
  /// A broker has refused a token: the present one is given to nobody any more, unless it
  /// came less than a second ago and so is another one.
  void on_refused(time_point now);

  /// What `read_material` asked for.
  void on_material(
    time_point now, wall_time wall, std::uint64_t attempt, const oidc_material& with);
  /// It cannot be read.
  void on_no_material(time_point now, std::uint64_t attempt, const error& why);
  /// The answer to `send_http`.
  void on_response(
    time_point now, wall_time wall, std::uint64_t attempt, const http_response& answer);
  /// There is none: no connection, no answer in time.
  void on_no_response(time_point now, std::uint64_t attempt, const error& why);

  void on_time(time_point now);
  [[nodiscard]] time_point next_time() const;

  // -- effects --------------------------------------------------------------------------

  [[nodiscard]] bool has_effects() const { return !effects_.empty(); }
  [[nodiscard]] std::vector<token_effect> take_effects();

  // -- for people -----------------------------------------------------------------------

  /// What has been asked of the provider so far.
  struct counts {
    /// Attempts.
    std::uint64_t attempts = 0;
    /// Of them, those that brought no token.
    std::uint64_t failures = 0;
  };
  [[nodiscard]] const counts& counted() const { return counts_; }
  /// Why the last attempt brought no token; none where it did.
  [[nodiscard]] const error& last_failure() const { return last_failure_; }
  /// The present token; null where none holds.
  [[nodiscard]] const std::shared_ptr<const oauth_token>& present() const {
    return token_;
  }

private:
  enum class phase : std::uint8_t { resting, reading, calling };

  [[nodiscard]] bool holds(time_point now) const;
  [[nodiscard]] bool is_fresh(time_point now) const;
  /// When the next attempt begins, nobody coming or going.
  [[nodiscard]] time_point next_attempt() const;
  void step(time_point now);
  void begin(time_point now);
  void accept(time_point now, granted_token granted);
  /// `lasting`: it will not pass by itself.
  void fail(time_point now, error why, bool lasting);
  void log_failure(time_point now, bool lasting);
  void hand_out(token_waiter who);
  [[nodiscard]] time_point refresh_time(time_point from, std::chrono::seconds life);
  [[nodiscard]] error overdue() const;
  template <class Effect>
  void say(Effect e) {
    effects_.emplace_back(std::move(e));
  }

  const oidc_options options_;
  const std::string where_; ///< The token endpoint, for people.
  std::minstd_rand random_;

  std::map<token_waiter, time_point> waiting_; ///< With their deadlines.
  std::shared_ptr<const oauth_token> token_;
  time_point refresh_at_ = time_point::max();
  time_point obtained_ = time_point::min();
  bool used_ = false; ///< Somebody was given the present token.

  phase phase_ = phase::resting;
  std::uint64_t attempt_ = 0;
  time_point sent_;
  std::vector<secret> hidden_; ///< What the answer may repeat and nobody may see.
  std::uint32_t failed_ = 0;   ///< In a row.
  error last_failure_;
  bool lasting_ = false; ///< `last_failure_` does not pass by itself.
  time_point pause_until_ = time_point::min(); ///< No attempt before.

  counts counts_;
  std::vector<token_effect> effects_;
};

} // namespace cafka::protocol::sasl
