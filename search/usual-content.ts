/** A line's content without parsing the line, where it has no escape: that is most of what a regular expression costs. */

const BEFORE = ['stdout', 'stderr', 'system'].map((type) => `{"output_type":"${type}","content":"`);
const AFTER = '","timestamp":"';
const AFTER_LENGTH = '","timestamp":"0000-00-00T00:00:00.000Z"}'.length;

/** @returns the content; undefined if the line has to be parsed for it */
export function usualContent(json: string): string | undefined {
  const end = json.length - AFTER_LENGTH;
  const before = BEFORE.find((text) => json.startsWith(text));
  if (before === undefined || end < before.length || json.includes('\\')) return undefined;
  // without escapes, a content ends at the first quote
  if (json.indexOf('"', before.length) !== end || !json.startsWith(AFTER, end)) return undefined;
  return json.slice(before.length, end);
}
