#pragma once

// The words of `protocol/` that messages are made of, in the namespace of their users.

#include <cafka/actors/type_ids.hpp>
#include <cafka/protocol/endpoint.hpp>
#include <cafka/protocol/name_list.hpp>
#include <cafka/protocol/records/compression.hpp>
#include <cafka/protocol/records/record.hpp>
#include <cafka/protocol/result.hpp>
#include <cafka/protocol/types.hpp>

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
