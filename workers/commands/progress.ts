import { SingleBar } from 'cli-progress';

export interface Progress {
  set(value: number, total?: number, note?: string): void;
  /** Removes the bar. Call it before printing anything that should stay. */
  stop(): void;
}

const NONE: Progress = { set: () => undefined, stop: () => undefined };

/** Shows a bar on standard error if that is a terminal; otherwise nothing. */
export function startProgress(what: string, total: number): Progress {
  if (!process.stderr.isTTY) return NONE;
  const bar = new SingleBar({
    format: `${what} [{bar}] {percentage}% | {value}/{total} {note}`,
    stream: process.stderr,
    hideCursor: true,
    clearOnComplete: true,
    fps: 10,
  });
  bar.start(total, 0, { note: '' });
  return {
    set(value, newTotal, note) {
      if (newTotal !== undefined) bar.setTotal(newTotal);
      bar.update(value, note === undefined ? undefined : { note });
    },
    stop: () => bar.stop(),
  };
}
