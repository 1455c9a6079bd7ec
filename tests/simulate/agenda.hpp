#pragma once

#include "random.hpp"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

namespace cafka::simulate {

/// What happens when, in its order; what is due at the same time happens in the order in
/// which it was planned.
class agenda {
public:
  void at(time_point when, std::function<void()> what) {
    entries_.push_back({when, ++last_, std::move(what)});
    std::ranges::push_heap(entries_, later);
  }
  [[nodiscard]] time_point next() const {
    return entries_.empty() ? time_point::max() : entries_.front().when;
  }
  /// Takes the first out.
  std::function<void()> take() {
    std::ranges::pop_heap(entries_, later);
    auto what = std::move(entries_.back().what);
    entries_.pop_back();
    return what;
  }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

private:
  struct entry {
    time_point when;
    std::uint64_t number = 0;
    std::function<void()> what;
  };
  static bool later(const entry& a, const entry& b) {
    return a.when != b.when ? a.when > b.when : a.number > b.number;
  }

  std::vector<entry> entries_;
  std::uint64_t last_ = 0;
};

} // namespace cafka::simulate
