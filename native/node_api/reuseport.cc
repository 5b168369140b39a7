// exports.handoff: ReuseportGroup and the steering program.
#include "handoff/primary/reuseport.h"

#include <napi.h>

#include <utility>
#include <vector>

#include "handoff/primary/steering_program.h"
#include "node_api/arguments.h"
#include "node_api/init.h"
#include "node_api/listen_address.h"
#include "node_api/system_error.h"
#include "ring/hash.h"

namespace limpet {
namespace {

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
    if (!ThrowUnlessOk(info.Env(), ReadListenAddress(source, &address))) return;
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

void InitReuseport(Napi::Env env, Napi::Object handoff) {
  handoff["ReuseportGroup"] = ReuseportGroupObject::Define(env);
  handoff["steeringProgram"] = Napi::Function::New(env, SteeringProgram, "steeringProgram");
}

}  // namespace limpet
