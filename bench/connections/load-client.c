/*
 * Opens HTTP connections to one server from thousands of loopback addresses and prints what came of them, as one line of JSON.
 * Lean on purpose: on a machine of two cores the client must not be what is measured; it tells its own share of the CPU.
 *
 *   cc -O2 -o load-client load-client.c
 *   load-client --port 3000 [--host 127.0.0.1] [--sources 4096]
 *               [--connections 10000 | --seconds 10]  how much: connections to finish, or time to spend
 *               [--concurrency 64]                    connections at once
 *               [--rate 0]                            0, closed loop: a connection that ends makes room for the next
 *                                                     else, open loop: so many begin a second, whatever the server does;
 *                                                     latency counts from when one was due, not from when there was room
 *               [--requests 1]                        requests on each connection, one after the other; 1 asks the server to
 *                                                     close, more keep the connection alive
 *               [--timeout-ms 10000]                  longest wait for one answer
 *
 * Every connection is closed with a reset, so that neither side keeps a TIME_WAIT. Latency is that of a request: of the first
 * on a connection from connect() (or its due time) to the last byte of the answer, of others from the write.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Latencies in microseconds: 16 buckets for each doubling, so within 6.25 % of the true value. */
enum { SUBBUCKETS = 16, BUCKETS = 32 * SUBBUCKETS };

typedef struct {
  uint64_t counts[BUCKETS];
  uint64_t total, max;
} Histogram;

static unsigned bucket_of(uint64_t us) {
  if (us < SUBBUCKETS) return (unsigned)us;
  unsigned doubling = 63 - (unsigned)__builtin_clzll(us);
  unsigned bucket = (doubling - 3) * SUBBUCKETS + (unsigned)(us >> (doubling - 4)) - SUBBUCKETS;
  return bucket < BUCKETS ? bucket : BUCKETS - 1;
}

/* The largest value that falls into the bucket. */
static uint64_t ceiling_of(unsigned bucket) {
  if (bucket < SUBBUCKETS) return bucket;
  unsigned doubling = bucket / SUBBUCKETS + 3;
  return ((uint64_t)(bucket % SUBBUCKETS + SUBBUCKETS + 1) << (doubling - 4)) - 1;
}

static void record(Histogram *h, uint64_t us) {
  h->counts[bucket_of(us)]++;
  h->total++;
  if (us > h->max) h->max = us;
}

static uint64_t percentile(const Histogram *h, double share) {
  uint64_t rank = (uint64_t)(share * (double)h->total), seen = 0;
  for (unsigned i = 0; i < BUCKETS; i++) {
    seen += h->counts[i];
    if (seen > rank) return ceiling_of(i) < h->max ? ceiling_of(i) : h->max;
  }
  return h->max;
}

typedef struct {
  int fd;
  bool connected;
  unsigned answered;     /* requests */
  uint64_t since_us;     /* when the present request began, or was due */
  uint64_t deadline_us;
  size_t length;         /* of what was read of the present answer */
  char answer[4096];
} Connection;

static struct {
  struct sockaddr_in server;
  uint64_t connections, requests, sources, concurrency, timeout_us;
  double seconds, rate;
} options = {.connections = 0, .requests = 1, .sources = 4096, .concurrency = 64, .timeout_us = 10000000};

static struct {
  uint64_t begun, finished, answers;
  uint64_t refused, reset, timed_out, closed_early, bad_answer, local;
} tally;

static Histogram latency;
static Connection *pool;
static unsigned *idle;
static unsigned idle_count;
static int epoll_fd;
static char request[256];
static int request_length;

static uint64_t now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void finish(Connection *c, uint64_t *failure) {
  if (c->fd >= 0) close(c->fd);
  c->fd = -1;
  if (failure) ++*failure;
  tally.finished++;
  idle[idle_count++] = (unsigned)(c - pool);
}

static bool send_request(Connection *c, uint64_t now) {
  c->length = 0;
  c->deadline_us = now + options.timeout_us;
  return send(c->fd, request, (size_t)request_length, MSG_NOSIGNAL) == request_length;
}

