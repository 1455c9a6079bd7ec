#pragma once

#include "../../protocol/messages/fetch.hpp"

#include <list>
#include <map>
#include <optional>

namespace cafka::testing {

/// A partition of a fetch session: what the client asked for, and what it knows.
struct session_partition {
  std::string topic; ///< Empty where the client says ids.
  protocol::uuid topic_id;
  protocol::fetch_partition asked;
  /// What the last answer said; -1 for nothing, or after an error.
  protocol::log_offset high_watermark = -1;
  protocol::log_offset log_start = -1;
};

/// The fetch sessions of one broker. Source: KIP-227.
class fetch_sessions {
public:
  struct session {
    std::int32_t epoch = 1;
    bool uses_ids = false;
    /// In the order in which they are read; what had records moves to the end.
    std::list<session_partition> partitions;
  };

  /// How a request is to be answered.
  struct context {
    protocol::error_code error = protocol::error_code::none;
    /// What is asked for, all of it.
    std::list<session_partition> partitions;
    /// The session that goes on, or that begins with the answer; zero: none.
    std::int32_t session_id = 0;
    /// Whether only what is new belongs into the answer.
    bool incremental = false;
    /// Whether the answer begins a session.
    bool begins = false;
  };

  /// A request came. FETCH_SESSION_ID_NOT_FOUND, INVALID_FETCH_SESSION_EPOCH and
  /// FETCH_SESSION_TOPIC_ID_ERROR are errors of the whole request.
  [[nodiscard]] context begin(const protocol::fetch_request& asked, std::int16_t version);

  /// What was read for a request; leaves out what an incremental answer does not need,
  /// begins a session where one is asked for, and sets the session's id.
  void finish(context& how, protocol::fetch_response& answer, std::int16_t version);

  /// Ends all sessions, as a restart does.
  void clear() { sessions_.clear(); }
  [[nodiscard]] std::size_t size() const { return sessions_.size(); }

  /// How many sessions there may be; Kafka: max.incremental.fetch.session.cache.slots.
  /// A broker with no room left answers without a session.
  std::size_t limit = 1'000;

  /// Whose they are: no other broker gives out the same ids, which Kafka chooses by
  /// chance.
  std::int32_t broker = 0;

private:
  std::map<std::int32_t, session> sessions_;
  std::int32_t last_id_ = 0;
};

} // namespace cafka::testing
