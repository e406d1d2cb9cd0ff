/** What a reader of an agent's stream can tell of an event. */
import type { Content, Fact, ToolResult } from './items.js';

export interface Call {
  id: string;
  name: string;
  input: unknown;
  /** It tells more of the call with this id that has no result yet, instead of being another one. */
  isMore?: boolean;
}

export interface Told {
  say(content: Content): void;
  /** Adds to the last item if that is the same kind of text and still open, otherwise it begins a new one. */
  goOn(kind: 'message' | 'thinking', piece: string): void;
  /** The call of a tool begins, or tells more of itself. */
  call(call: Call): void;
  /** @returns whether the call is known and has no result yet. If not, nothing was told. */
  answer(callId: string, result: ToolResult): boolean;
  /** Tells that what follows is of a subagent, or no longer. */
  setInner(isInner: boolean): void;
}

/** A format of an agent's output: one JSON object a line, with a member `type`. */
export interface AgentStream {
  name: string;
  /** @returns whether a run of this agent begins with the event */
  begins: (event: Record<string, unknown>) => boolean;
  /** @returns whether it may be an event of this agent whose beginning is not in the log */
  resembles: (event: Record<string, unknown>) => boolean;
  /** @returns a reader for one run, which returns whether it understood all of an event: if not, that is shown as it is */
  start: (told: Told) => (event: Record<string, unknown>) => boolean;
}

/** @returns the facts that are known */
export function facts(...all: readonly (readonly [name: string, value: string | undefined])[]): Fact[] {
  return all.flatMap(([name, value]): Fact[] => (value === undefined || value === '' ? [] : [[name, value]]));
}
