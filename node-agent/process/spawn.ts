/** Starts a command by posix_spawn, which leaves it everything that Node's own `spawn` changes. */
import { accessSync, constants as files } from 'node:fs';
import { constants } from 'node:os';
import { delimiter, join } from 'node:path';
import * as c from './constants.js';
import type { Launch } from './launch.js';
import type { Libc } from './libc.js';

const { signals, errno } = constants;
/** Bytes that hold each of posix_spawn's objects everywhere. */
const OBJECT_BYTES = 1024;

export interface SpawnOptions {
  /** The command and its arguments, as bytes without the terminating NUL. */
  argv: readonly Buffer[];
  environment: readonly Buffer[];
  launch: Pick<Launch, 'ignored' | 'blocked' | 'descriptors' | 'closed' | 'openFiles'>;
  /** For 0, 1 and 2: the descriptor that the command gets there; itself if it is inherited. */
  standard: readonly [number, number, number];
  /** Gives it a process group of its own. */
  ownGroup?: boolean;
  /** Gives it a session of its own, without a terminal. */
  ownSession?: boolean;
  /** Makes that group the foreground one of the terminal that the command gets as this descriptor. */
  foregroundOf?: number;
}

/** `errno` is the code's name, such as ENOENT. */
export type SpawnResult = { pid: number } | { errno: string };

export function spawnCommand(libc: Libc, options: SpawnOptions): SpawnResult {
  const first = spawn(libc, options);
  if (!('errno' in first) || first.errno !== 'ENOEXEC') return first;
  // a script without #!: the shell runs it, as execvp and env do
  const script = findExecutable(options.argv[0] ?? Buffer.alloc(0));
  if (!script) return first;
  return spawn(libc, { ...options, argv: [Buffer.from('/bin/sh'), script, ...options.argv.slice(1)] });
}

function spawn(libc: Libc, options: SpawnOptions): SpawnResult {
  const actions = Buffer.alloc(OBJECT_BYTES);
  const attributes = Buffer.alloc(OBJECT_BYTES);
  libc.posix_spawn_file_actions_init(actions);
  libc.posix_spawnattr_init(attributes);
  try {
    setActions(libc, actions, options);
    setAttributes(libc, attributes, options);
    const pid = Buffer.alloc(4);
    const [argv, env] = [options.argv.map(terminated), options.environment.map(terminated)];
    const [file] = argv;
    if (!file || file.length === 1) return { errno: 'ENOENT' };
    const failure = withOriginalLimits(libc, options.launch, () =>
      libc.posix_spawnp(pid, file, actions, attributes, [...argv, null], [...env, null]),
    );
    return failure === 0 ? { pid: pid.readInt32LE(0) } : { errno: errnoName(failure) };
  } finally {
    // what this process starts later, and what outlives it, must not keep them open
    for (const fd of options.launch.descriptors) libc.fcntl(fd, c.F_SETFD, 'int', c.FD_CLOEXEC);
    libc.posix_spawn_file_actions_destroy(actions);
    libc.posix_spawnattr_destroy(attributes);
  }
}

function setActions(libc: Libc, actions: Buffer, { standard, launch, foregroundOf }: SpawnOptions): void {
  // Node has set close-on-exec on all of them; dup2 to another number clears it, to the same one does not everywhere
  for (const fd of [...launch.descriptors, 0, 1, 2]) libc.fcntl(fd, c.F_SETFD, 'int', 0);
  standard.forEach((from, to) => {
    if (from === to && launch.closed.includes(to)) libc.posix_spawn_file_actions_addclose(actions, to);
    else if (from !== to) libc.posix_spawn_file_actions_adddup2(actions, from, to);
  });
  if (foregroundOf !== undefined) libc.posix_spawn_file_actions_addtcsetpgrp_np?.(actions, foregroundOf);
}

function setAttributes(libc: Libc, attributes: Buffer, { launch, ownGroup, ownSession }: SpawnOptions): void {
  let flags = c.POSIX_SPAWN_SETSIGDEF | c.POSIX_SPAWN_SETSIGMASK;
  if (ownSession) flags |= c.POSIX_SPAWN_SETSID;
  if (ownGroup) {
    flags |= c.POSIX_SPAWN_SETPGROUP;
    libc.posix_spawnattr_setpgroup(attributes, 0);
  }
  libc.posix_spawnattr_setflags(attributes, flags);
  const all = Array.from({ length: c.LAST_SIGNAL }, (_, index) => index + 1);
  const special: number[] = [signals.SIGKILL, signals.SIGSTOP];
  const reset = all.filter((signal) => !launch.ignored.has(signal) && !special.includes(signal));
  libc.posix_spawnattr_setsigdefault(attributes, signalSet(reset));
  libc.posix_spawnattr_setsigmask(attributes, signalSet([...launch.blocked]));
}

/** Node has raised the soft limit of open files to the hard one. */
function withOriginalLimits<T>(libc: Libc, { openFiles }: SpawnOptions['launch'], work: () => T): T {
  const limits = Buffer.alloc(16);
  if (openFiles === undefined || libc.getrlimit(c.RLIMIT_NOFILE, limits) !== 0) return work();
  const original = Buffer.from(limits);
  original.writeBigUInt64LE(BigInt(openFiles), 0);
  libc.setrlimit(c.RLIMIT_NOFILE, original);
  try {
    return work();
  } finally {
    libc.setrlimit(c.RLIMIT_NOFILE, limits);
  }
}

function signalSet(numbers: readonly number[]): Buffer {
  const set = Buffer.alloc(c.SIGSET_BYTES);
  for (const number of numbers) {
    const at = (number - 1) >> 3;
    set.writeUInt8(set.readUInt8(at) | (1 << ((number - 1) & 7)), at);
  }
  return set;
}

function findExecutable(name: Buffer): Buffer | undefined {
  if (name.includes('/')) return name;
  const places = (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((directory) => join(directory || '.', name.toString()));
  const found = places.find((place) => {
    try {
      accessSync(place, files.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  return found === undefined ? undefined : Buffer.from(found);
}

function terminated(word: Buffer): Buffer {
  return Buffer.concat([word, Buffer.of(0)]);
}

export function errnoName(number: number): string {
  return Object.entries(errno).find(([, value]) => value === number)?.[0] ?? `errno ${number}`;
}
