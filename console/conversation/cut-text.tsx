/** A text of which only the beginning is shown until somebody wants all of it. */
import { useMemo, useState } from 'preact/hooks';
import { countOf } from '../ui/format-count.js';
import { Button } from '../ui/button.js';
import { CopyButton } from '../ui/copy-button.js';
import { visibleLines } from '../ui/visible.js';
import { CutNote } from './cut-note.js';
import './cut-text.css';

export interface CutTextProps {
  text: string;
  /** What it is, for those who hear the page: `the result`. */
  what: string;
  maxLines?: number;
}

const MAX_CHARACTERS = 8000;
const MOST_CHARACTERS = 1_000_000;

/** Colours are the log's: here they would be in the way. */
// eslint-disable-next-line no-control-regex -- it is what a terminal is told colours with
const COLOURS = /\u001b\[[0-9;:]*m/g;

export function CutText({ text, what, maxLines = 24 }: CutTextProps) {
  const [isWhole, setWhole] = useState(false);
  const plain = useMemo(() => text.replace(COLOURS, ''), [text]);
  const beginning = useMemo(() => beginningOf(plain, maxLines), [plain, maxLines]);
  const isCut = beginning.length < plain.length;
  const shown = useMemo(
    () => visibleLines(isWhole ? plain.slice(0, MOST_CHARACTERS) : beginning),
    [isWhole, plain, beginning],
  );
  return (
    <div class="cut-text">
      <pre tabIndex={0} aria-label={what}>
        {shown}
      </pre>
      <div class="cut-text-buttons">
        {isCut && (
          <Button onClick={() => setWhole(!isWhole)}>{isWhole ? 'Show less' : `Show all (${sizeOf(plain)})`}</Button>
        )}
        <span class="cut-text-copy">
          <CopyButton text={plain} what={what} />
        </span>
        {isWhole && <CutNote shown={MOST_CHARACTERS} of={plain.length} noun="character" />}
      </div>
    </div>
  );
}

function beginningOf(text: string, maxLines: number): string {
  let end = -1;
  for (let line = 0; line < maxLines; line++) {
    const next = text.indexOf('\n', end + 1);
    if (next === -1) return text.slice(0, MAX_CHARACTERS);
    end = next;
  }
  // a text that ends with its last newline is whole
  return end === text.length - 1 ? text.slice(0, MAX_CHARACTERS) : text.slice(0, Math.min(end, MAX_CHARACTERS));
}

function sizeOf(text: string): string {
  let lines = 1;
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) lines++;
  return lines > 1 ? countOf(lines, 'line') : countOf(text.length, 'character');
}
