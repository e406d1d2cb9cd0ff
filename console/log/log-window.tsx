/** An open log on the page: tool bar, search, rows, and what is told of them. */
import { useSignal } from '@preact/signals';
import { useEffect, useRef, useState } from 'preact/hooks';
import { errorWords } from '../ui/error-words.js';
import { formatCount } from '../ui/format-count.js';
import type { OutputType } from './log-requests.js';
import { change, settings } from './log-settings.js';
import { LogScroller } from './log-scroller.js';
import type { LogSearch, SearchQuery } from './log-search.js';
import { LogToolbar, type Execution } from './log-toolbar.js';
import type { LogViewProps } from './log-view-props.js';
import { MatchMap } from './match-map.js';
import type { OpenLog } from './open-log.js';
import { drawRows } from './draw-rows.js';
import { SearchBar } from './search-bar.js';
import { statusWords } from './status-words.js';
import { useCopying } from './use-copying.js';
import { useLogKeys } from './use-log-keys.js';
import { useMarkedLines } from './use-marked-lines.js';
import { useToggledLines } from './use-toggled-lines.js';
import './log-colors.css';
import './log-window.css';

export interface LogWindowProps extends LogViewProps {
  log: OpenLog;
  search: LogSearch;
  execution: Execution | undefined;
  outputType: OutputType | undefined;
  onOutputType: (type: OutputType | undefined) => void;
}

/** How long something that was done is told. */
const SAID_MS = 4000;

export function LogWindow({ log, search, execution, outputType, onOutputType, ...page }: LogWindowProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const goToField = useRef<HTMLInputElement>(null);
  const searchField = useRef<HTMLInputElement>(null);
  const [isSearchOpen, setSearchOpen] = useState(false);
  const [query, setQuery] = useState<SearchQuery>({ text: '', isRegex: false, ignoresCase: true });
  const which = `${log.log.executionId}/${execution?.log_epoch}`;
  const [opened, openJson] = useToggledLines(which);
  const [whole, showWhole] = useToggledLines(which);
  const said = useSignal('');
  const say = (what: string): void => void (said.value = what);
  const marking = useMarkedLines(log);
  const copying = useCopying(log, scroller, say);
  const { isWrapped, times } = settings.value;

  useEffect(() => {
    const timer = setTimeout(() => say(''), SAID_MS);
    return () => clearTimeout(timer);
  }, [said.value]);
  const current = search.currentLine;
  useEffect(() => {
    if (current !== undefined) log.show(current, 'seen');
  }, [current]);
  const step = (by: 1 | -1): void => {
    search.step(by);
    const { currentLine } = search;
    if (currentLine !== undefined) log.show(currentLine, 'seen'); // also the only one, from which somebody scrolled away
  };

  const endSearch = (): void => {
    search.stop();
    setSearchOpen(false);
    scroller.current?.focus({ preventScroll: true });
  };
  const openSearch = (): void => {
    setSearchOpen(true);
    searchField.current?.select(); // if it is open already
  };
  const goTo = (line: number): void => {
    const there = Math.min(line, Math.max(1, log.rows.end));
    marking.mark(there, false);
    log.show(there);
    scroller.current?.focus({ preventScroll: true });
    say(`line ${formatCount(there)}`);
  };
  useLogKeys({
    log,
    marking,
    search: openSearch,
    step,
    close: () => (isSearchOpen ? endSearch() : marking.unmark()),
    copy: (range) => void copying.copy(range),
    openJson,
    wrap: () => change({ isWrapped: !settings.peek().isWrapped }),
    nextOutput: () => onOutputType(nextOutput(outputType)),
    goTo: () => goToField.current?.focus(),
  });
  const clicked = (event: MouseEvent): void => {
    const target = event.target instanceof Element ? event.target : undefined;
    const seq = Number(target?.closest<HTMLElement>('[data-line]')?.dataset['line']);
    if (target?.closest('.log-number') && !event.ctrlKey && !event.metaKey) {
      event.preventDefault(); // a click with Ctrl opens the address elsewhere
      event.stopPropagation();
      marking.mark(seq, event.shiftKey);
    } else if (target?.closest('.log-open')) openJson(seq);
    else if (target?.closest('.log-more')) showWhole(seq);
  };

  const draw = drawRows({
    log,
    search,
    opened,
    whole,
    marked: log.marked.value,
    pinned: copying.pinned.value,
    times,
    startedAt: execution?.started_at ?? '',
    explain: page.explainMissing,
  });
  return (
    <section class="log-window" aria-label="Log of the execution">
      <LogToolbar
        {...{ log, outputType, onOutputType, goToField, goTo }}
        executions={page.executions}
        onExecution={page.onExecution}
        search={openSearch}
      >
        {page.tools}
      </LogToolbar>
      {isSearchOpen && (
        <SearchBar
          {...{ search, query, setQuery }}
          field={searchField}
          near={() => log.screen.anchor.key}
          step={step}
          close={endSearch}
        />
      )}
      <div class="log-body" onClick={clicked}>
        <LogScroller log={log} element={scroller} draw={draw} isWrapped={isWrapped} />
        {search.state.value.query && <MatchMap log={log} search={search} />}
        <Nothing log={log} outputType={outputType} />
      </div>
      <LogStatus log={log} said={said.value} />
    </section>
  );
}

function nextOutput(type: OutputType | undefined): OutputType | undefined {
  if (type === undefined) return 'stdout';
  return type === 'stdout' ? 'stderr' : undefined;
}

/** A log without lines says what it waits for. */
function Nothing({ log, outputType }: { log: OpenLog; outputType: OutputType | undefined }) {
  const isEmpty = log.changes.value >= 0 && log.rows.count === 0;
  if (!isEmpty) return null;
  const what = outputType ? `${outputType} lines` : 'lines';
  const text = !log.isRead.value
    ? 'Reading the log…'
    : log.live.value === 'ended'
      ? `This execution printed no ${what}.`
      : `No ${what} yet. They are shown as they come.`;
  return <p class="log-nothing">{log.error.value && !log.isRead.value ? errorWords(log.error.value) : text}</p>;
}

/** The only part that is read aloud by itself. */
function LogStatus({ log, said }: { log: OpenLog; said: string }) {
  const error = log.error.value;
  const isAway = log.live.value === 'away';
  return (
    <div class={error || isAway ? 'log-status log-status-bad' : 'log-status'} role="status">
      {statusWords(error, isAway, said)}
    </div>
  );
}
