// What it costs to encode and decode records of 100 bytes, per record, codec by codec.
#include <cafka/protocol/records/batch_builder.hpp>
#include <cafka/protocol/records/record_batch.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <new>
#include <random>
#include <string>
#include <vector>

namespace {

std::size_t allocations = 0;

} // namespace

// The forms for arrays come down to these.
void* operator new(std::size_t size) {
  ++allocations;
  if (auto* at = std::malloc(size == 0 ? 1 : size))
    return at;
  throw std::bad_alloc{};
}
void operator delete(void* at) noexcept {
  std::free(at);
}
void operator delete(void* at, std::size_t) noexcept {
  std::free(at);
}

namespace {

using namespace cafka::protocol;

constexpr int runs = 15;
constexpr std::size_t record_size = 100;

/// What this thread has had of the processor: other programs' shares do not count.
std::chrono::nanoseconds cpu_time() {
  std::timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::chrono::seconds{now.tv_sec} + std::chrono::nanoseconds{now.tv_nsec};
}

/// What one run costs per record.
struct cost {
  double nanoseconds = 0;
  double allocations = 0;
};

/// Calls `step`, which says how many records it handled, often enough to be measured, and
/// takes the median of several runs.
template <class Step>
cost measure(Step step) {
  std::vector<double> times;
  cost result;
  step(); // takes what is taken once: contexts, pages, caches
  for (int run = 0; run < runs; ++run) {
    std::size_t records = 0;
    const auto allocations_before = allocations;
    const auto start = cpu_time();
    auto elapsed = start - start;
    do {
      records += step();
      elapsed = cpu_time() - start;
    } while (elapsed < std::chrono::milliseconds{20});
    const auto count = static_cast<double>(records);
    times.push_back(static_cast<double>(elapsed.count()) / count);
    result.allocations = static_cast<double>(allocations - allocations_before) / count;
  }
  std::ranges::nth_element(times, times.begin() + runs / 2);
  result.nanoseconds = times[runs / 2];
  return result;
}

/// Values that look like a service's events: some words, some numbers.
std::vector<std::string> sample_values() {
  std::mt19937 random{1};
  std::vector<std::string> result;
  for (int i = 0; i < 16'384; ++i) {
    auto value = "{\"user\":" + std::to_string(random() % 100'000)
      + ",\"action\":\"view\",\"page\":\"/product/" + std::to_string(random())
      + "\",\"referrer\":\"search\",\"ms\":" + std::to_string(random() % 1000);
    value.resize(record_size, ' ');
    result.push_back(std::move(value));
  }
  return result;
}

/// The options of a benchmark's batch of about `size` bytes.
builder_options options_for(codec c, std::size_t size) {
  builder_options options;
  options.compression = c;
  options.initial_capacity = size;
  options.max_size = size;
  return options;
}

shared_bytes build(const builder_options& options, const std::vector<std::string>& values,
  std::size_t& records) {
  batch_builder builder{options};
  const timestamp start{std::chrono::milliseconds{1'700'000'000'000}};
  for (std::size_t i = 0;; ++i) {
    if (!builder.append(std::nullopt, as_bytes(values[i % values.size()]),
          start + std::chrono::milliseconds{i / 8}))
      break;
  }
  records = static_cast<std::size_t>(builder.count());
  auto sealed = builder.seal();
  if (!sealed) {
    std::fprintf(stderr, "%s\n", to_string(sealed.error()).c_str());
    std::exit(1);
  }
  return *std::move(sealed);
}

std::size_t walk(const shared_bytes& bytes, bool check_crcs) {
  batch_reader reader{bytes, {.check_crcs = check_crcs}};
  record_batch batch;
  std::size_t records = 0;
  std::size_t size = 0;
  while (reader.next(batch)) {
    for (const auto& x : batch) {
      ++records;
      size += x.value->size();
    }
  }
  if (size != records * record_size) {
    std::fprintf(stderr, "lost bytes\n");
    std::exit(1);
  }
  return records;
}

} // namespace

int main() {
  std::printf(
    "records of %zu bytes, no key, no headers; CPU time, medians of %d runs\n\n",
    record_size, runs);
  std::printf("%8s  %6s  %7s  %5s  %22s  %22s  %10s\n", "", "", "", "", "encode",
    "decode", "no CRC");
  std::printf("%8s  %6s  %7s  %5s  %10s  %10s  %10s  %10s  %10s\n", "batch", "codec",
    "records", "ratio", "ns/record", "allocs", "ns/record", "allocs", "ns/record");
  const auto values = sample_values();
  for (const std::size_t size : {16 * 1024, 1024 * 1024}) {
    double plain = 0;
    for (const auto c :
      {codec::none, codec::gzip, codec::snappy, codec::lz4, codec::zstd}) {
      const auto options = options_for(c, size);
      std::size_t records = 0;
      const auto bytes = build(options, values, records);
      if (c == codec::none)
        plain = static_cast<double>(bytes.size());
      const auto encode = measure([&] {
        std::size_t count = 0;
        build(options, values, count);
        return count;
      });
      const auto decode = measure([&] { return walk(bytes, true); });
      const auto unchecked = measure([&] { return walk(bytes, false); });
      std::printf("%5zu KB  %6s  %7zu  %5.2f  %10.1f  %10.4f  %10.1f  %10.4f  %10.1f\n",
        size / 1024, std::string{to_string(c)}.c_str(), records,
        plain / static_cast<double>(bytes.size()), encode.nanoseconds, encode.allocations,
        decode.nanoseconds, decode.allocations, unchecked.nanoseconds);
    }
  }
}
