#pragma once

// What the calls of all operations have in common; for their sources alone.

#include "../machines/call.hpp"
#include "../machines/cluster.hpp"
#include "../names.hpp"
#include "../schema/codec.hpp"
#include "../schema/version_table.hpp"
#include "context.hpp"
#include "operation.hpp"

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cafka::calls {

using protocol::cluster;
using protocol::shared_bytes;
using protocol::uuid;
using traits = protocol::call::traits;

inline std::int32_t in_milliseconds(milliseconds t) {
  return static_cast<std::int32_t>(
    std::clamp<std::int64_t>(t.count(), 0, std::int64_t{INT32_MAX}));
}

inline std::string at(const std::string& topic, partition_id p) {
  return topic + '/' + std::to_string(p.value());
}

inline error unanswered(const std::string& topic, partition_id p) {
  return {error_code::malformed_response, "the answer leaves out " + at(topic, p)};
}

/// What an answer that says nothing certain leaves behind: it may have been done.
inline error may_be_done(const error& why) {
  return {error_code::outcome_unknown, to_string(why)};
}

/// Whether Kafka's own table has a code that came from a broker; what another one means,
/// and whether it was done, is not known. Cafka's own codes never come from a broker.
inline bool is_kafkas(error_code e) {
  const auto table = protocol::error_table();
  return e >= error_code::unknown_server_error
    && std::ranges::binary_search(table, e, {}, &protocol::error_info::code);
}

inline error invalid(std::string what) {
  return {error_code::invalid_argument, std::move(what)};
}

/// Whether topic and partition can be such; none is named with -1 where `open` allows it.
inline error check_partition(
  const std::string& topic, partition_id p, bool open = false) {
  if (auto wrong = protocol::check_topic_name(topic))
    return wrong;
  if (p.value() < (open ? -1 : 0))
    return invalid(
      "partition " + std::to_string(p.value()) + " of " + topic + " is negative");
  return {};
}

/// The first of several errors; `none` when there is none among them.
inline error first_of(std::initializer_list<error> all) {
  for (const auto& e : all) {
    if (e)
      return e;
  }
  return {};
}

/// As `check_name`; a name that is not there is well.
inline error check_name(std::string_view what, const std::optional<std::string>& name) {
  return name ? protocol::check_name(what, *name) : error{};
}

/// Finds the part of a per-topic, per-partition answer that is about what was asked.
template <class Topics, class IsTopic, class PartitionsOf, class IndexOf>
auto* find_partition(Topics& topics, IsTopic is_topic, PartitionsOf partitions,
  IndexOf index, partition_id p) {
  using part = std::remove_reference_t<decltype(partitions(*topics.begin()).front())>;
  for (auto& t : topics) {
    if (!is_topic(t))
      continue;
    for (auto& x : partitions(t)) {
      if (index(x) == p)
        return &x;
    }
  }
  return static_cast<part*>(nullptr);
}

/// A request of a program on its way: `fill` makes the message of Kafka's protocol in the
/// version agreed on, `take` reads the answer into `answer_`.
template <class Asked, class Wire>
class operation_call : public protocol::call {
public:
  using request = Asked;
  using wire = Wire;
  using response = typename Wire::response;
  using reply = reply_of<Asked>;

  operation_call(traits what, Asked what_is_asked, reply_function<reply> to)
    : call(std::move(what)), asked_(std::move(what_is_asked)), reply_(std::move(to)) {}

  result<protocol::frame> encode(std::int16_t version, std::int32_t correlation_id,
    std::string_view client_id, const cluster& known) final {
    auto message = fill(version, known);
    if (!message)
      return message.error();
    return encode_request(*message, version, correlation_id, client_id);
  }

  error receive(std::int16_t version, const shared_bytes& payload, cluster& known) final {
    auto answer = read_answer<response>(payload, version);
    if (!answer)
      return unread(answer.error());
    return take(*std::move(answer), version, known);
  }

  void finish(error outcome) final {
    if (!outcome)
      reply_(std::move(answer_));
    else
      reply_(std::move(outcome));
  }

protected:
  Asked asked_;
  reply answer_;

private:
  virtual result<Wire> fill(std::int16_t version, const cluster& known) = 0;
  /// An error that `may_retry` allows leads to another attempt.
  virtual error take(response answer, std::int16_t version, cluster& known) = 0;
  /// What an answer that cannot be read says.
  [[nodiscard]] virtual error unread(error why) const { return why; }

  reply_function<reply> reply_;
};

/// Makes a call of the class `Call`, which has, as static functions:
///
/// - `complete(asked, context)`, where it needs more than the client's deadline.
/// - `check(asked)`: the error of a request that makes no sense.
/// - `route(traits, asked)`, or `route(traits, asked, context)`: where to, and which
///   versions can say it.
///
/// and `remember(context)` where it keeps something of the context.
template <class Call>
std::unique_ptr<protocol::call> start(typename Call::request asked,
  const call_context& around, reply_function<typename Call::reply> reply) {
  if constexpr (requires { Call::complete(asked, around); })
    Call::complete(asked, around);
  if (asked.deadline <= milliseconds{0})
    asked.deadline = around.defaults.request_timeout;
  if (auto wrong = Call::check(asked)) {
    reply(std::move(wrong));
    return nullptr;
  }
  traits what;
  what.key = Call::wire::key;
  what.versions = Call::wire::versions;
  what.pinned = asked.api_version;
  what.deadline = asked.deadline;
  if constexpr (requires { Call::route(what, asked, around); })
    Call::route(what, asked, around);
  else
    Call::route(what, asked);
  auto made = std::make_unique<Call>(std::move(what), std::move(asked), std::move(reply));
  if constexpr (requires { made->remember(around); })
    made->remember(around);
  return made;
}

} // namespace cafka::calls
