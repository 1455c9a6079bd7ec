#pragma once

// The words that requests and replies are made of, in the namespace of their users.

#include "endpoint.hpp"
#include "name_list.hpp"
#include "records/compression.hpp"
#include "records/record.hpp"
#include "result.hpp"
#include "types.hpp"

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
