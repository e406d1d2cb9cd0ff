/** What runs, what ended, what is not whole: all attempts of the organisation, live. */
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { connection } from '../hive/feed.js';
import { useNodes } from '../hive/node-names.js';
import { session } from '../hive/session.js';
import { useOwnLocation } from '../shell/own-location.js';
import { Button } from '../ui/button.js';
import { ErrorNotice } from '../ui/error-notice.js';
import { countOf, formatCount } from '../ui/format-count.js';
import { PageLoading } from '../ui/page-loading.js';
import { usePageTitle } from '../ui/page-title.js';
import { AttemptGrid } from './attempt-grid.js';
import { attemptListOf, type AttemptList } from './attempt-list.js';
import { ConnectNode } from './connect-node.js';
import { FilterBar } from './filter-bar.js';
import { FilterTabs } from './filter-tabs.js';
import { attemptsAddress, readChoice, type Choice } from './filters.js';
import { FirstAttempt, NoMatch } from './no-attempts.js';
import './attempts-page.css';

export function AttemptsPage() {
  const { url, route } = useOwnLocation('/', '/attempts');
  const choice = useMemo(() => readChoice(url), [url]);
  const address = attemptsAddress(choice);
  const list = useMemo(() => attemptListOf(`${session.peek()?.organization.id ?? ''} ${address}`, choice), [address]);
  useEffect(() => {
    list.show();
    return () => list.hide();
  }, [list]);
  void list.version.value;
  // until the first answer, what was shown before stays
  const shown = useRef(list);
  if (list.rows || list.error.value) shown.current = list;
  const counts = list.counts.tabs.value ?? shown.current.counts.tabs.value;
  const running = counts?.by_status.running ?? 0;
  usePageTitle(running > 0 ? `(${formatCount(running)}) Attempts` : 'Attempts');
  const isNew = list.rows?.length === 0 && Object.keys(choice.filters).length === 0; // nothing to be filtered
  const choose = (next: Choice, isTyping = false) => route(attemptsAddress(next), isTyping);
  return (
    <div class="attempts">
      <h1 class="only-heard">Attempts</h1>
      {!isNew && (
        <>
          <FilterTabs choice={choice} counts={counts} />
          <FilterBar choice={choice} choose={choose} />
        </>
      )}
      <Trouble list={list} />
      <div class="attempts-list" aria-busy={shown.current !== list}>
        <News list={list} />
        <Rows
          list={shown.current}
          open={(id) => route(`/attempts/${id}`)}
          clear={() => choose({ ...choice, filters: {} })}
        />
      </div>
    </div>
  );
}

/** While no hive answers, the frame says so; what was read stays. */
function Trouble({ list }: { list: AttemptList }) {
  const error = list.error.value;
  if (!error || (list.rows && connection.value === 'away')) return null;
  return <ErrorNotice what="The attempts could not be read" error={error} retry={() => list.refresh()} />;
}

function News({ list }: { list: AttemptList }) {
  const unseen = list.unseen.value;
  return (
    <div class="attempts-news" role="status">
      {unseen > 0 && (
        <Button tone="primary" onClick={() => list.showNewest()}>
          {countOf(unseen, 'new attempt')}
        </Button>
      )}
    </div>
  );
}

interface RowsProps {
  list: AttemptList;
  open: (attemptId: string) => void;
  clear: () => void;
}

function Rows({ list, open, clear }: RowsProps) {
  const nodes = useNodes();
  void list.version.value;
  const { rows, choice } = list;
  if (!rows) return list.error.value ? null : <PageLoading what="Loading the attempts" />;
  if (rows.length > 0) return <AttemptGrid list={list} rows={rows} open={open} />;
  if (Object.keys(choice.filters).length > 0) return <NoMatch choice={choice} clear={clear} />;
  if (!nodes) return <PageLoading what="Loading the attempts" />;
  return nodes.length === 0 ? <ConnectNode /> : <FirstAttempt nodes={nodes} />;
}
