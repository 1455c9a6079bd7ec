#include "secret.hpp"

#include <cstddef>

namespace cafka::protocol {

namespace {

/// A compiler may leave out writes to memory that nobody reads again, but not these.
void overwrite(char* begin, std::size_t size) noexcept {
  volatile char* at = begin;
  for (std::size_t i = 0; i != size; ++i)
    at[i] = 0;
}

} // namespace

secret::secret(std::string&& text) : secret(std::string_view{text}) {
  wipe(text);
}

secret& secret::operator=(const secret& other) {
  if (this != &other) {
    auto copy = other.text_;
    clear();
    text_.swap(copy);
  }
  return *this;
}

secret& secret::operator=(secret&& other) noexcept {
  if (this != &other) {
    clear();
    text_.swap(other.text_);
  }
  return *this;
}

void secret::clear() noexcept {
  overwrite(text_.data(), text_.size());
  text_.clear();
}

void wipe(std::string& text) noexcept {
  overwrite(text.data(), text.size());
  text.clear();
}

} // namespace cafka::protocol
