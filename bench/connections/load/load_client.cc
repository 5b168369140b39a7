#include "load_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

namespace load {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kOverdueEvery = kSecond / 5;
constexpr uint32_t kFirstAddress = 0x7F010001;  // 127.1.0.1
const char kZeros[65536] = {};

uint64_t Now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<uint64_t>(time.tv_sec) * kSecond + static_cast<uint64_t>(time.tv_nsec);
}

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

sockaddr_in Address(uint32_t host, uint16_t port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(host);
  address.sin_port = htons(port);
  return address;
}

/** Raises the limit to a million descriptors if this user may, else to the hard limit. */
void RaiseDescriptorLimit() {
  const rlimit million = {1 << 20, 1 << 20};
  if (setrlimit(RLIMIT_NOFILE, &million) == 0) return;
  rlimit most;
  getrlimit(RLIMIT_NOFILE, &most);
  most.rlim_cur = most.rlim_max;
  setrlimit(RLIMIT_NOFILE, &most);
}

/** A masked text frame. The mask is zero, so the payload is unchanged. */
std::string Frame(uint32_t bytes) {
  std::string frame = "\x81";
  if (bytes < 126) {
    frame += static_cast<char>(0x80 | bytes);
  } else {
    frame += static_cast<char>(0x80 | 126);
    frame += static_cast<char>(bytes >> 8);
    frame += static_cast<char>(bytes & 255);
  }
  return frame.append(4, '\0').append(bytes, 'm');
}

}  // namespace

LoadClient::LoadClient(const Options& options) : options_(options), tally_(options.clients) {
  if (options_.remember != Remember::kNothing) remembered_.resize(options_.clients);
  connections_.resize(options_.hold ? std::min<uint64_t>(options_.operations, 1'000'000) : options_.width);
  for (size_t i = connections_.size(); i-- > 0;) free_.push_back(static_cast<uint32_t>(i));
}

bool LoadClient::Run() {
  RaiseDescriptorLimit();
  prctl(PR_SET_TIMERSLACK, 1000);
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  began_ = ended_ = Now();
  uint64_t overdue_at = began_ + kOverdueEvery;
  epoll_event events[512];
  while (!broken_) {
    uint64_t now = Now();
    StartDue(now);
    if (in_flight_ == 0 && !MayStart(now)) break;
    const timespec wait = WaitFor(now);
    const int count = epoll_pwait2(epoll_, events, 512, &wait, nullptr);
    for (int i = 0; i < count; i++) {
      Connection* connection = &connections_[static_cast<uint32_t>(events[i].data.u64)];
      if (connection->generation == events[i].data.u64 >> 32) Handle(connection, events[i].events);
    }
    now = Now();
    if (now < overdue_at) continue;
    FailOverdue(now);
    overdue_at = now + kOverdueEvery;
  }
  if (options_.hold && !broken_) HoldUntilStdinEnds();
  return !broken_;
}

void LoadClient::Print() const {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  const double seconds = static_cast<double>(std::max<uint64_t>(ended_ - began_, 1)) / 1e9;
  tally_.Print(seconds, Seconds(usage.ru_utime), Seconds(usage.ru_stime));
}

uint64_t LoadClient::Due(uint64_t operation, uint64_t now) const {
  if (options_.rate == 0) return now;
  return began_ + static_cast<uint64_t>(static_cast<double>(operation) * (1e9 / options_.rate));
}

bool LoadClient::MayStart(uint64_t now) const {
  if (started_ >= options_.operations) return false;
  return options_.start_for == 0 || Due(started_, now) < began_ + options_.start_for;
}

timespec LoadClient::WaitFor(uint64_t now) const {
  uint64_t wait = kSecond / 10;
  if (options_.rate != 0 && in_flight_ < options_.width && MayStart(now)) {
    const uint64_t due = Due(started_, now);
    wait = std::min(wait, due > now ? due - now : 0);
  }
  return {static_cast<time_t>(wait / kSecond), static_cast<long>(wait % kSecond)};
}

void LoadClient::StartDue(uint64_t now) {
  while (!broken_ && in_flight_ < options_.width && MayStart(now)) {
    const uint64_t due = Due(started_, now);
    if (due > now) return;
    const bool fresh = !free_.empty();
    if (!fresh && idle_.empty()) return;
    Connection* connection = &connections_[fresh ? free_.back() : idle_.front()];
    if (fresh) free_.pop_back();
    else idle_.pop_front();
    connection->operation = started_++;
    connection->begun = options_.rate == 0 ? Now() : due;
    in_flight_++;
    if (fresh) Open(connection);
    else Ask(connection);
  }
}

