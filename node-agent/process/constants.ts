/** Numbers of the C library's headers that Node does not export. Those of macOS were read, not tried. */
const MAC = process.platform === 'darwin';

export const F_SETFD = 2;
export const F_GETFL = 3;
export const F_SETFL = 4;
export const FD_CLOEXEC = 1;
/** Linux only. */
export const F_SETPIPE_SZ = 1031;
/** Linux only: a lock that belongs to a descriptor, and not to its process. */
export const F_OFD_SETLK = 37;
export const F_WRLCK = 1;
/** Bytes of a struct flock of a 64-bit Linux, and where it has what it locks. */
export const FLOCK = { bytes: 32, type: 0, start: 8, length: 16 };

export const POLLIN = 1;
export const POLLOUT = 4;

export const SIG_DFL = 0;
export const SIG_IGN = 1;
/** Bytes that hold a sigset_t everywhere. */
export const SIGSET_BYTES = 128;
/** Highest signal. glibc keeps 32 and 33 for itself, and leaves them ignored in a child that does not ask otherwise. */
export const LAST_SIGNAL = MAC ? 31 : 64;

export const WNOHANG = 1;
export const WUNTRACED = 2;
export const WCONTINUED = MAC ? 0x10 : 8;

export const POSIX_SPAWN_SETPGROUP = 2;
export const POSIX_SPAWN_SETSIGDEF = 4;
export const POSIX_SPAWN_SETSIGMASK = 8;
export const POSIX_SPAWN_SETSID = MAC ? 0x400 : 0x80;

export const RLIMIT_CORE = 4;
export const RLIMIT_NOFILE = MAC ? 8 : 7;

export const TIOCGWINSZ = MAC ? 0x40087468 : 0x5413;
export const TIOCSWINSZ = MAC ? 0x80087467 : 0x5414;
export const TIOCSCTTY = MAC ? 0x20007461 : 0x540e;
export const TCSANOW = 0;
/** Bytes that hold a struct termios everywhere. */
export const TERMIOS_BYTES = 128;
/** Where a struct termios has its parts, in bytes. */
export const TERMIOS = MAC
  ? { localFlags: 24, isig: 0x80, interrupt: 32 + 8, quit: 32 + 9 }
  : { localFlags: 12, isig: 1, interrupt: 17, quit: 18 };

/** Linux: the signal that this process gets when its parent dies. */
export const PR_SET_PDEATHSIG = 1;
