#ifndef LIMPET_HEAD_QUERY_STRING_H_
#define LIMPET_HEAD_QUERY_STRING_H_

#include <cstdint>
#include <span>
#include <string_view>

namespace limpet {

// Finds the value of the query parameter `name` in a request target. The query is between `?` and `#`. Its pairs are separated by
// `&`. Names are compared after decoding (%XX, and + for a space). False if there is no such parameter, if it is empty, or if there
// are several, because parsers differ in which one they take. `value` is the raw text: see DecodeQueryText.
bool FindQueryParameter(std::string_view target, std::string_view name, std::string_view& value);

// `decoded` is `raw` itself if it needs no decoding, else its decoded bytes in `scratch`. A `%` without two hexadecimal digits after it
// stays a `%`. False if `scratch` is shorter than `raw`.
bool DecodeQueryText(std::string_view raw, std::span<char> scratch, std::string_view& decoded);

}  // namespace limpet

#endif  // LIMPET_HEAD_QUERY_STRING_H_
