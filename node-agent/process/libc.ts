/** The C library's functions that Node does not offer, called through koffi. */
import { createRequire } from 'node:module';
import type koffi from 'koffi';

type Call<Arguments extends unknown[], Result = number> = (...args: Arguments) => Result;
/** A koffi function may also be called in libuv's thread pool. */
type AsyncCall<Arguments extends unknown[]> = Call<Arguments> & {
  async: (...args: [...Arguments, (error: unknown, result: number) => void]) => void;
};

/** All return -1 on failure, and then `errno` says why; the posix_spawn functions return the errno itself. */
export interface Libc {
  errno: () => number;
  read: Call<[fd: number, into: Buffer, bytes: number]>;
  write: Call<[fd: number, from: Buffer, bytes: number]>;
  close: Call<[fd: number]>;
  pipe: Call<[twoInts: Buffer]>;
  /** `timeoutMs` -1 waits for ever. */
  poll: AsyncCall<[pollfds: Buffer, count: number, timeoutMs: number]>;
  fcntl: Call<[fd: number, command: number, ...argument: [type: 'int', number] | [type: 'uint8_t *', Buffer]]>;
  ioctl: Call<[fd: number, request: number, type: 'uint8_t *', argument: Buffer]>;
  signal: Call<[signal: number, handler: number]>;
  waitpid: Call<[pid: number, status: Buffer, options: number]>;
  getrlimit: Call<[resource: number, twoLimits: Buffer]>;
  setrlimit: Call<[resource: number, twoLimits: Buffer]>;
  /** 1 if it is a terminal, otherwise 0. */
  isatty: Call<[fd: number]>;
  getpgrp: Call<[]>;
  setsid: Call<[]>;
  tcgetpgrp: Call<[fd: number]>;
  tcsetpgrp: Call<[fd: number, group: number]>;
  tcgetattr: Call<[fd: number, termios: Buffer]>;
  tcsetattr: Call<[fd: number, when: number, termios: Buffer]>;
  cfmakeraw: Call<[termios: Buffer], undefined>;
  posix_openpt: Call<[flags: number]>;
  grantpt: Call<[fd: number]>;
  unlockpt: Call<[fd: number]>;
  ptsname: Call<[fd: number], string | null>;
  posix_spawnp: Call<
    [pid: Buffer, file: Buffer, actions: Buffer, attributes: Buffer, argv: (Buffer | null)[], env: (Buffer | null)[]]
  >;
  posix_spawn_file_actions_init: Call<[actions: Buffer]>;
  posix_spawn_file_actions_destroy: Call<[actions: Buffer]>;
  posix_spawn_file_actions_adddup2: Call<[actions: Buffer, from: number, to: number]>;
  posix_spawn_file_actions_addclose: Call<[actions: Buffer, fd: number]>;
  posix_spawnattr_init: Call<[attributes: Buffer]>;
  posix_spawnattr_destroy: Call<[attributes: Buffer]>;
  posix_spawnattr_setflags: Call<[attributes: Buffer, flags: number]>;
  posix_spawnattr_setpgroup: Call<[attributes: Buffer, group: number]>;
  posix_spawnattr_setsigdefault: Call<[attributes: Buffer, signals: Buffer]>;
  posix_spawnattr_setsigmask: Call<[attributes: Buffer, signals: Buffer]>;
  execve: Call<[file: string, argv: (Buffer | null)[], env: (Buffer | null)[]]>;
  _exit: Call<[status: number], undefined>;
  /** glibc 2.35 and later. */
  posix_spawn_file_actions_addtcsetpgrp_np?: Call<[actions: Buffer, fd: number]>;
  /** Linux. */
  prctl?: Call<[option: number, type: 'unsigned long', argument: number]>;
}

