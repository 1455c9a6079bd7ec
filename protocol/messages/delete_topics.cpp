#include "delete_topics.hpp"

#include "../schema/describe.hpp"

namespace cafka::protocol {

template <class F, class M>
  requires of<M, delete_topic_state>
void describe(F& f, M& m) {
  f.field("Name", m.name, since(6), null_since(6), def(nullptr));
  f.field("TopicId", m.topic_id, since(6));
}

template <class F, class M>
  requires of<M, delete_topics_request>
void describe(F& f, M& m) {
  f.field("Topics", m.topics, since(6));
  f.field("TopicNames", m.topic_names, between(0, 5), ignorable);
  f.field("TimeoutMs", m.timeout_ms, since(0));
}

template <class F, class M>
  requires of<M, deletable_topic_result>
void describe(F& f, M& m) {
  f.field("Name", m.name, since(0), null_since(6));
  f.field("TopicId", m.topic_id, since(6), ignorable);
  f.field("ErrorCode", m.error_code, since(0));
  f.field(
    "ErrorMessage", m.error_message, since(5), null_since(5), def(nullptr), ignorable);
}

template <class F, class M>
  requires of<M, delete_topics_response>
void describe(F& f, M& m) {
  f.field("ThrottleTimeMs", m.throttle_time_ms, since(1), ignorable);
  f.field("Responses", m.responses, since(0));
}

CAFKA_COMPILE_MESSAGE(delete_topics_request);
CAFKA_COMPILE_MESSAGE(delete_topics_response);

} // namespace cafka::protocol
