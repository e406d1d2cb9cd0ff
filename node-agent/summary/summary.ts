/** What an attempt can show of an agent's run, learnt from the agent's own output. */

export interface Summary {
  /** In the words that attempts have for executors: CLAUDE_CODE, CODEX, … */
  executor?: string;
  model?: string;
  session_id?: string;
  /** As the agent estimates it. */
  cost_usd?: number;
  turns?: number;
  /** At most 4 KiB of UTF-8; cut where it was longer. */
  last_message?: string;
  input_tokens?: number;
  output_tokens?: number;
  ended_with_error?: boolean;
}

const COUNTED = ['cost_usd', 'turns', 'input_tokens', 'output_tokens'] as const;
const MAX_NAME_BYTES = 256;
const MAX_MESSAGE_BYTES = 4096;
const CUT = '…';

/** @param summaries in order of time. @returns what was used, summed up, and the rest as it was last */
export function mergeSummaries(summaries: readonly Summary[]): Summary {
  const merged: Summary = {};
  for (const summary of summaries) {
    const sums = COUNTED.flatMap((name) => {
      const value = (merged[name] ?? 0) + (summary[name] ?? 0);
      return merged[name] === undefined && summary[name] === undefined ? [] : [[name, rounded(name, value)]];
    });
    Object.assign(merged, summary, Object.fromEntries(sums));
  }
  return merged;
}

/** Without the noise of binary fractions: a millionth of a dollar is enough. */
function rounded(name: (typeof COUNTED)[number], value: number): number {
  return name === 'cost_usd' ? Math.round(value * 1e6) / 1e6 : Math.min(Math.round(value), Number.MAX_SAFE_INTEGER);
}

export function shortName(text: string): string {
  return cut(text, MAX_NAME_BYTES);
}

export function shortMessage(text: string): string {
  return cut(text, MAX_MESSAGE_BYTES);
}

/** What has no place in a text that is shown: control characters but newlines and tabs, and half characters. */
// eslint-disable-next-line no-control-regex -- that is what it is for
const CONTROLS = /[\0-\x08\x0b-\x1f\x7f-\x9f]/g;

/** Cuts between characters. */
function cut(given: string, maxBytes: number): string {
  const text = given
    .slice(0, maxBytes + 1)
    .replace(CONTROLS, '')
    .toWellFormed();
  if (given.length <= maxBytes && Buffer.byteLength(text) <= maxBytes) return text;
  const bytes = Buffer.from(text).subarray(0, maxBytes - Buffer.byteLength(CUT));
  return bytes.toString().replace(/\ufffd+$/, '') + CUT;
}
