import { expect, test } from '@jest/globals';
import { createGatewayActivities, type GatewayActivityDeps } from '../activities/gateway-activities.js';
import { createHiveActivities, type HiveActivityDeps } from '../activities/hive-activities.js';
import { createWebhookActivities, type WebhookActivityDeps } from '../activities/webhooks/webhook-activities.js';
import { QUEUE_VERSION, toCurrentQueue } from '../backfills/definitions.js';
import * as workflows from './index.js';

/**
 * What each version of the queue knows. If this test fails because a type is new or gone, and the newest version here
 * has been released, raise QUEUE_VERSION and add a line; otherwise change the newest line.
 */
const TYPES: Record<number, string> = {
  1: 'compactLogs drainConnectedNodes drainStep locateNode mirrorAttempt resetStaleBackfills settleAttempt backfillAttempt drainNode reconcile',
  2: 'compactLogs deliverNext drainConnectedNodes drainStep indexLogs locateNode mirrorAttempt resetStaleBackfills settleAttempt tendWebhooks backfillAttempt deliverWebhook drainNode reconcile',
};

test('a type of workflow or activity that is new or gone raises the version of the queue', () => {
  const activities = [
    ...Object.keys(createHiveActivities({} as HiveActivityDeps)),
    ...Object.keys(createGatewayActivities({} as GatewayActivityDeps)),
    ...Object.keys(createWebhookActivities({} as WebhookActivityDeps)),
  ];
  const types = [...activities.sort(), ...Object.keys(workflows).sort()].join(' ');
  expect({ [QUEUE_VERSION]: types }).toEqual({ [QUEUE_VERSION]: TYPES[QUEUE_VERSION] });
  expect(Math.max(...Object.keys(TYPES).map(Number))).toBe(QUEUE_VERSION);
});

test('a workflow of any version asks for what comes next on the queue of this version', () => {
  const current = `.${QUEUE_VERSION}`;
  expect(['hive', 'hive.1', 'hive-a1', 'hive-a1.7', 'hive-1', `hive-1${current}`].map(toCurrentQueue)).toEqual([
    `hive${current}`,
    `hive${current}`,
    `hive-a1${current}`,
    `hive-a1${current}`,
    `hive-1${current}`,
    `hive-1${current}`,
  ]);
});
