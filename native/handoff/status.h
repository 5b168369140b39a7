// The result of a call that can fail: ok, or which system call failed and why.
#ifndef LIMPET_HANDOFF_STATUS_H_
#define LIMPET_HANDOFF_STATUS_H_

namespace limpet {

// Cheap to copy. It owns no memory, so `call` must be a string literal.
class [[nodiscard]] Status {
 public:
  static constexpr Status Ok() { return Status(nullptr, 0); }
  // A system call has failed with `error` (an errno, above 0).
  static constexpr Status System(const char* call, int error) { return Status(call, error); }
  // A step has failed without an error of a system call. `call` names the step.
  static constexpr Status Failed(const char* call) { return Status(call, 0); }

  constexpr bool ok() const { return call_ == nullptr; }
  // The name of the call that failed. Null if ok.
  constexpr const char* call() const { return call_; }
  // The errno of the call. 0 if ok or if no system call failed.
  constexpr int error() const { return error_; }

 private:
  constexpr Status(const char* call, int error) : call_(call), error_(error) {}

  const char* call_;
  int error_;
};

}  // namespace limpet

#endif  // LIMPET_HANDOFF_STATUS_H_
