#pragma once

// What the calls of all families have in common; for their sources only.

#include "../../protocol/names.hpp"
#include "../../protocol/schema/codec.hpp"
#include "../../protocol/schema/version_table.hpp"
#include "calls.hpp"

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace cafka::actors {

using protocol::cluster;
using protocol::frame;
using protocol::shared_bytes;
using protocol::uuid;

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
inline error check(const std::string& topic, partition_id p, bool open = false) {
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

/// As `check_name`; what is not there is well.
inline error check_name(std::string_view what, const std::optional<std::string>& name) {
  return name ? protocol::check_name(what, *name) : error{};
}

/// The traits of a request of this type.
template <class Request>
protocol::call::traits traits_of(std::optional<std::int16_t> pinned) {
  protocol::call::traits what;
  what.key = Request::key;
  what.versions = Request::versions;
  what.pinned = pinned;
  return what;
}

/// A call that keeps its answer until it is finished.
template <class Request, class Reply>
class replying_call : public protocol::call {
public:
  replying_call(traits what, Request request, reply_function<Reply> reply)
    : call(std::move(what)), request_(std::move(request)), reply_(std::move(reply)) {}

  void finish(error outcome) final {
    if (!outcome)
      reply_(std::move(answer_));
    else
      reply_(std::move(outcome));
  }

protected:
  Request request_;
  Reply answer_;

private:
  reply_function<Reply> reply_;
};

} // namespace cafka::actors
