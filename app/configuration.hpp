#pragma once

#include <caf/actor_system_config.hpp>

namespace cafka {

/// Makes cafka's message types known to CAF; once is enough, more does no harm.
///
/// Must be called before the first `caf::actor_system` is made. Types of the program's
/// own that come after cafka's in number must be registered before or together with
/// these.
void init_global_meta_objects();

/// The same settings with `<redacted>` in the place of each value whose key says that it
/// is a password: those that end in `password`, `passphrase` or `secret`, in any block.
///
/// A program with an `actor_system_config` of its own overrides `dump_content` with it,
/// as `configuration` does; CAF's option `--dump-config` prints what that returns.
[[nodiscard]] caf::settings redacted(caf::settings content);

/// A configuration for a program that has no `actor_system_config` of its own.
///
/// Registers cafka's types and chooses the scheduler policy `sharing`, which answered in
/// 14 microseconds (median) where `stealing` took 100; a configuration file may say
/// otherwise. CAF's option `--dump-config` prints no password.
class configuration : public caf::actor_system_config {
public:
  configuration();

  /// What `--dump-config` prints: `redacted`.
  [[nodiscard]] caf::settings dump_content() const override;
};

} // namespace cafka
