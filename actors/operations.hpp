#pragma once

// The one list of what a worker can be asked. From a line here follow the CAF type ids of
// the request and its reply, the worker's typed interface and its behavior, and
// `application::call`.
//
// OP(request, reply) for each operation; AGAIN(request, reply) where the reply has stood
// in the list before, or is `done`. Append only: an id that moved would be misread by
// another node.
#define CAFKA_OPERATIONS(OP, AGAIN)                                                      \
  OP(produce, produced)                                                                  \
  OP(fetch, fetched)                                                                     \
  OP(list_offsets, listed_offset)                                                        \
  OP(metadata, cluster_metadata)                                                         \
  OP(api_versions, supported_versions)                                                   \
  AGAIN(offset_commit, done)                                                             \
  OP(offset_fetch, fetched_offsets)                                                      \
  OP(find_coordinator, found_coordinator)                                                \
  OP(join_group, joined_group)                                                           \
  OP(sync_group, synced_group)                                                           \
  AGAIN(heartbeat, done)                                                                 \
  OP(leave_group, left_group)                                                            \
  OP(create_topics, topic_results)                                                       \
  AGAIN(delete_topics, topic_results)                                                    \
  OP(get_status, worker_status)                                                          \
  OP(raw_request, raw_response)                                                          \
  OP(describe_cluster, described_cluster)
