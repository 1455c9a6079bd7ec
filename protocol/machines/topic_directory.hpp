#pragma once

#include "../result.hpp"
#include "backoff.hpp"
#include "known_topic.hpp"

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace cafka::protocol {

/// How a client wants to know of topics.
struct topic_directory_options {
  /// How often all topics in use are asked about; zero: only when needed.
  std::chrono::milliseconds update_interval{0};
  /// A topic that was not used for so long is released; zero: only `release` does that.
  std::chrono::milliseconds idle{0};
  /// How long the next question waits after one that failed.
  backoff_options retry_backoff = defaults::retry;
  /// Of which partitions something is kept.
  known_topic::scope kept = known_topic::scope::all;
  /// Whether each question names all topics in use, or only those that are wanted.
  bool names_all = true;
  /// Whether it is asked without a topic as well: about the brokers alone.
  bool about_brokers = false;
  /// Whether something is kept for a while of topics that nobody uses.
  bool keeps_unused = false;
  /// Seeds the jitter.
  std::uint64_t seed = 0;
};

/// What a client knows of the topics that it uses, and when it asks for more: who uses
/// which topic, what a question names, when the next one is due, and what an answer
/// changes.
///
/// Worker, producer and consumer each have one. Events go in with the time; `ask` yields
/// the question that is due, one at a time, and `on_metadata` what its answer has
/// changed. What follows from that is its owner's.
class topic_directory {
public:
  using time_point = std::chrono::steady_clock::time_point;

  /// Between two questions when the first did not tell what was wanted.
  static constexpr std::chrono::milliseconds leader_pause{100};
  /// The same for what was refused already, and asked for in case that changes.
  static constexpr std::chrono::milliseconds unknown_pause{1'000};

  class topic : public known_topic {
  public:
    [[nodiscard]] const std::string& name() const { return *name_; }
    /// Whether the next question shall name it.
    [[nodiscard]] bool wanted() const { return wanted_; }

  private:
    friend class topic_directory;

    const std::string* name_ = nullptr;
    time_point last_used_ = time_point::min();
    bool used_ = false;
    bool kept_ = false;   // Never idle.
    bool asked_ = false;  // By a question since it is used.
    bool asking_ = false; // By the question under way.
    bool named_ = false;  // In the last answer.
    bool wanted_ = false;
    bool create_ = false; // The next question may make it.
  };

  struct question {
    std::vector<std::string> topics;
    /// Whether the broker may make those that are not there.
    bool create = false;
    /// The last answer was contradicted: another broker is to be asked.
    bool elsewhere = false;
    /// Questions before it, in a row, that have failed.
    std::uint32_t failures = 0;
  };

  /// What an answer has changed.
  struct change {
    topic* about = nullptr;
    known_topic::update what = known_topic::update::known;
    uuid former;                                     ///< Its id before.
    const metadata_response_topic* answer = nullptr; ///< Null: `left_out`.
  };

  explicit topic_directory(topic_directory_options options = {});

  // -- who uses what --------------------------------------------------------------------

  /// Begins to ask every `update_interval`, unless that has begun.
  void start(time_point now);
  /// Ends all questions.
  void stop();
  /// A topic is used, from now on or again. Its first question does not wait.
  topic& use(const std::string& name, time_point now);
  /// Likewise, until it is released: it is never idle.
  topic& keep(const std::string& name);
  void release(const std::string& name);
  /// Forgets what is idle and what nobody uses, after a while.
  void plan_release(time_point now);

  // -- what is wanted -------------------------------------------------------------------

  /// Metadata of the topic are wanted, no sooner than so long after the last answer.
  void want(topic& t, std::chrono::milliseconds pause = leader_pause);
  /// Of all topics in use.
  void want_all(std::chrono::milliseconds pause = leader_pause);
  /// What was known of the topic is of no use: it is asked for as if it was new.
  void want_anew(topic& t);
  /// The next question that names it may make it.
  static void may_create(topic& t) { t.create_ = true; }

  // -- events ---------------------------------------------------------------------------

  void on_time(time_point now);
  /// The answer to the question under way.
  [[nodiscard]] std::vector<change> on_metadata(
    time_point now, const metadata_response& answer);
  /// It has failed.
  void on_failure(time_point now, const error& why);
  /// A leader says that it is none. What is known may be out of date, and so may be the
  /// broker that told it.
  void on_stale(const std::string& name, partition_id p, broker_id leader);
  /// A leader does not know the epoch that it is said to lead in.
  void on_disowned(const std::string& name, partition_id p, broker_id leader);
  /// A leader has answered as the leader: what says otherwise is out of date.
  void on_led(const std::string& name, partition_id p, broker_id leader);
  /// The broker that was asked last was wrong about something else.
  void on_contradiction() { contradicted_ = true; }
  /// A broker that refused a request about a partition has named its leader (KIP-951).
  /// False: it is not newer than what is known.
  bool on_leader_named(topic& t, partition_id p, broker_id leader, leader_epoch e);

  /// The two parts of `on_metadata`, for clients that learn of topics from answers to
  /// other questions as well. `complete`: there are no others.
  std::vector<change> learn(
    time_point now, const metadata_response& answer, bool complete = false);
  void on_answered(time_point now);

  // -- what is to be done ---------------------------------------------------------------

  /// Says whether a question is to name a topic.
  using filter = std::function<bool(const topic&)>;
  /// The question that is due; it is under way until it is answered or has failed.
  [[nodiscard]] std::optional<question> ask(time_point now, const filter& names = {});
  /// Whether a question is due.
  [[nodiscard]] bool due(time_point now) const;
  /// When `on_time` must be called, or `ask`, at the latest.
  [[nodiscard]] time_point next_time() const;

  // -- what is known --------------------------------------------------------------------

  [[nodiscard]] topic* find(const std::string& name);
  [[nodiscard]] const topic* find(const std::string& name) const;
  [[nodiscard]] bool uses(const std::string& name) const;
  /// Topics of which something is known.
  [[nodiscard]] std::size_t known_count() const;
  /// Whether a question is under way.
  [[nodiscard]] bool asking() const { return asking_; }
  /// Whether anything is wanted that no question has asked for.
  [[nodiscard]] bool wanting() const { return wanted_; }
  /// Whether the question under way names it.
  [[nodiscard]] static bool asks_about(const topic& t) { return t.asking_; }
  /// Whether any question was ever answered.
  [[nodiscard]] bool answered() const { return answered_at_ != time_point::min(); }
  /// Why the last question has failed; `none`: it was answered.
  [[nodiscard]] const error& last_error() const { return last_error_; }
  /// Which leaders have moved since the last time, for the log.
  [[nodiscard]] bool has_moves() const { return !moves_.empty(); }
  [[nodiscard]] leader_moves take_moves() { return std::exchange(moves_, {}); }

private:
  using topics = std::map<std::string, topic>;

  topic& enter(const std::string& name);
  void want_after(std::chrono::milliseconds pause);
  [[nodiscard]] time_point not_before() const;
  [[nodiscard]] bool gather(question& q, bool create, const filter& names);
  topics::iterator erase(topics::iterator at);
  void set_asked(topic& t, bool asked);
  void drop_idle(time_point now);

  topic_directory_options options_;
  std::minstd_rand random_;
  topics topics_;
  std::size_t used_ = 0;
  std::size_t unasked_ = 0; // Of those in use.
  leader_moves moves_;

  bool wanted_ = false;
  bool all_wanted_ = false;
  std::chrono::milliseconds pause_{0}; // The shortest that is wanted.
  bool at_once_ = false; // Something is wanted that no question has named yet.
  bool asking_ = false;
  bool all_asked_ = false;
  bool left_out_ = false; // By the last question: topics that it might have made.
  bool contradicted_ = false;
  bool doubted_ = false;       // Earlier epochs were told of some topic.
  std::uint32_t failures_ = 0; // In a row.
  error last_error_;
  time_point answered_at_ = time_point::min();
  time_point failed_until_ = time_point::min();
  time_point next_refresh_ = time_point::max();
  time_point release_at_ = time_point::max();
};

} // namespace cafka::protocol
