/** The content of messages as Anthropic's interface has it: a text, or a list of parts. Claude Code and Cursor print it. */
import { isObject, list, member, text } from '../event.js';
import { toJson } from '../json-line.js';

/** @returns the parts of a message's content; a plain text is one */
export function partsOf(content: unknown): readonly unknown[] {
  return typeof content === 'string' ? [{ type: 'text', text: content }] : list(content);
}

/** @returns what a tool gave back, as a text: pictures are named, and what is not known stays JSON */
export function resultText(content: unknown): string {
  if (typeof content === 'string') return content;
  if (content === undefined || content === null) return '';
  if (!Array.isArray(content)) return toJson(content, 2);
  return content.map(partText).join('\n');
}

function partText(part: unknown): string {
  if (!isObject(part)) return typeof part === 'string' ? part : toJson(part);
  if (part['type'] === 'text' && typeof part['text'] === 'string') return part['text'];
  if (part['type'] === 'image')
    return `(a picture, ${text(member(part, 'source', 'media_type')) || 'of an unknown format'})`;
  if (part['type'] === 'tool_reference') return text(part['tool_name']);
  return toJson(part, 2);
}
