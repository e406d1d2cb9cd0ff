import { proxyActivities } from '@temporalio/workflow';

const { nothing } = proxyActivities<{ nothing(): Promise<void> }>({
  taskQueue: 'alone-activities',
  startToCloseTimeout: '1 minute',
  retry: { maximumAttempts: 1 },
});

export async function noop(): Promise<void> {
  await nothing();
}