void LoadClient::Open(Connection* connection) {
  connection->client = static_cast<uint32_t>((options_.first_client + opened_++) % options_.clients);
  connection->asked = 0;
  connection->phase = Phase::kConnecting;
  connection->partial.clear();
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  const linger reset = {1, 0};
  const sockaddr_in from = Address(kFirstAddress + connection->client % options_.addresses, 0);
  const sockaddr_in to = Address(INADDR_LOOPBACK, options_.port);
  connection->fd = fd;
  // bind() gets no port. The kernel then chooses the port at connect(), from the whole range for each address.
  if (fd < 0 || setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) != 0 ||
      setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset) != 0 ||
      bind(fd, reinterpret_cast<const sockaddr*>(&from), sizeof from) != 0) {
    std::perror("load-client: socket");
    broken_ = true;
    return;
  }
  if (options_.per_connection != 1) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0 && errno != EINPROGRESS) {
    broken_ = errno == EADDRNOTAVAIL;
    if (broken_) std::perror("load-client: connect");
    else Fail(connection, Failure::kRefused);
    return;
  }
  tally_.Opened();
  const auto index = static_cast<uint64_t>(connection - connections_.data());
  epoll_event event = {};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.u64 = static_cast<uint64_t>(connection->generation) << 32 | index;
  epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
}

void LoadClient::Ask(Connection* connection) {
  static const std::string host = "Host: limpet.bench\r\n";
  static const std::string get = "GET " + options_.path + " HTTP/1.1\r\n" + host;
  static const std::string post = "POST " + options_.path + " HTTP/1.1\r\n" + host +
                                  "Content-Length: " + std::to_string(options_.body_bytes) + "\r\n";
  static const std::string upgrade =
      get + "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: bGltcGV0IGJlbmNobWFyaw==\r\n\r\n";
  static const std::string frame = Frame(options_.message_bytes);
  const bool upgraded = options_.websocket && connection->phase != Phase::kConnecting;
  const bool has_body = (connection->operation * options_.body_percent) % 100 < options_.body_percent;
  if (options_.websocket) {
    connection->head = upgraded ? frame : upgrade;
  } else if (options_.remember == Remember::kSid) {
    const std::string& sid = remembered_[connection->client];
    const std::string path = sid.empty() ? "/socket.io/?EIO=4&transport=polling" : options_.path + "?sid=" + sid;
    connection->head = "GET " + path + " HTTP/1.1\r\n" + host + "\r\n";
  } else {
    connection->head = has_body ? post : get;
    if (options_.remember == Remember::kCookie && !remembered_[connection->client].empty()) {
      connection->head += "Cookie: " + remembered_[connection->client] + "\r\n";
    }
    connection->head += "\r\n";
  }
  connection->body_left = has_body && !options_.websocket ? options_.body_bytes : 0;
  connection->head_sent = 0;
  connection->phase = options_.websocket && !upgraded ? Phase::kUpgrading : Phase::kAsking;
  if (connection->phase == Phase::kAsking) connection->asked++;
  Send(connection);
}

void LoadClient::Send(Connection* connection) {
  while (connection->head_sent < connection->head.size() || connection->body_left > 0) {
    const size_t head_left = connection->head.size() - connection->head_sent;
    const char* from = head_left > 0 ? connection->head.data() + connection->head_sent : kZeros;
    const size_t length = head_left > 0 ? head_left : std::min<uint64_t>(connection->body_left, sizeof kZeros);
    const int more = head_left > 0 && connection->body_left > 0 ? MSG_MORE : 0;
    const ssize_t sent = send(connection->fd, from, length, MSG_NOSIGNAL | more);
    if (sent < 0) {
      if (errno != EAGAIN) FailFromSocket(connection);
      return;
    }
    if (head_left > 0) connection->head_sent += static_cast<size_t>(sent);
    else connection->body_left -= static_cast<uint64_t>(sent);
  }
}

