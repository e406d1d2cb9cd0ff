/** Entries of a log as text: each line once, whole, and safe for a terminal. */
import { LineJoiner } from '../../../protocol/line-joiner.js';
import { plainLine, safeLine } from '../../../protocol/terminal-line.js';
import type { Schemas } from './api.js';
import { jsonLine } from './json-line.js';

type LogEntry = Schemas['LogEntry'];

export interface LogTextOptions {
  json?: boolean;
  /** Exactly what was printed, whatever it does to a terminal. */
  raw?: boolean;
  timestamps?: boolean;
  colour: boolean;
}

/** Of lines that are not whole yet; in UTF-16 units. What is longer is shown in pieces. */
const MAX_KEPT = 8 * 1024 * 1024;

/** @returns what turns entries into text as they come; without an entry, into what is left at the end */
export function logText({ json, raw, timestamps, colour }: LogTextOptions): (entry?: LogEntry) => string {
  if (json) return (entry) => (entry ? jsonLine(entry) : '');
  if (raw) {
    const joiner = new LineJoiner();
    return (entry) => (entry ? joiner.add(entry.execution_id, entry) : joiner.end());
  }
  const show = colour ? safeLine : plainLine;
  return joined((content, time) => `${timestamps ? `${time} ` : ''}${show(content)}\n`);
}

function joined(format: (content: string, timestamp: string) => string): (entry?: LogEntry) => string {
  /** Lines that are not whole yet, by what prints them. */
  const begun = new Map<string, { content: string; timestamp: string }>();
  let kept = 0;
  const takeOut = (key: string): string => {
    const line = begun.get(key);
    if (!line) return '';
    begun.delete(key);
    kept -= line.content.length;
    return format(line.content, line.timestamp);
  };
  return (entry) => {
    if (!entry) return [...begun.keys()].map(takeOut).join('');
    if (begun.size === 0 && !entry.partial) return format(entry.content, entry.timestamp);
    const key = `${entry.execution_id} ${entry.output_type}`;
    const line = begun.get(key) ?? { content: '', timestamp: entry.timestamp };
    begun.set(key, { ...line, content: line.content + entry.content });
    kept += entry.content.length;
    return !entry.partial || kept > MAX_KEPT ? takeOut(key) : '';
  };
}
