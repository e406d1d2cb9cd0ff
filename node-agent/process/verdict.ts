/**
 * What the launcher reads after this process's end: the command's pid and how it ended. If the end is missing, this
 * process was killed, and the launcher puts the terminal back and ends the command.
 */
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import type { ChildEnd } from './child.js';

export class Verdict {
  readonly #fd: number | undefined;

  /** @param readFd what the launcher's environment was read from, to its end; of a pipe, only the reading end */
  constructor(readFd: number | undefined) {
    this.#fd = readFd === undefined ? undefined : openWriteEnd(readFd);
    if (readFd !== undefined) closeSync(readFd);
  }

  /** @returns false if nobody can be told */
  started(pid: number): boolean {
    return this.#tell(`pid ${pid}`);
  }

  ended({ code, signal }: ChildEnd): boolean {
    return this.#tell(signal === null ? `exit ${code ?? 1}` : `signal ${signal}`);
  }

  #tell(line: string): boolean {
    if (this.#fd === undefined) return false;
    try {
      writeSync(this.#fd, `${line}\n`);
      return true;
    } catch {
      return false; // the launcher was killed
    }
  }
}

function openWriteEnd(readFd: number): number | undefined {
  try {
    // some shells make a file of it: the launcher reads on where this process has stopped
    return openSync(`/proc/self/fd/${readFd}`, constants.O_WRONLY | constants.O_APPEND);
  } catch {
    return undefined; // no /proc: the launcher then goes by the exit status
  }
}
