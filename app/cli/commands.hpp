#pragma once

#include "../application.hpp"
#include "arguments.hpp"
#include "printer.hpp"

namespace cafka::cli {

// Each asks the application's default worker, prints what comes back, and says on
// standard error what went wrong.

exit_code run(const metadata_arguments& what, application& app, printer& out);
exit_code run(const api_versions_arguments& what, application& app, printer& out);
exit_code run(const create_topics_arguments& what, application& app, printer& out);
exit_code run(const delete_topics_arguments& what, application& app, printer& out);
exit_code run(const list_topics_arguments& what, application& app, printer& out);
exit_code run(const describe_topics_arguments& what, application& app, printer& out);

exit_code run(const produce_arguments& what, application& app, printer& out);
exit_code run(const fetch_arguments& what, application& app, printer& out);
exit_code run(const stream_arguments& what, application& app, printer& out);
exit_code run(const consume_arguments& what, application& app, printer& out);
exit_code run(const offsets_arguments& what, application& app, printer& out);

exit_code run(const find_coordinator& what, application& app, printer& out);
exit_code run(const join_group_arguments& what, application& app, printer& out);
exit_code run(const sync_group_arguments& what, application& app, printer& out);
exit_code run(const heartbeat& what, application& app, printer& out);
exit_code run(const leave_group& what, application& app, printer& out);
exit_code run(const group_offsets_arguments& what, application& app, printer& out);
exit_code run(const commit_arguments& what, application& app, printer& out);

/// The partitions of a topic, by number; one at least.
[[nodiscard]] result<std::vector<partition_id>> partitions_of(
  application& app, const std::string& topic);

} // namespace cafka::cli
