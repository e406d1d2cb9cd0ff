/** The workflows that the workers register, by name. */
export { backfillAttempt } from './backfill-attempt.js';
export { deliverWebhook } from './deliver-webhook.js';
export { drainNode } from './drain-node.js';
export { reconcile } from './reconcile.js';
