#ifndef LIMPET_HEAD_REQUEST_HEAD_H_
#define LIMPET_HEAD_REQUEST_HEAD_H_

#include <cstdint>
#include <string_view>

namespace limpet {

// A head with more header lines than this is unreadable. Node ignores the lines above its own limit (1,000 by default), and
// uWebSockets.js refuses more than 100. A line that the worker does not see must not route.
inline constexpr uint16_t kHeaderLinesMax = 100;

enum class HeadShape : uint8_t {
  kPartial,
  // The blank line has arrived, and every byte before it is valid by RFC 9112.
  kComplete,
  // Not HTTP/1.0 or 1.1, or ambiguous: two parsers could read it differently (request smuggling). These make a head ambiguous: obs-fold,
  // a bare CR or LF, NUL and other control characters, white space before a colon, more than kHeaderLinesMax lines.
  kUnreadable,
};

// How far a head has been scanned. All zeros at first. Each byte is scanned once. The result does not depend on the portions in which
// the stream arrives.
struct HeadScan {
  uint32_t scanned = 0;
  uint16_t header_lines = 0;
  uint8_t state = 0;

  // `stream` begins at the first byte of the head, and is never shorter than in the call before. If the head is complete, `scanned`
  // is its length with the blank line.
  HeadShape Scan(std::string_view stream);
};

// The request target of a complete head, not decoded.
std::string_view RequestTarget(std::string_view head);

struct HeaderLine {
  std::string_view name;
  // The value, without white space at its ends.
  std::string_view value;

  // Whether the line has this name. `lower_case_name` is in lower case, the line's own name in any case.
  bool Is(std::string_view lower_case_name) const;
};

// Iterates over the header lines of a complete head, in either direction.
class HeaderLines {
 public:
  explicit HeaderLines(std::string_view complete_head);

  // Takes the first line. False if no line is left.
  bool TakeFirst(HeaderLine& line);
  // Takes the last line. False if no line is left.
  bool TakeLast(HeaderLine& line);

 private:
  std::string_view lines_;
};

// `text` without spaces and tabs at its ends.
std::string_view TrimWhitespace(std::string_view text);

bool EqualsIgnoringCase(std::string_view text, std::string_view lower_case);

}  // namespace limpet

#endif  // LIMPET_HEAD_REQUEST_HEAD_H_
