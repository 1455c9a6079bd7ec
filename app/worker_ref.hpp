#pragma once

#include "../actors/interfaces.hpp"

#include <cstddef>
#include <string>
#include <utility>

namespace cafka {

/// Which worker is asked: the default one, one by name, or one by handle.
///
/// A name follows the worker through restarts; a handle does not: once its worker has
/// ended, requests to it are answered with `worker_down`.
class worker_ref {
public:
  worker_ref() = default;
  /// By name: it follows the worker through restarts.
  worker_ref(const char* name) : name_(name) {}
  /// By name, likewise.
  worker_ref(std::string name) : name_(std::move(name)) {}
  worker_ref(std::nullptr_t) = delete;
  /// By handle: this incarnation of the worker alone.
  worker_ref(worker_actor handle) : handle_(std::move(handle)) {}

  /// Empty for the default worker and for a handle.
  [[nodiscard]] const std::string& name() const { return name_; }
  /// Null unless it was given.
  [[nodiscard]] const worker_actor& handle() const { return handle_; }

private:
  std::string name_;
  worker_actor handle_;
};

} // namespace cafka
