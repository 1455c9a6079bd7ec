#pragma once

// The I/O threads on Asio, for sources of this folder alone: it is not installed, since
// no public header includes Asio.

#include "frame_pool.hpp"
#include "resolver.hpp"

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>

#include <chrono>
#include <memory>
#include <mutex>
#include <unordered_set>

namespace cafka::actors {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
// Naming the executor spares the type-erased one that `tcp::socket` carries.
using executor = asio::io_context::executor_type;
using stream_socket = asio::basic_stream_socket<tcp, executor>;
using timer = asio::basic_waitable_timer<clock, asio::wait_traits<clock>, executor>;

/// What an I/O thread has under way until it has ended.
class io_object {
public:
  io_object() = default;
  io_object(const io_object&) = delete;
  io_object& operator=(const io_object&) = delete;
  virtual ~io_object() = default;

  /// In the I/O thread: ends, for the thread is to end.
  virtual void stop() noexcept = 0;
};

/// One I/O thread and what belongs to it.
struct io_loop : std::enable_shared_from_this<io_loop> {
  std::mutex mutex;
  bool accepting = true;
  asio::io_context io{1};
  asio::executor_work_guard<executor> work{io.get_executor()};
  const std::shared_ptr<frame_pool> frames = std::make_shared<frame_pool>();
  /// Touched by the I/O thread only; keeps what is under way until it has ended.
  std::unordered_set<std::shared_ptr<io_object>> open;

  /// Runs `f` in the I/O thread; false, and `f` never runs, when the loop is stopping.
  template <class F>
  bool post(F f) {
    const std::lock_guard lock{mutex};
    if (accepting)
      asio::post(io, std::move(f));
    return accepting;
  }
};

struct name_service {
  resolver resolve;
  lookup_threads lookups;
};

} // namespace cafka::actors
