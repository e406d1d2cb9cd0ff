/** Makes the rows' elements from what is known and chosen. */
import type { Line } from './line.js';
import { LogGap, type ExplainMissing } from './log-gap.js';
import { LogRow } from './log-row.js';
import type { Row } from './log-rows.js';
import type { LogSearch } from './log-search.js';
import type { OpenLog } from './open-log.js';
import { formatLines, type LineRange } from './permalink.js';
import { formatTime, type TimeStyle } from './timestamps.js';

export interface Drawing {
  log: OpenLog;
  search: LogSearch;
  opened: ReadonlySet<number>;
  whole: ReadonlySet<number>;
  marked: LineRange | undefined;
  /** Lines that are kept for a selection, wherever they are. */
  pinned: readonly Line[];
  times: TimeStyle;
  startedAt: string;
  explain: ExplainMissing | undefined;
}

export function drawRows(drawing: Drawing) {
  const { log, pinned, explain } = drawing;
  return (rows: readonly Row[]) => {
    const [first, last] = [rows[0]?.key ?? 0, rows.at(-1)?.to ?? 0];
    const line = drawLine(drawing);
    let before: Line | undefined = lineBefore(log, rows[0]);
    const shown = rows.map((row) => {
      if (row.kind === 'gap') return <LogGap key={`gap ${row.key}`} gap={row.gap} explain={explain} />;
      if (row.kind === 'unknown') return <UnknownRow key={row.key} seq={row.key} isOne={row.key === row.to} />;
      const element = line(row.line, before, false);
      before = row.line;
      return element;
    });
    const above = pinned.filter(({ seq }) => seq < first).map((one) => line(one, undefined, true));
    const below = pinned.filter(({ seq }) => seq > last).map((one) => line(one, undefined, true));
    return [...above, ...shown, ...below];
  };
}

function drawLine({ log, search, opened, whole, marked, times, startedAt }: Drawing) {
  const { value: query } = search.state;
  const current = search.currentLine;
  return (line: Line, before: Line | undefined, isPinned: boolean) => (
    <LogRow
      key={line.seq}
      line={line}
      entry={log.styleBefore(line)}
      time={formatTime(times, line.at, { startedAt, before: before?.at })}
      isMarked={marked !== undefined && line.seq >= marked.first && line.seq <= marked.last}
      isContinued={before?.isPartial === true && before.type === line.type}
      isOpened={opened.has(line.seq)}
      isWhole={whole.has(line.seq)}
      matches={query.query && search.rangesOf(line.seq)}
      isCurrentMatch={current === line.seq}
      isPinned={isPinned}
      address={`?execution=${log.log.executionId}${formatLines({ first: line.seq, last: line.seq })}`}
    />
  );
}

function lineBefore({ rows }: OpenLog, first: Row | undefined): Line | undefined {
  const row = first && rows.before(first);
  return row?.kind === 'line' ? row.line : undefined;
}

/** It has its number, and soon its text. */
function UnknownRow({ seq, isOne }: { seq: number; isOne: boolean }) {
  return (
    <div class="log-row log-unknown" data-gap={seq} aria-busy="true">
      <div class="log-gutter">
        <span class="log-number">{isOne ? seq : ''}</span>
      </div>
      <span class="log-loading">…</span>
    </div>
  );
}
