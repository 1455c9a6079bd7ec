#pragma once

// The words of `protocol/` that messages are made of, in the namespace of their users.

#include "../protocol/endpoint.hpp"
#include "../protocol/name_list.hpp"
#include "../protocol/records/compression.hpp"
#include "../protocol/records/record.hpp"
#include "../protocol/result.hpp"
#include "../protocol/types.hpp"
#include "type_ids.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace cafka {

using protocol::bad_result;
using protocol::broker_id;
using protocol::codec;
using protocol::done;
using protocol::endpoint;
using protocol::error;
using protocol::error_code;
using protocol::leader_epoch;
using protocol::log_offset;
using protocol::name_list;
using protocol::partition_id;
using protocol::record;
using protocol::result;
using protocol::timestamp;
using std::chrono::milliseconds;

} // namespace cafka
