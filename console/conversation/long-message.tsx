/** A message, of which only the beginning is shown if it is very long. */
import { useState } from 'preact/hooks';
import { Button } from '../ui/button.js';
import { countOf } from '../ui/format-count.js';
import { CutNote } from './cut-note.js';
import { Markdown, MAX_MARKDOWN } from './markdown.js';

const MOST = 500_000;

export function LongMessage({ text }: { text: string }) {
  const [isWhole, setWhole] = useState(false);
  if (text.length <= MAX_MARKDOWN) return <Markdown text={text} />;
  return (
    <>
      <Markdown text={isWhole ? text.slice(0, MOST) : beginningOf(text)} />
      <Button onClick={() => setWhole(!isWhole)}>
        {isWhole ? 'Show less' : `Show all (${countOf(text.length, 'character')})`}
      </Button>
      {isWhole && <CutNote shown={MOST} of={text.length} noun="character" />}
    </>
  );
}

/** Cut between lines, if there are any. */
function beginningOf(text: string): string {
  const end = text.lastIndexOf('\n', MAX_MARKDOWN);
  return text.slice(0, end > MAX_MARKDOWN / 2 ? end : MAX_MARKDOWN);
}
