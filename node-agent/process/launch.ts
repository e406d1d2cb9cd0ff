/**
 * What the launcher (bin/node-agent) found out before Node started, because Node forgets it: it resets ignored signals,
 * raises the limit of open files and closes descriptors for commands that it starts.
 */
import { closeSync, readFileSync } from 'node:fs';

export interface Launch {
  /** The launcher stayed as this process's parent: it stands for the command towards who started it. */
  hasParent: boolean;
  /** Numbers of the signals that were ignored. */
  ignored: ReadonlySet<number>;
  /** Numbers of the signals that were blocked. */
  blocked: ReadonlySet<number>;
  /** Open descriptors above 2 that the command inherits. */
  descriptors: readonly number[];
  /** Descriptors of 0, 1 and 2 that were closed. */
  closed: readonly number[];
  /** Soft limit of open files; undefined if it is not known, or unlimited. */
  openFiles: number | undefined;
  /** The pipe, or file, through which the launcher is told how the command ended. */
  verdictFd: number | undefined;
  /** NAME=value of each variable, as bytes; in the original order. */
  environment: Buffer[];
}

const VARIABLE = 'HIVESYNC_LAUNCH';
/** The launcher takes these away, because they would change this process; the command gets them. */
const SAVED = 'HIVESYNC_SAVED_';

/** Reads it once, and takes the launcher's own variables from `process.env`. */
export function readLaunch(env: NodeJS.ProcessEnv = process.env): Launch {
  const told = new Map((env[VARIABLE] ?? '').split(';').map((part) => splitAt(part, '=')));
  Reflect.deleteProperty(env, VARIABLE);
  const restored = restoreSaved(env);
  const launcher = Number(told.get('pid') ?? -1);
  const hasParent = launcher === process.ppid && told.get('mode') === 'parent';
  // a variable that another launcher left says nothing about this process
  if (!hasParent && launcher !== process.pid) told.clear();
  const fd = numbers(told.get('fd'))[0];
  const environment = (fd === undefined ? undefined : environmentFrom(fd)) ?? restored;
  if (fd !== undefined && !hasParent) closeSync(fd);
  return {
    hasParent,
    ignored: signalSet(told.get('ignored')),
    blocked: signalSet(told.get('blocked')),
    descriptors: numbers(told.get('fds')),
    closed: numbers(told.get('closed')),
    openFiles: numbers(told.get('nofile'))[0],
    verdictFd: hasParent ? fd : undefined,
    environment,
  };
}

/** @returns the environment as Node knows it, with the variables that the launcher saved; this process stays without */
function restoreSaved(env: NodeJS.ProcessEnv): Buffer[] {
  const restored = Object.entries(env).map(([name, value]) =>
    Buffer.from(`${name.startsWith(SAVED) ? name.slice(SAVED.length) : name}=${value ?? ''}`),
  );
  for (const name of Object.keys(env)) if (name.startsWith(SAVED)) Reflect.deleteProperty(env, name);
  return restored;
}

/** Reads what `od -tx1` printed of the environment. */
function environmentFrom(fd: number): Buffer[] | undefined {
  try {
    const bytes = Buffer.from(readFileSync(fd, 'latin1').replace(/\s+/g, ''), 'hex');
    if (bytes.length === 0) return undefined;
    return split(bytes);
  } catch {
    return undefined;
  }
}

/**
 * @returns the last `count` arguments of this process as bytes; undefined if the system does not tell. Node's own
 * strings have lost bytes that are no UTF-8.
 */
export function lastArguments(count: number): Buffer[] | undefined {
  try {
    const all = split(readFileSync('/proc/self/cmdline'));
    return all.length >= count ? all.slice(all.length - count) : undefined;
  } catch {
    return undefined;
  }
}

function split(bytes: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  for (let from = 0; from < bytes.length;) {
    const end = bytes.indexOf(0, from);
    const to = end === -1 ? bytes.length : end;
    parts.push(bytes.subarray(from, to));
    from = to + 1;
  }
  return parts;
}

function splitAt(text: string, mark: string): [string, string] {
  const at = text.indexOf(mark);
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

function numbers(text = ''): number[] {
  return text
    .split(',')
    .filter((word) => /^\d{1,9}$/.test(word))
    .map(Number);
}

/** @param hex a mask of /proc/<pid>/status: bit 0 stands for signal 1 */
function signalSet(hex = ''): Set<number> {
  if (!/^[0-9a-f]{1,32}$/i.test(hex)) return new Set();
  const mask = BigInt(`0x${hex}`);
  const all = Array.from({ length: 64 }, (_, index) => index + 1);
  return new Set(all.filter((signal) => (mask >> BigInt(signal - 1)) & 1n));
}
