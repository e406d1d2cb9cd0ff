/** What each way of running a command offers to the recorder. */
import type { ChildEnd } from './child.js';

export type OutputType = 'stdout' | 'stderr';

export interface RunningCommand {
  pid: number;
  ended: Promise<ChildEnd>;
  output: CommandOutput;
  /** Path of the command's own terminal, if it has one. */
  terminalPath?: string;
  /** Resolves when a signal asks to wait no longer, for what outlives the command or for who reads its output. */
  askedToLeave: Promise<undefined>;
  /** Puts back what was changed of the terminal. */
  close(): void;
}

export interface CommandOutput {
  /** Resolves when nobody has a writing end any more. */
  readonly closed: Promise<void>;
  /** The reading ends of what somebody can still write to. */
  readonly open: [OutputType, number][];
  pause(): void;
  resume(): void;
  /** Takes bytes that nobody needs any more; it may fill them again. */
  giveBack(bytes: Buffer): void;
  /** Reads what there is; from now on, a pseudo-terminal that nobody has open counts as closed. */
  commandEnded(): void;
  /** Closes one: the command then gets the SIGPIPE or EPIPE that it would get without the recorder. */
  close(type: OutputType): void;
  /** Reads no more; what is open stays open. */
  stop(): void;
}

/** `errno` is the code's name, such as ENOENT. */
export type StartResult = RunningCommand | { errno: string };

/** @returns a promise, and the function that resolves it */
export function resolvable<T>(): [Promise<T>, (value: T) => void] {
  let resolve: (value: T) => void = () => undefined;
  return [new Promise<T>((given) => (resolve = given)), resolve];
}
