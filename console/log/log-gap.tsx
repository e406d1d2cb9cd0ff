/** Lines that are not there, in their place: which, and why. */
import type { ComponentChildren } from 'preact';
import { formatCount } from '../ui/format-count.js';
import { visible } from '../ui/visible.js';
import type { Gap, MissingLines } from './log-rows.js';

export type ExplainMissing = (missing: MissingLines) => ComponentChildren;

export function LogGap({ gap, explain }: { gap: Gap; explain: ExplainMissing | undefined }) {
  const { missing, reason } = gap;
  return (
    <div class="log-gap" data-gap={gap.from} role="note">
      {!(missing && explain && tellsWhich(gap, missing)) && <strong>{whichLines(gap)}</strong>}
      <div>{missing && explain ? explain({ ...missing, first_seq: gap.from }) : visible(reason)}</div>
    </div>
  );
}

/** Whether the explanation names these very lines, so that they need not be named twice. */
const tellsWhich = ({ from, to }: Gap, missing: MissingLines): boolean =>
  missing.first_seq === from && missing.last_seq === to;

function whichLines({ from, to, missing }: Gap): string {
  const state = missing ? 'not stored' : 'stored, but cannot be read';
  if (to === Infinity) return `After line ${formatCount(from - 1)}, lines may be missing`;
  return from === to
    ? `Line ${formatCount(from)} is ${state}`
    : `Lines ${formatCount(from)} to ${formatCount(to)} are ${state}`;
}
