#include "scram_keys.hpp"

#include <algorithm>

namespace cafka::protocol::sasl {

scram_keys::pair scram_keys::of(digest d, std::string_view user, const secret& password,
  std::string_view salt, std::uint32_t iterations) {
  // Others wait, rather than derive the same at the same time.
  const std::lock_guard lock{mutex_};
  const auto found = std::ranges::find_if(entries_, [&](const entry& e) {
    return e.hash == d && e.iterations == iterations && e.user == user && e.salt == salt
      && equal(e.password.reveal(), password.reveal());
  });
  if (found != entries_.end()) {
    std::rotate(entries_.begin(), found, found + 1);
    return entries_.front().keys;
  }
  ++derivations_;
  const auto salted = pbkdf2(d, password.reveal(), salt, iterations);
  if (salted.empty())
    return {};
  pair keys{
    hmac(d, salted.reveal(), "Client Key"), hmac(d, salted.reveal(), "Server Key")};
  if (keys.client.empty() || keys.server.empty())
    return {};
  // A password that was replaced is not kept.
  std::erase_if(entries_, [&](const entry& e) {
    return e.hash == d && e.user == user
      && !equal(e.password.reveal(), password.reveal());
  });
  if (entries_.size() == most)
    entries_.pop_back();
  entries_.push_front(
    {d, std::string{user}, password, std::string{salt}, iterations, keys});
  return keys;
}

std::uint64_t scram_keys::derivations() const {
  const std::lock_guard lock{mutex_};
  return derivations_;
}

} // namespace cafka::protocol::sasl
