#pragma once

#include "../../protocol/machines/effects.hpp"
#include "../../protocol/sasl/scram_keys.hpp"
#include "sasl_options.hpp"
#include "token_source.hpp"

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace cafka::actors {

class tickets;

/// Whether this build of cafka logs in by Kerberos.
[[nodiscard]] bool knows_gssapi();

/// Finds the credentials that one set of `sasl_options` says, for all connections of a
/// client.
class credentials_source {
public:
  using found = protocol::result<protocol::sasl::login>;
  /// Told of them once: in the thread that asks, or in another.
  using reply = std::function<void(found)>;

  /// Reads the environment. `tokens`: where `sasl_options::oidc` has its tokens; null
  /// where it says nothing. Error `invalid_argument` names the option, its value and what
  /// is wrong with it.
  [[nodiscard]] static protocol::result<std::shared_ptr<credentials_source>> make(
    sasl_options options, std::shared_ptr<token_source> tokens = nullptr);

  [[nodiscard]] const std::vector<sasl_mechanism>& mechanisms() const {
    return means_->options.mechanism;
  }
  /// What was derived from passwords.
  [[nodiscard]] const std::shared_ptr<protocol::sasl::scram_keys>& keys() const {
    return keys_;
  }

  /// Asks; never blocks. Files are read and functions are called in a thread of its own,
  /// which may outlive this object where one does not return.
  void ask(const protocol::ask_credentials& what, reply to);

private:
  struct job {
    sasl_request wanted;
    reply to;
    protocol::time_point due; ///< When nobody waits for it any more.
  };

  struct queue {
    std::mutex mutex;
    std::deque<job> jobs;
    bool works = false;
  };

  /// What the thread finds them with.
  struct means {
    sasl_options options;
    std::shared_ptr<tickets> by_kerberos; ///< Null without GSSAPI.
  };

  credentials_source(means with, std::shared_ptr<token_source> tokens)
    : means_(std::make_shared<const means>(std::move(with))),
      tokens_(std::move(tokens)) {}

  static found find(const means& with, const sasl_request& wanted);
  static void work(
    const std::shared_ptr<queue>& waiting, const std::shared_ptr<const means>& with);

  std::shared_ptr<const means> means_;
  std::shared_ptr<token_source> tokens_;
  std::shared_ptr<protocol::sasl::scram_keys> keys_ =
    std::make_shared<protocol::sasl::scram_keys>();
  std::shared_ptr<queue> queue_ = std::make_shared<queue>();
};

} // namespace cafka::actors
