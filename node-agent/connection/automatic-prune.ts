/** Prunes from time to time while the node is connected, as the configuration says. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { NodeConfig } from '../config.js';
import { showBytes } from '../bytes.js';
import { counted } from '../counted.js';
import { codeOf, messageOf } from '../errors.js';
import type { Logger } from '../log.js';
import type { Store } from '../store/open.js';
import { pruneStored, type PruneRule } from './prune-stored.js';

/** The first prune waits until what was recorded meanwhile has been announced. */
const FIRST_MS = 60_000;
const EVERY_MS = 60 * 60_000;

export interface AutomaticPruneOptions {
  store: Store;
  rule: PruneRule;
  hive: Pick<NodeConfig, 'hiveUrl' | 'apiKey'>;
  logger: Logger;
  signal: AbortSignal;
  /** Told what came of it, in one sentence. */
  pruned: (outcome: string) => void;
  /** @default 60000 */
  firstMs?: number;
  /** @default an hour */
  everyMs?: number;
}

/** Resolves once `signal` is aborted. A prune that fails is tried again at its next time. */
export async function pruneAutomatically(options: AutomaticPruneOptions): Promise<void> {
  const { signal, firstMs = FIRST_MS, everyMs = EVERY_MS } = options;
  for (let delay = firstMs; ; delay = everyMs) {
    await sleep(delay, undefined, { signal }).catch(() => undefined); // aborted: below
    if (signal.aborted) return;
    options.pruned(await pruneOnce(options));
  }
}

async function pruneOnce({ store, rule, hive, logger }: AutomaticPruneOptions): Promise<string> {
  try {
    const { removed, kept, usedBytes, freedBytes } = await pruneStored(store, rule, hive);
    const outcome = `${counted(removed.length, 'attempt')} removed, ${showBytes(freedBytes)} given back, ${showBytes(usedBytes)} in use`;
    logger.info({ removed: removed.length, kept: kept.length, freed_bytes: freedBytes }, `pruned: ${outcome}`);
    return outcome;
  } catch (error) {
    logger.warn({ code: codeOf(error) }, `the store could not be pruned: ${messageOf(error)}`);
    return messageOf(error);
  }
}
