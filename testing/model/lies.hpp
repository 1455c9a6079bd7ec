#pragma once

#include "apis/api.hpp"
#include "exchange.hpp"

#include <cstddef>
#include <vector>

namespace cafka::testing {

/// Makes an answer a lie. False: it cannot be told there, and nothing is changed.
bool tell(answer_lie how, const fake_state& cluster, const seen_request& asked,
  protocol::produce_response& answer);
bool tell(answer_lie how, const fake_state& cluster, const seen_request& asked,
  protocol::fetch_response& answer);
bool tell(answer_lie how, const fake_state& cluster, const seen_request& asked,
  protocol::list_offsets_response& answer);
bool tell(answer_lie how, const fake_state& cluster, const seen_request& asked,
  protocol::metadata_response& answer);
/// The bytes of any other answer say nothing but the truth.
template <class Response>
bool tell(answer_lie, const fake_state&, const seen_request&, Response&) {
  return false;
}
/// The same for the bytes of any answer, its length included.
bool tell(answer_lie how, const seen_request& asked, std::vector<std::byte>& answer);

} // namespace cafka::testing
