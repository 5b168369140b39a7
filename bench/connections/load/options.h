// The options of the load client, from its command line.
#pragma once

#include <cstdint>
#include <string>

namespace load {

/** The value that a client sends in its next request in addition to its address, so that the subject recognizes it. */
enum class Remember { kNothing, kCookie, kSid };

/** Times are in nanoseconds, unless the name says otherwise. 0 means "no limit" or "off". */
struct Options {
  uint16_t port = 0;
  /** Number of distinct clients. Operation i belongs to client i modulo this number. */
  uint32_t clients = 4096;
  /** Number of distinct source addresses in 127.0.0.0/8. Client c has the address c modulo this number. */
  uint32_t addresses = 4096;
  /** The first client of this run, so that successive runs continue one cycle. */
  uint32_t first_client = 0;
  /** Number of connections at once: exact in a closed loop, the maximum in an open loop. */
  uint32_t width = 64;
  /** Total number of operations (connections, requests or messages). */
  uint64_t operations = 0;
  /** No operation is started after this time, even if `operations` is not reached. */
  uint64_t start_for = 0;
  /** Open loop: operations per second. Each is due at its own time, even if earlier ones are not answered. */
  double rate = 0;
  /** Operations on one connection before it is reset: 1 for short connections, 0 for no limit. */
  uint64_t per_connection = 1;
  /** An operation without a response fails after this time. */
  uint64_t timeout = 10'000'000'000;
  bool websocket = false;
  /** The payload of a WebSocket message in bytes. */
  uint32_t message_bytes = 64;
  /** The percentage of requests that are POSTs of `body_bytes`. */
  uint32_t body_percent = 0;
  uint64_t body_bytes = 0;
  /** Keeps every connection open after its response. Reports on stdout when all are open, and exits when stdin ends. */
  bool hold = false;
  Remember remember = Remember::kNothing;
  std::string path = "/";
};

/** False if an argument is unknown or not a number; the reason is on stderr. */
bool ParseOptions(int argc, char** argv, Options* options);

}  // namespace load
