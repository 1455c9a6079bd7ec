#pragma once

#include "child_spec.hpp"
#include "place_index.hpp"
#include "registry.hpp"

#include <caf/actor_control_block.hpp>
#include <caf/error.hpp>

#include <cstdint>
#include <deque>
#include <unordered_map>
#include <utility>

namespace cafka::supervision::detail {

/// What a supervisor has of its children beside its machine, at the machine's places, and
/// who is behind a handle.
class child_table {
public:
  using place = place_index::place;

  static constexpr place nowhere = place_index::nowhere;

  struct entry {
    child_spec spec;
    caf::strong_actor_ptr handle; // also of an ended child, until it is replaced
    std::uint64_t restarts = 0;
    caf::error why;                            // it ended or could not be started
    bool alive = false;                        // the handle's actor
    bool told = false;                         // it was, to end
    bool second = false;                       // it came from the one that was starting
    registry::place named = registry::nowhere; // where our name is
  };

  entry& operator[](place where) { return entries_[where]; }
  const entry& operator[](place where) const { return entries_[where]; }
  [[nodiscard]] auto begin() { return entries_.begin(); }
  [[nodiscard]] auto end() { return entries_.end(); }

  /// The entry of a place that is new to the table, or empty.
  entry& at(place where) {
    if (where >= entries_.size())
      entries_.resize(where + 1);
    return entries_[where];
  }

  /// Whose handle this is, or, of a child that is restarted, was.
  [[nodiscard]] place find(const caf::strong_actor_ptr& handle) const {
    const auto where = find_current(handle);
    if (where != nowhere || last_.empty())
      return where;
    return by_last_.find(
      place_index::tag_of(handle->id()), [&](place p) { return last_.at(p) == handle; });
  }

  [[nodiscard]] place find_current(const caf::strong_actor_ptr& handle) const {
    return by_handle_.find(place_index::tag_of(handle->id()),
      [&](place p) { return entries_[p].handle == handle; });
  }

  /// Gives a child a handle in the place of the one that it has.
  void set_handle(place where, caf::strong_actor_ptr handle) {
    drop_handle(where);
    by_handle_.insert(place_index::tag_of(handle->id()), where);
    entries_[where].handle = std::move(handle);
    entries_[where].alive = true;
  }

  void drop_handle(place where) {
    auto& c = entries_[where];
    if (c.handle != nullptr)
      by_handle_.erase(place_index::tag_of(c.handle->id()), where);
    c.handle = nullptr;
    c.alive = false;
    c.told = false;
  }

  /// Before a restart: the child is known by the handle that it had when it ended,
  /// however often that fails, until `forget_last`.
  void keep_last(place where) {
    if (const auto& handle = entries_[where].handle;
        handle != nullptr && last_.try_emplace(where, handle).second)
      by_last_.insert(place_index::tag_of(handle->id()), where);
    drop_handle(where);
  }

  void forget_last(place where) {
    if (const auto last = last_.extract(where); !last.empty())
      by_last_.erase(place_index::tag_of(last.mapped()->id()), where);
  }

private:
  std::deque<entry> entries_; // for none of them moves
  place_index by_handle_;
  std::unordered_map<place, caf::strong_actor_ptr> last_;
  place_index by_last_;
};

} // namespace cafka::supervision::detail
