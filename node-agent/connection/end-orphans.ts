import { codeOf, isDamage, messageOf } from '../errors.js';
import type { Logger } from '../log.js';
import type { Store } from '../store/open.js';
import { endOrphans } from '../store/orphans.js';

/**
 * Ends executions whose recorder is gone; logs those that can't be ended at the moment. If the store is too damaged for
 * it, it is set aside, and a new one takes its place.
 * @returns the ids of those ended
 */
export function endOrphansOrLog(store: Store, logger: Logger): string[] {
  let damage: unknown;
  const ended = endOrphans(store, (executionId, error) => {
    if (isDamage(error)) damage = error;
    const message = `an execution whose recorder is gone could not be ended: ${messageOf(error)}`;
    logger.error({ execution_id: executionId, code: codeOf(error) }, message);
  });
  if (damage !== undefined) store.setAside(damage, (sentence) => logger.error(sentence));
  return ended;
}
