#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace cafka::protocol {

/// How many partitions of each kind go to each member, at the least cost.
///
/// Partitions of one kind (a column) are alike to every member (a row), except that a
/// member would like to keep those it has: so the decision is about counts. A cell joins
/// a member to a kind that it may have. It is a transport problem, solved by shortest
/// augmenting paths, with all paths of one length at a time. A foreign rack costs more
/// than any number of moves.
class partition_flow {
public:
  /// Units of one column in one row.
  struct cell {
    /// The member.
    std::uint32_t row = 0;
    /// The kind.
    std::uint32_t column = 0;
    /// How many of them the member has already: so many cost no move.
    std::int32_t owned = 0;
    /// How many it gets.
    std::int32_t units = 0;
    /// Whether no replica is in the member's rack.
    bool far = false;
  };

  /// How many cells are looked at before the search is for any way, not for the cheapest
  /// one: about half a second. Shares stay as even; more partitions may move. Only groups
  /// with some hundred different subscriptions, whose members held something quite
  /// different, come to that.
  static constexpr std::int64_t default_patience = 100'000'000;

  /// `supply` has the number of partitions of each column; the cells are sorted by row
  /// and hold no units.
  partition_flow(std::size_t rows, std::vector<std::int32_t> supply,
    std::vector<cell> cells, std::int64_t patience = default_patience);

  /// Gives as much as possible where row r takes `room[r]` in all, which is not less than
  /// in earlier calls. Earlier calls come first: what rows have got they keep in number.
  void fill(std::span<const std::int64_t> room);

  /// The cells, in the order in which they were given.
  [[nodiscard]] const std::vector<cell>& cells() const { return cells_; }
  /// The indices of the cells of a column.
  [[nodiscard]] std::span<const std::uint32_t> cells_of(std::uint32_t column) const {
    return std::span{of_column_}.subspan(
      columns_from_[column], columns_from_[column + 1] - columns_from_[column]);
  }
  /// The index of a row's first cell; that of `row` + 1 is behind its last.
  [[nodiscard]] std::uint32_t first_cell(std::uint32_t row) const {
    return rows_from_[row];
  }
  /// Units that no row took.
  [[nodiscard]] std::int64_t left() const;
  /// After a call of `fill` that left something: whether a row is among those that are
  /// full of what no row elsewhere can take.
  [[nodiscard]] bool tight_row(std::uint32_t row) const {
    return row_at_[row] != far_away;
  }
  /// Whether a column is among those of which something was left, or that compete with
  /// these for a tight row.
  [[nodiscard]] bool tight_column(std::uint32_t column) const {
    return column_at_[column] != far_away;
  }

private:
  using distance = std::int64_t;
  static constexpr distance far_away = std::numeric_limits<distance>::max();

  /// What one more unit in a cell costs.
  [[nodiscard]] distance to_give(const cell& c) const;
  /// What one unit less costs.
  [[nodiscard]] distance to_take(const cell& c) const;
  void keep_owned();
  void measure();
  void share_out();
  bool augment();
  std::int32_t from_column(std::uint32_t column, std::int32_t wanted);
  std::int32_t from_row(std::uint32_t row, std::int32_t wanted);
  [[nodiscard]] std::int64_t room_in(std::uint32_t row) const {
    return room_[row] - load_[row];
  }

  std::int64_t patience_;
  distance a_move_ = 1;
  // No path has as many moves as a foreign rack costs.
  distance a_rack_ = distance{1} << 24;
  std::vector<std::int32_t> left_;
  std::vector<cell> cells_;
  std::vector<std::uint32_t> rows_from_;
  std::vector<std::uint32_t> columns_from_;
  std::vector<std::uint32_t> of_column_;
  /// The columns, those with the fewest cells first.
  std::vector<std::uint32_t> fewest_first_;
  std::span<const std::int64_t> room_;
  std::vector<std::int64_t> load_;
  std::vector<distance> row_at_;
  std::vector<distance> column_at_;
  // In one walk: the next cell of each row and column, and which of these are closed.
  std::vector<std::uint32_t> row_next_;
  std::vector<std::uint32_t> column_next_;
  std::vector<std::uint8_t> row_closed_;
  std::vector<std::uint8_t> column_closed_;
  /// The distance of the nearest row with room.
  distance target_ = 0;
};

} // namespace cafka::protocol
