#pragma once

#include "../actors/interfaces.hpp"
#include "../supervision/stays_here.hpp"
#include "options.hpp"
#include "worker_ref.hpp"

#include <caf/result.hpp>
#include <caf/typed_actor.hpp>

#include <string>

namespace cafka {

/// Asks an application's actor to start a worker: `application::create_worker` for
/// actors, with its errors. Answered once a broker has answered the worker, or, with
/// `init.wait = false`, once it runs. It stays in its process.
struct start_worker {
  /// Empty: a worker without a name, known by its handle alone.
  std::string name = {};
  /// How it differs from the application's settings.
  worker_init init = {};
  /// Zero: `request_timeout`, or earlier once each address has refused for good.
  milliseconds deadline{0};
};

/// Asks an application's actor to end a worker for good: `application::stop_worker` for
/// actors, with its errors. It stays in its process.
struct stop_worker {
  /// The worker, by name or handle.
  worker_ref worker = {};
  /// Zero: `request_timeout`.
  milliseconds deadline{0};
};

/// The actor of an application; see `application::actor`.
using application_actor =
  caf::typed_actor<caf::result<result<worker_actor>>(start_worker),
    caf::result<result<done>>(stop_worker)>;

CAFKA_STAYS_HERE(start_worker)
CAFKA_STAYS_HERE(stop_worker)

} // namespace cafka

CAF_BEGIN_TYPE_ID_BLOCK(cafka_application, CAFKA_FIRST_TYPE_ID + 240)

CAF_ADD_TYPE_ID(cafka_application, (cafka::worker_actor))
CAF_ADD_TYPE_ID(cafka_application, (cafka::protocol::result<cafka::worker_actor>))
CAF_ADD_TYPE_ID(cafka_application, (cafka::start_worker))
CAF_ADD_TYPE_ID(cafka_application, (cafka::stop_worker))

CAF_END_TYPE_ID_BLOCK(cafka_application)
