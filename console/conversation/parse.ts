/**
 * Makes a conversation of the lines of an execution. Pure: the same lines always make the same items, however they come.
 * Nothing is dropped: a line that is not an event, or an event that is not known, becomes an item that shows it as it is.
 */
import { AGENTS } from './agents/agents.js';
import type { Line } from '../log/line.js';
import { isObject, text, type Event } from './event.js';
import type { Content, Item, LineRange, ToolResult } from './items.js';
import type { AgentStream, Call, Told } from './told.js';

/** A longer line is not parsed. In UTF-16 units. */
const MAX_EVENT_LENGTH = 8 * 1024 * 1024;
/** Lines that follow each other are one item, up to this many. */
const MAX_OUTPUT_LINES = 500;

interface Whole {
  lines: LineRange;
  at: string;
  text: string;
}

interface Begun {
  lines: LineRange;
  at: string;
  parts: string[];
}

export class Conversation {
  /** In the order of the log. An item is replaced when a later line tells more of it. */
  readonly items: Item[] = [];
  readonly #begun = new Map<string, Begun>();
  readonly #calls = new Map<string, number>();
  readonly #told: Told = {
    say: (content) => this.#add(content),
    goOn: (kind, piece) => this.#goOn(kind, piece),
    call: (call) => this.#call(call),
    answer: (callId, result) => this.#answer(callId, result),
    setInner: (isInner) => void (this.#isInner = isInner),
  };
  #agent: AgentStream | undefined;
  #read: ((event: Event) => boolean) | undefined;
  #line: Whole = { lines: { first: 0, last: 0 }, at: '', text: '' };
  #isInner = false;
  /** The item that a further piece of text belongs to. */
  #open: number | undefined;
  /** Items from here on may have been replaced since {@link take} was called last. */
  #changedFrom = 0;

  /** @returns the name of the agent whose stream was recognised last */
  get agent(): string | undefined {
    return this.#agent?.name;
  }

  /** @param lines those that come next. @returns the first item that is new or another than before */
  take(lines: readonly Line[]): number {
    this.#changedFrom = this.items.length;
    for (const line of lines) this.#takeLine(line);
    return this.#changedFrom;
  }

  /** @returns the beginnings of lines whose ends have not come, as they are so far */
  unfinished(): Item[] {
    return [...this.#begun].map(([stream, { lines, at, parts }], index) => ({
      id: this.items.length + index,
      lines: { ...lines },
      at,
      isInner: false,
      content: { kind: 'output', stream, lines: [parts.join('')] },
    }));
  }

  /** A line that was recorded in parts is read when its end has come. */
  #takeLine({ seq, type, content, at, isPartial }: Line): void {
    const begun = this.#begun.get(type);
    if (isPartial) {
      if (begun) {
        begun.parts.push(content);
        begun.lines.last = seq;
      } else this.#begun.set(type, { lines: { first: seq, last: seq }, at, parts: [content] });
      return;
    }
    this.#begun.delete(type);
    this.#line = begun
      ? { at: begun.at, lines: { first: begun.lines.first, last: seq }, text: [...begun.parts, content].join('') }
      : { lines: { first: seq, last: seq }, at, text: content };
    this.#isInner = false;
    const event = type === 'stdout' ? eventOf(this.#line.text) : undefined;
    if (!event || !this.#event(event)) this.#output(type, this.#line.text);
  }

  /** @returns whether it is shown, if not as what it means, then as it is */
  #event(event: Event): boolean {
    const begins = AGENTS.find((agent) => agent.begins(event));
    const next = begins ?? (this.#agent ? undefined : AGENTS.find((agent) => agent.resembles(event)));
    if (next) {
      this.#agent = next;
      this.#read = next.start(this.#told);
    }
    if (!this.#read) return false; // JSON of some other program
    if (this.#understands(this.#read, event)) return true;
    this.#isInner = false;
    this.#add({ kind: 'raw', type: text(event['type']), json: this.#line.text });
    return true;
  }

  #understands(read: (event: Event) => boolean, event: Event): boolean {
    try {
      return read(event);
    } catch {
      return false; // whatever is wrong with it, it is shown
    }
  }

  #add(content: Content): void {
    const { lines, at } = this.#line;
    const last = this.items.at(-1);
    if (content.kind === 'pieces' && last?.content.kind === 'pieces' && last.content.type === content.type) {
      const count = last.content.count + content.count;
      this.#replace({ ...last, lines: { ...last.lines, last: lines.last }, content: { ...content, count } });
      return;
    }
    this.#open = content.kind === 'pieces' ? this.#open : undefined;
    this.items.push({ id: this.items.length, lines, at, isInner: this.#isInner, content });
  }

  #output(stream: string, line: string): void {
    const { lines } = this.#line;
    const last = this.items.at(-1);
    if (
      last?.content.kind === 'output' &&
      last.content.stream === stream &&
      last.content.lines.length < MAX_OUTPUT_LINES
    ) {
      last.content.lines.push(line); // the list is shared with the item that this one replaces: nobody else has it
      this.#replace({ ...last, lines: { ...last.lines, last: lines.last }, content: { ...last.content } });
    } else this.#add({ kind: 'output', stream, lines: [line] });
  }

  #goOn(kind: 'message' | 'thinking', piece: string): void {
    const item = this.#open === undefined ? undefined : this.items[this.#open];
    if (item?.content.kind === kind) {
      const lines = { ...item.lines, last: this.#line.lines.last };
      this.#replace({ ...item, lines, content: { ...item.content, text: item.content.text + piece } });
    } else {
      this.#add(kind === 'message' ? { kind, from: 'agent', text: piece } : { kind, text: piece });
      this.#open = this.items.length - 1;
    }
  }

  #call({ id, name, input, isMore = false }: Call): void {
    const known = isMore ? this.#calls.get(id) : undefined;
    const item = known === undefined ? undefined : this.items[known];
    if (item?.content.kind === 'tool' && !item.content.result) {
      this.#replace({ ...item, content: { ...item.content, name, input } });
      return;
    }
    this.#add({ kind: 'tool', name, input });
    if (id !== '') this.#calls.set(id, this.items.length - 1);
  }

  #answer(callId: string, result: ToolResult): boolean {
    const known = this.#calls.get(callId);
    const item = known === undefined ? undefined : this.items[known];
    if (item?.content.kind !== 'tool' || item.content.result) return false;
    this.#open = undefined;
    const { lines } = this.#line;
    const where = lines.first === item.lines.first ? {} : { lines };
    this.#replace({ ...item, content: { ...item.content, result: { ...result, ...where } } });
    return true;
  }

  #replace(item: Item): void {
    this.items[item.id] = item;
    this.#changedFrom = Math.min(this.#changedFrom, item.id);
  }
}

/** @returns the object that a line is; undefined if it is none */
function eventOf(line: string): Event | undefined {
  if (line.length > MAX_EVENT_LENGTH) return undefined;
  const inner = line.trim();
  if (!inner.startsWith('{') || !inner.endsWith('}')) return undefined;
  try {
    const value = JSON.parse(inner) as unknown;
    return isObject(value) ? value : undefined;
  } catch {
    return undefined; // a broken line is shown as text
  }
}
