// The front of the binary that carries a whole Deno (scripts/package/carry.ts): unpacks what follows it in its own
// file into the user's cache, once, and goes on as Deno. Linked statically, so that it needs nothing where it runs.
//
// Behind the program come the files' bytes, then a line `MODE SIZE PATH` for each, then the trailer.
#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

struct Trailer {
  uint64_t index;  // where the lines begin
  uint64_t bytes;  // of the lines
  uint64_t id;     // tells this content from that of other versions
  char magic[8];
};

[[noreturn]] void fail(const std::string& what) {
  fprintf(stderr, "Cannot start specmquant: %s: %s\n", what.c_str(), strerror(errno));
  exit(1);
}

void read_all(int file, void* to, size_t bytes, off_t at) {
  for (size_t done = 0; done < bytes;) {
    const ssize_t n = pread(file, static_cast<char*>(to) + done, bytes - done, at + done);
    if (n <= 0) fail("its own file cannot be read");
    done += n;
  }
}

// Makes the folders above `path`, of which the first `from` characters are there.
void make_folders(const std::string& path, size_t from) {
  for (size_t at = path.find('/', from + 1); at != std::string::npos; at = path.find('/', at + 1)) {
    const std::string folder = path.substr(0, at);
    if (mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST) fail(folder);
  }
}

void write_file(int from, off_t at, uint64_t bytes, mode_t mode, const std::string& path) {
  const int to = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL, mode);
  if (to < 0) fail(path);
  std::vector<char> part(1 << 20);
  while (bytes > 0) {
    const size_t n = bytes < part.size() ? bytes : part.size();
    read_all(from, part.data(), n, at);
    for (size_t done = 0; done < n;) {
      const ssize_t written = write(to, part.data() + done, n - done);
      if (written < 0) fail(path);
      done += written;
    }
    at += n;
    bytes -= n;
  }
  if (close(to) != 0) fail(path);
}

std::string cache_folder() {
  const char* cache = getenv("XDG_CACHE_HOME");
  if (cache != nullptr && cache[0] == '/') return cache;
  const char* home = getenv("HOME");
  if (home != nullptr && home[0] == '/') return std::string(home) + "/.cache";
  errno = ENOENT;
  fail("neither XDG_CACHE_HOME nor HOME is set, expected a folder to unpack into");
}

void unpack(int self, const Trailer& trailer, const std::string& folder) {
  std::string index(trailer.bytes, '\0');
  read_all(self, &index[0], index.size(), trailer.index);
  uint64_t total = 0;
  struct Entry {
    unsigned mode;
    uint64_t bytes;
    std::string path;
  };
  std::vector<Entry> entries;
  for (size_t at = 0; at < index.size();) {
    const size_t end = index.find('\n', at);
    Entry entry;
    int name = 0;
    unsigned long long bytes = 0;
    if (sscanf(&index[at], "%o %llu %n", &entry.mode, &bytes, &name) != 2) fail("a damaged index");
    entry.bytes = bytes;
    entry.path = index.substr(at + name, end - at - name);
    total += bytes;
    entries.push_back(entry);
    at = end + 1;
  }
  // There as a whole or not at all: programs that start at once each unpack, and one of them stays.
  const std::string part = folder + ".part-" + std::to_string(getpid());
  off_t at = trailer.index - total;
  for (const Entry& entry : entries) {
    const std::string path = part + "/" + entry.path;
    make_folders(path, 0);
    write_file(self, at, entry.bytes, entry.mode, path);
    at += entry.bytes;
  }
  if (rename(part.c_str(), folder.c_str()) != 0 && errno != EEXIST && errno != ENOTEMPTY) {
    fail(folder);
  }
}

}  // namespace

int main(int count, char** arguments) {
  const char* name = reinterpret_cast<const char*>(getauxval(AT_EXECFN));
  const int self = open(name, O_RDONLY | O_CLOEXEC);
  if (self < 0) fail(name);
  struct stat about;
  if (fstat(self, &about) != 0) fail(name);
  Trailer trailer;
  read_all(self, &trailer, sizeof(trailer), about.st_size - sizeof(trailer));
  if (memcmp(trailer.magic, "SMQCARRY", 8) != 0) fail("there is nothing behind the launcher");

  char id[17];
  snprintf(id, sizeof(id), "%016llx", static_cast<unsigned long long>(trailer.id));
  const std::string folder = cache_folder() + "/specmquant/program-" + id;
  if (access(folder.c_str(), F_OK) != 0) unpack(self, trailer, folder);

  setenv("DENO_DIR", (folder + "/deno-dir").c_str(), 0);
  setenv("DENO_NO_UPDATE_CHECK", "1", 1);
  const std::string deno = folder + "/deno";
  const std::string program =
      folder + "/node_modules/@specmquant/specmquant/scripts/package/program.js";
  std::vector<const char*> command = {deno.c_str(), "run", "--allow-all", "--no-config",
      "--node-modules-dir=manual", program.c_str()};
  for (int i = 1; i < count; ++i) command.push_back(arguments[i]);
  command.push_back(nullptr);
  execv(deno.c_str(), const_cast<char* const*>(command.data()));
  fail(deno);
}
