#pragma once

#include "../machines/call.hpp"
#include "operation.hpp"

#include <concepts>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace cafka {

namespace protocol {

/// A request of Kafka's protocol as `messages/` describes it.
template <class T>
concept request_message = requires {
  { T::key } -> std::convertible_to<api_key>;
  { T::versions } -> std::convertible_to<version_range>;
  typename T::response;
};

/// Which broker answers requests of this API by itself: the controller, or any. A group's
/// and a transactional id's coordinator are known by the request's own members, and the
/// leaders of partitions are for the caller to name.
[[nodiscard]] target usual_target(api_key key);

/// The groups that a request names in a list; none for a request without one.
template <request_message Request>
std::vector<std::string> groups_of(const Request& request) {
  if constexpr (requires { std::vector<std::string>{request.group_ids}; })
    return request.group_ids;
  else if constexpr (requires { std::vector<std::string>{request.groups_names}; })
    return request.groups_names;
  else if constexpr (requires { std::vector<std::string>{request.groups}; })
    return request.groups;
  else if constexpr (requires { std::string{request.groups.front().group_id}; }) {
    std::vector<std::string> names;
    for (const auto& group : request.groups)
      names.push_back(group.group_id);
    return names;
  } else
    return {};
}

/// Where a request goes that names no broker. One that names several groups goes to the
/// first one's coordinator: those that have another are NOT_COORDINATOR in the answer.
template <request_message Request>
target target_of(const Request& request) {
  if (const auto groups = groups_of(request); !groups.empty())
    return coordinator_of{coordinator_type::group, groups.front()};
  if constexpr (requires { std::string{request.group_id}; })
    return coordinator_of{coordinator_type::group, request.group_id};
  else if constexpr (requires { std::string{request.transactional_id}; })
    return coordinator_of{coordinator_type::transaction, request.transactional_id};
  else if constexpr (requires { request.transactional_id.has_value(); })
    return request.transactional_id
      ? target{coordinator_of{coordinator_type::transaction, *request.transactional_id}}
      : usual_target(Request::key);
  else
    return usual_target(Request::key);
}

} // namespace protocol

/// How a raw request is sent.
struct raw_options {
  /// Which broker; nothing: the one that answers such requests.
  std::optional<broker_id> broker = {};
  /// Zero: the worker's `request_timeout`.
  milliseconds deadline{0};
  std::optional<std::int16_t> api_version = {};
};

/// A request and its answer, whatever their types are.
class raw_exchange {
public:
  raw_exchange() = default;
  raw_exchange(const raw_exchange&) = delete;
  raw_exchange& operator=(const raw_exchange&) = delete;
  virtual ~raw_exchange() = default;

  /// Makes the call; `reply` takes the answer.
  [[nodiscard]] virtual std::unique_ptr<protocol::call> make(const raw_options& options,
    reply_function<std::shared_ptr<const void>> reply) const = 0;
};

/// A message of Kafka's protocol as it is, for what has no operation. It stays in its
/// process.
struct raw_request {
  /// The request.
  std::shared_ptr<const raw_exchange> what = {};
  /// How it is sent.
  raw_options options = {};
  milliseconds deadline{0};
};

/// The answer as it came: an error code within it is for the caller to read, apart from
/// those that another attempt mends.
struct raw_response {
  /// The response, of the type that belongs to the request.
  std::shared_ptr<const void> what = {};
};

template <>
struct operation<raw_request> {
  using reply = raw_response;
  /// It is not known.
  static constexpr bool changes_something = true;
};

[[nodiscard]] std::unique_ptr<protocol::call> make_call(
  raw_request asked, const call_context& around, reply_function<raw_response> reply);

/// The exchange of one type of request.
template <protocol::request_message Request>
class raw_exchange_of final : public raw_exchange {
public:
  using response = typename Request::response;

  /// Holds the request.
  explicit raw_exchange_of(Request request) : request_(std::move(request)) {}

  [[nodiscard]] std::unique_ptr<protocol::call> make(const raw_options& options,
    reply_function<std::shared_ptr<const void>> reply) const override {
    return std::make_unique<raw_call>(request_, options, std::move(reply));
  }

private:
  class raw_call final : public protocol::call {
  public:
    raw_call(const Request& request, const raw_options& options,
      reply_function<std::shared_ptr<const void>> reply)
      : call(wanted(request, options)), request_(request), reply_(std::move(reply)) {}

    result<protocol::frame> encode(std::int16_t version, std::int32_t correlation_id,
      std::string_view client_id, const protocol::cluster&) override {
      return encode_request(request_, version, correlation_id, client_id);
    }

    error receive(std::int16_t version, const protocol::shared_bytes& payload,
      protocol::cluster&) override {
      auto answer = read_answer<response>(payload, version);
      if (!answer)
        return {error_code::outcome_unknown, to_string(answer.error())};
      answer_ = std::make_shared<const response>(*std::move(answer));
      if constexpr (requires { error_code{answer_->error_code}; }) {
        if (may_retry(answer_->error_code))
          return {answer_->error_code, std::string{Request::name}};
      }
      return {};
    }

    /// Only where nothing has been done, and another broker may do it.
    [[nodiscard]] bool may_retry(error_code e) const override {
      return e == error_code::not_controller || e == error_code::not_coordinator
        || e == error_code::coordinator_not_available
        || e == error_code::coordinator_load_in_progress;
    }

    void finish(error outcome) override {
      // What is retried in vain comes with its code.
      if (outcome && answer_ != nullptr && may_retry(outcome.code))
        outcome = {};
      if (outcome)
        reply_(std::move(outcome));
      else
        reply_(std::shared_ptr<const void>{std::move(answer_)});
    }

  private:
    static traits wanted(const Request& request, const raw_options& options) {
      traits what;
      what.key = Request::key;
      what.versions = Request::versions;
      what.pinned = options.api_version;
      what.deadline = options.deadline;
      what.answer_timeout = options.deadline;
      // How long the broker takes, and what a second attempt does, is not known.
      what.lane = protocol::lane::resting;
      what.repeatable = false;
      if constexpr (requires { request.acks; })
        what.answered = request.acks != 0;
      what.where =
        options.broker ? protocol::target{*options.broker} : protocol::target_of(request);
      return what;
    }

    Request request_;
    std::shared_ptr<const response> answer_;
    reply_function<std::shared_ptr<const void>> reply_;
  };

  Request request_;
};

} // namespace cafka
