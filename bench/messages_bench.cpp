// What it costs to encode a request and to decode a response, API by API.

#include "bench.hpp"
#include <cafka/protocol/messages/all.hpp>
#include <cafka/protocol/schema/random.hpp>

#include <ctime>

namespace {

using namespace cafka::protocol;

constexpr int runs = 9;
constexpr int messages = 64;

double cpu_now() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

/// Nanoseconds per byte and per message of `step`, which handles all messages once.
template <class Step>
double cost(Step step) {
  std::vector<double> times;
  for (int i = 0; i < runs; ++i) {
    int repeats = 0;
    const auto began = cpu_now();
    double passed = 0;
    do {
      step();
      ++repeats;
      passed = cpu_now() - began;
    } while (passed < 2e6);
    times.push_back(passed / (repeats * messages));
  }
  return bench::median(times);
}

template <class Message>
void measure() {
  const auto version = Message::versions.max;
  std::vector<Message> all;
  std::vector<std::vector<std::byte>> encoded;
  std::size_t bytes = 0;
  random_source source{42};
  for (int i = 0; i < messages; ++i) {
    all.push_back(random_message<Message>(source, version));
    writer out;
    encode(out, all.back(), version);
    encoded.push_back(out.bytes());
    bytes += encoded.back().size();
  }
  const auto encoding = cost([&] {
    for (const auto& m : all) {
      writer out;
      encode(out, m, version);
    }
  });
  bool good = true;
  const auto decoding = cost([&] {
    for (const auto& e : encoded) {
      reader in{byte_view{e}};
      Message m;
      (void)decode(in, m, version);
      good = good && in.ok();
    }
  });
  std::printf("%-28s %4d %10.0f %12.0f %12.0f%s\n", std::string{Message::name}.c_str(),
    version, static_cast<double>(bytes) / messages, encoding, decoding,
    good ? "" : "  DAMAGED");
}

} // namespace

int main() {
  std::printf(
    "Codec of messages with random content, newest version, medians of %d runs\n", runs);
  std::printf(
    "%-28s %4s %10s %12s %12s\n", "message", "v", "bytes", "encode ns", "decode ns");
  for_each_message([]<class Message>() { measure<Message>(); });
}
