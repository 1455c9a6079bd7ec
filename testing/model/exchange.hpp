#pragma once

#include "../../protocol/error_code.hpp"
#include "../../protocol/schema/header.hpp"
#include "../../protocol/wire/shared_bytes.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace cafka::testing {

/// For hooks: not once or a few times, but for each request from now on.
inline constexpr int always = std::numeric_limits<int>::max();

/// A request as it came to a broker.
struct seen_request {
  /// When it was worked on.
  std::chrono::steady_clock::time_point now;
  /// The broker that it came to.
  std::int32_t broker = 0;
  /// The connection that it came by.
  std::uint64_t connection = 0;
  /// Its API, version, correlation id and client id.
  protocol::request_header header;
  /// Its bytes, behind the length.
  protocol::shared_bytes payload;
};

/// What happens to a request.
enum class fate : std::uint8_t {
  served,      ///< It is worked on and answered.
  lost,        ///< It is not worked on, and there is no answer.
  cut,         ///< The same, and the connection ends.
  answer_lost, ///< It is worked on, and there is no answer.
  answer_cut,  ///< The same, and the connection ends.
};

/// What happens to a request, and when.
struct treatment {
  /// What happens.
  fate what = fate::served;
  /// How much later the answer leaves, or the connection ends.
  std::chrono::milliseconds delay{0};
};

/// How brokers lie in their answers, when a test wants them to.
enum class answer_lie : std::uint8_t {
  other_number,    ///< Any API: the answer is said to be to another request.
  cut_short,       ///< Any API: half of the answer is missing.
  left_out,        ///< Produce, Fetch, ListOffsets: there is nothing about any topic.
  other_leader,    ///< Fetch: another broker leads, in an epoch that is to come.
  closer_replica,  ///< Fetch: another broker is better read from.
  wrong_addresses, ///< Metadata: each broker is where another one is.
  damaged_records, ///< Fetch: a byte of the records is not the one that was written.
  twice_batches,   ///< Fetch: the records come, and the same ones behind them.
  twice_topics,    ///< Fetch: each topic stands in the answer twice.
};

/// All that hooks have said about a request; `exchange` writes it.
struct ruling {
  /// What happens, and when.
  treatment how;
  /// Refused, with this error.
  std::optional<protocol::error_code> error = {};
  /// Answered with this, of the API's type of response.
  std::shared_ptr<const void> answer = {};
  /// Changes the answer, of the API's type of response.
  std::function<void(void* response)> change = {};
};

/// A request that a hook looks at, and may decide about. Without a decision it is served.
template <class Request>
class exchange {
public:
  /// What it is answered with.
  using response = typename Request::response;

  /// For the cluster.
  exchange(const seen_request& seen, const Request& asked, ruling& said)
    : request(asked), seen_(seen), said_(said) {}

  /// What is asked.
  const Request& request;

  /// The broker that is asked.
  [[nodiscard]] std::int32_t broker() const { return seen_.broker; }
  /// The connection, by a number that no other one has.
  [[nodiscard]] std::uint64_t connection() const { return seen_.connection; }
  /// The version of the API.
  [[nodiscard]] std::int16_t version() const { return seen_.header.version; }
  /// Who asks; nothing: the client does not say.
  [[nodiscard]] const std::optional<std::string>& client_id() const {
    return seen_.header.client_id;
  }

  /// The broker does nothing, and this is the answer.
  void answer(response with) {
    said_.answer = std::make_shared<response>(std::move(with));
  }
  /// The broker does nothing, and the error stands wherever the answer has a place for
  /// one.
  void fail(protocol::error_code why) { said_.error = why; }
  /// The broker's own answer is changed before it leaves.
  void change(std::function<void(response&)> how) {
    said_.change = [first = std::move(said_.change), how = std::move(how)](void* all) {
      if (first)
        first(all);
      how(*static_cast<response*>(all));
    };
  }
  /// The answer leaves so much later; the connection's next request waits meanwhile.
  void delay(std::chrono::milliseconds by) { said_.how.delay += by; }
  /// The broker does nothing and never answers; nothing else of this connection is
  /// answered either, as where a broker hangs.
  void drop() { said_.how.what = fate::lost; }
  /// The same, but the request is worked on.
  void drop_answer() { said_.how.what = fate::answer_lost; }
  /// The broker does nothing, and the connection ends.
  void cut() { said_.how.what = fate::cut; }
  /// The request is worked on, and the connection ends in place of the answer.
  void cut_answer() { said_.how.what = fate::answer_cut; }

private:
  const seen_request& seen_;
  ruling& said_;
};

} // namespace cafka::testing
