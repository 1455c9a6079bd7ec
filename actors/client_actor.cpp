#include "client_actor.hpp"

namespace cafka::actors {

#ifdef CAF_ENABLE_EXCEPTIONS
caf::error reason_of(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& e) {
    return caf::make_error(caf::sec::runtime_error, std::string{e.what()});
  } catch (...) {
    return caf::make_error(
      caf::sec::runtime_error, std::string{"an exception of unknown type"});
  }
}
#endif

} // namespace cafka::actors
