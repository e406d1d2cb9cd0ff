/** What a node still owes: attempts by the state of their copy, each a link to them, and lines. */
import type { Schemas } from '../../api/client/client.js';
import { addressOf } from '../ui/address.js';
import { countOf, formatCount } from '../ui/format-count.js';
import { StateBadge } from '../ui/state-badge.js';

type IncompleteAttempts = Schemas['IncompleteAttempts'];

const STATES = ['partial', 'pending_backfill', 'unavailable'] as const satisfies (keyof IncompleteAttempts)[];

export interface IncompleteProps {
  nodeId: string;
  incomplete: IncompleteAttempts;
}

export function Incomplete({ nodeId, incomplete }: IncompleteProps) {
  const { running, lines_missing: lines } = incomplete;
  const present = STATES.filter((state) => incomplete[state] > 0);
  if (present.length === 0) return <span class="nodes-soft">nothing</span>;
  return (
    <div class="nodes-incomplete">
      {present.map((state) => (
        <a
          key={state}
          class="nodes-incomplete-link"
          href={addressOf('/attempts', { node_id: nodeId, sync_state: state })}
        >
          <StateBadge state={state} /> {formatCount(incomplete[state])}
        </a>
      ))}
      <span class="nodes-soft">
        {[
          ...(lines > 0 ? [`${countOf(lines, 'line')} missing`] : []),
          ...(running > 0 ? [`${formatCount(running)} of these run now`] : []),
        ].join(', ')}
      </span>
    </div>
  );
}
