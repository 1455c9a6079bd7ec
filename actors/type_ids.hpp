#pragma once

#include "../supervision/stays_here.hpp"
#include "../supervision/type_ids.hpp"
#include "transport/transport.hpp"

#include <caf/type_id.hpp>

namespace cafka::protocol {

template <class T>
class result;
struct done;

} // namespace cafka::protocol

namespace cafka {

struct produce;
struct produced;
struct fetch;
struct fetched;
struct list_offsets;
struct listed_offset;
struct metadata;
struct cluster_metadata;
struct api_versions;
struct supported_versions;
struct get_status;
struct worker_status;

struct offset_commit;
struct offset_fetch;
struct fetched_offsets;
struct find_coordinator;
struct found_coordinator;
struct join_group;
struct joined_group;
struct sync_group;
struct synced_group;
struct heartbeat;
struct leave_group;
struct left_group;
struct create_topics;
struct delete_topics;
struct topic_results;

struct stream_credit;
struct stream_batch;
struct stream_end;
struct stream_stop;

namespace actors {

/// From a stream to itself: its consumer has ended.
struct stream_consumer_down {};

CAFKA_STAYS_HERE(stream_consumer_down)
CAFKA_STAYS_HERE(transport_up)
CAFKA_STAYS_HERE(transport_frames)
CAFKA_STAYS_HERE(transport_progress)
CAFKA_STAYS_HERE(transport_down)

} // namespace actors

} // namespace cafka

CAF_BEGIN_TYPE_ID_BLOCK(cafka, CAFKA_FIRST_TYPE_ID + 50)

CAF_ADD_TYPE_ID(cafka, (cafka::protocol::error))

CAF_ADD_TYPE_ID(cafka, (cafka::produce))
CAF_ADD_TYPE_ID(cafka, (cafka::produced))
CAF_ADD_TYPE_ID(cafka, (cafka::protocol::result<cafka::produced>))

CAF_ADD_TYPE_ID(cafka, (cafka::fetch))
CAF_ADD_TYPE_ID(cafka, (cafka::fetched))
CAF_ADD_TYPE_ID(cafka, (cafka::protocol::result<cafka::fetched>))

CAF_ADD_TYPE_ID(cafka, (cafka::list_offsets))
CAF_ADD_TYPE_ID(cafka, (cafka::listed_offset))
CAF_ADD_TYPE_ID(cafka, (cafka::protocol::result<cafka::listed_offset>))

CAF_ADD_TYPE_ID(cafka, (cafka::metadata))
CAF_ADD_TYPE_ID(cafka, (cafka::cluster_metadata))
CAF_ADD_TYPE_ID(cafka, (cafka::protocol::result<cafka::cluster_metadata>))

CAF_ADD_TYPE_ID(cafka, (cafka::api_versions))
CAF_ADD_TYPE_ID(cafka, (cafka::supported_versions))
CAF_ADD_TYPE_ID(cafka, (cafka::protocol::result<cafka::supported_versions>))

CAF_ADD_TYPE_ID(cafka, (cafka::get_status))
CAF_ADD_TYPE_ID(cafka, (cafka::worker_status))
CAF_ADD_TYPE_ID(cafka, (cafka::protocol::result<cafka::worker_status>))

CAF_ADD_TYPE_ID(cafka, (cafka::actors::transport_up))
CAF_ADD_TYPE_ID(cafka, (cafka::actors::transport_frames))
CAF_ADD_TYPE_ID(cafka, (cafka::actors::transport_down))

CAF_ADD_TYPE_ID(cafka, (cafka::protocol::done))
CAF_ADD_TYPE_ID(cafka, (cafka::protocol::result<cafka::protocol::done>))

CAF_ADD_TYPE_ID(cafka, (cafka::offset_commit))

CAF_ADD_TYPE_ID(cafka, (cafka::offset_fetch))
CAF_ADD_TYPE_ID(cafka, (cafka::fetched_offsets))
CAF_ADD_TYPE_ID(cafka, (cafka::protocol::result<cafka::fetched_offsets>))

CAF_ADD_TYPE_ID(cafka, (cafka::find_coordinator))
CAF_ADD_TYPE_ID(cafka, (cafka::found_coordinator))
CAF_ADD_TYPE_ID(cafka, (cafka::protocol::result<cafka::found_coordinator>))

CAF_ADD_TYPE_ID(cafka, (cafka::join_group))
CAF_ADD_TYPE_ID(cafka, (cafka::joined_group))
CAF_ADD_TYPE_ID(cafka, (cafka::protocol::result<cafka::joined_group>))

CAF_ADD_TYPE_ID(cafka, (cafka::sync_group))
CAF_ADD_TYPE_ID(cafka, (cafka::synced_group))
CAF_ADD_TYPE_ID(cafka, (cafka::protocol::result<cafka::synced_group>))

CAF_ADD_TYPE_ID(cafka, (cafka::heartbeat))

CAF_ADD_TYPE_ID(cafka, (cafka::leave_group))
CAF_ADD_TYPE_ID(cafka, (cafka::left_group))
CAF_ADD_TYPE_ID(cafka, (cafka::protocol::result<cafka::left_group>))

CAF_ADD_TYPE_ID(cafka, (cafka::create_topics))

CAF_ADD_TYPE_ID(cafka, (cafka::delete_topics))
CAF_ADD_TYPE_ID(cafka, (cafka::topic_results))
CAF_ADD_TYPE_ID(cafka, (cafka::protocol::result<cafka::topic_results>))

CAF_ADD_TYPE_ID(cafka, (cafka::stream_credit))
CAF_ADD_TYPE_ID(cafka, (cafka::stream_batch))
CAF_ADD_TYPE_ID(cafka, (cafka::stream_end))
CAF_ADD_TYPE_ID(cafka, (cafka::stream_stop))
CAF_ADD_TYPE_ID(cafka, (cafka::actors::stream_consumer_down))
CAF_ADD_TYPE_ID(cafka, (cafka::actors::transport_progress))

CAF_END_TYPE_ID_BLOCK(cafka)
