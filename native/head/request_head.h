#ifndef LIMPET_HEAD_REQUEST_HEAD_H_
#define LIMPET_HEAD_REQUEST_HEAD_H_

#include <cstdint>
#include <string_view>

namespace limpet {

// Header lines beyond this many make a head unreadable. Node drops what exceeds its own limit (1,000 by default)
// and uWebSockets.js refuses more than 100: a line that the worker never sees must not steer.
inline constexpr uint16_t kHeaderLinesMax = 100;

enum class HeadShape : uint8_t {
  kPartial,
  // The blank line has come, and every byte before it is as RFC 9112 wants it.
  kComplete,
  // Not HTTP/1.0 or 1.1, or written in a way that two readers could read differently: obs-fold, a bare CR or LF,
  // NUL and other controls, white space before a colon, more than kHeaderLinesMax lines.
  kUnreadable,
};

// How far a head has been looked at; zero-initialized to begin. Each byte is looked at once, in whatever
// portions it comes, and the shape found is a property of the stream, not of the portions.
struct HeadScan {
  uint32_t scanned = 0;
  uint16_t header_lines = 0;
  uint8_t state = 0;

  // `stream` begins at the first byte of the head and holds at least what the call before saw. When the head is
  // complete, `scanned` is its length, the blank line included.
  HeadShape Scan(std::string_view stream);
};

// The request target of a complete head, as it was sent.
std::string_view RequestTarget(std::string_view head);

struct HeaderLine {
  std::string_view name;
  // Without the white space around it.
  std::string_view value;

  // `lower_case_name` is in lower case; the line's own name may be in any.
  bool Is(std::string_view lower_case_name) const;
};

// Walks the header lines of a complete head, in either direction.
class HeaderLines {
 public:
  explicit HeaderLines(std::string_view complete_head);

  // From the first to the last. False when there is none left.
  bool TakeFirst(HeaderLine& line);
  // From the last to the first. False when there is none left.
  bool TakeLast(HeaderLine& line);

 private:
  std::string_view lines_;
};

// `text` without spaces and tabs at its ends.
std::string_view TrimWhitespace(std::string_view text);

bool EqualsIgnoringCase(std::string_view text, std::string_view lower_case);

}  // namespace limpet

#endif  // LIMPET_HEAD_REQUEST_HEAD_H_
