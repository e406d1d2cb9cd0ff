/** A pseudo-terminal: the command gets one end, and this process the other. */
import { closeSync, constants, openSync } from 'node:fs';
import * as c from './constants.js';
import type { Libc } from './libc.js';
import { doNotBlock } from './pipes.js';
import { errnoName } from './spawn.js';

const WINSIZE_BYTES = 8;
const DEFAULT_SIZE = { rows: 24, columns: 80 };

export class PseudoTerminal {
  readonly #libc: Libc;
  readonly masterFd: number;
  /** Path of the command's end. */
  readonly path: string;

  /** @throws Error if the system has none left */
  constructor(libc: Libc) {
    this.#libc = libc;
    this.masterFd = libc.posix_openpt(constants.O_RDWR | constants.O_NOCTTY);
    const path =
      this.masterFd >= 0 && libc.grantpt(this.masterFd) === 0 && libc.unlockpt(this.masterFd) === 0
        ? libc.ptsname(this.masterFd)
        : null;
    if (path === null) throw new Error(`no pseudo-terminal: ${errnoName(libc.errno())}`);
    this.path = path;
    libc.fcntl(this.masterFd, c.F_SETFD, 'int', c.FD_CLOEXEC);
    doNotBlock(libc, this.masterFd);
  }

  /** Opens the command's end; close it once the command runs. */
  openSlave(): number {
    return openSync(this.path, constants.O_RDWR | constants.O_NOCTTY);
  }

  /** Makes it the terminal of this process's session, which must have none. */
  control(slaveFd: number): void {
    this.#libc.ioctl(slaveFd, c.TIOCSCTTY, 'uint8_t *', Buffer.alloc(4));
  }

  /** Takes over another terminal's settings. They are kept per terminal, so either end sets them. */
  copySettings(fd: number): void {
    const termios = Buffer.alloc(c.TERMIOS_BYTES);
    if (this.#libc.tcgetattr(fd, termios) === 0) this.#libc.tcsetattr(this.masterFd, c.TCSANOW, termios);
  }

  /** Takes over another terminal's size, or the usual one if there is none. */
  copySizeOrDefault(fd: number | undefined): void {
    if (fd === undefined || !this.copySize(fd)) this.setSize(DEFAULT_SIZE);
  }

  /** The system tells the foreground group if the size has changed. @returns whether that terminal has a size */
  copySize(fd: number): boolean {
    const size = Buffer.alloc(WINSIZE_BYTES);
    if (this.#libc.ioctl(fd, c.TIOCGWINSZ, 'uint8_t *', size) !== 0) return false;
    this.#libc.ioctl(this.masterFd, c.TIOCSWINSZ, 'uint8_t *', size);
    return true;
  }

  setSize({ rows, columns }: { rows: number; columns: number }): void {
    const size = Buffer.alloc(WINSIZE_BYTES);
    size.writeUInt16LE(rows, 0);
    size.writeUInt16LE(columns, 2);
    this.#libc.ioctl(this.masterFd, c.TIOCSWINSZ, 'uint8_t *', size);
  }

  get foregroundGroup(): number {
    return this.#withOwnEnd((fd) => this.#libc.tcgetpgrp(fd));
  }

  set foregroundGroup(group: number) {
    this.#withOwnEnd((fd) => this.#libc.tcsetpgrp(fd, group));
  }

  /** @returns which signal this typed byte makes at the moment */
  signalOf(byte: number): 'SIGINT' | 'SIGQUIT' | undefined {
    const termios = Buffer.alloc(c.TERMIOS_BYTES);
    if (this.#libc.tcgetattr(this.masterFd, termios) !== 0) return undefined;
    if ((termios.readUInt32LE(c.TERMIOS.localFlags) & c.TERMIOS.isig) === 0) return undefined;
    if (byte === termios.readUInt8(c.TERMIOS.interrupt)) return 'SIGINT';
    return byte === termios.readUInt8(c.TERMIOS.quit) ? 'SIGQUIT' : undefined;
  }

  /** Linux takes these calls on the other end too, so that nothing is opened that would keep the terminal from closing. */
  #withOwnEnd<T>(call: (fd: number) => T): T {
    if (process.platform === 'linux') return call(this.masterFd);
    const fd = this.openSlave();
    try {
      return call(fd);
    } finally {
      closeSync(fd);
    }
  }
}
