#include "consumer_protocol.hpp"

#include "../schema/describe.hpp"

#include <algorithm>

namespace cafka::protocol {

// The same struct stands in both messages, and is as old as whatever holds it.
template <class F, class M>
  requires of<M, consumer_topic_partitions>
void describe(F& f, M& m) {
  f.field("Topic", m.topic, since(0));
  f.field("Partitions", m.partitions, since(0));
}

template <class F, class M>
  requires of<M, consumer_subscription>
void describe(F& f, M& m) {
  f.field("Topics", m.topics, since(0));
  f.field("UserData", m.user_data, since(0), null_since(0), def(nullptr));
  f.field("OwnedPartitions", m.owned_partitions, since(1), ignorable);
  f.field("GenerationId", m.generation_id, since(2), def(-1), ignorable);
  f.field("RackId", m.rack_id, since(3), null_since(3), def(nullptr), ignorable);
}

template <class F, class M>
  requires of<M, consumer_assignment>
void describe(F& f, M& m) {
  f.field("AssignedPartitions", m.partitions, since(0));
  f.field("UserData", m.user_data, since(0), null_since(0), def(nullptr));
}

CAFKA_COMPILE_MESSAGE(consumer_subscription);
CAFKA_COMPILE_MESSAGE(consumer_assignment);

namespace {

template <class M>
result<std::string> to_text(const M& message, std::int16_t version) {
  writer out;
  out.i16(version);
  encode(out, message, version);
  if (!out.ok())
    return {error_code::invalid_argument, std::string{M::name} + ": " + out.error()};
  return std::string{shared_bytes::from(out.bytes()).text()};
}

template <class M>
result<M> from_text(std::string_view text) {
  reader in{std::as_bytes(std::span{text})};
  const auto version = in.i16();
  M message;
  std::string_view failed;
  if (in.ok() && version >= 0) {
    // A later version only adds, at the end.
    failed = decode(in, message, std::min(version, M::versions.max));
  }
  if (!in.ok() || version < 0)
    return detail::malformed(M::name, version, failed, in);
  return message;
}

} // namespace

result<std::string> to_metadata(const consumer_subscription& s) {
  std::int16_t version = 0;
  if (!s.owned_partitions.empty())
    version = 1;
  if (s.generation_id >= 0)
    version = 2;
  if (s.rack_id)
    version = 3;
  return to_text(s, version);
}

result<std::string> to_metadata(const consumer_subscription& s, std::int16_t version) {
  constexpr auto known = consumer_subscription::versions;
  if (version < known.min || version > known.max)
    return {error_code::unsupported_version,
      std::string{consumer_subscription::name} + ": version " + std::to_string(version)
        + ", known are " + std::to_string(known.min) + " to "
        + std::to_string(known.max)};
  return to_text(s, version);
}

result<consumer_subscription> subscription_from(std::string_view metadata) {
  return from_text<consumer_subscription>(metadata);
}

result<std::string> to_assignment(const consumer_assignment& assignment) {
  return to_text(assignment, 0);
}

result<consumer_assignment> assignment_from(std::string_view bytes) {
  if (bytes.empty())
    return consumer_assignment{};
  return from_text<consumer_assignment>(bytes);
}

} // namespace cafka::protocol
