#include "starters/stream_starter.hpp"

#include <caf/actor_system.hpp>
#include <caf/scoped_actor.hpp>

#include <atomic>
#include <mutex>
#include <utility>
#include <vector>

namespace cafka {

namespace {

using std::chrono::steady_clock;

/// Beyond a stream's deadline, for its own answer that it has passed.
constexpr milliseconds grace{2'000};

const error cancelled{error_code::closed, "the stream was cancelled"};

/// The result of an iteration, and of its last commit.
error outcome_of(error outcome, const error& commit) {
  if (!commit)
    return outcome;
  const auto text = "the last commit failed: " + to_string(commit);
  if (!outcome)
    return {commit.code, text};
  outcome.detail += "; " + text;
  return outcome;
}

} // namespace

/// What all copies of a stream share.
class stream::source {
public:
  source(std::shared_ptr<stream_starter> starter, std::string topic,
    partition_id partition, stream_options options)
    : starter_(std::move(starter)),
      topic_(std::move(topic)),
      partition_(partition),
      options_(std::move(options)) {}

  ~source() { complain(); }

  source(const source&) = delete;
  source& operator=(const source&) = delete;

  [[nodiscard]] caf::actor_system& system() const { return starter_->system(); }

  [[nodiscard]] std::shared_ptr<source> from(log_offset offset) const {
    auto options = options_;
    options.offset = offset;
    return std::make_shared<source>(starter_, topic_, partition_, std::move(options));
  }

  // -- iterations -----------------------------------------------------------------------

  [[nodiscard]] result<protocol::stream_client_options> settings() {
    auto all = starter_->settings(topic_, partition_, options_);
    const std::lock_guard guard{mutex_};
    if (all && start_)
      all->cursor.start = *start_;
    return all;
  }

  [[nodiscard]] result<stream_actor> read(const protocol::stream_client_options& settings,
    const caf::strong_actor_ptr& reader) {
    {
      const std::lock_guard guard{mutex_};
      if (cancelled_)
        return cancelled;
      readers_.push_back(reader);
    }
    return starter_->start(settings, options_.worker, reader);
  }

  void ended(const caf::strong_actor_ptr& reader, error outcome) {
    const std::lock_guard guard{mutex_};
    std::erase(readers_, reader);
    complain();
    outcome_ = std::move(outcome);
    asked_about_ = false;
  }

  [[nodiscard]] bool is_cancelled() const { return cancelled_; }

  void cancel() {
    const std::lock_guard guard{mutex_};
    cancelled_ = true;
    for (const auto& reader : readers_)
      post(reader, stream_end{topic_, partition_, {}, cancelled, {}, {}});
  }

  [[nodiscard]] error outcome() {
    const std::lock_guard guard{mutex_};
    asked_about_ = true;
    return outcome_;
  }

  void keep_start(std::optional<log_offset> start) {
    const std::lock_guard guard{mutex_};
    if (!start_)
      start_ = start;
  }

  [[nodiscard]] std::optional<log_offset> start() {
    const std::lock_guard guard{mutex_};
    return start_;
  }

private:
  void complain() {
    if (!asked_about_ && outcome_ && outcome_.code != error_code::closed)
      starter_->log().write(log_level::error, "stream",
        topic_ + '/' + std::to_string(partition_.value()),
        "ended with " + to_string(outcome_)
          + ", and the program did not ask for `outcome()`");
  }

  const std::shared_ptr<stream_starter> starter_;
  const std::string topic_;
  const partition_id partition_;
  const stream_options options_;
  std::mutex mutex_;
  std::optional<log_offset> start_;
  std::vector<caf::strong_actor_ptr> readers_;
  std::atomic<bool> cancelled_ = false;
  error outcome_;
  bool asked_about_ = false;
};

/// One walk through a stream: the consumer of a stream actor, in the thread that walks.
class stream::iteration {
public:
  explicit iteration(std::shared_ptr<source> of) : source_(std::move(of)) {}

  ~iteration() {
    if (started_ && !over_)
      finish({});
  }

  iteration(const iteration&) = delete;
  iteration& operator=(const iteration&) = delete;

  [[nodiscard]] const stream_record& current() const { return current_; }

  /// Waits for the next record, unless there is one already.
  bool load() {
    if (loaded_)
      return true;
    while (!over_ && at_ == end_) {
      if (!started_)
        start();
      else
        next_batch();
    }
    if (!over_ && source_->is_cancelled())
      finish(cancelled);
    if (over_)
      return false;
    static_cast<protocol::record_view&>(current_) = *at_;
    loaded_ = true;
    return true;
  }

