#pragma once

#include "../../protocol/sasl/oidc/oidc_options.hpp"
#include "../../protocol/sasl/oidc/token_client.hpp"
#include "../log_sink.hpp"
#include "../transport/io_services.hpp"
#include "../transport/tls_options.hpp"

#include <functional>
#include <memory>

namespace caf::telemetry {

class metric_registry;

} // namespace caf::telemetry

namespace cafka::actors {

/// Where the tokens for OAUTHBEARER come from. One is shared by all connections of an
/// application; any thread may use it.
class token_source {
public:
  using token = std::shared_ptr<const protocol::sasl::oauth_token>;
  /// Takes a token, which is not null, or why there is none; see
  /// `protocol::sasl::token_failed`, and `closed`: source or I/O threads have ended. It
  /// must not throw, nor take long.
  using taker = std::function<void(protocol::result<token>)>;

  token_source() = default;
  token_source(const token_source&) = delete;
  token_source& operator=(const token_source&) = delete;
  /// All who still wait are told `closed`.
  virtual ~token_source() = default;

  /// Asks for a token. `done` is called once, by the deadline, in an I/O thread; within
  /// this call where these have ended. `refused`: a broker has refused the last one that
  /// this asker was given, so that another is wanted.
  virtual void ask(protocol::time_point deadline, bool refused, taker done) = 0;
};

/// What a token source needs.
struct token_source_settings {
  /// How tokens are got: of a provider, or with a `file:` URL out of a file, which is
  /// read for each that asks.
  protocol::sasl::oidc_options options = {};
  /// How TLS is spoken to the provider.
  ssl_options tls = {};
  /// The I/O threads, which the source keeps.
  std::shared_ptr<io_services> io = {};
  /// Null: nothing is logged.
  std::shared_ptr<log_sink> log = {};
  /// Where requests are counted; it must outlive the source. Null: nowhere.
  caf::telemetry::metric_registry* metrics = nullptr;
};

/// Error `invalid_argument`: an option makes no sense, or a file that it names is not
/// what TLS needs. Other files are read when somebody asks.
[[nodiscard]] protocol::result<std::shared_ptr<token_source>> make_token_source(
  token_source_settings settings);

} // namespace cafka::actors
