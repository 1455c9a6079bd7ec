#include "type_ids.hpp"

#include <cstdio>
#include <cstdlib>

namespace cafka::supervision::detail {

bool check_first_type_id(int compiled_with) {
  constexpr int base = caf::first_custom_type_id;
  constexpr int ours = CAFKA_FIRST_TYPE_ID;
  if (compiled_with == ours)
    return true;
  // No log yet: static objects are being made.
  std::fprintf(stderr,
    "cafka: this program was compiled with type ids that begin at "
    "caf::first_custom_type_id + %d, and the library cafka with + %d. Set CMake's option "
    "CAFKA_TYPE_ID_OFFSET where cafka is built, and compile the program with the flags "
    "of "
    "cafka's package.\n",
    compiled_with - base, ours - base);
  std::abort();
}

} // namespace cafka::supervision::detail
