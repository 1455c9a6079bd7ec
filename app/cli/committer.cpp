#include "committer.hpp"

#include "session.hpp"

#include <algorithm>

namespace cafka::cli {

namespace {

/// Between attempts that fail.
constexpr milliseconds pause{500};

} // namespace

committer::committer(const commit_options& options, application& app)
  : options_(options), app_(app), thread_([this] { run(); }) {
}

committer::~committer() {
  {
    const std::lock_guard guard{mutex_};
    given_up_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable())
    thread_.join();
}

void committer::note(partition_id p, log_offset next, std::uint64_t records) {
  {
    const std::lock_guard guard{mutex_};
    open_[p] = next;
    records_ += records;
    if (!since_)
      since_ = clock::now();
  }
  changed_.notify_all();
}

error committer::finish() {
  {
    const std::lock_guard guard{mutex_};
    ends_by_ = clock::now() + options_.timeout;
    not_before_ = clock::time_point::min();
  }
  changed_.notify_all();
  thread_.join();
  return open_.empty() ? error{} : failed_;
}

committer::clock::time_point committer::next_time() const {
  if (open_.empty() || !since_)
    return clock::time_point::max();
  if (ends_by_ || (options_.threshold > 0 && records_ >= options_.threshold))
    return not_before_;
  if (options_.interval <= milliseconds{0})
    return clock::time_point::max();
  return std::max(*since_ + options_.interval, not_before_);
}

void committer::run() {
  std::unique_lock lock{mutex_};
  while (!given_up_ && !(ends_by_ && (open_.empty() || clock::now() >= *ends_by_))) {
    const auto at = next_time();
    if (at <= clock::now())
      commit(lock);
    else if (at == clock::time_point::max())
      changed_.wait(lock);
    else
      changed_.wait_until(lock, at);
  }
}

void committer::commit(std::unique_lock<std::mutex>& lock) {
  const auto now = clock::now();
  offset_commit request;
  request.group = options_.group;
  for (const auto& [partition, next] : open_) {
    auto& o = request.offsets.emplace_back();
    o.topic = options_.topic;
    o.partition = partition;
    o.offset = next;
  }
  request.deadline = options_.timeout;
  if (ends_by_)
    request.deadline = std::clamp(std::chrono::ceil<milliseconds>(*ends_by_ - now),
      milliseconds{1}, options_.timeout);
  records_ = 0;
  since_.reset();
  lock.unlock();
  const auto committed = app_.offset_commit(request);
  lock.lock();
  if (committed) {
    for (const auto& o : request.offsets) {
      if (const auto found = open_.find(o.partition);
          found != open_.end() && found->second == o.offset)
        open_.erase(found);
    }
    failed_ = {};
    return;
  }
  failed_ = committed.error();
  given_up_ = ends_by_ && !may_pass(failed_.code);
  if (!since_)
    since_ = now;
  not_before_ = clock::now() + pause;
}

} // namespace cafka::cli