const DECLARATIONS: Record<Exclude<keyof Libc, 'errno'>, string> = {
  read: 'intptr_t read(int, uint8_t *, size_t)',
  write: 'intptr_t write(int, uint8_t *, size_t)',
  close: 'int close(int)',
  pipe: 'int pipe(uint8_t *)',
  poll: `int poll(uint8_t *, ${process.platform === 'darwin' ? 'unsigned int' : 'unsigned long'}, int)`,
  fcntl: 'int fcntl(int, int, ...)',
  ioctl: 'int ioctl(int, unsigned long, ...)',
  signal: 'intptr_t signal(int, intptr_t)',
  waitpid: 'int waitpid(int, uint8_t *, int)',
  getrlimit: 'int getrlimit(int, uint8_t *)',
  setrlimit: 'int setrlimit(int, uint8_t *)',
  isatty: 'int isatty(int)',
  getpgrp: 'int getpgrp()',
  setsid: 'int setsid()',
  tcgetpgrp: 'int tcgetpgrp(int)',
  tcsetpgrp: 'int tcsetpgrp(int, int)',
  tcgetattr: 'int tcgetattr(int, uint8_t *)',
  tcsetattr: 'int tcsetattr(int, int, uint8_t *)',
  cfmakeraw: 'void cfmakeraw(uint8_t *)',
  posix_openpt: 'int posix_openpt(int)',
  grantpt: 'int grantpt(int)',
  unlockpt: 'int unlockpt(int)',
  ptsname: 'const char *ptsname(int)',
  posix_spawnp: 'int posix_spawnp(uint8_t *, uint8_t *, uint8_t *, uint8_t *, void **, void **)',
  posix_spawn_file_actions_init: 'int posix_spawn_file_actions_init(uint8_t *)',
  posix_spawn_file_actions_destroy: 'int posix_spawn_file_actions_destroy(uint8_t *)',
  posix_spawn_file_actions_adddup2: 'int posix_spawn_file_actions_adddup2(uint8_t *, int, int)',
  posix_spawn_file_actions_addclose: 'int posix_spawn_file_actions_addclose(uint8_t *, int)',
  posix_spawnattr_init: 'int posix_spawnattr_init(uint8_t *)',
  posix_spawnattr_destroy: 'int posix_spawnattr_destroy(uint8_t *)',
  posix_spawnattr_setflags: 'int posix_spawnattr_setflags(uint8_t *, int16_t)',
  posix_spawnattr_setpgroup: 'int posix_spawnattr_setpgroup(uint8_t *, int)',
  posix_spawnattr_setsigdefault: 'int posix_spawnattr_setsigdefault(uint8_t *, uint8_t *)',
  posix_spawnattr_setsigmask: 'int posix_spawnattr_setsigmask(uint8_t *, uint8_t *)',
  execve: 'int execve(const char *, void **, void **)',
  _exit: 'void _exit(int)',
  posix_spawn_file_actions_addtcsetpgrp_np: 'int posix_spawn_file_actions_addtcsetpgrp_np(uint8_t *, int)',
  prctl: 'int prctl(int, ...)',
};

const OPTIONAL: ReadonlySet<string> = new Set(['posix_spawn_file_actions_addtcsetpgrp_np', 'prctl']);

let loaded: Libc | null | undefined;

/** @returns undefined where koffi cannot be loaded; then a command is started by Node itself, less exactly */
export function libc(): Libc | undefined {
  if (loaded === undefined) loaded = load();
  return loaded ?? undefined;
}

/** @returns the path of koffi's native module, without koffi's own way to it, which takes longer to load than all the rest of it */
export function koffiPath(require: NodeJS.Require): string {
  try {
    return require.resolve(`@koromix/koffi-${process.platform}-${process.arch}`);
  } catch {
    return require.resolve('koffi'); // installed so that only koffi finds it
  }
}

function loadKoffi(require: NodeJS.Require): typeof koffi {
  try {
    return require(koffiPath(require)) as typeof koffi;
  } catch {
    return require('koffi') as typeof koffi; // it may have been built here
  }
}

function load(): Libc | null {
  if (process.env['HIVESYNC_WITHOUT_FFI'] === '1') return null; // for the test of what then happens
  try {
    const ffi = loadKoffi(createRequire(import.meta.url));
    const library = ffi.load(null);
    const functions: Record<string, unknown> = { errno: () => ffi.errno() };
    for (const [name, declaration] of Object.entries(DECLARATIONS)) {
      try {
        functions[name] = library.func(declaration);
      } catch (error) {
        if (!OPTIONAL.has(name)) throw error;
      }
    }
    return functions as unknown as Libc;
  } catch {
    return null; // no prebuilt binary for this system
  }
}
