/**
 * What the Temporal UI shows besides ids. It renders markdown, and titles and names are user data: they are shown as the
 * text that they are, in one line, and bounded.
 */
import type { AttemptLabels } from '../prisma/queries/list-needing-backfill.js';
import { backfillOptions, type BackfillInput } from './definitions.js';

/** Together with the ids well below the 400 bytes of JSON above which Temporal refuses a summary. */
const MAX_TITLE_BYTES = 160;
const MAX_NAME_BYTES = 80;

/** Control characters, line ends, what changes the order of text, and what can't be UTF-8. */
const UNPRINTABLE = /[\p{Cc}\p{Cs}\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;
const MARKUP = /[\\`*_[\]<>#|~&!$]/g;
/** Becomes a link even where every character is escaped. */
const LINK = /(:)(?=\/\/)|(www)(?=\.)|(.)(?=@)/gi;

/** @returns the text in one line of markdown that renders as the text itself, its JSON at most `maxBytes` long */
export function plainMarkdown(text: string, maxBytes: number): string {
  const clean = text.toWellFormed().replace(UNPRINTABLE, ' ').replace(/\s+/g, ' ').trim().replace(LINK, '$& ');
  let markdown = '';
  let bytes = 0;
  for (const character of clean) {
    const escaped = character.replace(MARKUP, '\\$&');
    bytes += Buffer.byteLength(JSON.stringify(escaped)) - 2;
    if (bytes > maxBytes - 3) return `${markdown.trimEnd()}…`;
    markdown += escaped;
  }
  return markdown;
}

/** The start options of a backfill that do not depend on who starts it, with what people know the attempt by. */
export function labelledOptions(input: BackfillInput, { title, nodeName }: AttemptLabels) {
  const options = backfillOptions(input);
  const what = plainMarkdown(title ?? '', MAX_TITLE_BYTES);
  const where = plainMarkdown(nodeName ?? '', MAX_NAME_BYTES);
  if (what === '' && where === '') return options;
  const shown = [what, where === '' ? '' : `on ${where}`].filter((part) => part !== '').join(' ');
  return {
    ...options,
    staticSummary: `${input.trigger}: ${shown} (attempt ${input.attemptId})`,
  };
}

/** @returns the summary of a node's drain */
export function drainSummary(nodeId: string, nodeName: string | null): string {
  const name = plainMarkdown(nodeName ?? '', MAX_NAME_BYTES);
  return name === '' ? `drain of node ${nodeId}` : `drain of node ${name} (${nodeId})`;
}
