import type { Ref } from 'preact';
import { nodeName } from '../hive/node-names.js';
import { isAdmin } from '../hive/session.js';
import { Button } from '../ui/button.js';
import { CardTable, type Column } from '../ui/card-table.js';
import { Duration } from '../ui/duration.js';
import { LineBar } from '../ui/line-bar.js';
import { StateBadge } from '../ui/state-badge.js';
import { wordOf } from '../ui/states.js';
import { Time } from '../ui/time.js';
import { visible } from '../ui/visible.js';
import type { ListedBackfill } from './backfill-pages.js';
import { titleOf } from '../ui/title-of.js';

export interface BackfillTableProps {
  backfills: readonly ListedBackfill[];
  cancel: (backfill: ListedBackfill) => void;
  tableRef: Ref<HTMLTableElement>;
}

export function BackfillTable({ backfills, cancel, tableRef }: BackfillTableProps) {
  const columns: Column<ListedBackfill>[] = [
    { title: 'Attempt', width: '26%', isName: true, cell: attemptCell },
    { title: 'Outcome', width: '11%', cell: ({ outcome, status }) => <StateBadge state={outcome ?? status} /> },
    { title: 'Lines now', width: '13%', cell: linesCell },
    { title: 'Trigger', width: '8%', cell: ({ trigger }) => trigger ?? '–' },
    { title: 'Started', width: '9%', cell: ({ started_at: at }) => <Time at={at} /> },
    {
      title: 'Took',
      width: '8%',
      cell: ({ started_at: from, ended_at: to }) => <Duration from={from} to={to ?? undefined} />,
    },
    { title: 'What is wrong', cell: faultCell },
    {
      title: 'Actions',
      width: '8.5rem',
      isSilent: true,
      cell: (backfill) => <Actions backfill={backfill} cancel={cancel} />,
    },
  ];
  return (
    <CardTable
      label="Backfills"
      columns={columns}
      items={backfills}
      keyOf={({ run_id: id }) => id}
      tableRef={tableRef}
    />
  );
}

function attemptCell({ attempt, attempt_id: id, node_id: nodeId }: ListedBackfill) {
  const node = attempt?.node_name ?? (nodeId === null ? undefined : nodeName(nodeId));
  return (
    <>
      {attempt ? (
        <a class="backfills-title" data-row href={`/attempts/${id}`}>
          {titleOf(attempt, id)}
        </a>
      ) : (
        <span class="backfills-soft">{id.slice(0, 8)}, which has been deleted</span>
      )}
      {node !== undefined && <p class="backfills-soft">{visible(node)}</p>}
    </>
  );
}

function linesCell({ attempt }: ListedBackfill) {
  return attempt && <LineBar stored={attempt.lines_stored} declared={attempt.lines_declared} />;
}

/** The attempt's trouble, not the run's: once it is whole there is none. */
function faultCell({ attempt, outcome }: ListedBackfill) {
  if (!attempt) return null;
  return (
    <>
      {attempt.explanation !== null && <p>{attempt.explanation}</p>}
      {attempt.explanation === null && attempt.last_error !== null && attempt.last_error !== outcome && (
        <p>{visible(wordOf(attempt.last_error))}</p>
      )}
    </>
  );
}

function Actions({ backfill, cancel }: { backfill: ListedBackfill; cancel: (backfill: ListedBackfill) => void }) {
  const { attempt, attempt_id: id, status, workflow_url: url } = backfill;
  const name = attempt ? titleOf(attempt, id) : id;
  return (
    <div class="backfills-actions">
      {isAdmin() && status === 'running' && (
        <Button onClick={() => cancel(backfill)}>
          Cancel<span class="only-heard"> the backfill of {name}</span>
        </Button>
      )}
      {url !== null && (
        <a href={url} target="_blank" rel="noopener noreferrer nofollow">
          Temporal UI<span class="only-heard">: the backfill of {name}, in a new tab</span>
        </a>
      )}
    </div>
  );
}
