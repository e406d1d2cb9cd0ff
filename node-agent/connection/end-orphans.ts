import { codeOf, messageOf } from '../errors.js';
import type { Logger } from '../log.js';
import type { Store } from '../store/open.js';
import { endOrphans } from '../store/orphans.js';

/** Ends executions whose recorder is gone; logs those that can't be ended at the moment. @returns the ids of those ended */
export function endOrphansOrLog(store: Store, logger: Logger): string[] {
  return endOrphans(store, (executionId, error) => {
    const message = `an execution whose recorder is gone could not be ended: ${messageOf(error)}`;
    logger.error({ execution_id: executionId, code: codeOf(error) }, message);
  });
}
