import {
  allHandlersFinished,
  condition,
  continueAsNew,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { WebhookActivities } from '../activities/webhooks/webhook-activities.js';
import { eventSignal, toWebhookQueue, type DeliveryInput } from '../backfills/definitions.js';

/** Many times what a request may take. A try whose hive has died is repeated after it. */
const TRY_TIMEOUT = '1 minute';

/**
 * Delivers what waits for one webhook of one attempt (or node), one event after the other: the next one is sent when the
 * receiver has taken the one before, or when that was given up. The database knows what waits and when it may be tried.
 */
export async function deliverWebhook(input: DeliveryInput): Promise<{ delivered: number; givenUp: number }> {
  const { webhookId, subjectId, organizationId } = input;
  const { deliverNext } = proxyActivities<WebhookActivities>({
    taskQueue: toWebhookQueue(workflowInfo().taskQueue),
    startToCloseTimeout: TRY_TIMEOUT,
    retry: { initialInterval: '1 second', maximumInterval: '1 minute' },
    priority: { fairnessKey: organizationId },
  });
  let { delivered = 0, givenUp = 0 } = input;
  let asked = 0;
  setHandler(eventSignal, () => {
    asked++;
  });
  for (;;) {
    const seen = asked;
    const { outcome, waitMs = 0 } = await deliverNext({ webhookId, subjectId });
    if (outcome === 'delivered') delivered++;
    if (outcome === 'given_up') givenUp++;
    setCurrentDetails(`${outcome.replaceAll('_', ' ')}: ${delivered} delivered, ${givenUp} given up`);
    if (workflowInfo().continueAsNewSuggested && allHandlersFinished()) {
      await continueAsNew<typeof deliverWebhook>({ webhookId, subjectId, organizationId, delivered, givenUp });
    }
    if (outcome === 'nothing_waits') {
      if (asked > seen || !allHandlersFinished()) continue;
      return { delivered, givenUp };
    }
    if (waitMs > 0) await condition(() => asked > seen, waitMs);
  }
}
