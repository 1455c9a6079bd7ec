#pragma once

#include "../machines/consumer_machine.hpp"
#include "../records/run_reader.hpp"
#include "consumed.hpp"
#include "dispatching_client.hpp"

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

namespace cafka::protocol {

/// How a consumer's client behaves.
struct consumer_client_options {
  /// Its name, for errors.
  std::string name = {};
  dispatcher_options cluster = {};
  consumer_machine_options machine = {};
  /// How long a broker may owe an answer beyond what the request lets it wait.
  std::chrono::milliseconds request_timeout = defaults::request_timeout;
  /// How records are read. Once its `stop` says so, nothing is read any more.
  read_options reading = {};
};

/// A consumer without its actor: a dispatcher, a consumer machine, the requests between
/// them, and the reading of what was fetched.
///
/// Events go in with the time, effects come out. What grows when it is decompressed waits
/// while the program holds its memory's worth.
class consumer_client : public dispatching_client<consumer_client> {
public:
  /// Records of a partition that can be handed out; without content there were none for
  /// the program.
  struct arrival {
    std::uint32_t slot = 0;
    std::uint64_t generation = 0;
    log_offset next;
    std::shared_ptr<consumed_content> content;
  };
  struct arrived {
    std::vector<arrival> all;
  };
  /// The answer to a request of this API took so long.
  struct request_took {
    api_key what{};
    time_point::duration time{};
  };

  using effect = std::variant<open_connection, send_frame, close_connection,
    ask_credentials, log_line, arrived, request_took, consumer_machine::positioned,
    consumer_machine::report, consumer_machine::stray>;

  consumer_client(consumer_client_options options, std::shared_ptr<byte_budget> budget);

  /// Begins: connects and asks for metadata.
  void start(time_point now);

  // What has happened on the program's side; `on_program` or another event follows.

  /// A partition is to be read, or in another way than before.
  void set(time_point now, std::uint32_t slot, const consumer_machine::assignment& what);
  void remove(time_point now, std::uint32_t slot);
  /// The program was handed so many bytes of a partition.
  void on_taken(
    time_point now, std::uint32_t slot, std::uint64_t generation, std::size_t bytes);
  void on_program(time_point now);
  /// Whether a partition waits for `on_taken`.
  [[nodiscard]] bool wants_taking() const { return machine_.wants_taking(); }

  void on_progress(
    time_point now, connection_id id, std::size_t received, std::size_t expected);
  [[nodiscard]] time_point next_time() const;

  [[nodiscard]] bool has_effects() const { return !effects_.empty(); }
  [[nodiscard]] std::vector<effect> take_effects() { return std::exchange(effects_, {}); }

  /// Closes every connection.
  void shut_down(time_point now);

  [[nodiscard]] const consumer_machine& machine() const { return machine_; }
  /// How the partitions are, for people; why they wait names their connections.
  [[nodiscard]] std::vector<consumer_machine::partition_view> view(time_point now) const;

private:
  friend dispatching_client<consumer_client>;

  class fetch_call;
  class offsets_call;
  class topics_query;

  /// Records as they came, which nobody has looked at.
  struct unread {
    consumer_machine::fetched what;
    std::shared_ptr<const void> frame;
    std::optional<run_reader> reader;
  };

  [[nodiscard]] bool stopped() const {
    return options_.reading.stop != nullptr && options_.reading.stop->load();
  }
  void after_event(time_point now);
  void take_answer(
    std::uint64_t request, fetch_response answer, const shared_bytes& frame);
  void took(api_key what, std::uint64_t request);
  void read_on(time_point now);
  run_reader::state read(time_point now, unread& u);
  void act(time_point now, consumer_machine::send_fetch& x);
  void act(time_point now, consumer_machine::send_list_offsets& x);
  void act(time_point now, consumer_machine::ask_metadata& x);
  void act(time_point now, consumer_machine::positioned& x);
  void act(time_point now, consumer_machine::report& x);
  void act(time_point now, consumer_machine::stray& x);
  void add_connection(std::string& why, broker_id about) const;
  void tell_moves();

  const consumer_client_options options_;
  const std::shared_ptr<byte_budget> budget_;
  consumer_machine machine_;
  std::unordered_map<std::uint64_t, time_point> sent_at_;
  std::deque<unread> unread_;
  std::size_t unread_bytes_ = 0;
  std::size_t turn_left_ = 0;
  // The turn was over before all was read.
  bool reads_on_ = false;
  std::vector<arrival> arrivals_;
  std::size_t next_broker_ = 0;
  std::vector<effect> effects_;
};

} // namespace cafka::protocol
