/** The list of attempts: only the rows that are seen are drawn, whatever there is above and below them. */
import { useEffect, useLayoutEffect, useReducer, useRef, useState } from 'preact/hooks';
import { nodeName } from '../hive/node-names.js';
import { useKeys } from '../shell/keys.js';
import { formatCount } from '../ui/format-count.js';
import { AttemptRow, rowId } from './attempt-row.js';
import type { AttemptList } from './attempt-list.js';
import { moved, type Move } from './moves.js';
import { rowHeight } from './narrow.js';
import type { RowList } from './row-list.js';
import { drawnRange, reachableRows, scrollTopFor, type Range, type Viewport } from './window.js';
import './attempt-grid.css';

export interface AttemptGridProps {
  list: AttemptList;
  rows: RowList;
  open: (attemptId: string) => void;
}

/** Whoever moved the pointer or a key over the list just now is about to click or to read. */
const STILL_READING_MS = 3000;
const SETTLE_MS = 1000;

const COLUMNS = ['status', 'title', 'node', 'executor', 'branch', 'sync', 'lines', 'started', 'duration'] as const;
const HEADINGS: Record<(typeof COLUMNS)[number], string> = {
  status: 'Status',
  title: 'Attempt',
  node: 'Node',
  executor: 'Executor',
  branch: 'Branch',
  sync: 'Hive’s copy',
  lines: 'Lines stored',
  started: 'Started',
  duration: 'Duration',
};

export function AttemptGrid({ list, rows, open }: AttemptGridProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const headings = useRef<HTMLDivElement>(null);
  const movedAt = useRef(-Infinity);
  const drawn = useRef<Range>({ first: 0, last: -1 });
  const [height, setHeight] = useState(0);
  const [, drawAgain] = useReducer((count: number) => count + 1, 0);
  void list.version.value; // drawn anew when rows change

  const view = (): Viewport => ({
    scrollTop: list.scrollTop,
    height,
    rowHeight: rowHeight(),
    length: reachableRows(rows.length, rowHeight()),
  });
  drawn.current = drawnRange(view());
  const { first, last } = drawn.current;
  const current = list.current.value;

  const scrolled = (): void => {
    const top = scroller.current?.scrollTop ?? 0;
    if (top !== list.scrollTop) list.wantsOldest = false; // what the page scrolls itself is known already
    list.scrollTop = top;
    const next = drawnRange(view());
    if (next.first !== drawn.current.first || next.last !== drawn.current.last) drawAgain(0);
  };
  const goTo = (by: Move): void => {
    const index = moved(by, list.current.peek()?.index, view());
    if (index === undefined) return;
    list.current.value = { index, id: rows.at(index)?.id };
    scroller.current?.scrollTo({ top: scrollTopFor(index, view()) });
    scrolled();
    list.wantsOldest = by === 'last';
  };
  const move = (by: Move): void => {
    movedAt.current = performance.now();
    goTo(by);
  };
  const openCurrent = (): void => {
    const id = list.current.peek()?.id;
    if (id !== undefined && !rows.isDeleted(id)) open(id);
  };

  useKeys('Attempts', [
    { keys: 'j', does: 'next attempt', run: () => move('next') },
    { keys: 'k', does: 'previous attempt', run: () => move('previous') },
    { keys: 'Enter', does: 'open the attempt', run: openCurrent },
    { keys: 'g g', does: 'newest attempt', run: () => move('first') },
    { keys: 'G', does: 'oldest attempt', run: () => move('last') },
  ]);
  useSize(scroller, headings, setHeight);
  useLayoutEffect(() => scroller.current?.scrollTo({ top: list.scrollTop }), [list, rows]);
  const isTotalKnown = list.counts.total.value !== undefined; // before, each page that is read makes the list a little longer
  useLayoutEffect(() => {
    if (list.wantsOldest && isTotalKnown) goTo('last');
  }, [list, rows, view().length, isTotalKnown]);
  useEffect(() => list.want({ first, last }), [list, rows, first, last]);
  useEffect(() => {
    list.isReading = () => list.scrollTop > 0 || performance.now() - movedAt.current < STILL_READING_MS;
    const timer = setInterval(() => list.settle(), SETTLE_MS);
    return () => clearInterval(timer);
  }, [list]);

  const indexes = Array.from({ length: last - first + 1 }, (_, offset) => first + offset);
  const { rowHeight: pixels, length } = view();
  return (
    <div
      ref={scroller}
      class="attempt-grid"
      role="grid"
      aria-label="Attempts"
      aria-rowcount={rows.length + 1}
      aria-readonly="true"
      aria-activedescendant={
        current && current.index >= first && current.index <= last ? rowId(current.index) : undefined
      }
      tabIndex={0}
      onScroll={scrolled}
      onPointerMove={() => (movedAt.current = performance.now())}
      onClick={(event) => {
        const id = clickedAttempt(event);
        if (id !== undefined) open(id);
      }}
      onKeyDown={(event) => {
        const by = MOVES[event.key];
        if (by === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
        event.preventDefault();
        move(by);
      }}
    >
      <div ref={headings} role="rowgroup" class="attempt-grid-headings">
        <div role="row" class="attempt-row" aria-rowindex={1}>
          {COLUMNS.map((column) => (
            <span key={column} role="columnheader" class={`attempt-row-${column}`}>
              {HEADINGS[column]}
            </span>
          ))}
        </div>
      </div>
      <div role="presentation" class="attempt-grid-all" style={{ height: `${length * pixels}px` }}>
        <div role="rowgroup" class="attempt-grid-drawn" style={{ transform: `translateY(${first * pixels}px)` }}>
          {indexes.map((index) => {
            const attempt = rows.at(index);
            return (
              <AttemptRow
                key={index}
                index={index}
                attempt={attempt}
                nodeName={attempt ? nodeName(attempt.node_id) : ''}
                isCurrent={current?.index === index}
                isDeleted={attempt !== undefined && rows.isDeleted(attempt.id)}
              />
            );
          })}
        </div>
      </div>
      {length < rows.length && (
        <div role="rowgroup">
          <div role="row" class="attempt-grid-end">
            <span role="gridcell">
              The list ends here, after {formatCount(length)} of {formatCount(rows.length)} attempts: filters find older
              ones.
            </span>
          </div>
        </div>
      )}
    </div>
  );
}

const MOVES: Readonly<Record<string, Move | undefined>> = {
  ArrowDown: 'next',
  ArrowUp: 'previous',
  PageDown: 'pageDown',
  PageUp: 'pageUp',
  Home: 'first',
  End: 'last',
};

/** @returns whose row was clicked, unless a link does it, or somebody has marked text */
function clickedAttempt({ target }: MouseEvent): string | undefined {
  if (!(target instanceof Element) || target.closest('a') || getSelection()?.type === 'Range') return undefined;
  return target.closest<HTMLElement>('[data-attempt]')?.dataset['attempt'];
}

/** Tells how high the part is in which rows are seen. */
function useSize(
  scroller: { current: HTMLElement | null },
  headings: { current: HTMLElement | null },
  tell: (height: number) => void,
): void {
  useLayoutEffect(() => {
    const element = scroller.current;
    if (!element) return undefined;
    const measure = (): void => tell(element.clientHeight - (headings.current?.offsetHeight ?? 0));
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    measure();
    return () => observer.disconnect();
  }, []);
}