static void begin(uint64_t due, uint64_t now) {
  Connection *c = &pool[idle[--idle_count]];
  *c = (Connection){.since_us = due, .deadline_us = now + options.timeout_us};
  uint64_t n = tally.begun++ % options.sources;
  struct sockaddr_in source = {.sin_family = AF_INET};
  source.sin_addr.s_addr = htonl(0x7f000000u | (uint32_t)((n / 250 + 1) << 8) | (uint32_t)(n % 250 + 2));
  int on = 1;
  struct linger reset = {.l_onoff = 1, .l_linger = 0};
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = c};
  if (c->fd < 0 || setsockopt(c->fd, SOL_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) != 0 ||
      setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset) != 0 ||
      setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
      bind(c->fd, (struct sockaddr *)&source, sizeof source) != 0 ||
      epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &event) != 0) {
    finish(c, &tally.local);
    return;
  }
  if (connect(c->fd, (struct sockaddr *)&options.server, sizeof options.server) != 0 && errno != EINPROGRESS) {
    finish(c, errno == ECONNREFUSED ? &tally.refused : errno == ECONNRESET ? &tally.reset : &tally.local);
  }
}

/* Whether the whole answer is there: its head, and as much body as Content-Length says. */
static bool complete(const Connection *c) {
  const char *end = memmem(c->answer, c->length, "\r\n\r\n", 4);
  if (!end) return false;
  size_t head = (size_t)(end - c->answer) + 4, body = 0;
  for (const char *line = c->answer; line < end; line++) {
    if (*line == '\n' && strncasecmp(line + 1, "content-length:", 15) == 0) body = strtoul(line + 16, NULL, 10);
  }
  return c->length >= head + body;
}

static void advance(Connection *c, uint32_t events, uint64_t now) {
  if (c->fd < 0) return;
  if (!c->connected) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0 || (events & EPOLLERR)) {
      finish(c, error == ECONNREFUSED ? &tally.refused : error == ECONNRESET ? &tally.reset : &tally.local);
      return;
    }
    if (!(events & EPOLLOUT)) return;
    c->connected = true;
    if (!send_request(c, now)) {
      finish(c, &tally.reset);
      return;
    }
  }
  for (;;) {
    ssize_t got = recv(c->fd, c->answer + c->length, sizeof c->answer - c->length, 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got < 0) {
      finish(c, &tally.reset);
      return;
    }
    if (got == 0) {
      finish(c, &tally.closed_early);
      return;
    }
    c->length += (size_t)got;
    if (c->length >= 12 && memcmp(c->answer, "HTTP/1.", 7) != 0) {
      finish(c, &tally.bad_answer);
      return;
    }
    if (!complete(c)) continue;
    record(&latency, now - c->since_us);
    tally.answers++;
    if (++c->answered == options.requests) {
      finish(c, NULL);
      return;
    }
    c->since_us = now;
    if (!send_request(c, now)) {
      finish(c, &tally.reset);
      return;
    }
  }
}

static void expire(uint64_t now) {
  for (uint64_t i = 0; i < options.concurrency; i++) {
    if (pool[i].fd >= 0 && pool[i].deadline_us < now) finish(&pool[i], &tally.timed_out);
  }
}

static void read_options(int argc, char **argv) {
  const char *host = "127.0.0.1";
  int port = 0;
  for (int i = 1; i + 1 < argc; i += 2) {
    const char *name = argv[i], *value = argv[i + 1];
    if (!strcmp(name, "--host")) host = value;
    else if (!strcmp(name, "--port")) port = atoi(value);
    else if (!strcmp(name, "--sources")) options.sources = strtoul(value, NULL, 10);
    else if (!strcmp(name, "--connections")) options.connections = strtoul(value, NULL, 10);
    else if (!strcmp(name, "--seconds")) options.seconds = atof(value);
    else if (!strcmp(name, "--concurrency")) options.concurrency = strtoul(value, NULL, 10);
    else if (!strcmp(name, "--rate")) options.rate = atof(value);
    else if (!strcmp(name, "--requests")) options.requests = strtoul(value, NULL, 10);
    else if (!strcmp(name, "--timeout-ms")) options.timeout_us = strtoul(value, NULL, 10) * 1000;
    else {
      fprintf(stderr, "load-client: unknown option %s\n", name);
      exit(2);
    }
  }
  options.server = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  if (port == 0 || inet_pton(AF_INET, host, &options.server.sin_addr) != 1) {
    fprintf(stderr, "load-client: --port is needed, and --host is an IPv4 address\n");
    exit(2);
  }
  if (options.connections == 0) options.connections = options.seconds > 0 ? UINT64_MAX : 10000;
  if (options.seconds <= 0) options.seconds = 1e9;
}

