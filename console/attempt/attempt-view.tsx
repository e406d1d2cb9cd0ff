/** The page of an attempt that has been read. */
import { useState } from 'preact/hooks';
import type { Schemas } from '../../api/client/client.js';
import { useKeys } from '../shell/keys.js';
import { AttemptFacts } from './attempt-facts.js';
import { AttemptHead } from './attempt-head.js';
import { ExecutionLog } from './execution-log.js';
import { readAddress, writeAddress, type PageAddress } from './page-address.js';
import { TimeLine } from './time-line.js';
import { WhatIsMissing } from './what-is-missing.js';

export interface AttemptViewProps {
  detail: Schemas['AttemptDetail'];
  /** Asks for the attempt again, because something was done about it. */
  again: () => void;
}

export function AttemptView({ detail, again }: AttemptViewProps) {
  const { executions } = detail;
  const [address, setAddress] = useState<PageAddress>(() => readAddress(location.search));
  const [hasDetails, setDetails] = useState(false);
  const shown = executions.find(({ id }) => id === address.executionId) ?? usualExecution(executions);

  const show = (executionId: string, view: PageAddress['view'] = address.view) => {
    writeAddress(executionId, view);
    setAddress({ executionId, view });
  };
  const step = (by: number) => {
    const next = executions[executions.findIndex(({ id }) => id === shown?.id) + by];
    if (next) show(next.id);
  };
  useKeys('Attempt', [
    { keys: 'i', does: 'show or hide all facts', run: () => setDetails(!hasDetails) },
    { keys: '[', does: 'previous execution', run: () => step(-1) },
    { keys: ']', does: 'next execution', run: () => step(1) },
  ]);
  return (
    <>
      <header class="attempt-top">
        <AttemptHead detail={detail} hasDetails={hasDetails} setDetails={setDetails} />
        {hasDetails && <AttemptFacts detail={detail} execution={shown} again={again} />}
        <WhatIsMissing detail={detail} again={again} showExecution={(id) => show(id, 'log')} />
        <TimeLine executions={executions} shownId={shown?.id} show={(id) => show(id)} />
      </header>
      <ExecutionLog detail={detail} execution={shown} view={address.view} show={show} />
    </>
  );
}

/** What runs now is shown first; then the agent's own run; then whatever ran last. */
function usualExecution(executions: readonly Schemas['Execution'][]): Schemas['Execution'] | undefined {
  const newestFirst = executions.toReversed();
  return (
    newestFirst.find(({ status }) => status === 'running') ??
    newestFirst.find(({ run_reason: reason }) => reason === 'codingagent') ??
    newestFirst[0]
  );
}