  void move_on() {
    if (!load())
      return;
    loaded_ = false;
    done_before_ = current_.offset + 1;
    ++at_;
    if (commits_)
      report_now_and_then();
  }

private:
  void start() {
    started_ = true;
    auto settings = source_->settings();
    if (!settings) {
      end_before_start(settings.error());
      return;
    }
    self_.emplace(source_->system());
    deadline_ = settings->cursor.deadline;
    commits_ = settings->cursor.commits;
    report_after_ = settings->cursor.commit_threshold;
    report_every_ = settings->cursor.auto_commit_interval / 8;
    auto reader = source_->read(*settings, address());
    if (!reader) {
      end_before_start(reader.error());
      return;
    }
    stream_ = *std::move(reader);
    watch(*self_, stream_, [](const caf::error& reason) {
      stream_end end;
      end.outcome = {
        error_code::closed, "the stream's actor ended: " + to_string(reason)};
      return end;
    });
    reported_at_ = steady_clock::now();
    tell(*self_, stream_, stream_credit{});
    receive();
  }

  void end_before_start(error why) {
    over_ = true;
    source_->ended(self_ ? address() : nullptr, std::move(why));
  }

  void next_batch() {
    done_before_ = current_.batch->next_offset();
    // A copy of a record keeps the batch alive; nothing else does.
    current_ = {};
    at_ = end_ = {};
    report(1);
    receive();
  }

  void receive() {
    (*self_)->receive(
      [this](stream_batch& msg) {
        source_->keep_start(msg.start);
        commits_ = commits_ && !msg.group.empty();
        current_.batch =
          std::make_shared<const protocol::fetched_records>(std::move(msg.records));
        at_ = current_.batch->begin();
        end_ = current_.batch->end();
      },
      [this](const stream_end& msg) {
        source_->keep_start(msg.start);
        finish(msg.outcome);
      });
  }

  /// Tells the stream what has been handed over, so that it can commit by count and time.
  void report_now_and_then() {
    const auto now = steady_clock::now();
    ++unreported_;
    if ((report_after_ > 0 && unreported_ >= report_after_)
      || (report_every_ > milliseconds{0} && now - reported_at_ >= report_every_))
      report(0);
  }

  void report(std::uint32_t more_batches) {
    tell(*self_, stream_, stream_credit{more_batches, done_before_});
    unreported_ = 0;
    reported_at_ = steady_clock::now();
  }

  /// Ends the stream and waits for its last commit. The user's leaving is no error.
  void finish(error why) {
    over_ = true;
    error commit;
    ask(*self_, stream_, deadline_ + grace, stream_stop{done_before_})
      .receive(
        [&](const stream_end& msg) {
          source_->keep_start(msg.start);
          commit = msg.commit_error;
        },
        [&](const caf::error& e) {
          // Killed, or ended with the application.
          if (commits_ && done_before_)
            commit = {error_code::outcome_unknown,
              "the stream's actor gave no answer: " + to_string(e)};
        });
    source_->ended(address(), outcome_of(std::move(why), commit));
  }

  [[nodiscard]] caf::strong_actor_ptr address() const {
    return caf::actor_cast<caf::strong_actor_ptr>(*self_);
  }

  const std::shared_ptr<source> source_;
  std::optional<caf::scoped_actor> self_;
  stream_actor stream_;
  milliseconds deadline_{0};
  bool started_ = false;
  bool over_ = false;
  bool loaded_ = false;
  stream_record current_;
  protocol::fetched_records::iterator at_;
  protocol::fetched_records::iterator end_;

  bool commits_ = false;
  std::size_t report_after_ = 0;
  milliseconds report_every_{0};
  std::optional<log_offset> done_before_;
  std::size_t unreported_ = 0;
  steady_clock::time_point reported_at_;
};

// -- the handle -------------------------------------------------------------------------

stream::stream(std::shared_ptr<stream_starter> starter, std::string topic,
  partition_id partition, stream_options options)
  : source_(std::make_shared<source>(
    std::move(starter), std::move(topic), partition, std::move(options))) {
}

stream::iterator stream::begin() const {
  return iterator{std::make_shared<iteration>(source_)};
}

result<done> stream::outcome() const {
  auto outcome = source_->outcome();
  if (!outcome)
    return done{};
  return outcome;
}

void stream::cancel() const {
  source_->cancel();
}

stream stream::from(log_offset offset) const {
  return stream{source_->from(offset)};
}

std::optional<log_offset> stream::start() const {
  return source_->start();
}

const stream_record& stream::iterator::operator*() const {
  static_cast<void>(of_->load());
  return of_->current();
}

stream::iterator& stream::iterator::operator++() {
  of_->move_on();
  return *this;
}

bool stream::iterator::at_end() const {
  return of_ == nullptr || !of_->load();
}

} // namespace cafka
