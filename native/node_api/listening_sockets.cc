// exports.handoff: listening sockets, alone on their address or in a reuseport group.
#include <napi.h>
#include <netinet/in.h>
#include <sys/un.h>
#include <uv.h>

#include <string>
#include <utility>
#include <vector>

#include "handoff/listen_socket.h"
#include "handoff/primary/reuseport.h"
#include "handoff/primary/steering_program.h"
#include "node_api/arguments.h"
#include "node_api/init.h"
#include "node_api/system_error.h"
#include "ring/hash.h"

namespace limpet {
namespace {

// Reads `{ host, port, ipv6Only }` or `{ path }`.
Status ReadAddress(const Napi::Object& object, ListenAddress* address) {
  if (object.Has("path")) {
    const std::string path = object.Get("path").As<Napi::String>();
    return ListenAddress::FromPath(path.c_str(), address);
  }
  const std::string host = object.Get("host").As<Napi::String>();
  return ListenAddress::FromHost(host.c_str(), ReadInt(object.Get("port")), object.Get("ipv6Only").ToBoolean(), address);
}

// `{ path }`, as `server.address()` has it.
Napi::Object DescribeUnix(Napi::Env env, const ListenAddress& address) {
  auto object = Napi::Object::New(env);
  object["path"] = Napi::String::New(env, reinterpret_cast<const sockaddr_un*>(&address.storage)->sun_path);
  return object;
}

// `{ address, family, port }`, as `server.address()` has it.
Napi::Object DescribeIp(Napi::Env env, const ListenAddress& address) {
  const bool ipv6 = address.family() == AF_INET6;
  char text[INET6_ADDRSTRLEN];
  if (ipv6) {
    uv_ip6_name(reinterpret_cast<const sockaddr_in6*>(&address.storage), text, sizeof text);
  } else {
    uv_ip4_name(reinterpret_cast<const sockaddr_in*>(&address.storage), text, sizeof text);
  }
  auto object = Napi::Object::New(env);
  object["address"] = Napi::String::New(env, text);
  object["family"] = Napi::String::New(env, ipv6 ? "IPv6" : "IPv4");
  object["port"] = Napi::Number::New(env, address.port());
  return object;
}

// (fd)
Napi::Value BoundAddress(const Napi::CallbackInfo& info) {
  ListenAddress address;
  if (!ThrowUnlessOk(info.Env(), ListenAddress::FromSocket(ReadInt(info[0]), &address))) return info.Env().Undefined();
  return address.is_unix() ? DescribeUnix(info.Env(), address) : DescribeIp(info.Env(), address);
}

// (address, backlog): the caller owns the descriptor that is returned.
Napi::Value ListenExclusivelyOn(const Napi::CallbackInfo& info) {
  ListenAddress address;
  Descriptor socket;
  if (!ThrowUnlessOk(info.Env(), ReadAddress(info[0].As<Napi::Object>(), &address)) ||
      !ThrowUnlessOk(info.Env(), ListenExclusively(address, ReadInt(info[1]), &socket))) {
    return info.Env().Undefined();
  }
  return Napi::Number::New(info.Env(), socket.Release());
}

// Compiles `{ key, ipv6Prefix, homes }`.
std::vector<BpfInstruction> CompileTable(const Napi::Value& value) {
  const auto table = value.As<Napi::Object>();
  const HashKey key = HashKey::From(Span<uint8_t>(table.Get("key")).data());
  const auto homes = Span<uint16_t>(table.Get("homes"));
  return CompileSteering(
      {{key.k0, key.k1}, ReadUint(table.Get("ipv6Prefix")), homes.data(), static_cast<uint32_t>(homes.size())});
}

// (table)
Napi::Value SteeringProgram(const Napi::CallbackInfo& info) {
  const std::vector<BpfInstruction> program = CompileTable(info[0]);
  return Napi::Buffer<char>::Copy(info.Env(), reinterpret_cast<const char*>(program.data()),
                                  program.size() * sizeof(BpfInstruction));
}

class ReuseportGroupObject : public Napi::ObjectWrap<ReuseportGroupObject> {
 public:
  static Napi::Function Define(Napi::Env env) {
    return DefineClass(env, "ReuseportGroup",
                       {
                           InstanceMethod<&ReuseportGroupObject::Resize>("resize"),
                           InstanceMethod<&ReuseportGroupObject::RemoveLast>("removeLast"),
                           InstanceMethod<&ReuseportGroupObject::DescriptorOf>("descriptor"),
                           InstanceMethod<&ReuseportGroupObject::Close>("close"),
                           InstanceAccessor<&ReuseportGroupObject::Size>("size"),
                       });
  }

  // (address, slots, backlog, table) opens a group. ({ descriptors }, slots, backlog) adopts sockets, and owns them from then on.
  explicit ReuseportGroupObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<ReuseportGroupObject>(info) {
    const auto source = info[0].As<Napi::Object>();
    const int backlog = ReadInt(info[2]);
    if (source.Has("descriptors")) {
      std::vector<Descriptor> sockets;
      for (const int32_t fd : Span<int32_t>(source.Get("descriptors"))) sockets.emplace_back(fd);
      ThrowUnlessOk(info.Env(), group_.Adopt(std::move(sockets), backlog));
      return;
    }
    ListenAddress address;
    if (!ThrowUnlessOk(info.Env(), ReadAddress(source, &address))) return;
    ThrowUnlessOk(info.Env(), group_.Open(address, ReadUint(info[1]), backlog, CompileTable(info[3])));
  }

 private:
  // (slots, table): adds sockets until there are `slots`, then steers.
  void Resize(const Napi::CallbackInfo& info) {
    const auto program = CompileTable(info[1]);
    if (!ThrowUnlessOk(info.Env(), group_.Grow(ReadUint(info[0])))) return;
    ThrowUnlessOk(info.Env(), group_.Steer(program));
  }

  void RemoveLast(const Napi::CallbackInfo&) { group_.RemoveLast(); }

  // (slot): the group keeps the descriptor.
  Napi::Value DescriptorOf(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), group_.descriptor(ReadUint(info[0])));
  }

  Napi::Value Size(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), static_cast<double>(group_.size()));
  }

  void Close(const Napi::CallbackInfo&) { group_ = {}; }

  ReuseportGroup group_;
};

}  // namespace

void InitListeningSockets(Napi::Env env, Napi::Object handoff) {
  handoff["boundAddress"] = Napi::Function::New(env, BoundAddress, "boundAddress");
  handoff["listenExclusively"] = Napi::Function::New(env, ListenExclusivelyOn, "listenExclusively");
  handoff["ReuseportGroup"] = ReuseportGroupObject::Define(env);
  handoff["steeringProgram"] = Napi::Function::New(env, SteeringProgram, "steeringProgram");
}

}  // namespace limpet
