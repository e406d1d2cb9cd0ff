/** What the demo shows of an attempt, read from the API. */
import { printable } from '../../protocol/printable.js';
import type { DemoStage } from './stage.js';

type Say = (text: string) => void;

interface Attempt {
  attempt: { title: string | null; command: string | null; status: string | null; exit_code: number | null };
  sync: { state: string; lines_declared: number; lines_stored: number };
}

interface Backfill {
  workflow_url: string | null;
  trigger: string;
  started_at: string;
  ended_at: string | null;
}

interface Logs {
  entries: { seq: number; output_type: string; content: string }[];
}

export async function showAttempt(stage: DemoStage, attemptId: string, say: Say): Promise<void> {
  const { attempt, sync } = await stage.request<Attempt>('GET', `/v1/nodes/task-attempts/${attemptId}`);
  const backfill = await stage.request<Backfill>('GET', `/v1/backfills/${attemptId}`);
  const logs = await stage.request<Logs>('GET', `/v1/swarm/attempts/${attemptId}/logs?direction=backward&limit=3`);
  const { title, command, status, exit_code: code } = attempt;
  const end = `${status ?? 'not started'}${code === null ? '' : ` (exit status ${code})`}`;
  say(`\n   ${printable(title ?? command ?? attemptId)}`);
  say(`     ended: ${end}; copy: ${sync.state}, ${sync.lines_stored} of ${sync.lines_declared} lines`);
  say(`     backfilled by trigger "${backfill.trigger}" in ${seconds(backfill)}`);
  for (const { seq, output_type: type, content } of logs.entries.toReversed()) {
    say(`     ${String(seq).padStart(6)} ${type}  ${printable(content.slice(0, 100))}`);
  }
}

export async function showLinks(stage: DemoStage, attempts: string[], say: Say): Promise<void> {
  say(`\n   API          ${stage.hiveUrl}/v1/swarm/attempts   (docs: ${stage.hiveUrl}/docs)`);
  say(`   Temporal UI  ${stage.temporalUiUrl}/namespaces/default/workflows`);
  const [first] = attempts;
  if (first !== undefined) {
    const { workflow_url: url } = await stage.request<Backfill>('GET', `/v1/backfills/${first}`);
    say(`   one backfill ${url ?? ''}`);
  }
}

/** Comes last: it is what people open. */
export async function showConsole(stage: DemoStage, say: Say, { keep }: { keep: boolean }): Promise<void> {
  const { url } = await stage.request<{ url: string }>('POST', '/v1/session/links');
  say(`\n   Console      ${url}`);
  say(
    `                ${keep ? 'signs in once, within five minutes' : 'this hive stops now: npm run demo -- --keep leaves it running'}`,
  );
}

function seconds({ started_at: start, ended_at: end }: Backfill): string {
  return end === null ? 'a moment' : `${((Date.parse(end) - Date.parse(start)) / 1000).toFixed(2)} s`;
}
