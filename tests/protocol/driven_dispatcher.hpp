#pragma once

#include <cafka/protocol/machines/dispatcher.hpp>

#include <memory>
#include <utility>
#include <variant>

/// A dispatcher whose effects are carried out after each event, by the test.
class driven_dispatcher {
public:
  class output {
  public:
    enum class send_status : std::uint8_t { queued, full, closed };

    virtual void connect(
      std::uint64_t connection, const cafka::protocol::endpoint& to) = 0;
    virtual send_status send(std::uint64_t connection, cafka::protocol::frame bytes) = 0;
    virtual void disconnect(std::uint64_t connection) = 0;
    virtual void happened(const cafka::protocol::log_line&) {}
    virtual void asked(const cafka::protocol::ask_credentials&) {}

  protected:
    ~output() = default;
  };

  using time_point = cafka::protocol::time_point;
  using connection_info = cafka::protocol::dispatcher::connection_info;

  driven_dispatcher(cafka::protocol::dispatcher_options options, output& out)
    : machine_(std::move(options)), out_(out) {}

  void start(time_point now) {
    machine_.start(now);
    carry_out(now);
  }
  void submit(time_point now, std::unique_ptr<cafka::protocol::call> what) {
    machine_.submit(now, std::move(what));
    carry_out(now);
  }
  void on_up(time_point now, std::uint64_t connection) {
    machine_.on_up(now, connection);
    carry_out(now);
  }
  void on_frame(time_point now, std::uint64_t connection,
    const cafka::protocol::shared_bytes& payload) {
    machine_.on_frame(now, connection, payload);
    carry_out(now);
  }
  void on_progress(time_point now, std::uint64_t connection, std::size_t received,
    std::size_t expected) {
    machine_.on_progress(now, connection, received, expected);
    carry_out(now);
  }
  void on_outdated(time_point now, std::uint64_t connection) {
    machine_.on_outdated(now, connection);
    carry_out(now);
  }
  void on_down(
    time_point now, std::uint64_t connection, const cafka::protocol::error& why) {
    machine_.on_down(now, connection, why);
    carry_out(now);
  }
  void on_time(time_point now) {
    machine_.on_time(now);
    carry_out(now);
  }
  void on_credentials(time_point now, std::uint64_t connection,
    cafka::protocol::result<cafka::protocol::sasl::login> with) {
    machine_.on_credentials(now, connection, std::move(with));
    carry_out(now);
  }
  void shut_down(const cafka::protocol::error& why) {
    machine_.shut_down(why);
    carry_out({});
  }

  [[nodiscard]] time_point next_time() const { return machine_.next_time(); }
  [[nodiscard]] const auto& known() const { return machine_.known(); }
  [[nodiscard]] bool connected() const { return machine_.connected(); }
  [[nodiscard]] std::size_t pending() const { return machine_.pending(); }
  [[nodiscard]] auto connections() const { return machine_.connections(); }
  [[nodiscard]] std::string why_disconnected() const {
    return machine_.why_disconnected();
  }
  [[nodiscard]] bool unreachable() const { return machine_.unreachable(); }
  [[nodiscard]] auto logins_so_far() const { return machine_.logins_so_far(); }
  [[nodiscard]] auto broker_at(std::uint64_t connection) const {
    return machine_.broker_at(connection);
  }

private:
  void carry_out(time_point now) {
    using namespace cafka::protocol;
    while (machine_.has_effects()) {
      for (auto& e : machine_.take_effects()) {
        if (auto* opened = std::get_if<open_connection>(&e)) {
          out_.connect(opened->id, opened->to);
        } else if (auto* frame = std::get_if<send_frame>(&e)) {
          const auto sent = out_.send(frame->id, std::move(frame->bytes));
          if (sent != output::send_status::queued)
            machine_.on_refused(now, *frame, sent == output::send_status::closed);
        } else if (auto* closed = std::get_if<close_connection>(&e)) {
          out_.disconnect(closed->id);
        } else if (auto* line = std::get_if<log_line>(&e)) {
          out_.happened(*line);
        } else if (auto* ask = std::get_if<ask_credentials>(&e)) {
          out_.asked(*ask);
        } else {
          std::get<call_outcome>(e).finish();
        }
      }
      machine_.on_carried_out(now);
    }
  }

  cafka::protocol::dispatcher machine_;
  output& out_;
};
