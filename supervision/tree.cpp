#include "tree.hpp"

#include <caf/scoped_actor.hpp>

#include <chrono>

namespace cafka::supervision {

namespace {

using deadline = std::chrono::steady_clock::time_point;

caf::error look(
  caf::scoped_actor& self, const supervisor_actor& at, deadline until, tree_node& node) {
  const auto left = std::max(
    std::chrono::duration_cast<caf::timespan>(until - std::chrono::steady_clock::now()),
    caf::timespan{1});
  caf::error error;
  const auto failed = [&](caf::error& e) { error = std::move(e); };
  auto info = ask(self, at, left, get_info{});
  auto children = ask(self, at, left, which_children{});
  std::move(info).receive(
    [&](supervisor_info& i) { node.supervisor = std::move(i); }, failed);
  std::move(children).receive(
    [&](std::vector<child_info>& all) {
      for (auto& child : all) {
        auto& next = node.children.emplace_back();
        next.child = std::move(child);
      }
    },
    failed);
  if (!error.empty())
    return error;
  for (auto& next : node.children)
    if (next.child.type == child_type::supervisor && next.child.handle != nullptr)
      // It may have ended meanwhile: then there is nothing to see below it.
      static_cast<void>(
        look(self, caf::actor_cast<supervisor_actor>(next.child.handle), until, next));
  return {};
}

std::string described(const tree_node& node) {
  const auto& c = node.child;
  auto line = c.name.empty() ? c.id : c.name;
  if (line.empty() && c.handle != nullptr)
    line = "#" + std::to_string(c.handle->id());
  line += std::string{": "} + to_string(c.type);
  if (c.type == child_type::supervisor && !node.supervisor.name.empty()) {
    const auto& s = node.supervisor;
    line += std::string{", "} + to_string(s.strategy) + ", " + std::to_string(s.restarts)
      + " of " + std::to_string(s.max_restarts) + " restarts in "
      + std::to_string(s.max_seconds) + " s";
  } else {
    line += std::string{", "} + to_string(c.restart);
  }
  if (c.state != child_state::running)
    line += std::string{", "} + to_string(c.state);
  if (c.restarts > 0)
    line += ", restarted " + std::to_string(c.restarts)
      + (c.restarts == 1 ? " time" : " times");
  return line + '\n';
}

void draw(const tree_node& node, const std::string& indent, std::string& out) {
  for (const auto& next : node.children) {
    const auto is_last = &next == &node.children.back();
    out += indent + (is_last ? "└─ " : "├─ ") + described(next);
    draw(next, indent + (is_last ? "   " : "│  "), out);
  }
}

} // namespace

caf::expected<tree_node> tree_of(
  caf::actor_system& sys, const supervisor_actor& root, caf::timespan timeout) {
  caf::scoped_actor self{sys};
  tree_node node;
  const auto until = std::chrono::steady_clock::now() + timeout;
  if (auto error = look(self, root, until, node); !error.empty())
    return error;
  node.child.id = node.supervisor.name;
  node.child.handle = caf::actor_cast<caf::strong_actor_ptr>(root);
  node.child.type = child_type::supervisor;
  node.child.state = child_state::running;
  return node;
}

std::string to_string(const tree_node& root) {
  auto out = described(root);
  draw(root, {}, out);
  return out;
}

} // namespace cafka::supervision
