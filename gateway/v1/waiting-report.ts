/** Says in the log what the hive waits for, because nothing else of a node's attempts goes on meanwhile. */
import type { Logger } from 'pino';
import { LONG_WAIT_SECONDS } from '../interface.js';
import { RepeatedErrors } from '../repeated-errors.js';
import type { Waiting } from './outstanding.js';

const LOOK_MS = 10_000;
/** Of the whole process, by node: a node that reconnects again and again is logged no more often. */
const repeated = new RepeatedErrors();

/** @returns how to end it */
export function reportWaiting(
  logger: Logger,
  nodeId: string,
  waiting: () => Waiting,
  lookMs = LOOK_MS,
): { stop(): void } {
  const timer = setInterval(() => {
    const { requests, fromBefore, oldestSeconds } = waiting();
    if ((oldestSeconds <= LONG_WAIT_SECONDS && fromBefore === 0) || !repeated.isNew(nodeId)) return;
    logger.warn(
      { nodeId, requests, fromBefore, oldestSeconds: Math.round(oldestSeconds) },
      'waiting for a node to answer earlier requests; meanwhile it gets few or no others',
    );
  }, lookMs);
  return { stop: () => clearInterval(timer) };
}
