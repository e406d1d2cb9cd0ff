/** What an attempt is, in the two or three lines that are always seen. */
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { money, tokens } from '../conversation/amounts.js';
import type { Schemas } from '../../api/client/client.js';
import { isAdmin } from '../hive/session.js';
import { Button } from '../ui/button.js';
import { Duration } from '../ui/duration.js';
import { formatCount, countOf } from '../ui/format-count.js';
import { StateBadge } from '../ui/state-badge.js';
import { Time } from '../ui/time.js';
import { titleOf } from '../ui/title-of.js';
import { visible } from '../ui/visible.js';
import { DeleteDialog } from './delete-dialog.js';
import { spanOf } from './span.js';

export interface AttemptHeadProps {
  detail: Schemas['AttemptDetail'];
  hasDetails: boolean;
  setDetails: (hasDetails: boolean) => void;
}

export function AttemptHead({ detail, hasDetails, setDetails }: AttemptHeadProps) {
  const { attempt, node_info: node, sync, masked } = detail;
  const [isDeleting, setDeleting] = useState(false);
  const { from, to } = spanOf(detail);
  const label = titleOf(attempt, attempt.id);
  return (
    <>
      <div class="attempt-title">
        <h1 title={label}>{label}</h1>
        <StateBadge state={attempt.status} exitCode={attempt.exit_code} kind="Status" />
        <StateBadge state={sync.state} kind="Hive’s copy" title={sync.next.sentence} />
        <span class="attempt-buttons">
          <Button
            onClick={() => setDetails(!hasDetails)}
            title="All facts (i)"
            expanded={hasDetails}
            controls="attempt-facts"
          >
            All facts
          </Button>
          {isAdmin() && (
            <Button tone="danger" onClick={() => setDeleting(true)}>
              Delete…
            </Button>
          )}
        </span>
      </div>
      <ul class="attempt-summary" aria-label="Facts">
        <Fact name="Node">
          {visible(node.name)} <StateBadge state={node.status} />{' '}
          {node.since !== null && (
            <span class="attempt-soft">
              {node.status === 'offline' ? 'disconnected' : 'connected'} <Time at={node.since} />
            </span>
          )}
        </Fact>
        <Fact name="Executor">
          {visible(attempt.executor)}
          {attempt.executor_variant !== null && ` (${visible(attempt.executor_variant)})`}
        </Fact>
        {attempt.branch !== '' && <Fact name="Branch">{visible(attempt.branch)}</Fact>}
        {from !== null && (
          <Fact name="Started">
            <Time at={from} />, {to === undefined ? 'running for' : 'took'} <Duration from={from} to={to} />
          </Fact>
        )}
        <AgentFacts summary={attempt.summary} />
        {masked > 0 && <Fact name="Masked">{countOf(masked, 'secret value')}</Fact>}
      </ul>
      {isDeleting && <DeleteDialog detail={detail} close={() => setDeleting(false)} />}
    </>
  );
}

/** What the agent itself told: its model, and what it has cost so far. */
function AgentFacts({ summary }: { summary: Schemas['Attempt']['summary'] }) {
  if (!summary) return null;
  const { model, cost_usd: cost, turns, input_tokens: input, output_tokens: output } = summary;
  const [price, used] = [money(cost), tokens([input], [output])];
  return (
    <>
      {model != null && <Fact name="Model">{visible(model)}</Fact>}
      {price !== undefined && <Fact name="Cost">{price}</Fact>}
      {turns != null && <Fact name="Turns">{formatCount(turns)}</Fact>}
      {used !== undefined && <Fact name="Tokens">{used}</Fact>}
    </>
  );
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <li>
      <span class="attempt-soft">{name}</span> {children}
    </li>
  );
}
