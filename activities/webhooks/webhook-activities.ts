/** Activities that send requests to webhooks; they run on a queue of their own, because receivers can be slow. */
import { deliverNext, type Delivery, type WebhookActivityDeps } from './deliver-next.js';
import { Places } from './places.js';

export type { WebhookActivityDeps } from './deliver-next.js';

export function createWebhookActivities(deps: WebhookActivityDeps) {
  const places = new Places();

  return {
    /** Delivers the first event that waits, or says when to ask again. */
    deliverNext: (subject: { webhookId: string; subjectId: string }): Promise<Delivery> =>
      deliverNext(deps, places, subject),
  };
}

export type WebhookActivities = ReturnType<typeof createWebhookActivities>;
