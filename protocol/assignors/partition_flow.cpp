#include "partition_flow.hpp"

#include <algorithm>
#include <deque>
#include <numeric>

namespace cafka::protocol {

namespace {

/// How many more units cost the same.
std::int32_t alike_to_give(const partition_flow::cell& c) {
  return c.units < c.owned ? c.owned - c.units : std::numeric_limits<std::int32_t>::max();
}

std::int32_t alike_to_take(const partition_flow::cell& c) {
  return c.units > c.owned ? c.units - c.owned : c.units;
}

} // namespace

partition_flow::partition_flow(std::size_t rows, std::vector<std::int32_t> supply,
  std::vector<cell> cells, std::int64_t patience)
  : patience_(patience),
    left_(std::move(supply)),
    cells_(std::move(cells)),
    rows_from_(rows + 1),
    columns_from_(left_.size() + 1),
    of_column_(cells_.size()),
    fewest_first_(left_.size()),
    load_(rows),
    row_at_(rows),
    column_at_(left_.size()),
    row_next_(rows),
    column_next_(left_.size()),
    row_closed_(rows),
    column_closed_(left_.size()) {
  for (const auto& c : cells_) {
    ++rows_from_[c.row + 1];
    ++columns_from_[c.column + 1];
  }
  std::partial_sum(rows_from_.begin(), rows_from_.end(), rows_from_.begin());
  std::partial_sum(columns_from_.begin(), columns_from_.end(), columns_from_.begin());
  auto next = columns_from_;
  for (std::uint32_t i = 0; i != cells_.size(); ++i)
    of_column_[next[cells_[i].column]++] = i;
  std::iota(fewest_first_.begin(), fewest_first_.end(), 0U);
  std::ranges::stable_sort(
    fewest_first_, {}, [&](std::uint32_t c) { return cells_of(c).size(); });
}

std::int64_t partition_flow::left() const {
  return std::accumulate(left_.begin(), left_.end(), std::int64_t{0});
}

std::int64_t partition_flow::to_give(const cell& c) const {
  return (c.far ? a_rack_ : 0) + (c.units < c.owned ? 0 : a_move_);
}

std::int64_t partition_flow::to_take(const cell& c) const {
  return -(c.far ? a_rack_ : 0) - (c.units > c.owned ? a_move_ : 0);
}

void partition_flow::fill(std::span<const std::int64_t> room) {
  room_ = room;
  keep_owned();
  for (;;) {
    if (patience_ < 0) {
      // All ways are equally good from here on, so that few walks find the rest.
      a_move_ = 0;
      a_rack_ = 0;
    }
    measure();
    target_ = far_away;
    for (std::uint32_t r = 0; r != load_.size(); ++r) {
      if (room_in(r) > 0)
        target_ = std::min(target_, row_at_[r]);
    }
    if (target_ == far_away)
      return;
    share_out();
    // What is pushed back along a shortest path leaves all distances as they are, so that
    // they are measured again only when nothing more fits along them.
    while (augment() && (patience_ >= 0 || a_move_ == 0)) {
    }
  }
}

/// Pushes units along shortest paths, in one walk over rows and columns; returns whether
/// there was one. Whoever led nowhere, or is on the way already, is not entered again.
bool partition_flow::augment() {
  std::copy_n(rows_from_.begin(), row_next_.size(), row_next_.begin());
  std::copy_n(columns_from_.begin(), column_next_.size(), column_next_.begin());
  std::fill(row_closed_.begin(), row_closed_.end(), std::uint8_t{0});
  std::fill(column_closed_.begin(), column_closed_.end(), std::uint8_t{0});
  patience_ -= static_cast<std::int64_t>(cells_.size());
  bool pushed = false;
  for (const auto c : fewest_first_) {
    if (left_[c] == 0 || column_closed_[c] != 0)
      continue;
    const auto given = from_column(c, left_[c]);
    left_[c] -= given;
    pushed = pushed || given > 0;
  }
  return pushed;
}

/// What costs nothing is given first: no path is shorter.
void partition_flow::keep_owned() {
  for (auto& c : cells_) {
    if (c.far || c.units >= c.owned)
      continue;
    const auto kept = static_cast<std::int32_t>(
      std::min<std::int64_t>({room_in(c.row), c.owned - c.units, left_[c.column]}));
    c.units += kept;
    load_[c.row] += kept;
    left_[c.column] -= kept;
  }
}

/// The distance of every row and column from those columns that have something left.
void partition_flow::measure() {
  std::ranges::fill(row_at_, far_away);
  std::ranges::fill(column_at_, far_away);
  const auto rows = static_cast<std::uint32_t>(load_.size());
  std::deque<std::uint32_t> open;
  std::vector<bool> is_open(rows + left_.size());
  const auto reached = [&](distance& known, distance at, std::uint32_t node) {
    if (at >= known)
      return;
    known = at;
    if (!is_open[node]) {
      is_open[node] = true;
      open.push_back(node);
    }
  };
  for (std::uint32_t c = 0; c != left_.size(); ++c) {
    if (left_[c] > 0)
      reached(column_at_[c], 0, rows + c);
  }
  while (!open.empty()) {
    const auto node = open.front();
    open.pop_front();
    is_open[node] = false;
    if (node >= rows) {
      const auto column = node - rows;
      patience_ -= columns_from_[column + 1] - columns_from_[column];
      for (const auto i : cells_of(column)) {
        const auto& c = cells_[i];
        reached(row_at_[c.row], column_at_[column] + to_give(c), c.row);
      }
    } else {
      patience_ -= rows_from_[node + 1] - rows_from_[node];
      for (auto i = rows_from_[node]; i != rows_from_[node + 1]; ++i) {
        const auto& c = cells_[i];
        if (c.units > 0)
          reached(column_at_[c.column], row_at_[node] + to_take(c), rows + c.column);
      }
    }
  }
}

/// Paths of a single step: a column is spread evenly over the rows that take it, so that
/// no member gets all of one topic where nothing asks for it. Those with few takers come
/// first: the others find room elsewhere.
void partition_flow::share_out() {
  std::vector<std::uint32_t> takers;
  for (const auto column : fewest_first_) {
    while (left_[column] > 0) {
      takers.clear();
      std::ranges::copy_if(
        cells_of(column), std::back_inserter(takers), [&](std::uint32_t i) {
          return room_in(cells_[i].row) > 0 && to_give(cells_[i]) == target_;
        });
      if (takers.empty())
        break;
      for (std::size_t i = 0; i != takers.size(); ++i) {
        auto& c = cells_[takers[i]];
        const auto rest = static_cast<std::int64_t>(takers.size() - i);
        const auto share = (left_[column] + rest - 1) / rest;
        const auto got = static_cast<std::int32_t>(
          std::min<std::int64_t>({share, room_in(c.row), alike_to_give(c)}));
        c.units += got;
        load_[c.row] += got;
        left_[column] -= got;
      }
    }
  }
}

std::int32_t partition_flow::from_column(std::uint32_t column, std::int32_t wanted) {
  column_closed_[column] = 1;
  std::int32_t given = 0;
  for (auto& next = column_next_[column]; next != columns_from_[column + 1]; ++next) {
    auto& c = cells_[of_column_[next]];
    if (row_closed_[c.row] != 0 || row_at_[c.row] != column_at_[column] + to_give(c))
      continue;
    const auto got = from_row(c.row, std::min(wanted - given, alike_to_give(c)));
    c.units += got;
    given += got;
    if (given == wanted)
      break;
  }
  column_closed_[column] = given == 0 ? 1 : 0;
  return given;
}

std::int32_t partition_flow::from_row(std::uint32_t row, std::int32_t wanted) {
  row_closed_[row] = 1;
  std::int32_t given = 0;
  if (row_at_[row] == target_) {
    given = static_cast<std::int32_t>(std::min<std::int64_t>(wanted, room_in(row)));
    load_[row] += given;
  }
  for (auto& next = row_next_[row]; given != wanted && next != rows_from_[row + 1];
       ++next) {
    auto& c = cells_[next];
    if (c.units == 0 || column_closed_[c.column] != 0
      || column_at_[c.column] != row_at_[row] + to_take(c))
      continue;
    const auto got = from_column(c.column, std::min(wanted - given, alike_to_take(c)));
    c.units -= got;
    given += got;
    if (given == wanted)
      break;
  }
  row_closed_[row] = given == 0 ? 1 : 0;
  return given;
}

} // namespace cafka::protocol
