/** What closes the gaps: the backfills that run, and those that have ended, as Temporal knows them. */
import { useMemo, useRef, useState } from 'preact/hooks';
import { HiveApiError } from '../../api/client/client.js';
import { useNodes } from '../hive/node-names.js';
import { usePolling } from '../hive/poll.js';
import { useRequest } from '../hive/request.js';
import { useOwnLocation } from '../shell/own-location.js';
import { addressOf } from '../ui/address.js';
import { Button } from '../ui/button.js';
import { EmptyState } from '../ui/empty-state.js';
import { isAway } from '../ui/error-words.js';
import { ErrorNotice } from '../ui/error-notice.js';
import { FilterChip } from '../ui/filter-chip.js';
import { countOf } from '../ui/format-count.js';
import { PageHead } from '../ui/page-head.js';
import { usePageTitle } from '../ui/page-title.js';
import { PageLoading } from '../ui/page-loading.js';
import { useRowKeys } from '../ui/use-row-keys.js';
import { filtersOf, readBackfills, type BackfillFilters, type ListedBackfill } from './backfill-pages.js';
import { BackfillFields } from './backfill-fields.js';
import { BackfillTable } from './backfill-table.js';
import { CancelBackfill } from './cancel-backfill.js';
import { TemporalAway } from './temporal-away.js';
import './backfills-page.css';

/** Temporal's list lags by about a second itself. */
const POLL_MS = 2000;

export function BackfillsPage() {
  const { query, route } = useOwnLocation('/backfills');
  const filters = filtersOf(query);
  const { status, node_id: nodeId, attempt_id: attemptId } = filters;
  // new with the filters, before they are asked for
  const pages = useMemo(() => ({ shown: 1 }), [status, nodeId, attemptId]);
  const [toCancel, setToCancel] = useState<ListedBackfill>();
  const table = useRef<HTMLTableElement>(null);
  useNodes();
  usePageTitle('Backfills');
  useRowKeys('Backfills', table, 'backfill');
  const asking = useRequest(
    (signal) => readBackfills({ status, node_id: nodeId, attempt_id: attemptId }, pages.shown, signal),
    [status, nodeId, attemptId],
  );
  usePolling(() => asking.again(), POLL_MS * pages.shown);
  const { answer: listing, error, isLoading } = asking.state.value;
  const retry = () => asking.again();
  const filterBy = (changed: Partial<BackfillFilters>) => route(addressOf('/backfills', { ...filters, ...changed }));
  const isFiltered = [status, nodeId, attemptId].some((filter) => filter !== undefined);
  const isTemporalAway = error instanceof HiveApiError && error.code === 'temporal_unavailable';

  return (
    <div class="page">
      <PageHead title="Backfills" summary={listing && summaryOf(listing.backfills, listing.hasMore)}>
        <BackfillFields filters={filters} filterBy={filterBy} />
      </PageHead>
      {attemptId !== undefined && (
        <div class="backfills-chips">
          <FilterChip name="Attempt" value={attemptId} remove={() => filterBy({ attempt_id: undefined })} />
        </div>
      )}
      {isTemporalAway && <TemporalAway shownSince={listing?.at} retry={retry} />}
      {error && !isTemporalAway && !(listing && isAway(error)) && (
        <ErrorNotice what="The backfills could not be read" error={error} retry={retry} />
      )}
      {!listing && !error && <PageLoading what="Reading the backfills" />}
      {listing?.backfills.length === 0 && !error && <NoBackfills isFiltered={isFiltered} />}
      {listing && listing.backfills.length > 0 && (
        <BackfillTable backfills={listing.backfills} cancel={setToCancel} tableRef={table} />
      )}
      {listing?.hasMore === true && (
        <p>
          <Button
            isBusy={isLoading && listing.pages < pages.shown}
            onClick={() => {
              pages.shown++;
              asking.again();
            }}
          >
            Show older ones
          </Button>
        </p>
      )}
      {toCancel && (
        <CancelBackfill
          backfill={toCancel}
          close={() => {
            setToCancel(undefined);
            asking.again();
          }}
        />
      )}
    </div>
  );
}

function summaryOf(backfills: readonly ListedBackfill[], hasMore: boolean): string {
  if (backfills.length === 0) return '';
  const running = backfills.filter(({ status }) => status === 'running').length;
  return `the newest ${countOf(backfills.length, 'backfill')}${hasMore ? '' : ', all that Temporal keeps'}; ${running === 0 ? 'none' : running} of them running`;
}

function NoBackfills({ isFiltered }: { isFiltered: boolean }) {
  if (isFiltered) {
    return (
      <EmptyState title="No backfill matches">
        <p>
          Temporal keeps backfills for its retention period only. <a href="/backfills">Show all that there are</a>
        </p>
      </EmptyState>
    );
  }
  return (
    <EmptyState title="No backfills yet">
      <p>
        Lines of running attempts arrive by themselves. When the hive finds that its copy of an attempt has a gap, for
        example after a node was away, it starts a backfill: that pulls what is missing from the node, and is listed
        here.
      </p>
    </EmptyState>
  );
}
