/** The marked lines: in the address, so that it can be sent to somebody, and by pointer or keyboard. */
import { useEffect, useMemo } from 'preact/hooks';
import type { OpenLog } from './open-log.js';
import { linesAddress, linesOf, type LineRange } from './permalink.js';

export interface MarkedLines {
  /** Marks a line, or from the line marked first to this one. */
  mark: (seq: number, isExtended: boolean) => void;
  /** Moves the mark by lines, and into view. */
  move: (by: number, isExtended: boolean) => void;
  unmark: () => void;
}

/** The end of a range from which it is extended. */
let origin = 0;

export function useMarkedLines(log: OpenLog): MarkedLines {
  useEffect(() => {
    const changed = (): void => {
      const lines = linesOf(location.href, log.log.executionId);
      log.marked.value = lines;
      if (lines) log.show(lines.first);
    };
    addEventListener('hashchange', changed);
    return () => removeEventListener('hashchange', changed);
  }, [log]);

  const address = useMemo(() => new AddressBar(), [log]);
  useEffect(() => () => address.end(), [address]);

  const put = (lines: LineRange | undefined): void => {
    log.marked.value = lines;
    address.write(() => linesAddress(location.href, log.log.executionId, lines));
  };
  const mark = (seq: number, isExtended: boolean): void => {
    const marked = log.marked.peek();
    if (!isExtended || !marked) {
      origin = seq;
      put({ first: seq, last: seq });
      return;
    }
    if (origin < marked.first || origin > marked.last) origin = marked.first;
    put({ first: Math.min(origin, seq), last: Math.max(origin, seq) });
  };
  const move = (by: number, isExtended: boolean): void => {
    const marked = log.marked.peek();
    const { rows } = log;
    const current = marked && (origin === marked.first ? marked.last : marked.first);
    const row = rows.at(current ?? firstInView(log));
    if (!row) return;
    const next = current === undefined ? row : by > 0 ? rows.after(row) : rows.before(row);
    if (next?.kind !== 'line') return;
    mark(next.key, isExtended);
    log.show(next.key, 'near');
  };
  return { mark, move, unmark: () => put(undefined) };
}

function firstInView({ rows, screen }: OpenLog): number {
  const { key, offset } = screen.anchor;
  const row = rows.at(key);
  return row && offset > 0 ? row.to + 1 : key;
}

/** Safari refuses a page that changes its address more than 100 times in 30 s, as a held key does. */
const WRITES = { atOnce: 10, refillMs: 400 };

class AddressBar {
  #timer: ReturnType<typeof setTimeout> | undefined;
  #next: (() => string) | undefined;
  #left = WRITES.atOnce;

  /** Replaces the entry: nobody wants to go back through each line that was looked at. */
  write(address: () => string): void {
    this.#next = address;
    if (this.#left > 0) this.#writeNow();
    this.#timer ??= setInterval(() => this.#refill(), WRITES.refillMs);
  }

  end(): void {
    clearInterval(this.#timer);
  }

  #writeNow(): void {
    if (!this.#next) return;
    history.replaceState(history.state, '', this.#next());
    this.#next = undefined;
    this.#left--;
  }

  #refill(): void {
    this.#left++;
    this.#writeNow();
    if (this.#left < WRITES.atOnce) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
