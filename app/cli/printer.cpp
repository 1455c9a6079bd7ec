#include <cafka/app/cli/printer.hpp>
#include <cafka/app/cli/text.hpp>

#include <spdlog/fmt/fmt.h>

#include <cstdio>
#include <nlohmann/json.hpp>

namespace cafka::cli {

namespace {

using json_value = nlohmann::ordered_json;
using optional_bytes = std::optional<protocol::byte_view>;

/// Names from brokers are text, but nobody has checked; a replacement character stands
/// for what is not.
std::string dump(const json_value& value) {
  return value.dump(-1, ' ', false, json_value::error_handler_t::replace);
}

json_value json_of(const optional_bytes& bytes) {
  if (!bytes)
    return nullptr;
  const auto text = protocol::as_text(*bytes);
  if (is_utf8(text))
    return std::string{text};
  return {{"base64", base64(text)}};
}

json_value json_of(std::optional<timestamp> time) {
  if (!time || *time == protocol::no_timestamp)
    return nullptr;
  return time->time_since_epoch().count();
}

template <class T>
json_value json_of(const std::optional<T>& value) {
  return value ? json_value(*value) : json_value(nullptr);
}

json_value json_of(const std::optional<log_offset>& offset) {
  return offset ? json_value(offset->value()) : json_value(nullptr);
}

json_value json_of(const std::vector<broker_id>& ids) {
  auto result = json_value::array();
  for (const auto id : ids)
    result.push_back(id.value());
  return result;
}

json_value json_of(const topic_info& topic) {
  json_value result{{"name", topic.name}, {"error", nullptr},
    {"internal", topic.internal}, {"partitions", json_value::array()}};
  if (topic.status != error_code::none)
    result["error"] = name(topic.status);
  for (const auto& p : topic.partitions) {
    json_value partition{{"id", p.id.value()}, {"error", nullptr},
      {"leader", p.leader.value()}, {"leader_epoch", p.epoch.value()},
      {"replicas", json_of(p.replicas)},
      {"in_sync_replicas", json_of(p.in_sync_replicas)},
      {"offline_replicas", json_of(p.offline_replicas)}};
    if (p.status != error_code::none)
      partition["error"] = name(p.status);
    result["partitions"].push_back(std::move(partition));
  }
  return result;
}

std::string text_of(const optional_bytes& bytes) {
  return bytes ? escaped(protocol::as_text(*bytes)) : "\\N";
}

std::string text_of(const std::vector<broker_id>& ids) {
  std::string result;
  for (const auto id : ids)
    result += (result.empty() ? "" : ",") + std::to_string(id.value());
  return result.empty() ? "-" : result;
}

std::string text_of(std::optional<timestamp> time) {
  return time && *time != protocol::no_timestamp ? time_text(*time) : "-";
}

std::string number_or_dash(std::optional<log_offset> offset) {
  return offset ? std::to_string(offset->value()) : "-";
}

} // namespace

void printer::line(std::string text) {
  buffer_ += text;
  buffer_ += '\n';
  if (buffer_.size() > 64 * 1024)
    flush();
}

bool printer::flush() {
  if (std::fwrite(buffer_.data(), 1, buffer_.size(), stdout) != buffer_.size()
    || std::fflush(stdout) != 0)
    failed_ = true;
  buffer_.clear();
  return !failed_;
}

void printer::print(const cluster_metadata& cluster) {
  if (json()) {
    json_value all{{"cluster_id", json_of(cluster.cluster_id)},
      {"controller", cluster.controller.value()}, {"brokers", json_value::array()},
      {"topics", json_value::array()}};
    for (const auto& b : cluster.brokers)
      all["brokers"].push_back({{"id", b.id.value()}, {"host", b.address.host},
        {"port", b.address.port}, {"rack", json_of(b.rack)}});
    for (const auto& t : cluster.topics)
      all["topics"].push_back(json_of(t));
    line(dump(all));
    return;
  }
  line(fmt::format("cluster {}  controller {}", escaped(cluster.cluster_id.value_or("-")),
    cluster.controller.value()));
  for (const auto& b : cluster.brokers)
    line(fmt::format("broker {}  {}{}", b.id.value(), escaped(to_string(b.address)),
      b.rack ? "  rack " + escaped(*b.rack) : ""));
  for (const auto& t : cluster.topics) {
    line(fmt::format("topic {}  {} partition{}{}{}", escaped(t.name), t.partitions.size(),
      t.partitions.size() == 1 ? "" : "s", t.internal ? "  internal" : "",
      t.status == error_code::none ? "" : "  " + name(t.status)));
    for (const auto& p : t.partitions)
      line(fmt::format("  partition {}  leader {}  replicas {}  in sync {}{}",
        p.id.value(), p.leader.value(), text_of(p.replicas), text_of(p.in_sync_replicas),
        p.status == error_code::none ? "" : "  " + name(p.status)));
  }
}

void printer::print(const produced& where, std::size_t count) {
  if (json()) {
    line(dump({{"topic", where.topic}, {"partition", where.partition.value()},
      {"base_offset", json_of(where.base_offset)}, {"count", count},
      {"log_append_time", json_of(where.log_append_time)}}));
  } else {
    line(fmt::format("{}/{}  {} record{} {}", escaped(where.topic),
      where.partition.value(), count, count == 1 ? "" : "s",
      where.base_offset ? "from offset " + number_or_dash(where.base_offset)
                        : "sent, and no answer was asked for"));
  }
}

void printer::print(
  const std::string& topic, partition_id partition, const protocol::record_view& record) {
  if (json()) {
    json_value out{{"topic", topic}, {"partition", partition.value()},
      {"offset", record.offset.value()},
      {"timestamp", json_of(std::optional{record.time})}, {"key", json_of(record.key)},
      {"value", json_of(record.value)}, {"headers", json_value::array()}};
    // A list: names may repeat, and their order counts.
    for (const auto& h : record.headers)
      out["headers"].push_back(
        {{"name", json_of(protocol::as_bytes(h.key))}, {"value", json_of(h.value)}});
    line(dump(out));
    return;
  }
  std::string headers;
  for (const auto& h : record.headers)
    headers += (headers.empty() ? "" : ",") + escaped(h.key) + '=' + text_of(h.value);
  line(fmt::format("{}\t{}\t{}\t{}\t{}", record.offset.value(), text_of(record.time),
    text_of(record.key), text_of(record.value), headers));
}

void printer::print(const listed_offset& found, const std::string& at) {
  if (json()) {
    line(dump({{"topic", found.topic}, {"partition", found.partition.value()}, {"at", at},
      {"offset", json_of(found.offset)}, {"timestamp", json_of(found.time)}}));
  } else {
    line(fmt::format("{}/{}  {}  {}{}", escaped(found.topic), found.partition.value(), at,
      number_or_dash(found.offset),
      found.time ? "  " + text_of(found.time) : std::string{}));
  }
}

void printer::print(const supported_versions& versions) {
  for (const auto& api : versions.apis) {
    if (json())
      line(dump({{"key", static_cast<int>(api.key)}, {"name", name(api.key)},
        {"min", api.min}, {"max", api.max}}));
    else
      line(fmt::format("{:>3}  {}  {} to {}", static_cast<int>(api.key), name(api.key),
        api.min, api.max));
  }
}

} // namespace cafka::cli
