#include "commands.hpp"
#include "session.hpp"

#include <algorithm>

namespace cafka::cli {

namespace {

/// Says what is wrong with topics that were named; those must all be there.
exit_code report_missing(const std::vector<topic_info>& topics) {
  auto code = exit_ok;
  for (const auto& topic : topics) {
    if (topic.status == error_code::none)
      continue;
    report("topic " + topic.name, {topic.status, {}});
    code = exit_failed;
  }
  return code;
}

/// Prints the result of each topic; `verb` is what was asked for, `done` what is true
/// then.
exit_code print_results(const result<topic_results>& results, const std::string& verb,
  const std::string& done, printer& out) {
  if (!results) {
    report("cannot " + verb + " topics", results.error());
    return exit_failed;
  }
  auto code = exit_ok;
  for (const auto& topic : results->topics) {
    out.print(topic, done);
    if (topic.status == error_code::none)
      continue;
    report("cannot " + verb + " topic " + topic.name, {topic.status, topic.message});
    code = exit_failed;
  }
  return code;
}

} // namespace

result<std::vector<partition_id>> partitions_of(
  application& app, const std::string& topic) {
  metadata request;
  request.topics = {topic};
  const auto cluster = app.metadata(request);
  if (!cluster)
    return cluster.error();
  const auto found = std::ranges::find(cluster->topics, topic, &topic_info::name);
  if (found == cluster->topics.end())
    return error{error_code::unknown_topic_or_partition, topic};
  if (found->status != error_code::none)
    return error{found->status, topic};
  std::vector<partition_id> result;
  for (const auto& p : found->partitions)
    result.push_back(p.id);
  if (result.empty())
    return error{error_code::unknown_topic_or_partition, topic + " has no partitions"};
  std::ranges::sort(result);
  return result;
}

exit_code run(const metadata_arguments& what, application& app, printer& out) {
  metadata request;
  if (!what.topics.empty())
    request.topics = what.topics;
  const auto cluster = app.metadata(request);
  if (!cluster) {
    report("cannot ask for metadata", cluster.error());
    return exit_failed;
  }
  out.print(*cluster);
  return what.topics.empty() ? exit_ok : report_missing(cluster->topics);
}

exit_code run(const api_versions_arguments& what, application& app, printer& out) {
  api_versions request;
  request.broker = what.broker;
  const auto versions = app.api_versions(request);
  if (!versions) {
    report("cannot ask for API versions", versions.error());
    return exit_failed;
  }
  out.print(*versions);
  return exit_ok;
}

exit_code run(const create_topics_arguments& what, application& app, printer& out) {
  create_topics request;
  for (const auto& name : what.names) {
    request.topics.push_back(what.like);
    request.topics.back().name = name;
  }
  request.validate_only = what.validate_only;
  return print_results(app.create_topics(request), "create",
    what.validate_only ? "can be created" : "created", out);
}

exit_code run(const delete_topics_arguments& what, application& app, printer& out) {
  delete_topics request;
  request.topics = what.names;
  return print_results(app.delete_topics(request), "delete", "deleted", out);
}

exit_code run(const list_topics_arguments& what, application& app, printer& out) {
  auto cluster = app.metadata();
  if (!cluster) {
    report("cannot list topics", cluster.error());
    return exit_failed;
  }
  std::ranges::sort(cluster->topics, {}, &topic_info::name);
  for (const auto& topic : cluster->topics) {
    if (!topic.internal || what.internal)
      out.print_name(topic);
  }
  return exit_ok;
}

exit_code run(const describe_topics_arguments& what, application& app, printer& out) {
  metadata request;
  if (!what.names.empty())
    request.topics = what.names;
  auto cluster = app.metadata(request);
  if (!cluster) {
    report("cannot describe topics", cluster.error());
    return exit_failed;
  }
  std::ranges::sort(cluster->topics, {}, &topic_info::name);
  for (const auto& topic : cluster->topics) {
    if (!topic.internal || !what.names.empty())
      out.print(topic);
  }
  return what.names.empty() ? exit_ok : report_missing(cluster->topics);
}

} // namespace cafka::cli