void LoadClient::Handle(Connection* connection, uint32_t events) {
  const uint32_t generation = connection->generation;
  const bool ending = (events & (EPOLLERR | EPOLLHUP | EPOLLRDHUP)) != 0;
  if ((events & EPOLLOUT) && !(events & EPOLLERR)) {
    if (connection->phase == Phase::kConnecting) Ask(connection);
    else if (connection->phase == Phase::kAsking) Send(connection);
  }
  if (connection->generation != generation) return;
  if (events & EPOLLIN) {
    if (!Read(connection, ending)) return;
  }
  if (connection->generation == generation && ending) FailFromSocket(connection);
}

/** False if the connection was closed or replaced after the event was reported. */
bool LoadClient::Read(Connection* connection, bool ending) {
  static char buffer[65536];
  const uint32_t generation = connection->generation;
  for (;;) {
    const ssize_t length = recv(connection->fd, buffer, sizeof buffer, 0);
    if (length < 0 && errno == EAGAIN) return true;
    if (length <= 0) {
      if (length < 0) FailFromSocket(connection);
      else Fail(connection, Failure::kClosed);
      return false;
    }
    std::string_view bytes(buffer, static_cast<size_t>(length));
    if (!connection->partial.empty()) bytes = connection->partial.append(bytes);
    const bool upgraded = options_.websocket && connection->phase != Phase::kUpgrading;
    const Answer answer = upgraded ? ReadFrame(bytes) : ReadResponse(bytes);
    if (answer.kind == Answer::kIncomplete) {
      if (connection->partial.empty()) connection->partial = bytes;
    } else if (answer.kind == Answer::kMalformed || answer.bytes != bytes.size()) {
      Fail(connection, Failure::kMalformed);
      return false;
    } else {
      Take(connection, answer);
      connection->partial.clear();
      if (connection->generation != generation || connection->phase == Phase::kIdle) return false;
    }
    if (static_cast<size_t>(length) < sizeof buffer && !ending) return true;
  }
}

void LoadClient::Take(Connection* connection, const Answer& answer) {
  const bool upgrading = connection->phase == Phase::kUpgrading;
  if (!(upgrading && answer.status == 101) && !(options_.websocket && !upgrading) && answer.status != 200) {
    Fail(connection, Failure::kStatus);
    return;
  }
  if (upgrading) {
    if (options_.rate == 0) connection->begun = Now();
    Ask(connection);
    return;
  }
  if (options_.remember == Remember::kCookie && !answer.cookie.empty()) {
    remembered_[connection->client] = answer.cookie;
  } else if (options_.remember == Remember::kSid && remembered_[connection->client].empty()) {
    remembered_[connection->client] = SidOf(answer.body);
  }
  ended_ = Now();
  tally_.Answered(connection->client, answer.worker, ended_ - connection->begun);
  in_flight_--;
  if (options_.hold) {
    connection->phase = Phase::kHeld;
  } else if (answer.closes || connection->asked == options_.per_connection) {
    Close(connection);
  } else {
    connection->phase = Phase::kIdle;
    idle_.push_back(static_cast<uint32_t>(connection - connections_.data()));
  }
}

void LoadClient::Fail(Connection* connection, Failure kind) {
  if (connection->phase == Phase::kIdle) {
    idle_.erase(std::find(idle_.begin(), idle_.end(), connection - connections_.data()));
  } else {
    tally_.Failed(connection->client, kind);
    ended_ = Now();
    if (connection->phase != Phase::kHeld) in_flight_--;
  }
  Close(connection);
}

void LoadClient::FailFromSocket(Connection* connection) {
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &error, &size);
  Fail(connection, error == ECONNREFUSED ? Failure::kRefused : error == 0 ? Failure::kClosed : Failure::kReset);
}

void LoadClient::FailOverdue(uint64_t now) {
  for (Connection& connection : connections_) {
    const bool waiting = connection.phase == Phase::kConnecting || connection.phase == Phase::kUpgrading ||
                         connection.phase == Phase::kAsking;
    if (waiting && now > connection.begun + options_.timeout) Fail(&connection, Failure::kTimeout);
  }
}

void LoadClient::Close(Connection* connection) {
  close(connection->fd);
  connection->fd = -1;
  connection->generation++;
  connection->phase = Phase::kClosed;
  free_.push_back(static_cast<uint32_t>(connection - connections_.data()));
}

void LoadClient::HoldUntilStdinEnds() {
  std::printf("{\"held\":%llu}\n", static_cast<unsigned long long>(connections_.size() - free_.size()));
  std::fflush(stdout);
  char ignored[64];
  while (read(STDIN_FILENO, ignored, sizeof ignored) > 0) {
  }
}

}  // namespace load
