#pragma once

#include <cafka/app/options.hpp>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace cafka::testing {

/// Keeps what an application logs, as lines `level component name: text`.
class kept_log {
public:
  /// For `application_options::on_log`.
  [[nodiscard]] auto writer() const {
    return [kept = kept_](log_level level, std::string_view component,
             std::string_view name, std::string_view text) {
      const std::lock_guard guard{kept->mutex};
      kept->text += to_string(level);
      for (const auto part : {component, name})
        (kept->text += ' ') += part;
      ((kept->text += ": ") += text) += '\n';
      kept->changed.notify_all();
    };
  }

  [[nodiscard]] std::string text() const {
    const std::lock_guard guard{kept_->mutex};
    return kept_->text;
  }

  /// Forgets what it has kept.
  void clear() const {
    const std::lock_guard guard{kept_->mutex};
    kept_->text.clear();
  }

  /// How often something stands in it.
  [[nodiscard]] std::size_t count(std::string_view part) const {
    const std::lock_guard guard{kept_->mutex};
    return count_locked(part);
  }

  /// False when it does not stand there so often by the deadline.
  [[nodiscard]] bool wait_for(std::string_view part, std::size_t times = 1) const {
    std::unique_lock lock{kept_->mutex};
    return kept_->changed.wait_for(
      lock, std::chrono::seconds{60}, [&] { return count_locked(part) >= times; });
  }

private:
  struct kept {
    std::mutex mutex;
    std::condition_variable changed;
    std::string text;
  };

  [[nodiscard]] std::size_t count_locked(std::string_view part) const {
    std::size_t found = 0;
    const std::string_view all = kept_->text;
    for (auto at = all.find(part); at != all.npos; at = all.find(part, at + 1))
      ++found;
    return found;
  }

  std::shared_ptr<kept> kept_ = std::make_shared<kept>();
};

} // namespace cafka::testing
