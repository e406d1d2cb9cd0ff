/** Removes the lines of attempts that the hive has in full, by age and until the store is small enough. */
import type { StoredAttempt } from '../../protocol/stored-attempts.js';
import type { NodeConfig } from '../config.js';
import { counted } from '../counted.js';
import { NodeAgentError } from '../errors.js';
import { forgetAttemptAcks, idAtHive } from '../store/acknowledgements.js';
import type { Store } from '../store/open.js';
import { listPrunable, pruneAttempt, removeLeftLines, type Prunable } from '../store/prune.js';
import { giveBack, usedBytes } from '../store/space.js';
import { askStored } from './ask-stored.js';

const DAY_MS = 24 * 60 * 60 * 1000;
/** Attempts that are asked for and then removed together. */
const BATCH = 100;

/** An attempt is removed if either says so. */
export interface PruneRule {
  /** It was last changed at least this many days ago. */
  olderThanDays?: number | undefined;
  /** It is the oldest one, and the store's content is larger than this. */
  maxBytes?: number | undefined;
}

export interface Pruned {
  /** Ids of the attempts whose lines were removed. */
  removed: string[];
  /** Attempts that the hive had acknowledged as complete, but does not have like that now. */
  kept: { attempt_id: string; reason: string }[];
  /** The store's content that is left. */
  usedBytes: number;
  /** Given back to the file system. */
  freedBytes: number;
}

type HiveAccess = Pick<NodeConfig, 'hiveUrl' | 'apiKey'>;

/** @throws NodeAgentError `hive` if the hive does not answer: what was not asked about is not removed */
export async function pruneStored(store: Store, rule: PruneRule, hive: HiveAccess): Promise<Pruned> {
  const pruned: Pruned = { removed: [], kept: [], usedBytes: 0, freedBytes: 0 };
  removeLeftLines(store);
  const nodeId = idAtHive(store);
  const now = new Date();
  const cutoff = new Date(now.getTime() - (rule.olderThanDays ?? Infinity) * DAY_MS);
  const isOld = ({ updated_at: at }: Prunable) => rule.olderThanDays !== undefined && new Date(at) < cutoff;
  const isLarge = () => rule.maxBytes !== undefined && usedBytes(store) > rule.maxBytes;
  for (let after = 0; ;) {
    const large = isLarge();
    if (!large && rule.olderThanDays === undefined) break;
    const candidates = listPrunable(store, large ? now : cutoff, after, BATCH);
    if (candidates.length === 0) break;
    after = candidates.at(-1)?.key ?? after;
    const stored = await ask(hive, candidates, pruned.removed.length);
    for (const candidate of candidates) {
      if (!isOld(candidate) && !isLarge()) continue;
      const reason = whyNot(candidate, stored.get(candidate.id), nodeId);
      if (reason !== undefined) {
        forgetAttemptAcks(store, candidate.key);
        pruned.kept.push({ attempt_id: candidate.id, reason });
      } else if (pruneAttempt(store, candidate)) pruned.removed.push(candidate.id);
    }
  }
  const freedBytes = await giveBack(store);
  return { ...pruned, usedBytes: usedBytes(store), freedBytes };
}

async function ask(
  hive: HiveAccess,
  candidates: Prunable[],
  removedBefore: number,
): Promise<Map<string, StoredAttempt>> {
  if (hive.apiKey === undefined) {
    throw new NodeAgentError('config', 'NODE_API_KEY: is not set, and prune asks the hive first; nothing was removed');
  }
  try {
    return await askStored(
      hive,
      candidates.map(({ id }) => id),
    );
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
