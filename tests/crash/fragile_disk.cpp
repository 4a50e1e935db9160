// A disk that loses what was not flushed. Linked into a broker of its own (broker-on-fragile-disk), it stands between
// SQLite and the file system for messages.db and its log: what is written stays in this process until xSync, so that
// SIGKILL takes it away as a power cut would; now and then some sectors of it reach the file early and out of order, as
// on a real disk, which leaves torn pages and torn tails. Behaves as told by one byte of the file that
// SHELFWIRE_FRAGILE_DISK names, see fragile_disk.hpp.
#include "tests/crash/fragile_disk.hpp"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>

namespace esl::crash {
namespace {

constexpr sqlite3_int64 kSector = 512;
constexpr int kLeakOneIn = 8;       // writes after which some sectors reach the file early
constexpr int kFullTakesOneIn = 8;  // a nearly full disk takes some writes

using Sector = std::array<unsigned char, kSector>;

Mode mode() {
    static const volatile char* const control = [] {
        const char* name = std::getenv("SHELFWIRE_FRAGILE_DISK");
        const int fd = name == nullptr ? -1 : ::open(name, O_RDONLY | O_CLOEXEC);
        void* at = fd < 0 ? MAP_FAILED : ::mmap(nullptr, 1, PROT_READ, MAP_SHARED, fd, 0);
        if (at == MAP_FAILED) std::abort();  // a crash test that tests nothing
        ::close(fd);
        return static_cast<const volatile char*>(at);
    }();
    return static_cast<Mode>(*control);
}

bool one_in(int n) {
    static thread_local std::minstd_rand random{std::random_device{}()};
    return random() % static_cast<unsigned>(n) == 0;
}

// What is on its way to one file, whichever of the store's connections (one commits, one checkpoints) wrote it.
struct Disk {
    std::mutex lock;
    std::map<sqlite3_int64, Sector> unsynced;  // by offset
    sqlite3_int64 size = 0;                    // as SQLite sees it
    sqlite3_int64 cut = 0;                     // what the file held from here on is not there any more
    bool shortened = false;                    // and the file itself does not know yet
};

// By path, while somebody has the file open: what was not flushed is not flushed by closing.
std::shared_ptr<Disk> disk_of(const std::string& path, sqlite3_int64 size) {
    static std::mutex lock;
    static std::map<std::string, std::weak_ptr<Disk>> disks;
    const std::lock_guard guard(lock);
    auto& known = disks[path];
    auto disk = known.lock();
    if (!disk) {
        disk = std::make_shared<Disk>();
        disk->size = disk->cut = size;
        known = disk;
    }
    return disk;
}

// SQLite's memory, hence no constructor.
struct File {
    sqlite3_file base;
    sqlite3_file* real;
    std::shared_ptr<Disk>* disk;  // null: not fragile
};

File& as_file(sqlite3_file* f) {
    return *reinterpret_cast<File*>(f);
}

int write_real(File& f, sqlite3_int64 at, const Sector& sector) {
    const auto size = static_cast<int>(std::min(kSector, (*f.disk)->size - at));
    return size <= 0 ? SQLITE_OK : f.real->pMethods->xWrite(f.real, sector.data(), size, at);
}

int read_sector(File& f, sqlite3_int64 at, Sector& out) {
    const Disk& d = **f.disk;
    if (const auto found = d.unsynced.find(at); found != d.unsynced.end()) {
        out = found->second;
        return SQLITE_OK;
    }
    out.fill(0);
    if (at >= d.cut) return SQLITE_OK;
    const int code = f.real->pMethods->xRead(f.real, out.data(), static_cast<int>(kSector), at);
    if (at + kSector > d.cut) std::fill(out.begin() + static_cast<std::ptrdiff_t>(d.cut - at), out.end(), 0);
    return code == SQLITE_IOERR_SHORT_READ ? SQLITE_OK : code;
}

int x_close(sqlite3_file* file) {
    File& f = as_file(file);
    delete f.disk;
    f.disk = nullptr;
    return f.real->pMethods->xClose(f.real);
}

int x_read(sqlite3_file* file, void* to, int amount, sqlite3_int64 at) {
    File& f = as_file(file);
    if (f.disk == nullptr) return f.real->pMethods->xRead(f.real, to, amount, at);
    Disk& d = **f.disk;
    const std::lock_guard guard(d.lock);
    auto* out = static_cast<unsigned char*>(to);
    std::memset(out, 0, static_cast<std::size_t>(amount));
    for (auto sector = at / kSector * kSector; sector < std::min(at + amount, d.size); sector += kSector) {
        Sector bytes;
        if (const int code = read_sector(f, sector, bytes); code != SQLITE_OK) return code;
        const auto from = std::max(at, sector);
        const auto to_end = std::min({at + amount, sector + kSector, d.size});
        std::memcpy(out + (from - at), bytes.data() + (from - sector), static_cast<std::size_t>(to_end - from));
    }
    return at + amount <= d.size ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

// Some of what waits reaches the file, in no order.
void leak(File& f) {
    if ((*f.disk)->shortened) return;
    for (const auto& [at, bytes] : (*f.disk)->unsynced) {
        if (one_in(3)) static_cast<void>(write_real(f, at, bytes));
    }
}

int x_write(sqlite3_file* file, const void* from, int amount, sqlite3_int64 at) {
    File& f = as_file(file);
    if (mode() == Mode::full && !one_in(kFullTakesOneIn)) return SQLITE_FULL;
    if (f.disk == nullptr) return f.real->pMethods->xWrite(f.real, from, amount, at);
    Disk& d = **f.disk;
    const std::lock_guard guard(d.lock);
    const auto* in = static_cast<const unsigned char*>(from);
    for (auto sector = at / kSector * kSector; sector < at + amount; sector += kSector) {
        Sector bytes;
        if (const int code = read_sector(f, sector, bytes); code != SQLITE_OK) return code;
        const auto begin = std::max(at, sector);
        const auto end = std::min(at + amount, sector + kSector);
        std::memcpy(bytes.data() + (begin - sector), in + (begin - at), static_cast<std::size_t>(end - begin));
        d.unsynced[sector] = bytes;
    }
    d.size = std::max(d.size, at + amount);
    if (mode() == Mode::keeps) {  // a process dies, the system does not: what was written is written
        d.cut = std::max(d.cut, d.size);
        return f.real->pMethods->xWrite(f.real, from, amount, at);
    }
    if (one_in(kLeakOneIn)) leak(f);
    return SQLITE_OK;
}

int x_truncate(sqlite3_file* file, sqlite3_int64 size) {
    File& f = as_file(file);
    if (f.disk == nullptr) return f.real->pMethods->xTruncate(f.real, size);
    Disk& d = **f.disk;
    const std::lock_guard guard(d.lock);
    d.size = size;
    d.shortened |= size < d.cut;
    d.cut = std::min(d.cut, size);
    d.unsynced.erase(d.unsynced.lower_bound((size + kSector - 1) / kSector * kSector), d.unsynced.end());
    return SQLITE_OK;
}

int x_sync(sqlite3_file* file, int flags) {
    File& f = as_file(file);
    if (f.disk == nullptr) return f.real->pMethods->xSync(f.real, flags);
    Disk& d = **f.disk;
    const std::lock_guard guard(d.lock);
    if (mode() == Mode::fails) return SQLITE_IOERR_FSYNC;
    if (mode() == Mode::lies) return SQLITE_OK;
    sqlite3_int64 there = 0;
    if (const int code = f.real->pMethods->xFileSize(f.real, &there); code != SQLITE_OK) return code;
    if (there > d.cut) {
        if (const int code = f.real->pMethods->xTruncate(f.real, d.cut); code != SQLITE_OK) return code;
    }
    for (const auto& [at, bytes] : d.unsynced) {
        if (const int code = write_real(f, at, bytes); code != SQLITE_OK) return code;
    }
    if (d.size > std::max(d.cut, there)) f.real->pMethods->xTruncate(f.real, d.size);
    d.unsynced.clear();
    d.cut = d.size;
    d.shortened = false;
    return SQLITE_OK;  // the process is what dies here: the system's own cache may keep it
}

int x_file_size(sqlite3_file* file, sqlite3_int64* size) {
    File& f = as_file(file);
    if (f.disk == nullptr) return f.real->pMethods->xFileSize(f.real, size);
    Disk& d = **f.disk;
    const std::lock_guard guard(d.lock);
    *size = d.size;
    return SQLITE_OK;
}

int x_lock(sqlite3_file* f, int kind) {
    return as_file(f).real->pMethods->xLock(as_file(f).real, kind);
}
int x_unlock(sqlite3_file* f, int kind) {
    return as_file(f).real->pMethods->xUnlock(as_file(f).real, kind);
}
int x_check_reserved(sqlite3_file* f, int* out) {
    return as_file(f).real->pMethods->xCheckReservedLock(as_file(f).real, out);
}
int x_control(sqlite3_file* f, int what, void* argument) {
    return as_file(f).real->pMethods->xFileControl(as_file(f).real, what, argument);
}
int x_sector_size(sqlite3_file* f) {
    return as_file(f).real->pMethods->xSectorSize(as_file(f).real);
}
int x_characteristics(sqlite3_file* f) {
    return as_file(f).real->pMethods->xDeviceCharacteristics(as_file(f).real);
}
int x_shm_map(sqlite3_file* f, int page, int size, int extend, void volatile** out) {
    return as_file(f).real->pMethods->xShmMap(as_file(f).real, page, size, extend, out);
}
int x_shm_lock(sqlite3_file* f, int offset, int n, int flags) {
    return as_file(f).real->pMethods->xShmLock(as_file(f).real, offset, n, flags);
}
void x_shm_barrier(sqlite3_file* f) {
    as_file(f).real->pMethods->xShmBarrier(as_file(f).real);
}
int x_shm_unmap(sqlite3_file* f, int remove) {
    return as_file(f).real->pMethods->xShmUnmap(as_file(f).real, remove);
}

const sqlite3_io_methods kMethods{
    2,           x_close,          x_read,    x_write,       x_truncate,        x_sync,    x_file_size, x_lock,
    x_unlock,    x_check_reserved, x_control, x_sector_size, x_characteristics, x_shm_map, x_shm_lock,  x_shm_barrier,
    x_shm_unmap, nullptr,          nullptr};

sqlite3_vfs* base_vfs = nullptr;

int x_open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
    File& f = as_file(file);
    f = {};
    f.real = reinterpret_cast<sqlite3_file*>(&f + 1);
    const int code = base_vfs->xOpen(base_vfs, name, f.real, flags, out_flags);
    if (code != SQLITE_OK) return code;
    f.base.pMethods = &kMethods;
    const std::string path = name == nullptr ? "" : name;
    if (!path.ends_with("messages.db") && !path.ends_with("messages.db-wal")) return SQLITE_OK;
    sqlite3_int64 size = 0;
    const int sized = f.real->pMethods->xFileSize(f.real, &size);
    f.disk = new std::shared_ptr<Disk>(disk_of(path, size));
    return sized;
}

// Before main, so that every connection of the program has it.
const bool registered = [] {
    base_vfs = sqlite3_vfs_find("unix");
    static sqlite3_vfs vfs = *base_vfs;
    vfs.zName = "fragile";
    vfs.pNext = nullptr;
    vfs.szOsFile = static_cast<int>(sizeof(File)) + base_vfs->szOsFile;
    vfs.xOpen = x_open;
    return sqlite3_vfs_register(&vfs, 1) == SQLITE_OK;
}();

}  // namespace
}  // namespace esl::crash
