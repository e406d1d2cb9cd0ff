/** Pipes as a shell makes them. */
import { constants } from 'node:fs';
import { F_GETFL, F_SETFD, F_SETFL, F_SETPIPE_SZ, FD_CLOEXEC } from './constants.js';
import { errnoName } from './spawn.js';
import type { Libc } from './libc.js';

/** How much a pipe can hold here at most, so what one reading takes at most. */
export const PIPE_BYTES = 512 * 1024;

/** Both ends are closed in what is executed; the reading end never blocks. */
export function openPipe(libc: Libc, bytes?: number): { readFd: number; writeFd: number } {
  const fds = Buffer.alloc(8);
  if (libc.pipe(fds) !== 0) throw new Error(`cannot make a pipe: ${errnoName(libc.errno())}`);
  const [readFd, writeFd] = [fds.readInt32LE(0), fds.readInt32LE(4)];
  for (const fd of [readFd, writeFd]) libc.fcntl(fd, F_SETFD, 'int', FD_CLOEXEC);
  doNotBlock(libc, readFd);
  // it fails where a user has many: then it holds what it held
  if (bytes !== undefined && process.platform === 'linux') libc.fcntl(writeFd, F_SETPIPE_SZ, 'int', bytes);
  return { readFd, writeFd };
}

export function doNotBlock(libc: Libc, fd: number): void {
  libc.fcntl(fd, F_SETFL, 'int', libc.fcntl(fd, F_GETFL, 'int', 0) | constants.O_NONBLOCK);
}
