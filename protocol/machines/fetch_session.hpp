#pragma once

#include "../messages/fetch.hpp"

#include <memory>
#include <span>

namespace cafka::protocol {

/// A fetch session with one broker (KIP-227): the broker remembers what was asked, and a
/// request names only what has changed since the one before.
///
/// One request at a time: each `fill` is followed by `on_answer` or `on_lost`.
class fetch_session {
public:
  /// A partition to be in the next answer.
  struct wanted {
    /// Small, and its own for good: the session keeps a table by it.
    std::uint32_t slot = 0;
    std::shared_ptr<const std::string> topic;
    uuid topic_id;
    partition_id partition;
    log_offset offset = 0;
    leader_epoch epoch = -1;
    std::int32_t max_bytes = 0;

    friend bool operator==(const wanted&, const wanted&) = default;
  };

  /// Writes session, topics and forgotten topics. `by_id`: topics go by their ids, since
  /// version 13; `sessions`: the broker knows of them, since version 7.
  void fill(
    fetch_request& out, std::span<const wanted> partitions, bool by_id, bool sessions);

  /// False: it says nothing of partitions, the session is lost, and the next request
  /// begins another.
  [[nodiscard]] bool on_answer(const fetch_response& answer);
  /// It is not known whether the broker has seen the last request: the next one begins a
  /// new session in place of this one.
  void on_lost() { epoch_ = 0; }

  /// Zero while there is none.
  [[nodiscard]] std::int32_t id() const { return id_; }
  /// Whether the request under way names all partitions, and so must its answer.
  [[nodiscard]] bool full() const { return epoch_ <= 0; }

private:
  struct entry {
    wanted last_sent;
    std::uint64_t round = 0; ///< The last request that wanted it; zero: not in it.
  };

  void ask(fetch_request& out, const wanted& w, bool by_id);
  void forget(fetch_request& out, const wanted& w, bool by_id) const;

  std::int32_t id_ = 0;
  /// Of the next request, or the one under way; zero: it names all.
  std::int32_t epoch_ = 0;
  std::uint64_t round_ = 0;
  bool by_id_ = false;
  std::vector<entry> entries_;
  std::vector<std::uint32_t> members_;
};

} // namespace cafka::protocol
