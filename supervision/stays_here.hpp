#pragma once

#include <caf/sec.hpp>

#include <string>

namespace cafka {

/// The inspection of a message that must not leave its process, because it holds memory
/// or functions that others have no access to.
///
/// A message that CAF cannot write silences the whole connection between two nodes. This
/// one is written without its content, and the node that reads it refuses it with
/// `sec::load_callback_failed`: it is lost, and nothing else is.
template <class Inspector, class T>
bool inspect_local(Inspector& f, T& x) {
  if constexpr (Inspector::is_loading) {
    f.emplace_error(caf::sec::load_callback_failed,
      std::string{"a message of cafka's that must not leave its process"});
    return false;
  } else {
    return f.object(x).fields();
  }
}

/// Whether a message must stay in its process; `CAFKA_STAYS_HERE` says so.
template <class T>
inline constexpr bool stays_here = requires(T x) {
  cafka_stays_here(x);
};

} // namespace cafka

/// CAFKA_STAYS_HERE(type): the message must not leave its process. In the type's
/// namespace.
#define CAFKA_STAYS_HERE(type)                                                           \
  void cafka_stays_here(const type&);                                                    \
  template <class Inspector>                                                             \
  bool inspect(Inspector& f, type& x) {                                                  \
    return ::cafka::inspect_local(f, x);                                                 \
  }
