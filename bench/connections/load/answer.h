// Reads what a subject answers: an HTTP/1.1 response with Content-Length, or a WebSocket text frame.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace load {

/** Views point into the bytes that were read. */
struct Answer {
  enum Kind { kIncomplete, kMalformed, kWhole } kind = kIncomplete;
  /** Length of the whole answer. */
  size_t bytes = 0;
  int status = 0;
  /** The server ends the connection after this one. */
  bool closes = false;
  /** The number that the body starts with: the process that answered. 0 when there is none. */
  uint32_t worker = 0;
  /** First name=value of Set-Cookie. */
  std::string_view cookie;
  std::string_view body;
};

Answer ReadResponse(std::string_view bytes);
Answer ReadFrame(std::string_view bytes);

/** The session id in the body of an Engine.IO handshake; empty when there is none. */
std::string_view SidOf(std::string_view handshake);

}  // namespace load
