#include "allocation_counter.hpp"

#include <cstdlib>
#include <new>

namespace {

thread_local std::size_t allocations = 0;
thread_local std::size_t bytes_asked_for = 0;

void* counted(std::size_t size, std::size_t alignment) {
  ++allocations;
  bytes_asked_for += size;
  if (size == 0)
    size = 1;
  auto* result = alignment <= alignof(std::max_align_t)
    ? std::malloc(size)
    : std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  if (result == nullptr)
    throw std::bad_alloc{};
  return result;
}

} // namespace

allocation_counter::allocation_counter()
  : count_before_(allocations), bytes_before_(bytes_asked_for) {
}

std::size_t allocation_counter::count() const {
  return allocations - count_before_;
}

std::size_t allocation_counter::bytes() const {
  return bytes_asked_for - bytes_before_;
}

// The forms for arrays come down to these; the one for std::nothrow does not where a
// sanitizer has replaced it before us.
void* operator new(std::size_t size) {
  return counted(size, 1);
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  return counted(size, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  try {
    return counted(size, 1);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}
void operator delete(void* at) noexcept {
  std::free(at);
}
void operator delete(void* at, std::size_t) noexcept {
  std::free(at);
}
void operator delete(void* at, std::align_val_t) noexcept {
  std::free(at);
}
void operator delete(void* at, std::size_t, std::align_val_t) noexcept {
  std::free(at);
}
