#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <string_view>
#include <utility>
#include <vector>

namespace cafka::supervision {

/// Finds where something is kept by what it is called, in one access of memory however
/// much there is.
///
/// It knows only numbers: a tag made of each name and a place; what is there the caller
/// compares. Neither looking up nor growing touches what is kept, as a table of nodes
/// does, which is out of the cache once there are many.
class place_index {
public:
  /// A number that the caller chose.
  using place = std::uint32_t;
  /// A short hash of a name.
  using tag = std::uint32_t;

  /// No place.
  static constexpr place nowhere = std::numeric_limits<place>::max();

  /// The tag of a name.
  static tag tag_of(std::string_view name) {
    return static_cast<tag>(std::hash<std::string_view>{}(name));
  }

  /// Of one of many numbers that are mostly given in turn: eight of them share a line of
  /// the cache.
  static tag tag_of(std::uint64_t number) {
    return static_cast<tag>(((number >> 3) * 0x9E3779B97F4A7C15ull) >> 32) << 3
      | static_cast<tag>(number & 7);
  }

  /// The place with this tag for which `is_it(place)` holds; `nowhere` if there is none.
  template <class IsIt>
  [[nodiscard]] place find(tag which, IsIt is_it) const {
    if (size_ == 0)
      return nowhere;
    for (auto i = first_slot(which); slots_[i].where != nowhere; i = next(i))
      if (slots_[i].which == which && is_it(slots_[i].where))
        return slots_[i].where;
    return nowhere;
  }

  /// Adds a place, which must not be there yet and not be `nowhere`.
  void insert(tag which, place where) {
    if ((size_ + 1) * 4 > slots_.size() * 3)
      grow();
    put({which, where});
    ++size_;
  }

  /// Forgets a place; false if it is not there under this tag.
  bool erase(tag which, place where) {
    if (size_ == 0)
      return false;
    auto hole = first_slot(which);
    while (slots_[hole].where != where) {
      if (slots_[hole].where == nowhere)
        return false;
      hole = next(hole);
    }
    // Whatever was put behind it for want of room moves up.
    for (auto i = next(hole); slots_[i].where != nowhere; i = next(i))
      if (distance(first_slot(slots_[i].which), i) >= distance(hole, i))
        slots_[std::exchange(hole, i)] = slots_[i];
    slots_[hole] = {};
    --size_;
    return true;
  }

  /// How many places are in it.
  [[nodiscard]] std::size_t size() const { return size_; }

private:
  struct slot {
    tag which = 0;
    place where = nowhere;
  };

  [[nodiscard]] std::size_t first_slot(tag which) const {
    return which & (slots_.size() - 1);
  }

  [[nodiscard]] std::size_t next(std::size_t i) const {
    return (i + 1) & (slots_.size() - 1);
  }

  [[nodiscard]] std::size_t distance(std::size_t from, std::size_t to) const {
    return (to - from) & (slots_.size() - 1);
  }

  void put(slot what) {
    auto i = first_slot(what.which);
    while (slots_[i].where != nowhere)
      i = next(i);
    slots_[i] = what;
  }

  void grow() {
    const auto old =
      std::exchange(slots_, std::vector<slot>(slots_.empty() ? 8 : slots_.size() * 2));
    for (const auto& s : old)
      if (s.where != nowhere)
        put(s);
  }

  std::vector<slot> slots_; // a power of two of them
  std::size_t size_ = 0;
};

} // namespace cafka::supervision
