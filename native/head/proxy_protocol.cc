#include "head/proxy_protocol.h"

#include <cstring>

#include "ring/digits.h"

namespace limpet {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kSignature1 = "PROXY "sv;
constexpr std::string_view kSignature2 = "\r\n\r\n\0\r\nQUIT\n"sv;
constexpr size_t kLine1Max = 107;
constexpr size_t kFixedPart2 = 16;
constexpr uint8_t kTlvCrc32c = 0x03;

ProxyHeader Answer(ProxyHeaderShape shape, uint8_t version) { return {.shape = shape, .version = version}; }

uint16_t LoadBigEndian16(std::string_view bytes, size_t at) {
  return static_cast<uint16_t>(static_cast<uint8_t>(bytes[at]) << 8 | static_cast<uint8_t>(bytes[at + 1]));
}

bool TakeField(std::string_view& line, std::string_view& field) {
  const size_t space = line.find(' ');
  field = line.substr(0, space);
  line.remove_prefix(space == std::string_view::npos ? line.size() : space + 1);
  return space != std::string_view::npos;
}

bool ParseLine1(std::string_view line, ProxyHeader& header) {
  std::string_view family, source, destination, source_port;
  const bool more = TakeField(line, family);
  if (family == "UNKNOWN") {
    header.shape = ProxyHeaderShape::kSilent;
    return true;
  }
  const auto parse = family == "TCP4" ? ParseIpv4 : family == "TCP6" ? ParseIpv6 : nullptr;
  if (!more || parse == nullptr) return false;
  if (!TakeField(line, source) || !TakeField(line, destination) || !TakeField(line, source_port)) return false;
  uint32_t from = 0, to = 0;
  if (!ParseDecimal(source_port, 65535, from) || !ParseDecimal(line, 65535, to)) return false;
  IpAddress ignored;
  if (!parse(source, header.source.address) || !parse(destination, ignored)) return false;
  header.source.port = static_cast<uint16_t>(from);
  header.shape = ProxyHeaderShape::kProxied;
  return true;
}

ProxyHeader ReadVersion1(std::string_view stream) {
  const std::string_view line = stream.substr(0, kLine1Max);
  const size_t end = line.find('\r');
  if (end == std::string_view::npos || end + 1 == line.size()) {
    return Answer(line.size() < kLine1Max ? ProxyHeaderShape::kPartial : ProxyHeaderShape::kMalformed, 1);
  }
  ProxyHeader header{.version = 1, .length = static_cast<uint32_t>(end + 2)};
  if (line[end + 1] != '\n' || !ParseLine1(line.substr(kSignature1.size(), end - kSignature1.size()), header)) {
    return Answer(ProxyHeaderShape::kMalformed, 1);
  }
  return header;
}

uint32_t Crc32cUpdate(uint32_t crc, std::string_view bytes) {
  for (const char byte : bytes) {
    crc ^= static_cast<uint8_t>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
  }
  return crc;
}

// The checksum covers the whole header, with zeros in place of its own four bytes.
bool ChecksumHolds(std::string_view header, size_t checksum_at) {
  uint32_t crc = Crc32cUpdate(0xffffffff, header.substr(0, checksum_at));
  crc = Crc32cUpdate(crc, "\0\0\0\0"sv);
  crc = ~Crc32cUpdate(crc, header.substr(checksum_at + 4));
  return crc == (static_cast<uint32_t>(LoadBigEndian16(header, checksum_at)) << 16 |
                 LoadBigEndian16(header, checksum_at + 2));
}

bool TlvsHold(std::string_view header, size_t at) {
  bool checked = false;
  while (at < header.size()) {
    if (header.size() - at < 3) return false;
    const uint8_t type = static_cast<uint8_t>(header[at]);
    const size_t length = LoadBigEndian16(header, at + 1);
    at += 3;
    if (header.size() - at < length) return false;
    if (type == kTlvCrc32c) {
      if (checked || length != 4 || !ChecksumHolds(header, at)) return false;
      checked = true;
    }
    at += length;
  }
  return true;
}

IpAddress LoadAddress(std::string_view bytes, size_t at, bool ipv4) {
  IpAddress address;
  if (ipv4) address.bytes[10] = address.bytes[11] = 0xff;
  const size_t size = ipv4 ? 4 : 16;
  std::memcpy(&address.bytes[16 - size], bytes.data() + at, size);
  return address;
}

ProxyHeader ReadVersion2(std::string_view stream, uint32_t length_max) {
  const ProxyHeader malformed = Answer(ProxyHeaderShape::kMalformed, 2);
  const uint8_t command = stream.size() > 12 ? static_cast<uint8_t>(stream[12]) : 0x20;
  if (command != 0x20 && command != 0x21) return malformed;
  if (stream.size() < kFixedPart2) return Answer(ProxyHeaderShape::kPartial, 2);
  const size_t length = kFixedPart2 + LoadBigEndian16(stream, 14);
  if (length > length_max) return malformed;
  if (stream.size() < length) return Answer(ProxyHeaderShape::kPartial, 2);

  ProxyHeader header{.shape = ProxyHeaderShape::kSilent, .version = 2, .length = static_cast<uint32_t>(length)};
  if (command == 0x20) return header;
  const uint8_t family = static_cast<uint8_t>(stream[13]) >> 4;
  const uint8_t transport = stream[13] & 0x0f;
  if (family > 3 || transport > 2) return malformed;
  constexpr size_t kAddressBlocks[] = {0, 12, 36, 216};
  const size_t tlvs_at = kFixedPart2 + kAddressBlocks[family];
  if (length < tlvs_at || !TlvsHold(stream.substr(0, length), tlvs_at)) return malformed;
  if (family == 0 || family == 3 || transport == 0) return header;

  const bool ipv4 = family == 1;
  const size_t size = ipv4 ? 4 : 16;
  header.source = {LoadAddress(stream, kFixedPart2, ipv4), LoadBigEndian16(stream, kFixedPart2 + 2 * size)};
  header.shape = ProxyHeaderShape::kProxied;
  return header;
}

bool BeginsWith(std::string_view stream, std::string_view signature) {
  return stream.substr(0, signature.size()) == signature.substr(0, stream.size());
}

}  // namespace

ProxyHeader ReadProxyHeader(std::string_view stream, uint32_t length_max) {
  if (BeginsWith(stream, kSignature1)) {
    return stream.size() < kSignature1.size() ? Answer(ProxyHeaderShape::kPartial, 0) : ReadVersion1(stream);
  }
  if (BeginsWith(stream, kSignature2)) {
    return stream.size() < kSignature2.size() ? Answer(ProxyHeaderShape::kPartial, 0) : ReadVersion2(stream, length_max);
  }
  return Answer(ProxyHeaderShape::kAbsent, 0);
}

}  // namespace limpet