static void print_result(double seconds) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  double cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
               (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
  printf("{\"seconds\":%.3f,\"connections\":%" PRIu64 ",\"answers\":%" PRIu64
         ",\"connectionsPerSecond\":%.1f,\"answersPerSecond\":%.1f,"
         "\"failures\":{\"refused\":%" PRIu64 ",\"reset\":%" PRIu64 ",\"timedOut\":%" PRIu64 ",\"closedEarly\":%" PRIu64
         ",\"badAnswer\":%" PRIu64 ",\"local\":%" PRIu64 "},",
         seconds, tally.finished, tally.answers, (double)tally.finished / seconds, (double)tally.answers / seconds,
         tally.refused, tally.reset, tally.timed_out, tally.closed_early, tally.bad_answer, tally.local);
  printf("\"latencyUs\":{\"p50\":%" PRIu64 ",\"p90\":%" PRIu64 ",\"p99\":%" PRIu64 ",\"p999\":%" PRIu64 ",\"max\":%" PRIu64
         "},\"histogram\":[",
         percentile(&latency, 0.5), percentile(&latency, 0.9), percentile(&latency, 0.99), percentile(&latency, 0.999),
         latency.max);
  const char *separator = "";
  for (unsigned i = 0; i < BUCKETS; i++) {
    if (latency.counts[i] == 0) continue;
    printf("%s[%" PRIu64 ",%" PRIu64 "]", separator, ceiling_of(i), latency.counts[i]);
    separator = ",";
  }
  printf("],\"client\":{\"cpuSeconds\":%.3f,\"cpuShare\":%.3f}}\n", cpu, cpu / seconds);
}

int main(int argc, char **argv) {
  read_options(argc, argv);
  char host[INET_ADDRSTRLEN];
  inet_ntop(AF_INET, &options.server.sin_addr, host, sizeof host);
  request_length = snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost: %s:%d\r\nConnection: %s\r\n\r\n", host,
                            ntohs(options.server.sin_port), options.requests > 1 ? "keep-alive" : "close");
  pool = calloc(options.concurrency, sizeof *pool);
  idle = calloc(options.concurrency, sizeof *idle);
  epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (!pool || !idle || epoll_fd < 0) return 1;
  for (unsigned i = 0; i < options.concurrency; i++) {
    pool[i].fd = -1;
    idle[idle_count++] = i;
  }

  const uint64_t start = now_us(), stop = start + (uint64_t)(options.seconds * 1e6);
  uint64_t now = start, looked = start;
  while (now < stop || idle_count < options.concurrency) {
    bool more = now < stop && tally.begun < options.connections;
    if (!more && idle_count == options.concurrency) break;
    uint64_t due = now;
    while (more && idle_count > 0) {
      if (options.rate > 0) due = start + (uint64_t)((double)tally.begun / options.rate * 1e6);
      if (due > now) break;
      begin(due, now);
      more = tally.begun < options.connections;
    }
    struct epoll_event events[256];
    int wait_ms = more && options.rate > 0 && idle_count > 0 ? (int)((due - now) / 1000) : 100;
    int count = epoll_wait(epoll_fd, events, 256, wait_ms);
    now = now_us();
    for (int i = 0; i < count; i++) advance(events[i].data.ptr, events[i].events, now);
    if (now - looked > 100000) {
      expire(now);
      looked = now;
    }
  }
  print_result((double)(now_us() - start) / 1e6);
  return tally.answers > 0 ? 0 : 1;
}
