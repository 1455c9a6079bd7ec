#include "random.hpp"

namespace cafka::protocol {

std::uint64_t randomizer::number() {
  // Small numbers of either sign are as likely as large ones.
  const auto x = source_.next();
  const auto shift = source_.below(64);
  return source_.below(2) == 0 ? x >> shift : ~(x >> shift);
}

std::string randomizer::text() {
  // Long enough now and then for a compact length of two bytes.
  std::string text(source_.below(source_.below(16) == 0 ? 300 : 12), '\0');
  for (auto& c : text)
    c = static_cast<char>(source_.next());
  return text;
}

shared_bytes randomizer::bytes() {
  // Long enough now and then for a writer to attach them by reference.
  std::vector<std::byte> bytes(source_.below(source_.below(8) == 0 ? 3000 : 20));
  for (auto& b : bytes)
    b = static_cast<std::byte>(source_.next());
  return shared_bytes::from(std::move(bytes));
}

} // namespace cafka::protocol
