/** The worker of {@link TemporalAlone}. Its first argument is the server's address. */
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { serveOrders } from '../../tests/harness/helper-process.js';
import { ALONE_ACTIVITY_QUEUE, ALONE_QUEUE } from './temporal-alone.js';

Runtime.install({ logger: new DefaultLogger('ERROR'), shutdownSignals: [] });
const workers: Worker[] = [];
const running: Promise<void>[] = [];

serveOrders(
  {
    async start() {
      const connection = await NativeConnection.connect({ address: process.argv[2] ?? '' });
      const workflowsPath = fileURLToPath(new URL('./temporal-alone-workflow.js', import.meta.url));
      const workflowBundle = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('WARN') });
      workers.push(
        await Worker.create({ connection, taskQueue: ALONE_QUEUE, workflowBundle }),
        await Worker.create({
          connection,
          taskQueue: ALONE_ACTIVITY_QUEUE,
          activities: { nothing: () => Promise.resolve() },
        }),
      );
      running.push(...workers.map((worker) => worker.run()));
    },
  },
  async () => {
    for (const worker of workers) worker.shutdown();
    await Promise.allSettled(running);
  },
);
