/** Learns from an execution's lines what its agents did. Never throws: a line that is not understood is passed over. */
import { READERS } from './readers.js';
import type { Event, Run, StreamReader } from './run.js';
import { mergeSummaries, type Summary } from './summary.js';

/** Every documented stream writes the event's type first; only lines that begin like this are looked at. */
export const EVENT_PREFIX = '{"type":"';
/** A longer line is not parsed. In UTF-16 units. */
const MAX_LINE_LENGTH = 4 * 1024 * 1024;
const LONGEST_TYPE = 32;

/** What is stored, so that another process can go on. */
interface State {
  /** The runs that have ended. */
  earlier: Summary;
  run: Run;
  /** Lines that could not be read. */
  unread: number;
}

export class ExecutionSummary {
  #state: State = { earlier: {}, run: {}, unread: 0 };
  #reader: StreamReader | undefined;

  /** @param stored what {@link toJson} gave, or null for an execution of which nothing is known */
  constructor(stored: string | null = null) {
    if (stored === null) return;
    try {
      const { earlier, run, unread } = JSON.parse(stored) as State;
      this.#reader = READERS.find(({ executor }) => executor === run.executor);
      this.#state = { earlier, run, unread };
    } catch {
      // what another version has stored, or a damaged store: it is learnt anew from here on
    }
  }

  /** Lines that looked like an agent's and could not be read. */
  get unread(): number {
    return this.#state.unread;
  }

  /** @param line a whole line of stdout */
  line(line: string): void {
    if (!line.startsWith(EVENT_PREFIX) || line.length > MAX_LINE_LENGTH) return;
    const type = typeOf(line);
    const readers = READERS.filter(({ types }) => types.includes(type));
    if (readers.length === 0) return;
    try {
      this.#event(JSON.parse(line) as Event, type, readers);
    } catch {
      this.#state.unread++; // the output is whatever a program prints
    }
  }

  /** @returns undefined if nothing was learnt */
  get value(): Summary | undefined {
    if (this.#state.run.executor === undefined) return undefined;
    const run: Run = { ...this.#state.run };
    delete run.ended_turns;
    delete run.open_message;
    return mergeSummaries([this.#state.earlier, run]);
  }

  /** @returns text for the constructor; null if nothing was learnt */
  toJson(): string | null {
    return this.#state.run.executor === undefined ? null : JSON.stringify(this.#state);
  }

  #event(event: Event, type: string, readers: readonly StreamReader[]): void {
    const next = readers.find(({ begins }) => begins(event));
    if (next) this.#begin(next, event);
    if (!this.#reader?.types.includes(type)) return;
    this.#reader.read(event, this.#state.run);
  }

  /** A session that goes on says its beginning again: it stays one run. */
  #begin(reader: StreamReader, event: Event): void {
    const { run } = this.#state;
    const began: Run = {};
    reader.read(event, began);
    const isSame = this.#reader === reader && began.session_id === run.session_id;
    if (isSame) return;
    this.#state.earlier = this.value ?? {};
    delete this.#state.earlier.ended_with_error; // of the run that begins nothing is known yet
    this.#state.run = { executor: reader.executor };
    this.#reader = reader;
  }
}

function typeOf(line: string): string {
  const end = line.indexOf('"', EVENT_PREFIX.length);
  return end === -1 || end > EVENT_PREFIX.length + LONGEST_TYPE ? '' : line.slice(EVENT_PREFIX.length, end);
}
