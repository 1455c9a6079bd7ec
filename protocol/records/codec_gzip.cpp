#include "codecs.hpp"

#include <zlib.h>

namespace cafka::protocol::detail {

namespace {

/// 15 bits of window, and 16 for "gzip, neither zlib nor raw".
constexpr int gzip_window = 15 + 16;

/// A deflate state is 260 KiB: each thread keeps the last one for its next batch.
struct deflater {
  z_stream stream{};
  std::optional<int> level;

  deflater() = default;
  deflater(const deflater&) = delete;
  deflater& operator=(const deflater&) = delete;
  ~deflater() { end(); }

  void end() {
    if (level)
      deflateEnd(&stream);
    level.reset();
  }

  bool start(int wanted) {
    if (level == wanted)
      return deflateReset(&stream) == Z_OK;
    end();
    stream = {};
    const auto status =
      deflateInit2(&stream, wanted, Z_DEFLATED, gzip_window, 8, Z_DEFAULT_STRATEGY);
    if (status == Z_OK)
      level = wanted;
    return status == Z_OK;
  }
};

struct inflater {
  z_stream stream{};
  bool started = inflateInit2(&stream, gzip_window) == Z_OK;

  inflater() = default;
  inflater(const inflater&) = delete;
  inflater& operator=(const inflater&) = delete;
  ~inflater() {
    if (started)
      inflateEnd(&stream);
  }
};

constexpr std::size_t longest_step = std::numeric_limits<uInt>::max();

void point(z_stream& stream, byte_view in) {
  // zlib only reads, but for C's sake asks for bytes that are not const.
  auto* data = const_cast<std::byte*>(in.data());
  stream.next_in = reinterpret_cast<Bytef*>(data);
  stream.avail_in = static_cast<uInt>(in.size());
}

} // namespace

result<done> compress_gzip(byte_view in, byte_arena& out, int level) {
  thread_local deflater state;
  if (in.size() > longest_step / 2 || !state.start(level))
    return {error_code::invalid_argument, "gzip: cannot compress that much"};
  const auto bound = deflateBound(&state.stream, static_cast<uLong>(in.size()));
  point(state.stream, in);
  state.stream.next_out = reinterpret_cast<Bytef*>(out.room(bound));
  state.stream.avail_out = static_cast<uInt>(bound);
  if (deflate(&state.stream, Z_FINISH) != Z_STREAM_END)
    return {error_code::unknown_server_error, "gzip: deflate stopped before its end"};
  out.commit(bound - state.stream.avail_out);
  return done{};
}

result<shared_bytes> decompress_gzip(byte_view in, const decompress_bounds& bounds) {
  thread_local inflater state;
  if (!state.started || in.size() > longest_step)
    return corrupt(codec::gzip, "too long");
  auto& stream = state.stream;
  bounded_output out{in.size() * 4, bounds};
  point(stream, in);
  // A gzip file may be several members in a row.
  do {
    if (inflateReset(&stream) != Z_OK)
      return corrupt(codec::gzip, "cannot start");
    auto status = Z_OK;
    while (status != Z_STREAM_END) {
      const auto room = out.room();
      if (room.empty())
        return out.too_large();
      if (out.stopped())
        return out.was_stopped();
      const auto step = static_cast<uInt>(std::min(room.size(), longest_step));
      stream.next_out = reinterpret_cast<Bytef*>(room.data());
      stream.avail_out = step;
      status = inflate(&stream, Z_NO_FLUSH);
      if (!out.commit(step - stream.avail_out))
        return out.too_large();
      if (status != Z_OK && status != Z_STREAM_END)
        return corrupt(codec::gzip, stream.msg == nullptr ? "truncated" : stream.msg);
    }
  } while (stream.avail_in != 0);
  return out.freeze();
}

} // namespace cafka::protocol::detail
