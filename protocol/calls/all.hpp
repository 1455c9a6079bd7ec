#pragma once

// Every operation of a worker.

#include "api_versions.hpp"
#include "create_topics.hpp"
#include "delete_topics.hpp"
#include "describe_cluster.hpp"
#include "fetch.hpp"
#include "find_coordinator.hpp"
#include "heartbeat.hpp"
#include "join_group.hpp"
#include "leave_group.hpp"
#include "list_offsets.hpp"
#include "metadata.hpp"
#include "offset_commit.hpp"
#include "offset_fetch.hpp"
#include "produce.hpp"
#include "raw.hpp"
#include "sync_group.hpp"
