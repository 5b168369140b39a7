// exports.handoff.ReuseportGroup
#include "handoff/primary/reuseport.h"

#include "node_api/handoff.h"

namespace limpet {
namespace {

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

  // (address, slots, backlog, table), or ({ descriptors }, slots, backlog), which takes the descriptors as they are.
  explicit ReuseportGroupObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<ReuseportGroupObject>(info) {
    const auto given = info[0].As<Napi::Object>();
    if (given.Has("descriptors")) {
      std::vector<Descriptor> sockets;
      for (const int32_t fd : Span<int32_t>(given.Get("descriptors"))) sockets.emplace_back(fd);
      Check(info.Env(), group_.Adopt(std::move(sockets), ReadInt(info[2])));
      return;
    }
    ListenAddress address;
    if (!Check(info.Env(), ReadAddress(given, &address))) return;
    const auto program = CompileSteering(ReadSteeringTable(info[3].As<Napi::Object>()));
    Check(info.Env(), group_.Open(address, ReadUint(info[1]), ReadInt(info[2]), program));
  }

 private:
  // (slots, table): adds sockets where there are too few, then steers.
  void Resize(const Napi::CallbackInfo& info) {
    const auto program = CompileSteering(ReadSteeringTable(info[1].As<Napi::Object>()));
    if (!Check(info.Env(), group_.Grow(ReadUint(info[0])))) return;
    Check(info.Env(), group_.Steer(program));
  }

  void RemoveLast(const Napi::CallbackInfo&) { group_.RemoveLast(); }
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
}

}  // namespace limpet
