#include "options.h"

#include <charconv>
#include <cstdio>
#include <string_view>

namespace load {
namespace {

template <typename Number>
bool Parse(std::string_view text, Number* number) {
  const char* end = text.data() + text.size();
  return std::from_chars(text.data(), end, *number).ptr == end && !text.empty();
}

bool ParseMilliseconds(std::string_view text, uint64_t* nanoseconds) {
  uint64_t milliseconds = 0;
  if (!Parse(text, &milliseconds)) return false;
  *nanoseconds = milliseconds * 1'000'000;
  return true;
}

bool ParseRemember(std::string_view text, Remember* remember) {
  if (text == "cookie") *remember = Remember::kCookie;
  else if (text == "sid") *remember = Remember::kSid;
  else return false;
  return true;
}

bool ParsePath(std::string_view text, std::string* path) {
  *path = text;
  return text.starts_with('/');
}

bool ParseOne(std::string_view name, std::string_view value, Options* o) {
  if (name == "--port") return Parse(value, &o->port);
  if (name == "--clients") return Parse(value, &o->clients) && o->clients > 0;
  if (name == "--addresses") return Parse(value, &o->addresses) && o->addresses > 0;
  if (name == "--first-client") return Parse(value, &o->first_client);
  if (name == "--width") return Parse(value, &o->width) && o->width > 0;
  if (name == "--operations") return Parse(value, &o->operations);
  if (name == "--start-for-ms") return ParseMilliseconds(value, &o->start_for);
  if (name == "--rate") return Parse(value, &o->rate);
  if (name == "--per-connection") return Parse(value, &o->per_connection);
  if (name == "--timeout-ms") return ParseMilliseconds(value, &o->timeout);
  if (name == "--message-bytes") return Parse(value, &o->message_bytes) && o->message_bytes < 65536;
  if (name == "--body-percent") return Parse(value, &o->body_percent) && o->body_percent <= 100;
  if (name == "--body-bytes") return Parse(value, &o->body_bytes);
  if (name == "--remember") return ParseRemember(value, &o->remember);
  if (name == "--path") return ParsePath(value, &o->path);
  return false;
}

}  // namespace

bool ParseOptions(int argc, char** argv, Options* options) {
  for (int i = 1; i < argc; i++) {
    const std::string_view name = argv[i];
    if (name == "--websocket") {
      options->websocket = true;
    } else if (name == "--hold") {
      options->hold = true;
    } else if (i + 1 >= argc || !ParseOne(name, argv[i + 1], options)) {
      std::fprintf(stderr, "load-client: unknown argument or wrong value: %s %s. options.h lists the arguments.\n", argv[i], i + 1 < argc ? argv[i + 1] : "");
      return false;
    } else {
      i++;
    }
  }
  if (options->port == 0 || (options->operations == 0 && options->start_for == 0)) {
    std::fprintf(stderr, "load-client: expected --port, and --operations or --start-for-ms\n");
    return false;
  }
  if (options->operations == 0) options->operations = UINT64_MAX;
  return true;
}

}  // namespace load
