#pragma once

#include <cafka/protocol/endpoint.hpp>
#include <cafka/protocol/types.hpp>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace cafka::testing {

using bytes = std::vector<std::byte>;

/// The bytes of a text.
[[nodiscard]] bytes as_bytes(std::string_view text);

/// A payload behind its length prefix.
[[nodiscard]] bytes framed(protocol::byte_view payload);

/// A file descriptor that closes itself.
class owned_fd {
public:
  explicit owned_fd(int fd = -1) : fd_(fd) {}
  owned_fd(owned_fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  owned_fd& operator=(owned_fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~owned_fd();
  [[nodiscard]] int get() const { return fd_; }

private:
  int fd_;
};

/// A broker that does what a script says, on a loopback port of its own.
///
/// Every connection runs the script in a thread of its own and is closed when it returns.
/// All waiting ends by the deadline, and at once when the peer is destroyed.
class scripted_peer {
public:
  /// One accepted connection, as its script sees it.
  class session {
  public:
    /// From 0, in the order of accepting.
    [[nodiscard]] std::size_t number() const { return number_; }

    /// Reads exactly one frame and records it; nothing when the connection or the time is
    /// at its end.
    std::optional<bytes> read_frame();

    /// Reads so many bytes; false when the connection or the time is at its end.
    bool read_exactly(std::span<std::byte> out);

    /// Sends all bytes as they are; false when the connection or the time is at its end.
    bool send(protocol::byte_view data);

    /// The same, but every byte in a segment of its own.
    bool send_byte_by_byte(protocol::byte_view data);

    /// Sends the payload behind its length prefix.
    bool send_frame(protocol::byte_view payload);

    /// Reads and drops everything until the other side closes; false when the time is at
    /// its end first.
    bool wait_until_closed();

    /// Leaves everything unread until `scripted_peer::release` is called or the time is
    /// at its end.
    void wait_for_release();

    /// Closes with a reset instead of an orderly end.
    void reset();

    /// Closes now.
    void close();

    // -- for a protocol under the frames ------------------------------------------------

    [[nodiscard]] int fd() const { return fd_.get(); }
    /// Waits for one of poll's events; false when the connection or the time is at its
    /// end.
    bool ready(short events);
    /// Records a frame that was read.
    void note(bytes frame);

  private:
    friend class scripted_peer;
    session(scripted_peer& owner, std::size_t number, owned_fd fd)
      : owner_(owner), number_(number), fd_(std::move(fd)) {}

    scripted_peer& owner_;
    std::size_t number_;
    owned_fd fd_;
    bool closed_ = false;
    std::chrono::steady_clock::time_point until_;
  };

  using script = std::function<void(session&)>;

  /// How to set up the listening socket.
  struct settings {
    std::string address = "127.0.0.1";
    /// Zero picks a free one.
    std::uint16_t port = 0;
    /// For each session, and for the waiting functions below.
    std::chrono::milliseconds deadline{20'000};
    /// Size of the receive buffer in bytes; zero leaves the system's.
    int receive_buffer = 0;
  };

  explicit scripted_peer(script s) : scripted_peer(std::move(s), settings{}) {}
  scripted_peer(script s, settings how);
  ~scripted_peer();

  [[nodiscard]] protocol::endpoint address() const { return {how_.address, port_}; }
  [[nodiscard]] std::uint16_t port() const { return port_; }

  /// How many connections were accepted so far.
  [[nodiscard]] std::size_t accepted() const;
  /// Whether a session ended only by its deadline.
  [[nodiscard]] bool overdue() const;
  /// The payloads of all frames read so far, in the order of reading.
  [[nodiscard]] std::vector<bytes> frames() const;
  /// False when there are not so many by the deadline.
  bool wait_for_accepted(std::size_t count);
  bool wait_for_frames(std::size_t count);
  /// Whether every session so far has ended, and none of them by its deadline.
  bool wait_for_sessions_ended();

  /// Lets go all sessions that wait for it, now and later.
  void release();

  // -- scripts for common cases ---------------------------------------------------------

  /// Answers each frame with a frame of what `f` makes of it, until the other side
  /// closes.
  static script answers(std::function<bytes(const bytes&)> f);
  /// Answers each frame with itself.
  static script echoes();
  /// Takes everything and says nothing.
  static script silent();

private:
  void accept_all();
  void run(session& s);
  template <class Predicate>
  bool wait(Predicate p);

  script script_;
  settings how_;
  std::uint16_t port_ = 0;
  owned_fd listener_;
  owned_fd wake_read_; ///< Readable once the peer is being destroyed.
  owned_fd wake_write_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<bytes> frames_;
  std::size_t accepted_ = 0;
  std::size_t ended_ = 0;
  bool overdue_ = false;
  bool released_ = false;
  bool stopping_ = false;

  std::list<session> sessions_; ///< Touched by the accepting thread only.
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

/// A loopback port that refuses connections for as long as this lives.
class refusing_port {
public:
  explicit refusing_port(const std::string& address = "127.0.0.1");
  [[nodiscard]] protocol::endpoint address() const { return address_; }

private:
  owned_fd fd_;
  protocol::endpoint address_;
};

/// A loopback port whose connections are never established: a black hole.
class unanswering_port {
public:
  /// Port zero picks a free one.
  explicit unanswering_port(
    const std::string& address = "127.0.0.1", std::uint16_t port = 0);
  [[nodiscard]] protocol::endpoint address() const { return address_; }

private:
  owned_fd listener_;
  std::vector<owned_fd> fillers_;
  protocol::endpoint address_;
};

/// How many descriptors this process has open.
[[nodiscard]] std::size_t open_descriptors();

} // namespace cafka::testing
