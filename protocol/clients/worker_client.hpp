#pragma once

#include "../calls/context.hpp"
#include "../calls/group_fetch.hpp"
#include "../calls/operation.hpp"
#include "../machines/start_at.hpp"
#include "dispatching_client.hpp"
#include "status.hpp"

#include <memory>
#include <random>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace cafka::protocol {

/// How a worker's client behaves.
struct worker_client_options {
  /// Its name, for its status.
  std::string name = {};
  dispatcher_options cluster = {};
  call_defaults defaults = {};
  /// Where a group's fetch begins that has committed nothing, or what is gone.
  offset_reset auto_offset_reset = offset_reset::none;
};

/// The time of an event for a client whose requests carry the time of day.
struct moment {
  time_point now;
  timestamp wall_clock;
};

/// A reply that is ready for the one who asked.
class ready_reply {
public:
  ready_reply() = default;
  ready_reply(const ready_reply&) = delete;
  ready_reply& operator=(const ready_reply&) = delete;
  virtual ~ready_reply() = default;

  /// Hands it over; once.
  virtual void deliver() = 0;
};

/// A worker without its actor: a dispatcher, the operations, and what they share.
///
/// Events go in with the time, effects come out; each request is answered exactly once,
/// by its deadline, with an effect.
class worker_client : public dispatching_client<worker_client> {
public:
  using effect = std::variant<open_connection, send_frame, close_connection,
    ask_credentials, log_line, std::unique_ptr<ready_reply>>;

  explicit worker_client(worker_client_options options);

  /// Begins: connects and asks for metadata.
  void start(time_point now);

  /// Takes a request; `reply` is called by an effect.
  template <class Request>
  void submit(const moment& at, Request asked, reply_function<reply_of<Request>> reply) {
    const auto around = context(at);
    submit_call(at.now,
      make_call(std::move(asked), around, later<reply_of<Request>>(std::move(reply))));
  }

  /// A fetch of a group, or without an offset, takes several steps.
  void submit(const moment& at, fetch asked, reply_function<fetched> reply);

  /// How it is: at once, or as soon as a broker can be asked.
  void submit(
    const moment& at, const get_status& asked, reply_function<worker_status> reply);

  /// A call that is made already; null: it has been answered.
  void submit_call(time_point now, std::unique_ptr<call> what);

  [[nodiscard]] time_point next_time() const;

  [[nodiscard]] bool has_effects() const { return !effects_.empty(); }
  [[nodiscard]] std::vector<effect> take_effects() { return std::exchange(effects_, {}); }

  /// Answers every request with `closed`, and closes every connection.
  void shut_down();

private:
  friend dispatching_client<worker_client>;

  template <class Reply>
  class held_reply final : public ready_reply {
  public:
    held_reply(std::shared_ptr<reply_function<Reply>> to, result<Reply> what)
      : to_(std::move(to)), what_(std::move(what)) {}
    void deliver() override { (*to_)(std::move(what_)); }

  private:
    std::shared_ptr<reply_function<Reply>> to_;
    result<Reply> what_;
  };

  struct waiter {
    time_point deadline;
    bool until_refused = false;
    reply_function<worker_status> reply;
  };

  /// Takes the outcome now, and hands it over by an effect.
  template <class Reply>
  reply_function<Reply> later(reply_function<Reply> reply) {
    return [this, to = std::make_shared<reply_function<Reply>>(std::move(reply))](
             result<Reply> what) {
      effects_.push_back(
        std::make_unique<held_reply<Reply>>(std::move(to), std::move(what)));
    };
  }

  /// A fetch in steps, on its way.
  struct stepwise {
    group_fetch machine;
    time_point deadline;
    reply_function<fetched> reply;
  };

  void proceed(const std::shared_ptr<stepwise>& f, group_fetch::next next);
  [[nodiscard]] call_context context(const moment& at);
  void after_event(time_point now);
  void answer_waiters(time_point now);
  [[nodiscard]] worker_status status(time_point now) const;
  [[nodiscard]] error why_disconnected() const;

  worker_client_options options_;
  joined_groups groups_;
  std::minstd_rand random_;
  std::vector<waiter> waiters_;
  // Of the event at hand.
  moment at_;
  std::vector<effect> effects_;
};

} // namespace cafka::protocol
