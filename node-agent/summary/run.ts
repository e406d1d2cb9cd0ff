/** What one run of an agent has said so far. Plain data: it is stored, so that another process can go on from it. */
import { shortMessage, shortName, type Summary } from './summary.js';

export interface Run extends Summary {
  /** Turns of the parts of the run that have ended, where an agent counts them itself. */
  ended_turns?: number;
  /** The message that is being counted or written at the moment. */
  open_message?: string;
}

/** A JSON object of which nothing is known. */
export type Event = Readonly<Record<string, unknown>>;

/** A format of an agent's output: one JSON object a line, with a member `type`. */
export interface StreamReader {
  executor: string;
  /** The types of events that are read; lines of other types are not even parsed. */
  types: readonly string[];
  /** @returns whether a run of this agent begins with the event */
  begins: (event: Event) => boolean;
  /** Takes what it knows from an event of a run that has begun, that of the beginning included. */
  read: (event: Event, run: Run) => void;
}

/** Nobody has used more tokens or money; sums of such amounts stay exact. */
const MAX_AMOUNT = 1e12;

/** @returns the member of an object; undefined if it is none */
export function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

export function object(value: unknown): Event {
  return typeof value === 'object' && value !== null ? (value as Event) : {};
}

/** @returns the text, if it is one and not empty */
export function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** @returns the number, if it is one that can be an amount */
export function amount(value: unknown): number | undefined {
  return typeof value === 'number' && value >= 0 && value <= MAX_AMOUNT ? value : undefined;
}

/** @returns the sum of those that are amounts; undefined if none is */
export function total(...values: unknown[]): number | undefined {
  const amounts = values.map(amount).filter((value) => value !== undefined);
  return amounts.length === 0 ? undefined : amounts.reduce((sum, value) => sum + value, 0);
}

export function setName(run: Run, name: 'model' | 'session_id', value: unknown): void {
  const known = text(value);
  if (known !== undefined) run[name] = shortName(known);
}

export function setMessage(run: Run, value: unknown): void {
  const known = text(value);
  if (known !== undefined) run.last_message = shortMessage(known);
}

export function add(run: Run, name: 'cost_usd' | 'turns' | 'input_tokens' | 'output_tokens', value: unknown): void {
  const known = amount(value);
  if (known !== undefined) run[name] = (run[name] ?? 0) + known;
}

/** The text of a message whose content is a list of parts, as Anthropic's interface has it. */
export function contentText(message: unknown): string | undefined {
  const content = member(message, 'content');
  if (!Array.isArray(content)) return text(content);
  const parts = content
    .filter((part) => member(part, 'type') === 'text')
    .map((part) => text(member(part, 'text')) ?? '');
  return text(parts.join(''));
}
