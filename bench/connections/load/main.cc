#include "load_client.h"
#include "options.h"

int main(int argc, char** argv) {
  load::Options options;
  if (!load::ParseOptions(argc, argv, &options)) return 2;
  load::LoadClient client(options);
  const bool ran = client.Run();
  client.Print();
  return ran ? 0 : 1;
}
