/** What a conversation consists of. Items are never changed: one that learns more is replaced by another with its id. */

/** The lines of the log that an item was made of. */
export interface LineRange {
  first: number;
  last: number;
}

/** A name and what it is: `Model`, `claude-sonnet`. */
export type Fact = readonly [name: string, value: string];

export interface Session {
  kind: 'session';
  agent: string;
  facts: Fact[];
}

export interface Message {
  kind: 'message';
  from: 'user' | 'agent';
  text: string;
}

export interface Thinking {
  kind: 'thinking';
  text: string;
}

export interface ToolResult {
  text: string;
  isError: boolean;
  /** Where the result stands, if not in the lines of the call. */
  lines?: LineRange;
  /** What an edit did, with line numbers, if the agent told. */
  patch?: Hunk[];
}

/** A piece of a diff: lines that begin with a space, `+` or `-`. */
export interface Hunk {
  oldStart: number;
  newStart: number;
  lines: string[];
}

export interface Tool {
  kind: 'tool';
  name: string;
  input: unknown;
  /** Absent while it runs, or if the end of the log came first. */
  result?: ToolResult;
}

/** The end of a run of the agent, with what it says of itself. */
export interface End {
  kind: 'end';
  isError: boolean;
  text: string;
  facts: Fact[];
}

/** Something that the agent tells beside the conversation: an error, a limit, a compaction. */
export interface Notice {
  kind: 'notice';
  isError: boolean;
  text: string;
}

/** Lines that are no events: what other programs printed, and the agent's own stderr. */
export interface Output {
  kind: 'output';
  stream: string;
  lines: string[];
}

/** An event, or a part of one, that nobody here knows. It is shown as it is. */
export interface Raw {
  kind: 'raw';
  /** What it says that it is. */
  type: string;
  json: string;
}

/** Events that only repeat in pieces what others tell as a whole: how many there are. */
export interface Pieces {
  kind: 'pieces';
  type: string;
  count: number;
}

export type Content = Session | Message | Thinking | Tool | End | Notice | Output | Raw | Pieces;

export interface Item {
  /** Its place in the conversation. */
  id: number;
  lines: LineRange;
  /** RFC 3339: when its first line was printed. */
  at: string;
  /** Said or done by a subagent. */
  isInner: boolean;
  content: Content;
}
