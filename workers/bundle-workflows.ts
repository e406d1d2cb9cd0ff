/** Build step: bundles the workflows into one file, so that workers don't have to do it at every start. */
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';

const path = (file: string) => fileURLToPath(new URL(`../workflows/${file}`, import.meta.url));
const { code } = await bundleWorkflowCode({
  workflowsPath: path('index.js'),
  workflowInterceptorModules: [path('queue-interceptor.js')],
  logger: new DefaultLogger('WARN'),
});
await writeFile(path('bundle.cjs'), code);
