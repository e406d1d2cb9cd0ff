import { Command } from 'commander';
import type { StoredAttempt } from '../../protocol/stored-attempts.js';
import { readConfig } from '../config.js';
import { askStored } from '../connection/ask-stored.js';
import { counted } from '../counted.js';
import { NodeAgentError } from '../errors.js';
import { forgetAttemptAcks, idAtHive } from '../store/acknowledgements.js';
import type { Store } from '../store/open.js';
import { listPrunable, pruneAttempt, type Prunable } from '../store/prune.js';
import { countOption } from './options.js';
import { print } from './print.js';
import { withStore } from './with-store.js';

const DAY_MS = 24 * 60 * 60 * 1000;
/** Attempts that are asked for and then removed together. */
const BATCH = 1000;

export function pruneCommand(): Command {
  return new Command('prune')
    .description('Remove the lines of attempts that the hive has in full. The hive is asked about each of them first.')
    .requiredOption(
      '--older-than <days>',
      'only attempts last changed at least this many days ago; 0 for all',
      daysOption,
    )
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nNeeds HIVE_URL and NODE_API_KEY. If the hive does not answer, nothing is removed.')
    .action((options: { olderThan: number; json?: boolean }) =>
      withStore(async (store) => {
        const { removed, kept } = await pruneAsked(store, new Date(new Date().getTime() - options.olderThan * DAY_MS));
        if (options.json) return print([JSON.stringify({ removed, kept })]);
        return print([
          ...removed.map((id) => `removed ${id}`),
          ...kept.map(({ attempt_id: id, reason }) => `kept ${id}: ${reason}; it is announced again`),
          `${counted(removed.length, 'attempt')} removed`,
        ]);
      }),
    );
}

interface Pruned {
  /** Ids of the attempts whose lines were removed. */
  removed: string[];
  /** Attempts that the hive had acknowledged as complete, but does not have like that now. */
  kept: { attempt_id: string; reason: string }[];
}

/** @throws NodeAgentError `hive` if the hive does not answer: what was not asked about is not removed */
async function pruneAsked(store: Store, before: Date): Promise<Pruned> {
  const pruned: Pruned = { removed: [], kept: [] };
  const nodeId = idAtHive(store);
  for (let after = 0; ;) {
    const candidates = listPrunable(store, before, after, BATCH);
    if (candidates.length === 0) return pruned;
    after = candidates.at(-1)?.key ?? after;
    const stored = await ask(candidates, pruned.removed.length);
    for (const candidate of candidates) {
      const reason = whyNot(candidate, stored.get(candidate.id), nodeId);
      if (reason !== undefined) {
        forgetAttemptAcks(store, candidate.key);
        pruned.kept.push({ attempt_id: candidate.id, reason });
      } else if (pruneAttempt(store, candidate)) pruned.removed.push(candidate.id);
    }
  }
}

async function ask(candidates: Prunable[], removedBefore: number): Promise<Map<string, StoredAttempt>> {
  const config = readConfig();
  if (config.apiKey === undefined) {
    throw new NodeAgentError('config', 'NODE_API_KEY: is not set, and prune asks the hive first; nothing was removed');
  }
  try {
    const ids = candidates.map(({ id }) => id);
    return await askStored(config, ids);
  } catch (error) {
    if (!(error instanceof NodeAgentError)) throw error;
    const removed = removedBefore === 0 ? 'nothing was removed' : `only ${counted(removedBefore, 'attempt')} removed`;
    throw new NodeAgentError('hive', `${error.message}; ${removed}`, { cause: error });
  }
}

/** @returns why the attempt must stay; undefined if the hive has all of it */
function whyNot(node: Prunable, hive: StoredAttempt | undefined, nodeId: string | null): string | undefined {
  if (!hive) return 'the hive does not have it';
  if (hive.node_id !== nodeId) return 'the hive has it from another node';
  if (hive.sync_state !== 'complete') return `the hive has it as ${hive.sync_state}`;
  if (hive.revision !== node.revision) return 'the hive has another revision of it';
  if (hive.executions !== node.executions) return `the hive has ${hive.executions} of ${node.executions} executions`;
  if (hive.lines_stored !== node.lines) return `the hive has ${hive.lines_stored} of ${node.lines} lines`;
  return undefined;
}

function daysOption(value: string): number {
  return value === '0' ? 0 : countOption(value);
}
