/** Works on the store that is in its place now: one that was deleted or replaced is given up for the one that follows. */
import { setTimeout as sleep } from 'node:timers/promises';
import { codeOf, messageOf } from '../errors.js';
import type { Logger } from '../log.js';
import type { Store } from '../store/open.js';

export interface FollowOptions {
  open: () => Store;
  logger: Logger;
  signal: AbortSignal;
  /** How often to look. @default 1000 */
  lookMs?: number;
}

const LOOK_MS = 1000;

/**
 * Opens the store and works on it until `signal` is aborted.
 * @param work ends soon after its signal is aborted: by `signal`, or because the store is another one now
 * @throws NodeAgentError `store` if the store can't be opened at the start
 */
export async function followStore(
  options: FollowOptions,
  work: (store: Store, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const { open, logger } = options;
  let store: Store | undefined = open();
  const machineId = store.machineId();
  while (store) {
    const { dataDir } = store;
    try {
      if (!(await workWhileInPlace(store, options, work))) return;
    } finally {
      store.close();
    }
    logger.error(
      `the store in ${dataDir} was deleted or replaced; what it had not mirrored is not in the hive. Going on with the store that is there now`,
    );
    const next = await reopen(options, machineId);
    store = next?.store;
    const identity = next?.identity ?? machineId;
    if (identity !== machineId) {
      logger.error(
        { machine_id: identity, former_machine_id: machineId },
        'the store that is there now belongs to another node, so the hive will refuse it with this key: put the former store back, or set NODE_API_KEY to the key of that node',
      );
    }
  }
}

/** @returns whether the work ended because the store was deleted or replaced */
async function workWhileInPlace(
  store: Store,
  { logger, signal, lookMs = LOOK_MS }: FollowOptions,
  work: (store: Store, signal: AbortSignal) => Promise<void>,
): Promise<boolean> {
  const replaced = new AbortController();
  const timer = setInterval(() => {
    try {
      if (store.isReplaced()) replaced.abort();
    } catch (error) {
      logger.error({ code: codeOf(error) }, `the store could not be looked at: ${messageOf(error)}`);
    }
  }, lookMs);
  try {
    await work(store, AbortSignal.any([signal, replaced.signal]));
  } finally {
    clearInterval(timer);
  }
  return replaced.signal.aborted && !signal.aborted;
}

/**
 * @param machineId the node's identity, which a store that no hive knows takes over
 * @returns the store and the identity that it has; undefined if `signal` was aborted first
 */
async function reopen(
  { open, logger, signal, lookMs = LOOK_MS }: FollowOptions,
  machineId: string,
): Promise<{ store: Store; identity: string } | undefined> {
  let said: string | undefined;
  while (!signal.aborted) {
    let store: Store | undefined;
    try {
      store = open();
      return { store, identity: store.takeIdentity(machineId) };
    } catch (error) {
      store?.close();
      if (said !== messageOf(error)) logger.error({ code: codeOf(error) }, messageOf(error));
      said = messageOf(error);
    }
    await sleep(lookMs, undefined, { signal }).catch(() => undefined); // aborted: the loop ends
  }
  return undefined;
}
