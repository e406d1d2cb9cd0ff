/** The lines of a diff. What was added and removed is told by signs, not by colour alone. */
import { useMemo, useState } from 'preact/hooks';
import { Button } from '../ui/button.js';
import { countOf } from '../ui/format-count.js';
import { visible } from '../ui/visible.js';
import { CutNote } from './cut-note.js';
import { countChanges, type DiffLine } from './edit-diff.js';
import './diff-view.css';

const FEW_LINES = 40;
const MOST_LINES = 5000;
const MAX_LINE = 2000;
const SIGNS: Record<DiffLine['kind'], string> = { same: ' ', added: '+', removed: '-', hunk: '' };

export function DiffView({ path, lines }: { path: string; lines: readonly DiffLine[] }) {
  const [isWhole, setWhole] = useState(false);
  const { added, removed } = useMemo(() => countChanges(lines), [lines]);
  const shown = lines.slice(0, isWhole ? MOST_LINES : FEW_LINES);
  return (
    <figure class="diff-view">
      <figcaption>
        <span class="diff-view-path">{visible(path)}</span>
        <span class="diff-view-count">
          +{added} −{removed}
          <span class="only-heard"> lines added and removed</span>
        </span>
      </figcaption>
      <pre tabIndex={0} aria-label={`Changes of ${visible(path)}`}>
        {shown.map((line, index) => (
          <span key={index} class={`diff-view-line diff-view-${line.kind}`}>
            <span class="diff-view-sign">{SIGNS[line.kind]}</span>
            {visible(line.text.slice(0, MAX_LINE))}
            {line.text.length > MAX_LINE && '…'}
            {'\n'}
          </span>
        ))}
      </pre>
      {lines.length > FEW_LINES && (
        <Button onClick={() => setWhole(!isWhole)}>
          {isWhole ? 'Show less' : `Show all (${countOf(lines.length, 'line')})`}
        </Button>
      )}
      {isWhole && <CutNote shown={MOST_LINES} of={lines.length} noun="line" />}
    </figure>
  );
}
