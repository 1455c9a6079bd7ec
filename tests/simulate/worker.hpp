#pragma once

#include "shell.hpp"
#include <cafka/protocol/calls/all.hpp>
#include <cafka/protocol/clients/worker_client.hpp>

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace cafka::simulate {

/// How a worker and its program behave.
struct worker_settings {
  client_settings client;
  protocol::worker_client_options options;
  std::vector<std::string> topics;
  duration longest_pause = std::chrono::seconds{1};
  std::size_t largest_value = 1'000;
  /// Of a thousand batches, how many want to be acknowledged by the leader alone.
  unsigned of_leader_alone = 200;
};

/// A worker's client, a program that asks it for all kinds of things, and streams that
/// read by it.
///
/// Promises: each request is answered once, by its deadline, with what was the case; a
/// batch that was produced is in the log once or, after an error that says so, perhaps or
/// not at all; and when all is well, requests succeed.
class worker final : public shell<worker, protocol::worker_client> {
public:
  worker(world& w, std::string name, worker_settings settings);

  void begin() override;
  void set_busy(bool busy) override;
  std::string waits_for() override;
  [[nodiscard]] std::size_t outstanding() const override { return open_.size(); }
  void check() override;
  void stop() override;
  void gone() override;

  /// As another actor asks it; `reply` is called once. A worker that is down answers so.
  template <class Request>
  void ask(Request request, reply_function<reply_of<Request>> reply) {
    const auto asked =
      std::make_shared<reply_function<reply_of<Request>>>(std::move(reply));
    const auto n = ++last_request_;
    auto& mine = open_[n];
    mine.fail = [asked](error why) { (*asked)(std::move(why)); };
    if (!lives()) {
      world_.later(random_.between({}, settings_.mailbox), [this, n] {
        fail(n, {error_code::worker_down, "no worker"});
      });
      return;
    }
    post([this, n, asked, request = std::move(request)] {
      if (open_.contains(n))
        submit(n, request, asked);
    });
  }

  /// When all is well: asks for one of everything; what fails breaks a promise.
  void probe();

private:
  friend shell;
  using client_type = protocol::worker_client;

  struct open_request {
    std::function<void(error)> fail;
    time_point deadline = time_point::max();
  };
  struct committed_state {
    /// What the group may have committed: an attempt that was given up may still arrive.
    std::set<std::int64_t> may_be;
    std::uint64_t disturbances = 0;
    bool open = false;  ///< A request is.
    bool known = false; ///< One of them was kept.
  };

  void before_event() {}
  void after_event_done() {}
  void act(std::unique_ptr<protocol::ready_reply>& x) { x->deliver(); }
  void on_crash(std::vector<effect>& left);
  void restart();

  template <class Request>
  void submit(std::uint64_t n, Request request,
    const std::shared_ptr<reply_function<reply_of<Request>>>& reply) {
    if constexpr (requires { request.while_arriving; }) {
      if (!request.while_arriving)
        open_[n].deadline = client_now() + request.deadline;
    } else if constexpr (requires { request.wait_connected; }) {
      if (request.wait_connected)
        open_[n].deadline = client_now() + request.deadline;
    } else {
      open_[n].deadline = client_now() + request.deadline;
    }
    turn([&](client_type& c) {
      c.submit({client_now(), world_.time_of_day()}, std::move(request),
        reply_function<reply_of<Request>>{
          [this, n, reply](result<reply_of<Request>> got) {
            answered(n, got.error());
            (*reply)(std::move(got));
          }});
    });
  }
  void answered(std::uint64_t n, const error& why);
  void fail(std::uint64_t n, error why);
  void fail_all(const error& why);
  [[nodiscard]] duration some_deadline();
  [[nodiscard]] place some_place();

  /// The program's requests.
  template <class Request>
  void request_for(Request what, std::function<void(result<reply_of<Request>>)> then);
  void ask_something(std::uint64_t kind, const place& where);
  void ask_to_produce(const place& where);
  void ask_to_fetch(const place& where);
  void ask_for_offsets(const place& where);
  void ask_to_commit(const place& where);
  void ask_for_committed(const place& where);
  void ask_for_metadata(const place& where);
  void look_at(const fetched& got, const place& where, log_offset from);
  void work();

  worker_settings with_;
  std::uint32_t source_ = 0;
  std::uint64_t last_request_ = 0;
  std::map<std::uint64_t, open_request> open_;
  std::size_t own_ = 0; ///< Of the program's own, those without an answer.
  std::map<place, committed_state> committed_;
  bool busy_ = false;
  bool working_ = false;
  bool probing_ = false;
  bool stopped_ = false;
};

} // namespace cafka::simulate
